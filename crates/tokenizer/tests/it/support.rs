//! Vocabularies of the golden data.

use gguf::{Array, Container, Metadata, Value};
use std::{
    collections::HashMap,
    sync::{Arc, Mutex, OnceLock, PoisonError},
};
use tokenizer::{ControlTokens, TokenId, Tokenizer};

/// Reads the metadata of `tokenizer-vectors/ggml-vocab-<name>.gguf`.
pub(crate) fn metadata(name: &str) -> Metadata {
    let file = format!("tokenizer-vectors/ggml-vocab-{name}.gguf");
    let container = Container::from_bytes(&file, testkit::read_bytes(&file)).unwrap_or_else(|e| panic!("{e}"));
    container.metadata().clone()
}

/// Loads the tokenizer called `name`, once; `stories` and `smollm2` are those of the models.
pub(crate) fn load(name: &str) -> Arc<Tokenizer> {
    static LOADED: OnceLock<Mutex<HashMap<String, Arc<Tokenizer>>>> = OnceLock::new();
    let loaded = LOADED.get_or_init(Mutex::default);
    let mut loaded = loaded.lock().unwrap_or_else(PoisonError::into_inner);
    let tokenizer = loaded.entry(name.to_owned()).or_insert_with(|| {
        let metadata = match name {
            "stories" => open(&testkit::data("tiny-models/stories260K-f32.gguf")),
            "smollm2" => open(&testkit::smollm2_path()),
            _ => metadata(name),
        };
        Arc::new(Tokenizer::from_gguf(&metadata).unwrap_or_else(|e| panic!("{name}: {e}")))
    });
    Arc::clone(tokenizer)
}

fn open(path: &std::path::Path) -> Metadata {
    Container::open(path).unwrap_or_else(|e| panic!("{e}")).metadata().clone()
}

/// Returns the ids of `text`, with nothing added.
pub(crate) fn encode(tokenizer: &Tokenizer, text: &str) -> Vec<u32> {
    encode_with(tokenizer, text, ControlTokens::AsText, false)
}

pub(crate) fn encode_with(tokenizer: &Tokenizer, text: &str, control: ControlTokens, add_special: bool) -> Vec<u32> {
    let mut ids = Vec::new();
    tokenizer.encode(text, control, add_special, &mut ids);
    ids.into_iter().map(|id| id.0).collect()
}

pub(crate) fn ids(ids: &[u32]) -> Vec<TokenId> {
    ids.iter().copied().map(TokenId).collect()
}

/// Makes a small vocabulary of pieces, types and further keys.
pub(crate) fn small(model: &str, pieces: &[(&str, i32)], more: &[(&str, Value)]) -> Metadata {
    let mut metadata = Metadata::default();
    metadata.set("tokenizer.ggml.model", Value::String(model.to_owned()));
    let tokens = pieces.iter().map(|(piece, _)| (*piece).to_owned()).collect();
    metadata.set("tokenizer.ggml.tokens", Value::Array(Array::String(tokens)));
    metadata.set("tokenizer.ggml.token_type", Value::Array(Array::I32(pieces.iter().map(|p| p.1).collect())));
    for (key, value) in more {
        metadata.set(*key, value.clone());
    }
    metadata
}

pub(crate) fn strings(values: &[&str]) -> Value {
    Value::Array(Array::String(values.iter().map(|&v| v.to_owned()).collect()))
}
