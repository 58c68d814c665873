//! SmolLM3: every fourth layer has no rotary embedding.

use kernels::RopePairs;

use super::base;
use crate::{
    LoadError,
    keys::Keys,
    spec::{ModelSpec, RopeLayers},
};

const NO_ROPE_EVERY: usize = 4;

pub(super) fn spec(keys: &Keys<'_>, n_vocab: usize) -> Result<ModelSpec, LoadError> {
    let base = base::spec(keys, n_vocab, RopePairs::Adjacent)?;
    Ok(ModelSpec { rope_layers: RopeLayers::AllButEvery(NO_ROPE_EVERY), ..base })
}
