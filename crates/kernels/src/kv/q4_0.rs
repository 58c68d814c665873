//! `Q4_0` blocks: codes of 4 bits, 8 above their value, then f16 scales as in `Q8_0`.
//!
//! Keys: a row of 16 bytes for each element, byte `i` holds position `i` in bits 0–3 and `i + 16` in bits 4–7. Values:
//! 16 bytes for each 32 elements of a position, in which byte `i` holds elements `i` and `i + 16`, as in ggml's block.

use super::{PAGE_LEN, Side, block::scale_index};
use crate::{
    isa::multiversion,
    math::{f16_to_f32, f32_to_f16, round},
};

/// Elements of a head that share a scale.
pub(super) const BLOCK: usize = 32;

/// Bytes of 32 codes.
const BYTES: usize = BLOCK / 2;

multiversion! {
    /// Exact: 4 bits times 11.
    pub(super) fn read(side: Side, codes: &[u8], scales: &[u16], out: &mut [f32]) {
        match side {
            Side::Keys => {
                let codes = codes.as_chunks::<{ BLOCK * BYTES }>().0;
                let blocks = out.as_chunks_mut::<{ BLOCK * PAGE_LEN }>().0.iter_mut().zip(codes);
                for ((out, codes), scales) in blocks.zip(scales.as_chunks::<PAGE_LEN>().0) {
                    let scales = scales.map(f16_to_f32);
                    for (out, bytes) in out.as_chunks_mut::<PAGE_LEN>().0.iter_mut().zip(codes.as_chunks::<BYTES>().0) {
                        unpack(bytes, &scales, out);
                    }
                }
            }
            Side::Values => {
                let blocks = out.as_chunks_mut::<BLOCK>().0.iter_mut().zip(codes.as_chunks::<BYTES>().0);
                for ((out, bytes), &scale) in blocks.zip(scales) {
                    unpack(bytes, &[f16_to_f32(scale); BLOCK], out);
                }
            }
        }
    }
}

/// 32 codes times their scales.
#[inline(always)]
#[allow(clippy::inline_always, reason = "compiled inside each instruction set's version")]
fn unpack(bytes: &[u8; BYTES], scales: &[f32; BLOCK], out: &mut [f32; BLOCK]) {
    const LOWER: u64 = 0x0f0f_0f0f_0f0f_0f0f;
    let (low, high) = bytes.split_at(BYTES / 2);
    let word = |bytes: &[u8]| bytes.iter().rev().fold(0u64, |word, &byte| word << 8 | u64::from(byte));
    let (low, high) = (word(low), word(high));
    // Codes as bytes first: a loop over 16 words becomes one over blocks, with scattered stores, which take several
    // times as long.
    let codes: [u8; BLOCK] = bytemuck::must_cast([low, high, low >> 4, high >> 4].map(|word| (word & LOWER).to_le()));
    for ((out, code), scale) in out.iter_mut().zip(codes).zip(scales) {
        *out = f32::from(code as i8 - 8) * scale;
    }
}

multiversion! {
    pub(super) fn write(side: Side, slot: usize, x: &[f32], codes: &mut [u8], scales: &mut [u16]) {
        let n_blocks = x.len() / BLOCK;
        for (b, x) in x.as_chunks::<BLOCK>().0.iter().enumerate() {
            let half = f32_to_f16(scale(x));
            let scale = f16_to_f32(half);
            let inverse = if scale == 0.0 { 0.0 } else { 1.0 / scale };
            scales[scale_index(side, slot, b, n_blocks)] = half;
            let block = x.map(|x| (round(x * inverse).clamp(-8, 7) + 8) as u8);
            match side {
                Side::Keys => {
                    let (at, shift) = (slot % BYTES, 4 * (slot / BYTES));
                    let rows = codes.as_chunks_mut::<BYTES>().0[b * BLOCK..].iter_mut();
                    rows.zip(block).for_each(|(row, code)| row[at] = row[at] & !(15 << shift) | code << shift);
                }
                Side::Values => {
                    let bytes = &mut codes.as_chunks_mut::<BYTES>().0[slot * n_blocks + b];
                    for (i, byte) in bytes.iter_mut().enumerate() {
                        *byte = block[i] | block[i + BYTES] << 4;
                    }
                }
            }
        }
    }
}

/// The scale under which the largest element is −8, which is one step further from zero than 7 (ggml's choice); within
/// the range of halves. NaN if an element is no number, and then so is everything read back.
#[inline(always)]
#[allow(clippy::inline_always, reason = "compiled inside each instruction set's version")]
fn scale(x: &[f32; BLOCK]) -> f32 {
    let peak = x.iter().fold(0.0f32, |peak, v| if v.abs() > peak.abs() { *v } else { peak });
    let is_broken = x.iter().fold(false, |broken, v| broken | !v.is_finite());
    if is_broken { f32::NAN } else { (peak / -8.0).clamp(-65504.0, 65504.0) }
}
