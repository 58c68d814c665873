//! [`LogprobsOf`]: log-probabilities of a row of logits; [`PromptLogprobs`]: of the tokens of a prompt.

use model::TokenId;

use crate::{Logprobs, sampler::Candidates};

/// Computes [`Logprobs`] in the same memory for every token.
pub(crate) struct LogprobsOf {
    n_top: usize,
    candidates: Candidates,
    logprobs: Logprobs,
}

impl LogprobsOf {
    pub(crate) fn new(n_top: usize) -> Self {
        let logprobs = Logprobs { picked: 0.0, rank: 0, top: Vec::with_capacity(n_top) };
        Self { n_top, candidates: Candidates::with_capacity(2 * n_top), logprobs }
    }

    /// Computes the log-probabilities of the model's own distribution, `logits` `[V]`.
    pub(crate) fn compute(&mut self, logits: &[f32], token: TokenId) -> &Logprobs {
        let max = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
        let sum: f64 = logits.iter().map(|x| f64::from(libm::expf(x - max))).sum();
        let log_sum = libm::log(sum);
        let logprob = |logit: f32| (f64::from(logit - max) - log_sum) as f32;
        self.candidates.fill_likeliest(logits, self.n_top);
        let picked = logits.get(token.0 as usize).copied().unwrap_or(f32::NEG_INFINITY);
        self.logprobs.picked = logprob(picked);
        self.logprobs.rank = logits.iter().map(|x| usize::from(*x >= picked)).sum();
        self.logprobs.top.clear();
        self.logprobs.top.extend(self.candidates.as_slice().iter().map(|c| (c.id, logprob(c.logit))));
        &self.logprobs
    }
}

/// Gathers the log-probabilities of all tokens of a prompt but the first, which nothing predicts. Rows are thrown away
/// one by one: what is kept is a few numbers of each.
pub(crate) struct PromptLogprobs {
    of: LogprobsOf,
    n_prompt: usize,
    gathered: Vec<Logprobs>,
}

impl PromptLogprobs {
    pub(crate) fn new(n_top: usize, n_prompt: usize) -> Self {
        Self { of: LogprobsOf::new(n_top), n_prompt, gathered: Vec::new() }
    }

    /// Returns the position whose logits come next; `None` after the last.
    pub(crate) fn next_position(&self) -> Option<usize> {
        Some(self.gathered.len()).filter(|position| position + 1 < self.n_prompt)
    }

    /// Takes the logits of [`Self::next_position`], after which `token` stands in the prompt.
    pub(crate) fn add(&mut self, logits: &[f32], token: TokenId) {
        self.gathered.push(self.of.compute(logits, token).clone());
    }

    pub(crate) fn into_vec(self) -> Vec<Logprobs> {
        self.gathered
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn logprobs_are_the_log_softmax_of_the_row() {
        let logits = testkit::Rng::new(5).normals(300);
        let expected = testkit::log_softmax(&logits);
        let mut order: Vec<usize> = (0..300).collect();
        order.sort_by(|&a, &b| logits[b].total_cmp(&logits[a]));
        for n_top in [0, 1, 7, 20] {
            let mut logprobs = LogprobsOf::new(n_top);
            for token in [17, 200] {
                let got = logprobs.compute(&logits, TokenId(token));
                assert!((f64::from(got.picked) - expected[token as usize]).abs() < 1e-5);
                assert_eq!(order.get(got.rank - 1), Some(&(token as usize)));
                assert_eq!(got.top.len(), n_top);
                for (&(id, logprob), &i) in got.top.iter().zip(&order) {
                    assert!(id.0 as usize == i && (f64::from(logprob) - expected[i]).abs() < 1e-5, "{id:?}, not {i}");
                }
            }
        }
    }
}
