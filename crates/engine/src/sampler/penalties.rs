//! Penalties on recent tokens: repetition (Keskar et al. 2019, arXiv 1909.05858), frequency and presence (OpenAI).

use std::collections::{HashMap, VecDeque};

use model::TokenId;

use super::{Candidates, Sampling};

/// The last tokens of a sequence and how often each occurs among them.
pub(super) struct Penalties {
    repeat: f32,
    frequency: f32,
    presence: f32,
    last_n: usize,
    recent: VecDeque<TokenId>,
    counts: HashMap<TokenId, u32>,
}

impl Penalties {
    pub(super) fn new(sampling: &Sampling) -> Self {
        let (repeat, frequency, presence) =
            (sampling.repeat_penalty, sampling.frequency_penalty, sampling.presence_penalty);
        // Nothing to remember where nothing is penalised.
        let last_n = if repeat == 1.0 && frequency == 0.0 && presence == 0.0 { 0 } else { sampling.repeat_last_n };
        Self { repeat, frequency, presence, last_n, recent: VecDeque::new(), counts: HashMap::new() }
    }

    pub(super) fn accept(&mut self, token: TokenId) {
        if self.last_n == 0 {
            return;
        }
        if self.recent.len() == self.last_n {
            if let Some(oldest) = self.recent.pop_front() {
                if let Some(count) = self.counts.get_mut(&oldest) {
                    *count -= 1;
                    if *count == 0 {
                        self.counts.remove(&oldest);
                    }
                }
            }
        }
        self.recent.push_back(token);
        *self.counts.entry(token).or_insert(0) += 1;
    }

    pub(super) fn apply(&self, candidates: &mut Candidates) {
        for (id, count) in &self.counts {
            let Some(candidate) = candidates.of(*id) else { continue };
            let logit = candidate.logit;
            let repeated = if logit > 0.0 { logit / self.repeat } else { logit * self.repeat };
            candidate.logit = repeated - *count as f32 * self.frequency - self.presence;
        }
    }
}
