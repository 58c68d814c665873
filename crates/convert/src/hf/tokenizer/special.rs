//! Tokens with a job, and what goes around every text: from `tokenizer_config.json`, `special_tokens_map.json`, the
//! post-processor, `generation_config.json` and `config.json`, the first that says something.

use std::{collections::HashSet, path::Path};

use gguf::{Array, Metadata, Value};
use serde_json::Value as Json;

use super::{
    json::{TokenizerJson, kind, steps, unknown},
    vocabulary::Vocabulary,
};
use crate::{
    Error,
    hf::{config::Config, fields::Fields},
};

/// Jobs of tokens: their name in the files, and GGUF's key.
const JOBS: &[(&str, &str)] = &[
    ("bos", "tokenizer.ggml.bos_token_id"),
    ("eos", "tokenizer.ggml.eos_token_id"),
    ("unk", "tokenizer.ggml.unknown_token_id"),
    ("pad", "tokenizer.ggml.padding_token_id"),
];

/// Metadata key of all ends of generation, EOS first.
const EOS_LIST: &str = "tokenizer.ggml.eos_token_ids";

pub(super) fn write(
    folder: &Path,
    json: &TokenizerJson,
    vocabulary: &Vocabulary,
    config: &Config,
    metadata: &mut Metadata,
) -> Result<Vec<String>, Error> {
    let named =
        [Fields::read(&folder.join("tokenizer_config.json"))?, Fields::read(&folder.join("special_tokens_map.json"))?];
    let generation = Fields::read(&folder.join("generation_config.json"))?;
    let numbered: Vec<&Fields> = generation.iter().chain([&config.fields]).collect();
    let (mut ends, mut warnings) = (Vec::new(), Vec::new());
    for &(job, key) in JOBS {
        let mut id = None;
        // Encoders have others around their texts.
        let other = match job {
            "bos" if config.family.names.heads.is_empty() => Some("cls_token"),
            "eos" if config.family.names.heads.is_empty() => Some("sep_token"),
            _ => None,
        };
        for fields in named.iter().flatten() {
            id = id.or(by_name(fields, &format!("{job}_token"), vocabulary)?);
            if let Some(other) = other {
                id = id.or(by_name(fields, other, vocabulary)?);
            }
        }
        for fields in &numbered {
            // A list of ends says more than a name; ids of rows without a token mean nothing.
            let key = format!("{job}_token_id");
            let (ids, others) = ids_below(fields.ids(&key)?, vocabulary.tokens.len());
            warnings.extend(others.iter().map(|id| outside(fields, &key, *id, vocabulary)));
            let known: Vec<u32> = ids.into_iter().filter(|&id| vocabulary.text(id).is_some()).collect();
            if job == "eos" {
                ends.extend(known.iter().copied());
            }
            id = id.or(known.first().copied());
        }
        if let Some(id) = id {
            metadata.set(key, Value::U32(id));
            ends.retain(|&end| job != "eos" || end != id);
        }
    }
    let mut seen = HashSet::new();
    ends.retain(|&end| seen.insert(end));
    more_ends(&ends, vocabulary, metadata);
    around(&folder.join("tokenizer.json"), json, vocabulary, named.iter().flatten().next(), metadata)?;
    Ok(warnings)
}

/// Whether the configuration names `content` as a token with a job, or among more of them.
pub(super) fn has_job(config: &Fields, content: &str) -> bool {
    let is_it = |value: &Json| value.as_str().or_else(|| value.get("content")?.as_str()) == Some(content);
    let named = config.keys().filter(|key| key.ends_with("_token")).filter_map(|key| config.value(key));
    let lists = ["additional_special_tokens", "extra_special_tokens"].into_iter().filter_map(|key| config.value(key));
    named.chain(lists.filter_map(Json::as_array).flatten()).any(is_it)
}

/// Splits `ids` into those below `n_tokens` and the others: tools write −1 for "none", or the size of the vocabulary.
fn ids_below(ids: Vec<i64>, n_tokens: usize) -> (Vec<u32>, Vec<i64>) {
    let (known, others): (Vec<i64>, Vec<i64>) =
        ids.into_iter().partition(|&id| usize::try_from(id).is_ok_and(|id| id < n_tokens));
    (known.into_iter().map(|id| id as u32).collect(), others)
}

/// Returns the line about an id that counts as absent.
fn outside(fields: &Fields, key: &str, id: i64, vocabulary: &Vocabulary) -> String {
    let n_tokens = vocabulary.tokens.len();
    format!("{}: {key}: token {id}, but vocab_size is {n_tokens}: read as absent", fields.file_name())
}

/// Sets the ends of generation besides EOS: GGUF has two more keys, and where these do not hold all, there is Ollama's
/// list.
fn more_ends(ends: &[u32], vocabulary: &Vocabulary, metadata: &mut Metadata) {
    let is_message = |&&id: &&u32| vocabulary.text(id) == Some("<|eom_id|>");
    if let Some(&id) = ends.iter().find(is_message) {
        metadata.set("tokenizer.ggml.eom_token_id", Value::U32(id));
    }
    let mut turns = ends.iter().filter(|id| !is_message(id));
    match (turns.next(), turns.next()) {
        (Some(&id), None) => metadata.set("tokenizer.ggml.eot_token_id", Value::U32(id)),
        (Some(_), Some(_)) => {
            // Not one of them as EOT: the one that ends turns has a name that readers know.
            let eos = metadata.u64("tokenizer.ggml.eos_token_id").ok().flatten();
            let all = eos.map(|id| id as u32).into_iter().chain(ends.iter().copied()).collect();
            metadata.set(EOS_LIST, Value::Array(Array::U32(all)));
        }
        _ => {}
    }
}

/// Finds a token by its spelling, alone or as `content` of an object.
pub(super) fn by_name(fields: &Fields, key: &str, vocabulary: &Vocabulary) -> Result<Option<u32>, Error> {
    let text = match fields.value(key) {
        None => return Ok(None),
        Some(Json::String(text)) => text,
        Some(Json::Object(token)) if token.get("content").is_some_and(Json::is_string) => {
            token.get("content").and_then(Json::as_str).unwrap_or_default()
        }
        Some(other) => return fields.refuse(key, other, "a token, or an object with its content"),
    };
    match vocabulary.find(text) {
        // Added beyond the rows of the embedding: no model was trained with it.
        None if vocabulary.is_added(text) => Ok(None),
        None => Err(fields.error(key, format!("{text:?} is no token of tokenizer.json"))),
        found => Ok(found),
    }
}

/// Decides `add_bos_token` and `add_eos_token`: as stated, else as the post-processor's template has it.
fn around(
    file: &Path,
    json: &TokenizerJson,
    vocabulary: &Vocabulary,
    stated: Option<&Fields>,
    metadata: &mut Metadata,
) -> Result<(), Error> {
    let id = |key: &str| metadata.u64(key).ok().flatten().and_then(|id| vocabulary.text(id as u32));
    let (bos, eos) = (id("tokenizer.ggml.bos_token_id"), id("tokenizer.ggml.eos_token_id"));
    let (mut before, mut after) = (None, None);
    for step in steps(json.post_processor.as_ref(), "processors") {
        let refuse =
            || unknown(file, "post_processor", &[step], "expected the text, perhaps BOS before and EOS after it");
        match kind(step) {
            "ByteLevel" => {}
            "TemplateProcessing" => {
                let single = step.get("single").and_then(Json::as_array).ok_or_else(refuse)?;
                let special = |part: &Json| Some(part.get("SpecialToken")?.get("id")?.as_str()?.to_owned());
                let at = single.iter().position(|part| part.get("Sequence").is_some()).ok_or_else(refuse)?;
                let (head, tail) = (single.get(..at).unwrap_or_default(), single.get(at + 1..).unwrap_or_default());
                let names = |parts: &[Json]| parts.iter().map(special).collect::<Option<Vec<_>>>();
                let (head, tail) = (names(head).ok_or_else(refuse)?, names(tail).ok_or_else(refuse)?);
                let fits = |names: &[String], token: Option<&str>| match names {
                    [] => true,
                    [name] => Some(name.as_str()) == token,
                    _ => false,
                };
                if !fits(&head, bos) || !fits(&tail, eos) {
                    return Err(refuse());
                }
                (before, after) = (Some(!head.is_empty()), Some(!tail.is_empty()));
            }
            _ => return Err(refuse()),
        }
    }
    let flag = |key: &str| stated.map(|fields| fields.flag(key)).transpose().map(Option::flatten);
    let (add_bos, add_eos) = (flag("add_bos_token")?.or(before), flag("add_eos_token")?.or(after));
    for (key, add, token, name) in
        [("add_bos_token", add_bos, bos, "bos_token"), ("add_eos_token", add_eos, eos, "eos_token")]
    {
        let add = add.unwrap_or(false);
        if let (true, None, Some(fields)) = (add, token, stated) {
            return Err(fields.error(key, format!("true, but there is no {name}")));
        }
        metadata.set(format!("tokenizer.ggml.{key}"), Value::Bool(add));
    }
    Ok(())
}
