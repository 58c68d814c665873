//! `/v1/chat/completions` and `/v1/chat/completions/render`.

mod message;
mod request;
mod response;
mod stream;
mod thinking;

use axum::{Extension, extract::State, response::Response};
use serde_json::json;

pub(super) use message::{Content, FunctionCall, FunctionWord, Message, Role, ToolCallWire};
pub(crate) use request::ChatRequest;
pub(super) use request::{Verbosity, render as render_messages};
pub(super) use thinking::Thinking;

use super::{Head, json_response, token_count};
use crate::{App, Caller, Json, blocking, error::ApiError, generation::Generation, ids, ignored::Lenient};

/// Answers `POST /v1/chat/completions`, whole or as a stream.
pub(super) async fn completions(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    Json(Lenient(request)): Json<Lenient<ChatRequest>>,
) -> Result<Response, ApiError> {
    let lease = app.models().acquire_named(request.model.as_deref()).await?;
    let head = Head::new("chatcmpl-", &lease);
    let (request, answer) = blocking::prepare(&app, &lease, &caller, |asked| request.prepare(asked)).await?;
    let generation = Generation::start(&app, &caller, lease, request).await?;
    if answer.is_stream {
        return Ok(stream::respond(&app, head, generation, answer));
    }
    let lease = generation.lease().clone();
    let joined = generation.join().await?;
    json_response(&response::completion(&head, &joined, lease.handle.tokenizer(), &answer))
}

/// Answers `POST /v1/chat/completions/input_tokens`: how many tokens the prompt of such a request has.
pub(super) async fn input_tokens(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    Json(Lenient(request)): Json<Lenient<ChatRequest>>,
) -> Result<Response, ApiError> {
    let lease = app.models().acquire_named(request.model.as_deref()).await?;
    let (request, _) = blocking::prepare(&app, &lease, &caller, |asked| request.prepare(asked)).await?;
    token_count(request.engine.prompt.len())
}

/// Answers `POST /v1/chat/completions/render`: the prompt that a request would become, for routers that look for the
/// server that has it cached.
pub(super) async fn render(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    Json(Lenient(request)): Json<Lenient<ChatRequest>>,
) -> Result<Response, ApiError> {
    let lease = app.models().acquire(request.model.as_deref()).await?;
    let rendered = blocking::prepare(&app, &lease, &caller, |asked| request.into_rendered(asked));
    let (prompt, token_ids) = rendered.await?;
    json_response(
        &json!({"request_id": ids::random_id("chatcmpl-"), "model": lease.id, "prompt": prompt, "token_ids": token_ids}),
    )
}
