//! Granite 3: llama with scales on embeddings, residuals, attention and logits.

use kernels::RopePairs;

use super::base;
use crate::{LoadError, keys::Keys, spec::ModelSpec};

pub(super) fn spec(keys: &Keys<'_>, n_vocab: usize) -> Result<ModelSpec, LoadError> {
    let base = base::spec(keys, n_vocab, RopePairs::Adjacent)?;
    Ok(ModelSpec {
        embedding_scale: keys.positive_or("embedding_scale", 1.0)?,
        residual_scale: keys.positive_or("residual_scale", 1.0)?,
        attention_scale: keys.positive_or("attention.scale", base.attention_scale)?,
        logit_scale: 1.0 / keys.positive_or("logit_scale", 1.0)?,
        ..base
    })
}
