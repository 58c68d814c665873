//! Gemma 3: five layers with a window and a short rotary base, then one that sees everything.

use kernels::{Gate, RopePairs};

use super::base;
use crate::{
    LoadError,
    keys::Keys,
    spec::{ModelSpec, QkNorm, RopeScaling, RopeSpec},
};

/// Layers of the 27B model, whose attention scale goes by the model's width.
const N_LAYERS_27B: usize = 62;

pub(super) fn spec(keys: &Keys<'_>, n_vocab: usize) -> Result<ModelSpec, LoadError> {
    let base = base::spec(keys, n_vocab, RopePairs::Halves)?;
    let scaled_by = if base.n_layers == N_LAYERS_27B { base.width / base.n_heads } else { base.key_dim };
    let rope = RopeSpec { base: keys.positive_or("rope.freq_base", 1_000_000.0)?, ..base.rope };
    let rope_local = RopeSpec {
        base: keys.positive_or("rope.freq_base_swa", 10_000.0)?,
        scaling: RopeScaling::None,
        ..rope.clone()
    };
    Ok(ModelSpec {
        has_post_norms: true,
        qk_norm: QkNorm::PerHead,
        rope,
        rope_local: Some(rope_local),
        window: keys.count_or_none("attention.sliding_window")?,
        global_every: keys.count_or("attention.sliding_window_pattern", 6)?,
        attention_scale: 1.0 / (scaled_by as f32).sqrt(),
        logit_soft_cap: keys.float("final_logit_softcapping")?.filter(|&cap| cap > 0.0),
        gate: Gate::GeluTanh,
        embedding_scale: (base.width as f32).sqrt(),
        ..base
    })
}
