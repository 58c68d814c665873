//! Temperature: divides logits; below 1 sharpens the distribution, above flattens it.

use super::Candidates;

/// `temperature` is above 0 here: 0 never reaches the chain.
pub(super) fn apply(candidates: &mut Candidates, temperature: f32) {
    candidates.rescale(|logit| logit / temperature);
}
