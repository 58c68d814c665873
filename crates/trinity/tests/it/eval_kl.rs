//! `trinity eval kl`, and receipts.

use std::{fs, path::PathBuf};

use crate::program::{Outcome, trinity};

fn scratch(name: &str) -> String {
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("eval-kl");
    fs::create_dir_all(&folder).unwrap();
    folder.join(name).to_str().unwrap().to_owned()
}

fn model(name: &str) -> String {
    testkit::data(&format!("tiny-models/{name}")).to_str().unwrap().to_owned()
}

fn story() -> String {
    let (path, text) = (scratch("story.txt"), testkit::read_text("story-corpus/tinystories-sample-0.9MB.txt"));
    fs::write(&path, text.chars().take(3000).collect::<String>()).unwrap();
    path
}

fn save(base: &str, arguments: &[&str]) -> Outcome {
    let (model, story) = (model("stories260K-f32.gguf"), story());
    let fixed = ["eval", "kl", "--save-base", base, &model, "--file", &story, "-c", "128", "--chunks", "3"];
    trinity(fixed.iter().chain(arguments))
}

#[test]
fn a_quantised_model_is_compared_with_its_base() {
    let base = scratch("base.kld");
    let saved = save(&base, &["--json"]).ok().json();
    assert_eq!(saved["file_bytes"], fs::metadata(&base).unwrap().len());
    let same = trinity(["eval", "kl", &model("stories260K-f32.gguf"), "--base", &base, "--json"]).ok().json();
    assert!(same["mean"].as_f64().unwrap() < 1e-7 && same["top1_agreement"] == 1.0, "{same}");
    let receipt = scratch("receipt.json");
    let quantised = model("stories260K-q4_0.gguf");
    let arguments = ["eval", "kl", &quantised, "--base", &base, "--file", &story(), "--json", "--receipt", &receipt];
    let result = trinity(arguments).ok().json();
    assert!(result["mean"].as_f64().unwrap() > 1e-3, "{result}");
    assert_eq!(result["n_scored"], 3 * 63);
    let text = trinity(["eval", "kl", &quantised, "--base", &base]).ok().text();
    assert!(text.contains(&format!("{:.6} ±", result["mean"].as_f64().unwrap())), "{text}");

    let receipt: serde_json::Value = serde_json::from_slice(&fs::read(receipt).unwrap()).unwrap();
    assert_eq!(receipt["result"], result);
    assert_eq!(receipt["models"][0]["path"], quantised.as_str());
    assert_eq!(receipt["models"][0]["sha256"], sha256(&quantised));
    assert_eq!(receipt["files"][0]["sha256"], sha256(&base));
    assert!(receipt["command"].as_array().unwrap().contains(&"kl".into()), "{receipt}");
    for key in ["system", "isa", "isa_available", "threads", "seconds", "time", "trinity"] {
        assert!(!receipt[key].is_null(), "{key} in {receipt}");
    }
}

/// By the system's own tool.
fn sha256(path: &str) -> String {
    let output = std::process::Command::new("sha256sum").arg(path).output().unwrap();
    String::from_utf8(output.stdout).unwrap().get(..64).unwrap().to_owned()
}

#[test]
fn what_does_not_belong_together_is_refused() {
    let base = scratch("other.kld");
    save(&base, &[]).ok();
    let stories = model("stories260K-f32.gguf");
    trinity(["eval", "kl", &stories, "--base", &base, "-c", "64"]).fails(1, &["window length", "128", "64"]);
    let smollm2 = testkit::smollm2_path();
    trinity(["eval", "kl", smollm2.to_str().unwrap(), "--base", &base]).fails(1, &["vocabulary", "512", "49152"]);
    let text = scratch("another.txt");
    fs::write(&text, "Once upon a time there was a dragon. ".repeat(60)).unwrap();
    trinity(["eval", "kl", &stories, "--base", &base, "--file", &text]).fails(1, &["other.kld", "token"]);
    trinity(["eval", "kl", &stories, "--base", &stories]).fails(1, &["TRIKLD01"]);
    trinity(["eval", "kl", &stories]).fails(2, &["--base"]);
    trinity(["eval", "kl", &stories, "--save-base", &base]).fails(2, &["--file"]);
    let nowhere = ["eval", "perplexity", &stories, "--file", &text, "--receipt", "/nowhere/r.json"];
    trinity(nowhere).fails(1, &["/nowhere/r.json"]);
}
