//! [`Runner`]: one step after the other, for all requests at once.
//!
//! [`Runner::step`] is the engine's loop body: look after the sinks, plan, compute, pick tokens, tell the sinks.

use std::{collections::HashMap, sync::Arc, time::Duration};

use model::{Forward, Logits, LogitsWanted, Step, StepSpan, TokenId};
use tokenizer::Tokenizer;

use crate::{
    CacheScope, DiskError, EngineOptions, Error, FinishReason, Sink, Stats,
    choice::{Choice, Taken},
    constraint::Constraint,
    core::{Planned, Scheduler, SchedulerLimits, SeqId, Wanted},
    drafter::{Drafting, Pace, Payoff},
    embedding::Pool,
    logprobs::PromptLogprobs,
    memory::Memory,
};

mod drafts;
mod requests;

/// Time since some moment; never goes back.
pub type Clock = dyn Fn() -> Duration + Send;

/// Names a request for as long as it lives.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct RequestId(pub(crate) u64);

/// One more in priority is worth so much waiting.
const PRIORITY_US: i64 = 60_000_000;

/// A sequence's side that is not the scheduler's.
struct Running {
    request: RequestId,
    index: usize,
    choice: Choice,
    pool: Option<Pool>,
    /// Until all are told.
    prompt_logprobs: Option<PromptLogprobs>,
    /// How many drafts it is worth, if it may have any.
    pace: Option<Pace>,
    drafts: Vec<TokenId>,
    n_prompt: usize,
    n_drafted: usize,
    n_accepted: usize,
    submitted: Duration,
    /// When its first step was planned, and when its prompt was computed.
    started: Option<Duration>,
    prefilled: Option<Duration>,
}

/// A request's side that its choices share.
struct Group {
    sink: Box<dyn Sink>,
    open: Vec<SeqId>,
    deadline: Option<Duration>,
    stalled_since: Option<Duration>,
    /// A scope of its own, forgotten at the end.
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
    logits: Logits,
    tokens: Vec<TokenId>,
    planned: Vec<Planned>,
    n_ids: u64,
    stats: Stats,
}

/// What a call of [`Runner::step`] came to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Progress {
    /// A step was computed.
    Computed,
    /// There are requests, but their readers are behind.
    Stalled,
    /// There are none.
    Idle,
}

impl Runner {
    /// Takes the model's whole KV arena; an error is of the cache folder.
    pub fn new(
        model: Box<dyn Forward + Send>,
        tokenizer: Arc<Tokenizer>,
        mut options: EngineOptions,
        clock: Box<Clock>,
    ) -> Result<Self, DiskError> {
        let limits = SchedulerLimits {
            context_len_max: context_len_max(&*model),
            n_running_max: options.n_running_max.min(model.step_rows_max()),
            step_rows_max: model.step_rows_max(),
            prompt_logits_max: model::logits_rows_max(&*model),
            step_us_max: options.step_ms_max.map(|ms| ms * 1000.0),
            window: model.attention_window(),
        };
        let scheduler = Scheduler::new(model.n_pages(), limits);
        Ok(Self {
            memory: Memory::new(&options, model.page_bytes())?,
            drafting: Drafting::new(std::mem::take(&mut options.drafter)),
            payoff: Payoff::default(),
            model,
            tokenizer,
            options,
            scheduler,
            running: HashMap::new(),
            groups: HashMap::new(),
            clock,
            logits: Logits::default(),
            tokens: Vec::new(),
            planned: Vec::new(),
            n_ids: 0,
            stats: Stats::default(),
        })
    }

    /// Longest prompt and completion together, in tokens.
    pub fn context_len_max(&self) -> usize {
        context_len_max(&*self.model)
    }

    /// Computes the next step of whoever has one.
    pub fn step(&mut self) -> Progress {
        self.look_after_sinks();
        self.want_drafts();
        self.planned.clear();
        let planned = self.scheduler.plan(&mut self.memory.of(&mut *self.model, &*self.clock));
        self.planned.extend_from_slice(planned);
        if self.planned.is_empty() {
            return if self.groups.is_empty() { Progress::Idle } else { Progress::Stalled };
        }
        let start = (self.clock)();
        self.begin(start);
        self.draft();
        self.compute();
        let end = (self.clock)();
        self.measure(start, end);
        let n_completion = self.stats.n_sampled;
        // Kept in place until all is told, for `contain_panic`.
        let planned = self.planned.clone();
        let (mut row, mut hidden_row) = (0, 0);
        for p in &planned {
            match p.wanted {
                Wanted::Nothing => self.pass(*p, end),
                Wanted::Last | Wanted::Drafts => {
                    self.take_rows(*p, row..row + 1 + p.n_drafts, end);
                    row += 1 + p.n_drafts;
                }
                Wanted::All => {
                    self.take_prompt(*p, row, end);
                    row += p.n_tokens;
                }
                Wanted::Hidden => {
                    self.take_hidden(*p, hidden_row, end);
                    hidden_row += p.n_tokens;
                }
            }
        }
        self.learn_payoff(end.saturating_sub(start), n_completion);
        self.note_stats();
        Progress::Computed
    }

    /// Notes first steps.
    fn begin(&mut self, now: Duration) {
        for p in &self.planned {
            let Some(running) = self.running.get_mut(&p.id) else { continue };
            if running.started.is_none() {
                running.started = Some(now);
                self.stats.n_prompt_tokens += running.n_prompt as u64;
                self.stats.n_cached_tokens += self.scheduler.sequence(p.id).n_cached.unwrap_or(0) as u64;
            }
        }
    }

    /// The forward pass over what is planned; grammar masks of the next tokens are computed meanwhile.
    fn compute(&mut self) {
        let Self { model, scheduler, running, planned, tokens, logits, .. } = self;
        tokens.clear();
        for p in planned.iter() {
            let sequence = scheduler.sequence(p.id);
            tokens.extend_from_slice(&sequence.tokens[p.position_first..][..p.n_tokens]);
            tokens.extend(running.get(&p.id).into_iter().flat_map(|r| &r.drafts));
        }
        let mut rest = tokens.as_slice();
        let spans: Vec<StepSpan<'_>> = planned
            .iter()
            .map(|p| {
                let (own, others) = rest.split_at(p.n_tokens + p.n_drafts);
                rest = others;
                let n_best = running.get(&p.id).and_then(|r| r.choice.n_best());
                let logits = match p.wanted {
                    Wanted::Nothing => LogitsWanted::None,
                    Wanted::Last => n_best.map_or(LogitsWanted::Last, LogitsWanted::Best),
                    Wanted::Drafts | Wanted::All => LogitsWanted::All,
                    Wanted::Hidden => LogitsWanted::Hidden,
                };
                let pages = scheduler.sequence(p.id).table.as_slice();
                StepSpan { tokens: own, position_first: p.position_first, pages, logits }
            })
            .collect();
        let is_next = |id: &SeqId| planned.iter().any(|p| p.id == *id && p.wanted != Wanted::Nothing);
        let constraints = running.iter_mut().filter_map(|(id, r)| r.choice.constraint().filter(|_| is_next(id)));
        let constraints: Vec<&mut Constraint> = constraints.filter(|c| c.wants_mask()).collect();
        let step = Step::new(&spans);
        if constraints.is_empty() {
            return model.forward(&step, logits);
        }
        std::thread::scope(|scope| {
            // An error comes again when the mask is asked for.
            scope.spawn(|| constraints.into_iter().for_each(|constraint| drop(constraint.mask())));
            model.forward(&step, logits);
        });
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

    /// A part of a prompt was computed: the sink may break off.
    fn pass(&mut self, p: Planned, now: Duration) {
        self.scheduler.advance(p, 0);
        let Some((running, group)) = self.of(p.id) else { return };
        if running.choice.pass(&mut *group.sink) {
            self.end(p.id, Ok((FinishReason::Cancelled, None)), now);
        }
    }

    /// Gathers the log-probabilities of what stands in the prompt; the last row of a prompt gives the next token.
    fn take_prompt(&mut self, p: Planned, row_first: usize, now: Duration) {
        for (position, row) in (p.position_first..).zip(row_first..row_first + p.n_tokens) {
            let Some(&token) = self.scheduler.sequence(p.id).tokens.get(position + 1) else {
                return self.take_rows(p, row..row + 1, now);
            };
            if let Some(error) = self.non_finite_at(row, position) {
                self.scheduler.distrust(p.id);
                return self.end(p.id, Err(error), now);
            }
            let Self { running, logits, scheduler, .. } = self;
            let Some(gathered) = running.get_mut(&p.id).and_then(|r| r.prompt_logprobs.as_mut()) else { return };
            if gathered.next_position() == Some(position) {
                gathered.add(logits.row(row), token);
                scheduler.set_logits_from(p.id, gathered.next_position());
            }
        }
        self.pass(p, now);
    }

    /// Tells the log-probabilities of the prompt, if they are wanted and were not told yet; then its other choices may start.
    fn tell_prompt(&mut self, id: SeqId) {
        let Some((running, group)) = self.of(id) else { return };
        let Some(gathered) = running.prompt_logprobs.take() else { return };
        group.sink.prompt(gathered.into_vec());
        let siblings = group.open.clone();
        siblings.into_iter().for_each(|id| self.scheduler.release(id));
    }

    /// Picks a token by each row for as long as the drafts were right.
    fn take_rows(&mut self, p: Planned, rows: std::ops::Range<usize>, now: Duration) {
        self.tell_prompt(p.id);
        let mut end = None;
        let mut n_accepted = 0;
        for row in rows {
            let position = p.position_first + p.n_tokens - 1 + n_accepted;
            if let Some(error) = self.non_finite_at(row, position) {
                self.scheduler.distrust(p.id);
                return self.end(p.id, Err(error), now);
            }
            let Self { running, groups, logits, scheduler, .. } = self;
            let Some(running) = running.get_mut(&p.id) else { return };
            let Some(group) = groups.get_mut(&running.request) else { return };
            running.prefilled.get_or_insert(now);
            match running.choice.take(logits.row(row), &mut *group.sink) {
                Ok(Taken::Token(token)) => {
                    scheduler.push(p.id, token);
                    self.stats.n_sampled += 1;
                    if running.drafts.get(n_accepted) != Some(&token) {
                        break;
                    }
                    n_accepted += 1;
                }
                Ok(Taken::End(reason, stop)) => {
                    end = Some(Ok((reason, stop)));
                    break;
                }
                Ok(Taken::Broken) => {
                    end = Some(Ok((FinishReason::Cancelled, None)));
                    break;
                }
                Err(error) => {
                    end = Some(Err(error));
                    break;
                }
            }
        }
        if let Some(running) = self.running.get_mut(&p.id) {
            running.n_drafted += p.n_drafts;
            running.n_accepted += n_accepted;
            running.pace.iter_mut().for_each(|pace| pace.learn(p.n_drafts, n_accepted));
            self.stats.n_drafted += p.n_drafts as u64;
            self.stats.n_accepted += n_accepted as u64;
        }
        self.scheduler.advance(p, n_accepted);
        if let Some(end) = end {
            self.end(p.id, end, now);
        }
    }

    /// Says so if one of a row's logits is no number, those left out apart.
    fn non_finite_at(&self, row: usize, position: usize) -> Option<Error> {
        let allowed = if self.logits.is_complete() { 0.0 } else { f32::NEG_INFINITY };
        let token = first_non_finite(self.logits.row(row), allowed)?;
        let value = self.logits.row(row)[token].to_string();
        Some(Error::NonFiniteLogits { position, token: token as u32, value })
    }

    /// Adds hidden states to the embedding; ends the task after the last.
    fn take_hidden(&mut self, p: Planned, row: usize, now: Duration) {
        self.scheduler.advance(p, 0);
        let is_last = self.scheduler.sequence(p.id).n_pending() == 0;
        let Self { running, logits, .. } = self;
        let Some(pool) = running.get_mut(&p.id).and_then(|r| r.pool.as_mut()) else { return };
        for (position, row) in (p.position_first..).zip(row..row + p.n_tokens) {
            let hidden = logits.hidden_row(row);
            if let Some(broken) = first_non_finite(hidden, 0.0) {
                let error = Error::NonFiniteHidden { position, value: hidden[broken].to_string() };
                return self.end(p.id, Err(error), now);
            }
            pool.add(position, hidden);
        }
        if is_last {
            self.end(p.id, Ok((FinishReason::EndOfGeneration, None)), now);
        }
    }

    fn of(&mut self, id: SeqId) -> Option<(&mut Running, &mut Group)> {
        let running = self.running.get_mut(&id)?;
        let group = self.groups.get_mut(&running.request)?;
        Some((running, group))
    }
}

/// Where the first NaN or infinity stands that is not `allowed`. Almost always there is none, and a loop without exits is a few vector instructions.
fn first_non_finite(x: &[f32], allowed: f32) -> Option<usize> {
    const EXPONENT: u32 = 0x7f80_0000;
    let is_bad = |x: &f32| (x.to_bits() & EXPONENT == EXPONENT) & (x.to_bits() != allowed.to_bits());
    if x.iter().fold(0, |bad, x| bad | u32::from(is_bad(x))) == 0 {
        return None;
    }
    x.iter().position(is_bad)
}

/// Longest sequence that context and arena allow.
pub(crate) fn context_len_max(model: &dyn Forward) -> usize {
    match model.attention_window() {
        // The arena holds what is seen, whatever the length.
        Some(window) if window.pages_max(1) <= model.n_pages() => model.context_len_max(),
        _ => model.context_len_max().min(model.n_pages() * model::PAGE_LEN),
    }
}

#[cfg(test)]
mod tests {
    use super::first_non_finite;

    #[test]
    fn each_place_is_looked_at_and_what_is_allowed_passes() {
        for bad in [f32::NAN, -f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
            for i in 0..37 {
                let mut x = [f32::MAX; 37];
                assert_eq!(first_non_finite(&x, 0.0), None);
                x[i] = bad;
                assert_eq!(first_non_finite(&x, 0.0), Some(i), "{bad}");
                let left = (bad != f32::NEG_INFINITY).then_some(i);
                assert_eq!(first_non_finite(&x, f32::NEG_INFINITY), left, "{bad}, minus infinity allowed");
            }
        }
    }
}
