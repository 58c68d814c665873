//! `/tokenize` and `/detokenize`, in vLLM's form too, and its `/tokenizer_info`: what evaluation harnesses ask for.

use axum::{
    extract::{Query, State, rejection::QueryRejection},
    response::Response,
};
use serde::Deserialize;
use serde_json::{Value, json};
use tokenizer::{ControlTokens, TokenId, Tokenizer};

use super::{
    prompt::{Parts, known},
    props::WhichModel,
    text_of,
};
use crate::{App, Json, blocking, error::ApiError, models::Lease, wire::json_response};

#[derive(Deserialize, Debug)]
#[serde(deny_unknown_fields)]
pub(crate) struct TokenizeRequest {
    #[serde(default)]
    model: Option<String>,
    /// Text, or texts and ids one after the other.
    #[serde(default)]
    content: Option<Parts>,
    /// Text to tokenise in a request of vLLM's, which is answered in vLLM's form.
    #[serde(default)]
    prompt: Option<Parts>,
    /// Whether the beginning token is put in front of `prompt`, as it is by default.
    #[serde(default)]
    add_special_tokens: Option<bool>,
    /// Whether the answer says what each id of `prompt` spells.
    #[serde(default)]
    return_token_strs: Option<bool>,
    /// Whether the beginning token is put in front of `content`.
    #[serde(default)]
    add_special: Option<bool>,
    /// Whether control tokens spelled in the text count as such.
    #[serde(default)]
    parse_special: Option<bool>,
    /// Whether the answer says what each id of `content` spells.
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

/// Answers `POST /tokenize`, in llama.cpp's form or in vLLM's.
pub(super) async fn tokenize(
    State(app): State<App>,
    Json(request): Json<TokenizeRequest>,
) -> Result<Response, ApiError> {
    let lease = app.models().acquire(request.model.as_deref()).await?;
    let answer = blocking::run(&app, move || request.answer(&lease)).await?;
    json_response(&answer)
}

impl TokenizeRequest {
    fn answer(mut self, lease: &Lease) -> Result<Value, ApiError> {
        match (self.content.take(), self.prompt.take()) {
            (Some(content), None) => self.tokens(content, lease),
            (None, Some(prompt)) => self.counted(prompt, lease),
            (None, None) => Err(ApiError::invalid("content", "content: missing")),
            (Some(_), Some(_)) => Err(ApiError::invalid("prompt", "prompt: there is content, too")),
        }
    }

    fn tokens(&self, content: Parts, lease: &Lease) -> Result<Value, ApiError> {
        let tokenizer = lease.handle.tokenizer();
        let control = if self.parse_special.unwrap_or(true) { ControlTokens::Parse } else { ControlTokens::AsText };
        let ids = content.encode(lease, "content", control, self.add_special.unwrap_or(false))?;
        let with_pieces = self.with_pieces.unwrap_or(false);
        let token = |id: TokenId| if with_pieces { with_piece(tokenizer, id) } else { json!(id.0) };
        Ok(json!({"tokens": ids.into_iter().map(token).collect::<Vec<_>>()}))
    }

    /// Tokenises `prompt`, and answers in vLLM's form.
    fn counted(&self, prompt: Parts, lease: &Lease) -> Result<Value, ApiError> {
        let tokenizer = lease.handle.tokenizer();
        let ids = prompt.encode(lease, "prompt", ControlTokens::Parse, self.add_special_tokens.unwrap_or(true))?;
        let strings = || ids.iter().map(|id| tokenizer.piece(*id).unwrap_or_default()).collect::<Vec<_>>();
        Ok(json!({
            "count": ids.len(),
            "max_model_len": lease.handle.context_len_max(),
            "tokens": ids.iter().map(|id| id.0).collect::<Vec<_>>(),
            "token_strs": self.return_token_strs.unwrap_or(false).then(strings),
        }))
    }
}

/// Answers `GET /tokenizer_info`: what `tokenizer_config.json` says in a folder of Hugging Face.
pub(super) async fn info(
    State(app): State<App>,
    query: Result<Query<WhichModel>, QueryRejection>,
) -> Result<Response, ApiError> {
    let lease = WhichModel::acquire(&app, query).await?;
    let tokenizer = lease.handle.tokenizer();
    let piece = |id: Option<TokenId>| id.and_then(|id| tokenizer.piece(id));
    let mut info = json!({
        "tokenizer_class": "PreTrainedTokenizerFast",
        "bos_token": piece(tokenizer.bos()),
        "eos_token": piece(tokenizer.eos()),
        "pad_token": piece(tokenizer.special().pad),
        "unk_token": piece(tokenizer.special().unk),
        "add_bos_token": tokenizer.added_first().is_some(),
        "add_eos_token": tokenizer.added_last().is_some(),
        "model_max_length": lease.handle.context_len_max(),
        "vocab_size": tokenizer.n_vocab(),
    });
    if let (Some(template), Some(fields)) = (&lease.template, info.as_object_mut()) {
        fields.insert("chat_template".to_owned(), template.source().into());
    }
    json_response(&info)
}

/// Writes an id with what it spells: text, or bytes where they are no text by themselves.
fn with_piece(tokenizer: &Tokenizer, id: TokenId) -> Value {
    let bytes = tokenizer.token_bytes(id);
    match std::str::from_utf8(&bytes) {
        Ok(text) => json!({"id": id.0, "piece": text}),
        Err(_) => json!({"id": id.0, "piece": *bytes}),
    }
}

/// Answers `POST /detokenize`: the text that ids spell.
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
    let content = content.await?;
    json_response(&json!({"content": content, "prompt": content}))
}
