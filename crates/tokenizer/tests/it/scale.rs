//! Long and hostile inputs cost what long inputs cost.

use crate::support::{encode, ids, load, small};
use std::time::{Duration, Instant};
use tokenizer::Tokenizer;

/// Longest time of a test: quadratic code needs minutes, ours a fraction of a second, so a slow machine passes and a
/// wrong loop fails.
const TIME_MAX: Duration = Duration::from_secs(20);

fn check(name: &str, text: &str) {
    let tokenizer = load(name);
    let start = Instant::now();
    let tokens = encode(&tokenizer, text);
    assert_eq!(tokenizer.decode(&ids(&tokens), false), text.as_bytes(), "{name}");
    assert!(start.elapsed() < TIME_MAX, "{name}: {:?} for {} bytes", start.elapsed(), text.len());
}

#[test]
fn a_megabyte_of_one_letter() {
    let text = "a".repeat(1 << 20);
    for name in ["gpt-2", "llama-bpe", "llama-spm", "gemma-4", "smollm2"] {
        check(name, &text);
    }
}

#[test]
fn a_megabyte_of_hostile_patterns() {
    for pattern in [" ", "\n", "<", "<|", "1", "'", "ABcd", "\u{301}", "文", "Ａ", " \n", "!?"] {
        let text = pattern.repeat((1 << 18) / pattern.len());
        for name in ["gpt-2", "llama-bpe", "deepseek-llm", "qwen35", "llama-spm", "gemma-4"] {
            check(name, &text);
        }
    }
}

#[test]
fn a_long_word_of_wordpieces() {
    let tokenizer = load("bert-bge");
    let start = Instant::now();
    assert_eq!(encode(&tokenizer, &"é".repeat(1 << 18)).len(), 131_072);
    assert!(start.elapsed() < TIME_MAX);
}

/// Tokens that begin with each other, and tokens that nearly are what the text is.
#[test]
fn the_longest_of_nested_tokens() {
    let nested: Vec<String> = (1..=3_000).map(|n| "a".repeat(n)).collect();
    let near: Vec<String> = (1..=3_000).map(|n| "b".repeat(n) + "a").chain(["b".to_owned()]).collect();
    for (pieces, text, n_tokens) in [
        (&nested, "a".repeat(1 << 20), (1_usize << 20).div_ceil(3_000)),
        (&nested, "ac".repeat(1 << 19), 1 << 19),
        (&near, "b".repeat(1 << 17), 1 << 17),
    ] {
        let pieces: Vec<(&str, i32)> = pieces.iter().map(|piece| (piece.as_str(), 1)).collect();
        let tokenizer = Tokenizer::from_gguf(&small("rwkv", &pieces, &[])).unwrap();
        let start = Instant::now();
        assert_eq!(encode(&tokenizer, &text).len(), n_tokens);
        assert!(start.elapsed() < TIME_MAX, "{:?} for {} bytes", start.elapsed(), text.len());
    }
}
