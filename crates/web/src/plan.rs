//! [`plan`]: what a model will need, from the first bytes of its file.

use gguf::{Container, Head};
use model::{MemoryPlan, PAGE_LEN, memory_plan_of_head};
use serde_json::{Value, json};

use crate::{Error, ErrorKind, options::Options, weights::FILE_BYTES_MAX};

/// Memory of the module beside weights, cache and buffers: its stack, the vocabulary, templates, what requests hold.
const BESIDE_BYTES: u64 = 32 << 20;

/// Answers for the first bytes of a file of `file_bytes`: the plan, or how many are needed.
pub(crate) fn plan(head: &[u8], file_bytes: u64, options: &Options) -> Result<Value, Error> {
    options.check()?;
    let is_known = file_bytes != u64::MAX;
    if is_known && file_bytes > FILE_BYTES_MAX {
        let what = format!("a file of {file_bytes} bytes, but a module has memory for at most {FILE_BYTES_MAX}");
        return Err(Error::new(ErrorKind::Capacity, what).with("needed", file_bytes).with("granted", FILE_BYTES_MAX));
    }
    // What follows the end is not of the file.
    let head = usize::try_from(file_bytes).ok().and_then(|n| head.get(..n)).unwrap_or(head);
    let name = options.name.as_deref().unwrap_or("model");
    let container = match Container::from_head(name, head.to_vec(), file_bytes).map_err(Error::input)? {
        Head::Whole(container) => container,
        Head::Needs(n) => {
            // So that a page with a long vocabulary is not asked for one word after the other.
            let needed = n.max(2 * head.len() as u64).min(file_bytes);
            return Ok(json!({"state": "more", "needed": needed}));
        }
    };
    let file_bytes = if is_known { file_bytes } else { end_of_tensors(&container) };
    Planned::new(&container, file_bytes, options).map(|planned| planned.to_json(&container))
}

fn end_of_tensors(container: &Container) -> u64 {
    container.tensors().iter().map(|t| t.offset + t.n_bytes).max().unwrap_or(0)
}

/// A plan, and what of it fits.
pub(crate) struct Planned {
    plan: MemoryPlan,
    context_len_trained: usize,
    file_bytes: u64,
    total_bytes: u64,
    limit: u64,
    context_len_max: usize,
}

impl Planned {
    pub(crate) fn new(container: &Container, file_bytes: u64, options: &Options) -> Result<Self, Error> {
        let of = |context_len: Option<usize>| {
            memory_plan_of_head(container, &options.load(container, context_len)?).map_err(Error::input)
        };
        let plan = of(None)?;
        let context_len_trained = model::context_len(container).map_err(Error::input)?;
        let limit = options.limit.unwrap_or(FILE_BYTES_MAX).min(FILE_BYTES_MAX);
        let total = |plan: &MemoryPlan| {
            let parts = [plan.copy_bytes, plan.kv_bytes, plan.state_bytes, plan.scratch_bytes, BESIDE_BYTES];
            parts.into_iter().fold(file_bytes, u64::saturating_add)
        };
        let fits = |n_pages: usize| -> Result<bool, Error> {
            Ok(total(&of(Some((n_pages * PAGE_LEN).min(context_len_trained)))?) <= limit)
        };
        // The largest number of pages that fits: what is needed grows with it.
        let (mut fit, mut too_many) = (0, context_len_trained.div_ceil(PAGE_LEN) + 1);
        while fit + 1 < too_many {
            let middle = usize::midpoint(fit, too_many);
            if fits(middle)? { fit = middle } else { too_many = middle }
        }
        let context_len_max = (fit * PAGE_LEN).min(context_len_trained);
        Ok(Self { total_bytes: total(&plan), plan, context_len_trained, file_bytes, limit, context_len_max })
    }

    /// Bytes that are still to be asked for once the weights are there.
    pub(crate) fn beside_weights(&self) -> u64 {
        self.plan.copy_bytes.saturating_add(self.kv_bytes()).saturating_add(self.plan.scratch_bytes)
    }

    /// Bytes of keys and values, and of the state of models that have one.
    pub(crate) fn kv_bytes(&self) -> u64 {
        self.plan.kv_bytes.saturating_add(self.plan.state_bytes)
    }

    pub(crate) fn scratch_bytes(&self) -> u64 {
        self.plan.scratch_bytes
    }

    /// The error that there is no memory for the plan; `memory_bytes` is what the module has now.
    pub(crate) fn refusal(&self, memory_bytes: u64) -> Error {
        let (needed, context_len) = (self.beside_weights(), self.plan.context_len);
        let what = format!(
            "no memory for a context of {context_len} tokens: {needed} bytes beside the weights, and the module has \
             {memory_bytes} in all and got no more; try a shorter one"
        );
        // Half of it takes half of what is most of it.
        Error::new(ErrorKind::Capacity, what)
            .with("needed", needed)
            .with("granted", memory_bytes)
            .with("context_length", context_len / 2)
    }

    pub(crate) fn to_json(&self, container: &Container) -> Value {
        let text = |key: &str| container.metadata().str(key).ok().flatten().map(str::to_owned);
        json!({
            "state": "plan",
            "architecture": text("general.architecture"),
            "name": text("general.name"),
            "context_length": self.plan.context_len,
            "context_length_trained": self.context_len_trained,
            "file_bytes": self.file_bytes,
            "weight_bytes": self.plan.weight_bytes,
            "kv_bytes": self.kv_bytes(),
            "scratch_bytes": self.plan.scratch_bytes,
            "total_bytes": self.total_bytes,
            "fits": self.total_bytes <= self.limit,
            "context_length_max": self.context_len_max,
        })
    }
}
