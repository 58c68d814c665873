//! [`Scheduler`]: what the next step computes.
//!
//! There is no prefill phase and no decode phase: a sequence has tokens that are known and tokens that are computed, and a step brings the
//! second nearer to the first (vLLM's idea). Sequences that miss one token come first, then prompts in chunks as the [`StepBudget`] allows,
//! then those that wait. All go by rank, which is the time of arrival, less what their priority is worth: whoever waits long enough is
//! first, so nobody starves.
//!
//! When pages run out, cached prefixes are evicted, then the running sequence of the highest rank is preempted: it goes back to the queue
//! and leaves its pages to the prefix tree, so that it computes again only what was evicted meanwhile. The first in rank always gets what
//! it needs, because one sequence always fits the arena: there is no deadlock.

use std::collections::{BTreeSet, HashMap};

use model::{AttentionWindow, PAGE_LEN, PageId, TokenId};

use super::{NewSequence, PageKey, PagePool, PrefixTree, SeqId, Sequence, StepBudget, prefix_tree::Inserted};
use crate::CacheScope;

mod admission;

/// What the arena and the places beyond it can do with pages; called in the order in which things happen.
pub(crate) trait PageMemory {
    /// Copies a page.
    fn copy(&mut self, from: PageId, to: PageId);
    /// A full page is about to leave the arena; recomputing it would take `recompute_us`.
    fn save(&mut self, page: PageId, key: PageKey<'_>, recompute_us: f64);
    /// Whether a page that left may still be had.
    fn has(&self, key: PageKey<'_>) -> bool;
    /// Brings it back; `false` if it cannot be had.
    fn load(&mut self, key: PageKey<'_>, page: PageId) -> bool;
}

/// Bounds that do not change.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SchedulerLimits {
    /// Longest sequence.
    pub(crate) context_len_max: usize,
    /// Sequences that run at once.
    pub(crate) n_running_max: usize,
    /// Rows of a step.
    pub(crate) step_rows_max: usize,
    /// Rows of a step whose logits are wanted although the tokens after them are known.
    pub(crate) prompt_logits_max: usize,
    /// Longest step in microseconds while others decode; by itself six times what decoding takes.
    pub(crate) step_us_max: Option<f64>,
    /// What attention sees, where that is not everything.
    pub(crate) window: Option<AttentionWindow>,
}

/// Which rows of a planned sequence are wanted.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Wanted {
    /// None: there is more prompt to come.
    Nothing,
    /// The last, which gives the next token.
    Last,
    /// Of the newest token and of every draft after it.
    Drafts,
    /// The logits of all: of tokens of the prompt, and of the token that comes next if the last is the newest.
    All,
    /// The hidden states of all.
    Hidden,
}

/// A sequence's part of a step.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Planned {
    pub(crate) id: SeqId,
    /// Positions computed before.
    pub(crate) position_first: usize,
    /// Tokens that are known.
    pub(crate) n_tokens: usize,
    /// Drafts after them.
    pub(crate) n_drafts: usize,
    pub(crate) wanted: Wanted,
}

/// What has happened since the start.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
pub(crate) struct Counts {
    pub(crate) preempted: u64,
    pub(crate) evicted: u64,
    pub(crate) copied: u64,
    pub(crate) loaded: u64,
}

/// Sequences, their pages, and the cached prefixes.
pub(crate) struct Scheduler {
    limits: SchedulerLimits,
    /// Pages at the head of a sequence that may be shared.
    n_shared_max: usize,
    /// Pages that the attention window never passes.
    n_sink_pages: usize,
    pool: PagePool,
    tree: PrefixTree,
    sequences: HashMap<SeqId, Sequence>,
    waiting: BTreeSet<(i64, SeqId)>,
    running: BTreeSet<(i64, SeqId)>,
    budget: StepBudget,
    counts: Counts,
    planned: Vec<Planned>,
    order: Vec<SeqId>,
    released: Vec<PageId>,
}

impl Scheduler {
    /// All `n_pages` are free.
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
            budget: StepBudget::new(limits.step_rows_max, limits.step_us_max),
            pool: PagePool::new(n_pages),
            tree: PrefixTree::default(),
            sequences: HashMap::new(),
            waiting: BTreeSet::new(),
            running: BTreeSet::new(),
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
        self.waiting.insert((new.rank, id));
        self.sequences.insert(id, Sequence::new(id, new));
    }

    /// A sequence that was added and not finished.
    pub(crate) fn sequence(&self, id: SeqId) -> &Sequence {
        self.sequences.get(&id).unwrap_or_else(|| unreachable!("{id:?} was finished"))
    }

    fn sequence_mut(&mut self, id: SeqId) -> &mut Sequence {
        self.sequences.get_mut(&id).unwrap_or_else(|| unreachable!("{id:?} was finished"))
    }

    /// A sequence that was held may start, if it is still there.
    pub(crate) fn release(&mut self, id: SeqId) {
        if let Some(sequence) = self.sequences.get_mut(&id) {
            sequence.is_held = false;
        }
    }

    /// The logits of all positions before `position` were taken; `None`: none are wanted any more but those of the newest token.
    pub(crate) fn set_logits_from(&mut self, id: SeqId, position: Option<usize>) {
        self.sequence_mut(id).logits_from = position;
    }

    /// Its reader is behind, or keeps up again.
    pub(crate) fn set_paused(&mut self, id: SeqId, is_paused: bool) {
        self.sequence_mut(id).is_paused = is_paused;
    }

    /// How many guesses at what follows the newest token the next step shall verify, if there is room.
    pub(crate) fn set_drafts_wanted(&mut self, id: SeqId, n_drafts: usize) {
        let room = self.limits.context_len_max.saturating_sub(self.sequence(id).tokens.len());
        self.sequence_mut(id).n_drafts_wanted = n_drafts.min(room);
    }

    /// A token was picked.
    pub(crate) fn push(&mut self, id: SeqId, token: TokenId) {
        self.sequence_mut(id).tokens.push(token);
    }

    /// Plans the next step; empty if there is nothing that can be computed.
    pub(crate) fn plan(&mut self, memory: &mut dyn PageMemory) -> &[Planned] {
        self.planned.clear();
        self.order.clear();
        self.order.extend(self.running.iter().map(|(_, id)| *id));
        let order = std::mem::take(&mut self.order);
        for id in &order {
            self.plan_decoding(*id, memory);
        }
        let n_decoding = self.n_rows();
        let n_prompts = self.running.len() - self.planned.len().min(self.running.len()) + self.waiting.len();
        let mut n_left = self.budget.prompt_rows(n_decoding, n_prompts);
        for id in &order {
            let sequence = self.sequence(*id);
            if sequence.is_running && !sequence.is_paused && !sequence.is_decoding() {
                n_left -= self.plan_prompt(*id, n_left, memory);
            }
        }
        self.order = order;
        self.admit(n_left, memory);
        &self.planned
    }

    /// Rows planned so far.
    fn n_rows(&self) -> usize {
        self.planned.iter().map(|p| p.n_tokens + p.n_drafts).sum()
    }

    /// Those of a prompt that want logits.
    fn n_prompt_logits(&self) -> usize {
        self.planned.iter().filter(|p| p.wanted == Wanted::All).map(|p| p.n_tokens).sum()
    }

    fn plan_decoding(&mut self, id: SeqId, memory: &mut dyn PageMemory) {
        let sequence = self.sequence(id);
        if !sequence.is_running || sequence.is_paused || !sequence.is_decoding() {
            return;
        }
        let (position_first, n_rows) = (sequence.n_computed, self.n_rows());
        if n_rows >= self.limits.step_rows_max {
            return;
        }
        // One row each comes first: drafts only fill what nobody needs.
        let n_others = self.running.len().saturating_sub(self.planned.len() + 1);
        let room = self.limits.step_rows_max.saturating_sub(n_rows + 1 + n_others);
        let n_drafts = sequence.n_drafts_wanted.min(room);
        if self.reserve(id, 1, memory) {
            let n_drafts = self.reserve_drafts(id, n_drafts, memory);
            let wanted = if n_drafts > 0 { Wanted::Drafts } else { Wanted::Last };
            self.planned.push(Planned { id, position_first, n_tokens: 1, n_drafts, wanted });
        }
    }

    /// Plans a chunk of at most `n_max` tokens; gives how many.
    fn plan_prompt(&mut self, id: SeqId, n_max: usize, memory: &mut dyn PageMemory) -> usize {
        let sequence = self.sequence(id);
        let (position_first, n_pending) = (sequence.n_computed, sequence.n_pending());
        let is_embedding = sequence.is_embedding;
        let (n_max, wants_all) = match sequence.logits_from {
            None => (n_max, false),
            Some(from) if position_first < from => (n_max.min(from - position_first), false),
            Some(_) => (n_max.min(self.limits.prompt_logits_max.saturating_sub(self.n_prompt_logits())), true),
        };
        let n_tokens = n_pending.min(n_max);
        if n_tokens == 0 || !self.reserve(id, n_tokens, memory) {
            return 0;
        }
        let wanted = match n_tokens == n_pending {
            _ if is_embedding => Wanted::Hidden,
            _ if wants_all => Wanted::All,
            true => Wanted::Last,
            false => Wanted::Nothing,
        };
        self.planned.push(Planned { id, position_first, n_tokens, n_drafts: 0, wanted });
        n_tokens
    }

    /// Makes room for `n` more positions, evicting and preempting as it must; `false`: `id` itself was preempted.
    fn reserve(&mut self, id: SeqId, n: usize, memory: &mut dyn PageMemory) -> bool {
        loop {
            let sequence = self.sequence(id);
            if sequence.table.len() * PAGE_LEN >= sequence.n_computed + n {
                return true;
            }
            if let Some(page) = self.allocate(memory) {
                self.sequence_mut(id).table.push(page);
                continue;
            }
            let victim = self.victim().unwrap_or_else(|| unreachable!("{id:?} runs"));
            self.preempt(victim);
            if victim == id {
                return false;
            }
        }
    }

    /// Makes room for drafts after the newest token where nobody must give way; gives for how many.
    fn reserve_drafts(&mut self, id: SeqId, n_drafts: usize, memory: &mut dyn PageMemory) -> usize {
        loop {
            let sequence = self.sequence(id);
            let room = sequence.table.len() * PAGE_LEN - sequence.n_computed - 1;
            if room >= n_drafts {
                return n_drafts;
            }
            match self.allocate(memory) {
                Some(page) => self.sequence_mut(id).table.push(page),
                None => return room,
            }
        }
    }

    /// A free page, or that of the cached prefix unused longest.
    fn allocate(&mut self, memory: &mut dyn PageMemory) -> Option<PageId> {
        if let Some(page) = self.pool.allocate() {
            return Some(page);
        }
        let evicted = self.tree.evict()?;
        self.counts.evicted += 1;
        if evicted.tokens.len() == PAGE_LEN {
            let key = PageKey { chain: evicted.chain, tokens: &evicted.tokens };
            memory.save(evicted.page, key, self.budget.prompt_us(PAGE_LEN));
        }
        Some(evicted.page)
    }

    /// Who is preempted next: one whose reader is behind, else the last in rank.
    fn victim(&self) -> Option<SeqId> {
        self.paused_last().or(self.running.last().map(|(_, id)| *id))
    }

    /// The last in rank of those that run and whose readers are behind.
    fn paused_last(&self) -> Option<SeqId> {
        self.running.iter().rev().map(|(_, id)| *id).find(|id| self.sequence(*id).is_paused)
    }

    fn preempt(&mut self, id: SeqId) {
        self.counts.preempted += 1;
        self.planned.retain(|p| p.id != id);
        self.retire(id);
        let rank = self.sequence(id).rank;
        self.running.remove(&(rank, id));
        self.waiting.insert((rank, id));
        self.sequence_mut(id).is_running = false;
    }

    /// The step was computed: `n_accepted` of a sequence's drafts were right, and have been pushed with the token that follows them.
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

    /// Gives full pages to the tree, or takes the tree's where it has them already: equal tokens have equal bytes.
    fn publish(&mut self, id: SeqId) {
        let Self { sequences, tree, pool, released, n_shared_max, .. } = self;
        let Some(sequence) = sequences.get_mut(&id).filter(|s| s.use_cache && s.n_dropped == 0) else { return };
        let n_full = (sequence.n_computed / PAGE_LEN).min(*n_shared_max);
        for i in sequence.nodes.len()..n_full {
            let tokens = &sequence.tokens[i * PAGE_LEN..][..PAGE_LEN];
            let parent = sequence.nodes.last().copied();
            let node = match tree.insert(sequence.scope, parent, tokens, sequence.table[i], released) {
                Inserted::Taken(node) => node,
                Inserted::Known(node) => {
                    released.push(sequence.table[i]);
                    sequence.table[i] = tree.page(node);
                    node
                }
            };
            tree.lock(node);
            sequence.nodes.push(node);
        }
        pool.release(released.drain(..));
    }

    /// Frees pages that the attention window has passed for good; those of the tree all at once, when it has passed them all, because a
    /// node is locked with its ancestors.
    fn drop_passed(&mut self, id: SeqId) {
        let Some(window) = self.limits.window else { return };
        let Self { sequences, pool, tree, n_sink_pages, .. } = self;
        let Some(sequence) = sequences.get_mut(&id) else { return };
        let n_nodes = sequence.nodes.len();
        let first = sequence.n_dropped.max(*n_sink_pages).max(n_nodes);
        let end = (first..sequence.table.len()).find(|i| window.is_seen(*i, sequence.n_computed));
        let end = end.unwrap_or(sequence.table.len());
        pool.release(sequence.table[first.min(end)..end].iter().copied());
        let has_passed_tree = (*n_sink_pages..n_nodes).all(|i| !window.is_seen(i, sequence.n_computed));
        if has_passed_tree && n_nodes > *n_sink_pages {
            tree.unlock(sequence.nodes.drain(*n_sink_pages..));
        }
        if end > first || (has_passed_tree && n_nodes > *n_sink_pages) {
            sequence.n_dropped = end;
        }
    }

    /// Gives up all pages of a sequence; what can be of use to others stays in the tree.
    fn retire(&mut self, id: SeqId) {
        let Self { sequences, tree, pool, released, n_shared_max, n_sink_pages, .. } = self;
        let Some(sequence) = sequences.get_mut(&id) else { return };
        let n_shared = sequence.nodes.len();
        let mut own = sequence.own_pages(*n_sink_pages);
        let rest = sequence.n_computed.saturating_sub(n_shared * PAGE_LEN);
        let is_whole = sequence.n_dropped == 0 && n_shared < *n_shared_max;
        if sequence.use_cache && is_whole && (1..PAGE_LEN).contains(&rest) {
            let tokens = &sequence.tokens[n_shared * PAGE_LEN..][..rest];
            if let Some(page) = own.next() {
                let parent = sequence.nodes.last().copied();
                if let Inserted::Known(_) = tree.insert(sequence.scope, parent, tokens, page, released) {
                    released.push(page);
                }
            }
        }
        released.extend(own);
        pool.release(released.drain(..));
        tree.unlock(sequence.nodes.drain(..));
        sequence.table.clear();
        sequence.n_drafts_wanted = 0;
        sequence.n_computed = 0;
        sequence.n_dropped = 0;
    }

    /// Ends a sequence, wherever it is.
    pub(crate) fn finish(&mut self, id: SeqId) -> Option<Sequence> {
        self.retire(id);
        let sequence = self.sequences.remove(&id)?;
        self.waiting.remove(&(sequence.rank, id));
        self.running.remove(&(sequence.rank, id));
        Some(sequence)
    }

    /// What the last step computed of a sequence may not be sound: it leaves nothing more to others.
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

    /// Offers every full page of the tree, with its name: to be kept beyond the end of the process.
    pub(crate) fn save_all(&mut self, memory: &mut dyn PageMemory) {
        let recompute_us = self.budget.prompt_us(PAGE_LEN);
        self.tree.for_each_full(|page, key| memory.save(page, key, recompute_us));
    }

    /// Sequences in the queue.
    pub(crate) fn n_waiting(&self) -> usize {
        self.waiting.len()
    }

    /// Sequences that run.
    pub(crate) fn n_running(&self) -> usize {
        self.running.len()
    }

    /// Free pages, pages of the tree that nobody reads, and all.
    pub(crate) fn n_pages(&self) -> (usize, usize, usize) {
        (self.pool.n_free(), self.tree.n_unlocked(), self.pool.n_pages())
    }

    /// What has happened.
    pub(crate) fn counts(&self) -> Counts {
        self.counts
    }

    /// Every page belongs to exactly one: the pool, the tree, or a sequence. `Err` says how many do not.
    pub(crate) fn check(&self) -> Result<(), String> {
        let n_own: usize = self.sequences.values().map(|s| s.own_pages(self.n_sink_pages).count()).sum();
        let (n_free, n_tree, n_pages) = (self.pool.n_free(), self.tree.n_pages(), self.pool.n_pages());
        if n_free + n_tree + n_own == n_pages {
            Ok(())
        } else {
            Err(format!("{n_free} free, {n_tree} cached and {n_own} owned pages, of {n_pages}"))
        }
    }
}
