//! Top-k: the k most likely tokens (Fan et al. 2018, arXiv 1805.04833).

use super::Candidates;

/// As the first sampler on candidates it picks them straight from `logits` `[V]`; 0 keeps all.
pub(super) fn fill(candidates: &mut Candidates, logits: &[f32], k: usize) {
    if k > 0 && k < logits.len() {
        candidates.fill_likeliest(logits, k);
    } else {
        candidates.fill(logits);
    }
}

/// Candidates that [`fill`] needs room for.
pub(super) fn buffer_len(n_vocab: usize, k: usize) -> usize {
    if k > 0 && k < n_vocab { 2 * k } else { n_vocab }
}
