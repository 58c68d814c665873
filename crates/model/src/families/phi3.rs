//! Phi 3 and 4: fused q, k, v and gate, up, which the loader cuts; LongRoPE factors, which it picks by the context.

use kernels::RopePairs;

use super::base;
use crate::{LoadError, keys::Keys, spec::ModelSpec};

pub(super) fn spec(keys: &Keys<'_>, n_vocab: usize) -> Result<ModelSpec, LoadError> {
    let base = base::spec(keys, n_vocab, RopePairs::Halves)?;
    // A file with the length of a sliding window alone gets none: llama.cpp applies none, as early Phi 3 files disagree
    // about it.
    Ok(ModelSpec { window: base::stated_window(keys, base.n_layers)?, ..base })
}
