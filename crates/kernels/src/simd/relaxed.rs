//! The two instructions of wasm32's relaxed SIMD that are worth a level of their own, as functions: each gives what the
//! standard lets the instruction give. `cargo xtask web` puts the instruction where the function is called, in a second
//! module, for the engines that load such a one.
//!
//! The compiler is not told of relaxed SIMD. If one function had it, LLVM would compile all of a module for it, and
//! LLVM 22 then takes `f32x4.relaxed_min` wherever `f32x4.pmin` was meant, which loses NaN.

#![allow(unsafe_code, reason = "functions that are found by their names")]
#![allow(improper_ctypes_definitions, reason = "a vector is a vector in every module")]

use super::simd128::{Bytes, Floats, Singles, Words};
use std::{
    arch::wasm32::{
        f32x4_add, f32x4_extract_lane, f32x4_mul, f32x4_splat, i8x16_splat, i16x8_extend_high_i8x16,
        i16x8_extend_low_i8x16, i32x4_add, i32x4_dot_i16x8, i32x4_extract_lane, i32x4_shuffle, i32x4_splat, v128,
    },
    hint::black_box,
    sync::OnceLock,
};

/// `f32x4.relaxed_madd`: `a · b + c`, rounded once where [`is_right`].
// SAFETY: the name is nobody else's.
#[unsafe(no_mangle)]
#[inline(never)]
pub(crate) extern "C" fn trinity_relaxed_madd(a: v128, b: v128, c: v128) -> v128 {
    f32x4_add(f32x4_mul(a, b), c)
}

/// `i32x4.relaxed_dot_i8x16_i7x16_add_s`: adds to each of four sums the products of four of 16 bytes `x` with bytes
/// `w`, which are 0 to 127.
// SAFETY: the name is nobody else's.
#[unsafe(no_mangle)]
#[inline(never)]
pub(crate) extern "C" fn trinity_relaxed_dot(x: v128, w: v128, sums: v128) -> v128 {
    let low = i32x4_dot_i16x8(i16x8_extend_low_i8x16(x), i16x8_extend_low_i8x16(w));
    let high = i32x4_dot_i16x8(i16x8_extend_high_i8x16(x), i16x8_extend_high_i8x16(w));
    let (even, odd) = (i32x4_shuffle::<0, 2, 4, 6>(low, high), i32x4_shuffle::<1, 3, 5, 7>(low, high));
    i32x4_add(sums, i32x4_add(even, odd))
}

/// `a · b + c`, rounded once where [`is_right`].
#[inline]
pub(crate) fn fma(a: Floats, b: Floats, c: Floats) -> Floats {
    trinity_relaxed_madd(a, b, c)
}

/// Adds to each of four sums the products of four of 16 bytes `x` with bytes `w`, which are 0 to 127 (what others give
/// is the engine's choice).
#[inline]
pub(crate) fn dot(sums: Words, w: Bytes, x: Bytes) -> Words {
    trinity_relaxed_dot(x, w, sums)
}

/// [`fma`] of every four.
pub(crate) type Fused = Singles<true>;

/// May [`fma`] and [`dot`] be used? (A cached answer.) Not where the multiply-add rounds its product, nor where the
/// product of bytes forgets the sums, as in Node.js 21 (V8 11.8) on CPUs with AVX-VNNI.
pub(crate) fn is_right() -> bool {
    static ANSWER: OnceLock<bool> = OnceLock::new();
    *ANSWER.get_or_init(|| {
        // (1 + ε)² - (1 + 2ε) is ε², which a rounded product has lost.
        let a = f32x4_splat(black_box(1.0 + f32::EPSILON));
        let c = f32x4_splat(black_box(-1.0 - 2.0 * f32::EPSILON));
        let rounds_once = f32x4_extract_lane::<0>(fma(a, a, c)) == f32::EPSILON * f32::EPSILON;
        let (x, w, sums) = black_box((-3, 5, 1000));
        let (x, w, sums) = (i8x16_splat(x), i8x16_splat(w), i32x4_splat(sums));
        // Sums that are used again, and sums that are not.
        let [once, twice] = [dot(sums, w, x), dot(dot(sums, w, x), w, x)].map(|sums| i32x4_extract_lane::<0>(sums));
        rounds_once && once == 940 && twice == 880
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        math::fused::tests::{assert_fused, triples},
        simd::simd128::{load_bytes, load_floats, load_words},
    };
    use testkit::Rng;

    fn four_lanes(triples: &[[f32; 3]; 4]) -> [f32; 4] {
        let [a, b, c] = std::array::from_fn(|i| load_floats(&triples.map(|triple| triple[i])));
        bytemuck::must_cast(fma(a, b, c))
    }

    /// Where tests run the level must be there: others walk over those that are.
    #[test]
    fn the_level_is_there_and_rounds_once() {
        assert!(is_right(), "this engine or its CPU lacks a fused multiply-add, or adds wrong sums");
        for triples in triples(&mut Rng::new(132), 1_000_000).as_chunks::<4>().0 {
            four_lanes(triples).into_iter().zip(*triples).for_each(|(got, triple)| assert_fused(got, triple));
        }
    }

    fn sixteen_products(sums: &[i32; 4], w: &[u8; 16], x: &[i8; 16]) -> [i32; 4] {
        bytemuck::must_cast(dot(load_words(sums), load_bytes(w), load_bytes(x)))
    }

    #[test]
    fn products_of_bytes_are_added_at_their_extremes() {
        let mut rng = Rng::new(133);
        for _ in 0..1000 {
            let bytes = rng.bytes(48);
            let pick = |i: usize, least: u8, most: u8| match bytes[32 + i % 16] % 4 {
                0 => least,
                1 => most,
                _ => bytes[i],
            };
            let w: [u8; 16] = std::array::from_fn(|i| pick(i, 0, 127) & 127);
            let x: [i8; 16] = std::array::from_fn(|i| pick(i + 16, 0x80, 0x7f).cast_signed());
            let sums: [i32; 4] = std::array::from_fn(|i| i32::from(bytes[i]) << 20);
            let expected: [i32; 4] = std::array::from_fn(|lane| {
                sums[lane] + (4 * lane..4 * lane + 4).map(|i| i32::from(w[i]) * i32::from(x[i])).sum::<i32>()
            });
            assert_eq!(sixteen_products(&sums, &w, &x), expected, "{w:?} {x:?}");
        }
    }
}
