//! Phi 3 and 4: fused q, k, v and gate, up, which the loader cuts; LongRoPE factors, which it picks by the context.

use kernels::RopePairs;

use super::base;
use crate::{LoadError, keys::Keys, spec::ModelSpec};

pub(super) fn spec(keys: &Keys<'_>, n_vocab: usize) -> Result<ModelSpec, LoadError> {
    // The sliding window of early Phi 3 files is not applied: llama.cpp does not either, as the files disagree about it.
    base::spec(keys, n_vocab, RopePairs::Halves)
}
