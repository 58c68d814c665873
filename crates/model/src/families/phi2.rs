//! Phi 1, 1.5 and 2: attention and a network without a gate side by side behind one layer norm, biases everywhere; a
//! part of each head turns. Falcon 7B is the same without the biases of matrices, with one KV head, and heads that turn
//! whole. Falcon 40B and 180B, which have two norms a layer, are refused.

use kernels::{Gate, RopePairs};

use super::base;
use crate::{
    LoadError,
    keys::Keys,
    spec::{ModelSpec, NormNames},
};

pub(super) fn spec(keys: &Keys<'_>, n_vocab: usize) -> Result<ModelSpec, LoadError> {
    let base = base::with_layer_norms(keys, n_vocab, RopePairs::Halves, true)?;
    let norms = NormNames::SHARED;
    Ok(ModelSpec { norms, has_parallel_blocks: true, gate: Gate::GeluTanh, is_gated: false, ..base })
}
