//! The best scale for a group of values, given the levels that codes may take.

use half::f16;

/// The levels of a format, ascending: a value is `scale · level`.
#[derive(Clone, Copy)]
pub(super) struct Levels<'a>(pub(super) &'a [i8]);

impl Levels<'_> {
    /// Index of the level nearest to `v`.
    pub(super) fn nearest(self, v: f32) -> usize {
        let at = self.0.partition_point(|&level| f32::from(level) < v);
        match (at.checked_sub(1), self.0.get(at)) {
            (None, _) => 0,
            (Some(below), None) => below,
            (Some(below), Some(&above)) => {
                if v - f32::from(self.0[below]) <= f32::from(above) - v {
                    below
                } else {
                    at
                }
            }
        }
    }

    /// Index for each value under `scale`; the level nearest to zero under scale 0.
    pub(super) fn indices(self, x: &[f32], scale: f32) -> Vec<usize> {
        let inverse = if scale == 0.0 { 0.0 } else { 1.0 / scale };
        x.iter().map(|v| self.nearest(if inverse.is_finite() { v * inverse } else { 0.0 })).collect()
    }

    /// Weighted squared error under `scale`.
    pub(super) fn error(self, x: &[f32], w: &[f32], scale: f32) -> f64 {
        let inverse = if scale == 0.0 { 0.0 } else { 1.0 / scale };
        if !inverse.is_finite() || !scale.is_finite() {
            return f64::INFINITY;
        }
        x.iter()
            .zip(w)
            .map(|(x, w)| f64::from(*w) * f64::from(x - scale * f32::from(self.0[self.nearest(x * inverse)])).powi(2))
            .sum()
    }

    /// The scale of least squares for the codes that `scale` gives.
    fn refit(self, x: &[f32], w: &[f32], scale: f32) -> f32 {
        let (mut xq, mut qq) = (0.0f64, 0.0f64);
        for ((x, w), i) in x.iter().zip(w).zip(self.indices(x, scale)) {
            let q = f64::from(self.0[i]);
            xq += f64::from(*w) * f64::from(*x) * q;
            qq += f64::from(*w) * q * q;
        }
        if qq == 0.0 { scale } else { (xq / qq) as f32 }
    }

    /// The best scale among those that `stored` can keep, starting from the extremes of the values on the extremes of the levels.
    pub(super) fn fit(self, x: &[f32], w: &[f32], stored: impl Fn(f32) -> f32) -> f32 {
        let largest = x.iter().copied().fold(0.0, |m: f32, v| if v.abs() > m.abs() { v } else { m });
        let (low, high) = (f32::from(self.0[0]), f32::from(self.0[self.0.len() - 1]));
        if largest == 0.0 {
            return 0.0;
        }
        let mut best = (f64::INFINITY, 0.0);
        let slack = slack(x, w);
        let mut consider = |scale: f32| {
            let scale = stored(scale);
            let error = self.error(x, w, scale);
            if error + slack < best.0 {
                best = (error, scale);
            }
        };
        let widest = high.abs().max(low.abs());
        for extreme in [low, high, -low, -high] {
            if extreme == 0.0 {
                continue;
            }
            // Clipping the largest value pays where levels are few.
            for step in (0i8..=14).chain(-10..0) {
                let by = extreme + extreme.signum() * f32::from(step) * (0.025 * widest).min(0.1 * widest.sqrt());
                if by * extreme <= 0.0 {
                    continue;
                }
                let mut scale = largest / by;
                consider(scale);
                for _ in 0..2 {
                    scale = self.refit(x, w, scale);
                    consider(scale);
                }
            }
        }
        best.1
    }
}

/// Errors that differ by less are rounding noise: the first candidate wins, so that like groups get like scales.
pub(super) fn slack(x: &[f32], w: &[f32]) -> f64 {
    1e-9 * x.iter().zip(w).map(|(x, w)| f64::from(*w) * f64::from(*x).powi(2)).sum::<f64>()
}

/// What an f16 keeps.
pub(super) fn to_half(scale: f32) -> f32 {
    f16::from_f32(scale).to_f32()
}

/// `scale` rounded to f16, or a neighbour of that if `error` likes it better.
pub(super) fn polish_half(scale: f32, error: impl Fn(f32) -> f64) -> f32 {
    let bits = f16::from_f32(scale).to_bits();
    let candidates = (bits.saturating_sub(3)..=bits.saturating_add(3)).map(|b| f16::from_bits(b).to_f32());
    let finite = candidates.filter(|c| c.is_finite());
    finite.map(|c| (error(c), c)).min_by(|a, b| a.0.total_cmp(&b.0)).map_or(scale, |(_, c)| c)
}

/// f16 bytes into a block.
pub(super) fn put_half(out: &mut [u8], at: usize, value: f32) {
    out[at..at + 2].copy_from_slice(&f16::from_f32(value).to_le_bytes());
}
