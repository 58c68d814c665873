//! `/api/embed`, and its older form `/api/embeddings`.

use std::time::Instant;

use axum::{Extension, extract::State, response::Response};
use engine::CacheScope;
use serde::{Deserialize, Serialize};
use tokenizer::{ControlTokens, TokenId};

use super::{
    names,
    options::{KeepAliveWire, Options},
    output::nanoseconds,
};
use crate::{
    App, Caller, Json, blocking,
    error::{ApiError, ContextExceeded},
    generation, limits,
    models::LoadedModel,
    wire::{StringOrList, count, json_response, out_of_range},
};

/// The body of `/api/embed`; a field that is not listed is skipped.
#[derive(Deserialize, Debug)]
pub(super) struct EmbedRequest {
    model: String,
    input: StringOrList,
    truncate: Option<bool>,
    dimensions: Option<i64>,
    options: Option<Options>,
    keep_alive: Option<KeepAliveWire>,
}

/// The body of `/api/embeddings`, the older form.
#[derive(Deserialize, Debug)]
pub(super) struct EmbeddingsRequest {
    model: String,
    prompt: Option<String>,
    options: Option<Options>,
    keep_alive: Option<KeepAliveWire>,
}

/// The answer of `/api/embed`. Vectors stay f32: as JSON values their numbers would be written as those of doubles.
#[derive(Serialize)]
struct EmbedAnswer<'a> {
    model: &'a str,
    embeddings: Vec<Vec<f32>>,
    total_duration: u64,
    load_duration: u64,
    prompt_eval_count: usize,
}

#[derive(Serialize)]
struct EmbeddingsAnswer {
    embedding: Vec<f32>,
}

/// Returns the ids of the texts; a text longer than the context is cut off if that is allowed.
fn prompts(
    inputs: Vec<String>,
    options: Option<Options>,
    is_cut: bool,
    model: &LoadedModel,
) -> Result<Vec<Vec<TokenId>>, ApiError> {
    let context_len_max = model.handle.context_len_max();
    let options = options.unwrap_or_default();
    options.check()?;
    let n_max = options.num_ctx(context_len_max)?.unwrap_or(context_len_max);
    let ids = |(i, text): (usize, String)| {
        if text.is_empty() {
            return Err(ApiError::invalid("input", format!("input: number {i} is an empty string")));
        }
        let mut ids = Vec::new();
        model.handle.tokenizer().encode(&text, ControlTokens::AsText, true, &mut ids);
        if ids.len() > n_max {
            if !is_cut {
                let message = format!("input: number {i} has {} tokens, but the context holds {n_max}", ids.len());
                let context = ContextExceeded { n_prompt: ids.len(), n_context: n_max };
                return Err(ApiError::too_long("input", message, context));
            }
            model.handle.tokenizer().truncate(&mut ids, n_max);
        }
        Ok(ids)
    };
    inputs.into_iter().enumerate().map(ids).collect()
}

/// Answers `POST /api/embed`: a vector for each text.
pub(super) async fn embed(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    Json(request): Json<EmbedRequest>,
) -> Result<Response, ApiError> {
    let started = Instant::now();
    let lease = names::acquire(&app, &caller, &request.model, request.keep_alive, request.options.as_ref()).await?;
    let load_time = started.elapsed();
    let inputs = match request.input {
        // As Ollama: one empty text is no text, an empty one in a list is a mistake.
        StringOrList::One(text) if text.is_empty() => Vec::new(),
        input => input.into_vec(),
    };
    if inputs.len() > limits::INPUTS_MAX {
        let expected = format!("at most {}", limits::INPUTS_MAX);
        return Err(out_of_range("input", format!("{} inputs", inputs.len()), &expected));
    }
    let dimensions = request.dimensions.map(|n| count("dimensions", n, 1, lease.handle.width())).transpose()?;
    let (options, is_cut) = (request.options, request.truncate.unwrap_or(true));
    let prompts = blocking::prepare(&app, &lease, &caller, move |asked| prompts(inputs, options, is_cut, asked.lease));
    let prompts = prompts.await?;
    let scope = CacheScope(caller.scope);
    let (vectors, used) = generation::embed(&app, &caller, &lease, prompts, dimensions, scope).await?;
    json_response(&EmbedAnswer {
        model: &request.model,
        embeddings: vectors,
        total_duration: nanoseconds(started.elapsed()),
        load_duration: nanoseconds(load_time),
        prompt_eval_count: used.n_prompt,
    })
}

/// Answers `POST /api/embeddings`: a vector for one text.
pub(super) async fn embeddings(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    Json(request): Json<EmbeddingsRequest>,
) -> Result<Response, ApiError> {
    let lease = names::acquire(&app, &caller, &request.model, request.keep_alive, request.options.as_ref()).await?;
    let inputs: Vec<String> = request.prompt.into_iter().filter(|prompt| !prompt.is_empty()).collect();
    let options = request.options;
    let prompts = blocking::prepare(&app, &lease, &caller, move |asked| prompts(inputs, options, true, asked.lease));
    let prompts = prompts.await?;
    let (vectors, _) = generation::embed(&app, &caller, &lease, prompts, None, CacheScope(caller.scope)).await?;
    json_response(&EmbeddingsAnswer { embedding: vectors.into_iter().next().unwrap_or_default() })
}
