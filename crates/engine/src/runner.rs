//! [`Runner`]: one step after the other, for all requests at once.
//!
//! [`Runner::step`] is the engine's loop body: look after the sinks, plan, compute, pick tokens, tell the sinks.

use std::{
    collections::HashMap,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
    time::Duration,
};

use model::{Forward, Logits, LogitsWanted, Step, StepSpan, TokenId};
use tokenizer::Tokenizer;

use crate::{
    CacheScope, Clock, DiskError, EngineOptions, Sink, Stats, beside,
    choice::Choice,
    constraint::Constraint,
    core::{Planned, Scheduler, SchedulerLimits, SeqId, Wanted},
    drafter::{Drafting, Pace, Payoff},
    embedding::Pool,
    logprobs::PromptLogprobs,
    memory::Memory,
};

mod drafts;
mod requests;
mod retry;
mod take;

/// The name of a request for as long as it lives.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct RequestId(pub(crate) u64);

/// Longest time between two steps that counts as a reader's: if it was more, nobody ran, and perhaps not the reader
/// either.
const LOOK_EVERY_MAX: Duration = Duration::from_secs(1);

/// Microseconds of waiting that one more in priority is worth.
const PRIORITY_US: i64 = 60_000_000;

/// A running sequence, as far as it is not the scheduler's.
struct Running {
    request: RequestId,
    index: usize,
    choice: Choice,
    pool: Option<Pool>,
    /// Log-probabilities of the prompt, until all are told.
    prompt_logprobs: Option<PromptLogprobs>,
    /// Pace of its drafts, if it may have any.
    pace: Option<Pace>,
    drafts: Vec<TokenId>,
    n_prompt: usize,
    n_drafted: usize,
    n_accepted: usize,
    submitted: Duration,
    /// Time at which its first step was planned; the one at which its prompt was computed follows.
    started: Option<Duration>,
    prefilled: Option<Duration>,
}

/// The part of a request that its choices share.
struct Group {
    sink: Box<dyn Sink>,
    open: Vec<SeqId>,
    deadline: Option<Duration>,
    stalled_since: Option<Duration>,
    /// Scope of its own, forgotten at the end.
    own_scope: Option<CacheScope>,
}

/// A model, its requests, and what is cached for them.
pub struct Runner {
    model: Box<dyn Forward + Send>,
    tokenizer: Arc<Tokenizer>,
    options: EngineOptions,
    scheduler: Scheduler,
    memory: Memory,
    drafting: Drafting,
    payoff: Payoff,
    running: HashMap<SeqId, Running>,
    groups: HashMap<RequestId, Group>,
    clock: Box<Clock>,
    /// Time at which the sinks were last looked after.
    looked: Duration,
    logits: Logits,
    tokens: Vec<TokenId>,
    planned: Vec<Planned>,
    /// Sequences of the step whose grammar's mask could not be computed, by a bug.
    spoiled: Vec<SeqId>,
    n_ids: u64,
    stats: Stats,
}

/// The outcome of a call of [`Runner::step`].
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Progress {
    /// A step was computed.
    Computed,
    /// There are requests, but their readers are behind.
    Stalled,
    /// There are no requests.
    Idle,
}

impl Runner {
    /// Makes a runner that takes the model's whole KV arena; the error is about the cache folder.
    pub fn new(
        model: Box<dyn Forward + Send>,
        tokenizer: Arc<Tokenizer>,
        mut options: EngineOptions,
        clock: Box<Clock>,
    ) -> Result<Self, DiskError> {
        let n_states = model.n_states();
        if n_states > 0 {
            let _ = options.restrict_to_states();
            options.prefix_cache &= n_states > 1;
        }
        let limits = SchedulerLimits {
            context_len_max: context_len_max(&*model),
            n_running_max: n_running_max(&*model, &options),
            n_states,
            step_rows_max: model.step_rows_max(),
            is_encoder: model.is_encoder(),
            prompt_logits_max: model::logits_rows_max(&*model),
            step: options.step,
            window: model.attention_window(),
        };
        let scheduler = Scheduler::new(model.n_pages(), limits);
        Ok(Self {
            memory: Memory::new(&options)?,
            drafting: Drafting::new(std::mem::take(&mut options.drafter)),
            payoff: Payoff::default(),
            model,
            tokenizer,
            options,
            scheduler,
            running: HashMap::new(),
            groups: HashMap::new(),
            looked: clock(),
            clock,
            logits: Logits::default(),
            tokens: Vec::new(),
            planned: Vec::new(),
            spoiled: Vec::new(),
            n_ids: 0,
            stats: Stats::default(),
        })
    }

    /// Largest number of tokens of prompt and completion together.
    pub fn context_len_max(&self) -> usize {
        context_len_max(&*self.model)
    }

    /// Computes the next step of all sequences that have one.
    pub fn step(&mut self) -> Progress {
        self.planned.clear();
        self.look_after_sinks();
        self.want_drafts();
        let now_us = u64::try_from((self.clock)().as_micros()).unwrap_or(u64::MAX);
        let planned = self.scheduler.plan(now_us, &mut self.memory.of(&mut *self.model, &*self.clock));
        self.planned.extend_from_slice(planned);
        if self.planned.is_empty() {
            return if self.groups.is_empty() { Progress::Idle } else { Progress::Stalled };
        }
        let start = (self.clock)();
        self.begin(start);
        self.draft();
        let is_computed = self.compute();
        let end = (self.clock)();
        // Kept in place until all is told, for `contain_panic`.
        let planned = self.planned.clone();
        if !is_computed {
            self.retry(&planned);
            self.note_stats();
            return Progress::Computed;
        }
        self.measure(start, end);
        let n_completion = self.stats.n_sampled;
        self.take_all(&planned, end);
        self.learn_payoff(end.saturating_sub(start), n_completion);
        self.note_stats();
        Progress::Computed
    }

    /// Notes which sequences have their first step, and tells their sinks.
    fn begin(&mut self, now: Duration) {
        for p in &self.planned {
            let Some(running) = self.running.get_mut(&p.id) else { continue };
            if running.started.is_none() {
                running.started = Some(now);
                let n_cached = self.scheduler.sequence(p.id).n_cached.unwrap_or(0);
                self.stats.n_prompt_tokens += running.n_prompt as u64;
                self.stats.n_cached_tokens += n_cached as u64;
                if let Some(group) = self.groups.get_mut(&running.request) {
                    group.sink.begun(n_cached);
                }
            }
        }
    }

    /// Makes the forward pass over what is planned; grammar masks of the next tokens are computed meanwhile. Returns
    /// `false` if the pass panicked.
    fn compute(&mut self) -> bool {
        let Self { model, scheduler, running, planned, spoiled, tokens, logits, .. } = self;
        spoiled.clear();
        let spans = spans(planned, scheduler, running, tokens);
        let is_next = |id: &SeqId| planned.iter().any(|p| p.id == *id && p.wanted != Wanted::Nothing);
        let constraints = running.iter_mut().filter_map(|(id, r)| Some((*id, r.choice.constraint()?)));
        let constraints: Vec<(SeqId, &mut Constraint)> =
            constraints.filter(|(id, constraint)| is_next(id) && constraint.wants_mask()).collect();
        let mut forward = || catch_unwind(AssertUnwindSafe(|| model.forward(&Step::new(&spans), logits))).is_ok();
        if constraints.is_empty() {
            return forward();
        }
        let fill_masks = || {
            for (id, constraint) in constraints {
                // An error comes again when the mask is asked for; a matcher that panicked is asked for nothing more.
                if catch_unwind(AssertUnwindSafe(|| drop(constraint.mask()))).is_err() {
                    spoiled.push(id);
                }
            }
        };
        beside::meanwhile(fill_masks, forward)
    }

    /// Counts the step, and lets the scheduler learn what it took.
    fn measure(&mut self, start: Duration, end: Duration) {
        let (mut n_decoding, mut n_prompt) = (0, 0);
        for p in &self.planned {
            let is_prompt = self.running.get(&p.id).is_some_and(|r| p.position_first < r.n_prompt);
            *if is_prompt { &mut n_prompt } else { &mut n_decoding } += p.n_tokens + p.n_drafts;
        }
        let us = end.saturating_sub(start).as_micros();
        self.scheduler.measured(n_decoding + n_prompt, us as f64);
        self.stats.n_steps += 1;
        self.stats.n_rows += (n_decoding + n_prompt) as u64;
        self.stats.n_computed_prompt_tokens += n_prompt as u64;
        self.stats.step_us += us as u64;
    }

    fn of(&mut self, id: SeqId) -> Option<(&mut Running, &mut Group)> {
        let running = self.running.get_mut(&id)?;
        let group = self.groups.get_mut(&running.request)?;
        Some((running, group))
    }
}

/// Makes the spans of what is planned, as the model wants them; `tokens` is room for all of it.
fn spans<'a>(
    planned: &[Planned],
    scheduler: &'a Scheduler,
    running: &HashMap<SeqId, Running>,
    tokens: &'a mut Vec<TokenId>,
) -> Vec<StepSpan<'a>> {
    tokens.clear();
    for p in planned {
        let sequence = scheduler.sequence(p.id);
        tokens.extend_from_slice(&sequence.tokens[p.position_first..][..p.n_tokens]);
        tokens.extend(running.get(&p.id).into_iter().flat_map(|r| &r.drafts));
    }
    let mut rest = tokens.as_slice();
    let span = |p: &Planned| {
        let (own, others) = rest.split_at(p.n_tokens + p.n_drafts);
        rest = others;
        let n_best = running.get(&p.id).and_then(|r| r.choice.n_best());
        let logits = match p.wanted {
            Wanted::Nothing => LogitsWanted::None,
            Wanted::Last => n_best.map_or(LogitsWanted::Last, LogitsWanted::Best),
            Wanted::Drafts | Wanted::All => LogitsWanted::All,
            Wanted::Hidden => LogitsWanted::Hidden,
            Wanted::Score => LogitsWanted::Score,
        };
        let sequence = scheduler.sequence(p.id);
        let span = StepSpan::new(own, p.position_first, &sequence.table)
            .wanting(logits)
            .with_adapters(sequence.adapters.as_deref());
        sequence.state.map_or(span, |state| span.with_state(state))
    };
    planned.iter().map(span).collect()
}

/// Number of sequences that a step can have and that half of the states of `model` are for, where that is less than
/// `options` allow.
pub(crate) fn n_running_max(model: &dyn Forward, options: &EngineOptions) -> usize {
    // The others are snapshots of cached prefixes.
    let n_states_max = if model.n_states() > 0 { model.n_states().div_ceil(2) } else { usize::MAX };
    options.n_running_max.min(model.step_rows_max()).min(n_states_max)
}

/// Length of the longest sequence that context and arena allow, and the largest step where it has to be in one.
pub(crate) fn context_len_max(model: &dyn Forward) -> usize {
    let of_step = if model.is_encoder() { model.step_rows_max() } else { usize::MAX };
    let of_memory = match model.attention_window() {
        // The arena holds what is seen, whatever the length.
        Some(window) if window.pages_max(1) <= model.n_pages() => model.context_len_max(),
        _ => model.context_len_max().min(model.n_pages() * model::PAGE_LEN),
    };
    of_memory.min(of_step)
}
