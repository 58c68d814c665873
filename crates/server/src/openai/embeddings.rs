//! The route `/v1/embeddings`.

use axum::{Extension, extract::State, response::Response};
use engine::CacheScope;
use serde::{Deserialize, Serialize};
use tokenizer::{ControlTokens, TokenId};

use super::{
    fields::{Ignored, out_of_range},
    json_response,
    values::{Inputs, TextOrIds},
};
use crate::{App, Caller, Json, blocking, error::ApiError, generation, limits, models::Lease, wire::count};

#[derive(Deserialize, Debug)]
#[serde(deny_unknown_fields)]
pub(super) struct EmbeddingRequest {
    #[serde(default)]
    model: Option<String>,
    input: Inputs,
    #[serde(default)]
    encoding_format: Option<Encoding>,
    #[serde(default)]
    dimensions: Option<i64>,
    #[serde(default, rename = "user")]
    _user: Ignored,
}

#[derive(Deserialize, Clone, Copy, PartialEq, Eq, Debug)]
#[serde(rename_all = "lowercase")]
enum Encoding {
    Float,
    /// Vectors as base64 of little-endian f32.
    Base64,
}

#[derive(Serialize)]
struct EmbeddingList<'a> {
    object: &'static str,
    data: Vec<Embedding>,
    model: &'a str,
    usage: EmbeddingUsage,
}

#[derive(Serialize)]
struct EmbeddingUsage {
    prompt_tokens: usize,
    total_tokens: usize,
}

#[derive(Serialize)]
struct Embedding {
    object: &'static str,
    index: usize,
    #[serde(rename = "embedding")]
    vector: Vector,
}

#[derive(Serialize)]
#[serde(untagged)]
enum Vector {
    Numbers(Vec<f32>),
    Text(String),
}

impl EmbeddingRequest {
    /// Returns the token ids of every input.
    fn prompts(self, lease: &Lease) -> Result<Vec<Vec<TokenId>>, ApiError> {
        let n = self.input.list.len();
        if n == 0 || n > limits::INPUTS_MAX {
            return Err(out_of_range("input", format!("{n} inputs"), &format!("1 to {}", limits::INPUTS_MAX)));
        }
        let tokenizer = lease.handle.tokenizer();
        let ids = |(i, input): (usize, TextOrIds)| match input {
            TextOrIds::Ids(ids) => Ok(ids.into_iter().map(TokenId).collect()),
            TextOrIds::Text(text) if text.is_empty() => {
                Err(ApiError::invalid("input", format!("input: number {i} is an empty string")))
            }
            TextOrIds::Text(text) => {
                let mut ids = Vec::new();
                tokenizer.encode(&text, ControlTokens::AsText, true, &mut ids);
                Ok(ids)
            }
        };
        self.input.list.into_iter().enumerate().map(ids).collect()
    }
}

/// Answers `POST /v1/embeddings`: a vector for each input.
pub(super) async fn embeddings(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    Json(request): Json<EmbeddingRequest>,
) -> Result<Response, ApiError> {
    let lease = app.models().acquire(request.model.as_deref()).await?;
    let is_text = request.encoding_format == Some(Encoding::Base64);
    let dimensions = request.dimensions.map(|n| count("dimensions", n, 1, lease.handle.width())).transpose()?;
    let prompts = blocking::prepare(&app, &lease, &caller, |asked| request.prompts(asked.lease)).await?;
    let scope = CacheScope(caller.scope);
    let (vectors, used) = generation::embed(&app, &caller, &lease, prompts, dimensions, scope).await?;
    let encode = |vector: Vec<f32>| if is_text { Vector::Text(base64(&vector)) } else { Vector::Numbers(vector) };
    let data = vectors.into_iter().enumerate();
    let data = data.map(|(index, v)| Embedding { object: "embedding", index, vector: encode(v) }).collect();
    let usage = EmbeddingUsage { prompt_tokens: used.n_prompt, total_tokens: used.n_prompt };
    json_response(&EmbeddingList { object: "list", data, model: &lease.id, usage })
}

/// Encodes the little-endian bytes of a vector as base64 (RFC 4648).
fn base64(vector: &[f32]) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let bytes: Vec<u8> = vector.iter().flat_map(|x| x.to_le_bytes()).collect();
    let mut text = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for group in bytes.chunks(3) {
        let at = |i: usize| u32::from(group.get(i).copied().unwrap_or(0));
        let bits = at(0) << 16 | at(1) << 8 | at(2);
        for i in 0..4 {
            let digit = ALPHABET.get((bits >> (18 - 6 * i)) as usize & 63).copied().unwrap_or(b'=');
            text.push(char::from(if i > group.len() { b'=' } else { digit }));
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64_of_the_bytes() {
        // As Python's base64.b64encode(struct.pack("<2f", 1.0, -2.5)) and of one and three numbers.
        assert_eq!(base64(&[1.0, -2.5]), "AACAPwAAIMA=");
        assert_eq!(base64(&[1.0]), "AACAPw==");
        assert_eq!(base64(&[1.0, 1.0, 1.0]), "AACAPwAAgD8AAIA/");
        assert_eq!(base64(&[]), "");
    }
}
