//! Snapshots of states, where sequences have them: a cached prefix is of use only where there is the state, too, with
//! which a sequence goes on after it.
//!
//! The states that no running sequence has are the snapshots' ([`PrefixTree`](crate::core::PrefixTree)), the one unused
//! longest gives way. What gives way is saved beyond the arena, where there is such a place (`resume.rs`). A prompt
//! leaves them at its end and at doubling distances before it, so that whoever shares all but its end computes at most
//! about twice what differs; where a prompt parts from what was cached before; and where others wait for what they
//! share with it. What follows a prompt has one, which moves on with it.

use model::{PAGE_LEN, StateId};

use super::{PageMemory, Scheduler};
use crate::core::{SeqId, Sequence, prefix_tree::NodeId};

/// Number of pages between two snapshots of what follows a prompt, and the first distance before its end.
const PERIOD: usize = 2;

/// Largest number of positions of a sequence at which others wait for a snapshot.
const N_STOPS_MAX: usize = 32;

impl Scheduler {
    /// Whether sequences have states.
    pub(super) fn has_states(&self) -> bool {
        self.limits.n_states > 0
    }

    /// Returns a state that no sequence has: a free one, or else that of the snapshot unused longest, if it is not
    /// that of `kept`, which is saved before.
    pub(super) fn free_state(&mut self, kept: Option<NodeId>, memory: &mut dyn PageMemory) -> Option<StateId> {
        if let Some(state) = self.free_states.pop().or_else(|| self.tree.give_freed()) {
            return Some(state);
        }
        let oldest = self.tree.oldest_snapshot(kept)?;
        let state = self.tree.snapshot(oldest)?;
        let n_tokens = self.tree.n_since_snapshot(oldest) * PAGE_LEN;
        memory.save_state(state, None, self.tree.key(oldest), self.budget.prompt_us(n_tokens));
        self.tree.take_snapshot(oldest)
    }

    /// Returns the positions at which snapshots of a sequence's prompt shall be taken.
    pub(super) fn stops(&self, sequence: &Sequence) -> Vec<usize> {
        let usable = sequence.n_usable();
        let (n_cached, n_all) = (sequence.nodes.len(), usable / PAGE_LEN);
        if !sequence.use_cache {
            return Vec::new();
        }
        // What one prompt leaves must not drive out all else.
        let n_max = (self.limits.n_states / 4).max(1);
        let distances = std::iter::once(0).chain((0..usize::BITS).map(|i| PERIOD << i));
        let ends = distances.map_while(|distance| n_all.checked_sub(distance).filter(|n| *n > n_cached));
        let mut stops: Vec<usize> = ends.take(n_max).map(|n| n * PAGE_LEN).collect();
        let n_known = self.tree.find(sequence.scope, &sequence.tokens[..usable]).nodes.len();
        if n_known > n_cached {
            stops.push(n_known * PAGE_LEN);
        }
        stops
    }

    /// Has a snapshot of a sequence taken at `position`, the end of a page, for whoever waits for it.
    pub(super) fn stop_at(&mut self, id: SeqId, position: usize) {
        if self.has_states() {
            let stops = &mut self.sequence_mut(id).stops;
            if stops.len() < N_STOPS_MAX && !stops.contains(&position) {
                stops.push(position);
            }
        }
    }

    /// Returns the last of the snapshots of a sequence's cached pages, with its position; 0 if there is none.
    pub(crate) fn last_snapshot(&self, sequence: &Sequence) -> (usize, Option<StateId>) {
        let snapshots = (1..).zip(&sequence.nodes).filter_map(|(n, node)| Some((n, self.tree.snapshot(*node)?)));
        snapshots.last().map_or((0, None), |(n, state)| (n * PAGE_LEN, Some(state)))
    }

    /// Takes a snapshot of each running sequence that stands where one is wanted.
    pub(super) fn take_snapshots(&mut self, memory: &mut dyn PageMemory) {
        if !self.has_states() {
            return;
        }
        let ids: Vec<SeqId> = self.running.iter().map(|(_, id)| *id).collect();
        for id in ids {
            if let Some(node) = self.wants_snapshot(id) {
                self.take_snapshot(id, node, memory);
            }
            let sequence = self.sequence_mut(id);
            let n_computed = sequence.n_computed;
            sequence.stops.retain(|stop| *stop > n_computed);
        }
    }

    /// Returns the last node of a sequence if a snapshot is wanted there that the tree has not.
    fn wants_snapshot(&self, id: SeqId) -> Option<NodeId> {
        let sequence = self.sequence(id);
        let n_computed = sequence.n_computed;
        let is_period = n_computed > sequence.n_prompt() && n_computed.is_multiple_of(PERIOD * PAGE_LEN);
        let node = *sequence.nodes.last()?;
        let is_at_node = sequence.nodes.len() * PAGE_LEN == n_computed;
        let is_wanted = sequence.use_cache && is_at_node && (is_period || sequence.stops.contains(&n_computed));
        (is_wanted && self.tree.snapshot(node).is_none()).then_some(node)
    }

    fn take_snapshot(&mut self, id: SeqId, node: NodeId, memory: &mut dyn PageMemory) {
        let is_answer = self.sequence(id).n_computed > self.sequence(id).n_prompt();
        let before = if is_answer { self.sequence_mut(id).newest_snapshot.replace(node) } else { None };
        let moved = before.and_then(|before| self.tree.take_snapshot(before));
        let free = moved.or_else(|| self.free_state(None, memory));
        let (Some(from), Some(to)) = (self.sequence(id).state, free) else { return };
        memory.copy_state(from, to);
        self.tree.keep_snapshot(node, to);
    }
}

impl Sequence {
    /// Number of tokens to the next position at which a snapshot is taken.
    pub(super) fn n_to_stop(&self) -> usize {
        let ahead = self.stops.iter().filter_map(|stop| stop.checked_sub(self.n_computed));
        ahead.filter(|n| *n > 0).min().unwrap_or(usize::MAX)
    }
}
