//! EmbeddingGemma: Gemma 3 in which every token sees the whole text, or a window to both sides.

use super::{base, gemma3};
use crate::{LoadError, keys::Keys, spec::ModelSpec};

pub(super) fn spec(keys: &Keys<'_>, n_vocab: usize) -> Result<ModelSpec, LoadError> {
    let gemma3 = gemma3::spec(keys, n_vocab)?;
    let window = base::symmetric_window(keys, gemma3::PERIOD, gemma3.n_layers, base::WholeLayer::Last)?;
    // Modules of sentence-transformers behind the model, where the converter was asked to keep them.
    let projection = if keys.has_tensor("dense_2.weight") { Some(keys.width("dense_2_feat_out")?) } else { None };
    base::encoder(keys, ModelSpec { projection, window, ..gemma3 })
}
