//! 512 bits with VNNI: a pair of blocks is four vectors.

use super::{ActivationGroup, GROUP, PAIR, avx2::scales, each_group};
use crate::{
    activation::GROUP_BLOCKS,
    math::ROUND,
    simd::{
        avx2::store_i32 as store_half_i32,
        avx512::{load_f32, load_i32, store_i32, store_u8},
    },
};
#[allow(clippy::wildcard_imports, reason = "intrinsics")]
use std::arch::x86_64::*;

/// Quantises rows as [`super::super::scalar`] says.
#[target_feature(enable = "avx2,fma,f16c,avx512f,avx512bw,avx512vl,avx512dq,avx512vnni")]
pub(in crate::activation) fn quantise(x: &[f32], k: usize, out: &mut [ActivationGroup]) {
    each_group!(x, k, out);
}

/// Words of four vectors in turn, for each of their 128-bit lanes: in the order of the vectors.
const IN_ORDER: [i32; 16] = [0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15];

/// Words `[half of pair][half of block][pair]` → `[half of block][pair][half of pair]`.
const BY_HALF: [i32; 16] = [0, 8, 1, 9, 2, 10, 3, 11, 4, 12, 5, 13, 6, 14, 7, 15];

#[target_feature(enable = "avx2,fma,f16c,avx512f,avx512bw,avx512vl,avx512dq,avx512vnni")]
#[inline]
fn group<const N: usize>(pairs: [&[f32; PAIR]; N], out: &mut ActivationGroup) {
    let mut maxima = [_mm256_setzero_ps(); GROUP_BLOCKS];
    for (maxima, x) in maxima.as_chunks_mut::<2>().0.iter_mut().zip(pairs) {
        for (max, x) in maxima.iter_mut().zip(x.as_chunks::<32>().0) {
            // NaN as the first operand counts for nothing.
            let mut both = _mm512_setzero_ps();
            for v in x.as_chunks::<16>().0 {
                both = _mm512_max_ps(_mm512_abs_ps(load_f32(v)), both);
            }
            *max = _mm256_max_ps(_mm512_castps512_ps256(both), _mm512_extractf32x8_ps::<1>(both));
        }
    }
    let inverses = scales(maxima, &mut out.scales);
    let mut sums = [_mm512_setzero_si512(); GROUP / PAIR];
    let mut codes = out.codes.as_chunks_mut::<PAIR>().0.iter_mut();
    for (((x, to), sum), inverses) in pairs.iter().zip(&mut codes).zip(&mut sums).zip(inverses.as_chunks::<2>().0) {
        let (first, second) = (_mm512_set1_ps(inverses[0]), _mm512_set1_ps(inverses[1]));
        let code = |i: usize, inverse| round(_mm512_mul_ps(load_f32(&x.as_chunks::<16>().0[i]), inverse));
        let (a, b, c, d) = (code(0, first), code(1, first), code(2, second), code(3, second));
        // Both packs saturate, to i16 and to i8; their 128-bit lanes hold words of a, b, c, d.
        let packed = _mm512_packs_epi16(_mm512_packs_epi32(a, b), _mm512_packs_epi32(c, d));
        let capped = _mm512_max_epi8(packed, _mm512_set1_epi8(-127));
        let ordered = _mm512_permutexvar_epi32(load_i32(&IN_ORDER), capped);
        store_u8(bytemuck::must_cast_mut(to), ordered);
        *sum = _mm512_dpbusd_epi32(_mm512_setzero_si512(), _mm512_set1_epi8(1), ordered);
    }
    codes.for_each(|codes| *codes = [0; PAIR]);
    // 128-bit lanes are the halves of the pair's blocks: each is added up, and they come to stand beside those of the
    // other pairs.
    let [a, b, c, d] = sums;
    let two = |a, b| _mm512_add_epi32(_mm512_unpacklo_epi32(a, b), _mm512_unpackhi_epi32(a, b));
    let (ab, cd) = (two(a, b), two(c, d));
    let all = _mm512_add_epi32(_mm512_unpacklo_epi64(ab, cd), _mm512_unpackhi_epi64(ab, cd));
    let by_half = _mm512_permutexvar_epi32(load_i32(&BY_HALF), all);
    store_i32(bytemuck::must_cast_mut(&mut out.half_sums), by_half);
    let (first, second) = (_mm512_castsi512_si256(by_half), _mm512_extracti64x4_epi64::<1>(by_half));
    store_half_i32(&mut out.sums, _mm256_add_epi32(first, second));
}

/// Rounds to integers as [`crate::math::round`] does.
#[target_feature(enable = "avx2,fma,f16c,avx512f,avx512bw,avx512vl,avx512dq,avx512vnni")]
#[inline]
fn round(x: __m512) -> __m512i {
    let bias = _mm512_set1_ps(ROUND);
    _mm512_sub_epi32(_mm512_castps_si512(_mm512_add_ps(x, bias)), _mm512_castps_si512(bias))
}
