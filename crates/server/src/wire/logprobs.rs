//! Log-probabilities of a token and of the best ones beside it, as OpenAI writes them and Ollama after it.

use serde::Serialize;
use tokenizer::{TokenId, Tokenizer};

use crate::generation::TokenReport;

/// The number that stands for minus infinity, which JSON cannot say; it is OpenAI's own.
const LOGPROB_MIN: f32 = -9999.0;

/// A token with its log-probability, as JSON.
#[derive(Serialize, Clone, PartialEq, Debug)]
pub(crate) struct TokenLogprob {
    token: String,
    logprob: f32,
    bytes: Vec<u8>,
}

/// An entry of `logprobs.content`.
#[derive(Serialize, Clone, PartialEq, Debug)]
pub(crate) struct ContentLogprob {
    #[serde(flatten)]
    picked: TokenLogprob,
    top_logprobs: Vec<TokenLogprob>,
}

/// A log-probability that JSON can say: minus infinity becomes [`LOGPROB_MIN`].
pub(crate) fn finite(logprob: f32) -> f32 {
    if logprob.is_nan() { LOGPROB_MIN } else { logprob.max(LOGPROB_MIN) }
}

/// The text of a token; a piece of a character becomes the replacement character.
pub(crate) fn text_of(tokenizer: &Tokenizer, id: TokenId) -> String {
    String::from_utf8_lossy(&tokenizer.token_bytes(id)).into_owned()
}

fn token_logprob(tokenizer: &Tokenizer, id: TokenId, logprob: f32) -> TokenLogprob {
    let bytes = tokenizer.token_bytes(id).into_owned();
    TokenLogprob { token: String::from_utf8_lossy(&bytes).into_owned(), logprob: finite(logprob), bytes }
}

/// The entry of a token; `None` if the request did not ask for log-probabilities.
pub(crate) fn content(tokenizer: &Tokenizer, token: &TokenReport) -> Option<ContentLogprob> {
    let logprobs = token.logprobs.as_ref()?;
    Some(ContentLogprob {
        picked: token_logprob(tokenizer, token.id, logprobs.picked),
        top_logprobs: logprobs.top.iter().map(|(id, logprob)| token_logprob(tokenizer, *id, *logprob)).collect(),
    })
}
