//! What `--verbose` says after a completion.

use engine::{Completion, FinishReason};

use crate::terminal;

/// Says so where a completion was broken off because it went round in circles.
pub(super) fn say_repetition(completion: &Completion) {
    if completion.finish_reason == FinishReason::Repetition {
        terminal::say("broken off: the text repeated itself without end (--allow-repetition lets it)\n");
    }
}

/// One line: counts, speed of prompt and completion, why it ended, the seed that would give the same again.
pub(super) fn line(completion: &Completion, seed: u64) -> String {
    let speed = |n: usize, seconds: f64| if seconds > 0.0 { n as f64 / seconds } else { 0.0 };
    format!(
        "prompt {} tokens ({} cached), {:.1} tokens/s; completion {} tokens, {:.1} tokens/s; {:?}; seed {seed}\n",
        completion.n_prompt,
        completion.n_cached,
        speed(completion.n_prompt - completion.n_cached, completion.prefill_seconds),
        completion.n_completion,
        speed(completion.n_completion, completion.decode_seconds),
        completion.finish_reason,
    )
}
