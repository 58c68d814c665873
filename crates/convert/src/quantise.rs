//! Quantisation: the plan that gives every matrix the format of a [`Mix`], of a rule of the user, or of what its shape
//! allows.
//!
//! Which tensors are quantised, and as what where 256 does not divide their rows, follows `src/llama-quant.cpp` of
//! llama.cpp, so that a `q4_k_m` here is what it is there.

mod mix;
mod model_facts;
mod role;
mod rules;

use gguf::{ImportanceMatrix, TypeId, Value};
use quant::Format;

pub use mix::{MIXES, Mix};
pub use rules::Rule;

use crate::{
    Error,
    file_type::{FILE_TYPE, QUANTIZATION_VERSION, VERSION},
    plan::{self, Action, Freedom, Plan, PlannedTensor},
    source::{Source, SourceTensor, Stored},
};
use mix::Place;
use model_facts::ModelFacts;
use role::Role;

/// Choices of a quantisation.
pub struct Options<'a> {
    /// Mix that says what most matrices become, and which ones do not.
    pub mix: Mix,
    /// Whether every matrix gets the mix's main format.
    pub is_pure: bool,
    /// Rules of the user; of those that match a tensor, the last one counts.
    pub rules: &'a [Rule],
    /// Importance of columns, and the name of its file.
    pub importance: Option<(&'a ImportanceMatrix, &'a str)>,
    /// Limit of how far matrices that are not ternary may get from what they are to become so.
    pub ternary: Freedom,
}

/// Decides what becomes of each tensor of `source`.
pub fn plan(source: &dyn Source, options: &Options<'_>) -> Result<Plan, Error> {
    let facts = ModelFacts::of(source)?;
    let mut plan = Plan { metadata: plan::metadata(source), tensors: vec![] };
    let mut chosen = choose(source, &facts, options);
    apply_rules(source, options.rules, &mut chosen)?;
    for (i, chosen) in chosen.into_iter().enumerate() {
        let tensor = &source.tensors()[i];
        let planned = match chosen {
            None => PlannedTensor::new(plan::kept(source, i)?),
            Some(wanted) => {
                let given = fallback(tensor.cols(), wanted);
                let is_there = source.raw_type(i).is_some_and(|id| Some(id) == TypeId::of(given));
                let freedom = if given.is_ternary() { options.ternary } else { Freedom::Nearest };
                let encode = Action::Encode { format: given, freedom };
                PlannedTensor {
                    action: if is_there { plan::kept(source, i)? } else { encode },
                    wanted: (given != wanted).then_some(wanted),
                    importance: if is_there { None } else { importance(source, tensor, options)? },
                }
            }
        };
        plan.tensors.push(planned);
    }
    plan.metadata.set(VERSION, Value::U32(QUANTIZATION_VERSION));
    match options.mix.file_type {
        Some(number) => plan.metadata.set(FILE_TYPE, Value::U32(number)),
        None => drop(plan.metadata.remove(FILE_TYPE)),
    }
    if let Some((importance, file)) = options.importance {
        check_matches(source, importance, file)?;
        let text = |text: &str| Value::String(text.to_owned());
        plan.metadata.set("quantize.imatrix.file", text(file));
        plan.metadata.set("quantize.imatrix.dataset", text(&importance.datasets.join(", ")));
        plan.metadata.set("quantize.imatrix.entries_count", Value::U32(importance.tensors.len() as u32));
        plan.metadata.set("quantize.imatrix.chunks_count", Value::U32(importance.chunk_count));
    }
    Ok(plan)
}

/// Returns the first tensor that would come out useless, and its format: one of about two bits, but nothing says which
/// of its columns matter. Head and embeddings count for too much to be in such formats by a mix, so they are in one
/// only by the user's wish, and are not reported.
pub fn first_without_importance<'a>(
    source: &'a dyn Source,
    plan: &Plan,
    options: &Options<'_>,
) -> Option<(&'a str, Format)> {
    let needs = |tensor: &SourceTensor, planned: &PlannedTensor| match planned.action {
        Action::Encode { format, .. }
            if planned.importance.is_none() && !matches!(Role::of(&tensor.name), Role::Output | Role::Embedding) =>
        {
            options.mix.needs_importance(format).then_some(format)
        }
        _ => None,
    };
    let mut tensors = source.tensors().iter().zip(&plan.tensors);
    tensors.find_map(|(tensor, planned)| Some((tensor.name.as_str(), needs(tensor, planned)?)))
}

/// Chooses the mix's format for each tensor; `None` for one that stays as it is.
fn choose(source: &dyn Source, facts: &ModelFacts, options: &Options<'_>) -> Vec<Option<Format>> {
    let mut chosen = vec![None; source.tensors().len()];
    // Some of the rules count tensors in the order of layers, whatever the order of the file.
    let mut order: Vec<usize> = (0..chosen.len()).collect();
    order.sort_by_key(|&i| (role::layer(&source.tensors()[i].name), &source.tensors()[i].name));
    let (mut n_values, mut n_gates, mut n_ups, mut n_downs) = (0, 0, 0, 0);
    for i in order {
        let tensor = &source.tensors()[i];
        if !is_quantised(tensor) {
            continue;
        }
        let role = Role::of(&tensor.name);
        let counter = match role {
            Role::Value => Some(&mut n_values),
            Role::Gate => Some(&mut n_gates),
            Role::Up => Some(&mut n_ups),
            Role::Down => Some(&mut n_downs),
            _ => None,
        };
        let count = counter.map_or(0, |n| std::mem::replace(n, *n + 1));
        let is_of_experts = matches!(role, Role::Gate | Role::Up | Role::Down) && facts.n_experts > 1;
        let place = Place {
            role,
            count,
            // Experts of one layer can stand apart, so a name is more to be trusted than the count.
            index: if is_of_experts { role::layer(&tensor.name).unwrap_or(0) } else { count },
            cols: tensor.cols(),
            is_stack: tensor.dims.get(2).is_some_and(|&n| n > 1),
            has_importance: options.importance.is_some(),
        };
        let mix = &options.mix;
        chosen[i] = Some(if options.is_pure || mix.format.is_float() { mix.format } else { mix.choose(&place, facts) });
    }
    chosen
}

/// Parts of names of small tensors that stay as they are, of families that may be quantised whether they can be run or
/// not.
const EXEMPT: &[&str] = &[
    "_norm.weight",
    "ffn_gate_inp.weight",
    "ffn_gate_tid2eid.weight",
    "altup",
    "laurel",
    "per_layer_model_proj",
    "position_embd",
    "token_types",
    "ssm_conv1d",
    "shortconv.conv.weight",
    "indexer.k_proj.weight",
    "indexer.q_proj.weight",
    "time_mix_first.weight",
    "time_mix_w0.weight",
    "time_mix_w1.weight",
    "time_mix_w2.weight",
    "time_mix_v0.weight",
    "time_mix_v1.weight",
    "time_mix_v2.weight",
    "time_mix_a0.weight",
    "time_mix_a1.weight",
    "time_mix_a2.weight",
    "time_mix_g1.weight",
    "time_mix_g2.weight",
    "time_mix_decay_w1.weight",
    "time_mix_decay_w2.weight",
    "time_mix_lerp_fused.weight",
    "attn_rel_b.weight",
    "sam.pos_embd",
    "sam.neck.",
    "sam.net_",
    ".rel_pos",
    ".patch_embd",
    ".patch_merger",
    "a.rvq.codebook",
    "mm.a.code_embd",
];

/// Whether a tensor is a matrix called `weight`, and none of the small ones in which every bit counts.
fn is_quantised(tensor: &SourceTensor) -> bool {
    is_matrix(tensor)
        && tensor.stored != Stored::Opaque
        && tensor.name.ends_with("weight")
        && !EXEMPT.iter().any(|part| tensor.name.contains(part))
}

/// Whether a tensor has more than one row.
fn is_matrix(tensor: &SourceTensor) -> bool {
    tensor.dims.iter().skip(1).any(|&n| n > 1)
}

fn apply_rules(source: &dyn Source, rules: &[Rule], chosen: &mut [Option<Format>]) -> Result<(), Error> {
    for rule in rules {
        let mut n_matches = 0;
        for (tensor, chosen) in source.tensors().iter().zip(chosen.iter_mut()) {
            // Vectors stay as they are: there is nothing to gain.
            if is_matrix(tensor) && tensor.stored != Stored::Opaque && rule.matches(&tensor.name) {
                *chosen = Some(rule.format);
                n_matches += 1;
            }
        }
        if n_matches == 0 {
            return Err(Error::Option(format!("{rule} matches no matrix of {}", source.name())));
        }
    }
    Ok(())
}

/// Returns `wanted`, or the format that takes rows of `cols` instead (`tensor_type_fallback` of llama.cpp).
fn fallback(cols: usize, wanted: Format) -> Format {
    use Format::{IQ1_M, IQ1_S, IQ2_S, IQ2_XS, IQ2_XXS, IQ3_S, IQ3_XXS, IQ4_XS};
    let fits = |format: &Format| format.row_bytes(cols).is_some();
    let second = match wanted {
        IQ1_S | IQ1_M | IQ2_XXS | IQ2_XS | IQ2_S | IQ3_XXS | IQ3_S | IQ4_XS => Format::IQ4_NL,
        Format::Q4_K => Format::Q5_0,
        Format::Q5_K => Format::Q5_1,
        Format::Q6_K => Format::Q8_0,
        _ => Format::Q4_0,
    };
    // Rows that not even 32 divides.
    [wanted, second].into_iter().find(fits).unwrap_or(Format::F16)
}

/// Returns the importance of the columns of `tensor`, `[matrices, cols]`, where it was collected.
fn importance(source: &dyn Source, tensor: &SourceTensor, options: &Options<'_>) -> Result<Option<Vec<f32>>, Error> {
    let Some((matrix, file)) = options.importance else { return Ok(None) };
    let Some(found) = matrix.tensors.get(&tensor.name) else { return Ok(None) };
    let n_matrices = tensor.n_rows().checked_div(tensor.rows_per_matrix()).unwrap_or(0);
    found.of_shape(n_matrices, tensor.cols()).map(Some).map_err(|is| Error::Tensor {
        file: file.to_owned(),
        tensor: tensor.name.clone(),
        what: format!("importance of {is}, but {} has {} of {n_matrices}", source.name(), tensor.cols()),
    })
}

/// Refuses an importance matrix none of whose names the model has: it is another model's.
fn check_matches(source: &dyn Source, importance: &ImportanceMatrix, file: &str) -> Result<(), Error> {
    if source.tensors().iter().any(|t| importance.tensors.contains_key(&t.name)) {
        return Ok(());
    }
    let what = format!("none of its {} tensors is one of {}", importance.tensors.len(), source.name());
    Err(Error::Invalid { file: file.to_owned(), what })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_that_do_not_divide_get_another_format() {
        let check = |cols, wanted, expected| assert_eq!(fallback(cols, wanted), expected, "{cols} {wanted:?}");
        check(512, Format::Q4_K, Format::Q4_K);
        check(576, Format::Q4_K, Format::Q5_0);
        check(576, Format::Q5_K, Format::Q5_1);
        check(576, Format::Q6_K, Format::Q8_0);
        check(576, Format::IQ4_XS, Format::IQ4_NL);
        for format in Format::ALL.iter().filter(|f| f.name().starts_with("iq") && f.block_len() == 256) {
            check(576, *format, Format::IQ4_NL);
        }
        for format in [Format::Q2_K, Format::Q3_K, Format::TQ1_0, Format::TQ2_0] {
            check(576, format, Format::Q4_0);
        }
        check(96, Format::Q2_0, Format::Q4_0);
        check(576, Format::Q2_0, Format::Q2_0);
        check(100, Format::Q8_0, Format::F16);
        check(100, Format::BF16, Format::BF16);
    }
}
