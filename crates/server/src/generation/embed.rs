//! Embeddings: a model's hidden states over a text, put together as its file says; and scores of pairs of texts.

use std::{collections::VecDeque, ops::ControlFlow};

use engine::{CacheScope, Completion, Error, Event, POOLING_DEFAULT, Request, Sink, Task, TenantId, unit};
use model::Pooling;
use tokenizer::TokenId;
use tokio::sync::oneshot;

use super::{TokensUsed, api_error, bill::Bill};
use crate::{
    App, Caller,
    error::{ApiError, ErrorKind},
    limits,
    metrics::Finish,
    models::{Lease, LoadedModel},
};

/// Texts of one request that are in the engine at once: one request must not fill the queue of all.
const SUBMITTED_MAX: usize = 16;

struct EmbedSink(Option<oneshot::Sender<Result<Completion, Error>>>, Bill);

impl Sink for EmbedSink {
    fn event(&mut self, _: Event<'_>) -> ControlFlow<()> {
        if self.is_open() { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
    }

    fn begun(&mut self, n_cached: usize) {
        self.1.begun(n_cached);
    }

    fn charge(&mut self, n_prompt: usize, n_completion: usize) {
        self.1.charge(n_prompt, n_completion);
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

/// The pooling by which embeddings of `model` are made.
pub fn pooling(model: &LoadedModel) -> Result<Pooling, ApiError> {
    match model.pooling.unwrap_or(POOLING_DEFAULT) {
        Pooling::Rank => {
            let message =
                "model: its pooling is \"rank\", which scores pairs of texts; it has no embeddings without --pooling";
            Err(ApiError::invalid("model", message).with_code("unsupported_parameter"))
        }
        pooling => Ok(pooling),
    }
}

/// One vector of length 1 for each prompt, in order, of the first `dimensions` elements. Dropping the future cancels
/// what is left.
pub async fn embed(
    app: &App,
    caller: &Caller,
    lease: &Lease,
    prompts: Vec<Vec<TokenId>>,
    dimensions: Option<usize>,
    scope: CacheScope,
) -> Result<(Vec<Vec<f32>>, TokensUsed), ApiError> {
    if pooling(lease)? == Pooling::None {
        let message = "model: its pooling is \"none\", a vector for each token, which only POST /embedding can answer";
        return Err(ApiError::invalid("model", message).with_code("unsupported_parameter"));
    }
    let (vectors, used) = embed_raw(app, caller, lease, prompts, scope).await?;
    let n = dimensions.unwrap_or(usize::MAX);
    Ok((vectors.into_iter().map(|vector| unit(vector, n)).collect(), used))
}

/// The embedding of each prompt, in order, at the length the model gives it; without pooling the vectors of all tokens,
/// one after the other.
pub async fn embed_raw(
    app: &App,
    caller: &Caller,
    lease: &Lease,
    prompts: Vec<Vec<TokenId>>,
    scope: CacheScope,
) -> Result<(Vec<Vec<f32>>, TokensUsed), ApiError> {
    let pooling = pooling(lease)?;
    if pooling == Pooling::None {
        let n = prompts.iter().map(Vec::len).sum::<usize>().saturating_mul(lease.handle.width());
        if n > limits::EMBEDDING_NUMBERS_MAX {
            let message = format!("input: {n} numbers, at most {} are answered", limits::EMBEDDING_NUMBERS_MAX);
            return Err(ApiError::invalid("input", message));
        }
    }
    compute(app, caller, lease, prompts, Task::Embed(pooling), "input", scope).await
}

/// The score of each pair of texts, in order.
pub async fn scores(
    app: &App,
    caller: &Caller,
    lease: &Lease,
    pairs: Vec<Vec<TokenId>>,
    scope: CacheScope,
) -> Result<(Vec<f32>, TokensUsed), ApiError> {
    lease.check_ranks()?;
    let (scores, used) = compute(app, caller, lease, pairs, Task::Score, "documents", scope).await?;
    Ok((scores.into_iter().flatten().collect(), used))
}

/// What `task` gives of each prompt, which came from the field `param`, in order.
async fn compute(
    app: &App,
    caller: &Caller,
    lease: &Lease,
    prompts: Vec<Vec<TokenId>>,
    task: Task,
    param: &'static str,
    scope: CacheScope,
) -> Result<(Vec<Vec<f32>>, TokensUsed), ApiError> {
    let n_at_once = SUBMITTED_MAX.min(caller.sequences_max()).min(prompts.len());
    let _permit = super::enter(caller, lease, n_at_once)?;
    let adapters = app.adapter_scales(None);
    let metrics = app.metrics().model(&lease.id);
    let started = std::time::Instant::now();
    let (mut vectors, mut used) = (Vec::with_capacity(prompts.len()), TokensUsed::default());
    let mut waiting: VecDeque<oneshot::Receiver<Result<Completion, Error>>> = VecDeque::new();
    let mut prompts = prompts.into_iter();
    loop {
        for prompt in prompts.by_ref().take(n_at_once - waiting.len()) {
            let (sender, receiver) = oneshot::channel();
            let bill = Bill::of(caller, &lease.id, prompt.len());
            let adapters = adapters.clone();
            let request = Request { task, scope, adapters, tenant: TenantId(caller.tenant), ..Request::new(prompt) };
            let sink = EmbedSink(Some(sender), bill);
            lease.handle.submit(request, Box::new(sink)).map_err(|e| api_error(&e, param))?;
            waiting.push_back(receiver);
        }
        let Some(next) = waiting.pop_front() else { break };
        let lost = || ApiError::new(ErrorKind::Internal, "the engine stopped in the middle of the request");
        let completion = next.await.map_err(|_| lost())?.map_err(|e| api_error(&e, param))?;
        metrics.record_prompt(completion.n_prompt as u64, completion.n_cached as u64);
        metrics.record_finish(Finish::Stop, started.elapsed().as_secs_f64(), completion.prefill_seconds, 0.0);
        used.n_prompt += completion.n_prompt;
        used.n_cached += completion.n_cached;
        vectors.push(completion.embedding.ok_or_else(lost)?);
    }
    Ok((vectors, used))
}
