//! Gemma 2: norms before and after, soft caps, every other layer sees a window.

use kernels::{Gate, RopePairs};

use super::base;
use crate::{
    LoadError,
    keys::Keys,
    spec::{ModelSpec, NormNames, RopeSpec},
};

/// Number of layers of the 27B model, whose attention scale goes by the model's width.
const N_LAYERS_27B: usize = 46;
/// Length of the window of all published models, which early files do not state.
const WINDOW_LEN: usize = 4096;
/// Period of the layers that see everything: one in two.
const PERIOD: usize = 2;

pub(super) fn spec(keys: &Keys<'_>, n_vocab: usize) -> Result<ModelSpec, LoadError> {
    let base = base::spec(keys, n_vocab, RopePairs::Halves)?;
    let scaled_by = if base.n_layers == N_LAYERS_27B { base.width / base.n_heads } else { base.key_dim };
    let base_local = keys.positive_or_none("rope.freq_base_swa")?;
    Ok(ModelSpec {
        norms: NormNames::AROUND,
        rope_local: base_local.map(|local| RopeSpec { base: local, ..base.rope.clone() }),
        window: base::window(keys, Some(WINDOW_LEN), PERIOD, base.n_layers)?,
        attention_scale: 1.0 / (scaled_by as f32).sqrt(),
        attention_soft_cap: Some(keys.positive_or("attn_logit_softcapping", 50.0)?),
        logit_soft_cap: Some(keys.positive_or("final_logit_softcapping", 30.0)?),
        gate: Gate::GeluTanh,
        embedding_scale: (base.width as f32).sqrt(),
        ..base
    })
}
