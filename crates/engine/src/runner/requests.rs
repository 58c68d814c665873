//! How requests come into a [`Runner`], are looked after, and leave it.

use std::time::Duration;

use model::Pooling;

use super::{Group, LOOK_EVERY_MAX, PRIORITY_US, RequestId, Runner, Running};
use crate::{
    CacheScope, Completion, Error, FinishReason, Request, Sink, Stats, Task,
    choice::{Choice, Taken},
    core::{Goal, NewSequence, SeqId},
    drafter::Pace,
    embedding::Pool,
    limits::Limits,
    logprobs::PromptLogprobs,
};

impl Runner {
    /// Returns the limits beyond which requests are refused.
    pub(crate) fn limits(&self) -> Limits {
        Limits {
            n_vocab: self.model.n_vocab(),
            context_len_max: self.context_len_max(),
            generates: !self.model.is_encoder(),
            has_scores: self.model.has_scores(),
            n_adapters: self.model.n_adapters(),
        }
    }

    /// Puts a request into the queue, its choices one after the other.
    pub fn submit(&mut self, request: &Request, sink: Box<dyn Sink>) -> Result<RequestId, Error> {
        let id = RequestId(self.n_ids);
        self.add(id, request, sink).map(|()| id).map_err(|(error, _)| error)
    }

    fn choices(&self, request: &Request) -> Result<Vec<Choice>, Error> {
        let Limits { n_vocab, context_len_max, .. } = self.limits();
        self.limits().check(request)?;
        let choice = |index| Choice::new(request, index, &self.tokenizer, n_vocab, context_len_max);
        (0..request.n_choices).map(choice).collect()
    }

    /// Puts a request into the queue under a name that was given; a refusal gives its sink back.
    pub(crate) fn add(
        &mut self,
        id: RequestId,
        request: &Request,
        sink: Box<dyn Sink>,
    ) -> Result<(), (Error, Box<dyn Sink>)> {
        let choices = match self.choices(request) {
            Ok(choices) => choices,
            Err(error) => return Err((error, sink)),
        };
        let now = (self.clock)();
        let n_prompt = request.prompt.len();
        let own_scope = (!request.use_cache).then(|| CacheScope(OWN_SCOPES | u128::from(self.n_ids)));
        let adapted =
            || request.adapters.as_deref().map_or(request.scope, |scales| request.scope.with_adapters(scales));
        let scope = own_scope.unwrap_or_else(adapted);
        let rank = i64::try_from(now.as_micros()).unwrap_or(i64::MAX) - i64::from(request.priority) * PRIORITY_US;
        let generates = request.task == Task::Generate;
        let n_top = request.prompt_logprobs.filter(|_| generates);
        let mut group = Group {
            sink,
            open: Vec::with_capacity(request.n_choices),
            deadline: request.time_limit.map(|limit| now.saturating_add(limit)),
            stalled_since: None,
            own_scope,
        };
        for (index, choice) in choices.into_iter().enumerate() {
            let seq = SeqId(self.n_ids);
            self.n_ids += 1;
            group.open.push(seq);
            // The first choice gathers them for all; the others wait for it.
            let prompt_logprobs = n_top.filter(|_| index == 0).map(|n_top| PromptLogprobs::new(n_top, n_prompt));
            self.scheduler.add(
                seq,
                NewSequence {
                    tokens: request.prompt.clone(),
                    tenant: request.tenant,
                    scope,
                    use_cache: self.options.prefix_cache && generates,
                    rank,
                    goal: match request.task {
                        Task::Generate => Goal::Tokens,
                        Task::Embed(_) => Goal::HiddenStates,
                        Task::Score => Goal::Score,
                    },
                    logits_from: prompt_logprobs.as_ref().and_then(PromptLogprobs::next_position),
                    is_held: n_top.is_some() && index > 0,
                    adapters: request.adapters.clone(),
                },
            );
            let running = Running {
                request: id,
                index,
                choice,
                prompt_logprobs,
                pool: match request.task {
                    Task::Generate => None,
                    Task::Embed(pooling) => Some(Pool::new(pooling, self.model.width())),
                    Task::Score => Some(Pool::new(Pooling::First, 1)),
                },
                pace: self.may_draft(request).then(Pace::default),
                drafts: Vec::new(),
                n_prompt,
                n_drafted: 0,
                n_accepted: 0,
                submitted: now,
                started: None,
                prefilled: None,
            };
            self.running.insert(seq, running);
        }
        self.groups.insert(id, group);
        self.stats.n_submitted += 1;
        Ok(())
    }

    fn may_draft(&self, request: &Request) -> bool {
        // A state that has seen a wrong guess cannot go back to before it.
        self.model.n_states() == 0 && request.speculate && (self.drafting.is_some() || request.grammar.is_some())
    }

    /// Ends a request's choices, wherever they are.
    pub fn cancel(&mut self, id: RequestId) {
        self.end_all(id, FinishReason::Cancelled);
    }

    /// Looks before each step who has left, who is late, and who reads too slowly.
    pub(super) fn look_after_sinks(&mut self) {
        let now = (self.clock)();
        let stood_still = now.saturating_sub(self.looked).saturating_sub(LOOK_EVERY_MAX);
        self.looked = now;
        let mut ended = Vec::new();
        for (id, group) in &mut self.groups {
            let has_room = group.sink.has_room();
            let stalled_since =
                if has_room { None } else { Some(group.stalled_since.map_or(now, |since| since + stood_still)) };
            if group.stalled_since.is_some() != stalled_since.is_some() {
                group.open.iter().for_each(|seq| self.scheduler.set_paused(*seq, stalled_since.is_some()));
            }
            group.stalled_since = stalled_since;
            let is_stalled = stalled_since.is_some_and(|since| now.saturating_sub(since) >= self.options.stall_limit);
            if !group.sink.is_open() || is_stalled {
                ended.push((*id, FinishReason::Cancelled));
            } else if group.deadline.is_some_and(|deadline| now >= deadline) {
                ended.push((*id, FinishReason::TimedOut));
            }
        }
        ended.into_iter().for_each(|(id, reason)| self.end_all(id, reason));
    }

    fn end_all(&mut self, id: RequestId, reason: FinishReason) {
        let now = (self.clock)();
        let open = self.groups.get(&id).map(|group| group.open.clone()).unwrap_or_default();
        for seq in open {
            if reason == FinishReason::TimedOut
                && let Some((running, group)) = self.of(seq)
                && let Taken::End(reason, stop) = running.choice.end(reason, &mut *group.sink)
            {
                self.end(seq, Ok((reason, stop)), now);
            } else {
                self.end(seq, Ok((reason, None)), now);
            }
        }
    }

    /// Takes a choice out and tells its sink; with the last one goes the request. One that broke off takes its siblings
    /// with it.
    pub(super) fn end(&mut self, id: SeqId, end: Result<(FinishReason, Option<usize>), Error>, now: Duration) {
        let sequence = self.scheduler.finish(id);
        self.drafting.forget(id);
        let Some(running) = self.running.remove(&id) else { return };
        let (n_cached, n_reached) = sequence.map_or((0, 0), |s| (s.n_cached.unwrap_or(0), s.n_reached));
        match &end {
            Ok((FinishReason::Cancelled | FinishReason::TimedOut, _)) => self.stats.n_cancelled += 1,
            Ok(_) => self.stats.n_finished += 1,
            Err(_) => self.stats.n_failed += 1,
        }
        self.stats.n_completion_tokens += running.choice.n_completion() as u64;
        let request = running.request;
        let is_broken = matches!(end, Ok((FinishReason::Cancelled, _)));
        let Some(group) = self.groups.get_mut(&request) else { return };
        group.open.retain(|open| *open != id);
        if running.prompt_logprobs.is_some() {
            // Nobody will tell them any more.
            group.open.iter().for_each(|open| self.scheduler.release(*open));
        }
        let (index, n_prompt) = (running.index, n_reached.min(running.n_prompt));
        let n_completion = running.choice.n_completion();
        let end = end.map(|(reason, stop)| running.completion(reason, stop, n_cached, now));
        if !group.open.is_empty() {
            group.sink.charge(n_prompt, n_completion);
            group.sink.finish(index, end);
            if is_broken {
                self.end_all(request, FinishReason::Cancelled);
            }
            return;
        }
        // Out of the way first: a sink that panics leaves nothing behind.
        let Some(mut group) = self.groups.remove(&request) else { return };
        if let Some(scope) = group.own_scope {
            self.scheduler.forget(scope);
        }
        group.sink.charge(n_prompt, n_completion);
        group.sink.finish(index, end);
    }

    /// Contains a panic outside of passes and rows, where nobody can tell whose it is: all sequences that the step
    /// planned fail.
    pub fn contain_panic(&mut self) {
        let now = (self.clock)();
        let planned: Vec<SeqId> = self.planned.drain(..).map(|p| p.id).collect();
        self.contain_panic_of(&planned, now);
    }

    /// Contains a panic of these sequences: they fail, and the rest goes on if the pages are accounted for, else
    /// nothing does.
    pub(super) fn contain_panic_of(&mut self, ids: &[SeqId], now: Duration) {
        self.stats.n_panics += 1;
        for id in ids {
            if self.running.contains_key(id) {
                self.scheduler.distrust(*id);
                self.end(*id, Err(Error::Internal), now);
            }
        }
        if self.scheduler.check().is_err() {
            self.fail_all(&Error::Internal);
        }
    }

    /// Ends everything with an error, and begins again with an empty cache.
    pub(crate) fn fail_all(&mut self, error: &Error) {
        let now = (self.clock)();
        let all: Vec<SeqId> = self.running.keys().copied().collect();
        self.scheduler.reset();
        all.into_iter().for_each(|id| self.end(id, Err(error.clone()), now));
    }

    /// Ends everything with an error; what is cached stays.
    pub fn end_everything(&mut self, error: &Error) {
        let now = (self.clock)();
        let all: Vec<SeqId> = self.running.keys().copied().collect();
        all.into_iter().for_each(|id| self.end(id, Err(error.clone()), now));
    }

    /// Whether nothing runs and nothing waits.
    pub fn is_idle(&self) -> bool {
        self.groups.is_empty()
    }

    /// Drops cached prefixes that nobody reads.
    pub fn clear_cache(&mut self) {
        self.scheduler.clear_cache();
    }

    /// Returns counters and gauges.
    pub fn stats(&mut self) -> Stats {
        self.note_stats();
        self.stats
    }

    /// Puts cached prefixes where they outlive the process, if there is such a place, as many as it takes at once;
    /// returns whether all are there.
    pub fn save_cache(&mut self) -> bool {
        if !self.memory.is_lasting() {
            return true;
        }
        self.memory.was_behind();
        self.scheduler.save_all(&mut self.memory.of(&mut *self.model, &*self.clock).idle());
        !self.memory.was_behind()
    }

    /// Puts all cached prefixes where they outlive the process, and waits until that is done: nothing is saved after
    /// this.
    pub fn close_cache(&mut self) {
        if self.memory.is_lasting() {
            self.scheduler.save_all(&mut self.memory.of(&mut *self.model, &*self.clock).closing());
        }
        self.memory.finish();
    }

    /// Checks that every page of the arena is accounted for; the error says what is not.
    pub fn check(&self) -> Result<(), String> {
        self.scheduler.check()
    }

    /// Brings the gauges up to date.
    pub(super) fn note_stats(&mut self) {
        let (n_free, n_cached, n_total) = self.scheduler.n_pages();
        let (n_free_states, n_cached_states) = self.scheduler.n_states();
        let counts = self.scheduler.counts();
        self.stats = Stats {
            n_running: self.scheduler.n_running() as u64,
            n_waiting: self.scheduler.n_waiting() as u64,
            n_active: self.groups.len() as u64,
            pages_total: n_total as u64,
            pages_free: n_free as u64,
            pages_cached: n_cached as u64,
            page_bytes: self.model.page_bytes() as u64,
            page_len: model::PAGE_LEN as u64,
            states_total: self.model.n_states() as u64,
            states_free: n_free_states as u64,
            states_cached: n_cached_states as u64,
            state_bytes: self.model.saved_state_bytes() as u64,
            n_preempted: counts.preempted,
            n_evicted: counts.evicted,
            n_copied_pages: counts.copied,
            // Pages that hold nothing come from nowhere.
            n_loaded_pages: if self.model.page_bytes() > 0 { counts.loaded } else { 0 },
            n_loaded_states: counts.loaded_states,
            ..self.stats
        };
    }
}

/// First scope of requests that share nothing, where no key is mapped to.
const OWN_SCOPES: u128 = 1 << 127;

impl Running {
    fn completion(self, reason: FinishReason, stop: Option<usize>, n_cached: usize, now: Duration) -> Completion {
        let started = self.started.unwrap_or(now);
        let prefilled = self.prefilled.unwrap_or(now);
        let seconds = |from: Duration, to: Duration| to.saturating_sub(from).as_secs_f64();
        Completion {
            finish_reason: reason,
            stop_string: stop,
            n_prompt: self.n_prompt,
            n_cached,
            n_completion: self.choice.n_completion(),
            n_drafted: self.n_drafted,
            n_accepted: self.n_accepted,
            embedding: self.pool.map(Pool::into_vec),
            queue_seconds: seconds(self.submitted, started),
            prefill_seconds: seconds(started, prefilled),
            decode_seconds: seconds(prefilled, now),
        }
    }
}
