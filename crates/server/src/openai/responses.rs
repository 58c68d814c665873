//! `/v1/responses`, stateless: the whole conversation comes with every request, and nothing is kept.

mod input;
mod output;
mod request;
mod response;

use axum::{Extension, extract::State, response::Response};
use serde_json::json;

use super::json_response;
use crate::{
    App, Caller, Json, blocking,
    error::ApiError,
    generation::{Generation, TokensUsed, Update},
    sse::{self, Framing},
};
use output::Output;
use request::Prepared;
pub(super) use request::ResponsesRequest;

/// `POST /v1/responses`
pub(super) async fn responses(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    Json(request): Json<ResponsesRequest>,
) -> Result<Response, ApiError> {
    let lease = app.models().acquire_named(request.model.as_deref()).await?;
    let Prepared { request, head, is_stream } = {
        let (lease, caller) = (lease.clone(), caller.clone());
        blocking::run(&app, move || request.prepare(&lease, &caller)).await?
    };
    let mut generation = Generation::start(&app, &caller, lease, request).await?;
    let mut output = Output::new(head, std::sync::Arc::clone(generation.lease().handle.tokenizer()));
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
