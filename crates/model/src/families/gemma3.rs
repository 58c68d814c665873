//! Gemma 3: five layers with a window and a short rotary base, then one that sees everything.

use kernels::{Gate, RopePairs};

use super::base;
use crate::{
    LoadError,
    keys::Keys,
    spec::{ModelSpec, NormNames, QkNorm, RopeSpec},
};

/// Number of layers of the 27B model, whose attention scale goes by the model's width.
const N_LAYERS_27B: usize = 62;
/// Period of the layers that see everything: one in six.
pub(super) const PERIOD: usize = 6;

pub(super) fn spec(keys: &Keys<'_>, n_vocab: usize) -> Result<ModelSpec, LoadError> {
    let base = base::spec(keys, n_vocab, RopePairs::Halves)?;
    let scaled_by = if base.n_layers == N_LAYERS_27B { base.width / base.n_heads } else { base.key_dim };
    let rope = RopeSpec { base: keys.positive_or("rope.freq_base", 1_000_000.0)?, ..base.rope };
    Ok(ModelSpec {
        norms: NormNames::AROUND,
        qk_norm: QkNorm::PerHead,
        rope_local: Some(base::plain_rope(&rope, keys.positive_or("rope.freq_base_swa", 10_000.0)?)),
        rope,
        window: base::window(keys, None, PERIOD, base.n_layers)?,
        attention_scale: 1.0 / (scaled_by as f32).sqrt(),
        logit_soft_cap: keys.positive_or_none("final_logit_softcapping")?,
        gate: Gate::GeluTanh,
        embedding_scale: (base.width as f32).sqrt(),
        ..base
    })
}
