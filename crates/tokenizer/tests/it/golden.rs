//! Ids from llama.cpp, one for one.

use crate::support::{encode, encode_with, load};
use tokenizer::{ControlTokens, Kind};

/// Checks that the lines of `.out` are the ids of the texts of `.inp`, without special tokens.
fn check(name: &str, kind: Kind) {
    let tokenizer = load(name);
    assert_eq!(tokenizer.kind(), kind);
    let texts = testkit::read_text(&format!("tokenizer-vectors/ggml-vocab-{name}.gguf.inp"));
    let expected = testkit::read_text(&format!("tokenizer-vectors/ggml-vocab-{name}.gguf.out"));
    // Some of the files end with the separator.
    let texts = texts.strip_suffix("\n__ggml_vocab_test__\n").unwrap_or(&texts);
    let texts: Vec<&str> = texts.split("\n__ggml_vocab_test__\n").collect();
    let expected: Vec<Vec<u32>> =
        expected.lines().map(|line| line.split_whitespace().map(|id| id.parse().unwrap()).collect()).collect();
    assert_eq!(texts.len(), expected.len(), "{name}");
    assert!(texts.len() >= 46);
    for (i, (text, expected)) in texts.iter().zip(&expected).enumerate() {
        assert_eq!(&encode(&tokenizer, text), expected, "{name}, text {i}: {text:?}");
    }
}

macro_rules! vectors {
    ($($test:ident $name:literal $kind:ident;)*) => { $(#[test] fn $test() { check($name, Kind::$kind); })* };
}

vectors! {
    bert_bge "bert-bge" Wpm;
    deepseek_coder "deepseek-coder" Bpe;
    deepseek_llm "deepseek-llm" Bpe;
    falcon "falcon" Bpe;
    gemma_4 "gemma-4" Bpe;
    gpt_2 "gpt-2" Bpe;
    llama_bpe "llama-bpe" Bpe;
    llama_spm "llama-spm" Spm;
    mpt "mpt" Bpe;
    phi_3 "phi-3" Spm;
    qwen2 "qwen2" Bpe;
    qwen35 "qwen35" Bpe;
    refact "refact" Bpe;
    starcoder "starcoder" Bpe;
}

fn check_json(file: &str, name: &str) {
    let tokenizer = load(name);
    let cases = testkit::read_json(file);
    let cases = cases.as_array().unwrap();
    assert_eq!(cases.len(), 23);
    for case in cases {
        let text = case["text"].as_str().unwrap();
        for (key, control, add_special) in
            [("plain", ControlTokens::AsText, false), ("with_special", ControlTokens::Parse, true)]
        {
            let expected: Vec<u32> =
                case[key].as_array().unwrap().iter().map(|id| id.as_u64().unwrap() as u32).collect();
            let got = encode_with(&tokenizer, text, control, add_special);
            assert_eq!(got, expected, "{file}: {key}: {text:?}");
        }
    }
}

#[test]
fn stories260k() {
    check_json("tiny-models/tok512-llamacpp-tokens.json", "stories");
}

#[test]
fn smollm2() {
    check_json("tokenizer-vectors/smollm2-llamacpp-tokens.json", "smollm2");
}
