//! StarCoder 2: layer norms and biases everywhere, and networks without a gate.

use kernels::{Gate, RopePairs};

use super::base;
use crate::{LoadError, keys::Keys, spec::ModelSpec};

pub(super) fn spec(keys: &Keys<'_>, n_vocab: usize) -> Result<ModelSpec, LoadError> {
    let base = base::with_layer_norms(keys, n_vocab, RopePairs::Halves, true)?;
    // A file with the length of a sliding window alone gets none: llama.cpp applies none.
    let window = base::stated_window(keys, base.n_layers)?;
    Ok(ModelSpec { gate: Gate::GeluTanh, is_gated: false, window, ..base })
}
