//! Nomic Embed: BERT with a rotary embedding in place of positions, gated networks, and no biases but those of norms.

use kernels::RopePairs;

use super::base;
use crate::{LoadError, keys::Keys, spec::ModelSpec};

pub(super) fn spec(keys: &Keys<'_>, n_vocab: usize) -> Result<ModelSpec, LoadError> {
    base::bert(keys, base::with_layer_norms(keys, n_vocab, RopePairs::Halves, true)?)
}
