//! Comparisons that say what differs.

/// Returns the normalised mean square error `Σ(a−b)² / Σb²` against the reference `b`.
pub fn nmse(a: &[f32], b: &[f32]) -> f64 {
    assert_eq!(a.len(), b.len(), "lengths differ");
    let (mut error, mut energy) = (0.0, 0.0);
    for (&a, &b) in a.iter().zip(b) {
        error += (f64::from(a) - f64::from(b)).powi(2);
        energy += f64::from(b).powi(2);
    }
    if energy == 0.0 { error } else { error / energy }
}

/// Returns the natural log-probabilities of one row of logits.
pub fn log_softmax(logits: &[f32]) -> Vec<f64> {
    let max = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let sum: f64 = logits.iter().map(|&x| f64::from(x - max).exp()).sum();
    logits.iter().map(|&x| f64::from(x - max) - sum.ln()).collect()
}

/// Asserts that two slices are equal bit for bit.
///
/// # Panics
/// With `what`, the first bad index and both values.
pub fn assert_same_f32(what: &str, got: &[f32], expected: &[f32]) {
    assert_eq!(got.len(), expected.len(), "{what}: lengths differ");
    for (i, (g, e)) in got.iter().zip(expected).enumerate() {
        assert!(
            g.to_bits() == e.to_bits(),
            "{what}: index {i}: got {g:e} ({:#010x}), expected {e:e} ({:#010x})",
            g.to_bits(),
            e.to_bits()
        );
    }
}
