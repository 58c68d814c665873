//! `/v1/models` and `/v1/models/{id}`.

use axum::{
    extract::{Path, State},
    http::HeaderMap,
    response::Response,
};
use serde::Serialize;
use serde_json::Value;
use tokenizer::Kind;

use super::json_response;
use crate::{
    App, anthropic,
    error::ApiError,
    models::{LoadedModel, ModelEntry},
    ollama,
};

#[derive(Serialize)]
struct ModelList {
    object: &'static str,
    /// Models in Ollama's words, as llama.cpp's server adds them.
    models: Vec<Value>,
    data: Vec<Model>,
}

#[derive(Serialize)]
struct Model {
    id: String,
    /// Other names of the model; llama.cpp's field.
    aliases: Vec<String>,
    object: &'static str,
    created: u64,
    owned_by: &'static str,
    /// Length of the context, absent while the model is not loaded; vLLM's field.
    #[serde(skip_serializing_if = "Option::is_none")]
    max_model_len: Option<usize>,
    /// Description of the model, by which clients learn how long a context is; absent while it is not loaded;
    /// llama.cpp's field.
    #[serde(skip_serializing_if = "Option::is_none")]
    meta: Option<Meta>,
}

/// The description of a model in llama.cpp's words.
#[derive(Serialize)]
struct Meta {
    vocab_type: u8,
    n_vocab: usize,
    n_ctx: usize,
    n_ctx_train: usize,
    n_embd: usize,
    n_params: u64,
    /// Size of the model's file, in bytes.
    size: u64,
}

impl From<&LoadedModel> for Meta {
    fn from(model: &LoadedModel) -> Self {
        let (handle, details) = (&model.handle, &model.details);
        Self {
            vocab_type: match handle.tokenizer().kind() {
                Kind::Spm => 1,
                Kind::Bpe => 2,
                Kind::Wpm => 3,
                Kind::Greedy => 5,
            },
            n_vocab: handle.n_vocab(),
            n_ctx: handle.context_len_max(),
            n_ctx_train: details.context_len_trained,
            n_embd: details.width,
            n_params: details.n_parameters,
            size: details.file_bytes,
        }
    }
}

impl From<ModelEntry> for Model {
    fn from(entry: ModelEntry) -> Self {
        let meta = entry.loaded.as_deref().map(Meta::from);
        let max_model_len = meta.as_ref().map(|meta| meta.n_ctx);
        let ModelEntry { id, aliases, created, .. } = entry;
        Self { id, aliases, object: "model", created, owned_by: "trinity", max_model_len, meta }
    }
}

/// Answers `GET /v1/models`; clients of Anthropic's API ask at the same place.
pub(super) async fn list(State(app): State<App>, headers: HeaderMap) -> Result<Response, ApiError> {
    if anthropic::models::is_asked(&headers) {
        return anthropic::models::list(&app.models().list());
    }
    let entries = app.models().list();
    let models = entries.iter().map(ollama::described).collect();
    json_response(&ModelList { object: "list", models, data: entries.into_iter().map(Model::from).collect() })
}

/// Answers `GET /v1/models/{id}` for one model.
pub(super) async fn retrieve(
    State(app): State<App>,
    Path(id): Path<String>,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let entry = app.models().entry(&id)?;
    if anthropic::models::is_asked(&headers) {
        anthropic::models::one(&entry)
    } else {
        json_response(&Model::from(entry))
    }
}
