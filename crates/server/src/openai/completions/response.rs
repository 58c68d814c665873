//! The whole answer of completions.

use serde::Serialize;
use tokenizer::Tokenizer;

use super::request::Answer;
use crate::{
    generation::{Joined, TokensUsed},
    openai::Head,
    openai::{
        finish_reason,
        logprobs::{CompletionLogprobs, PromptLogprobs},
        usage::UsageField,
    },
    wire::Timings,
};

#[derive(Serialize)]
pub(super) struct Completion<'a> {
    pub(super) id: &'a str,
    pub(super) object: &'static str,
    pub(super) created: u64,
    pub(super) model: &'a str,
    pub(super) system_fingerprint: &'a str,
    pub(super) choices: Vec<ChoiceWire>,
    #[serde(skip_serializing_if = "UsageField::is_absent")]
    pub(super) usage: UsageField,
    /// Times of the request, in a stream at the end of a choice; llama.cpp's field.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) timings: Option<Timings>,
}

#[derive(Serialize)]
pub(super) struct ChoiceWire {
    pub(super) text: String,
    pub(super) index: usize,
    pub(super) logprobs: Option<CompletionLogprobs>,
    pub(super) finish_reason: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) prompt_logprobs: Option<PromptLogprobs>,
}

impl<'a> Completion<'a> {
    pub(super) fn new(head: &'a Head, choices: Vec<ChoiceWire>, usage: UsageField) -> Self {
        Self {
            id: &head.id,
            object: "text_completion",
            created: head.created,
            model: &head.model,
            system_fingerprint: &head.fingerprint,
            choices,
            usage,
            timings: None,
        }
    }
}

/// Makes the whole answer: the choices of the first prompt, then those of the next.
pub(super) fn completion<'a>(
    head: &'a Head,
    prompts: &[Joined],
    used: TokensUsed,
    answer: &Answer,
    tokenizer: &Tokenizer,
) -> Completion<'a> {
    let mut choices = Vec::with_capacity(prompts.len() * answer.n_choices);
    for (prompt, joined) in prompts.iter().enumerate() {
        let (of_prompt, offset) = answer.begin(prompt, tokenizer, &joined.prompt_logprobs);
        let ids = answer.prompts.get(prompt).map_or(&[][..], Vec::as_slice);
        let prompt_logprobs =
            answer.prompt_logprobs.map(|n_top| PromptLogprobs::new(tokenizer, ids, &joined.prompt_logprobs, n_top));
        for choice in &joined.choices {
            let mut logprobs = of_prompt.clone();
            choice.tokens.iter().fold(offset, |offset, token| logprobs.push(tokenizer, token, offset));
            choices.push(ChoiceWire {
                text: format!("{}{}", answer.echo(prompt), choice.text),
                index: choices.len(),
                logprobs: answer.logprobs.map(|_| logprobs),
                finish_reason: Some(finish_reason(choice.ended.reason)),
                prompt_logprobs: prompt_logprobs.clone(),
            });
        }
    }
    let timings = prompts.first().and_then(|joined| joined.choices.first()).map(|choice| Timings::from(&choice.ended));
    Completion { timings, ..Completion::new(head, choices, UsageField::Counts(used.into())) }
}
