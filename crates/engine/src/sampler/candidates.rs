//! Tokens that may still be chosen. The most likely come first, as far as some step has needed that order.

use std::cmp::Ordering;

use model::TokenId;

/// A token and its logit, shifted by any constant.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(crate) struct Candidate {
    pub(crate) logit: f32,
    pub(crate) id: TokenId,
}

/// Number of logits that are compared with the bar at a time.
const CHUNK: usize = 64;

/// Length of the first prefix that is sorted when a step asks for more and more of the order.
const PREFIX_FIRST: usize = 64;

/// The tokens that may still be chosen. Candidates `0..n_sorted` are the most likely ones in falling order; the rest,
/// all less likely, are in no order.
#[derive(Default)]
pub(crate) struct Candidates {
    entries: Vec<Candidate>,
    n_sorted: usize,
}

/// Orders the likelier first; of equals, the lower id. The order is total, so every selection has one result.
pub(crate) fn likelier(a: &Candidate, b: &Candidate) -> Ordering {
    b.logit.total_cmp(&a.logit).then(a.id.cmp(&b.id))
}

impl Candidates {
    pub(crate) fn with_capacity(n: usize) -> Self {
        Self { entries: Vec::with_capacity(n), n_sorted: 0 }
    }

    /// Takes all of `logits` `[V]` that are not minus infinity.
    pub(crate) fn fill(&mut self, logits: &[f32]) {
        self.n_sorted = 0;
        self.entries.clear();
        let all = logits.iter().zip(0u32..).map(|(&logit, id)| Candidate { logit, id: TokenId(id) });
        self.entries.extend(all.filter(|c| c.logit > f32::NEG_INFINITY));
    }

    /// Takes the `k` likeliest of `logits` `[V]`, sorted.
    ///
    /// One pass that keeps a buffer of `2 k`: when it is full, the worse half goes and its border becomes the bar for
    /// all that follow. After a few hundred tokens almost every logit costs one comparison.
    pub(crate) fn fill_likeliest(&mut self, logits: &[f32], k: usize) {
        self.n_sorted = 0;
        self.entries.clear();
        if k == 0 {
            return;
        }
        let mut bar = f32::NEG_INFINITY;
        for (chunk, first) in logits.chunks(CHUNK).zip((0u32..).step_by(CHUNK)) {
            // Many at a time, without exits, which becomes a few vector instructions.
            if chunk.iter().fold(0, |any, logit| any | u32::from(*logit > bar)) == 0 {
                continue;
            }
            for (&logit, id) in chunk.iter().zip(first..) {
                // Of equals the lower id is better, and it came first: strictly above.
                if logit > bar {
                    self.entries.push(Candidate { logit, id: TokenId(id) });
                    if self.entries.len() == 2 * k {
                        bar = self.entries.select_nth_unstable_by(k - 1, likelier).1.logit;
                        self.entries.truncate(k);
                    }
                }
            }
        }
        self.keep_likeliest(k);
    }

    pub(crate) fn as_slice(&self) -> &[Candidate] {
        &self.entries
    }

    /// Makes sure that the first `n` (or all) are sorted.
    fn sort_prefix(&mut self, n: usize) {
        let n = n.min(self.entries.len());
        if n <= self.n_sorted {
            return;
        }
        let rest = &mut self.entries[self.n_sorted..];
        let wanted = n - self.n_sorted;
        if wanted < rest.len() {
            rest.select_nth_unstable_by(wanted - 1, likelier);
        }
        rest[..wanted].sort_unstable_by(likelier);
        self.n_sorted = n;
    }

    /// Keeps the `k` likeliest, sorted.
    pub(crate) fn keep_likeliest(&mut self, k: usize) {
        self.sort_prefix(k);
        self.truncate(k);
    }

    /// Replaces all candidates by others.
    pub(crate) fn replace(&mut self, entries: impl Iterator<Item = Candidate>) {
        self.entries.clear();
        self.entries.extend(entries);
        self.n_sorted = 0;
    }

    /// Replaces every logit by `f` of the candidate, whatever that does to the order.
    pub(crate) fn reorder(&mut self, f: impl Fn(&Candidate) -> f32) {
        for candidate in &mut self.entries {
            candidate.logit = f(candidate);
        }
        self.n_sorted = 0;
    }

    /// Keeps the first `n` candidates.
    pub(crate) fn truncate(&mut self, n: usize) {
        self.entries.truncate(n);
        self.n_sorted = self.n_sorted.min(n);
    }

    /// Returns the largest logit; minus infinity if there is none.
    pub(crate) fn max(&self) -> f32 {
        match self.entries.first() {
            Some(first) if self.n_sorted > 0 => first.logit,
            _ => self.entries.iter().fold(f32::NEG_INFINITY, |max, c| max.max(c.logit)),
        }
    }

    /// Returns the sum of the weights, `Σ exp(logit − max)`.
    pub(crate) fn total_weight(&self, max: f32) -> f64 {
        self.entries.iter().map(|c| c.weight(max)).sum()
    }

    /// Keeps the likeliest for as long as their weights, added up, are below `target`, and the one that reaches it.
    pub(crate) fn keep_weight(&mut self, target: f64) {
        let max = self.max();
        let (mut sum, mut n, mut n_prefix) = (0.0, 0, PREFIX_FIRST);
        while n < self.entries.len() {
            self.sort_prefix(n_prefix);
            for candidate in &self.entries[n..self.n_sorted] {
                sum += candidate.weight(max);
                n += 1;
                if sum >= target {
                    return self.truncate(n);
                }
            }
            n_prefix = self.n_sorted.saturating_mul(4);
        }
    }

    /// Keeps the candidates with at least `logit`.
    pub(crate) fn keep_from(&mut self, logit: f32) {
        self.entries.retain(|c| c.logit >= logit);
        // What was sorted is the likeliest part, so what is left of it is still in front.
        self.n_sorted = self.n_sorted.min(self.entries.len());
    }

    /// Keeps the first in the order of `score` (then of likelihood) for as long as their weights are at most `target`,
    /// and the one that passes it.
    pub(crate) fn keep_weight_by(&mut self, target: f64, score: impl Fn(&Candidate) -> f32) {
        let max = self.max();
        let order = |a: &Candidate, b: &Candidate| score(a).total_cmp(&score(b)).then_with(|| likelier(a, b));
        self.n_sorted = 0;
        let (mut sum, mut n, mut n_prefix) = (0.0, 0, PREFIX_FIRST);
        while n < self.entries.len() {
            let end = n_prefix.min(self.entries.len());
            let rest = &mut self.entries[n..];
            if end - n < rest.len() {
                rest.select_nth_unstable_by(end - n - 1, order);
            }
            rest[..end - n].sort_unstable_by(order);
            for candidate in &self.entries[n..end] {
                sum += candidate.weight(max);
                n += 1;
                if sum > target {
                    return self.truncate(n);
                }
            }
            n_prefix = end.saturating_mul(4);
        }
    }

    /// Returns the candidate at `unit` in `[0, 1)` of the cumulative distribution, in the order they stand; `None` if
    /// there is none.
    pub(crate) fn draw(&self, unit: f64) -> Option<TokenId> {
        let max = self.max();
        let mut left = unit * self.total_weight(max);
        let mut chosen = None;
        for candidate in &self.entries {
            let weight = candidate.weight(max);
            if weight > 0.0 {
                // Where rounding leaves a rest, the last that has any weight.
                chosen = Some(candidate.id);
                if left < weight {
                    break;
                }
                left -= weight;
            }
        }
        chosen
    }

    /// Replaces every logit by `f(logit)`, which must keep the order.
    pub(crate) fn map_logits(&mut self, f: impl Fn(f32) -> f32) {
        for candidate in &mut self.entries {
            candidate.logit = f(candidate.logit);
        }
    }
}

impl Candidate {
    /// Returns the probability up to a factor: `exp(logit − max)`.
    pub(crate) fn weight(&self, max: f32) -> f64 {
        f64::from(libm::expf(self.logit - max))
    }
}
