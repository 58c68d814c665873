//! [`Book`]: the integer codes that a scale multiplies, and which of them is nearest to a number.

use super::round;

/// The codes of a format.
pub(crate) trait Book {
    /// The code nearest to `v`.
    fn nearest(v: f32) -> f32;

    /// The code furthest from zero.
    const FURTHEST: f32;

    /// What the largest weight may become: `weight / anchor` is a scale worth trying.
    fn anchors() -> impl Iterator<Item = f32>;
}

/// All integers from `LO` to `HI`.
pub(crate) struct Integers<const LO: i8, const HI: i8>;

impl<const LO: i8, const HI: i8> Book for Integers<LO, HI> {
    const FURTHEST: f32 = if -(LO as i16) > HI as i16 { LO as f32 } else { HI as f32 };

    #[inline]
    fn nearest(v: f32) -> f32 {
        round(v.clamp(f32::from(LO), f32::from(HI)))
    }

    /// The ends of the range, a little outside (the largest weight is cut) and inside, in steps that grow with the
    /// range; one, for ternary weights whose scale divides no further.
    fn anchors() -> impl Iterator<Item = f32> {
        let (low, high) = (f32::from(LO), f32::from(HI));
        let around = |end: f32| {
            let step = (end.abs() / 16.0).max(0.5);
            let inside = move |step: f32| move |i: i8| end - end.signum() * step * f32::from(i);
            let n_fine = if step > 1.0 { 4 } else { 0 };
            (-3..=6).map(inside(step)).chain((1..=n_fine).map(inside(1.0)))
        };
        // A symmetric range gains nothing from negative scales.
        let is_symmetric = low == -high;
        around(high).chain(around(low).filter(move |_| !is_symmetric)).chain([1.0]).filter(|a| a.abs() >= 0.5)
    }
}

/// The 16 values of IQ4_NL and IQ4_XS.
pub(crate) struct Uneven;

impl Book for Uneven {
    const FURTHEST: f32 = -127.0;

    #[inline]
    fn nearest(v: f32) -> f32 {
        let values = &crate::iq4::VALUES;
        let mut nearest = f32::from(values[0]);
        for i in 1..values.len() {
            let (below, above) = (f32::from(values[i - 1]), f32::from(values[i]));
            nearest += if v > 0.5 * (below + above) { above - below } else { 0.0 };
        }
        nearest
    }

    fn anchors() -> impl Iterator<Item = f32> {
        let cut = (0i8..8).map(|i| 2.5 * f32::from(i));
        cut.clone()
            .map(|c| -137.0 + c)
            .chain(cut.map(|c| 122.0 - c))
            .chain(crate::iq4::VALUES.into_iter().map(f32::from))
    }
}

/// E2M1 doubled: 0, ±1, ±2, ±3, ±4, ±6, ±8, ±12.
pub(crate) struct E2M1;

impl Book for E2M1 {
    const FURTHEST: f32 = 12.0;

    #[inline]
    fn nearest(v: f32) -> f32 {
        const STEPS: [(f32, f32); 7] =
            [(0.5, 1.0), (1.5, 1.0), (2.5, 1.0), (3.5, 1.0), (5.0, 2.0), (7.0, 2.0), (10.0, 4.0)];
        let mut nearest = 0.0;
        for (threshold, step) in STEPS {
            nearest += if v.abs() > threshold { step } else { 0.0 };
        }
        nearest.copysign(v)
    }

    fn anchors() -> impl Iterator<Item = f32> {
        [12.0, 8.0, 6.0, 4.0].into_iter()
    }
}

/// Plus and minus one.
pub(crate) struct Signs;

impl Book for Signs {
    const FURTHEST: f32 = 1.0;

    #[inline]
    fn nearest(v: f32) -> f32 {
        if v < 0.0 { -1.0 } else { 1.0 }
    }

    fn anchors() -> impl Iterator<Item = f32> {
        [1.0, 2.0].into_iter()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The nearest code is the nearest of `values`, by exhaustion.
    fn check<B: Book>(values: &[i8]) {
        for i in -3000..3000i16 {
            let v = f32::from(i) * 0.05 + 0.013;
            let error = |code: f32| (v - code).abs();
            let best = values.iter().map(|&c| error(f32::from(c))).fold(f32::INFINITY, f32::min);
            assert!(error(B::nearest(v)) <= best + 1e-4, "{v} became {}", B::nearest(v));
            assert!(values.iter().any(|&c| f32::from(c) == B::nearest(v)), "{} is no code", B::nearest(v));
        }
    }

    #[test]
    fn nearest_codes() {
        check::<Integers<-8, 7>>(&(-8..=7).collect::<Vec<_>>());
        check::<Integers<-127, 127>>(&(-127..=127).collect::<Vec<_>>());
        check::<Uneven>(&crate::iq4::VALUES);
        check::<E2M1>(&crate::microscaling::VALUES);
        check::<Signs>(&[-1, 1]);
    }
}
