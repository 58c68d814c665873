//! Log-probabilities as OpenAI writes them, in its two forms.

use serde::Serialize;
use serde_json::{Map, Value};
use tokenizer::Tokenizer;

pub(super) use crate::wire::{ContentLogprob, content};
use crate::{
    generation::TokenReport,
    wire::{finite, text_of},
};

/// `logprobs` of chat completions.
#[derive(Serialize, Clone, PartialEq, Debug)]
pub(super) struct ChatLogprobs {
    content: Vec<ContentLogprob>,
    refusal: Option<()>,
}

/// The entries of a whole choice, or of a chunk.
pub(super) fn chat(content: Vec<ContentLogprob>) -> ChatLogprobs {
    ChatLogprobs { content, refusal: None }
}

/// `logprobs` of completions: columns. Offsets count characters of the text so far, prompt not included.
#[derive(Serialize, Clone, PartialEq, Debug, Default)]
pub(super) struct CompletionLogprobs {
    tokens: Vec<String>,
    token_logprobs: Vec<f32>,
    top_logprobs: Vec<Map<String, Value>>,
    text_offset: Vec<usize>,
}

impl CompletionLogprobs {
    /// One more token, at character `offset`; the offset after it.
    pub(super) fn push(&mut self, tokenizer: &Tokenizer, token: &TokenReport, offset: usize) -> usize {
        let Some(logprobs) = &token.logprobs else { return offset };
        let text = text_of(tokenizer, token.id);
        let next = offset + text.chars().count();
        let mut top: Map<String, Value> =
            logprobs.top.iter().map(|(id, logprob)| (text_of(tokenizer, *id), finite(*logprob).into())).collect();
        // Whatever was picked is among them, as OpenAI has it.
        if !logprobs.top.is_empty() && !top.contains_key(&text) {
            top.insert(text.clone(), finite(logprobs.picked).into());
        }
        self.tokens.push(text);
        self.token_logprobs.push(finite(logprobs.picked));
        self.top_logprobs.push(top);
        self.text_offset.push(offset);
        next
    }

    pub(super) fn is_empty(&self) -> bool {
        self.tokens.is_empty()
    }
}
