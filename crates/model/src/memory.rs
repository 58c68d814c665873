//! How much memory a model will need, without loading it.

use gguf::Container;
use kernels::{KvPages, KvType};

use crate::{LoadError, PAGE_LEN, forward, load, scratch::Scratch};

/// Rows of a step in the estimate: what the command line uses.
const STEP_ROWS: usize = 512;

/// Bytes by use.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct MemoryPlan {
    /// Weights, mapped from the file.
    pub weight_bytes: u64,
    /// KV cache in f16 for one full context.
    pub kv_bytes: u64,
    /// Buffers of a step.
    pub scratch_bytes: u64,
    /// The context that the cache is for.
    pub context_len: usize,
}

/// The plan for one sequence of `context_len` tokens (the model's own if `None`); an error is why the model cannot run.
pub fn memory_plan(container: &Container, context_len: Option<usize>) -> Result<MemoryPlan, LoadError> {
    let parts = load::load(container, context_len)?;
    let n_pages = parts.context_len_max.div_ceil(PAGE_LEN);
    let layout = forward::kv_layout(&parts.spec, KvType::F16);
    Ok(MemoryPlan {
        weight_bytes: container.tensors().iter().map(|t| t.n_bytes).sum(),
        kv_bytes: KvPages::bytes_of(layout, n_pages).map_or(u64::MAX, |n| n as u64),
        scratch_bytes: Scratch::bytes(&parts.spec, STEP_ROWS.min(parts.context_len_max)),
        context_len: parts.context_len_max,
    })
}
