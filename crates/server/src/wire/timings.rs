//! Times of a generation as llama.cpp's server writes them.

use serde::Serialize;

use crate::generation::Ended;

/// `timings`: counts of tokens, and times in milliseconds.
#[derive(Serialize, Clone, Copy, PartialEq, Debug)]
pub(crate) struct Timings {
    cache_n: usize,
    prompt_n: usize,
    prompt_ms: f64,
    prompt_per_token_ms: f64,
    prompt_per_second: f64,
    predicted_n: usize,
    predicted_ms: f64,
    predicted_per_token_ms: f64,
    predicted_per_second: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    draft_n: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    draft_n_accepted: Option<usize>,
}

/// Milliseconds for each of `n` things that took `ms`, and how many come in a second; zero where nothing was measured.
fn rates(n: usize, ms: f64) -> (f64, f64) {
    if n == 0 || ms <= 0.0 { (0.0, 0.0) } else { (ms / n as f64, n as f64 * 1000.0 / ms) }
}

impl From<&Ended> for Timings {
    fn from(ended: &Ended) -> Self {
        let usage = &ended.usage;
        let prompt_n = usage.n_prompt.saturating_sub(usage.n_cached);
        let (prompt_ms, predicted_ms) = (ended.prefill_seconds * 1000.0, ended.decode_seconds * 1000.0);
        let (prompt_per_token_ms, prompt_per_second) = rates(prompt_n, prompt_ms);
        // The clock runs from the first token on, so that one took none of its time.
        let (predicted_per_token_ms, predicted_per_second) = rates(usage.n_completion.saturating_sub(1), predicted_ms);
        let drafts = (usage.n_drafted > 0).then_some((usage.n_drafted, usage.n_accepted));
        Self {
            cache_n: usage.n_cached,
            prompt_n,
            prompt_ms,
            prompt_per_token_ms,
            prompt_per_second,
            predicted_n: usage.n_completion,
            predicted_ms,
            predicted_per_token_ms,
            predicted_per_second,
            draft_n: drafts.map(|d| d.0),
            draft_n_accepted: drafts.map(|d| d.1),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::generation::{EndReason, TokensUsed};

    #[test]
    fn rates_are_of_what_was_computed() {
        let usage = TokensUsed { n_prompt: 30, n_cached: 10, n_completion: 5, ..TokensUsed::default() };
        let ended =
            Ended { reason: EndReason::Length, usage, queue_seconds: 9.0, prefill_seconds: 0.5, decode_seconds: 0.25 };
        let json = serde_json::to_value(Timings::from(&ended)).unwrap();
        let expected = serde_json::json!({
            "cache_n": 10, "prompt_n": 20, "prompt_ms": 500.0, "prompt_per_token_ms": 25.0, "prompt_per_second": 40.0,
            "predicted_n": 5, "predicted_ms": 250.0, "predicted_per_token_ms": 62.5, "predicted_per_second": 16.0,
        });
        assert_eq!(json, expected);
        let nothing = Ended { usage: TokensUsed::default(), prefill_seconds: 0.0, decode_seconds: 0.0, ..ended };
        assert!(serde_json::to_string(&Timings::from(&nothing)).unwrap().contains(r#""predicted_per_second":0.0"#));
    }
}
