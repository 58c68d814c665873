//! How an output ended, and what it took.

use engine::{Completion, FinishReason};

use crate::error::{ApiError, ErrorKind};

/// Why an output ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum EndReason {
    /// The model's end token.
    EndOfGeneration,
    /// A stop string, by its index in the request.
    StopString(Option<usize>),
    /// `max_tokens`, or the end of the context.
    Length,
    /// The output repeated itself for too long, by the request's own bounds.
    Repetition,
    /// The time limit of the request.
    TimedOut,
    /// The model called tools, and ended there.
    ToolCalls,
}

/// Tokens that an output, or a request, took.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct TokensUsed {
    /// Tokens of the prompt.
    pub n_prompt: usize,
    /// Tokens of the prompt whose keys and values were still cached.
    pub n_cached: usize,
    /// Tokens generated, without the end token.
    pub n_completion: usize,
    /// Tokens generated that are reasoning.
    pub n_reasoning: usize,
    /// Tokens that a drafter proposed.
    pub n_drafted: usize,
    /// Tokens that a drafter proposed and the model took.
    pub n_accepted: usize,
}

/// The end of one output.
#[derive(Clone, PartialEq, Debug)]
pub struct Ended {
    /// Why the output ended.
    pub reason: EndReason,
    /// Tokens that the output took.
    pub usage: TokensUsed,
    /// Seconds in the queue, before the engine began.
    pub queue_seconds: f64,
    /// Seconds to compute the prompt.
    pub prefill_seconds: f64,
    /// Seconds from the first token to the last.
    pub decode_seconds: f64,
}

impl Ended {
    /// The end by what the engine says. A cancelled request ends with an error, unless the server itself stopped it
    /// (`is_stopped`).
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
