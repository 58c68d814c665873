//! The route `/v1/completions`.

mod request;
mod response;
mod stream;

use axum::{Extension, extract::State, response::Response};

use super::{Head, json_response};
use crate::{
    App, Caller, Json, blocking,
    error::ApiError,
    generation::{Choice, Generation, TokensUsed},
    ignored::Lenient,
};
pub(super) use request::CompletionRequest;
use request::Prepared;

/// Answers `POST /v1/completions`, whole or as a stream.
pub(super) async fn completions(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    Json(Lenient(request)): Json<Lenient<CompletionRequest>>,
) -> Result<Response, ApiError> {
    let lease = app.models().acquire(request.model.as_deref()).await?;
    let head = Head::new("cmpl-", &lease);
    let prepared = blocking::prepare(&app, &lease, &caller, |asked| request.prepare(asked)).await?;
    let Prepared { requests, answer } = prepared;
    let generations = Generation::start_all(&app, &caller, &lease, requests).await?;
    if answer.is_stream {
        return Ok(stream::respond(&app, head, &lease, generations, answer));
    }
    let (mut prompts, mut used) = (Vec::with_capacity(generations.len()), TokensUsed::default());
    for generation in generations {
        let mut joined = generation.join().await?;
        used = used.beside(&joined.usage());
        joined.choices = best(joined.choices, answer.n_choices);
        prompts.push(joined);
    }
    json_response(&response::completion(&head, &prompts, used, &answer, lease.handle.tokenizer()))
}

/// Returns the `n` choices whose tokens are the most probable on average, the best first; all in their order if there
/// are no more than `n`.
fn best(mut choices: Vec<Choice>, n: usize) -> Vec<Choice> {
    if choices.len() > n {
        let mean = |choice: &Choice| {
            let logprobs = choice.tokens.iter().filter_map(|t| Some(f64::from(t.logprobs.as_ref()?.picked)));
            logprobs.sum::<f64>() / choice.tokens.len().max(1) as f64
        };
        choices.sort_by(|a, b| mean(b).total_cmp(&mean(a)));
        choices.truncate(n);
    }
    choices
}
