//! `tokenizer.json` files that were SentencePiece models once: space is `▁`, what is no token becomes bytes.
//!
//! GGUF has SentencePiece's own form, in which any two neighbours merge whose text together is a token, best score
//! first; the JSON has a list of merges. They are the same if the list holds every such pair and all pairs of a token
//! stand together; then the score is the place in the list. Source: transformers' `convert_slow_tokenizer.py` makes the
//! list so from the scores. Files keep the list as well, by which our own tokenizer goes; whether others read the same
//! from the scores is checked, and said where not.

use std::{
    collections::{HashMap, HashSet},
    path::Path,
};

use gguf::{Array, Metadata, Value};

use super::{
    json::{Merge, TokenizerJson, flag, kind, steps},
    vocabulary::{Kind, Vocabulary},
};
use crate::{Error, json::invalid};

const SPACE: &str = "▁";
/// Score of added tokens, which are found and not merged; as llama.cpp writes it.
const ADDED_SCORE: f32 = -1000.0;

/// Sets merges and scores, and whether a space goes in front of a text. The returned lines say where the scores cannot
/// say what the merges do.
pub(super) fn write(
    file: &Path,
    json: &TokenizerJson,
    vocabulary: &Vocabulary,
    metadata: &mut Metadata,
) -> Result<Vec<String>, Error> {
    if json.model.ignore_merges {
        return Err(invalid(file, "model.ignore_merges: true, expected false beside byte_fallback"));
    }
    let has_prefix = has_space_prefix(file, json)?;
    let scores = Scores::new(file, &json.model.merges, vocabulary)?;
    metadata.set("tokenizer.ggml.scores", Value::Array(Array::F32(scores.of_tokens)));
    metadata.set("tokenizer.ggml.add_space_prefix", Value::Bool(has_prefix));
    let pieces = |merge: &&Merge| {
        let is_written = |piece: &str| vocabulary.writes(piece);
        is_written(&merge.left) && is_written(&merge.right) && is_written(&format!("{}{}", merge.left, merge.right))
    };
    let merges = json.model.merges.iter().filter(pieces).map(|merge| format!("{} {}", merge.left, merge.right));
    metadata.set("tokenizer.ggml.merges", Value::Array(Array::String(merges.collect())));
    Ok(scores
        .differs
        .map(|what| format!("{}: {what}: other programs, which go by scores, may read other ids", file.display()))
        .into_iter()
        .collect())
}

/// Whether the tokenizer puts a space in front of a text. GGUF's readers put one after control tokens as well; what
/// exactly is done stands in the pipeline.
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
            _ => {}
        }
    }
    for step in steps(json.pre_tokenizer.as_ref(), "pretokenizers") {
        if kind(step) == "Metaspace" {
            is_replaced = true;
            is_prepended |= match step.get("prepend_scheme").and_then(|s| s.as_str()) {
                Some("always" | "first") => true,
                Some(_) => false,
                None => flag(step, "add_prefix_space", true),
            };
        }
    }
    if is_replaced { Ok(is_prepended) } else { Err(invalid(file, "normalizer: expected one that spells space as ▁")) }
}

/// Scores of all tokens, GGUF's form of a list of merges.
struct Scores {
    of_tokens: Vec<f32>,
    /// First merge that the scores cannot say.
    differs: Option<String>,
}

impl Scores {
    fn new(file: &Path, merges: &[Merge], vocabulary: &Vocabulary) -> Result<Self, Error> {
        let ids: HashMap<&str, usize> = vocabulary.plain().map(|(id, text)| (text, id)).collect();
        let score = |kind: &Kind| if *kind == Kind::UserDefined { ADDED_SCORE } else { 0.0 };
        let mut of_tokens: Vec<f32> = vocabulary.kinds.iter().map(score).collect();
        let mut pairs = HashSet::with_capacity(merges.len());
        let (mut made, mut last, mut differs) = (HashSet::new(), None, None);
        for (rank, merge) in merges.iter().enumerate() {
            if [&merge.left, &merge.right].iter().any(|side| side.is_empty() || side.contains(' ')) {
                let what = format!("model.merges[{rank}]: {merge:?}, expected two tokens without spaces");
                return Err(invalid(file, what));
            }
            let text = format!("{}{}", merge.left, merge.right);
            pairs.insert((merge.left.as_str(), merge.right.as_str()));
            let Some(&id) = ids.get(text.as_str()) else {
                if vocabulary.is_added(&text) {
                    continue;
                }
                return Err(invalid(file, format!("model.merges[{rank}]: makes {text:?}, which is no token")));
            };
            if last == Some(id) {
                continue;
            }
            last = Some(id);
            if made.insert(id) {
                of_tokens.get_mut(id).into_iter().for_each(|score| *score = -(rank as f32));
            } else {
                differs.get_or_insert_with(|| {
                    format!("model.merges[{rank}]: makes {text:?}, whose other merges stand elsewhere in the list")
                });
            }
        }
        for (_, text) in vocabulary.plain() {
            let mut splits = text.char_indices().skip(1).filter_map(|(at, _)| text.split_at_checked(at));
            let is_unsaid = |(left, right): &(&str, &str)| {
                ids.contains_key(left) && ids.contains_key(right) && !pairs.contains(&(*left, *right))
            };
            if let (None, Some((left, right))) = (&differs, splits.find(is_unsaid)) {
                let what =
                    format!("model.merges: {left:?} and {right:?} make the token {text:?}, but no merge says so");
                differs = Some(what);
            }
        }
        Ok(Self { of_tokens, differs })
    }
}
