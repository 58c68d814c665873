//! Windows of text: how many, how long, and what is refused before work begins.

use std::fs;

use crate::program::trinity;

#[test]
fn no_window_at_all_is_a_mistake_in_the_command() {
    let model = testkit::data("tiny-models/stories260K-q8_0.gguf");
    let (model, text) = (model.to_str().unwrap(), testkit::data("eval-text/wikitext2-raw-test.txt"));
    let text = text.to_str().unwrap();
    let more: [&[&str]; 5] = [
        &["perplexity"],
        &["kl", "--save-base", "/nowhere/base"],
        &["imatrix", "--out", "/nowhere/out.gguf"],
        &["noise"],
        &["ternary-options"],
    ];
    for command in more {
        let arguments = [&["eval"], command, &[model, "--file", text, "--chunks", "0"]].concat();
        trinity(arguments).fails(2, &["--chunks", "expected 1 or more"]);
    }
    trinity(["eval", "compare", model, model, "--logits", "--file", text, "--chunks", "x"]).fails(2, &["--chunks"]);
    trinity(["quantize", model, "/nowhere/x.gguf", "--type", "q4_0", "--eval", text, "--eval-chunks", "0"])
        .fails(2, &["--eval-chunks", "expected 1 or more"]);
}

#[test]
fn help_says_what_the_context_of_a_measurement_is() {
    for command in ["perplexity", "kl", "imatrix", "noise", "compare", "ternary-options"] {
        let text = trinity(["eval", command, "-h"]).ok().text();
        assert!(text.contains("Tokens of a window [default: 512]"), "{command}: {text}");
    }
}

#[test]
fn what_cannot_be_measured_is_said_before_anything_is_written() {
    let dir = tempfile::tempdir().unwrap();
    let path = |name: &str| dir.path().join(name).to_str().unwrap().to_owned();
    let (source, out, text) = (path("model.gguf"), path("out.gguf"), path("short.txt"));
    fs::write(&text, "too short").unwrap();
    trinity(["dev", "synth", &source, "--type", "f16"]).ok();
    let quantize = ["quantize", &source, &out, "--type", "q8_0", "--eval", &text];
    trinity(quantize).fails(1, &["short.txt", "--eval needs 512"]);
    // A model of 128 positions.
    let short = testkit::data("quant-vectors/random-llama/random-llama-f16.gguf");
    let quantize = ["quantize", short.to_str().unwrap(), &out, "--type", "q8_0", "--eval", &text];
    trinity(quantize).fails(1, &["random-llama-f16.gguf", "a context of 128 tokens", "--eval needs 512"]);
    let ternarise = ["quantize", &source, &out, "--type", "q8_0", "--lossy", "--ternarise", "lsq"];
    trinity(ternarise).fails(2, &["--ternarise", "no tensor becomes ternary"]);
    assert!(!fs::exists(&out).unwrap());
}

/// A result is not written over the model or the text that it is made from.
#[test]
fn inputs_are_not_overwritten() {
    let folder = std::path::PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("inputs");
    fs::create_dir_all(&folder).unwrap();
    let model = folder.join("model.gguf");
    fs::copy(testkit::data("tiny-models/stories260K-q8_0.gguf"), &model).unwrap();
    let before = fs::read(&model).unwrap();
    let text = testkit::data("story-corpus/tinystories-sample-0.9MB.txt").to_str().unwrap().to_owned();
    let model_name = model.to_str().unwrap();
    for command in [&["imatrix", "--out", model_name][..], &["kl", "--save-base", model_name]] {
        let rest = [model_name, "--file", &text, "-c", "64", "--chunks", "1"];
        trinity(["eval"].iter().chain(command).chain(&rest)).fails(2, &["is an input of this command"]);
    }
    assert!(fs::read(&model).unwrap() == before);
}
