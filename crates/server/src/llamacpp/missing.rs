//! Routes of llama.cpp's server for what is not here: answered as it answers where it was started without them, so that
//! clients that look for a feature find out, and do not take it for another server.

use axum::{extract::State, response::Response};
use serde_json::json;

use crate::{
    app::App,
    error::{ApiError, ErrorKind},
    wire::json_response,
};

fn missing(what: &str) -> ApiError {
    ApiError::new(ErrorKind::NotImplemented, format!("this server {what}")).with_code("not_supported")
}

/// Answers `GET /lora-adapters`: those that models were loaded with.
pub(super) async fn adapters(State(app): State<App>) -> Result<Response, ApiError> {
    let adapter = |(id, (path, scale)): (usize, &(String, f32))| json!({"id": id, "path": path, "scale": scale, "task_name": "", "prompt_prefix": ""});
    json_response(&app.options().adapters.iter().enumerate().map(adapter).collect::<Vec<_>>())
}

/// Refuses `POST /lora-adapters`: scales do not change over HTTP.
pub(super) async fn set_adapters() -> ApiError {
    missing("adds adapters when it loads a model (--lora)")
}

/// Refuses `POST /slots/{id}`, whatever the action.
pub(super) async fn slot_action() -> ApiError {
    missing("saves, restores and erases no slots: it finds every cached prefix by itself (--cache-dir keeps them)")
}

/// Refuses `POST /props`: settings do not change over HTTP.
pub(super) async fn set_props() -> ApiError {
    missing("changes none of its properties while it runs")
}
