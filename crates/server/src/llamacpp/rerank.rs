//! `/v1/rerank` and its other names: documents in the order of what a reranker says of each beside the query. The
//! form is that of Jina AI and Cohere, which llama.cpp's server has, too.

use axum::{Extension, extract::State, response::Response};
use engine::CacheScope;
use prompt::encode_pair;
use serde::{Deserialize, Serialize};

use crate::{
    App, Caller, Json, blocking,
    error::ApiError,
    generation, limits,
    wire::{count, json_response, out_of_range},
};

#[derive(Deserialize, Debug)]
#[serde(deny_unknown_fields)]
pub(crate) struct RerankRequest {
    #[serde(default)]
    model: Option<String>,
    query: String,
    documents: Vec<Document>,
    /// Number of results, the best ones; all if absent.
    #[serde(default)]
    top_n: Option<i64>,
    /// Whether results have their documents.
    #[serde(default)]
    return_documents: Option<bool>,
}

/// A document, plain or as an object.
#[derive(Deserialize, Debug)]
#[serde(untagged, expecting = "a string, or an object with a text")]
enum Document {
    Text(String),
    Object(DocumentObject),
}

#[derive(Deserialize, Serialize, Debug)]
#[serde(deny_unknown_fields)]
struct DocumentObject {
    text: String,
}

#[derive(Serialize)]
struct Reranked<'a> {
    model: &'a str,
    object: &'static str,
    usage: Usage,
    results: Vec<RankedDocument>,
}

#[derive(Serialize)]
struct Usage {
    prompt_tokens: usize,
    total_tokens: usize,
}

#[derive(Serialize)]
struct RankedDocument {
    index: usize,
    relevance_score: f32,
    #[serde(skip_serializing_if = "Option::is_none")]
    document: Option<DocumentObject>,
}

/// Answers `POST /v1/rerank`: a score for each document, the best first.
pub(super) async fn rerank(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    Json(request): Json<RerankRequest>,
) -> Result<Response, ApiError> {
    let lease = app.models().acquire(request.model.as_deref()).await?;
    let n = request.documents.len();
    if n == 0 || n > limits::INPUTS_MAX {
        let expected = format!("1 to {}", limits::INPUTS_MAX);
        return Err(out_of_range("documents", format!("{n} documents"), &expected));
    }
    let n_results = request.top_n.map_or(Ok(n), |top_n| count("top_n", top_n, 1, usize::MAX))?.min(n);
    lease.check_ranks()?;
    let RerankRequest { query, documents, return_documents, .. } = request;
    let documents = documents.into_iter().map(|document| match document {
        Document::Text(text) | Document::Object(DocumentObject { text }) => text,
    });
    let documents: Vec<String> = documents.collect();
    let pairs = blocking::prepare(&app, &lease, &caller, move |asked| {
        let tokenizer = asked.lease.handle.tokenizer();
        if query.is_empty() {
            return Err(ApiError::invalid("query", "query: an empty string"));
        }
        let pairs = documents.iter().map(|document| encode_pair(tokenizer, &query, document)).collect();
        Ok((pairs, documents))
    });
    let (pairs, documents) = pairs.await?;
    let (scores, used) = generation::scores(&app, &caller, &lease, pairs, CacheScope(caller.scope)).await?;
    let mut order: Vec<usize> = (0..n).collect();
    // Stable: of equals the first comes first.
    order.sort_by(|a, b| scores[*b].total_cmp(&scores[*a]));
    let mut texts: Vec<Option<String>> = documents.into_iter().map(Some).collect();
    let result = |index: usize| RankedDocument {
        index,
        relevance_score: scores[index],
        document: texts[index].take().filter(|_| return_documents == Some(true)).map(|text| DocumentObject { text }),
    };
    let results = order.into_iter().take(n_results).map(result).collect();
    let usage = Usage { prompt_tokens: used.n_prompt, total_tokens: used.n_prompt };
    json_response(&Reranked { model: &lease.id, object: "list", usage, results })
}
