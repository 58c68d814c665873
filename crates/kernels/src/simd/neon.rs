//! 128-bit vectors of aarch64, with the names that [`crate::simd::narrow`] users know.
#![allow(
    unsafe_code,
    reason = "NEON is part of what every function of the target is compiled for, but the language wants it said"
)]
#![allow(clippy::multiple_unsafe_ops_per_block, reason = "one argument serves all of them")]

use bytemuck::must_cast;
#[allow(clippy::wildcard_imports, reason = "intrinsics")]
use std::arch::aarch64::*;

#[cfg(not(target_feature = "neon"))]
compile_error!("these kernels need an aarch64 target with NEON, as all but those of firmware are");

/// Intrinsics in a function that is not marked with their feature.
macro_rules! neon {
    ($value:expr) => {
        // SAFETY: the target has NEON (checked above), the only requirement of these intrinsics, which take no pointer.
        unsafe { $value }
    };
}

/// A vector of 16 bytes.
pub(crate) type Bytes = int8x16_t;
/// A vector of four i32.
pub(crate) type Words = int32x4_t;
/// A vector of four f32.
pub(crate) type Floats = float32x4_t;

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

/// IEEE halves as singles.
#[inline]
pub(crate) fn from_halves(halves: [u16; 8]) -> [f32; 8] {
    halves.map(crate::math::f16_to_f32)
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
    neon!(vdupq_n_s8(byte))
}

/// `x` 4 times.
#[inline]
pub(crate) fn splat(x: f32) -> Floats {
    neon!(vdupq_n_f32(x))
}

/// A vector of four zeros.
#[inline]
pub(crate) fn zero_words() -> Words {
    neon!(vdupq_n_s32(0))
}

/// Bitwise and of two vectors.
#[inline]
pub(crate) fn and(a: Bytes, b: Bytes) -> Bytes {
    neon!(vandq_s8(a, b))
}

/// Bitwise or of two vectors.
#[inline]
pub(crate) fn or(a: Bytes, b: Bytes) -> Bytes {
    neon!(vorrq_s8(a, b))
}

/// Difference of bytes.
#[inline]
pub(crate) fn sub_bytes(a: Bytes, b: Bytes) -> Bytes {
    neon!(vsubq_s8(a, b))
}

/// Every byte shifted right by `n` bits, zeros from above.
#[inline]
pub(crate) fn shift_right(v: Bytes, n: usize) -> Bytes {
    neon!(vreinterpretq_s8_u8(vshlq_u8(vreinterpretq_u8_s8(v), vdupq_n_s8(-(n as i8)))))
}

/// Every byte shifted left by `n` bits.
#[inline]
pub(crate) fn shift_left(v: Bytes, n: usize) -> Bytes {
    neon!(vshlq_s8(v, vdupq_n_s8(n as i8)))
}

/// All ones where `a & b` is not 0.
#[inline]
pub(crate) fn test(a: Bytes, b: Bytes) -> Bytes {
    neon!(vreinterpretq_s8_u8(vtstq_s8(a, b)))
}

/// `table[index]` for every byte, indices 0 to 15.
#[inline]
pub(crate) fn lookup(table: Bytes, index: Bytes) -> Bytes {
    neon!(vqtbl1q_s8(table, vreinterpretq_u8_s8(index)))
}

/// Sums of neighbours: those of `a`, then those of `b`.
#[inline]
pub(crate) fn add_pairs(a: Words, b: Words) -> Words {
    neon!(vpaddq_s32(a, b))
}

/// Integers to floats, exact below 2²⁴.
#[inline]
pub(crate) fn to_floats(v: Words) -> Floats {
    neon!(vcvtq_f32_s32(v))
}

/// Sums of four floats and four.
#[inline]
pub(crate) fn add(a: Floats, b: Floats) -> Floats {
    neon!(vaddq_f32(a, b))
}

/// Products of four floats and four.
#[inline]
pub(crate) fn mul(a: Floats, b: Floats) -> Floats {
    neon!(vmulq_f32(a, b))
}

/// `a · b + c`, rounded once.
#[inline]
pub(crate) fn fma(a: Floats, b: Floats, c: Floats) -> Floats {
    neon!(vfmaq_f32(c, a, b))
}

/// Adds products of 16 bytes, -128..=127 by -127..=127, to `acc`: which lane gets which is not said.
#[target_feature(enable = "neon")]
#[inline]
pub(crate) fn dot(acc: Words, w: Bytes, x: Bytes) -> Words {
    // i16: at most 2 · 128 · 127 = 32,512.
    let pairs = vmull_s8(vget_low_s8(w), vget_low_s8(x));
    vpadalq_s16(acc, vmlal_s8(pairs, vget_high_s8(w), vget_high_s8(x)))
}

/// Adds to each of 8 rows its products with 16 columns: `w` `[column / 4][row / 4]` vectors of 4 rows × 4 columns.
#[target_feature(enable = "neon")]
#[inline]
pub(crate) fn dot_rows(sums: [Words; 2], w: &[Bytes; 8], x: Bytes) -> [Words; 2] {
    let quads = vreinterpretq_s32_s8(x);
    let x = [
        vreinterpret_s8_s32(vdup_laneq_s32::<0>(quads)),
        vreinterpret_s8_s32(vdup_laneq_s32::<1>(quads)),
        vreinterpret_s8_s32(vdup_laneq_s32::<2>(quads)),
        vreinterpret_s8_s32(vdup_laneq_s32::<3>(quads)),
    ];
    let mut out = sums;
    for (v, out) in out.iter_mut().enumerate() {
        // Two lanes a row: the first two columns of each quad, and the last two.
        let (mut low, mut high) = (zero_words(), zero_words());
        for q in [0, 2] {
            let (a, b) = (w[2 * q + v], w[2 * q + 2 + v]);
            // i16: as in `dot`.
            let first = vmlal_s8(vmull_s8(vget_low_s8(a), x[q]), vget_low_s8(b), x[q + 1]);
            let second = vmlal_s8(vmull_s8(vget_high_s8(a), x[q]), vget_high_s8(b), x[q + 1]);
            (low, high) = (vpadalq_s16(low, first), vpadalq_s16(high, second));
        }
        *out = vaddq_s32(*out, vpaddq_s32(low, high));
    }
    out
}
