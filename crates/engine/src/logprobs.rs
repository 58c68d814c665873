//! [`LogprobsOf`]: log-probabilities of a row of logits.

use model::TokenId;

use crate::{Logprobs, sampler::Candidates};

/// Computes [`Logprobs`] in the same space for every token.
pub(crate) struct LogprobsOf {
    n_top: usize,
    candidates: Candidates,
    logprobs: Logprobs,
}

impl LogprobsOf {
    pub(crate) fn new(n_top: usize) -> Self {
        let logprobs = Logprobs { picked: 0.0, top: Vec::with_capacity(n_top) };
        Self { n_top, candidates: Candidates::with_capacity(2 * n_top), logprobs }
    }

    /// Of the model's own distribution: `logits` `[V]`.
    pub(crate) fn compute(&mut self, logits: &[f32], token: TokenId) -> &Logprobs {
        let max = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
        let sum: f64 = logits.iter().map(|x| f64::from((x - max).exp())).sum();
        let logprob = |logit: f32| (f64::from(logit - max) - sum.ln()) as f32;
        self.candidates.fill_likeliest(logits, self.n_top);
        self.logprobs.picked = logits.get(token.0 as usize).map_or(f32::NEG_INFINITY, |x| logprob(*x));
        self.logprobs.top.clear();
        self.logprobs.top.extend(self.candidates.as_slice().iter().map(|c| (c.id, logprob(c.logit))));
        &self.logprobs
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
                assert_eq!(got.top.len(), n_top);
                for (&(id, logprob), &i) in got.top.iter().zip(&order) {
                    assert!(id.0 as usize == i && (f64::from(logprob) - expected[i]).abs() < 1e-5, "{id:?}, not {i}");
                }
            }
        }
    }
}
