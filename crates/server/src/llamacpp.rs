//! The API of llama.cpp's server: completions, infill, tokens, templates, embeddings, ranks, and what it tells of
//! itself.
//!
//! As its README documents it, with its defaults (temperature 0.8, `top_k` 40, …). A field whose feature is missing
//! here is taken at the value that switches it off, and refused by name at any other. A prompt is raw text, as there:
//! control tokens spelled in it count.

mod adapters;
mod completion;
mod embedding;
mod missing;
mod prompt;
mod props;
mod rerank;
mod template;
mod tokens;

use axum::routing::{get, post};
use tokenizer::{TokenId, Tokenizer};

use crate::{refusal::Shape, router::Routes};

/// The routes of llama.cpp's server.
pub(crate) fn routes() -> Routes {
    Routes::of(Shape::LlamaCpp)
        .route("/completion", post(completion::completion))
        .route("/completions", post(completion::completion))
        .route("/infill", post(completion::infill))
        .route("/tokenize", post(tokens::tokenize))
        .route("/detokenize", post(tokens::detokenize))
        .route("/apply-template", post(template::apply))
        .route("/embedding", post(embedding::embeddings))
        .route("/embeddings", post(embedding::embeddings))
        .route("/props", get(props::props).post(missing::set_props))
        .route("/slots", get(props::slots))
        .route("/slots/{id}", post(missing::slot_action))
        .route("/lora-adapters", get(adapters::adapters).post(adapters::set_adapters))
        .route("/rerank", post(rerank::rerank))
        .route("/reranking", post(rerank::rerank))
        .route("/v1/rerank", post(rerank::rerank))
        .route("/v1/reranking", post(rerank::rerank))
        // vLLM's, which spells errors as OpenAI does.
        .merge(Routes::of(Shape::OpenAi).route("/tokenizer_info", get(tokens::info)))
}

/// Spells ids as text, one after the other, control tokens included.
fn text_of(tokenizer: &Tokenizer, ids: &[TokenId]) -> String {
    let bytes: Vec<u8> = ids.iter().flat_map(|id| tokenizer.token_bytes(*id).into_owned()).collect();
    String::from_utf8_lossy(&bytes).into_owned()
}

/// Returns the fields of the request types, by the names of their schemas.
#[cfg(test)]
pub(crate) fn wire_fields() -> Vec<(&'static str, std::collections::BTreeSet<String>)> {
    use crate::openapi::tests::fields;
    const ANY: &str = r#"{"?": 0}"#;
    vec![
        ("LlamaCppCompletionRequest", fields::<completion::CompletionRequest>(ANY)),
        ("PromptObject", fields::<completion::CompletionRequest>(r#"{"prompt": {"?": 0}}"#)),
        ("InfillRequest", fields::<completion::InfillRequest>(ANY)),
        ("InputFile", fields::<completion::InfillRequest>(r#"{"input_extra": [{"?": 0}]}"#)),
        ("TokenizeRequest", fields::<tokens::TokenizeRequest>(ANY)),
        ("DetokenizeRequest", fields::<tokens::DetokenizeRequest>(ANY)),
        ("LlamaCppEmbeddingRequest", fields::<embedding::EmbeddingRequest>(ANY)),
        ("AdapterScale", fields::<crate::wire::lora::AdapterScale>(ANY)),
        ("RerankRequest", fields::<rerank::RerankRequest>(ANY)),
    ]
}
