//! `trinity eval compare`.

use std::{fs, path::PathBuf};

use gguf::{Container, Value};

use crate::program::{Outcome, trinity};

fn data(name: &str) -> String {
    testkit::data(name).to_str().unwrap().to_owned()
}

/// The verdict and the exit code; nothing is an error.
fn check(first: &str, second: &str, code: i32, verdict: &str) -> Outcome {
    let outcome = trinity(["eval", "compare", first, second]);
    assert_eq!((outcome.code, outcome.stderr.as_str()), (code, ""), "{first} {second}: {}", outcome.text());
    let last = outcome.text().lines().last().unwrap().to_owned();
    assert!(last.starts_with(verdict), "{first} {second}: {last}, expected {verdict}");
    outcome
}

#[test]
fn copies_quantised_copies_and_strangers_are_told_apart() {
    let stories = data("tiny-models/stories260K-f32.gguf");
    check(&stories, &stories, 0, "identical weights");
    check("stories260k", "stories260k", 0, "identical weights");
    let (tq1, tq2) = (data("golden/llama-256-ternary-TQ1_0.gguf"), data("golden/llama-256-ternary-TQ2_0.gguf"));
    check(&tq1, &tq2, 0, "same weights in other formats (exact)");
    check(&stories, &data("tiny-models/stories260K-q8_0.gguf"), 1, "close: blk.0.attn_v.weight");
    // The coarsest format there is.
    check(&data("golden/llama-256.gguf"), &data("golden/llama-256-Q1_0.gguf"), 1, "close: ");
    check(&data("golden/llama-256.gguf"), &tq2, 1, "different: ");
    let other = check(&stories, &data("golden/llama.gguf"), 1, "different: token_embd.weight has another shape");
    for part in ["llama.block_count: 5 | 2", "[64, 512] | [64, 128]", "only in the first", "48 differ"] {
        assert!(other.text().contains(part), "{part} in {}", other.text());
    }
}

#[test]
fn metadata_counts_where_it_changes_what_is_computed() {
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("eval-compare");
    fs::create_dir_all(&folder).unwrap();
    let stories = testkit::data("tiny-models/stories260K-f32.gguf");
    let edited = |name: &str, key: &str, value: Value| {
        let mut metadata = Container::open(&stories).unwrap().metadata().clone();
        metadata.set(key, value);
        let path = folder.join(name);
        gguf::rewrite_metadata(&stories, &metadata, &path).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let stories = stories.to_str().unwrap();
    let renamed = edited("renamed.gguf", "general.name", Value::String("another".to_owned()));
    assert!(
        check(stories, &renamed, 0, "identical weights").text().contains("general.name: \"stories260K\" | \"another\"")
    );
    let turned = edited("turned.gguf", "llama.rope.freq_base", Value::F32(500.0));
    check(stories, &turned, 1, "different: llama.rope.freq_base is ");
}

#[test]
fn logits_are_compared_on_a_text() {
    let (f32, q8_0) = (data("tiny-models/stories260K-f32.gguf"), data("tiny-models/stories260K-q8_0.gguf"));
    let text = data("story-corpus/tinystories-sample-0.9MB.txt");
    let compare = |second: &str| {
        let fixed =
            ["eval", "compare", &f32, second, "--logits", "--file", &text, "-c", "64", "--chunks", "2", "--json"];
        trinity(fixed)
    };
    let same = compare(&f32).ok().json();
    assert_eq!((&same["logits"]["is_identical"], &same["logits"]["nmse"]), (&true.into(), &0.0.into()));
    assert_eq!((&same["logits"]["n_rows"], &same["verdict"]["answer"]), (&128.into(), &"identical".into()));
    let close = compare(&q8_0);
    assert_eq!(close.code, 1);
    let close = close.json();
    let nmse = close["logits"]["nmse"].as_f64().unwrap();
    assert!(close["logits"]["is_identical"] == false && nmse > 1e-7 && nmse < 1e-2, "{close}");
    assert_eq!(close["tensors"].as_array().unwrap().len(), 47);
    trinity(["eval", "compare", &f32, &q8_0, "--logits"]).fails(2, &["--file"]);
    let strangers = ["eval", "compare", &f32, &data("golden/llama.gguf"), "--logits", "--file", &text, "-c", "64"];
    trinity(strangers).fails(1, &["vocabulary", "512", "128"]);
}
