//! The whole answer of completions.

use serde::Serialize;
use tokenizer::Tokenizer;

use super::request::Answer;
use crate::{
    generation::{Choice, TokensUsed},
    openai::Head,
    openai::{finish_reason, logprobs::CompletionLogprobs, usage::UsageField},
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
}

#[derive(Serialize)]
pub(super) struct ChoiceWire {
    pub(super) text: String,
    pub(super) index: usize,
    pub(super) logprobs: Option<CompletionLogprobs>,
    pub(super) finish_reason: Option<&'static str>,
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
        }
    }
}

/// The answer: the choices of the first prompt, then those of the next.
pub(super) fn completion<'a>(
    head: &'a Head,
    choices: &[Choice],
    used: TokensUsed,
    answer: &Answer,
    tokenizer: &Tokenizer,
) -> Completion<'a> {
    let wire = |(index, choice): (usize, &Choice)| {
        let echo = answer.echoes.get(index / answer.n_choices.max(1)).map_or("", String::as_str);
        let mut logprobs = CompletionLogprobs::default();
        choice.tokens.iter().fold(0, |offset, token| logprobs.push(tokenizer, token, offset));
        ChoiceWire {
            text: format!("{echo}{}", choice.text),
            index,
            logprobs: answer.has_logprobs.then_some(logprobs),
            finish_reason: Some(finish_reason(choice.ended.reason)),
        }
    };
    let choices = choices.iter().enumerate().map(wire).collect();
    Completion::new(head, choices, UsageField::Counts(used.into()))
}
