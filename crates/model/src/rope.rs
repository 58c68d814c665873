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
        magnitude *= 1.0 + 0.1 * factor.max(1.0).ln();
    }
    let inverse_frequencies = (0..n_pairs)
        .map(|pair| {
            let frequency = f64::from(spec.base).powf(-2.0 * pair as f64 / spec.n_dims as f64);
            let frequency = frequency / f64::from(factors.and_then(|f| f.get(pair)).copied().unwrap_or(1.0));
            (frequency * stretch(spec, pair)) as f32
        })
        .collect();
    Rope { pairs: spec.pairs, inverse_frequencies, magnitude }
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
                n_dims * (original_context_len as f64 / (f64::from(rotations) * std::f64::consts::TAU)).ln()
                    / (2.0 * base.ln())
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
