//! What `--verbose` says after a completion.

use engine::Completion;

/// One line: counts, speed of prompt and completion, why it ended.
pub(super) fn line(completion: &Completion) -> String {
    let speed = |n: usize, seconds: f64| if seconds > 0.0 { n as f64 / seconds } else { 0.0 };
    let computed = completion.n_prompt - completion.n_cached;
    format!(
        "prompt {} tokens ({} cached), {:.1} tokens/s; completion {} tokens, {:.1} tokens/s; {:?}\n",
        completion.n_prompt,
        completion.n_cached,
        speed(computed, completion.prefill_seconds),
        completion.n_completion,
        speed(completion.n_completion.saturating_sub(1), completion.decode_seconds),
        completion.finish_reason,
    )
}
