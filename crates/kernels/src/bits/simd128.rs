//! 128 bits of wasm32: four vectors a line, bits counted byte by byte.

use super::{
    ADD_MANY, Counter, LINE_BITS, Line, PLANES,
    table::Tile,
    wide::{harley_seal, operations},
};
#[allow(clippy::wildcard_imports, reason = "intrinsics")]
use std::arch::wasm32::*;

type Wide = v128;
const PER_LINE: usize = 4;

operations!("simd128");
harley_seal!("simd128");

#[target_feature(enable = "simd128")]
#[inline]
fn zero() -> Wide {
    u64x2_splat(0)
}

#[target_feature(enable = "simd128")]
#[inline]
fn xor(a: Wide, b: Wide) -> Wide {
    v128_xor(a, b)
}

#[target_feature(enable = "simd128")]
#[inline]
fn and(a: Wide, b: Wide) -> Wide {
    v128_and(a, b)
}

#[target_feature(enable = "simd128")]
#[inline]
fn or(a: Wide, b: Wide) -> Wide {
    v128_or(a, b)
}

#[target_feature(enable = "simd128")]
#[inline]
fn xor3(a: Wide, b: Wide, c: Wide) -> Wide {
    xor(xor(a, b), c)
}

#[target_feature(enable = "simd128")]
#[inline]
fn majority(a: Wide, b: Wide, c: Wide) -> Wide {
    // Where a and b differ, c decides.
    v128_bitselect(c, a, xor(a, b))
}

/// Set bits of each 32-bit lane.
#[target_feature(enable = "simd128")]
#[inline]
fn popcount(v: Wide) -> Wide {
    u32x4_extadd_pairwise_u16x8(u16x8_extadd_pairwise_u8x16(u8x16_popcnt(v)))
}

#[target_feature(enable = "simd128")]
#[inline]
fn add(a: Wide, b: Wide) -> Wide {
    u32x4_add(a, b)
}

#[target_feature(enable = "simd128")]
#[inline]
fn sum(v: Wide) -> i32 {
    bytemuck::must_cast::<Wide, [i32; 4]>(v).iter().sum()
}
