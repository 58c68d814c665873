//! The parts of `tokenizer.json` that decide ids. Source: the `tokenizers` crate's own serialisation (0.20 to 0.23).

use std::{fmt, path::Path};

use serde::{
    Deserialize, Deserializer,
    de::{Error as _, SeqAccess, Visitor},
};
use serde_json::Value;

use crate::{Error, hf::fields::brief, json, json::Entries};

/// The content of `tokenizer.json`, as far as it decides ids.
#[derive(Deserialize)]
pub(super) struct TokenizerJson {
    #[serde(default)]
    pub(super) added_tokens: Vec<AddedToken>,
    #[serde(default)]
    pub(super) normalizer: Option<Value>,
    #[serde(default)]
    pub(super) pre_tokenizer: Option<Value>,
    #[serde(default)]
    pub(super) post_processor: Option<Value>,
    pub(super) model: Model,
}

/// A token that text is searched for before anything else happens to it.
#[derive(Deserialize)]
pub(super) struct AddedToken {
    pub(super) id: u32,
    pub(super) content: String,
    #[serde(default)]
    pub(super) single_word: bool,
    #[serde(default)]
    pub(super) lstrip: bool,
    #[serde(default)]
    pub(super) rstrip: bool,
    /// Whether the token is looked for in normalized text, if the file says.
    #[serde(default)]
    pub(super) normalized: Option<bool>,
    #[serde(default)]
    pub(super) special: bool,
}

impl AddedToken {
    /// Makes a token of a list that has only spellings.
    pub(super) fn plain(id: u32, content: &str, special: bool) -> Self {
        let content = content.to_owned();
        Self { id, content, single_word: false, lstrip: false, rstrip: false, normalized: None, special }
    }

    /// Whether the token is looked for in normalized text; where the file does not say, as `tokenizers` takes it.
    pub(super) fn is_normalized(&self) -> bool {
        self.normalized.unwrap_or(!self.special)
    }
}

/// The section `model`, which must be a BPE, or WordPiece's vocabulary.
#[derive(Deserialize, Default)]
pub(super) struct Model {
    #[serde(rename = "type", default)]
    pub(super) kind: Option<String>,
    #[serde(default)]
    pub(super) dropout: Option<f32>,
    #[serde(default)]
    pub(super) unk_token: Option<String>,
    #[serde(default)]
    pub(super) continuing_subword_prefix: Option<String>,
    #[serde(default)]
    pub(super) end_of_word_suffix: Option<String>,
    #[serde(default)]
    pub(super) byte_fallback: bool,
    #[serde(default)]
    pub(super) ignore_merges: bool,
    pub(super) vocab: Entries<u32>,
    #[serde(default)]
    pub(super) merges: Vec<Merge>,
}

/// Two tokens that become one; `"left right"` in older files, `["left", "right"]` in newer ones.
#[derive(Debug)]
pub(super) struct Merge {
    pub(super) left: String,
    pub(super) right: String,
}

impl Merge {
    /// Parses a merge spelled `left right`.
    pub(super) fn of_line(text: &str) -> Option<Self> {
        let (left, right) = text.split_once(' ')?;
        let is_pair = !left.is_empty() && !right.is_empty() && !right.contains(' ');
        is_pair.then(|| Self { left: left.to_owned(), right: right.to_owned() })
    }
}

impl<'de> Deserialize<'de> for Merge {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Pair;

        impl<'de> Visitor<'de> for Pair {
            type Value = Merge;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a merge: \"left right\" or [left, right]")
            }

            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Merge, E> {
                let wrong = || E::custom(format!("merge {text:?}, expected two tokens and a space between"));
                Merge::of_line(text).ok_or_else(wrong)
            }

            fn visit_seq<S: SeqAccess<'de>>(self, mut list: S) -> Result<Merge, S::Error> {
                let wrong = || S::Error::custom("a merge that is no list of two tokens");
                let left = list.next_element()?.ok_or_else(wrong)?;
                let right = list.next_element()?.ok_or_else(wrong)?;
                if list.next_element::<String>()?.is_some() { Err(wrong()) } else { Ok(Merge { left, right }) }
            }
        }

        deserializer.deserialize_any(Pair)
    }
}

impl TokenizerJson {
    /// Reads the file; `None` if there is none.
    pub(super) fn read(file: &Path) -> Result<Option<Self>, Error> {
        let Some(json) = json::read::<Self>(file)? else { return Ok(None) };
        json.check(file)?;
        Ok(Some(json))
    }

    /// Whether words are cut into the longest tokens (BERT).
    pub(super) fn is_word_piece(&self) -> bool {
        self.model.kind.as_deref() == Some("WordPiece")
    }

    fn check(&self, file: &Path) -> Result<(), Error> {
        let model = &self.model;
        let refuse = |key: &str, got: &str, expected: &str| {
            Err(json::invalid(file, format!("model.{key}: {got}, expected {expected}")))
        };
        if self.is_word_piece() {
            return match model.continuing_subword_prefix.as_deref() {
                None | Some("##") => Ok(()),
                Some(other) => refuse("continuing_subword_prefix", &format!("{other:?}"), "\"##\""),
            };
        }
        if model.kind.as_deref().is_some_and(|kind| kind != "BPE") {
            return refuse("type", model.kind.as_deref().unwrap_or_default(), "BPE or WordPiece");
        }
        if model.dropout.is_some_and(|share| share != 0.0) {
            return refuse("dropout", "set", "none");
        }
        for (key, value) in [
            ("continuing_subword_prefix", &model.continuing_subword_prefix),
            ("end_of_word_suffix", &model.end_of_word_suffix),
        ] {
            if let Some(text) = value.as_deref().filter(|text| !text.is_empty()) {
                return refuse(key, &format!("{text:?}"), "none");
            }
        }
        Ok(())
    }
}

/// Returns the steps of a normalizer, pre-tokenizer or post-processor; sequences, also nested ones, are flattened.
pub(super) fn steps<'a>(value: Option<&'a Value>, list_key: &str) -> Vec<&'a Value> {
    fn flatten<'a>(value: &'a Value, list_key: &str, out: &mut Vec<&'a Value>) {
        match value.get(list_key).and_then(Value::as_array) {
            Some(list) if kind(value) == "Sequence" => list.iter().for_each(|step| flatten(step, list_key, out)),
            _ => out.push(value),
        }
    }
    let mut out = Vec::new();
    if let Some(value) = value.filter(|v| !v.is_null()) {
        flatten(value, list_key, &mut out);
    }
    out
}

/// Returns the `type` of a step.
pub(super) fn kind(step: &Value) -> &str {
    step.get("type").and_then(Value::as_str).unwrap_or_default()
}

/// Whether the step's flag is set; `default` is what `tokenizers` takes where it is not there.
pub(super) fn flag(step: &Value, key: &str, default: bool) -> bool {
    step.get(key).and_then(Value::as_bool).unwrap_or(default)
}

/// Makes an error about a step that GGUF cannot say.
pub(super) fn unknown(file: &Path, section: &str, steps: &[&Value], why: &str) -> Error {
    let steps: Vec<String> = steps.iter().map(|step| brief(step)).collect();
    json::invalid(file, format!("{section}: {why}: {}", steps.join(", ")))
}
