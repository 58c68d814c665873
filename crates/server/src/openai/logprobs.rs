//! Log-probabilities as OpenAI writes them, in its two forms, and those of prompts as vLLM does.

use engine::Logprobs;
use serde::{Serialize, Serializer};
use tokenizer::{Detokenizer, TokenId, Tokenizer};

pub(super) use crate::wire::{ContentLogprob, content};
use crate::{
    error::ApiError,
    generation::TokenReport,
    limits,
    wire::{finite, out_of_range, text_of},
};

/// The `logprobs` of a choice of chat completions.
#[derive(Serialize, Clone, PartialEq, Debug)]
pub(super) struct ChatLogprobs {
    content: Vec<ContentLogprob>,
    refusal: Option<()>,
}

/// Makes the entries of a whole choice, or of a chunk.
pub(super) fn chat(content: Vec<ContentLogprob>) -> ChatLogprobs {
    ChatLogprobs { content, refusal: None }
}

/// The `logprobs` of a choice of completions, in columns. Offsets count characters of the choice's text.
#[derive(Serialize, Clone, PartialEq, Debug, Default)]
pub(super) struct CompletionLogprobs {
    tokens: Vec<String>,
    /// Log-probabilities of the tokens; none for the first token of a prompt, which nothing predicts.
    token_logprobs: Vec<Option<f32>>,
    top_logprobs: Vec<Option<TopLogprobs>>,
    text_offset: Vec<usize>,
}

/// Texts of tokens and their log-probabilities, written as an object, the best first.
#[derive(Clone, PartialEq, Debug)]
struct TopLogprobs(Vec<(String, f32)>);

impl Serialize for TopLogprobs {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        // Not by way of JSON values, whose numbers are doubles: clients look for the token's own number among these.
        serializer.collect_map(self.0.iter().map(|(text, logprob)| (text, logprob)))
    }
}

impl TopLogprobs {
    fn new(tokenizer: &Tokenizer, text: &str, n_top: usize, logprobs: &Logprobs) -> Self {
        let mut top: Vec<(String, f32)> = Vec::with_capacity(n_top + 1);
        for (id, logprob) in logprobs.top.iter().take(n_top) {
            let text = text_of(tokenizer, *id);
            // Pieces of characters look alike; the best speaks for them.
            if top.iter().all(|(other, _)| *other != text) {
                top.push((text, finite(*logprob)));
            }
        }
        // Whatever was picked is among them, as OpenAI has it.
        if n_top > 0 && top.iter().all(|(other, _)| other != text) {
            top.push((text.to_owned(), finite(logprobs.picked)));
        }
        Self(top)
    }
}

impl CompletionLogprobs {
    /// Appends a token that begins at character `offset`; returns the offset after it.
    pub(super) fn push(&mut self, tokenizer: &Tokenizer, token: &TokenReport, offset: usize) -> usize {
        let Some(logprobs) = &token.logprobs else { return offset };
        let text = text_of(tokenizer, token.id);
        let next = offset + text.chars().count();
        self.row(tokenizer, text, offset, Some((logprobs.top.len(), logprobs)));
        next
    }

    /// Appends the tokens of a prompt that the answer begins with, each with at most `n_top` others. `spells_control`
    /// says that the text spells control tokens, too.
    pub(super) fn push_prompt(
        &mut self,
        tokenizer: &Tokenizer,
        prompt: &[TokenId],
        logprobs: &[Logprobs],
        n_top: usize,
        spells_control: bool,
    ) {
        let mut detokenizer = Detokenizer::from_start(tokenizer).with_control(spells_control);
        let (mut offset, mut text) = (0, String::new());
        let logprobs = std::iter::once(None).chain(logprobs.iter().map(|l| Some((n_top, l))));
        for (id, logprobs) in prompt.iter().zip(logprobs) {
            self.row(tokenizer, text_of(tokenizer, *id), offset, logprobs);
            text.clear();
            detokenizer.push(*id, &mut text);
            offset += text.chars().count();
        }
    }

    fn row(&mut self, tokenizer: &Tokenizer, text: String, offset: usize, logprobs: Option<(usize, &Logprobs)>) {
        self.token_logprobs.push(logprobs.map(|(_, l)| finite(l.picked)));
        self.top_logprobs.push(logprobs.map(|(n_top, l)| TopLogprobs::new(tokenizer, &text, n_top, l)));
        self.tokens.push(text);
        self.text_offset.push(offset);
    }

    pub(super) fn is_empty(&self) -> bool {
        self.tokens.is_empty()
    }
}

/// The `prompt_logprobs` of vLLM: an object for each token of the prompt, null for the first.
#[derive(Serialize, Clone, PartialEq, Debug)]
pub(super) struct PromptLogprobs(Vec<Option<OfToken>>);

/// Log-probabilities of one place by token id: the token that stands there, then the best ones.
#[derive(Clone, PartialEq, Debug)]
struct OfToken(Vec<(u32, RankedLogprob)>);

#[derive(Serialize, Clone, PartialEq, Debug)]
struct RankedLogprob {
    logprob: f32,
    rank: usize,
    decoded_token: String,
}

impl Serialize for OfToken {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(id, logprob)| (id.to_string(), logprob)))
    }
}

impl PromptLogprobs {
    /// Collects the log-probabilities of `prompt`, each with at most `n_top` others.
    pub(super) fn new(tokenizer: &Tokenizer, prompt: &[TokenId], logprobs: &[Logprobs], n_top: usize) -> Self {
        let ranked = |id: TokenId, logprob: f32, rank: usize| {
            (id.0, RankedLogprob { logprob: finite(logprob), rank, decoded_token: text_of(tokenizer, id) })
        };
        let of_token = |(id, logprobs): (&TokenId, &Logprobs)| {
            let mut all = vec![ranked(*id, logprobs.picked, logprobs.rank)];
            let top = logprobs.top.iter().take(n_top).zip(1..).filter(|((other, _), _)| other != id);
            all.extend(top.map(|((id, logprob), rank)| ranked(*id, *logprob, rank)));
            Some(OfToken(all))
        };
        let rest = prompt.iter().skip(1).zip(logprobs).map(of_token);
        Self(std::iter::once(None).chain(rest).collect())
    }
}

/// Refuses answers that would hold too many log-probabilities: prompts of `n_tokens` together, each token with `n_top`
/// others.
pub(super) fn check_prompt_logprobs(param: &str, n_tokens: usize, n_top: usize) -> Result<(), ApiError> {
    let n = n_tokens.saturating_mul(n_top + 1);
    if n <= limits::PROMPT_LOGPROBS_MAX {
        return Ok(());
    }
    let got = format!("{n_tokens} tokens of prompts with {n_top} others each");
    Err(out_of_range(param, got, &format!("at most {} numbers", limits::PROMPT_LOGPROBS_MAX)))
}
