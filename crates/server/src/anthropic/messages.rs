//! `/v1/messages` and `/v1/messages/count_tokens`.

use axum::{Extension, extract::State, response::Response};
use serde_json::json;

use super::{
    output::{self, Blocks, Head},
    request::{Answer, MessagesRequest},
    stream,
};
use crate::{
    App, Caller, Json, blocking,
    error::ApiError,
    gate::RequestId,
    generation::{Ended, Generation, Update},
    ids, refusal,
    wire::json_response,
};

/// Answers `POST /v1/messages`, whole or as a stream.
pub(super) async fn create(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    Extension(request_id): Extension<RequestId>,
    Json(request): Json<MessagesRequest>,
) -> Result<Response, ApiError> {
    let lease = app.models().acquire(Some(&request.model)).await?;
    let head = Head { id: ids::random_id("msg_"), model: lease.id.clone() };
    let prepared = blocking::prepare(&app, &lease, &caller, |asked| {
        request.prepare(asked.lease, asked.caller, &|field| note_skipped(asked.app, field))
    });
    let (request, answer) = prepared.await?;
    let generation = Generation::start(&app, &caller, lease, request).await?;
    if answer.is_stream {
        return Ok(stream::respond(&app, head, generation, answer, request_id));
    }
    let (blocks, ended) = join(generation, &answer).await?;
    let usage = output::usage(&ended.usage);
    json_response(&output::message(&head, &blocks.into_content(), Some(&ended), &usage, &answer))
}

/// Notes a skipped field of a block, whose place in the body is known only after it is read.
fn note_skipped(app: &App, field: &str) {
    app.notices().ignored(super::MESSAGES, field);
}

/// Waits for the whole answer, by the same steps as a stream, so that the blocks are the same.
async fn join(mut generation: Generation, answer: &Answer) -> Result<(Blocks, Ended), ApiError> {
    let mut blocks = Blocks::new(answer);
    let mut events = Vec::new();
    while let Some(update) = generation.next().await {
        match update? {
            Update::Progress { pieces, .. } => pieces.into_iter().for_each(|piece| blocks.push(piece, &mut events)),
            Update::Finished { ended, .. } => return Ok((blocks, ended)),
        }
        events.clear();
    }
    Err(refusal::internal())
}

/// Answers `POST /v1/messages/count_tokens`: how many tokens the prompt of such a request has.
pub(super) async fn count_tokens(
    State(app): State<App>,
    Json(request): Json<MessagesRequest>,
) -> Result<Response, ApiError> {
    let lease = app.models().acquire(Some(&request.model)).await?;
    let told = app.clone();
    let n_tokens = blocking::run(&app, move || request.count(&lease, &|field| note_skipped(&told, field))).await?;
    json_response(&json!({"input_tokens": n_tokens}))
}
