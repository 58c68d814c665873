//! The tokens still in the running.

use model::TokenId;

/// A token and its logit.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Candidate {
    /// The token.
    pub id: TokenId,
    /// Its logit as the chain has left it.
    pub logit: f32,
}

/// Candidates in one buffer that is reused from token to token; the best first where a sampler has sorted them.
#[derive(Clone, PartialEq, Default, Debug)]
pub struct Candidates {
    list: Vec<Candidate>,
    n_sorted: usize,
}

/// Best first; the lower id of equals, so that the order is total.
fn order(a: &Candidate, b: &Candidate) -> std::cmp::Ordering {
    b.logit.total_cmp(&a.logit).then(a.id.cmp(&b.id))
}

impl Candidates {
    /// All tokens of a row of logits, in order of id.
    pub fn fill(&mut self, logits: &[f32]) {
        self.list.clear();
        self.list.extend((0..).zip(logits).map(|(id, &logit)| Candidate { id: TokenId(id), logit }));
        self.n_sorted = 0;
    }

    /// The candidates.
    pub fn as_slice(&self) -> &[Candidate] {
        &self.list
    }

    /// The candidate of token `id`, as long as none was dropped or sorted.
    pub(super) fn of(&mut self, id: TokenId) -> Option<&mut Candidate> {
        debug_assert_eq!(self.n_sorted, 0, "candidates are still in order of id");
        self.list.get_mut(id.0 as usize)
    }

    /// The most likely.
    pub(super) fn best(&self) -> TokenId {
        self.list.iter().min_by(|a, b| order(a, b)).map_or(TokenId(0), |c| c.id)
    }

    /// Sorts at least the first `n`, without sorting the rest.
    pub(super) fn sort(&mut self, n: usize) -> &[Candidate] {
        let n = n.min(self.list.len());
        if n > self.n_sorted {
            let rest = &mut self.list[self.n_sorted..];
            let wanted = n - self.n_sorted;
            if wanted < rest.len() {
                rest.select_nth_unstable_by(wanted - 1, order);
            }
            rest[..wanted].sort_unstable_by(order);
            self.n_sorted = n;
        }
        &self.list[..n]
    }

    /// The best `n`, best first.
    pub(crate) fn top(&mut self, n: usize) -> &[Candidate] {
        self.sort(n)
    }

    /// Keeps the best `n`, at least one.
    pub(super) fn keep(&mut self, n: usize) {
        let n = n.clamp(1, self.list.len().max(1));
        self.sort(n);
        self.list.truncate(n);
    }

    /// Keeps those for which `wanted` says so, in order.
    pub(super) fn retain(&mut self, mut wanted: impl FnMut(&Candidate) -> bool) {
        let n_sorted = self.n_sorted;
        let (mut index, mut n_kept_sorted) = (0, 0);
        self.list.retain(|c| {
            let is_kept = wanted(c);
            n_kept_sorted += usize::from(is_kept && index < n_sorted);
            index += 1;
            is_kept
        });
        self.n_sorted = n_kept_sorted;
    }

    /// Changes every logit by a function that keeps their order.
    pub(super) fn rescale(&mut self, f: impl Fn(f32) -> f32) {
        self.list.iter_mut().for_each(|c| c.logit = f(c.logit));
    }

    /// The largest logit.
    pub(super) fn logit_max(&self) -> f32 {
        self.list.iter().map(|c| c.logit).fold(f32::NEG_INFINITY, f32::max)
    }

    /// Σ exp(logit − max), in list order.
    pub(super) fn weight_sum(&self) -> f64 {
        let max = self.logit_max();
        self.list.iter().map(|c| weight(c.logit, max)).sum()
    }

    /// The candidate at `unit` in `[0, 1)` of the cumulative distribution, best first.
    pub(super) fn draw(&mut self, unit: f64) -> TokenId {
        self.sort(self.list.len());
        let max = self.logit_max();
        let mut left = unit * self.weight_sum();
        for candidate in &self.list {
            left -= weight(candidate.logit, max);
            if left < 0.0 {
                return candidate.id;
            }
        }
        // Rounding left a rest: the last that has any weight.
        let last = self.list.iter().rev().find(|c| c.logit > f32::NEG_INFINITY);
        last.or(self.list.first()).map_or(TokenId(0), |c| c.id)
    }
}

/// Unnormalised probability.
pub(super) fn weight(logit: f32, max: f32) -> f64 {
    if logit == f32::NEG_INFINITY { 0.0 } else { (f64::from(logit) - f64::from(max)).exp() }
}
