//! Top-p, nucleus: the fewest most likely tokens whose probabilities sum to p (Holtzman et al. 2019, arXiv 1904.09751).

use super::{Candidates, candidates::weight};

/// Tokens sorted at first; doubled until they suffice, so that a large vocabulary is rarely sorted whole.
const SORTED_FIRST: usize = 128;

/// 1 keeps all; the most likely token always stays.
pub(super) fn apply(candidates: &mut Candidates, p: f32) {
    if p >= 1.0 {
        return;
    }
    let (max, target) = (candidates.logit_max(), candidates.weight_sum() * f64::from(p));
    let n_all = candidates.as_slice().len();
    let (mut sum, mut n_kept, mut n_sorted) = (0.0, 0, SORTED_FIRST);
    while n_kept < n_all {
        let sorted = candidates.sort(n_sorted);
        for candidate in &sorted[n_kept..] {
            sum += weight(candidate.logit, max);
            n_kept += 1;
            if sum >= target {
                candidates.keep(n_kept);
                return;
            }
        }
        n_sorted *= 2;
    }
}
