//! 512-bit loads and stores.

use crate::math::{EXP_MIN, EXP_SERIES, LN2_HIGH, LN2_LOW, ROUND};
use bytemuck::must_cast;
#[allow(clippy::wildcard_imports, reason = "intrinsics")]
use std::arch::x86_64::*;

macro_rules! load {
    ($name:ident, $array:ty, $vector:ty) => {
        #[target_feature(enable = "avx2,fma,f16c,avx512f,avx512bw,avx512vl,avx512dq,avx512vnni")]
        #[inline]
        pub(crate) fn $name(from: &$array) -> $vector {
            must_cast(*from)
        }
    };
}

load!(load_u8, [u8; 64], __m512i);
load!(load_i8, [i8; 64], __m512i);
load!(load_i32, [i32; 16], __m512i);
load!(load_f32, [f32; 16], __m512);
load!(load_half_u16, [u16; 16], __m256i);

/// Stores 16 floats.
#[target_feature(enable = "avx2,fma,f16c,avx512f,avx512bw,avx512vl,avx512dq,avx512vnni")]
#[inline]
pub(crate) fn store_f32(to: &mut [f32; 16], v: __m512) {
    *to = must_cast(v);
}

/// Stores 64 bytes.
#[target_feature(enable = "avx2,fma,f16c,avx512f,avx512bw,avx512vl,avx512dq,avx512vnni")]
#[inline]
pub(crate) fn store_u8(to: &mut [u8; 64], v: __m512i) {
    *to = must_cast(v);
}

/// Stores 16 integers.
#[target_feature(enable = "avx2,fma,f16c,avx512f,avx512bw,avx512vl,avx512dq,avx512vnni")]
#[inline]
pub(crate) fn store_i32(to: &mut [i32; 16], v: __m512i) {
    *to = must_cast(v);
}

/// [`crate::math::exp`] of what is not above zero, bit for bit.
#[target_feature(enable = "avx2,fma,f16c,avx512f,avx512bw,avx512vl,avx512dq,avx512vnni")]
#[inline]
pub(crate) fn exp_not_positive(x: __m512) -> __m512 {
    let splat = |x: f32| _mm512_set1_ps(x);
    // NaN as the second operand stays.
    let clamped = _mm512_max_ps(splat(-88.0), x);
    let shifted = _mm512_fmadd_ps(clamped, splat(std::f32::consts::LOG2_E), splat(ROUND));
    let n = _mm512_sub_ps(shifted, splat(ROUND));
    let r = _mm512_fmadd_ps(n, splat(-LN2_LOW), _mm512_fmadd_ps(n, splat(-LN2_HIGH), clamped));
    let mut p = splat(EXP_SERIES[0]);
    for &factor in &EXP_SERIES[1..] {
        p = _mm512_fmadd_ps(r, p, splat(factor));
    }
    // Exact, as products with powers of two are where they are normal.
    _mm512_maskz_scalef_ps(_mm512_cmp_ps_mask::<_CMP_NLT_UQ>(x, splat(EXP_MIN)), p, n)
}
