//! [`ModelFacts`]: what mixes ask about the model as a whole.

use gguf::{Metadata, Value};

use super::role::Role;
use crate::{Error, source::Source};

/// Counts of a model that decide how many bits its tensors get.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct ModelFacts {
    pub(super) n_layers: usize,
    /// Number of query heads for each key-value head; 0 where the file does not say.
    pub(super) n_grouped: usize,
    pub(super) n_experts: usize,
    /// Number of tensors that hold values of attention.
    pub(super) n_values: usize,
    /// Whether there is no `output.weight`, so that the embeddings are the head.
    pub(super) is_tied: bool,
    /// Whether it is a Llama of 80 layers with grouped queries, to which one rule applies.
    pub(super) is_llama_70b: bool,
}

impl ModelFacts {
    pub(super) fn of(source: &dyn Source) -> Result<Self, Error> {
        let metadata = source.metadata();
        let architecture = metadata.str("general.architecture")?.unwrap_or_default();
        let count = |key: &str| first(metadata, &format!("{architecture}.{key}"));
        let (n_layers, n_heads) = (count("block_count")?, count("attention.head_count")?);
        let n_kv_heads = Some(count("attention.head_count_kv")?).filter(|&n| n > 0).unwrap_or(n_heads);
        let n_grouped = n_heads.checked_div(n_kv_heads).unwrap_or(0);
        let roles = || source.tensors().iter().map(|t| Role::of(&t.name));
        Ok(Self {
            n_layers,
            n_grouped,
            n_experts: count("expert_count")?,
            n_values: roles().filter(|&role| role == Role::Value).count(),
            is_tied: roles().all(|role| role != Role::Output),
            is_llama_70b: architecture == "llama" && n_layers == 80 && n_grouped > 1,
        })
    }
}

/// Reads a count, that of the first layer where each layer has its own; 0 where there is none.
fn first(metadata: &Metadata, key: &str) -> Result<usize, gguf::Error> {
    if let Some(Value::Array(_)) = metadata.get(key) {
        let first = metadata.i64s(key)?.and_then(|counts| counts.first().copied());
        return Ok(first.and_then(|n| usize::try_from(n).ok()).unwrap_or(0));
    }
    Ok(metadata.u32(key)?.unwrap_or(0) as usize)
}
