//! Long and hostile inputs cost what long inputs cost.

use crate::support::{encode, ids, load};
use std::time::{Duration, Instant};

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
