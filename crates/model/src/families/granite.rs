//! Granite 3: llama with scales on embeddings, residuals, attention and logits.

use kernels::RopePairs;

use super::base;
use crate::{
    LoadError,
    keys::Keys,
    spec::{ModelSpec, RopeLayers},
};

pub(super) fn spec(keys: &Keys<'_>, n_vocab: usize) -> Result<ModelSpec, LoadError> {
    let base = base::spec(keys, n_vocab, RopePairs::Adjacent)?;
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
