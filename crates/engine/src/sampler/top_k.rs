//! Top-k: the k most likely tokens (Fan et al. 2018, arXiv 1805.04833).

use super::Candidates;

/// Picks the `k` likeliest straight from `logits` `[V]`, as the first sampler on candidates.
pub(super) fn fill(candidates: &mut Candidates, logits: &[f32], k: usize) {
    candidates.fill_likeliest(logits, k);
}

/// Number of candidates that [`fill`] needs room for.
pub(super) fn buffer_len(k: usize) -> usize {
    2 * k
}

/// Keeps the `k` likeliest, behind other samplers.
pub(super) fn apply(candidates: &mut Candidates, k: usize) {
    candidates.keep_likeliest(k);
}

/// Whether the sampler leaves any of `n_vocab` out; a `k` of 0 keeps all.
pub(super) fn is_on(n_vocab: usize, k: usize) -> bool {
    k > 0 && k < n_vocab
}
