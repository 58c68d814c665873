//! Who comes out of the queue, and what is cached for it.

use model::{PAGE_LEN, PageId, TokenId};

use super::{PageMemory, Scheduler, resume::Resume};
use crate::core::{
    PageKey, SeqId, Sequence, Turn,
    budget::PROMPT_ROWS_MIN,
    prefix_tree::{Inserted, NodeId},
};

/// Largest number of waiting sequences looked at in a step, so that a long queue costs nothing.
const LOOKED_AT_MAX: usize = 64;

/// Least time between two sequences under way that give way to more urgent ones, in microseconds.
const YIELD_INTERVAL_US: u64 = 1_000_000;

/// Least number of tokens that a sequence must be spared to wait for another that computes them.
const WORTH_WAITING: usize = PAGE_LEN / 2;

impl Scheduler {
    /// Takes sequences out of the queue, by turns, while there are places and pages, and rows that would be of use:
    /// `n_left`. Adds them to the prompts of the step.
    pub(super) fn admit(&mut self, mut n_left: usize, prompts: &mut Vec<SeqId>, memory: &mut dyn PageMemory) {
        // Those whose readers are behind may be many, and hide nobody.
        let ready = self.waiting.iter().map(|(_, id)| self.sequence(*id)).filter(|s| s.may_start());
        let mut turns: Vec<Turn> = ready.map(Sequence::turn).collect();
        turns.sort_unstable();
        for (_, _, id) in turns.into_iter().take(LOOKED_AT_MAX) {
            if n_left == 0 {
                return;
            }
            let sequence = self.sequence(id);
            if let Some((leader, common)) = self.leader_of(sequence) {
                self.stop_at(leader, common);
                continue;
            }
            while self.running.len() >= self.limits.n_running_max {
                if !self.make_way(id, memory) {
                    return;
                }
            }
            if !self.start(id, memory) {
                return;
            }
            n_left -= self.sequence(id).n_pending().min(PROMPT_ROWS_MIN).min(n_left);
            prompts.push(id);
        }
    }

    /// Returns the sequence to preempt when pages run out: one whose reader is behind, else the one of the last turn.
    pub(super) fn victim(&self) -> Option<SeqId> {
        self.running.iter().map(|(_, id)| *id).max_by_key(|id| self.sequence(*id).turn())
    }

    /// Preempts a sequence for a waiting one; returns whether one could be asked. These may be, the last of each first:
    /// one whose reader is behind, which would hold its place for nothing; one of a tenant that has more places; one
    /// that has told nothing yet and comes later. Of those that come later by their priority alone and are under way,
    /// one a second gives way, and each once.
    fn make_way(&mut self, id: SeqId, memory: &mut dyn PageMemory) -> bool {
        let newcomer = self.sequence(id);
        let may_ask = self.yielded_us.is_none_or(|at| self.now_us.saturating_sub(at) >= YIELD_INTERVAL_US);
        let is_due =
            |other: &Sequence| other.is_paused || (other.tenant != newcomer.tenant && other.index > newcomer.index);
        let may_go = |other: &Sequence| is_due(other) || !other.is_under_way() || (may_ask && !other.has_yielded);
        let others = self.running.iter().map(|(_, other)| self.sequence(*other));
        let later = others.filter(|other| other.turn() > newcomer.turn() && may_go(other));
        let Some(victim) = later.max_by_key(|other| other.turn()) else { return false };
        let (victim, is_asked) = (victim.id, !is_due(victim) && victim.is_under_way());
        if is_asked {
            self.yielded_us = Some(self.now_us);
            self.sequence_mut(victim).has_yielded = true;
        }
        self.preempt(victim, memory);
        true
    }

    pub(super) fn preempt(&mut self, id: SeqId, memory: &mut dyn PageMemory) {
        self.counts.preempted += 1;
        self.planned.retain(|p| p.id != id);
        self.save_state(id, memory);
        self.retire(id);
        let rank = self.sequence(id).rank;
        self.running.remove(&(rank, id));
        self.waiting.insert((rank, id));
        self.sequence_mut(id).is_running = false;
    }

    /// Returns a running sequence that is computing tokens that this one begins with, too, and how many they share:
    /// their pages will be had for nothing.
    fn leader_of(&self, sequence: &Sequence) -> Option<(SeqId, usize)> {
        if !sequence.use_cache {
            return None;
        }
        let usable = sequence.n_usable();
        let mut leaders = self.running.iter().map(|(_, id)| self.sequence(*id)).filter(|leader| {
            leader.use_cache && leader.scope == sequence.scope && !leader.is_paused && leader.n_pending() > 1
        });
        leaders.find_map(|leader| {
            let mut common = common_len(&leader.tokens, &sequence.tokens).min(usable);
            if self.has_states() {
                // A state can be had at the end of a page.
                common -= common % PAGE_LEN;
            }
            let cached = leader.n_computed.min(common);
            // What the tree has of a common beginning is at least what the leader has computed of it, in full pages.
            let is_worth = common - cached >= WORTH_WAITING
                && self.cached_nodes(sequence, common).len() * PAGE_LEN + WORTH_WAITING <= common;
            is_worth.then_some((leader.id, common))
        })
    }

    /// Gives a waiting sequence its cached prefix, if there is room for the rest; later ones in rank make room where
    /// there is not.
    fn start(&mut self, id: SeqId, memory: &mut dyn PageMemory) -> bool {
        let resume = loop {
            let resume = self.has_states().then(|| self.find_resume(id, memory));
            self.take_cached(id, resume);
            let sequence = self.sequence(id);
            let n_needed = self.n_pages_of(sequence.tokens.len()).saturating_sub(sequence.nodes.len());
            // Each that runs may soon want one more, unless it is a text that is computed once; and prompts want what
            // they have not computed yet.
            let (n_growing, n_pending_min) = if self.limits.is_encoder { (0, 1) } else { (self.running.len(), 2) };
            let prompts = self.running.iter().map(|(_, id)| self.sequence(*id));
            let prompts = prompts.filter(|s| s.n_pending() >= n_pending_min);
            let n_promised: usize =
                prompts.map(|s| self.n_pages_of(s.tokens.len()).saturating_sub(s.table.len())).sum();
            let headroom = n_growing + n_promised;
            if self.pool.n_free() + self.tree.n_unlocked() >= n_needed + headroom {
                break resume;
            }
            let sequence = self.sequence_mut(id);
            sequence.table.clear();
            sequence.n_computed = 0;
            let nodes = std::mem::take(&mut sequence.nodes);
            self.tree.unlock(nodes.into_iter());
            if !self.make_way(id, memory) {
                return false;
            }
        };
        let rank = self.sequence(id).rank;
        self.waiting.remove(&(rank, id));
        self.running.insert((rank, id));
        self.sequence_mut(id).is_running = true;
        if let Some(resume) = resume {
            self.resume(id, resume, memory);
        } else {
            self.load_saved(id, usize::MAX, memory);
            self.copy_partial(id, memory);
        }
        let sequence = self.sequence_mut(id);
        sequence.n_cached.get_or_insert(sequence.n_computed);
        true
    }

    /// Largest number of pages that a sequence of `len` tokens holds at once.
    fn n_pages_of(&self, len: usize) -> usize {
        let all = len.div_ceil(PAGE_LEN);
        match self.limits.window {
            None => all,
            Some(window) => all.min(self.n_shared_max + window.pages_max(self.limits.step_rows_max)),
        }
    }

    /// Locks the full pages that the tree has of a sequence, as far as it can `resume` where it has a state; what must
    /// be computed is left.
    fn take_cached(&mut self, id: SeqId, resume: Option<Resume>) {
        let Some(sequence) = self.sequences.get(&id).filter(|s| s.use_cache) else { return };
        let mut found = self.tree.find(sequence.scope, &sequence.tokens[..sequence.n_usable()]).nodes;
        found.truncate(resume.map_or(self.n_shared_max, |resume| resume.n_pages));
        let Self { sequences, tree, .. } = self;
        let Some(sequence) = sequences.get_mut(&id) else { return };
        for node in found {
            tree.lock(node);
            sequence.table.push(tree.page(node));
            sequence.nodes.push(node);
        }
        sequence.n_computed = sequence.nodes.len() * PAGE_LEN;
    }

    /// Returns the nodes of the full pages that the tree has of the first `n` tokens of a sequence, as far as it can go
    /// on after them: where sequences have states, to the last snapshot.
    fn cached_nodes(&self, sequence: &Sequence, n: usize) -> Vec<NodeId> {
        let mut found = self.tree.find(sequence.scope, &sequence.tokens[..n]).nodes;
        if self.has_states() {
            let last = found.iter().rposition(|node| self.tree.snapshot(*node).is_some());
            found.truncate(last.map_or(0, |last| last + 1));
        }
        found
    }

    /// Brings back pages that left the arena and follow what the tree has, until a sequence has `n_pages_max`.
    pub(super) fn load_saved(&mut self, id: SeqId, n_pages_max: usize, memory: &mut dyn PageMemory) {
        let n_pages_max = n_pages_max.min(self.n_shared_max);
        loop {
            let sequence = self.sequence(id);
            let start = sequence.n_computed;
            let usable = sequence.n_usable();
            if !sequence.use_cache || start + PAGE_LEN > usable || sequence.nodes.len() >= n_pages_max {
                return;
            }
            let parent = sequence.nodes.last().copied();
            let tokens: Vec<TokenId> = sequence.tokens[start..start + PAGE_LEN].to_vec();
            let (scope, before) = (sequence.scope, self.tree.chain(sequence.scope, parent));
            let key = PageKey { chain: before.then(&tokens), tokens: &tokens };
            if !memory.has(key) {
                return;
            }
            let Some(page) = self.allocate(memory) else { return };
            if !memory.load(key, page) {
                self.pool.release([page]);
                return;
            }
            self.counts.loaded += 1;
            let Self { sequences, tree, pool, released, .. } = self;
            let node = match tree.insert(scope, parent, &tokens, page, released) {
                Inserted::Taken(node) => node,
                Inserted::Known(node) => {
                    released.push(page);
                    node
                }
            };
            tree.lock(node);
            pool.release(released.drain(..));
            let Some(sequence) = sequences.get_mut(&id) else { return };
            sequence.table.push(tree.page(node));
            sequence.nodes.push(node);
            sequence.n_computed += PAGE_LEN;
        }
    }

    /// Copies the page of which the next tokens are a beginning, from the tree or from a running sequence:
    /// copy-on-write.
    fn copy_partial(&mut self, id: SeqId, memory: &mut dyn PageMemory) {
        let sequence = self.sequence(id);
        if !sequence.use_cache || sequence.nodes.len() >= self.n_shared_max {
            return;
        }
        let start = sequence.n_computed;
        let rest = &sequence.tokens[start..sequence.n_usable()];
        let from_tree = match self.tree.find(sequence.scope, &sequence.tokens[..start + rest.len()]) {
            found if found.nodes.len() == sequence.nodes.len() => found.partial,
            _ => None,
        };
        let Some((page, n)) = from_tree.into_iter().chain(self.page_of_running(sequence)).max_by_key(|(_, n)| *n)
        else {
            return;
        };
        let Some(to) = self.allocate(memory) else { return };
        // Where the page itself was the next to be evicted, it is taken over as it is.
        if to != page {
            memory.copy(page, to);
            self.counts.copied += 1;
        }
        let sequence = self.sequence_mut(id);
        sequence.table.push(to);
        sequence.n_computed += n;
    }

    /// Returns the page of a running sequence that begins like what this one has to compute next, and how many tokens
    /// agree.
    fn page_of_running(&self, sequence: &Sequence) -> Option<(PageId, usize)> {
        let (start, usable) = (sequence.n_computed, sequence.n_usable());
        let index = start / PAGE_LEN;
        let others = self.running.iter().map(|(_, id)| self.sequence(*id));
        let others = others.filter(|other| {
            other.id != sequence.id && other.use_cache && other.scope == sequence.scope && other.n_dropped <= index
        });
        let shared = others.filter_map(|other| {
            let page = *other.table.get(index)?;
            let n = common_len(&other.tokens, &sequence.tokens).min(other.n_computed).min(usable);
            (n > start).then(|| (page, (n - start).min(PAGE_LEN)))
        });
        shared.max_by_key(|(_, n)| *n)
    }
}

fn common_len(a: &[TokenId], b: &[TokenId]) -> usize {
    a.iter().zip(b).take_while(|(a, b)| a == b).count()
}
