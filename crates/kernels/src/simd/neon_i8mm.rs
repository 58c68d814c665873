//! Products of 2 × 8 by 8 × 2 bytes in one instruction (`smmla`). Its intrinsics are not yet stable; it is spelled in
//! assembly.
#![allow(unsafe_code, reason = "one instruction in assembly")]

use super::neon::{Bytes, Words};
use std::arch::asm;

/// Adds `[w0 · x0, w0 · x1, w1 · x0, w1 · x1]`: `w` and `x` are two rows of 8 bytes each.
#[target_feature(enable = "neon,dotprod,i8mm")]
#[inline]
pub(crate) fn dot_2x2(mut acc: Words, w: Bytes, x: Bytes) -> Words {
    // SAFETY: reads and writes the three registers named; the CPU has the instruction, as it has the feature of this
    // function.
    unsafe {
        asm!(
            "smmla {acc:v}.4s, {w:v}.16b, {x:v}.16b",
            acc = inout(vreg) acc, w = in(vreg) w, x = in(vreg) x,
            options(pure, nomem, nostack, preserves_flags)
        );
    }
    acc
}
