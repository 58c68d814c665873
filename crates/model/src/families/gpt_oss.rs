//! gpt-oss: experts with biases and a clamped gate in every layer, learned sinks, and a window on every other layer.

use kernels::{Gate, RopePairs};

use super::base;
use crate::{
    LoadError,
    keys::Keys,
    spec::{ModelSpec, NormNames},
};

/// Period of the layers that see everything: one in two.
const PERIOD: usize = 2;

pub(super) fn spec(keys: &Keys<'_>, n_vocab: usize) -> Result<ModelSpec, LoadError> {
    let base = base::spec(keys, n_vocab, RopePairs::Halves)?;
    if base.experts.is_none() {
        return keys.refuse("expert_count", "missing, or 0");
    }
    let Some(window) = base::window(keys, None, PERIOD, base.n_layers)? else {
        return keys.refuse("attention.sliding_window", "missing, or 0");
    };
    // The softmax over the chosen experts alone is that over all of them, divided by the sum of the chosen.
    Ok(ModelSpec {
        norms: NormNames::BEFORE_AS_POST,
        window: Some(window),
        has_learned_sinks: true,
        gate: Gate::ClampedSwiglu,
        ..base
    })
}
