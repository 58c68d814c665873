//! What goes in and what comes out.

use model::TokenId;

use crate::{Error, Sampling};

/// Most stop strings of one request.
pub(crate) const STOPS_MAX: usize = 16;
/// Bytes of one stop string.
pub(crate) const STOP_BYTES_MAX: usize = 256;
/// Most alternatives reported per token.
pub(crate) const TOP_LOGPROBS_MAX: usize = 20;

/// A completion to be generated.
#[derive(Clone, PartialEq, Debug)]
pub struct Request {
    /// Token ids, beginning token included.
    pub prompt: Vec<TokenId>,
    /// How tokens are picked.
    pub sampling: Sampling,
    /// Most tokens generated; up to the end of the context if `None`.
    pub max_tokens: Option<usize>,
    /// Strings that end the completion; they are not part of it.
    pub stop: Vec<String>,
    /// Go on past the model's end tokens.
    pub ignore_eos: bool,
    /// Report log-probabilities: of the token, and of this many best ones.
    pub top_logprobs: Option<usize>,
}

impl Request {
    /// The defaults for `prompt`.
    pub fn new(prompt: Vec<TokenId>) -> Self {
        Self {
            prompt,
            sampling: Sampling::default(),
            max_tokens: None,
            stop: Vec::new(),
            ignore_eos: false,
            top_logprobs: None,
        }
    }

    /// Everything that can be refused without a model.
    pub(crate) fn check(&self) -> Result<(), Error> {
        self.sampling.check()?;
        if self.stop.len() > STOPS_MAX {
            return Err(Error::Stop { what: format!("{} stop strings", self.stop.len()), max: STOPS_MAX });
        }
        if let Some(long) = self.stop.iter().find(|s| s.len() > STOP_BYTES_MAX) {
            return Err(Error::Stop { what: format!("a stop string of {} bytes", long.len()), max: STOP_BYTES_MAX });
        }
        match self.top_logprobs {
            Some(n) if n > TOP_LOGPROBS_MAX => {
                Err(Error::Parameter { parameter: "top_logprobs", value: n.to_string(), expected: "0 to 20" })
            }
            _ => Ok(()),
        }
    }
}

/// Natural log-probabilities at one step, of the model's own distribution (before penalties and truncation).
#[derive(Clone, PartialEq, Debug)]
pub struct Logprobs {
    /// Of the token that was picked.
    pub picked: f32,
    /// The best tokens, best first.
    pub top: Vec<(TokenId, f32)>,
}

/// A moment between two steps: after a part of the prompt, after a token, or at the end, when held-back text becomes certain.
#[derive(Clone, PartialEq, Debug)]
pub struct Event<'a> {
    /// The token that was generated, if one was.
    pub token: Option<TokenId>,
    /// Text that is now certain: whole characters that can no longer become part of a stop string. Often empty.
    pub text: &'a str,
    /// If the request asks for them.
    pub logprobs: Option<&'a Logprobs>,
}

/// Why a completion ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum FinishReason {
    /// The model's end token.
    EndOfGeneration,
    /// A stop string.
    StopString,
    /// `max_tokens`, or the end of the context.
    Length,
    /// The caller's event handler.
    Cancelled,
}

/// What a completion took.
#[derive(Clone, PartialEq, Debug)]
pub struct Completion {
    /// Why it ended.
    pub finish_reason: FinishReason,
    /// Tokens of the prompt.
    pub n_prompt: usize,
    /// Those whose keys and values were still cached.
    pub n_cached: usize,
    /// Tokens generated, the end token not counted.
    pub n_completion: usize,
    /// Time to compute the prompt.
    pub prefill_seconds: f64,
    /// Time from the first token to the last.
    pub decode_seconds: f64,
}
