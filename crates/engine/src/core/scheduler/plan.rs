//! What the next step computes: who decodes, and which parts of prompts.

use super::{PageMemory, Planned, Scheduler, Wanted};
use crate::core::{Goal, SeqId, Turn};

/// A prompt that may have rows of the step.
#[derive(Clone, Copy)]
struct Prompt {
    id: SeqId,
    /// Whether its tenant has had much more than others.
    is_ahead: bool,
    /// Number of rows that its tenant has had.
    served: u64,
    n_pending: usize,
    turn: Turn,
}

impl Scheduler {
    /// Plans the next step, `now_us` after some moment; empty if there is nothing that can be computed.
    pub(crate) fn plan(&mut self, now_us: u64, memory: &mut dyn PageMemory) -> &[Planned] {
        self.now_us = now_us;
        self.planned.clear();
        self.take_snapshots(memory);
        self.take_turns();
        let mut order = std::mem::take(&mut self.order);
        order.clear();
        order.extend(self.running.iter().map(|(_, id)| *id));
        order.sort_unstable_by_key(|id| self.sequence(*id).turn());
        let n_excess = self.plan_all_decoding(&order, memory);
        let n_decoding = self.n_rows();
        let n_prompts = self.tenants.demands().filter(|d| !d.is_ahead).map(|d| d.n_ready - d.n_decoding).sum();
        let n_left = self.budget.prompt_rows(n_decoding, n_prompts);
        order.retain(|id| {
            let sequence = self.sequence(*id);
            sequence.is_running && !sequence.is_paused && !sequence.is_decoding()
        });
        if self.limits.is_encoder {
            self.admit(self.limits.step_rows_max, &mut order, memory);
            self.plan_texts(&order, memory);
        } else {
            self.admit(n_left, &mut order, memory);
            self.plan_prompts(n_left, n_excess, &order, memory);
        }
        self.order = order;
        for p in &self.planned {
            if let Some(sequence) = self.sequences.get_mut(&p.id) {
                sequence.n_reached = sequence.n_reached.max(p.position_first + p.n_tokens);
                self.tenants.charge(sequence.tenant, p.n_tokens + p.n_drafts);
            }
        }
        &self.planned
    }

    /// Plans the sequences that miss one token: all, unless a tenant has so many that the others wait for them. Then
    /// its sequences take turns. Returns how many are planned beyond what every tenant has.
    fn plan_all_decoding(&mut self, order: &[SeqId], memory: &mut dyn PageMemory) -> usize {
        let level = self.budget.level(self.tenants.demands().map(|demand| demand.n_decoding));
        let mut decoding: Vec<(u64, SeqId)> = order.iter().map(|id| (self.sequence(*id).planned_us, *id)).collect();
        // Stable: those that were planned together stay in order.
        decoding.sort_by_key(|(planned_us, _)| *planned_us);
        let mut n_excess = 0;
        for (_, id) in decoding {
            let tenant = self.sequence(id).tenant;
            let n_before = self.tenants.demand(tenant).n_planned;
            if n_before < level.most && self.plan_decoding(id, memory) {
                self.tenants.planned(tenant);
                n_excess += usize::from(n_before >= level.least);
            }
        }
        n_excess
    }

    /// Numbers the sequences of each tenant that could be computed, by rank: the first ones of all tenants come before
    /// all second ones.
    fn take_turns(&mut self) {
        let Self { sequences, running, waiting, tenants, .. } = self;
        tenants.begin();
        for (_, id) in running.union(waiting) {
            let Some(sequence) = sequences.get_mut(id) else { continue };
            if sequence.is_paused {
                sequence.index = usize::MAX;
            } else if sequence.is_running || sequence.may_start() {
                let before = tenants.ready(sequence.tenant, sequence.is_decoding());
                sequence.index = before;
            }
        }
        let at_work = running.iter().filter_map(|(_, id)| sequences.get(id).filter(|s| !s.is_paused));
        tenants.compare(at_work.map(|s| s.tenant));
    }

    /// Number of rows planned so far.
    fn n_rows(&self) -> usize {
        self.planned.iter().map(|p| p.n_tokens + p.n_drafts).sum()
    }

    /// Number of planned rows of a prompt that want logits.
    fn n_prompt_logits(&self) -> usize {
        self.planned.iter().filter(|p| p.wanted == Wanted::All).map(|p| p.n_tokens).sum()
    }

    /// Plans the row of a sequence that misses one token; returns whether it is planned.
    fn plan_decoding(&mut self, id: SeqId, memory: &mut dyn PageMemory) -> bool {
        let sequence = self.sequence(id);
        if !sequence.is_running || sequence.is_paused || !sequence.is_decoding() {
            return false;
        }
        let (position_first, n_rows) = (sequence.n_computed, self.n_rows());
        if n_rows >= self.limits.step_rows_max {
            return false;
        }
        // One row each comes first: drafts only fill what nobody needs.
        let n_others = self.running.len().saturating_sub(self.planned.len() + 1);
        let room = self.limits.step_rows_max.saturating_sub(n_rows + 1 + n_others);
        let n_drafts = sequence.n_drafts_wanted.min(room);
        if !self.reserve(id, 1, memory) {
            return false;
        }
        let n_drafts = self.reserve_drafts(id, n_drafts, memory);
        let wanted = if n_drafts > 0 { Wanted::Drafts } else { Wanted::Last };
        self.sequence_mut(id).planned_us = self.now_us;
        self.planned.push(Planned { id, position_first, n_tokens: 1, n_drafts, wanted });
        true
    }

    /// Shares `n_left` rows out among prompts. At least half go to the one whose tenant has had least (of one tenant's,
    /// the first in rank), so that none is starved; the others are taken shortest first, so that a short one need not
    /// wait for the end of a long one. Prompts of tenants that are ahead of others get what is left, and no more time
    /// than all else in the step, of which `n_excess` rows are decoded for tenants that have more than others.
    fn plan_prompts(&mut self, n_left: usize, n_excess: usize, order: &[SeqId], memory: &mut dyn PageMemory) {
        let of = |id: &SeqId| {
            let sequence = self.sequence(*id);
            let (n_pending, turn) = (sequence.n_pending(), sequence.turn());
            let is_ahead = self.tenants.demand(sequence.tenant).is_ahead;
            Prompt { id: *id, is_ahead, served: self.tenants.served(sequence.tenant), n_pending, turn }
        };
        let mut prompts: Vec<Prompt> = order.iter().filter(|id| self.sequence(**id).is_running).map(of).collect();
        prompts.sort_unstable_by_key(|p| (p.is_ahead, p.n_pending, p.turn));
        let (ahead, others): (Vec<Prompt>, Vec<Prompt>) = prompts.into_iter().partition(|p| p.is_ahead);
        let n_taken = self.plan_shortest(&others, n_left, memory);
        let n_rows = self.n_rows();
        let n_spare = self.budget.spare_rows(n_rows.saturating_sub(n_excess), n_excess);
        let n_max = if n_rows == 0 { n_left } else { n_spare.min(n_left - n_taken) };
        let n_spent = self.plan_shortest(&ahead, n_max, memory);
        self.budget.spend(n_spent);
    }

    /// Plans whole texts, as many as fit into the step: first those of the tenants that have had least. So the first of
    /// all, which always fits, is never put off.
    fn plan_texts(&mut self, order: &[SeqId], memory: &mut dyn PageMemory) {
        let mut texts: Vec<(u64, Turn)> = order
            .iter()
            .map(|id| self.sequence(*id))
            .map(|sequence| (self.tenants.served(sequence.tenant), sequence.turn()))
            .collect();
        texts.sort_unstable();
        for (_, (.., id)) in texts {
            let n_left = self.limits.step_rows_max.saturating_sub(self.n_rows());
            let sequence = self.sequence(id);
            if sequence.is_running && sequence.n_pending() <= n_left {
                self.plan_prompt(id, n_left, memory);
            }
        }
    }

    /// Plans chunks of `prompts`, which come shortest first; returns the number of rows.
    fn plan_shortest(&mut self, prompts: &[Prompt], n_max: usize, memory: &mut dyn PageMemory) -> usize {
        let Some(first) = prompts.iter().min_by_key(|p| (p.served, p.turn)) else { return 0 };
        let (mut n_left, mut n_kept) = (n_max, first.n_pending.min(n_max.div_ceil(2)));
        for p in prompts {
            if !self.sequence(p.id).is_running {
                // It had to give its pages to another.
                continue;
            }
            if p.id == first.id {
                n_kept = 0;
            }
            n_left -= self.plan_prompt(p.id, n_left - n_kept.min(n_left), memory);
        }
        n_max - n_left
    }

    /// Plans a chunk of at most `n_max` tokens; returns how many.
    fn plan_prompt(&mut self, id: SeqId, n_max: usize, memory: &mut dyn PageMemory) -> usize {
        let sequence = self.sequence(id);
        let (position_first, n_pending) = (sequence.n_computed, sequence.n_pending());
        let goal = sequence.goal;
        let (n_max, wants_all) = match sequence.logits_from {
            None => (n_max, false),
            Some(from) if position_first < from => (n_max.min(from - position_first), false),
            Some(_) => (n_max.min(self.limits.prompt_logits_max.saturating_sub(self.n_prompt_logits())), true),
        };
        let n_tokens = n_pending.min(n_max).min(sequence.n_to_stop());
        if n_tokens == 0 || !self.reserve(id, n_tokens, memory) {
            return 0;
        }
        let wanted = match n_tokens == n_pending {
            _ if goal == Goal::HiddenStates => Wanted::Hidden,
            _ if wants_all => Wanted::All,
            true if goal == Goal::Score => Wanted::Score,
            true => Wanted::Last,
            false => Wanted::Nothing,
        };
        self.planned.push(Planned { id, position_first, n_tokens, n_drafts: 0, wanted });
        n_tokens
    }
}
