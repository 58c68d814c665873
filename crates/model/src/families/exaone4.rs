//! EXAONE 4: norms only after attention and feed-forward, and on each head of q and k.
//!
//! The 32B model has a window on three layers of four, and a rotary embedding on those alone.

use kernels::RopePairs;

use super::base;
use crate::{
    LoadError,
    keys::Keys,
    spec::{ModelSpec, NormNames, QkNorm, RopeLayers},
};

/// Number of layers of the 32B model, the only one with a window: its files need not say so.
const N_LAYERS_32B: usize = 64;
/// Length of its window, where the file does not state it.
const WINDOW_LEN: usize = 4096;
/// Period of the layers that see everything: one in four.
const PERIOD: usize = 4;

pub(super) fn spec(keys: &Keys<'_>, n_vocab: usize) -> Result<ModelSpec, LoadError> {
    let base = base::spec(keys, n_vocab, RopePairs::Halves)?;
    let window = if base.n_layers == N_LAYERS_32B {
        base::window(keys, Some(WINDOW_LEN), PERIOD, base.n_layers)?
    } else {
        base::stated_window(keys, base.n_layers)?
    };
    Ok(ModelSpec {
        norms: NormNames::AFTER,
        qk_norm: QkNorm::PerHead,
        rope_layers: if window.is_some() { RopeLayers::Local } else { RopeLayers::All },
        window,
        ..base
    })
}
