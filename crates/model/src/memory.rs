//! How much memory a model will need, without loading it.

use gguf::Container;
use kernels::{Isa, KvPages};

use crate::{
    LoadError, LoadOptions, PAGE_LEN, forward, load,
    requantise::embedding_bytes,
    scratch::{Scratch, has_sinks},
    spec::ModelSpec,
    states,
};

/// The memory that a model will need, by use.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct MemoryPlan {
    /// Bytes of weights, mapped from the file.
    pub weight_bytes: u64,
    /// Bytes of weights in another form than the file's, beside the map: the embedding table in another type, and the
    /// keys of latent attention where the file has them with the values.
    pub copy_bytes: u64,
    /// Bytes of weights in the order in which kernels walk them, beside the map.
    pub packed_bytes: u64,
    /// Bytes of the KV cache: the whole arena.
    pub kv_bytes: u64,
    /// Bytes of the states that layers without attention carry on, of all sequences at once.
    pub state_bytes: u64,
    /// Bytes of the buffers of a step.
    pub scratch_bytes: u64,
    /// Length of the longest sequence in tokens; with an attention window the KV cache has room for less.
    pub context_len: usize,
}

/// Returns the plan for one sequence of `context_len` tokens (the model's own if `None`) with keys and values in f16;
/// the error says why the model cannot run.
pub fn memory_plan(container: &Container, context_len: Option<usize>) -> Result<MemoryPlan, LoadError> {
    memory_plan_with(container, &LoadOptions { context_len_max: context_len, ..LoadOptions::DEFAULT })
}

/// Returns the plan for exactly these options.
pub fn memory_plan_with(container: &Container, options: &LoadOptions) -> Result<MemoryPlan, LoadError> {
    let mut parts = load::load(container, options)?;
    let plan = of_spec(container, &parts.spec, parts.context_len_max, options)?;
    Ok(MemoryPlan { packed_bytes: options.packed_bytes(&mut parts.weights, Isa::best()), ..plan })
}

/// Returns the plan for exactly these options by the head of a file ([`Container::from_head`]): what its weights are is
/// not looked at, and none are packed.
pub fn memory_plan_of_head(container: &Container, options: &LoadOptions) -> Result<MemoryPlan, LoadError> {
    let (spec, context_len_max) = load::load_spec(container, options)?;
    of_spec(container, &spec, context_len_max, options)
}

fn of_spec(
    container: &Container,
    spec: &ModelSpec,
    context_len: usize,
    options: &LoadOptions,
) -> Result<MemoryPlan, LoadError> {
    let positions = options.kv_positions(context_len);
    let layout = forward::kv_layout(spec, options.kv_types);
    let rows_max = options.step_rows(spec, context_len);
    let refuse = |what: String| LoadError::Option { file: container.name().to_owned(), what };
    let of_embedding = options.embedding_type.map_or(Ok(0), |conversion| embedding_bytes(conversion.to, spec));
    let copy_bytes = (of_embedding.map_err(refuse)?)
        .checked_add(spec.latent_copy_bytes().unwrap_or(usize::MAX))
        .map_or(u64::MAX, |n| n as u64);
    Ok(MemoryPlan {
        copy_bytes,
        packed_bytes: 0,
        weight_bytes: container.tensors().iter().map(|t| t.n_bytes).sum(),
        kv_bytes: KvPages::bytes_of(&layout, positions.div_ceil(PAGE_LEN)).map_or(u64::MAX, |n| n as u64),
        state_bytes: states::state_bytes(spec)
            .and_then(|one| one.checked_mul(options.n_states))
            .map_or(u64::MAX, |n| n as u64),
        scratch_bytes: Scratch::bytes(spec, rows_max, has_sinks(options)).unwrap_or(u64::MAX),
        context_len,
    })
}
