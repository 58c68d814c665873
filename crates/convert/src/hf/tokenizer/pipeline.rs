//! What of a `tokenizer.json` GGUF has no keys for, under a key of ours: `docs/tokenizer-key.md`.

use std::path::Path;

use gguf::{Metadata, Value};
use serde_json::{Value as Json, json};

use super::{
    json::{TokenizerJson, flag, kind, steps, unknown},
    pre,
    vocabulary::Vocabulary,
};
use crate::{Error, json::invalid};

/// Sets `trinity.tokenizer.pipeline` where GGUF's own keys say less than the file, and the name of the pre-tokenizer of
/// a byte-level one.
pub(super) fn write(
    file: &Path,
    json: &TokenizerJson,
    vocabulary: &Vocabulary,
    is_byte_level: bool,
    metadata: &mut Metadata,
) -> Result<(), Error> {
    let normalizers = steps(json.normalizer.as_ref(), "normalizers");
    let name = is_byte_level.then(|| pre::name(json)).flatten();
    let cuts = match name {
        Some(_) => None,
        None => Some(cuts(file, json)?),
    };
    if is_byte_level {
        let name = name.unwrap_or(tokenizer::PRE_BY_PIPELINE);
        metadata.set("tokenizer.ggml.pre", Value::String(name.to_owned()));
    }
    let added = flags(json, vocabulary, !normalizers.is_empty());
    // SentencePiece's spaces are never quite what GGUF's readers make of them.
    if is_byte_level && normalizers.is_empty() && cuts.is_none() && added.is_empty() {
        return Ok(());
    }
    let mut sections = json!({"normalizer": normalizers, "added_tokens": added});
    if let Some(cuts) = cuts {
        sections["pre_tokenizer"] = cuts.into();
        sections["ignore_merges"] = json.model.ignore_merges.into();
    }
    let text = sections.to_string();
    tokenizer::check_pipeline(&text).map_err(|why| invalid(file, why))?;
    metadata.set(tokenizer::PIPELINE_KEY, Value::String(text));
    Ok(())
}

/// Returns the steps of the pre-tokenizer, with `ByteLevel` taken apart.
fn cuts(file: &Path, json: &TokenizerJson) -> Result<Vec<Json>, Error> {
    let all = steps(json.pre_tokenizer.as_ref(), "pretokenizers");
    let mut cuts = Vec::new();
    for (i, step) in all.iter().enumerate() {
        if kind(step) != "ByteLevel" {
            cuts.push((*step).clone());
            continue;
        }
        if i + 1 < all.len() {
            return Err(unknown(file, "pre_tokenizer", &all, "steps behind ByteLevel would see bytes as letters"));
        }
        let part = |add_prefix_space: bool, use_regex: bool| json!({"type": "ByteLevel", "add_prefix_space": add_prefix_space, "use_regex": use_regex});
        cuts.extend(flag(step, "add_prefix_space", true).then(|| part(true, false)));
        cuts.extend(flag(step, "use_regex", true).then(|| part(false, true)));
    }
    Ok(cuts)
}

/// Returns the added tokens that are found otherwise than GGUF's readers find them.
fn flags(json: &TokenizerJson, vocabulary: &Vocabulary, is_normalizing: bool) -> Vec<Json> {
    let mut flags = Vec::new();
    for token in &json.added_tokens {
        let Some((id, is_searched)) = vocabulary.added(&token.content) else { continue };
        let is_normalized = is_normalizing && token.is_normalized();
        let set = [
            ("lstrip", token.lstrip),
            ("rstrip", token.rstrip),
            ("single_word", token.single_word),
            ("normalized", is_normalized),
        ];
        let mut entry = json!({"id": id});
        for (flag, is_set) in set {
            if is_set {
                entry[flag] = true.into();
            }
        }
        if !is_searched {
            entry["content"] = token.content.as_str().into();
        }
        if entry.as_object().is_some_and(|entry| entry.len() > 1) {
            flags.push(entry);
        }
    }
    flags
}
