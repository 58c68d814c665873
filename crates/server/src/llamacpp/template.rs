//! `/apply-template`: messages as the model's chat template writes them.

use axum::{Extension, extract::State, response::Response};
use serde_json::json;

use crate::{App, Caller, Json, blocking, error::ApiError, ignored::Lenient, openai::ChatRequest, wire::json_response};

/// Answers `POST /apply-template`, which takes whatever `/v1/chat/completions` does. An answer that an assistant's
/// message has begun stays open.
pub(super) async fn apply(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    Json(Lenient(request)): Json<Lenient<ChatRequest>>,
) -> Result<Response, ApiError> {
    let lease = app.models().acquire(request.model.as_deref()).await?;
    let (prompt, _) =
        blocking::prepare(&app, &lease, &caller, |asked| request.continuing().into_rendered(asked)).await?;
    json_response(&json!({"prompt": prompt}))
}
