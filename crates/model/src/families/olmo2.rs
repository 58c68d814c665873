//! OLMo 2: norms only after attention and feed-forward, and over all heads of q and of k together.

use kernels::RopePairs;

use super::base;
use crate::{
    LoadError,
    keys::Keys,
    spec::{ModelSpec, QkNorm},
};

pub(super) fn spec(keys: &Keys<'_>, n_vocab: usize) -> Result<ModelSpec, LoadError> {
    let base = base::spec(keys, n_vocab, RopePairs::Halves)?;
    Ok(ModelSpec { has_pre_norms: false, has_post_norms: true, qk_norm: QkNorm::FullWidth, ..base })
}
