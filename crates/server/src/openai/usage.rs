//! Counts of tokens as OpenAI writes them.

use serde::Serialize;

use crate::generation::TokensUsed;

/// The `usage` of chat completions and completions.
#[derive(Serialize, Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Usage {
    prompt_tokens: usize,
    completion_tokens: usize,
    total_tokens: usize,
    prompt_tokens_details: PromptDetails,
    completion_tokens_details: CompletionDetails,
}

#[derive(Serialize, Clone, Copy, PartialEq, Eq, Debug)]
struct PromptDetails {
    cached_tokens: usize,
    audio_tokens: usize,
}

/// Details of the completion's tokens. Predictions are what a drafter guessed ahead.
#[derive(Serialize, Clone, Copy, PartialEq, Eq, Debug)]
#[allow(clippy::struct_field_names, reason = "OpenAI's names")]
struct CompletionDetails {
    reasoning_tokens: usize,
    audio_tokens: usize,
    accepted_prediction_tokens: usize,
    rejected_prediction_tokens: usize,
}

impl From<TokensUsed> for Usage {
    fn from(used: TokensUsed) -> Self {
        Self {
            prompt_tokens: used.n_prompt,
            completion_tokens: used.n_completion,
            total_tokens: used.n_prompt + used.n_completion,
            prompt_tokens_details: PromptDetails { cached_tokens: used.n_cached, audio_tokens: 0 },
            completion_tokens_details: CompletionDetails {
                reasoning_tokens: used.n_reasoning,
                audio_tokens: 0,
                accepted_prediction_tokens: used.n_accepted,
                rejected_prediction_tokens: used.n_drafted.saturating_sub(used.n_accepted),
            },
        }
    }
}

/// A `usage` that may be missing: absent in the chunks of a stream that does not tell it, null in those before the one
/// that does.
#[derive(Serialize, Clone, Copy, PartialEq, Eq, Debug)]
#[serde(untagged)]
pub(super) enum UsageField {
    Absent,
    Null,
    Counts(Usage),
}

impl UsageField {
    pub(super) fn is_absent(&self) -> bool {
        *self == Self::Absent
    }

    /// Makes the `usage` of a chunk.
    pub(super) fn in_stream(is_wanted: bool, usage: Option<Usage>) -> Self {
        match (is_wanted, usage) {
            (false, _) => Self::Absent,
            (true, None) => Self::Null,
            (true, Some(usage)) => Self::Counts(usage),
        }
    }
}

/// The `usage` of a response.
#[derive(Serialize, Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct ResponseUsage {
    input_tokens: usize,
    input_tokens_details: InputDetails,
    output_tokens: usize,
    output_tokens_details: OutputDetails,
    total_tokens: usize,
}

#[derive(Serialize, Clone, Copy, PartialEq, Eq, Debug)]
struct InputDetails {
    cached_tokens: usize,
}

#[derive(Serialize, Clone, Copy, PartialEq, Eq, Debug)]
struct OutputDetails {
    reasoning_tokens: usize,
}

impl From<TokensUsed> for ResponseUsage {
    fn from(used: TokensUsed) -> Self {
        Self {
            input_tokens: used.n_prompt,
            input_tokens_details: InputDetails { cached_tokens: used.n_cached },
            output_tokens: used.n_completion,
            output_tokens_details: OutputDetails { reasoning_tokens: used.n_reasoning },
            total_tokens: used.n_prompt + used.n_completion,
        }
    }
}
