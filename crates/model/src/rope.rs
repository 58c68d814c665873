//! From a [`RopeSpec`] and the model's factor tensors to the angles that `kernels::rope` turns by.

use kernels::Rope;

use crate::spec::{RopeScaling, RopeSpec};

/// Makes the angles of `spec`; `factors` (Llama 3's `rope_freqs`, LongRoPE's long or short set) divide the frequencies
/// one by one.
pub(crate) fn build(spec: &RopeSpec, factors: Option<&[f32]>) -> Rope {
    let n_pairs = spec.n_dims / 2;
    let mut magnitude = spec.magnitude;
    if let RopeScaling::Yarn { factor, .. } = spec.scaling {
        // YaRN's temperature, section 3.4; a context that is not extended has none.
        magnitude *= 1.0 + 0.1 * libm::logf(factor.max(1.0));
    }
    let inverse_frequencies = (0..n_pairs)
        .map(|pair| {
            let frequency = libm::pow(f64::from(spec.base), -2.0 * pair as f64 / spec.n_dims as f64);
            let frequency = frequency / f64::from(factors.and_then(|f| f.get(pair)).copied().unwrap_or(1.0));
            (frequency * stretch(spec, pair)) as f32
        })
        .collect();
    Rope { pairs: spec.pairs, inverse_frequencies, magnitude }
}

/// Returns the slopes of linear biases of `n_heads` heads: `2^(-8i/n)` for the largest power of two `n` up to theirs,
/// then every other one of twice as many. Source: Press et al. 2022 (arXiv 2108.12409), the authors' code.
pub(crate) fn slopes(n_heads: usize) -> Vec<f32> {
    let n = 1 << n_heads.max(1).ilog2();
    let slope = |i: usize, n: usize| libm::exp2(-8.0 * i as f64 / n as f64) as f32;
    (1..=n).map(|i| slope(i, n)).chain((1..).step_by(2).map(|i| slope(i, 2 * n))).take(n_heads).collect()
}

/// Returns the factor of scaling on the frequency of `pair`.
fn stretch(spec: &RopeSpec, pair: usize) -> f64 {
    match spec.scaling {
        RopeScaling::None => 1.0,
        RopeScaling::Linear { factor } => 1.0 / f64::from(factor),
        RopeScaling::Yarn { factor, original_context_len, beta_fast, beta_slow, is_truncated } => {
            let (n_dims, base) = (spec.n_dims as f64, f64::from(spec.base));
            // The pair that turns `rotations` times within the original context.
            let pair_of = |rotations: f32| {
                n_dims * libm::log(original_context_len as f64 / (f64::from(rotations) * std::f64::consts::TAU))
                    / (2.0 * libm::log(base))
            };
            let (low, high) = (pair_of(beta_fast), pair_of(beta_slow));
            let (low, high) = if is_truncated { (low.floor(), high.ceil()) } else { (low, high) };
            let (low, high) = (low.max(0.0), high.min(n_dims - 1.0));
            let ramp = ((pair as f64 - low) / (high - low).max(0.001)).clamp(0.0, 1.0);
            let kept = 1.0 - ramp;
            kept + (1.0 - kept) / f64::from(factor)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use kernels::RopePairs;

    /// A rotation of 128 dimensions on base 10⁶, as Qwen 2.5's, whose context of 32768 is stretched by `factor`.
    fn yarn(factor: f32, is_truncated: bool) -> Rope {
        let original_context_len = 32_768;
        let scaling = RopeScaling::Yarn { factor, original_context_len, beta_fast: 32.0, beta_slow: 1.0, is_truncated };
        build(&RopeSpec { pairs: RopePairs::Halves, n_dims: 128, base: 1e6, scaling, magnitude: 1.0 }, None)
    }

    /// Frequencies whose ramp from kept to divided goes from pair `low` to pair `high`.
    fn check(rope: &Rope, factor: f64, low: f64, high: f64) {
        assert_eq!(rope.inverse_frequencies.len(), 64);
        for (pair, &got) in rope.inverse_frequencies.iter().enumerate() {
            let plain = 1e6f64.powf(-(pair as f64) / 64.0);
            let divided = ((pair as f64 - low) / (high - low)).clamp(0.0, 1.0);
            let expected = plain * (1.0 - divided) + plain / factor * divided;
            // The frequency is rounded to f32, the ends of the ramp above have twelve digits.
            let error = (f64::from(got) / expected - 1.0).abs();
            assert!(error < 1e-7, "pair {pair}: {got:e}, expected {expected:e}");
        }
    }

    /// Source: Peng et al. 2023 (arXiv 2309.00071) section 3.2: the pairs that turn 32 times and once within the
    /// context are `64 · ln(32768 / 2πr) / ln 10⁶`, rounded outwards.
    #[test]
    fn yarn_keeps_fast_pairs_and_divides_slow_ones() {
        check(&yarn(4.0, true), 4.0, 23.0, 40.0);
        check(&yarn(4.0, false), 4.0, 23.595_947_608_3, 39.650_880_710_4);
        check(&yarn(0.5, true), 0.5, 23.0, 40.0);
    }

    #[test]
    fn slopes_are_powers_of_two() {
        assert_eq!(slopes(4), [0.25, 0.0625, 0.015625, 0.00390625]);
        assert_eq!(slopes(1), [0.00390625]);
        let of_12: Vec<f64> = slopes(12).iter().map(|slope| f64::from(*slope).log2()).collect();
        assert_eq!(
            of_12,
            [-1.0, -2.0, -3.0, -4.0, -5.0, -6.0, -7.0, -8.0, -0.5, -1.5, -2.5, -3.5]
                .map(|x: f64| { f64::from(x.exp2() as f32).log2() })
        );
    }

    #[test]
    fn yarn_warms_only_what_is_extended() {
        assert!((f64::from(yarn(4.0, true).magnitude) - (1.0 + 0.1 * 4f64.ln())).abs() < 1e-6);
        assert_eq!(yarn(1.0, true).magnitude, 1.0);
        assert_eq!(yarn(0.5, true).magnitude, 1.0);
    }
}
