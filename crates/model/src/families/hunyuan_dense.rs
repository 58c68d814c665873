//! Hunyuan, the dense models: a norm on each head of q and k, after the rotary embedding.

use kernels::RopePairs;

use super::base;
use crate::{
    LoadError,
    keys::Keys,
    spec::{ModelSpec, QkNorm},
};

pub(super) fn spec(keys: &Keys<'_>, n_vocab: usize) -> Result<ModelSpec, LoadError> {
    Ok(ModelSpec { qk_norm: QkNorm::PerHeadAfterRope, ..base::spec(keys, n_vocab, RopePairs::Halves)? })
}
