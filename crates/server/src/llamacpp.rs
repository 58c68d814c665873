//! The API of llama.cpp's server: completions, infill, tokens, templates, embeddings, and what it tells of itself.
//!
//! As its README documents it, with its defaults (temperature 0.8, `top_k` 40, …). A field whose feature is missing here is taken at the
//! value that switches it off, and refused by name at any other. A prompt is raw text, as there: control tokens spelled in it count.

mod completion;
mod embedding;
mod prompt;
mod props;
mod template;
mod tokens;

use axum::{
    Router,
    routing::{get, post},
};
use tokenizer::{TokenId, Tokenizer};

use crate::App;

/// The routes.
pub(crate) fn routes() -> Router<App> {
    Router::new()
        .route("/completion", post(completion::completion))
        .route("/completions", post(completion::completion))
        .route("/infill", post(completion::infill))
        .route("/tokenize", post(tokens::tokenize))
        .route("/detokenize", post(tokens::detokenize))
        .route("/apply-template", post(template::apply))
        .route("/embedding", post(embedding::embeddings))
        .route("/embeddings", post(embedding::embeddings))
        .route("/props", get(props::props))
        .route("/slots", get(props::slots))
}

/// The text of ids, one after the other, control tokens spelled out.
fn text_of(tokenizer: &Tokenizer, ids: &[TokenId]) -> String {
    let bytes: Vec<u8> = ids.iter().flat_map(|id| tokenizer.token_bytes(*id).into_owned()).collect();
    String::from_utf8_lossy(&bytes).into_owned()
}
