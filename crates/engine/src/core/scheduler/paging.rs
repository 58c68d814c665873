//! Pages of sequences: where they come from, what of them is shared, and when they are given back.

use model::{PAGE_LEN, PageId};

use super::{PageMemory, Scheduler};
use crate::core::{PageKey, SeqId, prefix_tree::Inserted};

impl Scheduler {
    /// Makes room for `n` more positions, evicting and preempting as it must; returns `false` if `id` itself was
    /// preempted.
    pub(super) fn reserve(&mut self, id: SeqId, n: usize, memory: &mut dyn PageMemory) -> bool {
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
            self.preempt(victim, memory);
            if victim == id {
                return false;
            }
        }
    }

    /// Makes room for drafts after the newest token where nobody must give way; returns for how many.
    pub(super) fn reserve_drafts(&mut self, id: SeqId, n_drafts: usize, memory: &mut dyn PageMemory) -> usize {
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

    /// Returns a free page, or that of the cached prefix unused longest.
    pub(super) fn allocate(&mut self, memory: &mut dyn PageMemory) -> Option<PageId> {
        if let Some(page) = self.pool.allocate() {
            return Some(page);
        }
        let evicted = self.tree.evict()?;
        self.counts.evicted += 1;
        if evicted.tokens.len() == PAGE_LEN {
            let key = PageKey { chain: evicted.chain, tokens: &evicted.tokens };
            memory.save(evicted.page, key, self.budget.prompt_us(PAGE_LEN));
            if let Some(state) = evicted.snapshot {
                memory.save_state(state, None, key, self.budget.prompt_us(evicted.n_since_snapshot * PAGE_LEN));
            }
        }
        Some(evicted.page)
    }

    /// Gives full pages to the tree, or takes the tree's where it has them already: equal tokens have equal bytes.
    pub(super) fn publish(&mut self, id: SeqId) {
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

    /// Frees pages that the attention window has passed for good; those of the tree all at once, when it has passed
    /// them all, because a node is locked with its ancestors.
    pub(super) fn drop_passed(&mut self, id: SeqId) {
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

    /// Gives up all pages and the state of a sequence; what can be of use to others stays in the tree.
    pub(super) fn retire(&mut self, id: SeqId) {
        // A state meets its own end of a page alone.
        let may_share_rest = !self.has_states();
        let Self { sequences, tree, pool, free_states, released, n_shared_max, n_sink_pages, .. } = self;
        let Some(sequence) = sequences.get_mut(&id) else { return };
        free_states.extend(sequence.state.take());
        let n_shared = sequence.nodes.len();
        let mut own = sequence.own_pages(*n_sink_pages);
        let rest = sequence.n_computed.saturating_sub(n_shared * PAGE_LEN);
        let is_whole = may_share_rest && sequence.n_dropped == 0 && n_shared < *n_shared_max;
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
        sequence.newest_snapshot = None;
        sequence.n_drafts_wanted = 0;
        sequence.n_computed = 0;
        sequence.n_dropped = 0;
    }
}
