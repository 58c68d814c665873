//! StableLM: layer norms with biases; a part of each head turns.
//!
//! The 12B model, whose blocks stand side by side and whose heads have norms of their own, is refused.

use kernels::RopePairs;

use super::base;
use crate::{LoadError, keys::Keys, spec::ModelSpec};

pub(super) fn spec(keys: &Keys<'_>, n_vocab: usize) -> Result<ModelSpec, LoadError> {
    if keys.flag("use_parallel_residual")? == Some(true) {
        return keys.refuse("use_parallel_residual", "true, but only false is supported");
    }
    base::with_layer_norms(keys, n_vocab, RopePairs::Halves, true)
}
