//! OpenAI's API: chat completions, completions, responses, embeddings, models.
//!
//! Every field of OpenAI's documents either works or is refused by name; what is a hint in the dialects of other
//! servers is taken (`ignored.rs`). Where a field is absent its default is OpenAI's: temperature 1, `top_p` 1, nothing
//! else cut off, a new seed for every request; a completion without `max_tokens` ends after 16.

mod chat;
mod completions;
mod constraint;
mod embeddings;
mod fields;
mod logprobs;
mod models;
mod responses;
mod tool_choice;
mod usage;
mod values;

use std::time::{SystemTime, UNIX_EPOCH};

use axum::{
    response::Response,
    routing::{get, post},
};
use serde_json::json;

use crate::{
    error::ApiError, generation::EndReason, ids, models::LoadedModel, refusal::Shape, router::Routes,
    wire::json_response,
};
pub(crate) use chat::ChatRequest;

/// The routes of OpenAI's API.
pub(crate) fn routes() -> Routes {
    Routes::of(Shape::OpenAi)
        .route("/v1/chat/completions", post(chat::completions))
        .route("/v1/chat/completions/input_tokens", post(chat::input_tokens))
        .route("/v1/chat/completions/render", post(chat::render))
        .route("/v1/completions", post(completions::completions))
        .route("/v1/responses", post(responses::responses))
        .route("/v1/responses/input_tokens", post(responses::input_tokens))
        .route("/v1/responses/{id}/input_items", get(responses::input_items))
        .route("/v1/responses/{id}", get(responses::retrieve).delete(responses::delete))
        .route("/v1/embeddings", post(embeddings::embeddings))
        .route("/v1/models", get(models::list))
        .route("/v1/models/{*id}", get(models::retrieve))
        // As llama.cpp's server has them; its `/completions` and `/embeddings` are in its own form.
        .route("/chat/completions", post(chat::completions))
        .route("/chat/completions/input_tokens", post(chat::input_tokens))
        .route("/responses", post(responses::responses))
        .route("/responses/input_tokens", post(responses::input_tokens))
        .route("/models", get(models::list))
}

/// Answers with the `input_tokens` of a prompt: what OpenAI answers for responses, and llama.cpp's server for chats
/// too.
fn token_count(n: usize) -> Result<Response, ApiError> {
    json_response(&json!({"object": "response.input_tokens", "input_tokens": n}))
}

/// The head of an answer: what all parts of it repeat.
#[derive(Clone, Debug)]
struct Head {
    id: String,
    created: u64,
    model: String,
    fingerprint: String,
}

impl Head {
    /// Makes the head of an answer by `model`, whose id begins with `prefix`.
    fn new(prefix: &str, model: &LoadedModel) -> Self {
        Self {
            id: ids::random_id(prefix),
            created: unix_seconds(),
            model: model.id.clone(),
            fingerprint: fingerprint(model),
        }
    }
}

/// Returns the seconds since 1970.
fn unix_seconds() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |t| t.as_secs())
}

/// Returns a text that changes with everything on the server's side for which equal requests with equal seeds could be
/// answered differently, and with nothing else.
fn fingerprint(model: &LoadedModel) -> String {
    let parts = [env!("CARGO_PKG_VERSION").as_bytes(), &model.details.fingerprint.to_le_bytes()].concat();
    format!("fp_{:012x}", ids::hash(parts.into_iter()) >> 16)
}

/// Returns OpenAI's word for the reason why a choice ended.
fn finish_reason(reason: EndReason) -> &'static str {
    match reason {
        EndReason::EndOfGeneration | EndReason::StopString(_) => "stop",
        // There is no word for a time limit; the output is cut off all the same.
        EndReason::Length | EndReason::TimedOut => "length",
        // vLLM's word; only who asks for the detection gets it.
        EndReason::Repetition => "repetition",
        EndReason::ToolCalls => "tool_calls",
    }
}

/// Returns the fields of the request types, by the names of their schemas.
#[cfg(test)]
pub(crate) fn wire_fields() -> Vec<(&'static str, std::collections::BTreeSet<String>)> {
    use crate::openapi::tests::{fields, lenient_fields};
    const ANY: &str = r#"{"?": 0}"#;
    vec![
        ("ChatRequest", lenient_fields::<ChatRequest>(ANY)),
        ("ChatReasoning", fields::<ChatRequest>(r#"{"reasoning": {"?": 0}}"#)),
        ("ChatThinking", fields::<ChatRequest>(r#"{"thinking": {"?": 0}}"#)),
        ("ChatMessage", fields::<chat::Message>(ANY)),
        ("ToolCall", fields::<chat::ToolCallWire>(ANY)),
        ("FunctionCall", fields::<chat::FunctionCall>(ANY)),
        ("StreamOptions", fields::<fields::StreamOptions>(ANY)),
        ("ResponseFormat", fields::<constraint::ResponseFormat>(ANY)),
        ("JsonSchema", fields::<constraint::JsonSchema>(ANY)),
        ("RepetitionDetection", fields::<crate::wire::repetition::Pattern>(ANY)),
        ("StructuredOutputs", fields::<constraint::StructuredOutputs>(ANY)),
        ("Tool", fields::<crate::wire::ToolWire>(ANY)),
        ("Function", fields::<crate::wire::ToolWire>(r#"{"type": "function", "function": {"?": 0}}"#)),
        ("CompletionRequest", lenient_fields::<completions::CompletionRequest>(ANY)),
        ("ResponsesRequest", lenient_fields::<responses::ResponsesRequest>(ANY)),
        ("TextConfig", fields::<responses::ResponsesRequest>(r#"{"text": {"?": 0}}"#)),
        ("TextFormat", fields::<constraint::TextFormat>(ANY)),
        ("Reasoning", fields::<responses::ResponsesRequest>(r#"{"reasoning": {"?": 0}}"#)),
        ("InputItem", fields::<responses::ResponsesRequest>(r#"{"input": [{"?": 0}]}"#)),
        ("EmbeddingRequest", fields::<embeddings::EmbeddingRequest>(ANY)),
    ]
}
