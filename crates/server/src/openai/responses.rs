//! `/v1/responses`: a conversation as items. It comes with the request, or goes on from an answer that is kept in
//! memory.

mod earlier;
mod input;
mod input_items;
mod output;
mod request;
mod response;
mod tools;
mod truncation;

use std::time::Instant;

use axum::{
    Extension,
    body::Body,
    extract::{Path, State},
    http::{HeaderValue, Uri, header},
    response::Response,
};
use serde_json::json;

use super::{fields::unsupported, json_response, token_count};
use crate::{
    App, Caller, Json, blocking,
    error::ApiError,
    generation::{Generation, TokensUsed, Update},
    ignored::Lenient,
    sse::{self, Framing},
};
pub(super) use input_items::input_items;
use output::Output;
use request::Prepared;
pub(super) use request::ResponsesRequest;

/// Answers `GET /v1/responses/{id}` with a response that is kept.
pub(super) async fn retrieve(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    Path(id): Path<String>,
    uri: Uri,
) -> Result<Response, ApiError> {
    if uri.query().is_some_and(|query| query.split('&').any(|pair| pair == "stream=true")) {
        return Err(unsupported("stream", "an answer that is kept is given whole"));
    }
    let kept = app.kept().get(caller.owner, &id, Instant::now());
    let kept =
        kept.ok_or_else(|| earlier::gone(app.kept(), "response_id", &format!("response {}", earlier::shown(&id))))?;
    let mut response = Response::new(Body::from(kept.response.clone()));
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    Ok(response)
}

/// Answers `DELETE /v1/responses/{id}`: forgets a response that is kept.
pub(super) async fn delete(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    Path(id): Path<String>,
) -> Result<Response, ApiError> {
    if app.kept().remove(caller.owner, &id) {
        return json_response(&json!({"id": id, "object": "response", "deleted": true}));
    }
    Err(earlier::gone(app.kept(), "response_id", &format!("response {}", earlier::shown(&id))))
}

/// Answers `POST /v1/responses/input_tokens`: how many tokens the prompt of such a request has.
pub(super) async fn input_tokens(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    Json(Lenient(request)): Json<Lenient<ResponsesRequest>>,
) -> Result<Response, ApiError> {
    let lease = app.models().acquire_named(request.model.as_deref()).await?;
    let prepared = blocking::prepare(&app, &lease, &caller, |asked| request.prepare(asked)).await?;
    token_count(prepared.request.engine.prompt.len())
}

/// Answers `POST /v1/responses`, whole or as a stream.
pub(super) async fn responses(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    Json(Lenient(request)): Json<Lenient<ResponsesRequest>>,
) -> Result<Response, ApiError> {
    let lease = app.models().acquire_named(request.model.as_deref()).await?;
    let prepared = blocking::prepare(&app, &lease, &caller, |asked| request.prepare(asked)).await?;
    let Prepared { request, head, is_stream, spellings, keep } = prepared;
    let mut generation = Generation::start(&app, &caller, lease, request).await?;
    let tokenizer = std::sync::Arc::clone(generation.lease().handle.tokenizer());
    let mut output = Output::new(head, tokenizer, spellings, keep.map(|keep| (keep, app.clone())));
    if !is_stream {
        let mut used = TokensUsed::default();
        while let Some(update) = generation.next().await {
            match update? {
                Update::Progress { token, pieces, .. } => drop(output.progress(token.as_ref(), pieces)),
                Update::Finished { ended, .. } => {
                    used = used.with(&ended.usage);
                    output.finish(ended.reason, used);
                }
            }
        }
        return json_response(&output.response());
    }
    let guard = app.metrics().model(&generation.lease().id).open_stream();
    let on_panic = json!({"type": "error", "code": "server_error", "message": "an internal error", "param": null});
    Ok(sse::respond(Framing::EventStream, app.metrics(), &on_panic, |writer| async move {
        let _guard = guard;
        let mut events = output.begin();
        loop {
            for event in events {
                writer.event(event["type"].as_str().unwrap_or_default(), &event).await;
            }
            events = match generation.next().await {
                Some(Ok(Update::Progress { token, pieces, .. })) => output.progress(token.as_ref(), pieces),
                Some(Ok(Update::Finished { ended, .. })) => output.finish(ended.reason, ended.usage),
                Some(Err(error)) => vec![output.error(&error), output.failed(&error)],
                None => return,
            };
        }
    }))
}
