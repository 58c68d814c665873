//! Qwen 2 and 2.5: biases on q, k and v, which the loader takes wherever the file has them.

use kernels::RopePairs;

use super::base;
use crate::{LoadError, keys::Keys, spec::ModelSpec};

pub(super) fn spec(keys: &Keys<'_>, n_vocab: usize) -> Result<ModelSpec, LoadError> {
    let base = base::spec(keys, n_vocab, RopePairs::Halves)?;
    Ok(ModelSpec { window: base::stated_window(keys, base.n_layers)?, ..base })
}
