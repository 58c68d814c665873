//! Jina embeddings 2: BERT with linear biases by distance in place of positions, and gated networks.

use kernels::{Gate, RopePairs};

use super::base;
use crate::{
    LoadError,
    keys::Keys,
    spec::{ModelSpec, RopeLayers},
};

pub(super) fn spec(keys: &Keys<'_>, n_vocab: usize) -> Result<ModelSpec, LoadError> {
    keys.only("attention.max_alibi_bias", 8.0)?;
    let base = base::with_layer_norms(keys, n_vocab, RopePairs::Halves, true)?;
    base::bert(keys, ModelSpec { has_linear_biases: true, rope_layers: RopeLayers::None, gate: Gate::GeluTanh, ..base })
}
