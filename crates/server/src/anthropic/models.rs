//! Models as Anthropic lists them; the routes are OpenAI's, which ask here if the client speaks this API.

use axum::{http::HeaderMap, response::Response};
use serde_json::{Value, json};

use crate::{error::ApiError, models::ModelEntry, wire::json_response};

/// Whether the client expects Anthropic's form of an answer.
pub(crate) fn is_asked(headers: &HeaderMap) -> bool {
    headers.contains_key("anthropic-version")
}

/// Lists all models, on one page.
pub(crate) fn list(entries: &[ModelEntry]) -> Result<Response, ApiError> {
    let id = |entry: Option<&ModelEntry>| entry.map(|e| e.id.clone());
    let data: Vec<Value> = entries.iter().map(wire).collect();
    let (first_id, last_id) = (id(entries.first()), id(entries.last()));
    json_response(&json!({"data": data, "has_more": false, "first_id": first_id, "last_id": last_id}))
}

/// Describes one model.
pub(crate) fn one(entry: &ModelEntry) -> Result<Response, ApiError> {
    json_response(&wire(entry))
}

fn wire(entry: &ModelEntry) -> Value {
    let seconds = i64::try_from(entry.created).unwrap_or(0);
    let created_at = jiff::Timestamp::from_second(seconds).unwrap_or_default().to_string();
    let mut model = json!({
        "type": "model", "id": entry.id, "display_name": entry.id, "created_at": created_at, "lifecycle": "active",
    });
    // Known while the model is loaded; keys without a value are left out.
    if let Some(loaded) = &entry.loaded {
        model["max_input_tokens"] = loaded.handle.context_len_max().into();
    }
    model
}
