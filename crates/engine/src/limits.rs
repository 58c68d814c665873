//! Limits of what a request may ask: each number stands here once, and programs that take requests from others refuse
//! by it, print it in messages and are held to it in documents. `Limits` adds those of a loaded model, which are
//! checked before the engine sees the request.

use std::fmt;

use crate::{Error, Request, Sampler, Task};

/// Largest number of choices of one request.
pub const CHOICES_MAX: usize = 16;
/// Largest number of stop strings of one request.
pub const STOP_STRINGS_MAX: usize = 16;
/// Largest number of bytes of one stop string.
pub const STOP_BYTES_MAX: usize = 256;
/// Largest number of stop tokens of one request.
pub const STOP_TOKENS_MAX: usize = 64;
/// Largest number of entries of a request's `logit_bias`.
pub const LOGIT_BIAS_MAX: usize = 4096;
/// Largest number of samplers of one request's chain.
pub const SAMPLERS_MAX: usize = 32;
/// Largest number of alternatives reported with each token of a completion. All of them together must be bounded before
/// a request is submitted, by what is kept of them.
pub const TOP_LOGPROBS_MAX: usize = 1 << 20;
/// Largest number of alternatives reported with each token of a prompt.
pub const PROMPT_TOP_LOGPROBS_MAX: usize = 20;
/// Longest pattern that `repetition_detection` looks for, in tokens.
pub const PATTERN_LEN_MAX: usize = 1024;
/// Range of the priorities of requests.
pub const PRIORITY: Range<i32> = Range { min: -1000, max: 1000 };
/// Range of temperatures.
pub const TEMPERATURE: Range<f64> = Range { min: 0.0, max: 100.0 };
/// Range of `top_p`, `min_p` and `typical_p`.
pub const PROBABILITY: Range<f64> = Range { min: 0.0, max: 1.0 };
/// Range of the factors of the repeat penalty.
pub const REPEAT_PENALTY: Range<f64> = Range { min: 0.01, max: 100.0 };
/// Range of the scales that requests choose for adapters.
pub const ADAPTER_SCALE: Range<f64> = Range { min: -1000.0, max: 1000.0 };
/// Range of frequency and presence penalties.
pub const PENALTY: Range<f64> = Range { min: -2.0, max: 2.0 };

/// The values that a parameter may have, both ends included. Printed as messages and documents spell it: `0.01 to 100`.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Range<T> {
    /// The smallest value.
    pub min: T,
    /// The largest value.
    pub max: T,
}

impl<T: Copy + PartialOrd> Range<T> {
    /// Whether the range contains `value`.
    pub fn contains(&self, value: T) -> bool {
        (self.min..=self.max).contains(&value)
    }
}

impl<T: fmt::Display> fmt::Display for Range<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} to {}", self.min, self.max)
    }
}

impl Range<f64> {
    /// Returns the range of a parameter that is kept in single precision: 0.01 as an f32 is less than 0.01 as an f64.
    pub(crate) fn single(self) -> Range<f32> {
        Range { min: self.min as f32, max: self.max as f32 }
    }
}

/// The limits of a loaded model.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Limits {
    /// Number of tokens of the vocabulary.
    pub(crate) n_vocab: usize,
    /// Largest number of tokens of prompt and completion together.
    pub(crate) context_len_max: usize,
    /// Whether the model generates text.
    pub(crate) generates: bool,
    /// Whether the model scores pairs of texts.
    pub(crate) has_scores: bool,
    /// Number of adapters of the model.
    pub(crate) n_adapters: usize,
}

impl Limits {
    /// Refuses a request that cannot be computed.
    pub(crate) fn check(&self, request: &Request) -> Result<(), Error> {
        request.check()?;
        let Self { n_vocab, context_len_max, generates, has_scores, n_adapters } = *self;
        match request.task {
            Task::Generate if !generates => return Err(Error::GeneratesNothing),
            Task::Score if !has_scores => return Err(Error::NoScores),
            _ => {}
        }
        if let Some(scales) = request.adapters.as_deref().filter(|scales| scales.len() != n_adapters) {
            return Err(Error::Parameter {
                parameter: "lora",
                value: format!("{} scales", scales.len()),
                expected: format!("{n_adapters}, the number of adapters of the model"),
            });
        }
        let n_prompt = request.prompt.len();
        if n_prompt == 0 {
            return Err(Error::EmptyPrompt);
        }
        if n_prompt > context_len_max {
            return Err(Error::PromptTooLong { n_prompt, context_len_max });
        }
        if let Some(unknown) = request.prompt.iter().find(|t| t.0 as usize >= n_vocab) {
            return Err(Error::UnknownToken { id: unknown.0, n_vocab });
        }
        Sampler::check(&request.sampling, n_vocab)
    }
}
