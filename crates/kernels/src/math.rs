//! Elementary functions in plain arithmetic, so that every instruction set gives the same bits: no libm, no branches,
//! made to be vectorised.

#[cfg(any(test, target_arch = "wasm32"))]
pub(crate) mod fused;
#[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
pub(crate) mod simd128;

/// `a · b + c`, rounded once: as the CPU does it, or without the call of a library function where it cannot.
#[inline(always)]
#[allow(clippy::inline_always, reason = "compiled inside each instruction set's version")]
pub(crate) fn fma(a: f32, b: f32, c: f32) -> f32 {
    #[cfg(not(target_arch = "wasm32"))]
    return a.mul_add(b, c);
    #[cfg(target_arch = "wasm32")]
    return fused::fma(a, b, c);
}

/// A function of four lanes in the words of `simd128`, where no compiler makes vectors of the calls for one lane;
/// elsewhere nothing.
#[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
macro_rules! by_four {
    (|$($x:ident),*| $value:expr) => {
        |$($x),*| {
            #[allow(clippy::wildcard_imports, unused_imports, reason = "the vocabulary of four lanes")]
            use simd128::*;
            $value
        }
    };
}
#[cfg(not(all(target_arch = "wasm32", target_feature = "simd128")))]
macro_rules! by_four {
    (|$($x:ident),*| $value:expr) => {
        ()
    };
}

#[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
use simd128::{in_place, of_two};

/// `x[i] = lane(x[i])`
#[cfg(not(all(target_arch = "wasm32", target_feature = "simd128")))]
#[inline(always)]
#[allow(clippy::inline_always, reason = "compiled inside each instruction set's version")]
fn in_place(x: &mut [f32], (): (), lane: impl Fn(f32) -> f32) {
    x.iter_mut().for_each(|x| *x = lane(*x));
}

/// `out[i] = lane(x[i], y[i])`
#[cfg(not(all(target_arch = "wasm32", target_feature = "simd128")))]
#[inline(always)]
#[allow(clippy::inline_always, reason = "compiled inside each instruction set's version")]
fn of_two(x: &[f32], y: &[f32], out: &mut [f32], (): (), lane: impl Fn(f32, f32) -> f32) {
    out.iter_mut().zip(x).zip(y).for_each(|((out, &x), &y)| *out = lane(x, y));
}

/// Lanes of a fixed-order reduction.
pub(crate) const LANES: usize = 16;

/// The first part of ln 2: it has few bits, so that small multiples of it are exact.
pub(crate) const LN2_HIGH: f32 = 0.693_359_4;
/// The second part of ln 2, beside [`LN2_HIGH`].
pub(crate) const LN2_LOW: f32 = -2.121_944_4e-4;
/// 1.5 · 2²³: adding it rounds to an integer, half to even.
pub(crate) const ROUND: f32 = 12_582_912.0;
/// Below this [`exp`] is 0.
pub(crate) const EXP_MIN: f32 = -87.3;
/// The series of e^r, the highest power first.
pub(crate) const EXP_SERIES: [f32; 8] = [1.0 / 5040.0, 1.0 / 720.0, 1.0 / 120.0, 1.0 / 24.0, 1.0 / 6.0, 0.5, 1.0, 1.0];

/// `e^x` within 2 ulp; 0 below -87.3, infinite above 88.7, NaN for NaN.
///
/// `x = n ln 2 + r`, `|r| ≤ ln 2 / 2`; `e^r` by its series to degree 7, `2^n` by the exponent bits in two steps.
#[inline(always)]
#[allow(clippy::inline_always, reason = "compiled inside each instruction set's version")]
pub(crate) fn exp(x: f32) -> f32 {
    let clamped = if x > 89.0 { 89.0 } else { x };
    let clamped = if clamped < -88.0 { -88.0 } else { clamped };
    let shifted = fma(clamped, std::f32::consts::LOG2_E, ROUND);
    let n = shifted - ROUND;
    let r = fma(n, -LN2_LOW, fma(n, -LN2_HIGH, clamped));
    let mut p = EXP_SERIES[0];
    for factor in &EXP_SERIES[1..] {
        p = fma(r, p, *factor);
    }
    // n lies in -127..=128; half of it twice keeps both factors normal.
    let n = shifted.to_bits().wrapping_sub(ROUND.to_bits()) as i32;
    let half = n >> 1;
    let power = |n: i32| f32::from_bits((n.wrapping_add(127) as u32) << 23);
    let y = p * power(half) * power(n.wrapping_sub(half));
    if x < EXP_MIN { 0.0 } else { y }
}

/// `x` rounded to an integer, half to even, for `|x| ≤ 2²²` (anything else gives some number, never a panic).
#[inline(always)]
#[allow(clippy::inline_always, reason = "compiled inside each instruction set's version")]
pub(crate) fn round(x: f32) -> i32 {
    (x + ROUND).to_bits().wrapping_sub(ROUND.to_bits()) as i32
}

/// `tanh(x)`, exact to about 1e-7 absolute.
#[inline(always)]
#[allow(clippy::inline_always, reason = "compiled inside each instruction set's version")]
pub(crate) fn tanh(x: f32) -> f32 {
    // 1 - 2 / (e^2x + 1), on |x| so that e^2x cannot overflow; a short series near 0, where that form cancels.
    let a = x.abs();
    let a = if a > 20.0 { 20.0 } else { a };
    let far = 1.0 - 2.0 / (exp(a + a) + 1.0);
    let s = a * a;
    let series = fma(s, fma(s, fma(s, -17.0 / 315.0, 2.0 / 15.0), -1.0 / 3.0), 1.0) * a;
    let t = if a < 0.15 { series } else { far };
    t.copysign(x)
}

/// `x · σ(x)`
#[inline(always)]
#[allow(clippy::inline_always, reason = "compiled inside each instruction set's version")]
pub(crate) fn silu(x: f32) -> f32 {
    x / (1.0 + exp(-x))
}

const SQRT_2_OVER_PI: f32 = 0.797_884_6;

/// GELU in its tanh form (Hendrycks and Gimpel 2016, arXiv 1606.08415).
#[inline(always)]
#[allow(clippy::inline_always, reason = "compiled inside each instruction set's version")]
pub(crate) fn gelu_tanh(x: f32) -> f32 {
    0.5 * x * (1.0 + tanh(SQRT_2_OVER_PI * x * fma(0.044715 * x, x, 1.0)))
}

/// `x[i] = e^(x[i] - offset)`
#[inline(always)]
#[allow(clippy::inline_always, reason = "compiled inside each instruction set's version")]
pub(crate) fn exp_all(x: &mut [f32], offset: f32) {
    in_place(x, by_four!(|x| exp(sub(x, splat(offset)))), |x| exp(x - offset));
}

/// `x[i] = cap · tanh(x[i] / cap)`
#[inline(always)]
#[allow(clippy::inline_always, reason = "compiled inside each instruction set's version")]
pub(crate) fn cap_all(x: &mut [f32], cap: f32) {
    in_place(x, by_four!(|x| mul(splat(cap), tanh(div(x, splat(cap))))), |x| cap * tanh(x / cap));
}

/// `out[i] = silu(x[i]) · y[i]`
#[inline(always)]
#[allow(clippy::inline_always, reason = "compiled inside each instruction set's version")]
pub(crate) fn silu_times(x: &[f32], y: &[f32], out: &mut [f32]) {
    of_two(x, y, out, by_four!(|x, y| mul(silu(x), y)), |x, y| silu(x) * y);
}

/// `out[i] = gelu_tanh(x[i]) · y[i]`
#[inline(always)]
#[allow(clippy::inline_always, reason = "compiled inside each instruction set's version")]
pub(crate) fn gelu_tanh_times(x: &[f32], y: &[f32], out: &mut [f32]) {
    of_two(x, y, out, by_four!(|x, y| mul(gelu_tanh(x), y)), |x, y| gelu_tanh(x) * y);
}

/// Sum of the lanes, in the order in which vectors fold: `i` and `i + n/2` first.
#[inline(always)]
#[allow(clippy::inline_always, reason = "compiled inside each instruction set's version")]
pub(crate) fn fold<const N: usize>(mut lanes: [f32; N]) -> f32 {
    let mut n = N;
    while n > 1 {
        n /= 2;
        for i in 0..n {
            lanes[i] += lanes[i + n];
        }
    }
    // Adding zero makes -0 into +0, so that a lane of nothing and a lane of -0 end alike.
    lanes[0] + 0.0
}

/// IEEE half to single, exact.
#[inline(always)]
#[allow(clippy::inline_always, reason = "compiled inside each instruction set's version")]
pub(crate) fn f16_to_f32(half: u16) -> f32 {
    let magnitude = (u32::from(half) & 0x7fff) << 13;
    // The exponent's bias moves from 15 to 127. No arithmetic on subnormal singles: CPUs take a hundred cycles for one.
    let normal = magnitude.wrapping_add(112 << 23);
    let subnormal = (f32::from(half & 0x3ff) * f32::from_bits(0x3380_0000)).to_bits();
    let finite = if magnitude < 0x0080_0000 { subnormal } else { normal };
    let bits = if magnitude >= 0x0f80_0000 { magnitude | 0x7f80_0000 } else { finite };
    f32::from_bits(bits | (u32::from(half) & 0x8000) << 16)
}

/// Single to IEEE half, to nearest, half to even; NaN becomes 0x7e00 with its sign.
#[inline(always)]
#[allow(clippy::inline_always, reason = "compiled inside each instruction set's version")]
pub(crate) fn f32_to_f16(x: f32) -> u16 {
    let bits = x.to_bits();
    let magnitude = bits & 0x7fff_ffff;
    // Normal halves: round at bit 13 by adding just under half (half if the kept part is odd), then rebias. 65520 and
    // above carry into infinity.
    let normal = magnitude.wrapping_add(0xfff + (magnitude >> 13 & 1)).wrapping_sub(112 << 23) >> 13;
    // Subnormal halves: adding 0.5 leaves the value in units of 2^-24 in the low bits, rounded by the addition itself.
    let subnormal = (f32::from_bits(magnitude) + 0.5).to_bits().wrapping_sub(0.5f32.to_bits());
    let finite = if magnitude < 0x3880_0000 { subnormal } else { normal };
    let large = if magnitude > 0x7f80_0000 { 0x7e00 } else { 0x7c00 };
    let half = if magnitude >= 0x4780_0000 { large } else { finite };
    (half | bits >> 16 & 0x8000) as u16
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exp_is_within_two_ulp() {
        let mut worst = 0.0f64;
        for i in -870_000..887_000 {
            let x = i as f32 * 1e-4;
            let exact = f64::from(x).exp();
            let ulp = f64::from(f32::from_bits((exact as f32).to_bits() + 1)) - f64::from(exact as f32);
            worst = worst.max((f64::from(exp(x)) - exact).abs() / ulp);
        }
        assert!(worst < 2.0, "{worst} ulp");
        assert_eq!(exp(0.0), 1.0);
        assert_eq!(exp(-100.0), 0.0);
        assert_eq!(exp(f32::NEG_INFINITY), 0.0);
        assert_eq!(exp(f32::INFINITY), f32::INFINITY);
        assert!(exp(f32::NAN).is_nan());
    }

    #[test]
    fn tanh_and_its_users_follow_their_formulas() {
        for i in -30_000..30_000 {
            let x = i as f32 * 1e-3;
            let wide = f64::from(x);
            let check = |what: &str, got: f32, exact: f64| {
                assert!(
                    (f64::from(got) - exact).abs() <= 4e-7 * exact.abs().max(1.0),
                    "{what}({x}): {got}, exact {exact}"
                );
            };
            check("tanh", tanh(x), wide.tanh());
            check("silu", silu(x), wide / (1.0 + (-wide).exp()));
            let inner = (2.0 / std::f64::consts::PI).sqrt() * (wide + 0.044715 * wide.powi(3));
            check("gelu", gelu_tanh(x), 0.5 * wide * (1.0 + inner.tanh()));
        }
        assert_eq!(tanh(f32::INFINITY), 1.0);
        assert_eq!(silu(-1e30), 0.0);
    }

    #[test]
    fn halves_convert_as_the_half_crate_does() {
        for bits in 0..=u16::MAX {
            let expected = half::f16::from_bits(bits).to_f32();
            let got = f16_to_f32(bits);
            assert!(got.to_bits() == expected.to_bits() || got.is_nan() && expected.is_nan(), "{bits:#06x}");
            assert!(f32_to_f16(got) == bits || got.is_nan(), "{bits:#06x} and back");
        }
        let mut rng = testkit::Rng::new(1);
        for _ in 0..2_000_000 {
            let x = f32::from_bits(rng.bits() as u32);
            let expected = half::f16::from_f32(x);
            assert!(f32_to_f16(x) == expected.to_bits() || x.is_nan(), "{x:e}");
        }
        for (x, bits) in
            [(65519.0, 0x7bff), (65520.0, 0x7c00), (f32::INFINITY, 0x7c00), (2.0f32.powi(-25), 0), (-0.0, 0x8000)]
        {
            assert_eq!(f32_to_f16(x), bits, "{x}");
        }
    }
}
