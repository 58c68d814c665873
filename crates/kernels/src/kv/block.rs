//! One key or value block of a page: a head's elements of [`PAGE_LEN`] positions.

use super::{KvType, PAGE_LEN};
use crate::{
    isa::{Level, multiversion},
    math::{f16_to_f32, f32_to_f16, round},
    simd::half,
};

/// Elements that share a scale in [`KvType::Q8_0`].
pub(super) const Q8_BLOCK: usize = 32;

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Side {
    /// `[Dk, P]`
    Keys,
    /// `[P, Dv]`
    Values,
}

/// A whole block to f32, in its own order.
pub(super) fn read(level: Level, kv_type: KvType, side: Side, block: &[u8], dim: usize, out: &mut [f32]) {
    match kv_type {
        KvType::F32 => out.copy_from_slice(bytemuck::cast_slice(block)),
        KvType::F16 => half::to_f32(level, bytemuck::cast_slice(block), out),
        KvType::Q8_0 => {
            let (codes, scales) = block.split_at(dim * PAGE_LEN);
            read_q8_0(level, side, bytemuck::cast_slice(codes), bytemuck::cast_slice(scales), out);
        }
    }
}

multiversion! {
    /// Exact: 8 bits times 11.
    fn read_q8_0(side: Side, codes: &[i8], scales: &[u16], out: &mut [f32]) {
        match side {
            Side::Keys => {
                const ROWS: usize = Q8_BLOCK * PAGE_LEN;
                let blocks = out.as_chunks_mut::<ROWS>().0.iter_mut().zip(codes.as_chunks::<ROWS>().0);
                for ((out, codes), scales) in blocks.zip(scales.as_chunks::<PAGE_LEN>().0) {
                    let scales = scales.map(f16_to_f32);
                    for (out, codes) in out.as_chunks_mut::<PAGE_LEN>().0.iter_mut().zip(codes.as_chunks::<PAGE_LEN>().0) {
                        for ((out, &code), &scale) in out.iter_mut().zip(codes).zip(&scales) {
                            *out = f32::from(code) * scale;
                        }
                    }
                }
            }
            Side::Values => {
                let blocks = out.as_chunks_mut::<Q8_BLOCK>().0.iter_mut().zip(codes.as_chunks::<Q8_BLOCK>().0);
                for ((out, codes), &scale) in blocks.zip(scales) {
                    let scale = f16_to_f32(scale);
                    out.iter_mut().zip(codes).for_each(|(out, &code)| *out = f32::from(code) * scale);
                }
            }
        }
    }
}

/// One position of one head into its block.
pub(super) fn write(level: Level, kv_type: KvType, side: Side, slot: usize, x: &[f32], block: &mut [u8]) {
    match kv_type {
        KvType::F32 => {
            let out: &mut [f32] = bytemuck::cast_slice_mut(block);
            place(side, slot, x, 0, x.len(), out);
        }
        KvType::F16 => {
            let out: &mut [u16] = bytemuck::cast_slice_mut(block);
            let mut halves = [0; Q8_BLOCK];
            for (i, part) in x.chunks(Q8_BLOCK).enumerate() {
                let halves = &mut halves[..part.len()];
                half::from_f32(level, part, halves);
                place(side, slot, halves, i * Q8_BLOCK, x.len(), out);
            }
        }
        KvType::Q8_0 => {
            let (codes, scales) = block.split_at_mut(x.len() * PAGE_LEN);
            let (codes, scales) = (bytemuck::cast_slice_mut(codes), bytemuck::cast_slice_mut(scales));
            write_q8_0(level, side, slot, x, codes, scales);
        }
    }
}

/// Elements from `first` of a head of width `dim` at position `slot`.
#[inline]
fn place<T: Copy>(side: Side, slot: usize, x: &[T], first: usize, dim: usize, out: &mut [T]) {
    match side {
        Side::Keys => {
            let rows = out.as_chunks_mut::<PAGE_LEN>().0[first..].iter_mut();
            rows.zip(x).for_each(|(row, &x)| row[slot] = x);
        }
        Side::Values => out[slot * dim + first..][..x.len()].copy_from_slice(x),
    }
}

multiversion! {
    fn write_q8_0(side: Side, slot: usize, x: &[f32], codes: &mut [i8], scales: &mut [u16]) {
        let dim = x.len();
        for (b, x) in x.as_chunks::<Q8_BLOCK>().0.iter().enumerate() {
            let max = x.iter().fold(0.0f32, |max, v| if v.abs() > max { v.abs() } else { max });
            let half = f32_to_f16(max / 127.0);
            let scale = f16_to_f32(half);
            let inverse = if scale > 0.0 { 1.0 / scale } else { 0.0 };
            let at = match side {
                Side::Keys => b * PAGE_LEN + slot,
                Side::Values => slot * (dim / Q8_BLOCK) + b,
            };
            scales[at] = half;
            // A scale rounded down lets the largest element reach 127.06, a subnormal one more.
            let block = x.map(|x| round(x * inverse).clamp(-127, 127) as i8);
            place(side, slot, &block, b * Q8_BLOCK, dim, codes);
        }
    }
}
