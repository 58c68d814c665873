//! [`Engine`]: one request at a time, on the caller's thread.

use std::{
    collections::VecDeque,
    ops::ControlFlow,
    sync::{Arc, Mutex},
    time::Instant,
};

use model::{Forward, Pooling, TokenId};
use tokenizer::Tokenizer;

use crate::{
    Completion, DiskError, EngineOptions, Error, Event, FinishReason, Logprobs, Request, RequestId, Sink, Task,
    runner::Runner, sync::lock,
};

/// An engine for one request at a time: a model, its tokenizer, and the keys and values of earlier requests, which
/// later ones go on from where their tokens agree.
pub struct Engine {
    runner: Runner,
}

impl Engine {
    /// Makes an engine that takes the model's whole KV arena.
    pub fn new(model: Box<dyn Forward + Send>, tokenizer: Arc<Tokenizer>) -> Self {
        let engine = Self::with_options(model, tokenizer, EngineOptions::default());
        engine.unwrap_or_else(|e| unreachable!("no cache folder was asked for: {e}"))
    }

    /// Makes an engine with other policies than the default ones; the error is about the cache folder.
    pub fn with_options(
        model: Box<dyn Forward + Send>,
        tokenizer: Arc<Tokenizer>,
        options: EngineOptions,
    ) -> Result<Self, DiskError> {
        let start = Instant::now();
        Ok(Self { runner: Runner::new(model, tokenizer, options, Box::new(move || start.elapsed()))? })
    }

    /// Largest number of tokens of prompt and completion together.
    pub fn context_len_max(&self) -> usize {
        self.runner.context_len_max()
    }

    /// Generates until something ends it; `on_event` sees every token and may break off. The events' texts joined are
    /// the completion.
    ///
    /// Of a request for several choices, the last one's completion is returned.
    pub fn generate(
        &mut self,
        request: &Request,
        on_event: &mut dyn FnMut(Event<'_>) -> ControlFlow<()>,
    ) -> Result<Completion, Error> {
        let mailbox = Mailbox::default();
        let id = self.runner.submit(request, Box::new(mailbox.clone()))?;
        let mut is_cancelled = false;
        loop {
            self.runner.step();
            let (letters, end) = mailbox.take();
            if letters.iter().any(|letter| !is_cancelled && on_event(letter.as_event()).is_break()) {
                is_cancelled = true;
                self.runner.cancel(id);
            }
            if self.runner.is_idle()
                && let Some(end) = end.or_else(|| mailbox.take().1)
            {
                let finish_reason = |own| if is_cancelled { FinishReason::Cancelled } else { own };
                return end.map(|c| Completion { finish_reason: finish_reason(c.finish_reason), ..c });
            }
        }
    }
}

impl Engine {
    /// Computes the embedding of each prompt, `n_together` of them at a time, and gives them to `on_vector` in order,
    /// which may break off.
    ///
    /// A prompt that is refused ends it with the error of that prompt.
    pub fn embed(
        &mut self,
        prompts: Vec<Vec<TokenId>>,
        pooling: Pooling,
        n_together: usize,
        on_vector: &mut dyn FnMut(Vec<f32>) -> ControlFlow<()>,
    ) -> Result<(), Error> {
        let mut prompts = prompts.into_iter();
        let mut running: VecDeque<(RequestId, Mailbox)> = VecDeque::new();
        let mut end = Ok(());
        loop {
            for prompt in prompts.by_ref().take(n_together.max(1).saturating_sub(running.len())) {
                let request = Request { task: Task::Embed(pooling), ..Request::new(prompt) };
                let mailbox = Mailbox::default();
                match self.runner.submit(&request, Box::new(mailbox.clone())) {
                    Ok(id) => running.push_back((id, mailbox)),
                    Err(error) => end = Err(error),
                }
            }
            if running.is_empty() || end.is_err() {
                break;
            }
            self.runner.step();
            while let Some(done) = running.front().and_then(|(_, mailbox)| mailbox.take().1) {
                running.pop_front();
                let is_broken_off = match done {
                    Ok(completion) => on_vector(completion.embedding.unwrap_or_default()).is_break(),
                    Err(error) => {
                        end = Err(error);
                        true
                    }
                };
                if is_broken_off {
                    prompts = Vec::new().into_iter();
                    running.drain(..).for_each(|(id, _)| self.runner.cancel(id));
                }
            }
        }
        running.drain(..).for_each(|(id, _)| self.runner.cancel(id));
        while !self.runner.is_idle() {
            self.runner.step();
        }
        end
    }
}

/// An event that was put away until the caller looks.
struct Letter {
    choice: usize,
    token: Option<TokenId>,
    text: String,
    logprobs: Option<Logprobs>,
}

impl Letter {
    fn as_event(&self) -> Event<'_> {
        Event { choice: self.choice, token: self.token, text: &self.text, logprobs: self.logprobs.as_ref() }
    }
}

/// The events since the last look, and the end.
type Letters = (Vec<Letter>, Option<Result<Completion, Error>>);

#[derive(Clone, Default)]
struct Mailbox(Arc<Mutex<Letters>>);

impl Mailbox {
    fn take(&self) -> Letters {
        std::mem::take(&mut *lock(&self.0))
    }
}

impl Sink for Mailbox {
    fn event(&mut self, event: Event<'_>) -> ControlFlow<()> {
        let Event { choice, token, text, logprobs } = event;
        let letter = Letter { choice, token, text: text.to_owned(), logprobs: logprobs.cloned() };
        lock(&self.0).0.push(letter);
        ControlFlow::Continue(())
    }

    fn finish(&mut self, _choice: usize, end: Result<Completion, Error>) {
        lock(&self.0).1 = Some(end);
    }
}
