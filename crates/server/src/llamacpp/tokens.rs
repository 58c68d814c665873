//! `/tokenize` and `/detokenize`

use axum::{extract::State, response::Response};
use serde::Deserialize;
use serde_json::{Value, json};
use tokenizer::{ControlTokens, TokenId, Tokenizer};

use super::{
    prompt::{Parts, known},
    text_of,
};
use crate::{App, Json, blocking, error::ApiError, models::Lease, wire::json_response};

#[derive(Deserialize, Debug)]
#[serde(deny_unknown_fields)]
pub(crate) struct TokenizeRequest {
    #[serde(default)]
    model: Option<String>,
    /// Text, or texts and ids one after the other.
    content: Parts,
    /// Put the beginning token in front.
    #[serde(default)]
    add_special: Option<bool>,
    /// Control tokens spelled in the text count as such.
    #[serde(default)]
    parse_special: Option<bool>,
    /// Say what each id spells.
    #[serde(default)]
    with_pieces: Option<bool>,
}

#[derive(Deserialize, Debug)]
#[serde(deny_unknown_fields)]
pub(crate) struct DetokenizeRequest {
    #[serde(default)]
    model: Option<String>,
    tokens: Vec<u32>,
}

/// `POST /tokenize`
pub(super) async fn tokenize(
    State(app): State<App>,
    Json(request): Json<TokenizeRequest>,
) -> Result<Response, ApiError> {
    let lease = app.models().acquire(request.model.as_deref()).await?;
    let tokens = blocking::run(&app, move || request.tokens(&lease)).await?;
    json_response(&json!({"tokens": tokens}))
}

impl TokenizeRequest {
    fn tokens(self, lease: &Lease) -> Result<Vec<Value>, ApiError> {
        let tokenizer = lease.handle.tokenizer();
        let control = if self.parse_special.unwrap_or(true) { ControlTokens::Parse } else { ControlTokens::AsText };
        let ids = self.content.encode(lease, "content", control, self.add_special.unwrap_or(false))?;
        let with_pieces = self.with_pieces.unwrap_or(false);
        Ok(ids.into_iter().map(|id| if with_pieces { with_piece(tokenizer, id) } else { json!(id.0) }).collect())
    }
}

/// The id with what it spells: text, or bytes where they are no text by themselves.
fn with_piece(tokenizer: &Tokenizer, id: TokenId) -> Value {
    let bytes = tokenizer.token_bytes(id);
    match std::str::from_utf8(&bytes) {
        Ok(text) => json!({"id": id.0, "piece": text}),
        Err(_) => json!({"id": id.0, "piece": *bytes}),
    }
}

/// `POST /detokenize`
pub(super) async fn detokenize(
    State(app): State<App>,
    Json(request): Json<DetokenizeRequest>,
) -> Result<Response, ApiError> {
    let lease = app.models().acquire(request.model.as_deref()).await?;
    let content = blocking::run(&app, move || {
        let ids: Result<Vec<TokenId>, ApiError> =
            request.tokens.into_iter().map(|id| known(&lease, id, "tokens")).collect();
        Ok(text_of(lease.handle.tokenizer(), &ids?))
    });
    json_response(&json!({"content": content.await?}))
}
