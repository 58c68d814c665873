//! Models of `testdata/golden2` give the reference engine's logits, hidden states and greedy continuations, in whatever
//! chunks their tokens come.

use gguf::Container;
use model::{Forward, Logits, LogitsWanted, Model, Step, StepSpan, TokenId};
use serde_json::Value;

use crate::session::{greedy, load, logits, pages, tokens};

/// Entries of the manifest that can be loaded; the others are of families to come.
const ENTRIES: &[&str] = &[
    "qwen3-embedding",
    "mistral3",
    "glm4",
    "hunyuan-dense",
    "ernie4_5",
    "exaone4",
    "exaone4-window",
    "gemma4-e",
    "gemma4-moe",
    "gpt-oss",
    "gpt-oss-mxfp4",
    "glm4moe",
    "ernie4_5-moe",
    "deepseek2",
    "deepseek2-lite",
    "lfm2",
    "qwen35",
    "qwen35moe-mtp",
    "qwen3next",
    "lfm2moe",
    "granitehybrid",
    "granitehybrid-moe",
    "nemotron_h",
    "nemotron_h_moe",
    "mamba2",
    "rwkv7",
    "cohere2",
    "stablelm",
    "starcoder2",
    "phi2",
    "falcon",
    "llama-adapters",
    "llama-adapters+a@0.5",
    "llama-adapters+a@1",
    "llama-adapters+a@1+b@0.7",
    "llama-adapters+steer@1.l1-3",
    "llama-adapters+steer@-0.6.l2-3",
    "bert",
    "bert-rerank",
    "nomic-bert",
    "jina-bert-v2",
    "modern-bert",
    "gemma-embedding",
];
/// Largest error where the entry gives none: only the order of additions differs from the reference.
const NMSE_F32: f64 = 1e-6;
/// Factor for quantised files: they may be as far from exact as the reference's own kernels, times this.
const NATIVE_FACTOR: f64 = 2.0;

/// Returns the hidden states `[n, width]` of all tokens.
fn hidden(model: &mut Model, tokens: &[TokenId]) -> Vec<f32> {
    let pages = pages(0, tokens.len());
    let mut out = Logits::default();
    let span = StepSpan::new(tokens, 0, &pages).wanting(LogitsWanted::Hidden);
    model.forward(&Step::new(&[span]), &mut out);
    (0..out.n_hidden_rows()).flat_map(|row| out.hidden_row(row).to_vec()).collect()
}

/// Returns what the hidden states of a text, or its first one behind the head, are put together to.
fn pooled(model: &mut Model, tokens: &[TokenId], how: &str) -> Vec<f32> {
    let width = model.width();
    let hidden = hidden(model, tokens);
    match how {
        "mean" => {
            let sum = |i| hidden.iter().skip(i).step_by(width).map(|x| f64::from(*x)).sum::<f64>();
            (0..width).map(|i| (sum(i) / tokens.len() as f64) as f32).collect()
        }
        "last" => hidden[hidden.len() - width..].to_vec(),
        "rank" => {
            let (pages, mut out) = (pages(0, tokens.len()), Logits::default());
            let span = StepSpan::new(tokens, 0, &pages).wanting(LogitsWanted::Score);
            model.forward(&Step::new(&[span]), &mut out);
            vec![out.score(0)]
        }
        other => panic!("pooling {other}"),
    }
}

/// Reads the file that `entry` has as `field`; `None` if it has none.
fn expected(entry: &Value, field: &str) -> Option<Vec<f32>> {
    entry[field].as_str().map(|file| testkit::read_f32(&format!("golden2/{file}")))
}

/// Loads the model of an entry, with the adapters and the control vector that it names.
fn load_entry(entry: &Value) -> Model {
    let path = |file: &str| testkit::data(&format!("golden2/{file}"));
    let open = |of: &Value| Container::open(&path(of["file"].as_str().unwrap())).unwrap();
    let scale = |of: &Value| of["scale"].as_f64().unwrap() as f32;
    let name = entry["name"].as_str().unwrap();
    let mut model = load(&path(entry["model"].as_str().unwrap_or(&format!("{name}.gguf"))), None, 2);
    for adapter in entry["loras"].as_array().into_iter().flatten() {
        model.adapt(&open(adapter), scale(adapter)).unwrap();
    }
    let vector = &entry["control_vector"];
    if !vector.is_null() {
        let layer = |key: &str| vector[key].as_u64().unwrap() as usize;
        model.steer(&open(vector), scale(vector), Some(layer("layer_start")..=layer("layer_end"))).unwrap();
    }
    model
}

#[test]
fn every_model_gives_what_the_reference_gives() {
    let manifest = testkit::read_json("golden2/manifest.json");
    let entry = |name: &&str| manifest.as_array().unwrap().iter().find(|e| e["name"] == *name).unwrap();
    let mut failures = Vec::new();
    for entry in ENTRIES.iter().map(entry) {
        let name = entry["name"].as_str().unwrap();
        let prompt = tokens(&entry["tokens"]);
        let native = entry["native_nmse_vs_exact"].as_f64();
        let bound = entry["nmse_max"].as_f64().or(native.map(|native| native * NATIVE_FACTOR)).unwrap_or(NMSE_F32);
        let mut check = |what: &str, got: &[f32], expected: &[f32]| {
            let nmse = testkit::nmse(got, expected);
            println!("{name:<28} {what:<16} NMSE {nmse:.2e}, at most {bound:.2e}");
            if nmse > bound || nmse.is_nan() {
                failures.push(format!("{name}: {what}: NMSE {nmse:e}, at most {bound:e}"));
            }
        };
        let mut model = load_entry(entry);
        if let Some(states) = expected(entry, "embeddings") {
            check("hidden states", &hidden(&mut model, &prompt), &states);
            let how = entry["pooling"].as_str().unwrap();
            assert_eq!(model.spec().pooling.unwrap().to_string(), how, "{name}");
            check(how, &pooled(&mut model, &prompt, how), &expected(entry, "pooled").unwrap());
            continue;
        }
        let expected_exact = expected(entry, "exact_logits");
        let expected = expected(entry, "logits").unwrap();
        let whole = logits(&mut model, &prompt, 0, 64);
        check("logits", &whole, &expected);
        if let Some(exact) = expected_exact {
            check("exact logits", &whole, &exact);
        }
        for chunk in [17, 1] {
            let mut model = load_entry(entry);
            let first = logits(&mut model, &prompt[..17], 0, chunk);
            let got = [first, logits(&mut model, &prompt[17..], 17, if chunk == 17 { 31 } else { chunk })].concat();
            assert!(got == whole, "{name}: chunks of {chunk} tokens at first give other bits");
        }
        if native.is_some() {
            continue;
        }
        let expected = tokens(&entry["greedy"]);
        let got = greedy(&mut model, &prompt, expected.len());
        if got != expected {
            failures.push(format!("{name}: greedy continuation {got:?}, expected {expected:?}"));
        }
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}
