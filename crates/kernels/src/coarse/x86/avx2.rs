//! 256 bits: pairs of products in i16.

use crate::{
    coarse::dot::Dot,
    simd::{
        avx2::{fold, load_i8, load_u8},
        prefetch_ahead,
    },
};
#[allow(clippy::wildcard_imports, reason = "intrinsics")]
use std::arch::x86_64::*;

/// The product that [`crate::coarse::dot::scalar`] specifies.
#[target_feature(enable = "avx2,fma,f16c")]
pub(in crate::coarse) fn dot((w, x, scales): Dot<'_>) -> f32 {
    let mut sum = _mm256_setzero_ps();
    let (mask, mask_high) = (_mm256_set1_epi8(15), _mm256_set1_epi8(0x30));
    for ((w, x), scale) in w.iter().zip(x).zip(scales) {
        prefetch_ahead(w);
        let (w, x) = (w.as_chunks::<32>().0, x.as_chunks::<32>().0);
        let low = [load_u8(&w[0]), load_u8(&w[1])];
        let high = load_u8(&w[2]);
        let at = |low, high, x| {
            let codes = _mm256_or_si256(_mm256_and_si256(low, mask), _mm256_and_si256(high, mask_high));
            _mm256_maddubs_epi16(codes, load_i8(x))
        };
        // i16: two pairs of at most 2 · 63 · 127 make 32,004.
        let first = _mm256_add_epi16(
            at(low[0], _mm256_slli_epi16::<4>(high), &x[0]),
            at(low[1], _mm256_slli_epi16::<2>(high), &x[1]),
        );
        let second = _mm256_add_epi16(
            at(_mm256_srli_epi16::<4>(low[0]), high, &x[2]),
            at(_mm256_srli_epi16::<4>(low[1]), _mm256_srli_epi16::<2>(high), &x[3]),
        );
        let ones = _mm256_set1_epi16(1);
        let products = _mm256_add_epi32(_mm256_madd_epi16(first, ones), _mm256_madd_epi16(second, ones));
        sum = _mm256_fmadd_ps(_mm256_cvtepi32_ps(products), _mm256_set1_ps(*scale), sum);
    }
    fold(sum)
}
