//! Penalties on recent tokens: repetition (Keskar et al. 2019, arXiv 1909.05858), frequency and presence (OpenAI).
//!
//! A negative logit is multiplied where a positive one is divided. As in llama.cpp, repetition comes first and tokens
//! of the prompt count.

use std::collections::VecDeque;

use model::TokenId;

use super::{Candidates, Sampling};

/// The last tokens of a sequence, and how often each occurs among them.
pub(super) struct Penalties {
    repeat: f32,
    frequency: f32,
    presence: f32,
    last_n: usize,
    recent: VecDeque<TokenId>,
    /// Counts by id, sorted and positive. No longer than the window, whatever the size of the vocabulary.
    counts: Vec<(TokenId, u32)>,
}

impl Penalties {
    /// Makes the penalties; `None` if nothing is penalised. A window cannot hold more than `context_len_max`.
    pub(super) fn new(sampling: &Sampling, context_len_max: usize) -> Option<Self> {
        let &Sampling { repeat_penalty: repeat, frequency_penalty: frequency, presence_penalty: presence, .. } =
            sampling;
        let last_n = sampling.repeat_last_n.min(context_len_max);
        if last_n == 0 || (repeat == 1.0 && frequency == 0.0 && presence == 0.0) {
            return None;
        }
        let (recent, counts) = (VecDeque::with_capacity(last_n), Vec::with_capacity(last_n));
        Some(Self { repeat, frequency, presence, last_n, recent, counts })
    }

    pub(super) fn accept(&mut self, token: TokenId) {
        if self.recent.len() == self.last_n
            && let Some(oldest) = self.recent.pop_front()
            && let Ok(i) = self.counts.binary_search_by_key(&oldest, |&(id, _)| id)
        {
            self.counts[i].1 -= 1;
            if self.counts[i].1 == 0 {
                self.counts.remove(i);
            }
        }
        self.recent.push_back(token);
        match self.counts.binary_search_by_key(&token, |&(id, _)| id) {
            Ok(i) => self.counts[i].1 += 1,
            Err(i) => self.counts.insert(i, (token, 1)),
        }
    }

    /// Penalises `logits` `[V]`, before other samplers.
    pub(super) fn apply(&self, logits: &mut [f32]) {
        for (id, count) in &self.counts {
            let Some(logit) = logits.get_mut(id.0 as usize) else { continue };
            *logit = self.penalised(*logit, *count);
        }
    }

    /// Penalises candidates, where other samplers came before.
    pub(super) fn apply_to(&self, candidates: &mut Candidates) {
        candidates.reorder(|candidate| match self.counts.binary_search_by_key(&candidate.id, |&(id, _)| id) {
            Ok(i) => self.penalised(candidate.logit, self.counts[i].1),
            Err(_) => candidate.logit,
        });
    }

    fn penalised(&self, logit: f32, count: u32) -> f32 {
        let repeated = if logit > 0.0 { logit / self.repeat } else { logit * self.repeat };
        repeated - count as f32 * self.frequency - self.presence
    }
}
