//! [`exp`](super::exp) and its users for four lanes of wasm32. The bits are those of one lane.

use super::{EXP_MIN, EXP_SERIES, LN2_HIGH, LN2_LOW, ROUND};
use crate::simd::simd128::{Floats, Watch, fma, load_floats, narrow, pair, store_floats, widen_high, widen_low};
pub(super) use crate::simd::simd128::{mul, splat};
use std::arch::wasm32::{
    f32x4_abs, f32x4_add, f32x4_lt, f32x4_neg, f32x4_pmax, f32x4_pmin, f64x2_sub, i32x4_add, i32x4_shl, i32x4_shr,
    i32x4_splat, i32x4_sub, v128_andnot, v128_bitselect,
};
pub(super) use std::arch::wasm32::{f32x4_div as div, f32x4_sub as sub};

/// `out[i] = lanes(x[i], y[i])` by fours of lanes, `lane(x[i], y[i])` for the rest.
#[inline]
pub(super) fn of_two(
    x: &[f32],
    y: &[f32],
    out: &mut [f32],
    lanes: impl Fn(Floats, Floats) -> Floats,
    lane: impl Fn(f32, f32) -> f32,
) {
    let ((x, x_rest), (y, y_rest), (out, out_rest)) = (x.as_chunks(), y.as_chunks(), out.as_chunks_mut());
    for ((x, y), out) in x.iter().zip(y).zip(out) {
        store_floats(out, lanes(load_floats(x), load_floats(y)));
    }
    for ((x, y), out) in x_rest.iter().zip(y_rest).zip(out_rest) {
        *out = lane(*x, *y);
    }
}

/// `x[i] = lanes(x[i])` by fours of lanes, `lane(x[i])` for the rest.
#[inline]
pub(super) fn in_place(x: &mut [f32], lanes: impl Fn(Floats) -> Floats, lane: impl Fn(f32) -> f32) {
    let (x, rest) = x.as_chunks_mut();
    for x in x {
        let y = lanes(load_floats(x));
        store_floats(x, y);
    }
    rest.iter_mut().for_each(|x| *x = lane(*x));
}

/// `e^x` of each lane: [`super::exp`] says how.
#[inline]
pub(crate) fn exp(x: Floats) -> Floats {
    let clamped = f32x4_pmax(f32x4_pmin(x, splat(89.0)), splat(-88.0));
    let mut watch = Watch::new();
    let mut shifted = [pair(0.0); 2];
    let mut series = [pair(0.0); 2];
    for (half, clamped) in [widen_low(clamped), widen_high(clamped)].into_iter().enumerate() {
        // What is left of a number that is no multiple of ln 2 is far from subnormal, and any other stays what it is.
        shifted[half] = watch.fma(clamped, pair(std::f32::consts::LOG2_E), pair(ROUND));
        let n = f64x2_sub(shifted[half], pair(ROUND));
        let r = watch.fma(n, pair(-LN2_HIGH), clamped);
        let r = watch.fma(n, pair(-LN2_LOW), r);
        let mut p = pair(EXP_SERIES[0]);
        for factor in &EXP_SERIES[1..] {
            p = watch.fma(r, p, pair(*factor));
        }
        series[half] = p;
    }
    if !watch.is_sure() {
        return each(x, super::exp);
    }
    let n = i32x4_sub(narrow(shifted), i32x4_splat(ROUND.to_bits().cast_signed()));
    let half = i32x4_shr(n, 1);
    let power = |n| i32x4_shl(i32x4_add(n, i32x4_splat(127)), 23);
    let y = mul(mul(narrow(series), power(half)), power(i32x4_sub(n, half)));
    v128_andnot(y, f32x4_lt(x, splat(EXP_MIN)))
}

/// `tanh(x)` of each lane: [`super::tanh`] says how.
#[inline]
pub(crate) fn tanh(x: Floats) -> Floats {
    let a = f32x4_pmin(f32x4_abs(x), splat(20.0));
    let far = sub(splat(1.0), div(splat(2.0), f32x4_add(exp(f32x4_add(a, a)), splat(1.0))));
    let s = mul(a, a);
    let series = fma(s, splat(-17.0 / 315.0), splat(2.0 / 15.0));
    let series = fma(s, fma(s, series, splat(-1.0 / 3.0)), splat(1.0));
    let t = v128_bitselect(mul(series, a), far, f32x4_lt(a, splat(0.15)));
    v128_bitselect(x, t, i32x4_splat(i32::MIN))
}

/// `x · σ(x)` of each lane.
#[inline]
pub(crate) fn silu(x: Floats) -> Floats {
    div(x, f32x4_add(splat(1.0), exp(f32x4_neg(x))))
}

/// GELU of each lane, in its tanh form.
#[inline]
pub(crate) fn gelu_tanh(x: Floats) -> Floats {
    let inner = fma(mul(splat(0.044715), x), x, splat(1.0));
    let inner = mul(mul(splat(super::SQRT_2_OVER_PI), x), inner);
    mul(mul(splat(0.5), x), f32x4_add(splat(1.0), tanh(inner)))
}

#[cold]
#[inline(never)]
fn each(x: Floats, function: fn(f32) -> f32) -> Floats {
    bytemuck::must_cast(bytemuck::must_cast::<_, [f32; 4]>(x).map(function))
}

#[cfg(test)]
mod tests {
    use super::*;
    use testkit::assert_same_f32;

    /// Over their whole range, and where steps of the series round in the middle.
    #[test]
    fn lanes_have_the_bits_of_one_lane_at_every_level() {
        let specials = [0.0, -0.0, f32::INFINITY, f32::NEG_INFINITY, f32::NAN, 1e-45, -1e-40, 88.73, -87.3, 0.15];
        let few_bits = (-2000..2000).map(|i| i as f32 / 64.0);
        let any = (0..400_000u32).map(|i| f32::from_bits(i.wrapping_mul(2_654_435_761)));
        let near = (0..400_000).map(|i| (i - 200_000) as f32 * 4.4e-4);
        let x: Vec<f32> = specials.into_iter().chain(few_bits).chain(any).chain(near).collect();
        let of_one = |x: f32| if x.is_nan() { f32::NAN } else { x };
        let check = |what: &str, lanes: fn(Floats) -> Floats, lane: fn(f32) -> f32| {
            let mut got = x.clone();
            in_place(&mut got, lanes, lane);
            let got: Vec<f32> = got.into_iter().map(of_one).collect();
            let expected: Vec<f32> = x.iter().map(|x| of_one(lane(*x))).collect();
            assert_same_f32(what, &got, &expected);
        };
        check("exp", exp, crate::math::exp);
        check("tanh", tanh, crate::math::tanh);
        check("silu", silu, crate::math::silu);
        check("gelu", gelu_tanh, crate::math::gelu_tanh);
    }
}
