//! What becomes of each tensor, told without weights: the tensors of real models by their names and shapes.

use std::collections::BTreeMap;

use convert::{
    Action, Error, Freedom, Rows, Source, SourceTensor, Stored,
    quantise::{self, Mix, Options, Rule},
};
use gguf::{Importance, ImportanceMatrix, Metadata, Value};
use quant::Format;

/// A source that has names and shapes, but no weights.
struct Shapes {
    metadata: Metadata,
    tensors: Vec<SourceTensor>,
}

/// The counts and widths of a llama.
#[derive(Clone, Copy)]
struct Llama {
    n_layers: u64,
    width: u64,
    n_heads: u64,
    n_kv_heads: u64,
    feed_forward: u64,
    n_vocab: u64,
    n_experts: u64,
    is_tied: bool,
}

/// Counts and widths of SmolLM2 135M.
const SMOLLM2: Llama = Llama {
    n_layers: 30,
    width: 576,
    n_heads: 9,
    n_kv_heads: 3,
    feed_forward: 1536,
    n_vocab: 49152,
    n_experts: 0,
    is_tied: true,
};

/// Counts and widths of Llama 3 8B: rows that 256 divides, a head of its own, four queries to a key.
const LLAMA3: Llama = Llama {
    n_layers: 32,
    width: 4096,
    n_heads: 32,
    n_kv_heads: 8,
    feed_forward: 14336,
    n_vocab: 128_256,
    n_experts: 0,
    is_tied: false,
};

impl Llama {
    fn source(self) -> Shapes {
        let mut metadata = Metadata::default();
        metadata.set("general.architecture", Value::String("llama".to_owned()));
        metadata.set("general.alignment", Value::U32(64));
        metadata.set("split.count", Value::U16(1));
        for (key, n) in [
            ("block_count", self.n_layers),
            ("attention.head_count", self.n_heads),
            ("attention.head_count_kv", self.n_kv_heads),
            ("expert_count", self.n_experts),
        ] {
            metadata.set(format!("llama.{key}"), Value::U32(n as u32));
        }
        let (d, kv, f) = (self.width, self.width / self.n_heads * self.n_kv_heads, self.feed_forward);
        let mut shapes = Shapes { metadata, tensors: Vec::new() };
        shapes.add("token_embd.weight", &[d, self.n_vocab]);
        shapes.add("output_norm.weight", &[d]);
        if !self.is_tied {
            shapes.add("output.weight", &[d, self.n_vocab]);
        }
        for layer in 0..self.n_layers {
            let name = |part: &str| format!("blk.{layer}.{part}.weight");
            shapes.add(&name("attn_norm"), &[d]);
            for (part, rows) in [("attn_q", d), ("attn_k", kv), ("attn_v", kv), ("attn_output", d)] {
                shapes.add(&name(part), &[d, rows]);
            }
            if self.n_experts > 0 {
                shapes.add(&name("ffn_gate_inp"), &[d, self.n_experts]);
                for (part, cols, rows) in [("ffn_gate_exps", d, f), ("ffn_up_exps", d, f), ("ffn_down_exps", f, d)] {
                    shapes.add(&name(part), &[cols, rows, self.n_experts]);
                }
            } else {
                for (part, cols, rows) in [("ffn_gate", d, f), ("ffn_up", d, f), ("ffn_down", f, d)] {
                    shapes.add(&name(part), &[cols, rows]);
                }
            }
        }
        shapes
    }
}

impl Shapes {
    fn add(&mut self, name: &str, dims: &[u64]) {
        let stored = Stored::As(Format::F32);
        self.tensors.push(SourceTensor { name: name.to_owned(), dims: dims.to_vec(), stored });
    }
}

impl Source for Shapes {
    fn name(&self) -> &'static str {
        "shapes"
    }

    fn metadata(&self) -> &Metadata {
        &self.metadata
    }

    fn tensors(&self) -> &[SourceTensor] {
        &self.tensors
    }

    fn read(&self, _tensor: usize, _rows: std::ops::Range<usize>) -> Result<Rows, Error> {
        panic!("a plan reads no weights")
    }
}

fn options(mix: &str) -> Options<'static> {
    let mix = Mix::from_name(mix).unwrap_or_else(|| panic!("no mix {mix}"));
    Options { mix, is_pure: false, rules: &[], importance: None, ternary: Freedom::Exact }
}

/// Returns the planned format of each matrix.
fn formats(model: Llama, options: &Options<'_>) -> BTreeMap<String, Format> {
    let source = model.source();
    let plan = quantise::plan(&source, options).unwrap();
    let format = |(tensor, planned): (&SourceTensor, &convert::PlannedTensor)| match planned.action {
        Action::Encode { format, .. } if tensor.dims.len() > 1 => Some((tensor.name.clone(), format)),
        _ => None,
    };
    source.tensors.iter().zip(&plan.tensors).filter_map(format).collect()
}

/// Checks how many matrices get which format.
fn counts(model: Llama, mix: &str, expected: &[(Format, usize)]) {
    let mut counts = std::collections::HashMap::new();
    for format in formats(model, &options(mix)).into_values() {
        *counts.entry(format).or_insert(0) += 1;
    }
    assert_eq!(counts, expected.iter().copied().collect(), "{mix}");
}

/// Types are those that llama.cpp b10573 gave this model.
#[test]
fn smollm2_gets_the_types_that_llama_cpp_gives_it() {
    use Format::{Q4_0, Q4_K, Q5_0, Q6_K, Q8_0, TQ1_0, TQ2_0};
    counts(SMOLLM2, "q4_k_m", &[(Q5_0, 166), (Q4_K, 16), (Q6_K, 14), (Q8_0, 15)]);
    counts(SMOLLM2, "q6_k", &[(Q8_0, 181), (Q6_K, 30)]);
    counts(SMOLLM2, "tq1_0", &[(Q4_0, 180), (TQ1_0, 30), (Q8_0, 1)]);
    counts(SMOLLM2, "tq2_0", &[(Q4_0, 180), (TQ2_0, 30), (Q8_0, 1)]);
}

/// Expected counts are worked out by hand from llama.cpp's rules.
#[test]
fn mixes_of_a_model_whose_rows_divide() {
    use Format::{IQ4_XS, Q2_K, Q3_K, Q4_K, Q5_K, Q6_K};
    counts(LLAMA3, "q4_k_m", &[(Q4_K, 193), (Q6_K, 33)]);
    counts(LLAMA3, "q4_k_s", &[(Q4_K, 217), (Q5_K, 8), (Q6_K, 1)]);
    counts(LLAMA3, "q5_k_m", &[(Q5_K, 193), (Q6_K, 33)]);
    counts(LLAMA3, "q3_k_m", &[(Q3_K, 129), (Q4_K, 92), (Q5_K, 4), (Q6_K, 1)]);
    counts(LLAMA3, "q3_k_l", &[(Q3_K, 129), (Q5_K, 96), (Q6_K, 1)]);
    counts(LLAMA3, "q2_k", &[(Q2_K, 129), (Q3_K, 64), (Q4_K, 32), (Q6_K, 1)]);
    counts(LLAMA3, "q2_k_s", &[(Q2_K, 189), (Q4_K, 36), (Q6_K, 1)]);
    counts(LLAMA3, "iq4_xs", &[(IQ4_XS, 189), (Q5_K, 36), (Q6_K, 1)]);
    let more_bits: Vec<usize> = (0..32).filter(|i| *i < 4 || *i >= 28 || (i - 4) % 3 == 2).collect();
    let chosen = formats(LLAMA3, &options("q4_k_m"));
    for i in 0..32 {
        let expected = if more_bits.contains(&i) { Q6_K } else { Q4_K };
        assert_eq!(chosen[&format!("blk.{i}.ffn_down.weight")], expected, "layer {i}");
        assert_eq!(chosen[&format!("blk.{i}.attn_v.weight")], expected, "layer {i}");
    }
}

/// Expected counts of types with few bits are worked out by hand from llama.cpp's rules.
#[test]
fn mixes_around_code_books() {
    use Format::{
        IQ1_M, IQ1_S, IQ2_S, IQ2_XS, IQ2_XXS, IQ3_S, IQ3_XXS, IQ4_NL, Q2_K, Q3_K, Q4_0, Q4_K, Q5_K, Q6_K, Q8_0,
    };
    counts(LLAMA3, "iq1_s", &[(IQ1_S, 156), (IQ2_XXS, 32), (Q2_K, 5), (Q4_K, 32), (Q5_K, 1)]);
    counts(LLAMA3, "iq1_m", &[(IQ1_M, 156), (IQ2_XXS, 32), (Q2_K, 5), (Q4_K, 32), (Q5_K, 1)]);
    counts(LLAMA3, "iq2_xxs", &[(IQ2_XXS, 188), (Q2_K, 5), (Q4_K, 32), (Q5_K, 1)]);
    counts(LLAMA3, "iq2_xs", &[(IQ2_XS, 188), (Q2_K, 5), (Q4_K, 32), (Q5_K, 1)]);
    counts(LLAMA3, "iq2_s", &[(IQ2_XS, 156), (IQ3_S, 37), (Q4_K, 32), (Q5_K, 1)]);
    counts(LLAMA3, "iq2_m", &[(IQ2_S, 156), (IQ3_S, 37), (Q4_K, 32), (Q5_K, 1)]);
    counts(LLAMA3, "iq3_xxs", &[(IQ3_XXS, 64), (IQ2_S, 64), (IQ3_S, 33), (Q3_K, 28), (Q4_K, 36), (Q5_K, 1)]);
    counts(LLAMA3, "iq3_xs", &[(IQ3_S, 81), (IQ3_XXS, 112), (Q4_K, 32), (Q6_K, 1)]);
    counts(LLAMA3, "iq3_s", &[(IQ3_S, 193), (Q4_K, 32), (Q6_K, 1)]);
    counts(LLAMA3, "iq3_m", &[(IQ3_S, 157), (Q4_K, 68), (Q6_K, 1)]);
    let of_mixtral = |mix: &str, part: &str| {
        formats(Llama { n_experts: 8, ..LLAMA3 }, &options(mix))[&format!("blk.5.{part}.weight")]
    };
    let parts = ["attn_k", "attn_v", "attn_output", "ffn_down_exps"];
    assert_eq!(parts.map(|part| of_mixtral("iq2_xs", part)), [Q4_K, Q4_K, Q5_K, IQ2_XS]);
    assert_eq!(parts.map(|part| of_mixtral("iq3_xxs", part)), [Q8_0, Q8_0, Q5_K, Q3_K]);
    assert_eq!(parts.map(|part| of_mixtral("iq3_m", part)), [Q8_0, Q8_0, Q5_K, IQ3_S]);
    assert_eq!(formats(Llama { n_experts: 8, ..LLAMA3 }, &options("iq3_m"))["blk.6.ffn_down_exps.weight"], Q4_K);
    // With importance, nothing of three bits is helped out.
    let matrix = importance("blk.3.ffn_down.weight", 14336);
    let chosen = formats(LLAMA3, &Options { importance: Some((&matrix, "m.gguf")), ..options("iq3_xxs") });
    assert_eq!(chosen["blk.0.ffn_down.weight"], IQ3_XXS);
    // Rows of 576 are no blocks of 256: the head is as wide as for others, and no format of five bits is needed where
    // two were asked for.
    counts(SMOLLM2, "iq2_xxs", &[(IQ4_NL, 150), (IQ2_XXS, 27), (Q2_K, 3), (Q4_0, 30), (Q8_0, 1)]);
}

#[test]
fn any_ternary_container_makes_a_mix() {
    let tri = Format::from_name("tri1_row_f16").unwrap();
    counts(LLAMA3, "i2_s", &[(Format::I2_S, 224), (Format::Q4_K, 1), (Format::Q6_K, 1)]);
    // Rows may have any length.
    counts(SMOLLM2, "tri1_row_f16", &[(tri, 210), (Format::Q8_0, 1)]);
    let plan = quantise::plan(&LLAMA3.source(), &options("i2_s")).unwrap();
    assert_eq!(plan.metadata.get("general.file_type"), None);
}

#[test]
fn eight_experts_keep_keys_and_values() {
    let mixtral = Llama { n_experts: 8, ..LLAMA3 };
    let chosen = formats(mixtral, &options("q4_k_m"));
    let of = |part: &str| chosen.get(&format!("blk.5.{part}.weight")).copied();
    assert_eq!((of("attn_k"), of("attn_v")), (Some(Format::Q8_0), Some(Format::Q8_0)));
    assert_eq!((of("attn_output"), of("attn_q")), (Some(Format::Q5_K), Some(Format::Q4_K)));
    assert_eq!((of("ffn_down_exps"), of("ffn_gate_inp")), (Some(Format::Q4_K), Some(Format::F32)));
    let chosen = formats(mixtral, &options("mxfp4_moe"));
    let of = |name: &str| chosen[name];
    assert_eq!(of("blk.5.ffn_up_exps.weight"), Format::MXFP4);
    assert_eq!(of("blk.5.attn_q.weight"), Format::Q8_0);
    assert_eq!(of("token_embd.weight"), Format::Q8_0);
}

#[test]
fn pure_means_every_matrix() {
    let chosen = formats(LLAMA3, &Options { is_pure: true, ..options("q4_k_m") });
    assert!(chosen.len() == 226 && chosen.values().all(|&f| f == Format::Q4_K));
}

#[test]
fn of_several_rules_the_last_match_counts() {
    let rules = ["blk.*.ffn_down=q6_k", "blk.3.*=q8_0", "token_embd=f16"].map(|text| Rule::parse(text).unwrap());
    let chosen = formats(LLAMA3, &Options { rules: &rules, ..options("q4_0") });
    let of = |name: &str| chosen[name];
    assert_eq!(of("blk.2.ffn_down.weight"), Format::Q6_K);
    assert_eq!(of("blk.3.ffn_down.weight"), Format::Q8_0);
    assert_eq!(of("blk.3.attn_q.weight"), Format::Q8_0);
    assert_eq!(of("blk.2.attn_q.weight"), Format::Q4_0);
    assert_eq!(of("token_embd.weight"), Format::F16);
    assert_eq!(of("output.weight"), Format::Q6_K);
}

#[test]
fn a_rule_without_a_match_is_an_error() {
    for text in ["blk.99.*=q8_0", "*_norm=q8_0"] {
        let rules = [Rule::parse(text).unwrap()];
        let error = quantise::plan(&LLAMA3.source(), &Options { rules: &rules, ..options("q4_0") }).err().unwrap();
        assert!(error.to_string().contains(text), "{error}");
    }
}

#[test]
fn metadata_is_kept_and_says_what_the_file_is() {
    let source = LLAMA3.source();
    let plan = quantise::plan(&source, &options("q4_k_m")).unwrap();
    assert_eq!(plan.metadata.u32("general.file_type").unwrap(), Some(15));
    assert_eq!(plan.metadata.u32("general.quantization_version").unwrap(), Some(2));
    assert_eq!(plan.metadata.u32("llama.block_count").unwrap(), Some(32));
    assert_eq!(plan.metadata.u32("general.alignment").unwrap(), Some(64));
    assert_eq!(plan.metadata.get("split.count"), None);
}

fn importance(name: &str, n_cols: usize) -> ImportanceMatrix {
    let tensors = [(name.to_owned(), Importance::new(vec![2.0; n_cols], vec![4.0]).unwrap())].into();
    ImportanceMatrix { datasets: vec!["a text".to_owned()], chunk_count: 3, chunk_size: 512, tensors }
}

#[test]
fn importance_goes_to_its_tensor_and_into_the_metadata() {
    let name = "blk.3.ffn_down.weight";
    let matrix = importance(name, 14336);
    let source = LLAMA3.source();
    let plan = quantise::plan(&source, &Options { importance: Some((&matrix, "m.gguf")), ..options("q4_0") }).unwrap();
    let with: Vec<&str> = source
        .tensors
        .iter()
        .zip(&plan.tensors)
        .filter(|(_, planned)| planned.importance.is_some())
        .map(|(tensor, _)| tensor.name.as_str())
        .collect();
    assert_eq!(with, [name]);
    let at = source.tensors.iter().position(|t| t.name == name).unwrap();
    assert_eq!(plan.tensors[at].importance.as_ref().unwrap()[..], vec![0.5; 14336]);
    // Q4_0 of the first layers goes wrong with importance, so they get Q4_1.
    assert!(matches!(plan.tensors[at].action, Action::Encode { format: Format::Q4_1, .. }));
    assert_eq!(plan.metadata.str("quantize.imatrix.dataset").unwrap(), Some("a text"));
    assert_eq!(plan.metadata.u32("quantize.imatrix.chunks_count").unwrap(), Some(3));
}

#[test]
fn importance_of_another_model_is_refused() {
    let check = |matrix: &ImportanceMatrix, words: &[&str]| {
        let options = Options { importance: Some((matrix, "m.gguf")), ..options("q4_0") };
        let error = quantise::plan(&LLAMA3.source(), &options).err().unwrap().to_string();
        assert!(words.iter().all(|word| error.contains(word)), "{error}");
    };
    check(&importance("blk.3.ffn_down.weight", 4096), &["m.gguf", "blk.3.ffn_down.weight", "4096", "14336"]);
    check(&importance("blk.99.ffn_down.weight", 14336), &["m.gguf", "none of its 1 tensors"]);
}
