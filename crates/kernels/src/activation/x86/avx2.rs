//! 256 bits: a block is four vectors.

use super::{ActivationGroup, GROUP, PAIR, each_group};
use crate::{
    activation::{BLOCK, GROUP_BLOCKS},
    math::ROUND,
    simd::avx2::{half_sums, load_f32, store_f32, store_i32, store_u8},
};
#[allow(clippy::wildcard_imports, reason = "intrinsics")]
use std::arch::x86_64::*;

/// Quantises rows as [`super::super::scalar`] says.
#[target_feature(enable = "avx2,fma,f16c")]
pub(in crate::activation) fn quantise(x: &[f32], k: usize, out: &mut [ActivationGroup]) {
    each_group!(x, k, out);
}

#[target_feature(enable = "avx2,fma,f16c")]
#[inline]
fn group<const N: usize>(pairs: [&[f32; PAIR]; N], out: &mut ActivationGroup) {
    let sign = _mm256_set1_ps(-0.0);
    let mut maxima = [_mm256_setzero_ps(); GROUP_BLOCKS];
    for (maxima, x) in maxima.as_chunks_mut::<2>().0.iter_mut().zip(pairs) {
        for (max, x) in maxima.iter_mut().zip(x.as_chunks::<BLOCK>().0) {
            for v in x.as_chunks::<8>().0 {
                // NaN as the first operand counts for nothing.
                *max = _mm256_max_ps(_mm256_andnot_ps(sign, load_f32(v)), *max);
            }
        }
    }
    let inverses = scales(maxima, &mut out.scales);
    let mut sums = [_mm256_setzero_si256(); GROUP_BLOCKS];
    let mut codes = out.codes.as_chunks_mut::<BLOCK>().0.iter_mut();
    let blocks = pairs.iter().flat_map(|x| x.as_chunks::<BLOCK>().0);
    for (((x, to), sum), inverse) in blocks.zip(&mut codes).zip(&mut sums).zip(inverses) {
        let inverse = _mm256_set1_ps(inverse);
        let code = |i: usize| round(_mm256_mul_ps(load_f32(&x.as_chunks::<8>().0[i]), inverse));
        let (a, b, c, d) = (code(0), code(1), code(2), code(3));
        // Both packs saturate, to i16 and to i8; their 128-bit lanes hold words of a, b, c, d.
        let packed = _mm256_packs_epi16(_mm256_packs_epi32(a, b), _mm256_packs_epi32(c, d));
        let capped = _mm256_max_epi8(packed, _mm256_set1_epi8(-127));
        let ordered = _mm256_permutevar8x32_epi32(capped, _mm256_setr_epi32(0, 4, 1, 5, 2, 6, 3, 7));
        store_u8(bytemuck::must_cast_mut(to), ordered);
        // i16: at most 2 · 127.
        let of_two = _mm256_maddubs_epi16(_mm256_set1_epi8(1), ordered);
        *sum = _mm256_madd_epi16(of_two, _mm256_set1_epi16(1));
    }
    codes.for_each(|codes| *codes = [0; BLOCK]);
    let [first, second] = half_sums(sums);
    store_i32(&mut out.half_sums[0], first);
    store_i32(&mut out.half_sums[1], second);
    store_i32(&mut out.sums, _mm256_add_epi32(first, second));
}

/// Rounds to integers as [`crate::math::round`] does.
#[target_feature(enable = "avx2,fma,f16c")]
#[inline]
fn round(x: __m256) -> __m256i {
    let bias = _mm256_set1_ps(ROUND);
    _mm256_sub_epi32(_mm256_castps_si256(_mm256_add_ps(x, bias)), _mm256_castps_si256(bias))
}

/// Scales of eight blocks by the vectors of their largest magnitudes, to `out`; returns their inverses.
#[target_feature(enable = "avx2,fma,f16c")]
#[inline]
pub(super) fn scales(maxima: [__m256; GROUP_BLOCKS], out: &mut [f32; GROUP_BLOCKS]) -> [f32; GROUP_BLOCKS] {
    let [a, b, c, d, e, f, g, h] = maxima;
    let two = |a, b| _mm256_max_ps(_mm256_unpacklo_ps(a, b), _mm256_unpackhi_ps(a, b));
    // Words of a, b, a, b in each 128-bit lane, then of a, b, c, d.
    let four = |ab, cd| {
        let (ab, cd) = (_mm256_castps_pd(ab), _mm256_castps_pd(cd));
        let (low, high) = (_mm256_unpacklo_pd(ab, cd), _mm256_unpackhi_pd(ab, cd));
        _mm256_max_ps(_mm256_castpd_ps(low), _mm256_castpd_ps(high))
    };
    let (abcd, efgh) = (four(two(a, b), two(c, d)), four(two(e, f), two(g, h)));
    let low = _mm256_permute2f128_ps::<0x20>(abcd, efgh);
    let max = _mm256_max_ps(low, _mm256_permute2f128_ps::<0x31>(abcd, efgh));
    let is_something = _mm256_cmp_ps::<_CMP_GT_OQ>(max, _mm256_set1_ps(1e-36));
    let most = _mm256_set1_ps(127.0);
    store_f32(out, _mm256_and_ps(_mm256_div_ps(max, most), is_something));
    let mut inverses = [0.0; GROUP_BLOCKS];
    store_f32(&mut inverses, _mm256_and_ps(_mm256_div_ps(most, max), is_something));
    inverses
}
