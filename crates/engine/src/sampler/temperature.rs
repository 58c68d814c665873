//! Temperature: divides logits; below 1 sharpens the distribution, above flattens it.

use super::Candidates;

/// Divides the logits by `temperature`, which is above 0 here: 0 never reaches the chain.
///
/// The best is shifted to 0 first: a tiny temperature then makes the others −∞, where dividing alone would make all of
/// them infinite.
pub(super) fn apply(candidates: &mut Candidates, temperature: f32) {
    let max = candidates.max();
    candidates.map_logits(|logit| (logit - max) / temperature);
}
