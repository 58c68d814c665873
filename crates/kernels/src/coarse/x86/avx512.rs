//! 512 bits with VNNI: a span is one load of weights and two `vpdpbusd`.

use crate::{
    coarse::dot::Dot,
    simd::{
        avx2,
        avx512::{load_i8, load_u8},
        prefetch_ahead,
    },
};
#[allow(clippy::wildcard_imports, reason = "intrinsics")]
use std::arch::x86_64::*;

/// The product that [`crate::coarse::dot::scalar`] specifies.
#[target_feature(enable = "avx2,fma,f16c,avx512f,avx512bw,avx512vl,avx512dq,avx512vnni")]
pub(in crate::coarse) fn dot((w, x, scales): Dot<'_>) -> f32 {
    let mut sum = _mm512_setzero_ps();
    let mask = _mm512_set1_epi8(15);
    // Where the high bits of 64 columns lie: those of the second 32 are 2 bits above those of the first.
    let mask_high = _mm512_set1_epi8(0x30);
    let left = _mm512_inserti64x4::<1>(_mm512_set1_epi16(4), _mm256_set1_epi16(2));
    let right = _mm512_inserti64x4::<1>(_mm512_setzero_si512(), _mm256_set1_epi16(2));
    for ((w, x), scale) in w.iter().zip(x).zip(scales) {
        prefetch_ahead(w);
        let (Some(low), Some(high)) = (w.first_chunk::<64>(), w.last_chunk::<32>()) else { continue };
        let (w, x) = (load_u8(low), x.as_chunks::<64>().0);
        let high = _mm512_broadcast_i64x4(avx2::load_u8(high));
        let high = [_mm512_sllv_epi16(high, left), _mm512_srlv_epi16(high, right)];
        let low = [w, _mm512_srli_epi16::<4>(w)];
        // i32: eight products of at most 63 · 127 a lane.
        let mut products = _mm512_setzero_si512();
        for i in 0..2 {
            // (low & mask) | (high & mask_high)
            let codes = _mm512_ternarylogic_epi32::<0xF8>(_mm512_and_si512(low[i], mask), high[i], mask_high);
            products = _mm512_dpbusd_epi32(products, codes, load_i8(&x[i]));
        }
        sum = _mm512_fmadd_ps(_mm512_cvtepi32_ps(products), _mm512_set1_ps(*scale), sum);
    }
    _mm512_reduce_add_ps(sum)
}
