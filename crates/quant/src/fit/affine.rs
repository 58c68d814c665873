//! Scale and offset for a group: `w ≈ d · q + m`, `q` from 0 to `HI`.

use super::{halves_near, inverse, round};

/// Least-squares steps from each first guess.
const N_REFITS: usize = 2;

/// First guesses: by how many steps the range of the codes is narrower than that of the weights, below and above. The
/// whole numbers find weights that lie on a grid of fewer codes.
const CUTS: [(f32, f32); 10] = [
    (0.0, 0.0),
    (0.35, 0.35),
    (0.7, 0.7),
    (1.1, 1.1),
    (0.0, 0.5),
    (0.5, 0.0),
    (0.4, 1.2),
    (1.2, 0.4),
    (-0.35, -0.35),
    (0.0, -1.0),
];

/// What a group looks like under one scale and offset, with the nearest codes `q`; `w` is the importance.
#[derive(Clone, Copy, Default)]
pub(crate) struct Sums {
    /// `Σ w (x − d q − m)²`
    pub(crate) error: f32,
    /// `Σ w q`
    pub(crate) q: f32,
    /// `Σ w q²`
    pub(crate) qq: f32,
    /// `Σ w x q`
    pub(crate) xq: f32,
}

/// Two sums of a group that no choice changes.
#[derive(Clone, Copy)]
pub(crate) struct Totals {
    /// Sum of the importances: `Σ w`.
    pub(crate) w: f32,
    /// `Σ w x`
    pub(crate) x: f32,
}

impl Totals {
    pub(crate) fn of(x: &[f32], w: &[f32]) -> Self {
        Self { w: w.iter().sum(), x: x.iter().zip(w).map(|(x, w)| x * w).sum() }
    }
}

/// Measures scale `d` and offset `m`. `x` and importance `w` have the same length, a multiple of 8.
#[inline]
pub(crate) fn measure<const HI: i8>(x: &[f32], w: &[f32], d: f32, m: f32) -> Sums {
    let inverse = inverse(d);
    let (mut error, mut sq, mut qq, mut xq) = ([0.0f32; 8], [0.0f32; 8], [0.0f32; 8], [0.0f32; 8]);
    for (x, w) in x.as_chunks::<8>().0.iter().zip(w.as_chunks::<8>().0) {
        for i in 0..8 {
            let q = round(((x[i] - m) * inverse).clamp(0.0, f32::from(HI)));
            let rest = x[i] - (d * q + m);
            error[i] += w[i] * rest * rest;
            sq[i] += w[i] * q;
            qq[i] += w[i] * q * q;
            xq[i] += w[i] * x[i] * q;
        }
    }
    Sums { error: error.iter().sum(), q: sq.iter().sum(), qq: qq.iter().sum(), xq: xq.iter().sum() }
}

/// The nearest codes under scale `d` and offset `m`.
pub(crate) fn assign<const HI: i8>(x: &[f32], d: f32, m: f32, codes: &mut [i8]) {
    let inverse = inverse(d);
    for (code, x) in codes.iter_mut().zip(x) {
        *code = round(((x - m) * inverse).clamp(0.0, f32::from(HI))) as i8;
    }
}

/// Least squares for fixed codes; an offset above `m_max` is held there.
pub(crate) fn refit(sums: &Sums, totals: Totals, m_max: f32) -> Option<(f32, f32)> {
    let determinant = totals.w * sums.qq - sums.q * sums.q;
    let d = (totals.w * sums.xq - totals.x * sums.q) / determinant;
    let m = (sums.qq * totals.x - sums.q * sums.xq) / determinant;
    let (d, m) = if m <= m_max || determinant <= 0.0 { (d, m) } else { ((sums.xq - m_max * sums.q) / sums.qq, m_max) };
    (d.is_finite() && m.is_finite()).then_some((d, m))
}

/// Scale and offset of any precision with a small error, the offset at most `m_max`: the weights' range, narrowed and
/// widened from both ends, then least squares in turn with new codes.
pub(crate) fn fit<const HI: i8>(x: &[f32], w: &[f32], m_max: f32) -> (f32, f32) {
    let low = x.iter().copied().fold(f32::INFINITY, f32::min).min(m_max);
    let high = x.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let range = high - low;
    let totals = Totals::of(x, w);
    let mut best = (f32::INFINITY, (0.0, low));
    for (cut_low, cut_high) in CUTS {
        let mut d = range / (f32::from(HI) + cut_low + cut_high).max(0.5);
        let mut m = (low + cut_low * d).min(m_max);
        for _ in 0..=N_REFITS {
            let sums = measure::<HI>(x, w, d, m);
            if sums.error < best.0 {
                best = (sums.error, (d, m));
            }
            match refit(&sums, totals, m_max) {
                Some(next) if next != (d, m) => (d, m) = next,
                _ => break,
            }
        }
    }
    best.1
}

/// Half-precision scale and offset for a block, and its codes.
pub(crate) fn half_affine<const HI: i8>(x: &[f32], w: &[f32], codes: &mut [i8]) -> (f32, f32) {
    let low = x.iter().copied().fold(f32::INFINITY, f32::min);
    let high = x.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let mut best = (f32::INFINITY, (0.0, 0.0));
    // Whole numbers of steps too: they are exact for weights that lay on a grid.
    let whole = [0, 1, 2].map(|unused| ((high - low) / f32::from(HI - unused), low));
    for (d, m) in [fit::<HI>(x, w, f32::INFINITY)].into_iter().chain(whole) {
        for m in halves_near(m).take(3).chain([0.0]) {
            for d in halves_near(d).take(3).chain([0.0]) {
                let error = measure::<HI>(x, w, d, m).error;
                if error < best.0 {
                    best = (error, (d, m));
                }
            }
        }
    }
    assign::<HI>(x, best.1.0, best.1.1, codes);
    best.1
}
