//! Top-k: the k most likely tokens (Fan et al. 2018, arXiv 1805.04833).

use super::Candidates;

/// As the first sampler on candidates it picks them straight from `logits` `[V]`.
pub(super) fn fill(candidates: &mut Candidates, logits: &[f32], k: usize) {
    candidates.fill_likeliest(logits, k);
}

/// Candidates that [`fill`] needs room for.
pub(super) fn buffer_len(k: usize) -> usize {
    2 * k
}

/// Behind others.
pub(super) fn apply(candidates: &mut Candidates, k: usize) {
    candidates.keep_likeliest(k);
}

/// Whether it leaves any of `n_vocab` out; 0 keeps all.
pub(super) fn is_on(n_vocab: usize, k: usize) -> bool {
    k > 0 && k < n_vocab
}
