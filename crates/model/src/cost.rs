//! What computing a token costs, by the tensors of a container alone.

use gguf::{Container, TensorInfo};

use crate::{LoadError, LoadOptions, load};

/// The cost of one token of one sequence, without attention.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct StepCost {
    /// Bytes of weights that are read: all matrices with the vocabulary head, of experts those in use.
    pub weight_bytes: u64,
    /// Number of weights that are multiplied.
    pub products: u64,
    /// Number of weights that are multiplied, without the vocabulary head.
    pub layer_products: u64,
}

/// Returns what a token of this model costs; the error says why the model cannot run.
pub fn step_cost(container: &Container) -> Result<StepCost, LoadError> {
    let spec = load::load(container, &LoadOptions { context_len_max: Some(1), ..LoadOptions::DEFAULT })?.spec;
    let has_head = container.tensor("output.weight").is_some();
    let mut cost = StepCost { weight_bytes: 0, products: 0, layer_products: 0 };
    let is_computed = |name: &str| load::layer_of(name).is_none_or(|layer| layer < spec.n_layers);
    // Of a table beside the embedding rows are read, and not multiplied.
    let is_table = |name: &str| name == "per_layer_token_embd.weight";
    let is_matrix =
        |t: &&TensorInfo| t.dims.len() > 1 && t.name.ends_with(".weight") && is_computed(&t.name) && !is_table(&t.name);
    for tensor in container.tensors().iter().filter(is_matrix) {
        let is_embedding = tensor.name == "token_embd.weight";
        if is_embedding && has_head {
            continue;
        }
        let (used, of) = match spec.experts {
            Some(experts) if tensor.name.contains("_exps.") => (experts.n_used as u64, experts.n_experts as u64),
            _ => (1, 1),
        };
        let products = tensor.dims.iter().product::<u64>() * used / of;
        cost.weight_bytes += tensor.n_bytes * used / of;
        cost.products += products;
        if !is_embedding && tensor.name != "output.weight" {
            cost.layer_products += products;
        }
    }
    Ok(cost)
}
