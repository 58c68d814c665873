//! Where a sequence with a state goes on: after the longest beginning of which pages and state are to be had, in the
//! arenas or beyond them.
//!
//! A state that leaves its arena is saved under the name of the tokens that it has seen. At the end of a full page it
//! is of use to all who begin so. A preempted sequence stands anywhere: its state is saved with the page that is not
//! full, and only the sequence itself goes on there.

use model::{PAGE_LEN, PageId, StateId, TokenId};

use super::{PageMemory, Scheduler};
use crate::core::{ChainKey, PageKey, SeqId, prefix_tree::NodeId};

/// A place where a sequence may go on.
#[derive(Clone, Copy, Default, Debug)]
pub(super) struct Resume {
    /// Number of full pages before it.
    pub(super) n_pages: usize,
    /// Whether the sequence's own state was saved behind them, where it was preempted.
    is_own: bool,
}

impl Scheduler {
    /// Finds where a waiting sequence can go on, as far as is known before it is tried.
    pub(super) fn find_resume(&self, id: SeqId, memory: &dyn PageMemory) -> Resume {
        let sequence = self.sequence(id);
        let mut best = Resume::default();
        if !sequence.use_cache {
            return best;
        }
        let usable = &sequence.tokens[..sequence.n_usable()];
        let nodes = self.tree.find(sequence.scope, usable).nodes;
        let own = sequence.n_saved.filter(|n| *n <= usable.len());
        let mut chain = self.tree.chain(sequence.scope, None);
        for n in 0..=usable.len() / PAGE_LEN {
            if n > 0 {
                let tokens = &usable[(n - 1) * PAGE_LEN..n * PAGE_LEN];
                let node = nodes.get(n - 1).copied();
                chain = node.map_or_else(|| chain.then(tokens), |node| self.tree.chain(sequence.scope, Some(node)));
                let key = PageKey { chain, tokens };
                if node.is_none() && !memory.has(key) {
                    break;
                }
                if node.is_some_and(|node| self.tree.snapshot(node).is_some()) || memory.has_state(key) {
                    best = Resume { n_pages: n, is_own: false };
                }
            }
            if let Some((chain, tokens)) = own.and_then(|own| rest_of(chain, usable, n, own))
                && memory.has_state(PageKey { chain, tokens })
            {
                best = Resume { n_pages: n, is_own: true };
            }
        }
        best
    }

    /// Gives a sequence that starts its pages and its state, as far as they are to be had, and chooses where snapshots
    /// of the rest are taken.
    pub(super) fn resume(&mut self, id: SeqId, resume: Resume, memory: &mut dyn PageMemory) {
        self.load_saved(id, resume.n_pages, memory);
        let snapshots = (1..).zip(&self.sequence(id).nodes).filter(|(_, node)| self.tree.snapshot(**node).is_some());
        let last: Option<(usize, NodeId)> = snapshots.map(|(n, node)| (n, *node)).last();
        let own = self.sequence_mut(id).n_saved.take().filter(|_| resume.is_own);
        let kept = last.map(|(_, node)| node);
        let state = match (self.free_state(kept, memory), kept) {
            (Some(state), _) => state,
            // The snapshot is the only one that does not run.
            (None, Some(node)) => {
                self.keep_pages(id, last.map_or(0, |(n, _)| n));
                let Some(state) = self.tree.take_snapshot(node) else { unreachable!("{node:?} has a snapshot") };
                return self.begin_with(id, state);
            }
            (None, None) => unreachable!("no state for {} that run", self.running.len()),
        };
        if !own.is_some_and(|own| self.load_own(id, own, state, memory)) {
            self.load_last(id, state, memory);
        }
        self.begin_with(id, state);
    }

    /// Lets a sequence begin with a state that has seen what it has computed.
    fn begin_with(&mut self, id: SeqId, state: StateId) {
        let stops = self.stops(self.sequence(id));
        let sequence = self.sequence_mut(id);
        (sequence.state, sequence.stops) = (Some(state), stops);
    }

    /// Gives up all but the first `n` cached pages of a sequence that starts.
    fn keep_pages(&mut self, id: SeqId, n: usize) {
        let Self { sequences, tree, .. } = self;
        let Some(sequence) = sequences.get_mut(&id) else { return };
        tree.unlock(sequence.nodes.drain(n..));
        sequence.table.truncate(n);
        sequence.n_computed = n * PAGE_LEN;
    }

    /// Brings back the state that a sequence had when it was preempted after `own` positions, and the page of the last
    /// of them.
    fn load_own(&mut self, id: SeqId, own: usize, state: StateId, memory: &mut dyn PageMemory) -> bool {
        let sequence = self.sequence(id);
        let before = self.tree.chain(sequence.scope, sequence.nodes.last().copied());
        let Some((chain, tokens)) = rest_of(before, &sequence.tokens, sequence.nodes.len(), own) else { return false };
        let tokens: Vec<TokenId> = tokens.to_vec();
        let Some(page) = self.allocate(memory) else { return false };
        if !memory.load_state(PageKey { chain, tokens: &tokens }, state, Some(page)) {
            self.pool.release([page]);
            return false;
        }
        self.counts.loaded_states += 1;
        let sequence = self.sequence_mut(id);
        sequence.table.push(page);
        sequence.n_computed = own;
        true
    }

    /// Makes `state` that of the last of a sequence's cached pages after which there is one; a sequence without any
    /// begins anew.
    fn load_last(&mut self, id: SeqId, state: StateId, memory: &mut dyn PageMemory) {
        let nodes = self.sequence(id).nodes.clone();
        for (n, node) in nodes.iter().enumerate().map(|(i, node)| (i + 1, node)).rev() {
            if let Some(snapshot) = self.tree.snapshot(*node) {
                memory.copy_state(snapshot, state);
                self.tree.keep_snapshot(*node, snapshot);
                return self.keep_pages(id, n);
            }
            if memory.load_state(self.tree.key(*node), state, None) {
                self.counts.loaded_states += 1;
                self.keep_pages(id, n);
                // For others that begin so.
                if let Some(snapshot) = self.free_state(None, memory) {
                    memory.copy_state(state, snapshot);
                    self.tree.keep_snapshot(*node, snapshot);
                }
                return;
            }
        }
        self.keep_pages(id, 0);
    }

    /// Saves the state of a sequence that is preempted, with its last page if that is not full.
    pub(super) fn save_state(&mut self, id: SeqId, memory: &mut dyn PageMemory) {
        let sequence = self.sequence(id);
        let (n_computed, n_pages) = (sequence.n_computed, sequence.n_computed / PAGE_LEN);
        let Some(state) = sequence.state.filter(|_| sequence.use_cache && n_computed > 0) else { return };
        if sequence.nodes.len() != n_pages {
            return;
        }
        let recompute_us = self.budget.prompt_us(n_computed - self.last_snapshot(sequence).0);
        let last = sequence.nodes.last().copied();
        let own = rest_of(self.tree.chain(sequence.scope, last), &sequence.tokens, n_pages, n_computed);
        let rest: Option<PageId> = sequence.table.get(n_pages).copied();
        match (own, rest, last) {
            (Some((chain, tokens)), Some(page), _) => {
                memory.save_state(state, Some(page), PageKey { chain, tokens }, recompute_us);
                self.sequence_mut(id).n_saved = Some(n_computed);
            }
            (None, _, Some(node)) if self.tree.snapshot(node).is_none() => {
                memory.save_state(state, None, self.tree.key(node), recompute_us);
            }
            _ => {}
        }
    }
}

/// Returns the key of the first `end` tokens, and those that are on the page after the first `n_pages`, with which
/// `before` ends; `None` if `end` is not within that page.
fn rest_of(before: ChainKey, tokens: &[TokenId], n_pages: usize, end: usize) -> Option<(ChainKey, &[TokenId])> {
    let rest = tokens.get(n_pages * PAGE_LEN..end).filter(|rest| (1..PAGE_LEN).contains(&rest.len()))?;
    Some((before.then(rest), rest))
}
