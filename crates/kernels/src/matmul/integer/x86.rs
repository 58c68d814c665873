//! AVX2, AVX-VNNI and AVX-512 kernels, one pair per format and level.
//!
//! *GEMV* reads weight rows in file order and unpacks 256 weights in registers for up to four tokens; it serves decoding. *GEMM* unpacks
//! 32 rows once into a panel of interleaved rows and multiplies it with all tokens of the call; it serves prefill. Unpacking is shared:
//! a module per format says how 256 weights become eight vectors of codes and a vector of scales.

use super::{PANEL_ROWS, PanelBlock};
use crate::activation::{ActivationGroup, GROUP_BLOCKS};
use bytemuck::Zeroable;

mod formats;
mod panel_avx2;
mod panel_avx512;
mod panel_avxvnni;

pub(in crate::matmul) use formats::*;

/// Most tokens of a GEMV pass: four accumulators and eight vectors of codes fit the registers.
pub(in crate::matmul) const GEMV_TOKENS: usize = 4;

/// Makes `panel` one of `n_blocks` blocks.
fn reset(panel: &mut Vec<PanelBlock>, n_blocks: usize) {
    // What is left from before is overwritten, or belongs to rows that do not exist and is never stored.
    panel.resize(n_blocks, PanelBlock::zeroed());
}

/// Which kernels a format gets and how its codes are stored.
#[derive(Clone, Copy)]
struct Units {
    /// Units of 16 rather than 32.
    halves: bool,
    /// Whether weights have minima.
    mins: bool,
    /// Added to codes to make them unsigned: 0, 8, 16, 32 or 128.
    offset: i32,
}

/// What the panel kernels take: `panel` × `x` `[T]` → `out` `[T][32]`.
struct PanelArgs<'a> {
    units: Units,
    panel: &'a [PanelBlock],
    x: &'a [&'a [ActivationGroup]],
}

/// Blocks of a panel in lane `lane`, as a range of slots.
fn lane_slots(lane: usize, n_blocks: usize) -> std::ops::Range<usize> {
    let start = if lane < n_blocks { super::slot(lane, n_blocks) } else { n_blocks };
    let len = (n_blocks + GROUP_BLOCKS - 1 - lane) / GROUP_BLOCKS;
    start..start + len
}

/// Writes the codes of a group of one row into the panel.
#[inline]
fn scatter(panel: &mut [PanelBlock], n_blocks: usize, group: usize, row: usize, codes: &[[u8; 32]; 8]) {
    for (i, codes) in codes.iter().enumerate().take(n_blocks - group * GROUP_BLOCKS) {
        let block = &mut panel[super::slot(group * GROUP_BLOCKS + i, n_blocks)];
        for (to, from) in block.codes.iter_mut().zip(codes.as_chunks::<4>().0) {
            to.as_chunks_mut::<4>().0[row] = *from;
        }
    }
}

/// Writes the scales (or minima) of a group of one row.
#[inline]
fn scatter_scales(
    panel: &mut [PanelBlock],
    n_blocks: usize,
    group: usize,
    row: usize,
    scales: &[[f32; GROUP_BLOCKS]; 2],
    field: impl Fn(&mut PanelBlock) -> &mut [[f32; PANEL_ROWS]; 2],
) {
    for i in 0..GROUP_BLOCKS.min(n_blocks - group * GROUP_BLOCKS) {
        let to = field(&mut panel[super::slot(group * GROUP_BLOCKS + i, n_blocks)]);
        to[0][row] = scales[0][i];
        to[1][row] = scales[1][i];
    }
}
