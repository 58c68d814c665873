//! A histogram with fixed bounds, recorded without a lock.

use std::sync::atomic::{AtomicU64, Ordering};

/// Bounds for seconds to the first token.
pub(super) const FIRST_TOKEN_SECONDS: &[f64] =
    &[0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0, 20.0, 40.0, 80.0, 160.0];
/// Bounds for seconds between two tokens.
pub(super) const INTER_TOKEN_SECONDS: &[f64] =
    &[0.0025, 0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.75, 1.0, 2.5, 5.0];
/// Bounds for seconds of a whole request.
pub(super) const REQUEST_SECONDS: &[f64] =
    &[0.005, 0.05, 0.1, 0.3, 0.5, 1.0, 2.5, 5.0, 10.0, 15.0, 30.0, 60.0, 120.0, 300.0, 600.0, 1800.0];

/// Counts of values by size, and their sum.
#[derive(Debug)]
pub(super) struct Histogram {
    bounds: &'static [f64],
    /// Counts of the values up to each bound, and at last of those that are larger than all bounds.
    counts: Vec<AtomicU64>,
    /// Sum of the values in billionths, so that a float need not be added atomically.
    sum_nano: AtomicU64,
}

/// A histogram at one moment: (upper bound, values up to it), the count and the sum.
#[derive(Clone, PartialEq, Debug)]
pub(super) struct Snapshot {
    pub(super) buckets: Vec<(f64, u64)>,
    pub(super) count: u64,
    pub(super) sum: f64,
}

impl Histogram {
    /// An empty histogram; `bounds` rise.
    pub(super) fn new(bounds: &'static [f64]) -> Self {
        let counts = (0..=bounds.len()).map(|_| AtomicU64::new(0)).collect();
        Self { bounds, counts, sum_nano: AtomicU64::new(0) }
    }

    /// Counts a value; one below zero counts as zero (a clock went back).
    pub(super) fn record(&self, value: f64) {
        let value = if value > 0.0 { value } else { 0.0 };
        let bucket = self.bounds.partition_point(|bound| *bound < value);
        if let Some(count) = self.counts.get(bucket) {
            count.fetch_add(1, Ordering::Relaxed);
        }
        self.sum_nano.fetch_add((value * 1e9) as u64, Ordering::Relaxed);
    }

    /// The histogram at this moment.
    pub(super) fn snapshot(&self) -> Snapshot {
        let mut count = 0;
        let bounds = self.bounds.iter().copied().chain([f64::INFINITY]);
        let mut sum_up = |(bound, n): (f64, &AtomicU64)| {
            count += n.load(Ordering::Relaxed);
            (bound, count)
        };
        let buckets = bounds.zip(&self.counts).map(&mut sum_up).collect();
        Snapshot { buckets, count, sum: self.sum_nano.load(Ordering::Relaxed) as f64 / 1e9 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_counts_up_to_its_bound() {
        let histogram = Histogram::new(&[1.0, 2.0]);
        for value in [-1.0, 0.5, 1.0, 1.5, 3.0, f64::NAN] {
            histogram.record(value);
        }
        let Snapshot { buckets, count, sum } = histogram.snapshot();
        assert_eq!(buckets, [(1.0, 4), (2.0, 5), (f64::INFINITY, 6)]);
        assert_eq!((count, sum), (6, 6.0));
    }
}
