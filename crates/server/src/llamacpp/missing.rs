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

/// `GET /lora-adapters`: none.
pub(super) async fn adapters() -> Result<Response, ApiError> {
    json_response(&json!([]))
}

/// `POST /lora-adapters`
pub(super) async fn set_adapters() -> ApiError {
    missing("has no adapters")
}

/// `POST /slots/{id}`, whatever the action.
pub(super) async fn slot_action() -> ApiError {
    missing("saves, restores and erases no slots: it finds every cached prefix by itself (--cache-dir keeps them)")
}

/// `POST /props`
pub(super) async fn set_props() -> ApiError {
    missing("changes none of its properties while it runs")
}

/// `POST /rerank` by all of its names.
pub(super) async fn rerank() -> ApiError {
    missing("ranks no documents")
}
