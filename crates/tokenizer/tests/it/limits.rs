//! Every limit of the table: what is at it passes, or fails for another reason, and what is one over is refused by it.

use gguf::{Array, Metadata, Value};
use tokenizer::{Tokenizer, limits::TABLE};

use crate::support::{small, strings};

const CONTROL: i32 = 3;

fn bpe(pieces: &[(&str, i32)]) -> Metadata {
    let more = [("tokenizer.ggml.pre", Value::String("gpt-2".into())), ("tokenizer.ggml.merges", strings(&["a b"]))];
    small("gpt2", &[&[("a", 1), ("b", 1), ("ab", 1)], pieces].concat(), &more)
}

fn many(key: &str, n: usize) -> Metadata {
    let mut metadata = bpe(&[]);
    metadata.set(key, Value::Array(Array::String(vec![String::new(); n])));
    metadata
}

fn settings(text: String) -> Metadata {
    let mut metadata = bpe(&[]);
    metadata.set(tokenizer::PIPELINE_KEY, Value::String(text));
    metadata
}

/// Returns why `n` of what the limit counts is refused; empty if it is not.
fn refusal(name: &str, n: usize) -> String {
    let split = |text: &str| {
        format!(r#"{{"type":"Split","pattern":{{"Regex":"{text}"}},"behavior":"Isolated","invert":false}}"#)
    };
    let metadata = match name {
        "tokens" => many("tokenizer.ggml.tokens", n),
        "merges" => many("tokenizer.ggml.merges", n),
        "token bytes" => bpe(&[(&"x".repeat(n), 1)]),
        "added token bytes" => bpe(&[(&"x".repeat(n), CONTROL)]),
        "tokenizer pipeline bytes" => settings(format!("{{{}}}", " ".repeat(n - 2))),
        "tokenizer steps" => settings(format!(r#"{{"normalizer": [{}]}}"#, vec![r#"{"type":"NFC"}"#; n].join(","))),
        "tokenizer expression bytes" => settings(format!(r#"{{"pre_tokenizer": [{}]}}"#, split(&"x".repeat(n)))),
        other => panic!("the limit {other:?} has no test"),
    };
    Tokenizer::from_gguf(&metadata).err().map(|error| error.to_string()).unwrap_or_default()
}

#[test]
fn one_over_each_limit_is_refused() {
    for (name, value) in TABLE {
        // A gibibyte of texts is too much for a test.
        if *name == "bytes of all tokens" {
            continue;
        }
        let n = usize::try_from(*value).unwrap();
        let (fits, over) = (refusal(name, n), refusal(name, n + 1));
        let says = |error: &str| error.contains(&(n + 1).to_string()) && error.contains(&n.to_string());
        assert!(says(&over), "{name}: one over {n}: {over:?}");
        assert!(!fits.contains("the limit of"), "{name}: {n}: {fits:?}");
    }
}
