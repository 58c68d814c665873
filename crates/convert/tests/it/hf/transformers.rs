//! Converted folders compute what transformers computes: `testdata/transformers-logits` has configurations and logits,
//! this makes the weights.

use convert::{Freedom, Plan, Source, Target, hf::HuggingFace};
use gguf::Container;
use model::{ActivationRule, LoadOptions};
use quant::Format;
use serde_json::Value;
use tempfile::tempdir;

use super::support::{Folder, Tensor, outputs, tokens};
use crate::support::write;

/// Largest error where both sides compute in f32: only the order of additions differs. Ternary cases are ones in which
/// no activation lies so near the middle between two int8 codes that this decides which it gets.
const NMSE_MAX: f64 = 1e-10;
/// Largest error of families whose GELU is the error function's in transformers and the tangent's in GGUF.
const NMSE_GELU: f64 = 1e-4;
/// Classes of these families.
const GELU: &[&str] = &["BertModel", "BertForSequenceClassification", "FalconForCausalLM"];
/// Largest error of delta nets: transformers adds 1e-6 under the root by which queries and keys are divided, llama.cpp,
/// which the engine follows, does not let that root fall below 1e-6.
const NMSE_DELTA: f64 = 1e-6;
/// Largest error of the default rule: fewer activations are rounded as in training, and none coarser.
const NMSE_PER_GROUP: f64 = 1e-2;

/// Reads the cases; `generate.py` says what was asked of transformers.
pub(super) fn cases() -> (Vec<u32>, Vec<Value>) {
    let all = testkit::read_json("transformers-logits/cases.json");
    let ids = all["tokens"].as_array().unwrap().iter().map(|id| id.as_u64().unwrap() as u32).collect();
    (ids, all["cases"].as_array().unwrap().clone())
}

/// Draws 64 bits an element: splitmix64 from the FNV-1a hash of the tensor's name.
fn draws(name: &str, n: usize) -> impl Iterator<Item = u64> {
    let hash = name
        .bytes()
        .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3));
    (1..=n as u64).map(move |i| {
        let z = hash.wrapping_add(i.wrapping_mul(0x9e37_79b9_7f4a_7c15));
        let z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    })
}

/// Makes a tensor of a case, whose values follow from its name.
fn tensor(name: &str, kind: &str, shape: &[usize]) -> Tensor {
    let draws = draws(name, shape.iter().product());
    if kind == "packed" {
        let digit = |z: u64, j: u32| ((z >> (8 * j)) % 3) << (2 * j);
        let bytes = draws.map(|z| (0..4).map(|j| digit(z, j)).sum::<u64>() as u8).collect();
        return Tensor { name: name.to_owned(), dtype: "U8", shape: shape.to_vec(), bytes };
    }
    let step = |z: u64| f32::from((z >> 56) as i8) / 512.0;
    let value = |z: u64| match kind {
        "weights" => step(z),
        "norm" => 1.0 + step(z),
        "codes" => (z % 3) as f32 - 1.0,
        "scale" => 0.15625 + step(z) / 4.0,
        "inverse" => 6.5 + step(z),
        other => panic!("{other}"),
    };
    Tensor::f32(name, shape, &draws.map(value).collect::<Vec<_>>())
}

/// Makes the folder that transformers was given.
pub(super) fn folder(case: &Value) -> Folder {
    let tensors = case["tensors"].as_array().unwrap().iter().map(|t| {
        let shape: Vec<usize> = t[2].as_array().unwrap().iter().map(|n| n.as_u64().unwrap() as usize).collect();
        tensor(t[0].as_str().unwrap(), t[1].as_str().unwrap(), &shape)
    });
    Folder { dir: tempdir().unwrap(), config: case["config"].clone(), tensors: tensors.collect() }
}

/// Returns the normalised error of the logits of what the folder of `case` is converted to, with ternary matrices in
/// `ternary`.
fn error(case: &Value, ids: &[u32], ternary: Format, activations: ActivationRule) -> f64 {
    let name = case["name"].as_str().unwrap();
    let source: HuggingFace = folder(case).open().unwrap_or_else(|e| panic!("{name}: {e}"));
    let is_ternary = source.tensors().iter().any(|t| t.stored == convert::Stored::Ternary);
    let plan = if is_ternary {
        convert::retyped(&source, Target::Format(ternary), Freedom::Exact, 2).unwrap()
    } else {
        Plan::keep(&source).unwrap()
    };
    let out = tempdir().unwrap();
    let path = out.path().join("out.gguf");
    write(&source, &plan, &path).unwrap_or_else(|e| panic!("{name}: {e}"));
    let context = case["context"].as_u64().map(|n| n as usize);
    let ids = ids.get(..context.unwrap_or(ids.len())).unwrap_or(ids);
    let options = LoadOptions { context_len_max: context, activations, ..LoadOptions::DEFAULT };
    let got = outputs(&Container::open(&path).unwrap(), &tokens(ids), &options);
    // Of some cases the last rows alone are kept.
    let expected = testkit::read_f32(&format!("transformers-logits/{name}.f32"));
    testkit::nmse(&got[got.len() - expected.len()..], &expected)
}

fn is_quantised(case: &&Value) -> bool {
    case["config"].get("quantization_config").is_some()
}

#[test]
fn floats() {
    let (ids, cases) = cases();
    let floats: Vec<&Value> = cases.iter().filter(|case| !is_quantised(case)).collect();
    assert_eq!(floats.len(), 67);
    let wrong = floats.into_iter().filter_map(|case| {
        let error = error(case, &ids, Format::F32, ActivationRule::PerGroup);
        let class = case["config"]["architectures"][0].as_str().unwrap();
        let most = match class {
            _ if GELU.contains(&class) => NMSE_GELU,
            _ if class.starts_with("Qwen3_5") || class == "Qwen3NextForCausalLM" => NMSE_DELTA,
            _ => NMSE_MAX,
        };
        (error.is_nan() || error > most).then(|| (case["name"].as_str().unwrap(), error))
    });
    let wrong: Vec<_> = wrong.collect();
    assert!(
        wrong.is_empty(),
        "NMSE, at most {NMSE_MAX:e}, with GELU {NMSE_GELU:e}, of delta nets {NMSE_DELTA:e}: {wrong:?}"
    );
}

/// One int8 scale a token is what transformers' layers compute; the default's finer rule is near, in the same
/// containers.
#[test]
fn ternary_models_by_the_rule_of_their_training() {
    let (ids, cases) = cases();
    let quantised: Vec<&Value> = cases.iter().filter(is_quantised).collect();
    assert_eq!(quantised.len(), 9);
    for format in [Format::I2_S, Format::IQ2_BN] {
        let mut wrong = Vec::new();
        for case in &quantised {
            let name = case["name"].as_str().unwrap();
            let [trained, finer] =
                [ActivationRule::PerToken, ActivationRule::PerGroup].map(|r| error(case, &ids, format, r));
            // Rows of one group are rounded alike.
            let is_near = finer < NMSE_PER_GROUP && (finer > trained || name != "bitnet-wide");
            let is_right = trained <= NMSE_MAX && is_near;
            if !is_right {
                wrong.push((name, trained, finer));
            }
        }
        assert!(wrong.is_empty(), "{}: NMSE per token, at most {NMSE_MAX:e}, and per group: {wrong:?}", format.name());
    }
}

/// Keys of golden files that follow from what they are, or that ours leave to the default of readers.
const OTHER_KEYS: &[&str] = &[
    "general.name",
    // Of layers that predict further tokens.
    "qwen35moe.block_count",
    "qwen35moe.nextn_predict_layers",
    // Stretched as of heads of 128.
    "hunyuan-dense.rope.freq_base",
    "glm4moe.block_count",
    "glm4moe.nextn_predict_layers",
    // Of layers that turn nothing.
    "nemotron_h.rope.dimension_count",
    "nemotron_h.rope.freq_base",
    "nemotron_h_moe.rope.dimension_count",
    "nemotron_h_moe.rope.freq_base",
    // Of a folder of sentence-transformers (`layouts.rs` has one).
    "bert.pooling_type",
    "nomic-bert.pooling_type",
    "modern-bert.pooling_type",
];

/// Tensors have the names, and where sizes are the same the shapes, that files of the same architecture have which
/// other programs read; keys have the same values.
#[test]
fn names_shapes_and_keys_are_those_that_others_read() {
    let (_, cases) = cases();
    let compared = cases.iter().filter_map(|case| Some((case, case.get("golden")?.as_str()?)));
    let mut wrong = Vec::new();
    for (case, golden) in compared {
        let source = folder(case).open().unwrap_or_else(|e| panic!("{golden}: {e}"));
        let container = Container::open(&testkit::data(&format!("golden2/{golden}.gguf"))).unwrap();
        if golden == "mamba2" {
            assert_eq!(source.changes(), ["4 vectors of decays that hold -exp(w)"]);
        }
        // What further layers predict is left out.
        let n_layers = source.metadata().u64(&format!("{}.block_count", architecture(&container))).unwrap().unwrap();
        let is_there = |name: &str| !name.starts_with(&format!("blk.{n_layers}."));
        for t in container.tensors().iter().filter(|t| is_there(&t.name)) {
            match source.tensors().iter().find(|s| s.name == t.name) {
                Some(ours) if ours.dims == t.dims => {}
                // Rows of one file stand in one matrix, of another in three.
                ours => wrong.push(format!("{golden}: {} {:?}, ours {:?}", t.name, t.dims, ours.map(|t| &t.dims))),
            }
        }
        for t in source.tensors().iter().filter(|t| container.tensor(&t.name).is_none()) {
            wrong.push(format!("{golden}: {} is not there", t.name));
        }
        for (key, value) in container.metadata().iter().filter(|(key, _)| !OTHER_KEYS.contains(key)) {
            if source.metadata().get(key) != Some(value) {
                wrong.push(format!("{golden}: {key}: {value:?}, ours {:?}", source.metadata().get(key)));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

fn architecture(container: &Container) -> &str {
    container.metadata().str("general.architecture").unwrap().unwrap()
}

/// A class that `convert` knows and nobody compared would be a guess.
#[test]
fn every_class_has_a_case() {
    let (_, cases) = cases();
    let mut unknown = folder(&cases[0]);
    unknown.config["architectures"] = serde_json::json!(["MambaForCausalLM"]);
    let refusal = unknown.refusal();
    let (_, classes) = refusal.split_once("expected one of ").unwrap();
    for class in classes.split(", ") {
        // 1bitLLM's spelling of the name is no class of transformers.
        let is_case = |case: &Value| case["config"]["architectures"][0].as_str().unwrap().eq_ignore_ascii_case(class);
        // A class that comes with its models: `layouts.rs` compares it with a golden file.
        assert!(
            class == "JinaBertForMaskedLM" || cases.iter().any(is_case),
            "{class} is not compared with transformers"
        );
    }
}

/// Hunyuan's factor is a power of the base, and may leave what a float holds.
#[test]
fn a_base_stretched_beyond_floats_is_refused() {
    let (_, cases) = cases();
    let case = cases.iter().find(|case| case["name"] == "hunyuan").unwrap();
    let mut folder = folder(case);
    folder.config["rope_scaling"]["alpha"] = 1e38.into();
    let refusal = folder.refusal();
    assert!(refusal.contains("config.json: rope_scaling.alpha: ") && refusal.contains("a base of 10000"), "{refusal}");
}
