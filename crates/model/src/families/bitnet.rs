//! BitNet: norms inside attention and feed-forward, a scale per weight tensor.
//!
//! `bitnet` (700M, 3B) gates with SiLU; `bitnet-b1.58` and `bitnet-25` (2B-4T) with a squared ReLU.

use kernels::{Gate, RopePairs};

use super::base;
use crate::{LoadError, keys::Keys, spec::ModelSpec};

pub(super) fn spec(keys: &Keys<'_>, n_vocab: usize) -> Result<ModelSpec, LoadError> {
    Ok(ModelSpec { has_sub_norms: true, ..base::spec(keys, n_vocab, RopePairs::Halves)? })
}

pub(super) fn spec_squared_relu(keys: &Keys<'_>, n_vocab: usize) -> Result<ModelSpec, LoadError> {
    Ok(ModelSpec { gate: Gate::Relu2, ..spec(keys, n_vocab)? })
}
