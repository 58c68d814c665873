//! What is compared: every way of holding keys, values, embeddings and norms that the runtime offers.

use model::{EmbeddingType, KvType, KvTypes, LoadOptions, NormType};
use quant::ternarise::Mode;

/// One row of the table.
pub(super) struct Choice {
    /// `k t2-rms rotated`
    pub(super) name: String,
    /// Loading with it; context and steps are still to be set.
    pub(super) options: LoadOptions,
}

/// What quality is measured against.
pub(super) const BASE: LoadOptions = LoadOptions { kv_types: KvTypes::both(KvType::F32), ..LoadOptions::DEFAULT };

/// All rows, the default first. Rotated f32 is there as a control: it rounds a little differently and loses nothing, so
/// what it shows is what any difference does to activations in int8.
pub(super) fn all() -> Vec<Choice> {
    let t2 = [Mode::Max, Mode::Rms, Mode::LeastSquares].map(KvType::T2);
    let float = [(KvType::F16, false), (KvType::F32, false), (KvType::F32, true)];
    let mut choices: Vec<Choice> = float.map(|(t, is_rotated)| cache("kv", t, t, is_rotated)).into();
    for kv_type in [KvType::Q8_0, KvType::Q4_0].into_iter().chain(t2) {
        for is_rotated in [false, true] {
            choices.push(cache("kv", kv_type, kv_type, is_rotated));
            if kv_type != KvType::Q8_0 {
                choices.push(cache("k", kv_type, KvType::F16, is_rotated));
                choices.push(cache("v", KvType::F16, kv_type, is_rotated));
            }
        }
    }
    let ternary = [Mode::AbsMean, Mode::Rms, Mode::LeastSquares].map(EmbeddingType::T2);
    for embedding_type in [EmbeddingType::F16, EmbeddingType::Q8_0, EmbeddingType::Q4_0].into_iter().chain(ternary) {
        let options = LoadOptions { embedding_type: Some(embedding_type.into()), ..LoadOptions::DEFAULT };
        choices.push(Choice { name: format!("embedding {}", embedding_type.name()), options });
    }
    let options = LoadOptions { norm_type: NormType::Ternary, ..LoadOptions::DEFAULT };
    choices.push(Choice { name: "norms ternary".to_owned(), options });
    choices
}

/// `what` of the cache in the type that is not the other side's.
fn cache(what: &str, keys: KvType, values: KvType, is_rotated: bool) -> Choice {
    let kv_type = if what == "v" { values } else { keys };
    let name = format!("{what} {}{}", kv_type.name(), if is_rotated { " rotated" } else { "" });
    let kv_types = KvTypes { keys, values, is_rotated };
    Choice { name, options: LoadOptions { kv_types, ..LoadOptions::DEFAULT } }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn names_differ_and_every_option_has_a_row() {
        let choices = all();
        let names: HashSet<&str> = choices.iter().map(|choice| choice.name.as_str()).collect();
        assert_eq!(names.len(), choices.len());
        for name in
            ["kv f16", "kv q8_0", "k q4_0", "v t2-max", "kv t2-lsq rotated", "embedding t2-absmean", "norms ternary"]
        {
            assert!(names.contains(name), "{name} is missing in {names:?}");
        }
    }
}
