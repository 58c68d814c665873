//! How an output ended, and what it took.

use engine::{Completion, FinishReason};

use crate::error::{ApiError, ErrorKind};

/// Why an output ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum EndReason {
    /// The model's end token.
    EndOfGeneration,
    /// A stop string: which of the request's.
    StopString(Option<usize>),
    /// `max_tokens`, or the end of the context.
    Length,
    /// It repeated itself for too long, by the request's own bounds.
    Repetition,
    /// The time limit of the request.
    TimedOut,
    /// The model calls tools, and ended there.
    ToolCalls,
}

/// Counts of tokens.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct TokensUsed {
    /// Of the prompt.
    pub n_prompt: usize,
    /// Those whose keys and values were still cached.
    pub n_cached: usize,
    /// Generated, the end token not counted.
    pub n_completion: usize,
    /// Those of them that are reasoning.
    pub n_reasoning: usize,
    /// Guessed ahead.
    pub n_drafted: usize,
    /// Guessed right.
    pub n_accepted: usize,
}

/// The end of one output.
#[derive(Clone, PartialEq, Debug)]
pub struct Ended {
    /// Why.
    pub reason: EndReason,
    /// Tokens.
    pub usage: TokensUsed,
    /// Seconds until the engine began.
    pub queue_seconds: f64,
    /// Seconds to compute the prompt.
    pub prefill_seconds: f64,
    /// Seconds from the first token to the last.
    pub decode_seconds: f64,
}

impl Ended {
    /// From what the engine says; a cancelled request has no end but an error, unless it was we who stopped it.
    pub(super) fn new(
        completion: &Completion,
        n_reasoning: usize,
        has_tool_calls: bool,
        is_stopped: bool,
    ) -> Result<Self, ApiError> {
        let reason = match completion.finish_reason {
            FinishReason::EndOfGeneration | FinishReason::StopString if has_tool_calls => EndReason::ToolCalls,
            FinishReason::EndOfGeneration => EndReason::EndOfGeneration,
            FinishReason::StopString => EndReason::StopString(completion.stop_string),
            FinishReason::Length => EndReason::Length,
            FinishReason::Repetition => EndReason::Repetition,
            FinishReason::TimedOut => EndReason::TimedOut,
            FinishReason::Cancelled if is_stopped => EndReason::TimedOut,
            FinishReason::Cancelled => {
                let message =
                    "the request was cancelled: the server is stopping, or its answer was not read for too long";
                return Err(ApiError::new(ErrorKind::Unavailable, message));
            }
        };
        let usage = TokensUsed {
            n_prompt: completion.n_prompt,
            n_cached: completion.n_cached,
            n_completion: completion.n_completion,
            n_reasoning,
            n_drafted: completion.n_drafted,
            n_accepted: completion.n_accepted,
        };
        Ok(Self {
            reason,
            usage,
            queue_seconds: completion.queue_seconds,
            prefill_seconds: completion.prefill_seconds,
            decode_seconds: completion.decode_seconds,
        })
    }
}
