//! `tokenizer.json` and what stands beside it → `tokenizer.ggml.*`.

mod json;
mod pipeline;
mod pre;
mod sentence_piece;
mod special;
mod vocab_files;
mod vocabulary;
mod word_piece;

use std::{
    collections::{HashMap, HashSet},
    path::Path,
};

use gguf::{Array, Metadata, Value};

use super::{config::Config, fields::Fields};
use crate::{
    Error,
    json::{Entries, invalid},
};
use json::{AddedToken, TokenizerJson};
use vocabulary::Vocabulary;

const FILE: &str = "tokenizer.json";
/// Files of tokenizers of other kinds, which are not read: silence about them would make a model without a tokenizer.
const OTHERS: &[&str] = &["tokenizer.model", "vocab.json", "vocab.txt", "spiece.model", "tekken.json"];
/// File of added tokens by their spelling alone, as older versions of transformers keep them.
const ADDED: &str = "added_tokens.json";

/// Sets the tokenizer's keys; returns lines about what was left out. A folder without any tokenizer makes a model that
/// is fed with ids.
pub(super) fn read(folder: &Path, config: &Config, metadata: &mut Metadata) -> Result<Vec<String>, Error> {
    let file = folder.join(FILE);
    let json = match TokenizerJson::read(&file)? {
        Some(json) => Some(json),
        None => vocab_files::read(folder)?,
    };
    let Some(mut json) = json else {
        if let Some(other) = OTHERS.iter().find(|name| folder.join(name).exists()) {
            return Err(invalid(folder, format!("{other} without {FILE}, which is the one that can be read")));
        }
        metadata.set("tokenizer.ggml.model", Value::String("no_vocab".to_owned()));
        return Ok(Vec::new());
    };
    more_added(folder, &mut json)?;
    if json.is_word_piece() {
        word_piece::write(folder, &file, &json, config, metadata)?;
        return Ok(Vec::new());
    }
    let is_byte_level = pre::is_byte_level(&json);
    if !is_byte_level && !json.model.byte_fallback {
        return Err(invalid(&file, "pre_tokenizer: expected ByteLevel, or model.byte_fallback true"));
    }
    let vocabulary = Vocabulary::new(&file, &json, config.n_vocab, is_byte_level)?;
    let mut text =
        |key: &str, text: &str| metadata.set(format!("tokenizer.ggml.{key}"), Value::String(text.to_owned()));
    let mut warnings = Vec::new();
    if is_byte_level {
        text("model", "gpt2");
        metadata.set("tokenizer.ggml.merges", Value::Array(Array::String(merges(&file, &json)?)));
    } else {
        text("model", "llama");
        text("pre", "default");
        warnings.extend(sentence_piece::write(&file, &json, &vocabulary, metadata)?);
    }
    pipeline::write(&file, &json, &vocabulary, is_byte_level, metadata)?;
    warnings.extend(special::write(folder, &json, &vocabulary, config, metadata)?);
    vocabulary.write(metadata);
    Ok(warnings)
}

/// Adds the tokens that only `tokenizer_config.json` or `added_tokens.json` lists: transformers adds them as it loads,
/// the latter where the former has no list.
fn more_added(folder: &Path, json: &mut TokenizerJson) -> Result<(), Error> {
    let config = Fields::read(&folder.join("tokenizer_config.json"))?;
    let Some(listed) = config.as_ref().map(|c| c.object("added_tokens_decoder")).transpose()?.flatten() else {
        return added_by_spelling(folder, config.as_ref(), json);
    };
    let known: HashMap<u32, String> = json.added_tokens.iter().map(|t| (t.id, t.content.clone())).collect();
    for key in listed.keys() {
        let id: u32 = key.parse().map_err(|_| listed.error(key, "expected a token id"))?;
        let mut value = listed.value(key).cloned().unwrap_or_default();
        if let Some(token) = value.as_object_mut() {
            token.insert("id".to_owned(), id.into());
        }
        let token: AddedToken = serde_json::from_value(value).map_err(|e| listed.error(key, e))?;
        match known.get(&id) {
            None => json.added_tokens.push(token),
            Some(content) if *content == token.content => {}
            Some(content) => {
                let what = format!("{:?}, but {FILE} has {content:?} under this id", token.content);
                return Err(listed.error(key, what));
            }
        }
    }
    Ok(())
}

/// Adds the tokens of `added_tokens.json`; special are the ones that the configuration gives a job.
fn added_by_spelling(folder: &Path, config: Option<&Fields>, json: &mut TokenizerJson) -> Result<(), Error> {
    let file = folder.join(ADDED);
    let Some(listed) = crate::json::read::<Entries<u32>>(&file)? else { return Ok(()) };
    let known: HashMap<u32, String> = json.added_tokens.iter().map(|t| (t.id, t.content.clone())).collect();
    let spellings: HashSet<String> = json.added_tokens.iter().map(|t| t.content.clone()).collect();
    for (content, id) in listed.0 {
        match known.get(&id) {
            Some(other) if *other != content => {
                let what = format!("{content:?}: id {id}, but {FILE} has {other:?} under this id");
                return Err(invalid(&file, what));
            }
            _ if spellings.contains(&content) => {}
            _ => {
                let has_job = config.is_some_and(|config| special::has_job(config, &content));
                json.added_tokens.push(AddedToken::plain(id, &content, has_job));
            }
        }
    }
    Ok(())
}

/// Returns the merges as GGUF spells them, `left right` each.
fn merges(file: &Path, json: &TokenizerJson) -> Result<Vec<String>, Error> {
    let joined = json.model.merges.iter().enumerate().map(|(rank, merge)| {
        if [&merge.left, &merge.right].iter().any(|side| side.is_empty() || side.contains(' ')) {
            return Err(invalid(file, format!("model.merges[{rank}]: {merge:?}, expected two tokens without spaces")));
        }
        Ok(format!("{} {}", merge.left, merge.right))
    });
    joined.collect()
}
