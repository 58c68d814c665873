//! What a file must say, and the line that refuses it.

use crate::support::{small, strings};
use gguf::{Array, Metadata, Value};
use tokenizer::Tokenizer;

const NORMAL: i32 = 1;
const CONTROL: i32 = 3;
const BYTE: i32 = 6;

fn spm() -> Metadata {
    let scores = Value::Array(Array::F32(vec![0.0, 0.0, 0.0, -1.0]));
    let pieces = [("<unk>", 2), ("<s>", CONTROL), ("</s>", CONTROL), ("▁a", NORMAL)];
    small("llama", &pieces, &[("tokenizer.ggml.scores", scores)])
}

fn bpe() -> Metadata {
    let pieces = [("a", NORMAL), ("b", NORMAL), ("ab", NORMAL), ("<|x|>", CONTROL)];
    small(
        "gpt2",
        &pieces,
        &[("tokenizer.ggml.pre", Value::String("gpt-2".into())), ("tokenizer.ggml.merges", strings(&["a b"]))],
    )
}

fn check(mut metadata: Metadata, key: &str, value: Option<Value>, expected: &str) {
    match value {
        Some(value) => metadata.set(key, value),
        None => assert!(metadata.remove(key)),
    }
    assert_eq!(Tokenizer::from_gguf(&metadata).unwrap_err().to_string(), expected);
}

#[test]
fn the_plain_files_load() {
    for metadata in [spm(), bpe()] {
        Tokenizer::from_gguf(&metadata).unwrap();
    }
}

#[test]
fn missing_and_unknown_names() {
    check(bpe(), "tokenizer.ggml.model", None, "tokenizer.ggml.model is missing");
    check(bpe(), "tokenizer.ggml.pre", None, "tokenizer.ggml.pre is missing");
    check(bpe(), "tokenizer.ggml.tokens", None, "tokenizer.ggml.tokens is missing");
    check(bpe(), "tokenizer.ggml.merges", None, "tokenizer.ggml.merges is missing");
    let name = |name: &str| Some(Value::String(name.into()));
    check(bpe(), "tokenizer.ggml.pre", name("gpt-3"), "tokenizer.ggml.pre: unknown pre-tokenizer \"gpt-3\"");
    let none = "tokenizer.ggml.model: the file has no tokenizer, only token ids";
    check(bpe(), "tokenizer.ggml.model", name("no_vocab"), none);
    check(
        bpe(),
        "tokenizer.ggml.model",
        name("plamo2"),
        "tokenizer.ggml.model: unknown tokenizer \"plamo2\", expected one of llama, gpt2, gemma4, bert, rwkv",
    );
}

#[test]
fn lengths() {
    let types = Some(Value::Array(Array::I32(vec![1, 1, 1])));
    check(bpe(), "tokenizer.ggml.token_type", types, "tokenizer.ggml.token_type: 3 entries for 4 tokens");
    let scores = Some(Value::Array(Array::F32(vec![0.0; 5])));
    check(spm(), "tokenizer.ggml.scores", scores, "tokenizer.ggml.scores: 5 entries for 4 tokens");
    check(bpe(), "tokenizer.ggml.tokens", Some(strings(&[])), "tokenizer.ggml.tokens: no tokens");
    let long = "x".repeat(65_537);
    check(
        bpe(),
        "tokenizer.ggml.tokens",
        Some(strings(&["a", "b", &long, "c"])),
        "token 2: 65537 bytes, more than the limit of 65536 for a token",
    );
    let long = "x".repeat(1025);
    check(
        bpe(),
        "tokenizer.ggml.tokens",
        Some(strings(&["a", "b", "ab", &long])),
        "token 3: 1025 bytes, more than the limit of 1024 for an added token",
    );
}

#[test]
fn values() {
    let types = Some(Value::Array(Array::I32(vec![1, 1, 7, 1])));
    check(bpe(), "tokenizer.ggml.token_type", types, "token 2: type 7, expected 0 to 6");
    let scores = Some(Value::Array(Array::F32(vec![0.0, f32::NAN, 0.0, 0.0])));
    check(spm(), "tokenizer.ggml.scores", scores, "token 1: score NaN, expected a number");
    check(
        bpe(),
        "tokenizer.ggml.tokens",
        Some(strings(&["a", "b", "ab", "ab"])),
        "tokens 2 and 3 are both spelled \"ab\"",
    );
    let types = Some(Value::Array(Array::I32(vec![2, 3, 3, BYTE])));
    check(spm(), "tokenizer.ggml.token_type", types, "token 3: byte token spelled \"▁a\", expected <0x00> to <0xFF>");
}

#[test]
fn merges() {
    let merges = |merge: &str| Some(strings(&["a b", merge]));
    let key = "tokenizer.ggml.merges";
    check(bpe(), key, merges("a x"), "merge 1: \"x\" is no token");
    check(bpe(), key, merges("b a"), "merge 1: \"ba\" is no token");
    check(bpe(), key, merges("ab"), "merge 1: \"ab\", expected two pieces with a space between");
    check(bpe(), key, merges("a "), "merge 1: \"a \", expected two pieces with a space between");
    check(bpe(), key, merges(""), "merge 1: \"\", expected two pieces with a space between");
}

#[test]
fn special_tokens() {
    let key = "tokenizer.ggml.bos_token_id";
    check(
        bpe(),
        "tokenizer.ggml.add_eos_token",
        Some(Value::Bool(true)),
        "tokenizer.ggml.add_eos_token is true, but tokenizer.ggml.eos_token_id is missing",
    );
    let mut wrong = bpe();
    wrong.set(key, Value::String("1".into()));
    let error = Tokenizer::from_gguf(&wrong).unwrap_err().to_string();
    assert!(error.contains(key), "{error}");
}

#[test]
fn the_oracle_takes_anything() {
    tokenizer::oracle(b"");
    tokenizer::oracle(b"GGUF");
    let mut bytes = std::fs::read(testkit::data("tiny-models/stories260K-f32.gguf")).unwrap();
    tokenizer::oracle(&bytes);
    let mut rng = testkit::Rng::new(1);
    for _ in 0..40 {
        let at = rng.below(12_000);
        let before = std::mem::replace(&mut bytes[at], (rng.bits() >> 56) as u8);
        tokenizer::oracle(&bytes);
        bytes[at] = before;
    }
}
