//! Min-p: drops tokens less likely than a fraction of the most likely one (Nguyen et al. 2024, arXiv 2407.01082).

use super::Candidates;

/// Drops the tokens less likely than `p` times the most likely one; 0 keeps all.
pub(super) fn apply(candidates: &mut Candidates, p: f32) {
    if p > 0.0 {
        // p(x) ≥ p · p(best), in logits.
        candidates.keep_from(candidates.max() + libm::logf(p));
    }
}
