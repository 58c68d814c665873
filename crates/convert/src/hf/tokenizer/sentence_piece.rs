//! `tokenizer.json` files that were SentencePiece models once: space is `▁`, what is no token becomes bytes.
//!
//! GGUF has SentencePiece's own form, in which any two neighbours merge whose text together is a token, best score first; the JSON
//! has a list of merges. They are the same if the list holds every such pair and all pairs of a token stand together; then the score
//! is the place in the list. Both are checked. Source: transformers' `convert_slow_tokenizer.py` makes the list so from the scores.

use std::{
    collections::{HashMap, HashSet},
    path::Path,
};

use gguf::{Array, Metadata, Value};

use super::{
    json::{Merge, TokenizerJson, flag, kind, steps, unknown},
    vocabulary::{Kind, Vocabulary},
};
use crate::{Error, json};

const SPACE: &str = "▁";
/// The score of added tokens, which are found and not merged; as llama.cpp writes it.
const ADDED_SCORE: f32 = -1000.0;

/// Sets the scores, and whether a space goes in front of a text.
pub(super) fn write(
    file: &Path,
    json: &TokenizerJson,
    vocabulary: &Vocabulary,
    metadata: &mut Metadata,
) -> Result<(), Error> {
    if json.model.ignore_merges {
        return Err(json::invalid(file, "model.ignore_merges: true, expected false beside byte_fallback"));
    }
    let has_prefix = has_space_prefix(file, json)?;
    metadata.set("tokenizer.ggml.scores", Value::Array(Array::F32(scores(file, &json.model.merges, vocabulary)?)));
    metadata.set("tokenizer.ggml.add_space_prefix", Value::Bool(has_prefix));
    Ok(())
}

/// Does the tokenizer put a space in front of a text? In newer files only in front of the first piece (`prepend_scheme` first), which
/// GGUF cannot say: its readers put one after control tokens as well.
fn has_space_prefix(file: &Path, json: &TokenizerJson) -> Result<bool, Error> {
    let is_text = |step: &serde_json::Value, key: &str, text: &str| step.get(key).is_some_and(|v| v == text);
    let (mut is_prepended, mut is_replaced) = (false, false);
    for step in steps(json.normalizer.as_ref(), "normalizers") {
        match kind(step) {
            "Prepend" if is_text(step, "prepend", SPACE) => is_prepended = true,
            "Replace"
                if is_text(step, "content", SPACE)
                    && step.get("pattern").is_some_and(|p| is_text(p, "String", " ")) =>
            {
                is_replaced = true;
            }
            _ => return Err(unknown(file, "normalizer", &[step], "GGUF cannot say it")),
        }
    }
    for step in steps(json.pre_tokenizer.as_ref(), "pretokenizers") {
        match kind(step) {
            "Metaspace" if is_text(step, "replacement", SPACE) && !flag(step, "split", true) => {
                is_replaced = true;
                is_prepended |= match step.get("prepend_scheme").and_then(|s| s.as_str()) {
                    Some("always" | "first") => true,
                    Some(_) => false,
                    None => flag(step, "add_prefix_space", true),
                };
            }
            // Gemma: there is no space left to split at.
            "Split" if is_replaced && step.get("pattern").is_some_and(|p| is_text(p, "String", " ")) => {}
            _ => return Err(unknown(file, "pre_tokenizer", &[step], "GGUF cannot say it")),
        }
    }
    if is_replaced {
        Ok(is_prepended)
    } else {
        Err(json::invalid(file, "normalizer: expected one that spells space as ▁"))
    }
}

fn scores(file: &Path, merges: &[Merge], vocabulary: &Vocabulary) -> Result<Vec<f32>, Error> {
    let refuse = |what: String| Err(json::invalid(file, what));
    let ids: HashMap<&str, usize> = vocabulary.plain().map(|(id, text)| (text, id)).collect();
    let mut scores: Vec<f32> =
        vocabulary.kinds.iter().map(|kind| if *kind == Kind::UserDefined { ADDED_SCORE } else { 0.0 }).collect();
    let mut pairs = HashSet::with_capacity(merges.len());
    let mut made = HashSet::new();
    let mut last = None;
    for (rank, merge) in merges.iter().enumerate() {
        let text = format!("{}{}", merge.left, merge.right);
        pairs.insert((merge.left.as_str(), merge.right.as_str()));
        let Some(&id) = ids.get(text.as_str()) else {
            if vocabulary.is_added(&text) {
                continue;
            }
            return refuse(format!("model.merges[{rank}]: makes {text:?}, which is no token"));
        };
        if last != Some(id) && !made.insert(id) {
            return refuse(format!(
                "model.merges[{rank}]: makes {text:?}, whose other merges stand elsewhere in the list"
            ));
        }
        if last != Some(id)
            && let Some(score) = scores.get_mut(id)
        {
            *score = -(rank as f32);
        }
        last = Some(id);
    }
    for &text in ids.keys() {
        let splits = text.char_indices().skip(1).filter_map(|(at, _)| text.split_at_checked(at));
        for (left, right) in splits {
            if ids.contains_key(left) && ids.contains_key(right) && !pairs.contains(&(left, right)) {
                return refuse(format!(
                    "model.merges: {left:?} and {right:?} make the token {text:?}, but no merge says so"
                ));
            }
        }
    }
    Ok(scores)
}
