//! What a request was told, kept: in company, and alone, where it is told what it should be.

use std::{
    collections::BTreeMap,
    ops::ControlFlow,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering},
    },
    time::Duration,
};

use engine::{Completion, EngineOptions, Error, Event, FinishReason, Logprobs, Progress, Request, Runner, Sink, Task};
use model::{AttentionWindow, PAGE_LEN, TokenId};
use tokenizer::Tokenizer;

use crate::hash_model::HashModel;

pub(crate) const N_VOCAB: usize = 500;

/// Everything that a choice was told.
#[derive(Clone, Default, PartialEq, Debug)]
pub(crate) struct Told {
    pub(crate) tokens: Vec<TokenId>,
    pub(crate) text: String,
    pub(crate) logprobs: Vec<Logprobs>,
}

impl Told {
    fn is_beginning_of(&self, whole: &Self) -> bool {
        whole.tokens.starts_with(&self.tokens)
            && whole.text.starts_with(&self.text)
            && whole.logprobs.starts_with(&self.logprobs)
    }
}

/// Everything that a request was told, and how its client behaves.
#[derive(Default)]
pub(crate) struct Log {
    pub(crate) choices: Mutex<BTreeMap<usize, Told>>,
    pub(crate) prompt: Mutex<Option<Vec<Logprobs>>>,
    /// Charges of each choice: tokens of the prompt, and generated.
    pub(crate) charges: Mutex<Vec<(usize, usize)>>,
    pub(crate) ends: Mutex<BTreeMap<usize, Result<Completion, Error>>>,
    pub(crate) is_closed: AtomicBool,
    pub(crate) is_stalled: AtomicBool,
    /// Event at which the client breaks off, counted from 1 over all choices; 0 for none.
    pub(crate) breaks_at: AtomicUsize,
    pub(crate) n_events: AtomicUsize,
}

impl Log {
    /// Returns the tokens of a choice.
    pub(crate) fn tokens(&self, choice: usize) -> Vec<TokenId> {
        self.choices.lock().unwrap().get(&choice).map(|told| told.tokens.clone()).unwrap_or_default()
    }

    /// Returns the end of a choice that ended well.
    pub(crate) fn end(&self, choice: usize) -> Completion {
        self.ends.lock().unwrap()[&choice].clone().unwrap()
    }

    pub(crate) fn has_broken_off(&self) -> bool {
        let breaks_at = self.breaks_at.load(Ordering::Relaxed);
        breaks_at > 0 && self.n_events.load(Ordering::Relaxed) >= breaks_at
    }

    /// Checks that all that was told is what is told alone, or the beginning of it where the client left.
    pub(crate) fn check(&self, alone: &Self, request: &Request, has_left: bool, at: &str) {
        let (told, prompt) = (self.prompt.lock().unwrap(), alone.prompt.lock().unwrap());
        let n_prompt = request.prompt_logprobs.filter(|_| request.task == Task::Generate);
        let n_prompt = n_prompt.map(|_| request.prompt.len() - 1);
        assert_eq!(prompt.as_ref().map(Vec::len), n_prompt);
        if told.is_some() || !has_left {
            assert_eq!(*told, *prompt, "{at}: {request:?}");
        }
        let (ends, ends_alone) = (self.ends.lock().unwrap(), alone.ends.lock().unwrap());
        assert_eq!(ends.len(), request.n_choices, "{at}: choices that ended");
        let charges = self.charges.lock().unwrap();
        let n_told: usize = self.choices.lock().unwrap().values().map(|told| told.tokens.len()).sum();
        assert_eq!(charges.len(), request.n_choices, "{at}: choices that are charged");
        assert_eq!(charges.iter().map(|(_, n)| n).sum::<usize>(), n_told, "{at}: tokens that are charged");
        let n_prompt = request.prompt.len();
        assert!(charges.iter().all(|(n, _)| *n <= n_prompt && (has_left || *n == n_prompt)), "{at}: {charges:?}");
        assert!(n_told == 0 || charges.iter().any(|(n, _)| *n == n_prompt), "{at}: {charges:?}");
        for (choice, end) in ends.iter() {
            let of = |log: &Self| log.choices.lock().unwrap().get(choice).cloned().unwrap_or_default();
            let (got, expected) = (of(self), of(alone));
            let (end, end_alone) = (end.as_ref().unwrap(), ends_alone[choice].as_ref().unwrap());
            if end.finish_reason == FinishReason::Cancelled {
                assert!(has_left, "{at}: cancelled by nobody");
                assert!(got.is_beginning_of(&expected), "{at}, choice {choice}, cancelled: {got:?}, {expected:?}");
            } else {
                assert_eq!(got, expected, "{at}, choice {choice}: {request:?}");
                assert_eq!(end.n_completion, got.tokens.len());
                assert_eq!((end.finish_reason, end.stop_string), (end_alone.finish_reason, end_alone.stop_string));
                assert!(end.embedding == end_alone.embedding, "{at}: {request:?}");
            }
        }
    }
}

/// A sink that writes the log.
pub(crate) struct LogSink(pub(crate) Arc<Log>);

impl Sink for LogSink {
    fn event(&mut self, event: Event<'_>) -> ControlFlow<()> {
        let log = &self.0;
        assert!(!log.is_stalled.load(Ordering::Relaxed) || event.token.is_none(), "a token for one without room");
        assert!(!log.has_broken_off(), "an event for one who broke off");
        let mut choices = log.choices.lock().unwrap();
        let told = choices.entry(event.choice).or_default();
        told.tokens.extend(event.token);
        told.text.push_str(event.text);
        told.logprobs.extend(event.logprobs.cloned());
        log.n_events.fetch_add(1, Ordering::Relaxed);
        if log.has_broken_off() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    }

    fn prompt(&mut self, logprobs: Vec<Logprobs>) {
        let choices = self.0.choices.lock().unwrap();
        assert!(choices.values().all(|told| told.tokens.is_empty()), "tokens before the prompt");
        let before = self.0.prompt.lock().unwrap().replace(logprobs);
        assert!(before.is_none(), "a prompt was told twice");
    }

    fn charge(&mut self, n_prompt: usize, n_completion: usize) {
        self.0.charges.lock().unwrap().push((n_prompt, n_completion));
    }

    fn finish(&mut self, choice: usize, end: Result<Completion, Error>) {
        assert_eq!(
            self.0.charges.lock().unwrap().len(),
            self.0.ends.lock().unwrap().len() + 1,
            "charged before the end"
        );
        let before = self.0.ends.lock().unwrap().insert(choice, end);
        assert!(before.is_none(), "choice {choice} ended twice");
    }

    fn is_open(&self) -> bool {
        !self.0.is_closed.load(Ordering::Relaxed)
    }

    fn has_room(&self) -> bool {
        !self.0.is_stalled.load(Ordering::Relaxed)
    }
}

/// Submits a request that is logged.
pub(crate) fn submit(runner: &mut Runner, request: &Request) -> Arc<Log> {
    let log = Arc::new(Log::default());
    runner.submit(request, Box::new(LogSink(Arc::clone(&log)))).unwrap();
    log
}

/// Makes a clock that goes on by a millisecond at every look.
pub(crate) fn ticking() -> Box<engine::Clock> {
    let now = AtomicU64::new(0);
    Box::new(move || Duration::from_millis(now.fetch_add(1, Ordering::Relaxed)))
}

/// The setting of a run.
pub(crate) struct World {
    pub(crate) n_pages: usize,
    pub(crate) step_rows_max: usize,
    /// Window of attention, and the longest sequence behind it.
    pub(crate) window: Option<(AttentionWindow, usize)>,
}

impl World {
    pub(crate) fn context(&self) -> usize {
        self.window.map_or(self.n_pages * PAGE_LEN, |(_, context)| context)
    }
}

/// Makes the hash model, behind a window if there is one.
pub(crate) fn hash_model(n_pages: usize, step_rows_max: usize, window: Option<(AttentionWindow, usize)>) -> HashModel {
    let model = HashModel::new(n_pages, N_VOCAB, step_rows_max);
    match window {
        Some((window, context)) => model.with_window(window, context),
        None => model,
    }
}

/// Returns what the request is told alone, in an arena that holds all of it.
pub(crate) fn lonely(request: &Request, world: &World, tokenizer: &Arc<Tokenizer>) -> Arc<Log> {
    let context = world.context();
    let model = hash_model(context.div_ceil(PAGE_LEN) * request.n_choices, context, world.window);
    let options = EngineOptions { prefix_cache: false, ..EngineOptions::default() };
    let mut runner = Runner::new(Box::new(model), Arc::clone(tokenizer), options, ticking()).unwrap();
    let room = context - request.prompt.len();
    let request = Request { max_tokens: request.max_tokens.map(|n| n.min(room)), ..request.clone() };
    let log = submit(&mut runner, &request);
    while runner.step() != Progress::Idle {}
    log
}
