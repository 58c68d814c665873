//! `trinity eval noise`.

use std::{fs, path::PathBuf};

use gguf::{Array, Container, Value};

use crate::program::trinity;

/// A golden ternary model, which has no tokenizer, with one token for each byte.
fn ternary_model(folder: &str, golden: &str) -> String {
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(folder);
    fs::create_dir_all(&folder).unwrap();
    let source = testkit::data(&format!("golden/{golden}.gguf"));
    let mut metadata = Container::open(&source).unwrap().metadata().clone();
    metadata.set("tokenizer.ggml.model", Value::String("llama".to_owned()));
    metadata.set("tokenizer.ggml.add_bos_token", Value::Bool(false));
    let tokens = (0..256).map(|byte| format!("<0x{byte:02X}>")).collect();
    metadata.set("tokenizer.ggml.tokens", Value::Array(Array::String(tokens)));
    metadata.set("tokenizer.ggml.token_type", Value::Array(Array::I32(vec![6; 256])));
    metadata.set("tokenizer.ggml.scores", Value::Array(Array::F32(vec![0.0; 256])));
    let model = folder.join(format!("{golden}.gguf"));
    gguf::rewrite_metadata(&source, &metadata, &model).unwrap();
    model.to_str().unwrap().to_owned()
}

#[test]
fn flipped_trits_change_perplexity_and_both_containers_alike() {
    let text = testkit::data("eval-text/wikitext2-raw-test.txt").to_str().unwrap().to_owned();
    let measure = |model: &str, seed: &str| {
        let fixed = ["eval", "noise", model, "--file", &text, "-c", "64", "--chunks", "2", "--rates", "0.01,0.2"];
        trinity(fixed.iter().chain(&["--seed", seed, "--json"])).ok().json()
    };
    let model = ternary_model("eval-noise", "llama-256-ternary-TQ2_0");
    let table = measure(&model, "1");
    let rows = table["rows"].as_array().unwrap();
    let n_flipped: Vec<u64> = rows.iter().map(|row| row["n_flipped"].as_u64().unwrap()).collect();
    // 589,824 trits; standard deviations 76 and 307.
    assert_eq!((n_flipped[0], rows[0]["n_trits"].as_u64().unwrap(), &rows[0]["ratio"]), (0, 589_824, &1.0.into()));
    assert!((5500..6300).contains(&n_flipped[1]) && (116_400..119_500).contains(&n_flipped[2]), "{n_flipped:?}");
    let clean = ["eval", "perplexity", &model, "--file", &text, "-c", "64", "--chunks", "2", "--json"];
    assert_eq!(trinity(clean).ok().json()["perplexity"], rows[0]["perplexity"]);
    assert_ne!(rows[1]["perplexity"], rows[0]["perplexity"]);
    assert_ne!(rows[2]["perplexity"], rows[1]["perplexity"]);

    assert_eq!(measure(&model, "1"), table, "a seed gives the same changes");
    assert_ne!(measure(&model, "2")["rows"][1]["perplexity"], rows[1]["perplexity"]);
    let other = ternary_model("eval-noise", "llama-256-ternary-TQ1_0");
    assert_eq!(measure(&other, "1"), table, "the same weights in another container");
}

#[test]
fn what_cannot_be_changed_is_refused() {
    let text = testkit::data("story-corpus/tinystories-sample-0.9MB.txt").to_str().unwrap().to_owned();
    let stories = testkit::data("tiny-models/stories260K-q8_0.gguf").to_str().unwrap().to_owned();
    trinity(["eval", "noise", &stories, "--file", &text]).fails(1, &["stories260K-q8_0", "no ternary matrix"]);
    trinity(["eval", "noise", &stories, "--file", &text, "--rates", "1.5"]).fails(2, &["1.5", "0 to 1"]);
}
