//! Dot products of bytes in one instruction (`sdot`). Its intrinsics are stable from Rust 1.98 on; until then it is
//! spelled in assembly.
#![allow(unsafe_code, reason = "one instruction in assembly")]

use super::neon::{Bytes, Words};
use std::arch::asm;

/// Adds products of 16 bytes to `acc`, four to a lane.
#[target_feature(enable = "neon,dotprod")]
#[inline]
pub(crate) fn dot(mut acc: Words, w: Bytes, x: Bytes) -> Words {
    // SAFETY: reads and writes the three registers named; the CPU has the instruction, as it has the feature of this
    // function.
    unsafe {
        asm!(
            "sdot {acc:v}.4s, {w:v}.16b, {x:v}.16b",
            acc = inout(vreg) acc, w = in(vreg) w, x = in(vreg) x,
            options(pure, nomem, nostack, preserves_flags)
        );
    }
    acc
}

/// Adds products of every four bytes of `w` with bytes `4 · LANE..` of `x`.
#[target_feature(enable = "neon,dotprod")]
#[inline]
fn dot_lane<const LANE: i32>(mut acc: Words, w: Bytes, x: Bytes) -> Words {
    // SAFETY: as in `dot`.
    unsafe {
        asm!(
            "sdot {acc:v}.4s, {w:v}.16b, {x:v}.4b[{lane}]",
            acc = inout(vreg) acc, w = in(vreg) w, x = in(vreg) x, lane = const LANE,
            options(pure, nomem, nostack, preserves_flags)
        );
    }
    acc
}

/// Adds to each of 8 rows its products with 16 columns: `w` `[column / 4][row / 4]` vectors of 4 rows × 4 columns.
#[target_feature(enable = "neon,dotprod")]
#[inline]
pub(crate) fn dot_rows(sums: [Words; 2], w: &[Bytes; 8], x: Bytes) -> [Words; 2] {
    let [mut first, mut second] = sums;
    first = dot_lane::<0>(first, w[0], x);
    second = dot_lane::<0>(second, w[1], x);
    first = dot_lane::<1>(first, w[2], x);
    second = dot_lane::<1>(second, w[3], x);
    first = dot_lane::<2>(first, w[4], x);
    second = dot_lane::<2>(second, w[5], x);
    first = dot_lane::<3>(first, w[6], x);
    second = dot_lane::<3>(second, w[7], x);
    [first, second]
}
