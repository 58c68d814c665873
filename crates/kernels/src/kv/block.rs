//! One key or value block of a page: a head's elements of [`PAGE_LEN`] positions.

use super::{KvType, PAGE_LEN, Side, q4_0, q8_0, t2};
use crate::{isa::Level, simd::half};

/// Elements converted at a time on the way to a block of halves.
const CHUNK: usize = 32;

/// Room in which heads are made ready to be stored.
#[derive(Default)]
pub(super) struct Room {
    /// A head in f32 `[max(Dk, Dv)]`.
    pub(super) head: Vec<f32>,
    /// A head as codes `[max(Dk, Dv)]`.
    pub(super) codes: Vec<i8>,
    /// A sorted head, with a capacity of `max(Dk, Dv)`.
    pub(super) sorted: Vec<f32>,
}

impl Room {
    /// For heads of at most `dim` elements.
    pub(super) fn new(dim: usize) -> Self {
        Self { head: vec![0.0; dim], codes: vec![0; dim], sorted: Vec::with_capacity(dim) }
    }
}

/// A whole block to f32, in its own order.
pub(super) fn read(level: Level, kv_type: KvType, side: Side, block: &[u8], dim: usize, out: &mut [f32]) {
    match kv_type {
        KvType::F32 => out.copy_from_slice(bytemuck::cast_slice(block)),
        KvType::F16 => half::to_f32(level, bytemuck::cast_slice(block), out),
        KvType::Q8_0 => {
            let (codes, scales) = block.split_at(dim * PAGE_LEN);
            q8_0::read(level, side, bytemuck::cast_slice(codes), bytemuck::cast_slice(scales), out);
        }
        KvType::Q4_0 => {
            let (codes, scales) = block.split_at(dim * PAGE_LEN / 2);
            q4_0::read(level, side, codes, bytemuck::cast_slice(scales), out);
        }
        KvType::T2(_) => t2::read(level, side, block, dim, out),
    }
}

/// One position of one head into its block; `room` is what [`t2::write`] works in.
pub(super) fn write(
    level: Level,
    kv_type: KvType,
    side: Side,
    slot: usize,
    x: &[f32],
    room: (&mut [i8], &mut Vec<f32>),
    block: &mut [u8],
) {
    match kv_type {
        KvType::F32 => {
            let out: &mut [f32] = bytemuck::cast_slice_mut(block);
            place(side, slot, x, 0, x.len(), out);
        }
        KvType::F16 => {
            let out: &mut [u16] = bytemuck::cast_slice_mut(block);
            let mut halves = [0; CHUNK];
            for (i, part) in x.chunks(CHUNK).enumerate() {
                let halves = &mut halves[..part.len()];
                half::from_f32(level, part, halves);
                place(side, slot, halves, i * CHUNK, x.len(), out);
            }
        }
        KvType::Q8_0 => {
            let (codes, scales) = block.split_at_mut(x.len() * PAGE_LEN);
            q8_0::write(level, side, slot, x, bytemuck::cast_slice_mut(codes), bytemuck::cast_slice_mut(scales));
        }
        KvType::Q4_0 => {
            let (codes, scales) = block.split_at_mut(x.len() * PAGE_LEN / 2);
            q4_0::write(level, side, slot, x, codes, bytemuck::cast_slice_mut(scales));
        }
        KvType::T2(mode) => t2::write(mode, side, slot, x, room, block),
    }
}

/// Elements from `first` of a head of width `dim` at position `slot`.
#[inline]
pub(super) fn place<T: Copy>(side: Side, slot: usize, x: &[T], first: usize, dim: usize, out: &mut [T]) {
    match side {
        Side::Keys => {
            let rows = out.as_chunks_mut::<PAGE_LEN>().0[first..].iter_mut();
            rows.zip(x).for_each(|(row, &x)| row[slot] = x);
        }
        Side::Values => out[slot * dim + first..][..x.len()].copy_from_slice(x),
    }
}

/// Where the scale of quantisation block `b` of `n_blocks` lies: keys `[Dk / 32, P]`, values `[P, Dv / 32]`.
#[inline]
pub(super) fn scale_index(side: Side, slot: usize, b: usize, n_blocks: usize) -> usize {
    match side {
        Side::Keys => b * PAGE_LEN + slot,
        Side::Values => slot * n_blocks + b,
    }
}
