//! OpenAI's API: chat completions, completions, responses (stateless), embeddings, models.
//!
//! Every field of OpenAI's documents either works or is refused by name. Where a field is absent its default is OpenAI's: temperature 1,
//! `top_p` 1, nothing else cut off, a new seed for every request; a completion without `max_tokens` ends after 16.

mod chat;
mod completions;
mod constraint;
mod embeddings;
mod fields;
mod logprobs;
mod models;
mod responses;
pub(crate) mod tools;
mod usage;
mod values;

use std::time::{SystemTime, UNIX_EPOCH};

use axum::{
    Router,
    routing::{get, post},
};

use crate::{App, generation::EndReason, ids, models::LoadedModel, wire::json_response};
pub(crate) use chat::ChatRequest;

/// The routes.
pub(crate) fn routes() -> Router<App> {
    Router::new()
        .route("/v1/chat/completions", post(chat::completions))
        .route("/v1/chat/completions/render", post(chat::render))
        .route("/v1/completions", post(completions::completions))
        .route("/v1/responses", post(responses::responses))
        .route("/v1/embeddings", post(embeddings::embeddings))
        .route("/v1/models", get(models::list))
        .route("/v1/models/{*id}", get(models::retrieve))
}

/// Seconds since 1970.
fn unix_seconds() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |t| t.as_secs())
}

/// Changes with everything on the server's side that equal requests with equal seeds could answer differently for.
fn fingerprint(model: &LoadedModel) -> String {
    let details = format!("{} {} {:?}", env!("CARGO_PKG_VERSION"), model.id, model.details);
    format!("fp_{:012x}", ids::hash(details.bytes()) >> 16)
}

/// OpenAI's word for an end.
fn finish_reason(reason: EndReason) -> &'static str {
    match reason {
        EndReason::EndOfGeneration | EndReason::StopString(_) => "stop",
        // There is no word for a time limit; the output is cut off all the same.
        EndReason::Length | EndReason::TimedOut => "length",
        EndReason::ToolCalls => "tool_calls",
    }
}
