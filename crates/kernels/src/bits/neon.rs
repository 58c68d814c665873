//! 128 bits of aarch64: four vectors a line, bits counted by `cnt`.

use super::{
    ADD_MANY, Counter, LINE_BITS, Line, PLANES,
    table::Tile,
    wide::{harley_seal, operations},
};
#[allow(clippy::wildcard_imports, reason = "intrinsics")]
use std::arch::aarch64::*;

type Wide = uint64x2_t;
const PER_LINE: usize = 4;

operations!("neon");
harley_seal!("neon");

#[target_feature(enable = "neon")]
#[inline]
fn zero() -> Wide {
    vdupq_n_u64(0)
}

#[target_feature(enable = "neon")]
#[inline]
fn xor(a: Wide, b: Wide) -> Wide {
    veorq_u64(a, b)
}

#[target_feature(enable = "neon")]
#[inline]
fn and(a: Wide, b: Wide) -> Wide {
    vandq_u64(a, b)
}

#[target_feature(enable = "neon")]
#[inline]
fn or(a: Wide, b: Wide) -> Wide {
    vorrq_u64(a, b)
}

#[target_feature(enable = "neon")]
#[inline]
fn xor3(a: Wide, b: Wide, c: Wide) -> Wide {
    xor(xor(a, b), c)
}

#[target_feature(enable = "neon")]
#[inline]
fn majority(a: Wide, b: Wide, c: Wide) -> Wide {
    // Where a and b differ, c decides.
    vbslq_u64(xor(a, b), c, a)
}

/// Set bits of each 64-bit lane.
#[target_feature(enable = "neon")]
#[inline]
fn popcount(v: Wide) -> Wide {
    vpaddlq_u32(vpaddlq_u16(vpaddlq_u8(vcntq_u8(vreinterpretq_u8_u64(v)))))
}

#[target_feature(enable = "neon")]
#[inline]
fn add(a: Wide, b: Wide) -> Wide {
    vaddq_u64(a, b)
}

#[target_feature(enable = "neon")]
#[inline]
fn sum(v: Wide) -> i32 {
    vaddvq_u64(v) as i32
}
