//! Keys that differ, and whether they change what a model computes.

use gguf::{Array, Metadata, Value};
use serde::Serialize;

/// Keys that are about the file and its types, not about the model.
const IGNORED: &[&str] = &["general.alignment", "general.file_type", "general.quantization_version"];
const IGNORED_PREFIXES: &[&str] = &["split.", "quantize.imatrix."];

/// Prefixes of keys that describe: names, authors, licences, chat templates, notes of our own containers.
const DESCRIPTION_PREFIXES: &[&str] = &["general.", "tokenizer.chat_template", "trinity."];
const ARCHITECTURE: &str = "general.architecture";

/// Longest value that is shown, in characters.
const SHOWN_MAX: usize = 60;

/// A key whose values differ: its value in the first and in the second file, shortened so that what tells long ones
/// apart is shown, and whether it `matters` to what the model computes, as names and descriptions do not.
#[allow(missing_docs, reason = "the comment says what each field is")]
#[derive(Clone, PartialEq, Serialize, Debug)]
pub struct KeyDifference {
    pub key: String,
    pub first: Option<String>,
    pub second: Option<String>,
    pub matters: bool,
}

/// Returns the keys whose values differ, those of the first file in its order, then those that only the second has.
pub(super) fn differences(first: &Metadata, second: &Metadata) -> Vec<KeyDifference> {
    let only_in_second = second.iter().map(|(key, _)| key).filter(|key| first.get(key).is_none());
    let keys = first.iter().map(|(key, _)| key).chain(only_in_second);
    let is_looked_at =
        |key: &&str| !IGNORED.contains(key) && !IGNORED_PREFIXES.iter().any(|prefix| key.starts_with(prefix));
    keys.filter(is_looked_at).filter_map(|key| difference(key, first.get(key), second.get(key))).collect()
}

fn difference(key: &str, first: Option<&Value>, second: Option<&Value>) -> Option<KeyDifference> {
    let is_same = match (first, second) {
        (Some(first), Some(second)) => is_same(first, second),
        _ => false,
    };
    if is_same {
        return None;
    }
    let (first, second) = (first.map(text), second.map(text));
    let at = match (&first, &second) {
        (Some(first), Some(second)) => first.chars().zip(second.chars()).take_while(|(a, b)| a == b).count(),
        _ => 0,
    };
    let is_description = key != ARCHITECTURE && DESCRIPTION_PREFIXES.iter().any(|prefix| key.starts_with(prefix));
    let shown = |text: Option<String>| text.map(|text| shorten(&text, at));
    Some(KeyDifference { key: key.to_owned(), first: shown(first), second: shown(second), matters: !is_description })
}

/// Whether two values are the same; integers are compared without their width.
fn is_same(first: &Value, second: &Value) -> bool {
    match (first.to_i128(), second.to_i128()) {
        (Some(first), Some(second)) => first == second,
        _ => text(first) == text(second),
    }
}

/// Spells all of a value, so that different values have different texts.
fn text(value: &Value) -> String {
    match value {
        Value::String(text) => format!("{text:?}"),
        Value::Bool(value) => value.to_string(),
        Value::F32(value) => format!("{value:?}"),
        Value::F64(value) => format!("{value:?}"),
        Value::Array(array) => array_text(array),
        integer => integer.to_i128().map_or_else(String::new, |n| n.to_string()),
    }
}

fn array_text(array: &Array) -> String {
    match array {
        Array::U8(v) => format!("{v:?}"),
        Array::I8(v) => format!("{v:?}"),
        Array::U16(v) => format!("{v:?}"),
        Array::I16(v) => format!("{v:?}"),
        Array::U32(v) => format!("{v:?}"),
        Array::I32(v) => format!("{v:?}"),
        Array::F32(v) => format!("{v:?}"),
        Array::Bool(v) => format!("{v:?}"),
        Array::String(v) => format!("{v:?}"),
        Array::U64(v) => format!("{v:?}"),
        Array::I64(v) => format!("{v:?}"),
        Array::F64(v) => format!("{v:?}"),
    }
}

/// Shortens a text to [`SHOWN_MAX`] characters, character `at` among them.
fn shorten(text: &str, at: usize) -> String {
    let skipped = if at < SHOWN_MAX / 2 { 0 } else { at - SHOWN_MAX / 4 };
    let shown: String = text.chars().skip(skipped).take(SHOWN_MAX).collect();
    let is_cut = text.chars().nth(skipped + SHOWN_MAX).is_some();
    format!("{}{shown}{}", if skipped > 0 { "…" } else { "" }, if is_cut { "…" } else { "" })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(first: &[(&str, Value)], second: &[(&str, Value)], expected: &[(&str, Option<&str>, Option<&str>, bool)]) {
        let metadata = |entries: &[(&str, Value)]| {
            let mut metadata = Metadata::default();
            entries.iter().for_each(|(key, value)| metadata.set(*key, value.clone()));
            metadata
        };
        let found = differences(&metadata(first), &metadata(second));
        let found: Vec<_> =
            found.iter().map(|d| (d.key.as_str(), d.first.as_deref(), d.second.as_deref(), d.matters)).collect();
        assert_eq!(found, expected);
    }

    #[test]
    fn keys_that_differ_are_found_and_judged() {
        let string = |text: &str| Value::String(text.to_owned());
        check(
            &[
                ("general.architecture", string("llama")),
                ("general.name", string("a")),
                ("general.file_type", Value::U32(1)),
                ("llama.block_count", Value::U32(3)),
                ("llama.rope.freq_base", Value::F32(1e4)),
            ],
            &[
                ("general.name", string("b")),
                ("general.file_type", Value::U32(2)),
                ("llama.block_count", Value::U64(3)),
                ("llama.rope.freq_base", Value::F32(5e5)),
                ("split.count", Value::U16(1)),
                ("llama.vocab_size", Value::U32(9)),
            ],
            &[
                ("general.architecture", Some("\"llama\""), None, true),
                ("general.name", Some("\"a\""), Some("\"b\""), false),
                ("llama.rope.freq_base", Some("10000.0"), Some("500000.0"), true),
                ("llama.vocab_size", None, Some("9"), true),
            ],
        );
    }

    #[test]
    fn of_long_values_the_difference_is_shown() {
        let list = |last: u32| Value::Array(Array::U32((0..1000).chain([last]).collect()));
        check(&[("tokenizer.x", list(7))], &[("tokenizer.x", list(7))], &[]);
        let (first, second) = ("…996, 997, 998, 999, 7]", "…996, 997, 998, 999, 8]");
        let found = difference("tokenizer.x", Some(&list(7)), Some(&list(8))).unwrap();
        assert!(first.ends_with(found.first.unwrap().trim_start_matches('…')));
        assert!(second.ends_with(found.second.unwrap().trim_start_matches('…')));
    }
}
