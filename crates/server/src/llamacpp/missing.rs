//! Routes of llama.cpp's server for what is not here: answered as it answers where it was started without them, so that
//! clients that look for a feature find out, and do not take it for another server.

use axum::response::Response;
use serde_json::json;

use crate::{
    error::{ApiError, ErrorKind},
    wire::json_response,
};

fn missing(what: &str) -> ApiError {
    ApiError::new(ErrorKind::NotImplemented, format!("this server {what}")).with_code("not_supported")
}

/// Answers `GET /lora-adapters`: there are none.
pub(super) async fn adapters() -> Result<Response, ApiError> {
    json_response(&json!([]))
}

/// Refuses `POST /lora-adapters`: there are no adapters.
pub(super) async fn set_adapters() -> ApiError {
    missing("has no adapters")
}

/// Refuses `POST /slots/{id}`, whatever the action.
pub(super) async fn slot_action() -> ApiError {
    missing("saves, restores and erases no slots: it finds every cached prefix by itself (--cache-dir keeps them)")
}

/// Refuses `POST /props`: settings do not change over HTTP.
pub(super) async fn set_props() -> ApiError {
    missing("changes none of its properties while it runs")
}

/// Refuses `POST /rerank`, by all of its names.
pub(super) async fn rerank() -> ApiError {
    missing("ranks no documents")
}
