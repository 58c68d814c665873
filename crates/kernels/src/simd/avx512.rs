//! 512-bit loads and stores.

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
