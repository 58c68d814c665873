//! What is said of many samples.

use serde_json::{Value, json};

/// Returns the `percent`th percentile by the nearest rank; NaN of no samples.
pub(crate) fn percentile(samples: &[f64], percent: f64) -> f64 {
    let mut sorted = samples.to_vec();
    sorted.sort_by(f64::total_cmp);
    let rank = (percent / 100.0 * sorted.len() as f64).ceil() as usize;
    sorted.get(rank.clamp(1, sorted.len().max(1)) - 1).copied().unwrap_or(f64::NAN)
}

pub(crate) fn median(samples: &[f64]) -> f64 {
    percentile(samples, 50.0)
}

/// Summarises times in milliseconds: count, median, 99th percentile and largest.
pub(crate) fn milliseconds(seconds: &[f64]) -> Value {
    let ms = |percent| round(percentile(seconds, percent) * 1e3);
    json!({ "n": seconds.len(), "p50_ms": ms(50.0), "p99_ms": ms(99.0), "max_ms": ms(100.0) })
}

/// Rounds to three places, since a receipt is read by people.
pub(crate) fn round(x: f64) -> f64 {
    (x * 1e3).round() / 1e3
}

/// A stream of numbers without a pattern, the same each time: splitmix64.
pub(crate) struct Random(pub(crate) u64);

impl Random {
    /// Returns a number below `n`.
    pub(crate) fn below(&mut self, n: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ (z >> 31)) % n.max(1) as u64) as usize
    }

    pub(crate) fn shuffle<T>(&mut self, items: &mut [T]) {
        for i in (1..items.len()).rev() {
            items.swap(i, self.below(i + 1));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nearest_ranks() {
        let samples = [4.0, 1.0, 3.0, 2.0];
        let check = |percent: f64, expected: f64| assert!((percentile(&samples, percent) - expected).abs() < 1e-12);
        check(0.0, 1.0);
        check(50.0, 2.0);
        check(99.0, 4.0);
        check(100.0, 4.0);
        assert!(percentile(&[], 50.0).is_nan());
    }
}
