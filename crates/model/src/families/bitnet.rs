//! BitNet: norms inside attention and feed-forward, a scale per weight tensor.
//!
//! `bitnet` (700M, 3B) gates with SiLU unless the file names another activation; `bitnet-b1.58` and `bitnet-25` (2B-4T)
//! with a squared ReLU.

use kernels::{Gate, RopePairs};

use super::base;
use crate::{LoadError, keys::Keys, spec::ModelSpec};

pub(super) fn spec(keys: &Keys<'_>, n_vocab: usize) -> Result<ModelSpec, LoadError> {
    with_gate(keys, n_vocab, Gate::Silu)
}

pub(super) fn spec_squared_relu(keys: &Keys<'_>, n_vocab: usize) -> Result<ModelSpec, LoadError> {
    with_gate(keys, n_vocab, Gate::Relu2)
}

fn with_gate(keys: &Keys<'_>, n_vocab: usize, default: Gate) -> Result<ModelSpec, LoadError> {
    let gate = match keys.text("hidden_activation")? {
        None => default,
        Some("silu") => Gate::Silu,
        Some("relu2") => Gate::Relu2,
        Some(other) => return keys.refuse("hidden_activation", format!("{other:?}, expected silu or relu2")),
    };
    Ok(ModelSpec { has_sub_norms: true, gate, ..base::spec(keys, n_vocab, RopePairs::Halves)? })
}
