//! Qwen 3: a norm on each head of q and k.

use kernels::RopePairs;

use super::base;
use crate::{
    LoadError,
    keys::Keys,
    spec::{ModelSpec, QkNorm},
};

pub(super) fn spec(keys: &Keys<'_>, n_vocab: usize) -> Result<ModelSpec, LoadError> {
    Ok(ModelSpec { qk_norm: QkNorm::PerHead, ..base::spec(keys, n_vocab, RopePairs::Halves)? })
}
