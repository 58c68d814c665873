//! Qwen 3 with experts in every layer.

use super::qwen3;
use crate::{
    LoadError,
    keys::Keys,
    spec::{ExpertSpec, ModelSpec},
};

pub(super) fn spec(keys: &Keys<'_>, n_vocab: usize) -> Result<ModelSpec, LoadError> {
    let spec = qwen3::spec(keys, n_vocab)?;
    let Some(experts) = spec.experts else { return keys.refuse("expert_count", "missing, or 0") };
    // A file that does not state an expert's width means: as many as compute a token are as wide as a dense network.
    let feed_forward = match keys.count_or_none("expert_feed_forward_length")? {
        Some(width) => width,
        None => (keys.width("feed_forward_length")? / experts.n_used).max(1),
    };
    Ok(ModelSpec { feed_forward, experts: Some(ExpertSpec { feed_forward, ..experts }), ..spec })
}
