//! Qwen 3: a norm on each head of q and k.

use kernels::RopePairs;

use super::base;
use crate::{
    LoadError,
    keys::Keys,
    spec::{ModelSpec, QkNorm},
};

pub(super) fn spec(keys: &Keys<'_>, n_vocab: usize) -> Result<ModelSpec, LoadError> {
    let base = base::spec(keys, n_vocab, RopePairs::Halves)?;
    Ok(ModelSpec { qk_norm: QkNorm::PerHead, window: base::stated_window(keys, base.n_layers)?, ..base })
}
