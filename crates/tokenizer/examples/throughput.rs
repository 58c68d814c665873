//! How fast vocabularies load and encode: `cargo run --release -p tokenizer --example throughput [TEXT FILE]`.
//!
//! One line per vocabulary of the golden data: load in ms (best of 5, container already read), then MB/s (10^6 bytes of
//! text a second, one thread, best of 5) of the text (`WikiText` by default), of its bytes as short prompts, and of a
//! megabyte of one letter.
#![allow(clippy::print_stdout, reason = "a measuring program")]

use gguf::Container;
use std::time::Instant;
use tokenizer::{ControlTokens, Tokenizer};

const VOCABULARIES: &[&str] = &[
    "gpt-2",
    "llama-bpe",
    "qwen2",
    "deepseek-coder",
    "deepseek-llm",
    "falcon",
    "starcoder",
    "mpt",
    "gemma-4",
    "llama-spm",
    "bert-bge",
];
const N_RUNS: usize = 5;

fn best_seconds(mut run: impl FnMut()) -> f64 {
    let once = |run: &mut dyn FnMut()| {
        let start = Instant::now();
        run();
        start.elapsed().as_secs_f64()
    };
    (0..N_RUNS).map(|_| once(&mut run)).fold(f64::INFINITY, f64::min)
}

fn report(name: &str, container: &Container, text: &str) {
    let load = || Tokenizer::from_gguf(container.metadata());
    let tokenizer = match load() {
        Ok(tokenizer) => tokenizer,
        Err(error) => return println!("{name}: {error}"),
    };
    let load_ms = 1e3 * best_seconds(|| drop(load()));
    let mut ids = Vec::new();
    let encode = |text: &str, ids: &mut Vec<_>| tokenizer.encode(text, ControlTokens::Parse, false, ids);
    let whole = best_seconds(|| {
        ids.clear();
        encode(text, &mut ids);
    });
    let n_tokens = ids.len();
    let lines = best_seconds(|| {
        for line in text.lines() {
            ids.clear();
            encode(line, &mut ids);
        }
    });
    let letters = "a".repeat(1 << 20);
    let one_letter = best_seconds(|| {
        ids.clear();
        encode(&letters, &mut ids);
    });
    let rate = |seconds: f64| text.len() as f64 / 1e6 / seconds;
    println!(
        "{name:15} load {load_ms:6.1} ms   text {:6.1} MB/s   lines {:6.1} MB/s   1 MiB of 'a' {:6.1} ms   {:.2} bytes/token",
        rate(whole),
        rate(lines),
        1e3 * one_letter,
        text.len() as f64 / n_tokens as f64
    );
}

fn main() {
    let text = match std::env::args_os().nth(1) {
        None => testkit::read_text("eval-text/wikitext2-raw-test.txt"),
        Some(path) => std::fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display())),
    };
    println!("{} bytes of text", text.len());
    for name in VOCABULARIES {
        let file = format!("tokenizer-vectors/ggml-vocab-{name}.gguf");
        match Container::from_bytes(&file, testkit::read_bytes(&file)) {
            Ok(container) => report(name, &container, &text),
            Err(error) => println!("{name}: {error}"),
        }
    }
    match Container::open(&testkit::smollm2_path()) {
        Ok(container) => report("smollm2", &container, &text),
        Err(error) => println!("smollm2: {error}"),
    }
}
