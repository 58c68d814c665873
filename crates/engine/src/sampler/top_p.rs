//! Top-p, nucleus: the fewest most likely tokens whose probabilities sum to p (Holtzman et al. 2019, arXiv 1904.09751).

use super::Candidates;

/// Keeps the most likely tokens whose probabilities sum to `p`; 1 keeps all, and the most likely token always stays.
pub(super) fn apply(candidates: &mut Candidates, p: f32) {
    if p < 1.0 {
        let total = candidates.total_weight(candidates.max());
        candidates.keep_weight(f64::from(p) * total);
    }
}
