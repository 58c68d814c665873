//! `trinity eval`: the numbers that others check us by.

use std::{fs, path::PathBuf};

use crate::program::trinity;

fn scratch(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name)
}

#[test]
fn logits_of_a_golden_model() {
    let manifest = testkit::read_json("golden/manifest.json");
    let entry = manifest.as_array().unwrap().iter().find(|e| e["name"] == "qwen3").unwrap();
    let tokens: Vec<String> = entry["tokens"].as_array().unwrap().iter().map(ToString::to_string).collect();
    let (ids, out) = (scratch("ids.txt"), scratch("logits.f32"));
    fs::write(&ids, tokens.join(" ")).unwrap();
    let model = testkit::data("golden/qwen3.gguf");
    let arguments =
        ["eval", "logits", model.to_str().unwrap(), "--tokens", ids.to_str().unwrap(), "--out", out.to_str().unwrap()];
    trinity(arguments).ok();
    let bytes = fs::read(&out).unwrap();
    let got: Vec<f32> = bytes.as_chunks::<4>().0.iter().map(|b| f32::from_le_bytes(*b)).collect();
    let nmse = testkit::nmse(&got, &testkit::read_f32("golden/qwen3.logits.f32"));
    assert!(nmse <= 1e-6, "NMSE {nmse:e}");
}

/// LongRoPE's factors are those of the context that the model is loaded with, which is the model's own unless somebody
/// says otherwise.
#[test]
fn logits_are_those_of_the_models_own_context() {
    let model = testkit::data("golden/phi3.gguf");
    let own = trinity(["inspect", model.to_str().unwrap(), "--metadata"]).ok().text();
    let number = |key: &str| {
        let line = own.lines().find(|l| l.contains(key)).unwrap_or_else(|| panic!("no {key} in {own}"));
        line.rsplit(' ').next().unwrap().parse::<usize>().unwrap()
    };
    let (context, original) = (number("phi3.context_length"), number("original_context_length"));
    assert!(original < context);
    let (ids, out) = (scratch("long-ids.txt"), scratch("long-logits.f32"));
    fs::write(&ids, "1 2 3 4 5 6 7").unwrap();
    let logits = |arguments: &[&str]| {
        let fixed = ["eval", "logits", model.to_str().unwrap(), "--tokens", ids.to_str().unwrap(), "--out"];
        trinity(fixed.iter().chain(&[out.to_str().unwrap()]).chain(arguments)).ok();
        fs::read(&out).unwrap()
    };
    let default = logits(&[]);
    assert_eq!(default, logits(&["--context", &context.to_string()]));
    assert_ne!(default, logits(&["--context", &original.to_string()]));
    let arguments =
        ["eval", "logits", model.to_str().unwrap(), "--tokens", ids.to_str().unwrap(), "--context", "3", "--out"];
    trinity(arguments.iter().chain(&[out.to_str().unwrap()])).fails(1, &["7", "3"]);
}

#[test]
fn logits_refuse_ids_outside_the_vocabulary() {
    let (ids, out) = (scratch("bad-ids.txt"), scratch("bad-logits.f32"));
    fs::write(&ids, "1 2 70000").unwrap();
    let model = testkit::data("golden/qwen3.gguf");
    let arguments =
        ["eval", "logits", model.to_str().unwrap(), "--tokens", ids.to_str().unwrap(), "--out", out.to_str().unwrap()];
    trinity(arguments).fails(1, &["70000", "128"]);
    assert!(!out.exists(), "nothing half-written");
}

/// llama.cpp gives 21.4497 for this file and text; its kernels round activations differently from ours.
#[test]
fn perplexity_of_the_real_model_is_within_half_a_percent_of_the_reference() {
    let model = testkit::smollm2_path();
    let text = testkit::data("eval-text/wikitext2-raw-test.txt");
    let arguments = [
        "eval",
        "perplexity",
        model.to_str().unwrap(),
        "--file",
        text.to_str().unwrap(),
        "-c",
        "512",
        "--chunks",
        "40",
        "--json",
    ];
    let perplexity = trinity(arguments).ok().json()["perplexity"].as_f64().unwrap();
    assert!((perplexity / 21.4497 - 1.0).abs() < 0.005, "perplexity {perplexity}");
}
