//! [`Scheduler`]: what the next step computes.
//!
//! There is no prefill phase and no decode phase: a sequence has tokens that are known and tokens that are computed,
//! and a step brings the second nearer to the first (vLLM's idea). Sequences that miss one token come first, then
//! prompts in chunks as the [`StepBudget`] allows.
//!
//! Places and pages go by [`Turn`](super::Turn): the first sequences of all tenants, then their second ones, and so on;
//! of one tenant's, and among equals, by rank, which is the time of arrival, less what their priority is worth: whoever
//! waits long enough is first, so nobody starves. Rows go by what each tenant has had ([`Tenants`]). Nothing of this
//! changes what anybody gets, only when.
//!
//! When pages run out, cached prefixes are evicted, then the running sequence of the last turn is preempted: it goes
//! back to the queue and leaves its pages to the prefix tree, so that it computes again only what was evicted
//! meanwhile. The first in rank of all always gets what it needs, because one sequence always fits the arena: there is
//! no deadlock.

use std::collections::{BTreeSet, HashMap};

use model::{AttentionWindow, PAGE_LEN, PageId, StateId, TokenId};

use super::{NewSequence, PageKey, PagePool, PrefixTree, SeqId, Sequence, StepBudget, Tenants};
use crate::{CacheScope, StepBound};

mod admission;
mod paging;
mod plan;
mod resume;
mod snapshots;

/// The memory of pages, in the arena and beyond it. Its methods are called in the order in which things happen.
pub(crate) trait PageMemory {
    /// Copies a state within the arena of states.
    fn copy_state(&mut self, from: StateId, to: StateId);
    /// Copies a page within the arena.
    fn copy(&mut self, from: PageId, to: PageId);
    /// Saves a full page that is about to leave the arena; recomputing it would take `recompute_us`.
    fn save(&mut self, page: PageId, key: PageKey<'_>, recompute_us: f64);
    /// Whether a page that left the arena may still be had.
    fn has(&self, key: PageKey<'_>) -> bool;
    /// Brings back a page that left the arena; returns `false` if it cannot be had.
    fn load(&mut self, key: PageKey<'_>, page: PageId) -> bool;
    /// Saves the state that a sequence has at the end of `key`, with its last page if that is `rest`, which is not
    /// full; recomputing it would take `recompute_us`.
    fn save_state(&mut self, state: StateId, rest: Option<PageId>, key: PageKey<'_>, recompute_us: f64);
    /// Whether the state at the end of `key` was saved and may still be had.
    fn has_state(&self, key: PageKey<'_>) -> bool;
    /// Brings back a state that was saved, with its last page if that is `rest`; returns `false` if it cannot be had.
    fn load_state(&mut self, key: PageKey<'_>, state: StateId, rest: Option<PageId>) -> bool;
}

/// The bounds of a scheduler, which do not change.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SchedulerLimits {
    /// Length of the longest sequence.
    pub(crate) context_len_max: usize,
    /// Number of sequences that run at once.
    pub(crate) n_running_max: usize,
    /// Number of states, at least one for each sequence that runs; the others are snapshots of the prefix tree. 0 if
    /// sequences have none.
    pub(crate) n_states: usize,
    /// Number of rows of a step.
    pub(crate) step_rows_max: usize,
    /// Whether every sequence is computed whole, in one step.
    pub(crate) is_encoder: bool,
    /// Number of rows of a step whose logits are wanted although the tokens after them are known.
    pub(crate) prompt_logits_max: usize,
    /// How long a step may take.
    pub(crate) step: StepBound,
    /// Window of attention, where it does not see everything.
    pub(crate) window: Option<AttentionWindow>,
}

/// The rows of a planned sequence that are wanted.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Wanted {
    /// No row: there is more prompt to come.
    Nothing,
    /// The last row, which gives the next token.
    Last,
    /// The rows of the newest token and of every draft after it.
    Drafts,
    /// The logits of all rows: of tokens of the prompt, and of the token that comes next if the last is the newest.
    All,
    /// The hidden states of all rows.
    Hidden,
    /// The score of the whole.
    Score,
}

/// A sequence's part of a step.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Planned {
    pub(crate) id: SeqId,
    /// Number of positions computed before.
    pub(crate) position_first: usize,
    /// Number of tokens that are known.
    pub(crate) n_tokens: usize,
    /// Number of drafts after the known tokens.
    pub(crate) n_drafts: usize,
    pub(crate) wanted: Wanted,
}

/// Counts of what has happened since the start.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
pub(crate) struct Counts {
    pub(crate) preempted: u64,
    pub(crate) evicted: u64,
    pub(crate) copied: u64,
    pub(crate) loaded: u64,
    pub(crate) loaded_states: u64,
}

/// The scheduler: sequences, their pages, and the cached prefixes.
pub(crate) struct Scheduler {
    limits: SchedulerLimits,
    /// Number of pages at the head of a sequence that may be shared.
    n_shared_max: usize,
    /// Number of pages that the attention window never passes.
    n_sink_pages: usize,
    pool: PagePool,
    /// States that no sequence has, the lowest last.
    free_states: Vec<StateId>,
    tree: PrefixTree,
    sequences: HashMap<SeqId, Sequence>,
    waiting: BTreeSet<(i64, SeqId)>,
    running: BTreeSet<(i64, SeqId)>,
    tenants: Tenants,
    /// Time at which the step is planned.
    now_us: u64,
    /// Time at which a running sequence last gave way to one that was more urgent.
    yielded_us: Option<u64>,
    budget: StepBudget,
    counts: Counts,
    planned: Vec<Planned>,
    order: Vec<SeqId>,
    released: Vec<PageId>,
}

impl Scheduler {
    /// Makes a scheduler of `n_pages`, all of them free.
    pub(crate) fn new(n_pages: usize, mut limits: SchedulerLimits) -> Self {
        let (mut n_shared_max, mut n_sink_pages) = (usize::MAX, 0);
        if let Some(window) = limits.window {
            // Prompts come in chunks that leave room for the window before them.
            while limits.step_rows_max > 1 && window.pages_max(limits.step_rows_max) > n_pages {
                limits.step_rows_max /= 2;
            }
            n_sink_pages = window.sinks.div_ceil(PAGE_LEN);
            let n_spare = n_pages.saturating_sub(window.pages_max(limits.step_rows_max));
            n_shared_max = (window.sinks + window.len).div_ceil(PAGE_LEN).min(n_spare);
        }
        Self {
            n_shared_max,
            n_sink_pages,
            budget: StepBudget::new(limits.step_rows_max, limits.step),
            pool: PagePool::new(n_pages),
            free_states: (0..limits.n_states as u32).rev().map(StateId).collect(),
            tree: PrefixTree::default(),
            sequences: HashMap::new(),
            waiting: BTreeSet::new(),
            running: BTreeSet::new(),
            tenants: Tenants::default(),
            now_us: 0,
            yielded_us: None,
            counts: Counts::default(),
            planned: Vec::new(),
            order: Vec::new(),
            released: Vec::new(),
            limits,
        }
    }

    /// Puts a sequence into the queue.
    pub(crate) fn add(&mut self, id: SeqId, new: NewSequence) {
        assert!(!new.tokens.is_empty(), "a sequence without tokens");
        self.tenants.enter(new.tenant);
        self.waiting.insert((new.rank, id));
        self.sequences.insert(id, Sequence::new(id, new));
    }

    /// Returns a sequence that was added and not finished.
    pub(crate) fn sequence(&self, id: SeqId) -> &Sequence {
        self.sequences.get(&id).unwrap_or_else(|| unreachable!("{id:?} was finished"))
    }

    fn sequence_mut(&mut self, id: SeqId) -> &mut Sequence {
        self.sequences.get_mut(&id).unwrap_or_else(|| unreachable!("{id:?} was finished"))
    }

    /// Lets a sequence start that was held, if it is still there.
    pub(crate) fn release(&mut self, id: SeqId) {
        if let Some(sequence) = self.sequences.get_mut(&id) {
            sequence.is_held = false;
        }
    }

    /// Notes that the logits of all positions before `position` were taken; `None` says that none are wanted any more
    /// but those of the newest token.
    pub(crate) fn set_logits_from(&mut self, id: SeqId, position: Option<usize>) {
        self.sequence_mut(id).logits_from = position;
    }

    /// Notes whether a sequence's reader is behind.
    pub(crate) fn set_paused(&mut self, id: SeqId, is_paused: bool) {
        self.sequence_mut(id).is_paused = is_paused;
    }

    /// Sets how many guesses at what follows the newest token the next step shall verify, if there is room.
    pub(crate) fn set_drafts_wanted(&mut self, id: SeqId, n_drafts: usize) {
        let room = self.limits.context_len_max.saturating_sub(self.sequence(id).tokens.len());
        self.sequence_mut(id).n_drafts_wanted = n_drafts.min(room);
    }

    /// Appends a token that was picked.
    pub(crate) fn push(&mut self, id: SeqId, token: TokenId) {
        self.sequence_mut(id).tokens.push(token);
    }

    /// Notes that a step was computed: `n_accepted` of a sequence's drafts were right, and have been pushed with the
    /// token that follows them.
    pub(crate) fn advance(&mut self, planned: Planned, n_accepted: usize) {
        let sequence = self.sequence_mut(planned.id);
        sequence.n_drafts_wanted = 0;
        sequence.n_computed += planned.n_tokens + n_accepted;
        assert!(sequence.n_computed <= sequence.tokens.len(), "{:?} computed beyond its tokens", planned.id);
        self.publish(planned.id);
        self.drop_passed(planned.id);
    }

    /// Notes how long the step took, for the budget of the next ones.
    pub(crate) fn measured(&mut self, n_rows: usize, us: f64) {
        self.budget.measured(n_rows, us);
    }

    /// Ends a sequence, wherever it is.
    pub(crate) fn finish(&mut self, id: SeqId) -> Option<Sequence> {
        self.retire(id);
        let sequence = self.sequences.remove(&id)?;
        self.waiting.remove(&(sequence.rank, id));
        self.running.remove(&(sequence.rank, id));
        Some(sequence)
    }

    /// Distrusts what the last step computed of a sequence, which may not be sound: it leaves nothing more to others.
    pub(crate) fn distrust(&mut self, id: SeqId) {
        if let Some(sequence) = self.sequences.get_mut(&id) {
            sequence.use_cache = false;
        }
    }

    /// Forgets every sequence and everything cached.
    pub(crate) fn reset(&mut self) {
        *self =
            Self { budget: self.budget.clone(), counts: self.counts, ..Self::new(self.pool.n_pages(), self.limits) };
    }

    /// Drops every cached prefix that nobody reads.
    pub(crate) fn clear_cache(&mut self) {
        while let Some(evicted) = self.tree.evict() {
            self.pool.release([evicted.page]);
        }
    }

    /// Drops what is cached under a scope, as far as nobody reads it.
    pub(crate) fn forget(&mut self, scope: CacheScope) {
        self.tree.forget(scope, &mut self.released);
        self.pool.release(self.released.drain(..));
    }

    /// Offers every full page of the tree, with its name, and every state that there is after one: to be kept beyond
    /// the end of the process.
    pub(crate) fn save_all(&mut self, memory: &mut dyn PageMemory) {
        let recompute_us = self.budget.prompt_us(PAGE_LEN);
        self.tree.for_each_full(|page, key, snapshot| {
            memory.save(page, key, recompute_us);
            if let Some(state) = snapshot {
                memory.save_state(state, None, key, recompute_us);
            }
        });
    }

    /// Returns the numbers of states that no sequence and no cached prefix has, and of those of cached prefixes.
    pub(crate) fn n_states(&self) -> (usize, usize) {
        let n_cached = self.tree.n_snapshots();
        (self.free_states.len() + self.tree.n_states() - n_cached, n_cached)
    }

    /// Number of sequences in the queue.
    pub(crate) fn n_waiting(&self) -> usize {
        self.waiting.len()
    }

    /// Number of sequences that run.
    pub(crate) fn n_running(&self) -> usize {
        self.running.len()
    }

    /// Returns the numbers of free pages, of pages of the tree that nobody reads, and of all.
    pub(crate) fn n_pages(&self) -> (usize, usize, usize) {
        (self.pool.n_free(), self.tree.n_unlocked(), self.pool.n_pages())
    }

    /// Returns the counts of what has happened.
    pub(crate) fn counts(&self) -> Counts {
        self.counts
    }

    /// Checks that every page belongs to exactly one: the pool, the tree, or a sequence; and that every state is free,
    /// of the tree, or of one that runs. The error says how many do not.
    pub(crate) fn check(&self) -> Result<(), String> {
        let n_states = self.limits.n_states;
        let with_state = self.sequences.values().filter(|s| s.state.is_some());
        let (n_with_state, n_free) = (with_state.count(), self.free_states.len() + self.tree.n_states());
        let n_expected = if n_states == 0 { 0 } else { self.running.len() };
        if n_with_state != n_expected || n_with_state + n_free != n_states {
            return Err(format!(
                "{n_free} free or cached and {n_with_state} owned states, of {n_states}; {n_expected} expected"
            ));
        }
        let n_own: usize = self.sequences.values().map(|s| s.own_pages(self.n_sink_pages).count()).sum();
        let (n_free, n_tree, n_pages) = (self.pool.n_free(), self.tree.n_pages(), self.pool.n_pages());
        if n_free + n_tree + n_own == n_pages {
            Ok(())
        } else {
            Err(format!("{n_free} free, {n_tree} cached and {n_own} owned pages, of {n_pages}"))
        }
    }
}
