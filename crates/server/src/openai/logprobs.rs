//! Log-probabilities as OpenAI writes them, in its two forms.

use serde::Serialize;
use serde_json::{Map, Value};
use tokenizer::{TokenId, Tokenizer};

use crate::generation::TokenReport;

/// What stands for minus infinity, which JSON cannot say; OpenAI's own number.
const LOGPROB_MIN: f32 = -9999.0;

/// A token with its log-probability.
#[derive(Serialize, Clone, PartialEq, Debug)]
pub(super) struct TokenLogprob {
    token: String,
    logprob: f32,
    bytes: Vec<u8>,
}

/// An entry of `logprobs.content`.
#[derive(Serialize, Clone, PartialEq, Debug)]
pub(super) struct ContentLogprob {
    #[serde(flatten)]
    picked: TokenLogprob,
    top_logprobs: Vec<TokenLogprob>,
}

/// `logprobs` of chat completions.
#[derive(Serialize, Clone, PartialEq, Debug)]
pub(super) struct ChatLogprobs {
    content: Vec<ContentLogprob>,
    refusal: Option<()>,
}

fn finite(logprob: f32) -> f32 {
    if logprob.is_nan() { LOGPROB_MIN } else { logprob.max(LOGPROB_MIN) }
}

fn text_of(tokenizer: &Tokenizer, id: TokenId) -> String {
    String::from_utf8_lossy(&tokenizer.token_bytes(id)).into_owned()
}

fn token_logprob(tokenizer: &Tokenizer, id: TokenId, logprob: f32) -> TokenLogprob {
    let bytes = tokenizer.token_bytes(id).into_owned();
    TokenLogprob { token: String::from_utf8_lossy(&bytes).into_owned(), logprob: finite(logprob), bytes }
}

/// The entry of a token; none if the request did not ask.
pub(super) fn content(tokenizer: &Tokenizer, token: &TokenReport) -> Option<ContentLogprob> {
    let logprobs = token.logprobs.as_ref()?;
    Some(ContentLogprob {
        picked: token_logprob(tokenizer, token.id, logprobs.picked),
        top_logprobs: logprobs.top.iter().map(|(id, logprob)| token_logprob(tokenizer, *id, *logprob)).collect(),
    })
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
