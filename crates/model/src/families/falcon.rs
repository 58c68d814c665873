//! Falcon 7B: what Phi 2 is, without the biases of matrices, and with one KV head.
//!
//! Falcon 40B and 180B, which have two norms a layer, are refused.

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
