//! `/health`, and `/v1/health` as in llama.cpp's server: whether to send requests here; `/health/live`: whether the
//! process is well.

use axum::{extract::State, http::StatusCode, response::Response};
use serde_json::json;

use super::answer_with;
use crate::{app::App, lifecycle::Phase};

/// `GET /health`: 200 while requests are welcome, otherwise 503.
pub(super) async fn ready(State(app): State<App>) -> Response {
    let is_dead = app.statuses().iter().filter_map(|s| s.gauges).any(|gauges| !gauges.is_alive);
    let (status, text) = match app.lifecycle().phase() {
        _ if is_dead => (StatusCode::SERVICE_UNAVAILABLE, "an engine has stopped"),
        Phase::Ready => (StatusCode::OK, "ok"),
        Phase::Starting => (StatusCode::SERVICE_UNAVAILABLE, "starting"),
        Phase::Draining | Phase::Cancelled => (StatusCode::SERVICE_UNAVAILABLE, "stopping"),
    };
    answer_with(status, &json!({"status": text}))
}

/// `GET /health/live`: 200 as long as anything can be answered.
pub(super) async fn live() -> Response {
    answer_with(StatusCode::OK, &json!({"status": "ok"}))
}
