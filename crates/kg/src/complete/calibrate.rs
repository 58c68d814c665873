//! Scores as probabilities: isotonic regression, and how far what it says is from what is so.

/// A rising step function from a raw share to the probability that was seen at it.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Calibration {
    /// Where each step begins, ascending, and its probability, which never falls.
    steps: Vec<(f32, f32)>,
    /// Expected calibration error, measured on samples that the steps were not fitted to.
    error: f32,
    /// Samples that it was fitted to.
    n: u32,
}

/// A raw share, and whether what it was about turned out to be so.
pub type Sample = (f32, bool);

/// Bins of equal width over which [`expected_error`] takes its mean.
const BINS: usize = 10;

impl Calibration {
    /// Fits to all samples; the error is that of a fit to every other sample, measured on the rest.
    pub fn fit(samples: &[Sample]) -> Self {
        let half = |first: usize| samples.iter().copied().skip(first).step_by(2).collect::<Vec<_>>();
        let on_half = Self { steps: isotonic(&half(0)), error: 0.0, n: 0 };
        let error = expected_error(half(1).into_iter().map(|(raw, is)| (on_half.probability(raw), is)));
        Self { steps: isotonic(samples), error: error as f32, n: u32::try_from(samples.len()).unwrap_or(u32::MAX) }
    }

    /// Steps as a file has them; `None` unless they ascend, probabilities never fall, and all lie within 0 and 1.
    pub(super) fn from_parts(steps: Vec<(f32, f32)>, error: f32, n: u32) -> Option<Self> {
        let within = |x: f32| (0.0..=1.0).contains(&x);
        let are_within = steps.iter().all(|&(raw, p)| within(raw) && within(p));
        let ascend = steps.windows(2).all(|pair| pair[0].0 < pair[1].0 && pair[0].1 <= pair[1].1);
        (are_within && ascend && within(error)).then_some(Self { steps, error, n })
    }

    pub(super) fn steps(&self) -> &[(f32, f32)] {
        &self.steps
    }

    /// The probability at a raw share: that of the last step that begins at or below it; `None` without any sample.
    pub fn of(&self, raw: f32) -> Option<f32> {
        (!self.steps.is_empty()).then(|| self.probability(raw))
    }

    fn probability(&self, raw: f32) -> f32 {
        let after = self.steps.partition_point(|step| step.0 <= raw);
        self.steps.get(after.saturating_sub(1)).map_or(0.0, |step| step.1)
    }

    /// Expected calibration error: the mean distance between what was said and what was so.
    pub fn error(&self) -> f32 {
        self.error
    }

    /// Number of samples that it was fitted to.
    pub fn n_samples(&self) -> u32 {
        self.n
    }
}

/// Pools samples, sorted by their raw share, until means rise (pool adjacent violators; Ayer et al. 1955).
fn isotonic(samples: &[Sample]) -> Vec<(f32, f32)> {
    let mut sorted: Vec<Sample> = samples.iter().copied().filter(|(raw, _)| (0.0..=1.0).contains(raw)).collect();
    sorted.sort_by(|a, b| a.0.total_cmp(&b.0));
    // Where a pool begins, how many of its samples were so, and how many there are; equal raw shares are one.
    let mut shares: Vec<(f32, u64, u64)> = Vec::new();
    for (raw, is) in sorted {
        match shares.last_mut().filter(|share| share.0 == raw) {
            Some(share) => *share = (raw, share.1 + u64::from(is), share.2 + 1),
            None => shares.push((raw, u64::from(is), 1)),
        }
    }
    let mut pools: Vec<(f32, u64, u64)> = Vec::new();
    for mut pool in shares {
        while let Some(&(raw, so, n)) = pools.last()
            && u128::from(so) * u128::from(pool.2) >= u128::from(pool.1) * u128::from(n)
        {
            pools.pop();
            pool = (raw, so + pool.1, n + pool.2);
        }
        pools.push(pool);
    }
    pools.into_iter().map(|(raw, so, n)| (raw, so as f32 / n as f32)).collect()
}

/// Mean over bins of the distance between the mean probability and the share that was so, by number of samples
/// (Naeini et al. 2015).
pub fn expected_error(said: impl Iterator<Item = Sample>) -> f64 {
    let mut bins = [(0.0f64, 0u64, 0u64); BINS];
    for (p, is) in said {
        let bin = &mut bins[((p * BINS as f32) as usize).min(BINS - 1)];
        *bin = (bin.0 + f64::from(p), bin.1 + u64::from(is), bin.2 + 1);
    }
    let n: u64 = bins.iter().map(|bin| bin.2).sum();
    bins.iter().map(|&(said, so, _)| (said - so as f64).abs()).sum::<f64>() / n.max(1) as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_are_the_means_of_pools_that_rise() {
        let samples = [(0.1, false), (0.2, true), (0.3, false), (0.4, true), (0.5, true), (0.1, false)];
        let fitted = Calibration::fit(&samples);
        assert_eq!(fitted.steps(), [(0.1, 0.0), (0.2, 0.5), (0.4, 1.0)]);
        assert_eq!(fitted.of(0.05), Some(0.0));
        assert_eq!(fitted.of(0.35), Some(0.5));
        assert_eq!(fitted.of(0.9), Some(1.0));
        assert_eq!(fitted.n_samples(), 6);
        assert_eq!(Calibration::fit(&[]).of(0.5), None);
    }

    #[test]
    fn the_error_is_that_of_samples_that_were_not_fitted() {
        // Of even samples all are so, of odd ones none: what one half teaches is wrong for the other.
        let against: Vec<Sample> = (0..100).map(|i| (0.5, i % 2 == 0)).collect();
        assert_eq!(Calibration::fit(&against).error(), 1.0);
        let with: Vec<Sample> = (0..100).map(|i| (0.5, i % 4 < 2)).collect();
        assert_eq!(Calibration::fit(&with).error(), 0.0);
        let error = expected_error([(0.25, true), (0.25, false), (0.95, true)].into_iter());
        // Half of one bin's two samples, a twentieth of the other's.
        assert!((error - 0.55 / 3.0).abs() < 1e-6, "{error}");
    }
}
