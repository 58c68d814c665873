//! `/completion`, `/completions` and `/infill`

mod bias;
mod request;
mod response;
mod settings;
mod stream;
mod watch;

use axum::{Extension, extract::State, response::Response};
use serde_json::Value;

use crate::{App, Caller, Json, blocking, error::ApiError, generation::Generation, models::Lease, wire::json_response};
use request::Prepared;
pub(crate) use request::{CompletionRequest, InfillRequest};
pub(super) use settings::default_settings;
use watch::Watch;

/// Answers `POST /completion`, whole or as a stream.
pub(super) async fn completion(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    Json(request): Json<CompletionRequest>,
) -> Result<Response, ApiError> {
    let lease = app.models().acquire(request.model.as_deref()).await?;
    let prepared = blocking::prepare(&app, &lease, &caller, |asked| request.prepare(asked)).await?;
    respond(&app, &caller, &lease, prepared).await
}

/// Answers `POST /infill`, whole or as a stream.
pub(super) async fn infill(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    Json(request): Json<InfillRequest>,
) -> Result<Response, ApiError> {
    let lease = app.models().acquire(request.model.as_deref()).await?;
    let prepared = blocking::prepare(&app, &lease, &caller, |asked| request.prepare(asked)).await?;
    respond(&app, &caller, &lease, prepared).await
}

async fn respond(app: &App, caller: &Caller, lease: &Lease, prepared: Prepared) -> Result<Response, ApiError> {
    let Prepared { requests, answer } = prepared;
    let generations = Generation::start_all(app, caller, lease, requests).await?;
    if answer.is_stream {
        return Ok(stream::respond(app, lease, generations, answer));
    }
    let mut results: Vec<Value> = Vec::new();
    for (prompt, generation) in generations.into_iter().enumerate() {
        let watch = Watch::new(&answer);
        let joined = watch.join(generation).await?;
        for choice in &joined.choices {
            results.push(response::whole(lease, &answer, prompt, results.len(), choice));
        }
    }
    // One result stands alone, several in a list.
    match <[Value; 1]>::try_from(results) {
        Ok([result]) => json_response(&result),
        Err(results) => json_response(&results),
    }
}
