//! Kernels of 128-bit vectors, in the vocabulary of [`crate::simd::narrow`]: of aarch64 and of wasm32.
//!
//! *GEMV* reads weight rows in file order and unpacks them in registers for up to four tokens, 256 weights of a row or
//! (wasm32) 32 of each of eight; it serves decoding. *GEMM* unpacks 8 rows at a time into interleaved rows, which stay
//! in the first-level cache while all tokens of the call meet them; it serves prefill. A type per format ([`Unpack`])
//! says how 256 weights become vectors of signed codes and their scales, a module per level how bytes are multiplied.

use super::{ExpandedGroup, slot, token, token_tiles};
#[cfg(target_arch = "aarch64")]
use crate::{
    activation::ActivationGroup,
    simd::narrow::{fma, load_words, store_bytes},
};
use crate::{
    activation::{BLOCK, GROUP_BLOCKS},
    matmul::{MatmulArgs, Matrix},
    simd::narrow::{
        Bytes, Floats, Words, add, add_pairs, load_bytes, load_floats, mul, splat, splat_byte, store_floats, sub_bytes,
        to_floats, zero_words,
    },
};
use bytemuck::{Pod, Zeroable};
use std::ops::Range;

mod formats;
#[cfg(target_arch = "aarch64")]
mod i8mm;
#[cfg(target_arch = "aarch64")]
mod levels;
#[cfg(target_arch = "wasm32")]
pub(in crate::matmul) mod simd128;

pub(in crate::matmul) use formats::*;
#[cfg(target_arch = "aarch64")]
pub(in crate::matmul) use i8mm::gemm as gemm_i8mm;
#[cfg(target_arch = "aarch64")]
pub(in crate::matmul) use levels::*;

/// Rows that are interleaved: two vectors of sums for each token.
pub(in crate::matmul) const ROWS: usize = 8;

/// Most tokens of a GEMM pass: 2 · 4 integer and 2 · 4 float accumulators, eight vectors of weights and one of
/// activations.
#[cfg(target_arch = "aarch64")]
const GEMM_TOKENS: usize = 4;

/// Most tokens of a GEMV pass.
#[cfg(target_arch = "aarch64")]
const GEMV_TOKENS: usize = 4;

/// How 256 weights of a format are unpacked.
pub(in crate::matmul) trait Unpack {
    /// Their bytes, in file order.
    type Group: Pod;
    /// Units of 16 rather than 32.
    const HALVES: bool;
    /// Do weights have minima?
    const MINS: bool;

    /// What [`codes`](Self::codes) are too large by.
    const LESS: i8 = 0;

    /// Codes of block `i`, signed where nothing is to be taken off.
    fn codes(group: &Self::Group, i: usize) -> [Bytes; 2];

    /// Signed codes of block `i`.
    #[inline]
    fn block(group: &Self::Group, i: usize) -> [Bytes; 2] {
        let codes = Self::codes(group, i);
        if Self::LESS == 0 { codes } else { codes.map(|codes| sub_bytes(codes, splat_byte(Self::LESS))) }
    }

    /// Scales of the eight blocks; of their halves, if units are halves, else the first alone counts.
    fn scales(group: &Self::Group) -> [[f32; GROUP_BLOCKS]; 2];

    /// Minima, in the same order.
    fn mins(_group: &Self::Group) -> [[f32; GROUP_BLOCKS]; 2] {
        [[0.0; GROUP_BLOCKS]; 2]
    }

    /// Rows as bytes of groups, the last of each perhaps cut short.
    fn lines<'a>(w: &Matrix<'a>, rows: Range<usize>, _expanded: &'a mut Vec<ExpandedGroup>) -> Lines<'a> {
        let (stride, header) = (w.bytes.len() / w.rows, w.format.row_header_bytes());
        Lines { bytes: &w.bytes[rows.start * stride + header..], stride, len: stride - header }
    }

    /// Do even codes stand before odd ones in a [`wide_block`](Self::wide_block), which are [`LESS`](Self::LESS) too
    /// large then?
    #[cfg(target_arch = "wasm32")]
    const IS_SPLIT: bool = false;
    /// Are [`codes`](Self::codes) 0 to 127?
    #[cfg(target_arch = "wasm32")]
    const ARE_SMALL: bool = false;
    /// Is each scale, and each minimum, a half times an integer of 8 bits?
    #[cfg(target_arch = "wasm32")]
    const ARE_BOUNDED: bool = false;

    /// Codes of block `i` as 16 bits.
    #[cfg(target_arch = "wasm32")]
    #[inline]
    fn wide_block(group: &Self::Group, i: usize) -> [Words; 4] {
        let [[a, b], [c, d]] = Self::block(group, i).map(simd128::widen);
        [a, b, c, d]
    }

    /// Writes scales and minima of the first `n` blocks, or more, of a group of each row.
    #[cfg(target_arch = "wasm32")]
    fn of_rows(groups: [&Self::Group; ROWS], _n: usize, to: &mut RowScales) {
        for (r, group) in groups.into_iter().enumerate() {
            to.set(r, Self::scales(group), Self::mins(group));
        }
    }
}

/// Rows of weights as bytes of groups.
#[derive(Clone, Copy)]
pub(in crate::matmul) struct Lines<'a> {
    /// All bytes from the first row on.
    bytes: &'a [u8],
    stride: usize,
    /// Bytes of a row.
    #[cfg_attr(target_arch = "wasm32", allow(dead_code, reason = "what follows a row is read along there"))]
    len: usize,
}

impl<'a> Lines<'a> {
    /// Row `r` of them.
    #[cfg(target_arch = "aarch64")]
    #[inline]
    fn row(self, r: usize) -> &'a [u8] {
        &self.bytes[r * self.stride..][..self.len]
    }

    /// Row `r` of them and all that follows it.
    #[cfg(target_arch = "wasm32")]
    #[inline]
    fn from_row(self, r: usize) -> &'a [u8] {
        &self.bytes[r * self.stride..]
    }
}

/// Scales and minima of 256 columns of [`ROWS`] rows.
#[cfg(target_arch = "wasm32")]
#[derive(Clone, Copy, Default, Pod, Zeroable)]
#[repr(C, align(16))]
pub(in crate::matmul) struct RowScales {
    /// `[half][block][row]`; units of 32 use the first.
    scales: [[[f32; ROWS]; GROUP_BLOCKS]; 2],
    /// Minima, in the same order.
    mins: [[[f32; ROWS]; GROUP_BLOCKS]; 2],
}

#[cfg(target_arch = "wasm32")]
impl RowScales {
    /// Those of row `r`.
    fn set(&mut self, r: usize, scales: [[f32; GROUP_BLOCKS]; 2], mins: [[f32; GROUP_BLOCKS]; 2]) {
        for (to, from) in [(&mut self.scales, scales), (&mut self.mins, mins)] {
            for (to, from) in to.as_flattened_mut().iter_mut().zip(from.as_flattened()) {
                to[r] = *from;
            }
        }
    }
}

/// Group `g` of a row; blocks past its end are zeros, which have scale 0.
#[cfg(target_arch = "aarch64")]
#[inline]
fn group_of<F: Unpack>(row: &[u8], g: usize) -> F::Group {
    let len = size_of::<F::Group>();
    let bytes = &row[g * len..];
    if bytes.len() >= len {
        return bytemuck::pod_read_unaligned(&bytes[..len]);
    }
    let mut group = F::Group::zeroed();
    bytemuck::bytes_of_mut(&mut group)[..bytes.len()].copy_from_slice(bytes);
    group
}

/// Eight floats as two vectors.
#[inline]
fn halves(values: &[f32; 8]) -> [Floats; 2] {
    let [a, b] = bytemuck::must_cast_ref::<_, [[f32; 4]; 2]>(values);
    [load_floats(a), load_floats(b)]
}

/// Eight integers as two vectors.
#[cfg(target_arch = "aarch64")]
#[inline]
fn word_halves(values: &[i32; 8]) -> [Words; 2] {
    let [a, b] = bytemuck::must_cast_ref::<_, [[i32; 4]; 2]>(values);
    [load_words(a), load_words(b)]
}

/// Sums of four vectors, in order.
#[inline]
fn sums_of(v: [Words; 4]) -> Words {
    add_pairs(add_pairs(v[0], v[1]), add_pairs(v[2], v[3]))
}

/// One block of 32 columns of [`ROWS`] rows.
#[cfg(target_arch = "aarch64")]
#[derive(Clone, Copy, Pod, Zeroable)]
#[repr(C, align(16))]
pub(in crate::matmul) struct RowsBlock {
    /// Signed codes. `[column / 4][row][column mod 4]`, for `smmla` `[column / 8][row][column mod 8]`.
    codes: [[u8; 16]; BLOCK * ROWS / 16],
    /// `[half][row]`; units of 32 use the first.
    scales: [[f32; ROWS]; 2],
    /// Minima of the rows `[half][row]`.
    mins: [[f32; ROWS]; 2],
}

/// Blocks of a panel in lane `lane`, as a range of slots.
fn lane_slots(lane: usize, n_blocks: usize) -> Range<usize> {
    let start = if lane < n_blocks { slot(lane, n_blocks) } else { n_blocks };
    start..start + (n_blocks + GROUP_BLOCKS - 1 - lane) / GROUP_BLOCKS
}

/// Writes row `r` into the panel: `COLUMNS` codes of a row lie side by side.
#[cfg(target_arch = "aarch64")]
fn pack<F: Unpack, const COLUMNS: usize>(row: &[u8], panel: &mut [RowsBlock], r: usize) {
    let n_blocks = panel.len();
    for g in 0..n_blocks.div_ceil(GROUP_BLOCKS) {
        let group = group_of::<F>(row, g);
        let (scales, mins) = (F::scales(&group), F::mins(&group));
        for i in 0..GROUP_BLOCKS.min(n_blocks - g * GROUP_BLOCKS) {
            let block = &mut panel[slot(g * GROUP_BLOCKS + i, n_blocks)];
            let mut codes = [[0; 16]; 2];
            for (to, from) in codes.iter_mut().zip(F::block(&group, i)) {
                store_bytes(to, from);
            }
            let to = block.codes.as_flattened_mut().as_chunks_mut::<COLUMNS>().0;
            for (to, from) in to.iter_mut().skip(r).step_by(ROWS).zip(codes.as_flattened().as_chunks::<COLUMNS>().0) {
                *to = *from;
            }
            for u in 0..2 {
                block.scales[u][r] = scales[u][i];
                block.mins[u][r] = mins[u][i];
            }
        }
    }
}

/// Folds the eight lanes as [`crate::math::fold`] does.
#[inline]
fn fold_lanes(l: [Floats; GROUP_BLOCKS]) -> Floats {
    let even = add(add(l[0], l[4]), add(l[2], l[6]));
    let odd = add(add(l[1], l[5]), add(l[3], l[7]));
    add(add(even, odd), splat(0.0))
}

/// Packs the rows of a call, [`ROWS`] at a time, and hands `multiply` the panel and at most `tokens` tokens.
#[cfg(target_arch = "aarch64")]
fn for_panels<F: Unpack, const COLUMNS: usize>(
    args: &mut MatmulArgs<'_, '_>,
    tokens_max: usize,
    multiply: impl Fn(&[RowsBlock], &[&[ActivationGroup]], &mut [[f32; ROWS]; GEMM_TOKENS]),
) {
    let n_blocks = args.w.cols / BLOCK;
    for rows in token_tiles(args.out.cols.len(), ROWS) {
        let panel = &mut args.scratch.narrow;
        // What is left from before is overwritten, or belongs to rows that do not exist and is never stored.
        panel.resize(n_blocks, RowsBlock::zeroed());
        for (r, i) in rows.clone().enumerate() {
            let m = args.out.cols.start + i;
            pack::<F, COLUMNS>(F::lines(&args.w, m..m + 1, &mut args.scratch.expanded).row(0), panel, r);
        }
        for tokens in token_tiles(args.out.rows.len(), tokens_max) {
            let mut x: [&[ActivationGroup]; GEMM_TOKENS] = [&[]; GEMM_TOKENS];
            for (x, t) in x.iter_mut().zip(tokens.clone()) {
                *x = token(args.groups, args.w.cols, args.out.rows.start + t);
            }
            let mut out = [[0.0; ROWS]; GEMM_TOKENS];
            multiply(panel, &x[..tokens.len()], &mut out);
            for (out, t) in out.iter().zip(tokens) {
                args.out.row(t)[rows.clone()].copy_from_slice(&out[..rows.len()]);
            }
        }
    }
}
