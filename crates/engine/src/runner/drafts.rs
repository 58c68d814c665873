//! Speculation of a [`Runner`]: who gets drafts, from where, and whether they pay.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    time::Duration,
};

use model::TokenId;

use super::Runner;
use crate::{
    core::{Planned, Wanted},
    drafter::{DraftRequest, Drafting, N_DRAFTS_MAX},
};

impl Runner {
    /// Decides before planning how many drafts each sequence is worth.
    pub(super) fn want_drafts(&mut self) {
        let is_on = self.drafting.is_some() && self.payoff.is_on();
        for (id, running) in &mut self.running {
            let Some(pace) = &mut running.pace else { continue };
            running.drafts.clear();
            let sequence = self.scheduler.sequence(*id);
            if !sequence.is_running || !sequence.is_decoding() {
                continue;
            }
            // The last token is not computed, so a draft in its place would be for nothing.
            let n_left = running.choice.n_left().saturating_sub(1);
            if let Some(constraint) = running.choice.constraint() {
                constraint.forced(&mut running.drafts);
                running.drafts.truncate(n_left.min(N_DRAFTS_MAX));
            }
            let n_guessed = if is_on { pace.next().min(n_left) } else { 0 };
            let n = if running.drafts.is_empty() { n_guessed } else { running.drafts.len() };
            self.scheduler.set_drafts_wanted(*id, n);
        }
    }

    /// Fills the drafts in after planning, as many as are guessed.
    pub(super) fn draft(&mut self) {
        let Self { planned, scheduler, running, drafting, model, logits, stats, .. } = self;
        let has_drafts = |p: &Planned| running.get(&p.id).is_some_and(|r| !r.drafts.is_empty());
        let wants = |i: &usize| planned[*i].wanted == Wanted::Drafts && !has_drafts(&planned[*i]);
        let places: Vec<usize> = (0..planned.len()).filter(wants).collect();
        // What there was no room for.
        for p in planned.iter() {
            running.get_mut(&p.id).into_iter().for_each(|r| r.drafts.truncate(p.n_drafts));
        }
        if places.is_empty() {
            return;
        }
        let requests: Vec<DraftRequest<'_>> = places
            .iter()
            .map(|i| {
                let p = planned[*i];
                let sequence = scheduler.sequence(p.id);
                DraftRequest {
                    id: p.id,
                    tokens: &sequence.tokens,
                    pages: &sequence.table,
                    adapters: sequence.adapters.as_deref(),
                    n_max: p.n_drafts,
                }
            })
            .collect();
        let mut drafts: Vec<Vec<TokenId>> = vec![Vec::new(); requests.len()];
        let guess = || drafting.draft(&mut **model, logits, &requests, &mut drafts);
        if catch_unwind(AssertUnwindSafe(guess)).is_err() {
            // Without guesses nobody loses more than time. Who guessed may have lost count of its pages, and guesses no
            // more.
            stats.n_panics += 1;
            *drafting = Drafting::None;
            drafts.iter_mut().for_each(Vec::clear);
        }
        for (i, drafts) in places.into_iter().zip(drafts) {
            let p = &mut planned[i];
            p.n_drafts = drafts.len().min(p.n_drafts);
            if p.n_drafts == 0 {
                p.wanted = Wanted::Last;
            }
            if let Some(running) = running.get_mut(&p.id) {
                running.drafts = drafts;
                running.drafts.truncate(p.n_drafts);
            }
        }
    }

    /// Learns from a step whether drafts pay; `n_before` tokens had been generated before it.
    pub(super) fn learn_payoff(&mut self, took: Duration, n_before: u64) {
        if !self.drafting.is_some() || self.planned.iter().any(|p| p.n_tokens > 1) {
            return;
        }
        let has_drafts = self.planned.iter().any(|p| p.n_drafts > 0);
        let n_tokens = (self.stats.n_sampled - n_before) as usize;
        self.payoff.learn(has_drafts, self.planned.len(), n_tokens, took.as_micros() as f64);
    }
}
