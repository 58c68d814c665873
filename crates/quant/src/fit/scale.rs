//! One scale for a group: `w ≈ d · q`.

use super::{book::Book, halves_near, inverse};

/// Least-squares steps from each first guess.
const N_REFITS: usize = 2;

/// What a group looks like under one scale, with the nearest codes `q`.
#[derive(Clone, Copy, Default)]
pub(crate) struct Sums {
    /// `Σ w (x − d q)²`
    pub(crate) error: f32,
    /// `Σ w x q`
    pub(crate) xq: f32,
    /// `Σ w q²`
    pub(crate) qq: f32,
}

/// Measures scale `d`. `x` and importance `w` have the same length, a multiple of 8.
#[inline]
pub(crate) fn measure<B: Book>(x: &[f32], w: &[f32], d: f32) -> Sums {
    let inverse = inverse(d);
    let (mut error, mut xq, mut qq) = ([0.0f32; 8], [0.0f32; 8], [0.0f32; 8]);
    for (x, w) in x.as_chunks::<8>().0.iter().zip(w.as_chunks::<8>().0) {
        for i in 0..8 {
            let q = B::nearest(x[i] * inverse);
            let rest = x[i] - d * q;
            error[i] += w[i] * rest * rest;
            xq[i] += w[i] * x[i] * q;
            qq[i] += w[i] * q * q;
        }
    }
    Sums { error: error.iter().sum(), xq: xq.iter().sum(), qq: qq.iter().sum() }
}

/// The nearest codes under scale `d`.
pub(crate) fn assign<B: Book>(x: &[f32], d: f32, codes: &mut [i8]) {
    let inverse = inverse(d);
    for (code, x) in codes.iter_mut().zip(x) {
        *code = B::nearest(x * inverse) as i8;
    }
}

/// The number furthest from zero, with its sign.
pub(crate) fn peak(x: &[f32]) -> f32 {
    x.iter().copied().fold(0.0, |peak: f32, x| if x.abs() > peak.abs() { x } else { peak })
}

/// A scale of any precision with a small error.
pub(crate) fn fit<B: Book>(x: &[f32], w: &[f32]) -> f32 {
    search::<B>(x, w, |d| d)
}

/// Among the numbers that `snap` gives, a scale with a small error: each anchor of the book under the largest weight,
/// then least squares in turn with new codes.
fn search<B: Book>(x: &[f32], w: &[f32], snap: impl Fn(f32) -> f32) -> f32 {
    let peak = peak(x);
    let mut best = (f32::INFINITY, 0.0);
    if peak == 0.0 {
        return 0.0;
    }
    for anchor in B::anchors() {
        let mut d = snap(peak / anchor);
        for _ in 0..=N_REFITS {
            let sums = measure::<B>(x, w, d);
            if sums.error < best.0 {
                best = (sums.error, d);
            }
            let next = snap(sums.xq / sums.qq);
            if !next.is_finite() || next == d {
                break;
            }
            d = next;
        }
    }
    best.1
}

/// The best half-precision number near `d`: each of its neighbours, and the least-squares scale of their codes.
pub(crate) fn round_to_half<B: Book>(x: &[f32], w: &[f32], d: f32) -> f32 {
    let mut best = (measure::<B>(x, w, 0.0).error, 0.0);
    for half in halves_near(d) {
        let sums = measure::<B>(x, w, half);
        if sums.error < best.0 {
            best = (sums.error, half);
        }
        if let Some(refit) = halves_near(sums.xq / sums.qq).next()
            && refit != half
        {
            let error = measure::<B>(x, w, refit).error;
            if error < best.0 {
                best = (error, refit);
            }
        }
    }
    best.1
}

/// The half-precision scale for a block, and its codes.
pub(crate) fn half_scale<B: Book>(x: &[f32], w: &[f32], codes: &mut [i8]) -> f32 {
    let d = round_to_half::<B>(x, w, search::<B>(x, w, |d| halves_near(d).next().unwrap_or(0.0)));
    assign::<B>(x, d, codes);
    d
}
