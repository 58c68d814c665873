//! Top-k: the k most likely tokens (Fan et al. 2018, arXiv 1805.04833).

use super::Candidates;

/// 0 keeps all.
pub(super) fn apply(candidates: &mut Candidates, k: usize) {
    if k > 0 && k < candidates.as_slice().len() {
        candidates.keep(k);
    }
}
