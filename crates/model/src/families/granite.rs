//! Granite 3 and 4: llama with scales on embeddings, residuals, attention and logits; in the hybrid models most layers
//! are Mamba-2 in place of attention.

use kernels::RopePairs;

use super::{base, mamba2};
use crate::{
    LoadError,
    keys::Keys,
    spec::{Gating, ModelSpec, RecurrenceSpec, RopeLayers},
};

pub(super) fn spec(keys: &Keys<'_>, n_vocab: usize) -> Result<ModelSpec, LoadError> {
    scaled(keys, base::spec(keys, n_vocab, RopePairs::Adjacent)?)
}

/// Reads the spec of a hybrid model, where layers without KV heads are Mamba-2.
pub(super) fn hybrid(keys: &Keys<'_>, n_vocab: usize) -> Result<ModelSpec, LoadError> {
    let (n_kv_heads, layers) = base::hybrid_kv_heads(keys)?;
    let has_experts = keys.count_or_none("expert_count")?.is_some();
    let experts = has_experts.then(|| base::routed_experts(keys, Gating::Softmax)).transpose()?;
    let base = base::with(keys, n_vocab, RopePairs::Adjacent, n_kv_heads, experts)?;
    let recurrence = Some(RecurrenceSpec { kind: mamba2::scan(keys)?, layers });
    scaled(keys, ModelSpec { recurrence, ..base })
}

fn scaled(keys: &Keys<'_>, base: ModelSpec) -> Result<ModelSpec, LoadError> {
    // Granite files say with this key whether there is a rotary embedding at all.
    let has_rope = keys.flag("rope.scaling.finetuned")?.unwrap_or(true);
    Ok(ModelSpec {
        rope_layers: if has_rope { RopeLayers::All } else { RopeLayers::AllButEvery(1) },
        embedding_scale: keys.positive_or_none("embedding_scale")?.unwrap_or(1.0),
        residual_scale: keys.positive_or_none("residual_scale")?.unwrap_or(1.0),
        attention_scale: keys.positive_or_none("attention.scale")?.unwrap_or(base.attention_scale),
        logit_scale: 1.0 / keys.positive("logit_scale")?,
        ..base
    })
}
