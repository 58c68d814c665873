//! `/v1/models` and `/v1/models/{id}`.

use axum::{
    extract::{Path, State},
    http::HeaderMap,
    response::Response,
};
use serde::Serialize;

use super::json_response;
use crate::{App, anthropic, error::ApiError, models::ModelEntry};

#[derive(Serialize)]
struct ModelList {
    object: &'static str,
    data: Vec<Model>,
}

#[derive(Serialize)]
struct Model {
    id: String,
    object: &'static str,
    created: u64,
    owned_by: &'static str,
    /// vLLM's field; absent while the model is not loaded.
    #[serde(skip_serializing_if = "Option::is_none")]
    max_model_len: Option<usize>,
}

impl From<ModelEntry> for Model {
    fn from(entry: ModelEntry) -> Self {
        let max_model_len = entry.loaded.map(|model| model.handle.context_len_max());
        Self { id: entry.id, object: "model", created: entry.created, owned_by: "trinity", max_model_len }
    }
}

/// `GET /v1/models`; Anthropic's clients ask at the same place.
pub(super) async fn list(State(app): State<App>, headers: HeaderMap) -> Result<Response, ApiError> {
    if anthropic::models::is_asked(&headers) {
        return anthropic::models::list(&app.models().list());
    }
    json_response(&ModelList { object: "list", data: app.models().list().into_iter().map(Model::from).collect() })
}

/// `GET /v1/models/{id}`
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
