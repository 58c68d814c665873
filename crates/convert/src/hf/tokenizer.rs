//! `tokenizer.json` and what stands beside it → `tokenizer.ggml.*`.

mod json;
mod pre;
mod sentence_piece;
mod special;
mod vocabulary;

use std::{collections::HashMap, path::Path};

use gguf::{Array, Metadata, Value};

use super::{config::Config, fields::Fields};
use crate::{Error, json::invalid};
use json::{AddedToken, TokenizerJson};
use vocabulary::Vocabulary;

const FILE: &str = "tokenizer.json";
/// Tokenizers of other kinds, which are not read: leaving them out without a word would make a model without one.
const OTHERS: &[&str] = &["tokenizer.model", "vocab.json", "vocab.txt", "spiece.model", "tekken.json"];

/// Sets the tokenizer's keys. A folder without any tokenizer makes a model that is fed with ids.
pub(super) fn read(folder: &Path, config: &Config, metadata: &mut Metadata) -> Result<(), Error> {
    let file = folder.join(FILE);
    let Some(mut json) = TokenizerJson::read(&file)? else {
        if let Some(other) = OTHERS.iter().find(|name| folder.join(name).exists()) {
            return Err(invalid(folder, format!("{other} without {FILE}, which is the one that can be read")));
        }
        metadata.set("tokenizer.ggml.model", Value::String("no_vocab".to_owned()));
        return Ok(());
    };
    more_added(folder, &mut json)?;
    let is_byte_level = pre::is_byte_level(&json);
    if !is_byte_level && !json.model.byte_fallback {
        return Err(invalid(&file, "pre_tokenizer: expected ByteLevel, or model.byte_fallback true"));
    }
    // `tokenizer` knows that Phi 3's do.
    let may_strip = config.family.architecture == "phi3" && !is_byte_level;
    let vocabulary = Vocabulary::new(&file, &json, config.n_vocab, is_byte_level, may_strip)?;
    let mut text =
        |key: &str, text: &str| metadata.set(format!("tokenizer.ggml.{key}"), Value::String(text.to_owned()));
    if is_byte_level {
        text("model", "gpt2");
        text("pre", pre::name(&file, &json)?);
        metadata.set("tokenizer.ggml.merges", Value::Array(Array::String(merges(&file, &json)?)));
    } else {
        text("model", "llama");
        text("pre", "default");
        sentence_piece::write(&file, &json, &vocabulary, metadata)?;
    }
    special::write(folder, &json, &vocabulary, config, metadata)?;
    vocabulary.write(metadata);
    Ok(())
}

/// Added tokens that only `tokenizer_config.json` lists: transformers adds them as it loads.
fn more_added(folder: &Path, json: &mut TokenizerJson) -> Result<(), Error> {
    let Some(config) = Fields::read(&folder.join("tokenizer_config.json"))? else { return Ok(()) };
    let Some(listed) = config.object("added_tokens_decoder")? else { return Ok(()) };
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

/// `left right` each.
fn merges(file: &Path, json: &TokenizerJson) -> Result<Vec<String>, Error> {
    let joined = json.model.merges.iter().enumerate().map(|(rank, merge)| {
        if [&merge.left, &merge.right].iter().any(|side| side.is_empty() || side.contains(' ')) {
            return Err(invalid(file, format!("model.merges[{rank}]: {merge:?}, expected two tokens without spaces")));
        }
        Ok(format!("{} {}", merge.left, merge.right))
    });
    joined.collect()
}
