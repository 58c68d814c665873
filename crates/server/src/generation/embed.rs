//! Embeddings: the mean of a model's hidden states over a text.

use std::{collections::VecDeque, ops::ControlFlow};

use engine::{CacheScope, Completion, Error, Event, Request, Sink, Task};
use tokenizer::TokenId;
use tokio::sync::oneshot;

use super::{TokensUsed, api_error};
use crate::{
    App, Caller,
    error::{ApiError, ErrorKind},
    metrics::Finish,
    models::Lease,
};

/// Texts of one request that are in the engine at once: one request must not fill the queue of all.
const SUBMITTED_MAX: usize = 16;

struct EmbedSink(Option<oneshot::Sender<Result<Completion, Error>>>);

impl Sink for EmbedSink {
    fn event(&mut self, _: Event<'_>) -> ControlFlow<()> {
        if self.is_open() { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
    }

    fn finish(&mut self, _: usize, end: Result<Completion, Error>) {
        if let Some(sender) = self.0.take() {
            // Nobody listens any more: then nobody needs to know.
            let _ = sender.send(end);
        }
    }

    fn is_open(&self) -> bool {
        self.0.as_ref().is_some_and(|sender| !sender.is_closed())
    }
}

/// One vector of length 1 for each prompt, in order. Dropping the future cancels what is left.
pub async fn embed(
    app: &App,
    caller: &Caller,
    lease: &Lease,
    prompts: Vec<Vec<TokenId>>,
    scope: CacheScope,
) -> Result<(Vec<Vec<f32>>, TokensUsed), ApiError> {
    let (vectors, used) = embed_raw(app, caller, lease, prompts, scope).await?;
    Ok((vectors.into_iter().map(unit).collect(), used))
}

/// The same at whatever length the model gives them.
pub async fn embed_raw(
    app: &App,
    caller: &Caller,
    lease: &Lease,
    prompts: Vec<Vec<TokenId>>,
    scope: CacheScope,
) -> Result<(Vec<Vec<f32>>, TokensUsed), ApiError> {
    let metrics = app.metrics().model(&lease.id);
    let started = std::time::Instant::now();
    let (mut vectors, mut used) = (Vec::with_capacity(prompts.len()), TokensUsed::default());
    let mut waiting: VecDeque<oneshot::Receiver<Result<Completion, Error>>> = VecDeque::new();
    let mut prompts = prompts.into_iter();
    loop {
        for prompt in prompts.by_ref().take(SUBMITTED_MAX - waiting.len()) {
            let (sender, receiver) = oneshot::channel();
            let request = Request { task: Task::Embed, scope, ..Request::new(prompt) };
            lease.handle.submit(request, Box::new(EmbedSink(Some(sender)))).map_err(|e| api_error(&e, "input"))?;
            waiting.push_back(receiver);
        }
        let Some(next) = waiting.pop_front() else { break };
        let lost = || ApiError::new(ErrorKind::Internal, "the engine stopped in the middle of the request");
        let completion = next.await.map_err(|_| lost())?.map_err(|e| api_error(&e, "input"))?;
        metrics.record_prompt(completion.n_prompt as u64, completion.n_cached as u64);
        metrics.record_finish(Finish::Stop, started.elapsed().as_secs_f64(), completion.prefill_seconds, 0.0);
        used.n_prompt += completion.n_prompt;
        used.n_cached += completion.n_cached;
        vectors.push(completion.embedding.ok_or_else(lost)?);
    }
    caller.record_tokens(used.n_prompt as u64);
    Ok((vectors, used))
}

/// The vector at length 1; one of zeros stays.
fn unit(mut vector: Vec<f32>) -> Vec<f32> {
    let length = vector.iter().map(|x| f64::from(*x) * f64::from(*x)).sum::<f64>().sqrt();
    if length > 0.0 && length.is_finite() {
        vector.iter_mut().for_each(|x| *x = (f64::from(*x) / length) as f32);
    }
    vector
}
