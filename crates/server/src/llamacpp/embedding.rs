//! `/embedding` and `/embeddings`, which are one.

use axum::{Extension, extract::State, response::Response};
use engine::CacheScope;
use model::Pooling;
use serde::{Deserialize, Serialize};
use tokenizer::{ControlTokens, TokenId};

use super::prompt::{Parts, Prompts};
use crate::{
    App, Caller, Json, blocking,
    error::ApiError,
    generation, limits,
    models::Lease,
    wire::{json_response, out_of_range},
};

#[derive(Deserialize, Debug)]
#[serde(deny_unknown_fields)]
pub(crate) struct EmbeddingRequest {
    #[serde(default)]
    model: Option<String>,
    #[serde(alias = "input")]
    content: Prompts,
    /// Norm of the vector: -1 as it is, 0 largest absolute value 32,760, 1 taxicab, 2 Euclid, p p-norm.
    #[serde(default)]
    embd_normalize: Option<i64>,
}

#[derive(Serialize)]
struct Embedding {
    index: usize,
    /// Vectors of the prompt: one, or without pooling one for each token.
    embedding: Vec<Vec<f32>>,
}

/// Answers `POST /embedding`: vectors for each prompt.
pub(super) async fn embeddings(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    Json(request): Json<EmbeddingRequest>,
) -> Result<Response, ApiError> {
    let lease = app.models().acquire(request.model.as_deref()).await?;
    let norm = request.embd_normalize.unwrap_or(2);
    if !limits::EMBEDDING_NORM.contains(norm) {
        return Err(out_of_range("embd_normalize", norm, &limits::EMBEDDING_NORM.to_string()));
    }
    let prompts = blocking::prepare(&app, &lease, &caller, |asked| prompts(request.content, asked.lease)).await?;
    let scope = CacheScope(caller.scope);
    let (vectors, _) = generation::embed_raw(&app, &caller, &lease, prompts, scope).await?;
    // What is not pooled is not normalised either.
    let norm = if generation::pooling(&lease)? == Pooling::None { -1 } else { norm };
    let width = lease.handle.width().max(1);
    let entry = |(index, vector): (usize, Vec<f32>)| Embedding {
        index,
        embedding: vector.chunks(width).map(|row| normalized(row.to_vec(), norm)).collect(),
    };
    json_response(&vectors.into_iter().enumerate().map(entry).collect::<Vec<_>>())
}

fn prompts(content: Prompts, lease: &Lease) -> Result<Vec<Vec<TokenId>>, ApiError> {
    let n = content.list.len();
    if n == 0 || n > limits::INPUTS_MAX {
        return Err(out_of_range("content", format!("{n} texts"), &format!("1 to {}", limits::INPUTS_MAX)));
    }
    let ids = |parts: Parts| {
        let ids = parts.encode(lease, "content", ControlTokens::Parse, true)?;
        if ids.is_empty() { Err(ApiError::invalid("content", "content: an empty text")) } else { Ok(ids) }
    };
    content.list.into_iter().map(ids).collect()
}

fn normalized(mut vector: Vec<f32>, norm: i64) -> Vec<f32> {
    let values = || vector.iter().map(|x| f64::from(*x).abs());
    let scale = match norm {
        -1 => 1.0,
        0 => values().fold(0.0, f64::max) / 32_760.0,
        // The largest in front, so that no power overflows.
        p => {
            let (max, p) = (values().fold(0.0, f64::max), p as f64);
            max * values().map(|x| (x / max).powf(p)).sum::<f64>().powf(p.recip())
        }
    };
    if scale > 0.0 && scale.is_finite() {
        vector.iter_mut().for_each(|x| *x = (f64::from(*x) / scale) as f32);
    }
    vector
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(norm: i64, expected: [f32; 2]) {
        assert_eq!(normalized(vec![3.0, -4.0], norm), expected, "{norm}");
    }

    #[test]
    fn norms() {
        check(-1, [3.0, -4.0]);
        check(0, [24_570.0, -32_760.0]);
        check(1, [3.0 / 7.0, -4.0 / 7.0]);
        check(2, [0.6, -0.8]);
        let cubic = f64::from(27 + 64).powf(1.0 / 3.0);
        check(3, [(3.0 / cubic) as f32, (-4.0 / cubic) as f32]);
        assert_eq!(normalized(vec![0.0, 0.0], 2), [0.0, 0.0]);
        assert!(normalized(vec![1e38, 1e38], 100).iter().all(|x| (0.9..=1.0).contains(x)));
    }
}
