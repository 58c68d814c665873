//! Logits to log-probabilities.

use model::TokenId;

/// Returns `ln Σ exp(x − max)` and the largest logit `max`, so that `ln p = (x − max) − ln Σ`.
pub(crate) fn log_sum(logits: &[f32]) -> (f64, f32) {
    let max = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let sum: f64 = logits.iter().map(|x| f64::from((x - max).exp())).sum();
    (sum.ln(), max)
}

/// Returns ln p of `token` under softmax.
pub(crate) fn log_probability(logits: &[f32], token: TokenId) -> f64 {
    let (log_sum, max) = log_sum(logits);
    logits.get(token.0 as usize).map_or(f64::NEG_INFINITY, |x| f64::from(x - max) - log_sum)
}
