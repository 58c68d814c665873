//! Ollama's API: generate, chat, embeddings, and what its tools ask about models.
//!
//! Fields and options that Ollama does not have are skipped and logged once, as Ollama does: its clients rely on it.
//! What Ollama has and would change an answer works or is refused by name; options that say how to use a machine are
//! accepted, since they have no effect on the output. Defaults are Ollama's (temperature 0.8, `top_k` 40, `top_p` 0.9,
//! `repeat_penalty` 1.1, streams). A conversation that is longer than the context loses its oldest messages, any other
//! prompt is refused. Models are not made, copied, pushed or deleted over HTTP, and pulled only where the operator
//! allows it.

mod chat;
mod embed;
mod generate;
mod history;
mod load;
mod message;
mod models;
mod names;
mod options;
mod output;
mod pull;
mod refused;

pub(crate) use models::described;
pub(crate) use options::keep_alive_of;

use axum::routing::{any, get, post};

use crate::{refusal::Shape, router::Routes};

/// The routes of Ollama's API.
pub(crate) fn routes() -> Routes {
    Routes::of(Shape::Ollama)
        .below("/api/")
        .route("/api/generate", post(generate::generate))
        .route("/api/chat", post(chat::chat))
        .route("/api/embed", post(embed::embed))
        .route("/api/embeddings", post(embed::embeddings))
        .route("/api/tags", get(models::tags))
        .route("/api/ps", get(models::running))
        .route("/api/show", post(models::show))
        .route("/api/version", get(models::version))
        .route("/api/pull", post(pull::pull))
        .route("/api/create", any(refused::create))
        .route("/api/copy", any(refused::copy))
        .route("/api/push", any(refused::push))
        .route("/api/delete", any(refused::delete))
        .route("/api/blobs/{digest}", any(refused::create))
}

/// Returns the fields of the request types, by the names of their schemas.
#[cfg(test)]
pub(crate) fn wire_fields() -> Vec<(&'static str, std::collections::BTreeSet<String>)> {
    use crate::openapi::tests::fields;
    const ANY: &str = r#"{"?": 0}"#;
    vec![
        ("OllamaChatRequest", fields::<chat::ChatRequest>(ANY)),
        ("OllamaMessage", fields::<chat::ChatRequest>(r#"{"messages": [{"?": 0}]}"#)),
        ("OllamaOptions", fields::<chat::ChatRequest>(r#"{"options": {"?": 0}}"#)),
        ("GenerateRequest", fields::<generate::GenerateRequest>(ANY)),
        ("EmbedRequest", fields::<embed::EmbedRequest>(ANY)),
        ("EmbeddingsRequest", fields::<embed::EmbeddingsRequest>(ANY)),
        ("ShowRequest", fields::<models::ShowRequest>(ANY)),
        ("PullRequest", fields::<pull::PullRequest>(ANY)),
    ]
}
