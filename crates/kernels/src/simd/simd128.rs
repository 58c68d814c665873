//! 128-bit vectors of wasm32, with the names that [`crate::simd::narrow`] users know.

use bytemuck::must_cast;
#[allow(clippy::wildcard_imports, reason = "intrinsics")]
use std::arch::wasm32::*;

/// 16 bytes.
pub(crate) type Bytes = v128;
/// Four i32.
pub(crate) type Words = v128;
/// Four f32.
pub(crate) type Floats = v128;

/// Loads 16 bytes, signed or not.
#[inline]
pub(crate) fn load_bytes<B: bytemuck::Pod>(from: &[B; 16]) -> Bytes {
    must_cast(*from)
}

/// Loads 4 integers.
#[inline]
pub(crate) fn load_words(from: &[i32; 4]) -> Words {
    must_cast(*from)
}

/// Loads 4 floats.
#[inline]
pub(crate) fn load_floats(from: &[f32; 4]) -> Floats {
    must_cast(*from)
}

/// Stores 16 bytes.
#[inline]
pub(crate) fn store_bytes(to: &mut [u8; 16], v: Bytes) {
    *to = must_cast(v);
}

/// Stores 4 floats.
#[inline]
pub(crate) fn store_floats(to: &mut [f32; 4], v: Floats) {
    *to = must_cast(v);
}

/// `byte` 16 times.
#[inline]
pub(crate) fn splat_byte(byte: i8) -> Bytes {
    i8x16_splat(byte)
}

/// `x` 4 times.
#[inline]
pub(crate) fn splat(x: f32) -> Floats {
    f32x4_splat(x)
}

/// Four zeros.
#[inline]
pub(crate) fn zero_words() -> Words {
    i32x4_splat(0)
}

/// Bitwise and.
#[inline]
pub(crate) fn and(a: Bytes, b: Bytes) -> Bytes {
    v128_and(a, b)
}

/// Bitwise or.
#[inline]
pub(crate) fn or(a: Bytes, b: Bytes) -> Bytes {
    v128_or(a, b)
}

/// Difference of bytes.
#[inline]
pub(crate) fn sub_bytes(a: Bytes, b: Bytes) -> Bytes {
    i8x16_sub(a, b)
}

/// Every byte shifted right by `n` bits, zeros from above.
#[inline]
pub(crate) fn shift_right(v: Bytes, n: usize) -> Bytes {
    u8x16_shr(v, n as u32)
}

/// Every byte shifted left by `n` bits.
#[inline]
pub(crate) fn shift_left(v: Bytes, n: usize) -> Bytes {
    i8x16_shl(v, n as u32)
}

/// All ones where `a & b` is not 0.
#[inline]
pub(crate) fn test(a: Bytes, b: Bytes) -> Bytes {
    i8x16_ne(v128_and(a, b), i8x16_splat(0))
}

/// `table[index]` for every byte, indices 0 to 15.
#[inline]
pub(crate) fn lookup(table: Bytes, index: Bytes) -> Bytes {
    i8x16_swizzle(table, index)
}

/// Sums of integers.
#[inline]
pub(crate) fn add_words(a: Words, b: Words) -> Words {
    i32x4_add(a, b)
}

/// Sums of neighbours: those of `a`, then those of `b`.
#[inline]
pub(crate) fn add_pairs(a: Words, b: Words) -> Words {
    i32x4_add(i32x4_shuffle::<0, 2, 4, 6>(a, b), i32x4_shuffle::<1, 3, 5, 7>(a, b))
}

/// Integers to floats, exact below 2²⁴.
#[inline]
pub(crate) fn to_floats(v: Words) -> Floats {
    f32x4_convert_i32x4(v)
}

/// Sums.
#[inline]
pub(crate) fn add(a: Floats, b: Floats) -> Floats {
    f32x4_add(a, b)
}

/// Products.
#[inline]
pub(crate) fn mul(a: Floats, b: Floats) -> Floats {
    f32x4_mul(a, b)
}

/// `a · b + c`, rounded once.
///
/// There is no such instruction here. Products of f32 are exact in f64, so the sum is rounded to 53 bits and then to 24; that differs from
/// rounding once only if the first rounding may have made a tie, or the result is no normal f32. Then each lane is done on its own.
#[inline]
pub(crate) fn fma(a: Floats, b: Floats, c: Floats) -> Floats {
    let high = |v: v128| f64x2_promote_low_f32x4(i64x2_shuffle::<1, 1>(v, v));
    let low = |v: v128| f64x2_promote_low_f32x4(v);
    let first = f64x2_add(f64x2_mul(low(a), low(b)), low(c));
    let second = f64x2_add(f64x2_mul(high(a), high(b)), high(c));
    if v128_any_true(v128_or(may_round_twice(first), may_round_twice(second))) {
        return fma_by_lane(a, b, c);
    }
    i64x2_shuffle::<0, 2>(f32x4_demote_f64x2_zero(first), f32x4_demote_f64x2_zero(second))
}

/// Lanes whose 29 bits below those of an f32 are exactly half, or that lie below the normal numbers of f32 without being 0.
#[inline]
fn may_round_twice(v: v128) -> v128 {
    let is_half = i64x2_eq(v128_and(v, i64x2_splat(0x1fff_ffff)), i64x2_splat(0x1000_0000));
    let magnitude = f64x2_abs(v);
    let is_small = f64x2_lt(magnitude, f64x2_splat(f64::from(f32::MIN_POSITIVE)));
    v128_or(is_half, v128_and(is_small, f64x2_gt(magnitude, f64x2_splat(0.0))))
}

#[cold]
#[inline(never)]
fn fma_by_lane(a: Floats, b: Floats, c: Floats) -> Floats {
    let [a, b, mut c]: [[f32; 4]; 3] = [must_cast(a), must_cast(b), must_cast(c)];
    for i in 0..4 {
        c[i] = a[i].mul_add(b[i], c[i]);
    }
    must_cast(c)
}

/// Adds products of 16 bytes, -128..=127 by -127..=127, to `acc`: which lane gets which is not said.
#[target_feature(enable = "simd128")]
#[inline]
pub(crate) fn dot(acc: Words, w: Bytes, x: Bytes) -> Words {
    let low = i32x4_dot_i16x8(i16x8_extend_low_i8x16(w), i16x8_extend_low_i8x16(x));
    let high = i32x4_dot_i16x8(i16x8_extend_high_i8x16(w), i16x8_extend_high_i8x16(x));
    i32x4_add(acc, i32x4_add(low, high))
}

/// Adds to each of 8 rows its products with 16 columns: `w` `[column / 4][row / 4]` vectors of 4 rows × 4 columns.
#[target_feature(enable = "simd128")]
#[inline]
pub(crate) fn dot_rows(sums: [Words; 2], w: &[Bytes; 8], x: Bytes) -> [Words; 2] {
    let (low, high) = (i16x8_extend_low_i8x16(x), i16x8_extend_high_i8x16(x));
    // Each quad of columns, twice.
    let x = [
        i64x2_shuffle::<0, 0>(low, low),
        i64x2_shuffle::<1, 1>(low, low),
        i64x2_shuffle::<0, 0>(high, high),
        i64x2_shuffle::<1, 1>(high, high),
    ];
    let mut out = sums;
    for (v, out) in out.iter_mut().enumerate() {
        // Two lanes a row: the first two columns of each quad, and the last two.
        let (mut first, mut second) = (zero_words(), zero_words());
        for (q, &x) in x.iter().enumerate() {
            let w = w[2 * q + v];
            first = i32x4_add(first, i32x4_dot_i16x8(i16x8_extend_low_i8x16(w), x));
            second = i32x4_add(second, i32x4_dot_i16x8(i16x8_extend_high_i8x16(w), x));
        }
        *out = i32x4_add(*out, add_pairs(first, second));
    }
    out
}
