//! `tokenizer.json` and what stands beside it → `tokenizer.ggml.*`.

mod json;
mod pre;
mod sentence_piece;
mod special;
mod vocabulary;

use std::path::Path;

use gguf::{Array, Metadata, Value};

use super::config::Config;
use crate::{Error, json::invalid};
use json::TokenizerJson;
use vocabulary::Vocabulary;

const FILE: &str = "tokenizer.json";
/// Tokenizers of other kinds, which are not read: leaving them out without a word would make a model without one.
const OTHERS: &[&str] = &["tokenizer.model", "vocab.json", "vocab.txt", "spiece.model", "tekken.json"];

/// Sets the tokenizer's keys. A folder without any tokenizer makes a model that is fed with ids.
pub(super) fn read(folder: &Path, config: &Config, metadata: &mut Metadata) -> Result<(), Error> {
    let file = folder.join(FILE);
    let Some(json) = TokenizerJson::read(&file)? else {
        if let Some(other) = OTHERS.iter().find(|name| folder.join(name).exists()) {
            return Err(invalid(folder, format!("{other} without {FILE}, which is the one that can be read")));
        }
        metadata.set("tokenizer.ggml.model", Value::String("no_vocab".to_owned()));
        return Ok(());
    };
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
