//! Ternary blocks: codes −1, 0, 1 as 0, 1, 2 in 2 bits, then an f16 scale for each position.
//!
//! Bytes hold four codes each, 32 of them in 8: byte `i` holds codes `i`, `i + 8`, `i + 16` and `i + 24` from its
//! lowest bits up. Keys: such a row of 32 positions for each element. Values: the elements of a position in such rows;
//! what is left of a head after whole rows lies in `n` bytes that hold codes `i`, `i + n`, `i + 2 n`, `i + 3 n`.

use super::{PAGE_LEN, Side};
use crate::{
    isa::multiversion,
    math::{f16_to_f32, f32_to_f16},
};
use quant::ternarise::{Mode, ternarise};

/// Codes in a byte.
const PLANES: usize = 4;

/// Bytes of 32 positions of one element of a key.
const ROW: usize = PAGE_LEN / PLANES;

/// Bytes of a head at one position.
pub(super) fn position_bytes(dim: usize) -> usize {
    dim.div_ceil(PLANES) + 2
}

/// Codes and scales of a block.
fn split(block: &[u8]) -> (&[u8], &[u16]) {
    let (codes, scales) = block.split_at(block.len() - 2 * PAGE_LEN);
    (codes, bytemuck::cast_slice(scales))
}

/// A whole block to f32 in its own order, heads of width `dim`.
pub(super) fn read(level: crate::isa::Level, side: Side, block: &[u8], dim: usize, out: &mut [f32]) {
    let (codes, scales) = split(block);
    match side {
        Side::Keys => read_keys(level, codes, scales, out),
        Side::Values => read_values(level, codes, scales, dim, out),
    }
}

multiversion! {
    /// Exact: 2 bits times 11.
    fn read_keys(codes: &[u8], scales: &[u16], out: &mut [f32]) {
        let mut positions = [0.0; PAGE_LEN];
        positions.iter_mut().zip(scales).for_each(|(scale, &half)| *scale = f16_to_f32(half));
        for (out, row) in out.as_chunks_mut::<PAGE_LEN>().0.iter_mut().zip(codes.as_chunks::<ROW>().0) {
            for ((out, code), scale) in out.iter_mut().zip(spread(row)).zip(&positions) {
                *out = f32::from(code as i8 - 1) * scale;
            }
        }
    }
}

multiversion! {
    /// Exact: 2 bits times 11.
    fn read_values(codes: &[u8], scales: &[u16], dim: usize, out: &mut [f32]) {
        let positions = out.chunks_exact_mut(dim).zip(codes.chunks_exact(dim.div_ceil(PLANES)));
        for ((out, bytes), &scale) in positions.zip(scales) {
            let scale = f16_to_f32(scale);
            let (whole, rest) = out.as_chunks_mut::<{ PLANES * ROW }>();
            let (rows, bytes) = bytes.split_at(whole.len() * ROW);
            for (out, row) in whole.iter_mut().zip(rows.as_chunks::<ROW>().0) {
                for (out, code) in out.iter_mut().zip(spread(row)) {
                    *out = f32::from(code as i8 - 1) * scale;
                }
            }
            for (plane, out) in rest.chunks_mut(bytes.len().max(1)).enumerate() {
                for (out, byte) in out.iter_mut().zip(bytes) {
                    *out = f32::from((byte >> (2 * plane) & 3) as i8 - 1) * scale;
                }
            }
        }
    }
}

/// The 32 codes of a row, one a byte: a loop over these becomes vectors, one over 8 bytes becomes a loop over rows with
/// scattered stores.
#[inline(always)]
#[allow(clippy::inline_always, reason = "compiled inside each instruction set's version")]
fn spread(row: &[u8; ROW]) -> [u8; PLANES * ROW] {
    const LOWEST: u64 = 0x0303_0303_0303_0303;
    let word = u64::from_le_bytes(*row);
    bytemuck::must_cast([0, 2, 4, 6].map(|shift| (word >> shift & LOWEST).to_le()))
}

/// One position of one head. `codes` `[Dh]` and `sorted` are room to work in.
pub(super) fn write(
    mode: Mode,
    side: Side,
    slot: usize,
    x: &[f32],
    (codes, sorted): (&mut [i8], &mut Vec<f32>),
    block: &mut [u8],
) {
    let scale = ternarise(mode, x, codes, sorted);
    // Beyond the range of halves the largest half is nearest. A comparison, so that NaN stays: a row with NaN or
    // infinity reads back as NaN.
    let scale = if scale > 65504.0 { 65504.0 } else { scale };
    let (bytes, scales) = block.split_at_mut(block.len() - 2 * PAGE_LEN);
    let scales: &mut [u16] = bytemuck::cast_slice_mut(scales);
    scales[slot] = f32_to_f16(scale);
    match side {
        Side::Keys => {
            let (at, shift) = (slot % ROW, 2 * (slot / ROW));
            for (row, &code) in bytes.as_chunks_mut::<ROW>().0.iter_mut().zip(&*codes) {
                row[at] = row[at] & !(3 << shift) | ((code + 1) as u8) << shift;
            }
        }
        Side::Values => {
            let n_bytes = x.len().div_ceil(PLANES);
            let bytes = &mut bytes[slot * n_bytes..][..n_bytes];
            bytes.fill(0);
            for (bytes, codes) in bytes.chunks_mut(ROW).zip(codes.chunks(PLANES * ROW)) {
                for (plane, codes) in codes.chunks(bytes.len()).enumerate() {
                    bytes.iter_mut().zip(codes).for_each(|(byte, &code)| *byte |= ((code + 1) as u8) << (2 * plane));
                }
            }
        }
    }
}
