//! 512-bit loads and stores.

use std::arch::x86_64::*;

macro_rules! load {
    ($name:ident, $array:ty, $vector:ty, $intrinsic:ident, $pointer:ty) => {
        #[target_feature(enable = "avx2,fma,f16c,avx512f,avx512bw,avx512vl,avx512dq,avx512vnni")]
        #[inline]
        pub(crate) fn $name(from: &$array) -> $vector {
            // SAFETY: the array is as long as the register, and the load takes any alignment.
            unsafe { $intrinsic(from.as_ptr().cast::<$pointer>()) }
        }
    };
}

load!(load_u8, [u8; 64], __m512i, _mm512_loadu_si512, __m512i);
load!(load_f32, [f32; 16], __m512, _mm512_loadu_ps, f32);

/// Stores 16 floats.
#[target_feature(enable = "avx2,fma,f16c,avx512f,avx512bw,avx512vl,avx512dq,avx512vnni")]
#[inline]
pub(crate) fn store_f32(to: &mut [f32; 16], v: __m512) {
    // SAFETY: the array is as long as the register, and the store takes any alignment.
    unsafe { _mm512_storeu_ps(to.as_mut_ptr(), v) }
}
