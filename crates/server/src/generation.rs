//! One request on its way through the engine, for any API: grammars compiled, submitted, its output as a stream of
//! updates or joined.
//!
//! Dropping a [`Generation`] cancels the request: the engine looks before every step whether somebody still listens.

mod batch;
mod bill;
mod embed;
mod end;
mod grammar;
mod join;
mod meter;
mod pieces;
mod refusal;
mod request;
mod sink;

pub use batch::Batch;
pub use embed::{embed, embed_raw, pooling, scores};
pub use end::{EndReason, Ended, TokensUsed};
pub use join::{Choice, Joined, Joiner, ToolCall};
pub use pieces::Piece;
pub use refusal::api_error;
pub use request::{GenerationRequest, Output, Thoughts};

use std::{
    future::{Future, poll_fn},
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Instant,
};

use engine::TenantId;
use tokio::sync::mpsc;

use crate::{
    App, Caller,
    auth::SequencePermit,
    error::{ApiError, ErrorKind},
    lifecycle::Phase,
    models::Lease,
};
use bill::Bill;
use meter::Meter;
use pieces::ChoiceParser;
use sink::{ChannelSink, Message};

/// One generated token.
#[derive(Clone, PartialEq, Debug)]
pub struct TokenReport {
    /// The token's id.
    pub id: tokenizer::TokenId,
    /// Log-probabilities at the token, where the request asks for them.
    pub logprobs: Option<engine::Logprobs>,
}

/// What happened to one choice of a request.
#[derive(Clone, PartialEq, Debug)]
pub enum Update {
    /// A token, and what became certain by it; pieces may be empty while text is held back.
    Progress {
        /// Index of the choice.
        choice: usize,
        /// The token, if there was one: at the end, held-back text comes without.
        token: Option<TokenReport>,
        /// What of the output became certain, in order.
        pieces: Vec<Piece>,
    },
    /// The choice is complete.
    Finished {
        /// Index of the choice.
        choice: usize,
        /// Why the choice ended, and what it took.
        ended: Ended,
    },
}

/// Takes room for `n_sequences`, under the caller's key and in the model's queue, before anything is computed for any
/// of them.
fn enter(caller: &Caller, lease: &Lease, n_sequences: usize) -> Result<SequencePermit, ApiError> {
    let permit = caller.enter_sequences(n_sequences)?;
    lease.handle.check_room(TenantId(caller.tenant), n_sequences).map_err(|e| api_error(&e, ""))?;
    Ok(permit)
}

/// A request that runs, as a stream of [`Update`]s.
pub struct Generation {
    lease: Lease,
    receiver: mpsc::UnboundedReceiver<Message>,
    room: sink::Room,
    stop: sink::Stop,
    choices: Vec<ChoiceParser>,
    n_open: usize,
    /// The end of a choice that is told after its held-back output was taken.
    pending: Option<(usize, Result<Ended, ApiError>)>,
    meter: Meter,
    n_prompt: usize,
    prompt_logprobs: Vec<engine::Logprobs>,
    prompt_param: &'static str,
    _caller: Caller,
    _permit: Arc<SequencePermit>,
    /// Becomes ready when the server, stopping, waits for running requests no longer.
    cut_off: Pin<Box<dyn Future<Output = ()> + Send>>,
}

impl Generation {
    /// Compiles the request's grammar if it has one, and submits it to the engine.
    pub async fn start(
        app: &App,
        caller: &Caller,
        lease: Lease,
        mut request: GenerationRequest,
    ) -> Result<Self, ApiError> {
        lease.check_generates()?;
        request.engine.adapters = app.adapter_scales(request.engine.adapters.take());
        let permit = Arc::new(enter(caller, &lease, request.engine.n_choices)?);
        Self::submit(app, caller, lease, request, permit).await
    }

    /// Starts the generations of several prompts of one request: all of them, or none where there is no room for all.
    pub async fn start_all(
        app: &App,
        caller: &Caller,
        lease: &Lease,
        mut requests: Vec<GenerationRequest>,
    ) -> Result<Vec<Self>, ApiError> {
        lease.check_generates()?;
        // Of one request, whatever is set while they start.
        for GenerationRequest { engine, .. } in &mut requests {
            engine.adapters = app.adapter_scales(engine.adapters.take());
        }
        let permit = Arc::new(enter(caller, lease, requests.iter().map(|request| request.engine.n_choices).sum())?);
        let mut generations = Vec::with_capacity(requests.len());
        for request in requests {
            generations.push(Self::submit(app, caller, lease.clone(), request, Arc::clone(&permit)).await?);
        }
        Ok(generations)
    }

    async fn submit(
        app: &App,
        caller: &Caller,
        lease: Lease,
        mut request: GenerationRequest,
        permit: Arc<SequencePermit>,
    ) -> Result<Self, ApiError> {
        let started = Instant::now();
        request.engine.max_tokens = request.engine.max_tokens.or(app.options().max_tokens);
        request.settle_seed(app.options().seed);
        let grammar = grammar::compile(app, &lease, &request).await?;
        let choices: Vec<ChoiceParser> =
            (0..request.engine.n_choices).map(|choice| ChoiceParser::new(&request, choice)).collect();
        let prompt_param = request.prompt_param;
        let n_prompt = request.engine.prompt.len();
        let (sink, receiver, room, stop) = ChannelSink::new(Bill::of(caller, &lease.id, n_prompt));
        let request = request.into_engine(TenantId(caller.tenant), grammar, lease.handle.tokenizer());
        lease.handle.submit(request, Box::new(sink)).map_err(|e| api_error(&e, prompt_param))?;
        let n_open = choices.len();
        let meter = Meter::new(app.metrics().model(&lease.id), started, n_open, n_prompt);
        let lifecycle = app.lifecycle().clone();
        let cut_off = Box::pin(async move { lifecycle.reached(Phase::Cancelled).await });
        Ok(Self {
            lease,
            receiver,
            room,
            stop,
            choices,
            n_open,
            pending: None,
            meter,
            n_prompt,
            prompt_logprobs: Vec::new(),
            prompt_param,
            _caller: caller.clone(),
            _permit: permit,
            cut_off,
        })
    }

    /// The lease of the model that generates.
    pub fn lease(&self) -> &Lease {
        &self.lease
    }

    /// Ends what is still being generated, within a token or two; its end reads as [`EndReason::TimedOut`].
    pub fn stop(&self) {
        self.stop.set();
    }

    /// Number of tokens of the prompt.
    pub fn n_prompt(&self) -> usize {
        self.n_prompt
    }

    /// Log-probabilities of the tokens of the prompt but the first, if the request asks for them: there from the first
    /// update on.
    pub fn prompt_logprobs(&self) -> &[engine::Logprobs] {
        &self.prompt_logprobs
    }

    /// The next update; `None` after the last choice has finished. An error ends the request.
    pub async fn next(&mut self) -> Option<Result<Update, ApiError>> {
        poll_fn(|context| self.poll_next(context)).await
    }

    /// Polls for what [`next`](Self::next) waits for, for callers that wait for several generations at once.
    pub fn poll_next(&mut self, context: &mut Context<'_>) -> Poll<Option<Result<Update, ApiError>>> {
        while self.n_open > 0 {
            if let Some((choice, ended)) = self.pending.take() {
                return Poll::Ready(Some(self.finished(choice, ended)));
            }
            let message = match self.receiver.poll_recv(context) {
                Poll::Ready(Some(message)) => message,
                Poll::Ready(None) => {
                    let message = "the engine stopped in the middle of the request";
                    return Poll::Ready(Some(Err(self.failed(ApiError::new(ErrorKind::Internal, message)))));
                }
                Poll::Pending if self.cut_off.as_mut().poll(context).is_ready() => {
                    let message = "the server is stopping, and the time that it gives running requests is over";
                    return Poll::Ready(Some(Err(self.failed(ApiError::new(ErrorKind::Unavailable, message)))));
                }
                Poll::Pending => return Poll::Pending,
            };
            self.room.took();
            if let Some(update) = self.read(message) {
                return Poll::Ready(Some(update));
            }
        }
        Poll::Ready(None)
    }

    /// Turns a message of the engine into an update; `None` where all of it is held back.
    fn read(&mut self, message: Message) -> Option<Result<Update, ApiError>> {
        match message {
            Message::Prompt(logprobs) => {
                self.prompt_logprobs = logprobs;
                None
            }
            Message::Event { choice, token, text } => {
                if token.is_some() {
                    self.meter.token(choice);
                }
                let pieces = self.choices.get_mut(choice)?.push(&text, token.is_some());
                let is_news = token.is_some() || !pieces.is_empty();
                is_news.then_some(Ok(Update::Progress { choice, token, pieces }))
            }
            Message::End { choice, result: Ok(completion) } => {
                // What the parser held back comes first; the end waits for the next call.
                let parser = self.choices.get_mut(choice)?;
                let pieces = parser.finish();
                let ended = parser.ended(&completion, self.stop.is_set());
                if pieces.is_empty() {
                    return Some(self.finished(choice, ended));
                }
                self.pending = Some((choice, ended));
                Some(Ok(Update::Progress { choice, token: None, pieces }))
            }
            Message::End { result: Err(error), .. } => Some(Err(self.failed(api_error(&error, self.prompt_param)))),
        }
    }
}

impl Generation {
    fn finished(&mut self, choice: usize, ended: Result<Ended, ApiError>) -> Result<Update, ApiError> {
        let ended = ended.map_err(|error| self.failed(error))?;
        self.n_open -= 1;
        self.meter.ended(choice, &ended);
        Ok(Update::Finished { choice, ended })
    }

    /// Ends the whole request after an error of one choice: the others are cancelled.
    fn failed(&mut self, error: ApiError) -> ApiError {
        self.n_open = 0;
        self.receiver.close();
        self.meter.failed();
        error
    }
}
