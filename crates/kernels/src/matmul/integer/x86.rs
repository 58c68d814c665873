//! AVX2, AVX-VNNI and AVX-512 kernels, one pair per format and level.
//!
//! *GEMV* reads weight rows in file order and unpacks 256 weights in registers for up to four tokens; it serves
//! decoding. *GEMM* unpacks 32 rows once into a panel of interleaved rows and multiplies it with all tokens of the
//! call; it serves prefill. Unpacking is shared: a module per format says how 256 weights become eight vectors of codes
//! and a vector of scales.

use super::{PANEL_ROWS, PanelBlock};
use crate::{
    activation::{ActivationGroup, BLOCK, GROUP, GROUP_BLOCKS},
    simd::avx2::{load_f32, load_u8, store_f32, store_u8, transpose},
};
use bytemuck::Zeroable;
#[allow(clippy::wildcard_imports, reason = "intrinsics")]
use std::arch::x86_64::*;

#[macro_use]
mod level;
mod formats;
mod panel_avx2;
mod panel_avx512;
mod panel_avxvnni;
mod transposed;
mod unpack;

pub(in crate::matmul) use formats::*;

/// Most tokens of a GEMV pass: four accumulators and eight vectors of codes fit the registers.
pub(in crate::matmul) const GEMV_TOKENS: usize = 4;

/// A group of each row of a panel, before it is interleaved.
#[derive(Clone, Copy, Zeroable)]
#[repr(C, align(64))]
struct Lines {
    /// Codes + offset `[row][column]`.
    codes: [[u8; GROUP]; PANEL_ROWS],
    /// Scales of the rows `[half][row][block]`.
    scales: [[[f32; GROUP_BLOCKS]; PANEL_ROWS]; 2],
    /// Minima of the rows `[half][row][block]`.
    mins: [[[f32; GROUP_BLOCKS]; PANEL_ROWS]; 2],
}

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
    /// Do weights have minima?
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

/// Most tokens of a pass of any panel kernel.
const TOKENS_MAX: usize = panel_avx512::TOKENS;

/// What a panel kernel writes before its lanes are added up, and after.
#[derive(Clone, Copy, Zeroable)]
#[repr(C, align(64))]
pub(in crate::matmul) struct Lanes(pub(in crate::matmul) [[[f32; PANEL_ROWS]; TOKENS_MAX]; GROUP_BLOCKS]);

/// Buffers of the panel kernels of one worker.
#[derive(Clone, Copy, Zeroable)]
#[repr(C, align(64))]
pub(in crate::matmul) struct PanelScratch {
    lines: Lines,
    pub(in crate::matmul) lanes: Lanes,
    pub(in crate::matmul) out: [[f32; PANEL_ROWS]; TOKENS_MAX],
}

impl Default for PanelScratch {
    fn default() -> Self {
        Self::zeroed()
    }
}

/// Blocks of a panel in lane `lane`, as a range of slots.
pub(in crate::matmul) fn lane_slots(lane: usize, n_blocks: usize) -> std::ops::Range<usize> {
    let start = if lane < n_blocks { super::slot(lane, n_blocks) } else { n_blocks };
    let len = (n_blocks + GROUP_BLOCKS - 1 - lane) / GROUP_BLOCKS;
    start..start + len
}

/// Group `group` of 32 rows, rows to columns, into the panel.
#[target_feature(enable = "avx2,fma,f16c")]
fn interleave(panel: &mut [PanelBlock], n_blocks: usize, group: usize, units: Units, lines: &Lines) {
    let n_here = GROUP_BLOCKS.min(n_blocks - group * GROUP_BLOCKS);
    for v in 0..PANEL_ROWS / 8 {
        for i in 0..n_here {
            let mut rows = [_mm256_setzero_si256(); 8];
            for (to, from) in rows.iter_mut().zip(&lines.codes[8 * v..]) {
                *to = load_u8(&from.as_chunks::<BLOCK>().0[i]);
            }
            let block = &mut panel[super::slot(group * GROUP_BLOCKS + i, n_blocks)];
            for (to, word) in block.codes.iter_mut().zip(transpose(rows)) {
                store_u8(&mut to.as_chunks_mut::<32>().0[v], word);
            }
        }
        for half in 0..if units.halves { 2 } else { 1 } {
            let by_block = |of: &[[f32; GROUP_BLOCKS]; PANEL_ROWS]| {
                let mut rows = [_mm256_setzero_si256(); 8];
                for (to, from) in rows.iter_mut().zip(&of[8 * v..]) {
                    *to = _mm256_castps_si256(load_f32(from));
                }
                transpose(rows).map(|blocks| _mm256_castsi256_ps(blocks))
            };
            let scales = by_block(&lines.scales[half]);
            let mins = if units.mins { by_block(&lines.mins[half]) } else { scales };
            for i in 0..n_here {
                let block = &mut panel[super::slot(group * GROUP_BLOCKS + i, n_blocks)];
                store_f32(&mut block.scales[half].as_chunks_mut::<8>().0[v], scales[i]);
                if units.mins {
                    store_f32(&mut block.mins[half].as_chunks_mut::<8>().0[v], mins[i]);
                }
            }
        }
    }
}
