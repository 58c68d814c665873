//! Packed panels × tokens with AVX-512 VNNI: one kernel for a token and for many.

use super::Line;
use crate::{
    activation::{ActivationGroup, BLOCK, GROUP_BLOCKS},
    matmul::{
        MatmulArgs, MatmulScratch,
        integer::{
            PANEL_ROWS, token, token_tiles,
            x86::{Lanes, PanelScratch, lane_slots},
        },
    },
    simd::{
        avx512::{load_f32, load_half_u16, load_u8, store_f32},
        prefetch,
    },
};
#[allow(clippy::wildcard_imports, reason = "intrinsics")]
use std::arch::x86_64::*;

/// Tokens of a pass: 2 · 6 integer and 2 · 6 float accumulators, weights and their scales fill the 32 registers.
const TOKENS: usize = 6;

/// Vectors of a row of a panel.
const VECTORS: usize = PANEL_ROWS / 16;

/// `LINES` of a block: codes, two columns a byte unless they have 8 `BITS`, their fifth bits if they have 5, each code
/// `OFFSET` too large; scales; minima if `MINS`.
struct Panels<const LINES: usize, const BITS: u32, const MINS: bool, const OFFSET: i32>;

macro_rules! kernel {
    ($name:ident, $lines:literal, $bits:literal, $mins:literal, $offset:literal) => {
        /// All rows and tokens of the call.
        #[target_feature(enable = "avx2,fma,f16c,avx512f,avx512bw,avx512vl,avx512dq,avx512vnni")]
        pub(in crate::matmul) fn $name(args: &mut MatmulArgs<'_, '_>) {
            Panels::<$lines, $bits, $mins, $offset>::run(args);
        }
    };
}

kernel!(q4_0, 9, 4, false, 8);
kernel!(q4_1, 10, 4, true, 0);
kernel!(q5_0, 11, 5, false, 16);
kernel!(q5_1, 12, 5, true, 0);
kernel!(q8_0, 17, 8, false, 128);

impl<const LINES: usize, const BITS: u32, const MINS: bool, const OFFSET: i32> Panels<LINES, BITS, MINS, OFFSET> {
    const NIBBLES: bool = BITS < 8;

    /// Quads of columns that have bytes of their own.
    const STORED: usize = if Self::NIBBLES { BLOCK / 8 } else { BLOCK / 4 };

    /// Where scales lie, behind codes and fifth bits.
    const SCALES: usize =
        VECTORS * Self::STORED + if BITS == 5 { PANEL_ROWS * BLOCK / 8 / size_of::<Line>() } else { 0 };

    #[target_feature(enable = "avx2,fma,f16c,avx512f,avx512bw,avx512vl,avx512dq,avx512vnni")]
    #[inline]
    fn run(args: &mut MatmulArgs<'_, '_>) {
        let Some(w) = args.w.packed else { unreachable!("the table gives this kernel packed weights") };
        let (cols, tokens_first) = (args.w.cols, args.out.rows.start);
        assert!(args.out.cols.start.is_multiple_of(PANEL_ROWS), "rows from {} begin no panel", args.out.cols.start);
        for rows in token_tiles(args.out.cols.len(), PANEL_ROWS) {
            let index = (args.out.cols.start + rows.start) / PANEL_ROWS;
            let panel = w.panel(index).as_chunks().0;
            // What comes next is fetched meanwhile, a part in each pass.
            let next = if rows.end < args.out.cols.len() { w.panel(index + 1) } else { &[] };
            let mut next = next.chunks(next.len().div_ceil(args.out.rows.len().div_ceil(TOKENS)).max(1));
            let MatmulScratch { panels, .. } = &mut *args.scratch;
            let PanelScratch { lanes, out, .. } = &mut **panels;
            for tokens in token_tiles(args.out.rows.len(), TOKENS) {
                let mut x: [&[ActivationGroup]; TOKENS] = [&[]; TOKENS];
                for (x, t) in x.iter_mut().zip(tokens.clone()) {
                    *x = token(args.groups, cols, tokens_first + t);
                }
                let next = next.next().unwrap_or(&[]);
                match tokens.len() {
                    1 => Self::tile::<1>(panel, next, &x, lanes, out),
                    2 => Self::tile::<2>(panel, next, &x, lanes, out),
                    3 => Self::tile::<3>(panel, next, &x, lanes, out),
                    4 => Self::tile::<4>(panel, next, &x, lanes, out),
                    5 => Self::tile::<5>(panel, next, &x, lanes, out),
                    _ => Self::tile::<TOKENS>(panel, next, &x, lanes, out),
                }
                for (out, t) in out.iter().zip(tokens) {
                    args.out.row(t)[rows.clone()].copy_from_slice(&out[..rows.len()]);
                }
            }
        }
    }

    /// `out` `[T, 32]`; fetches `next`.
    #[target_feature(enable = "avx2,fma,f16c,avx512f,avx512bw,avx512vl,avx512dq,avx512vnni")]
    fn tile<const T: usize>(
        panel: &[[Line; LINES]],
        next: &[Line],
        x: &[&[ActivationGroup]; TOKENS],
        lanes: &mut Lanes,
        out: &mut [[f32; PANEL_ROWS]; TOKENS],
    ) {
        let mut next = next.chunks(next.len().div_ceil(panel.len().max(1)).max(1));
        for (b, lane) in lanes.0.iter_mut().enumerate() {
            let blocks = &panel[lane_slots(b, panel.len())];
            // One length for all, so that the loop need not ask.
            let mut groups: [&[ActivationGroup]; T] = [&[]; T];
            for (to, x) in groups.iter_mut().zip(x) {
                *to = &x[..blocks.len()];
            }
            let mut acc = [[_mm512_setzero_ps(); VECTORS]; T];
            for (g, block) in blocks.iter().enumerate() {
                next.next().into_iter().flatten().for_each(|line| prefetch(&line.0));
                let mut group = [&groups[0][g]; T];
                for (to, x) in group.iter_mut().zip(&groups) {
                    *to = &x[g];
                }
                Self::block(block, b, group, &mut acc);
            }
            for (lane, acc) in lane.iter_mut().zip(acc) {
                for (lane, acc) in lane.as_chunks_mut().0.iter_mut().zip(acc) {
                    store_f32(lane, acc);
                }
            }
        }
        for (t, out) in out.iter_mut().enumerate().take(T) {
            for (v, out) in out.as_chunks_mut().0.iter_mut().enumerate() {
                let mut l = [_mm512_setzero_ps(); GROUP_BLOCKS];
                for (l, lane) in l.iter_mut().zip(&lanes.0) {
                    *l = load_f32(&lane[t].as_chunks().0[v]);
                }
                let even = _mm512_add_ps(_mm512_add_ps(l[0], l[4]), _mm512_add_ps(l[2], l[6]));
                let odd = _mm512_add_ps(_mm512_add_ps(l[1], l[5]), _mm512_add_ps(l[3], l[7]));
                store_f32(out, _mm512_add_ps(_mm512_add_ps(even, odd), _mm512_setzero_ps()));
            }
        }
    }

    /// Adds block `b` of a group.
    #[target_feature(enable = "avx2,fma,f16c,avx512f,avx512bw,avx512vl,avx512dq,avx512vnni")]
    #[inline]
    fn block<const T: usize>(
        block: &[Line; LINES],
        b: usize,
        x: [&ActivationGroup; T],
        acc: &mut [[__m512; VECTORS]; T],
    ) {
        // i32: at most 32 · 255 · 127 < 2²¹ in magnitude before and after the offset is taken out.
        let mut sums = [[_mm512_setzero_si512(); VECTORS]; T];
        if OFFSET != 0 {
            for (sums, x) in sums.iter_mut().zip(&x) {
                *sums = [_mm512_set1_epi32(x.sums[b].wrapping_mul(-OFFSET)); VECTORS];
            }
        }
        let nibble = _mm512_set1_epi8(15);
        for q in 0..Self::STORED {
            let w = [load_u8(&block[VECTORS * q].0), load_u8(&block[VECTORS * q + 1].0)];
            let low = if Self::NIBBLES { w.map(|w| _mm512_and_si512(w, nibble)) } else { w };
            let low = Self::with_fifths(block, q, low);
            for t in 0..T {
                let codes = _mm512_set1_epi32(quad(x[t], b, q));
                for v in 0..VECTORS {
                    sums[t][v] = _mm512_dpbusd_epi32(sums[t][v], low[v], codes);
                }
            }
            if Self::NIBBLES {
                let high = w.map(|w| _mm512_and_si512(_mm512_srli_epi16::<4>(w), nibble));
                let high = Self::with_fifths(block, q + Self::STORED, high);
                for t in 0..T {
                    let codes = _mm512_set1_epi32(quad(x[t], b, q + Self::STORED));
                    for v in 0..VECTORS {
                        sums[t][v] = _mm512_dpbusd_epi32(sums[t][v], high[v], codes);
                    }
                }
            }
        }
        let scales = halves(&block[Self::SCALES]);
        for t in 0..T {
            let x_scale = _mm512_set1_ps(x[t].scales[b]);
            for v in 0..VECTORS {
                acc[t][v] =
                    _mm512_fmadd_ps(_mm512_cvtepi32_ps(sums[t][v]), _mm512_mul_ps(scales[v], x_scale), acc[t][v]);
            }
        }
        if MINS {
            let mins = halves(&block[Self::SCALES + 1]);
            for t in 0..T {
                let x_min = _mm512_set1_ps(x[t].scales[b] * x[t].sums[b] as f32);
                for v in 0..VECTORS {
                    acc[t][v] = _mm512_fmadd_ps(mins[v], x_min, acc[t][v]);
                }
            }
        }
    }

    /// Codes of columns `4 q..` with their fifth bits, if they have such.
    #[target_feature(enable = "avx2,fma,f16c,avx512f,avx512bw,avx512vl,avx512dq,avx512vnni")]
    #[inline]
    fn with_fifths(block: &[Line; LINES], q: usize, codes: [__m512i; VECTORS]) -> [__m512i; VECTORS] {
        if BITS != 5 {
            return codes;
        }
        let fifths: &[u64; 8] = bytemuck::cast_ref(&block[VECTORS * Self::STORED + q / 4]);
        let fifth = _mm512_set1_epi8(16);
        [0, 1].map(|v| _mm512_mask_add_epi8(codes[v], fifths[q % 4 * VECTORS + v], codes[v], fifth))
    }
}

/// Codes of columns `4 q..` of block `b`.
#[inline]
fn quad(x: &ActivationGroup, b: usize, q: usize) -> i32 {
    i32::from_ne_bytes(x.codes.as_chunks::<4>().0[b * (BLOCK / 4) + q].map(i8::cast_unsigned))
}

/// 32 f16 values.
#[target_feature(enable = "avx2,fma,f16c,avx512f,avx512bw,avx512vl,avx512dq,avx512vnni")]
#[inline]
fn halves(line: &Line) -> [__m512; VECTORS] {
    let halves: &[[u16; 16]; 2] = bytemuck::cast_ref(line);
    [_mm512_cvtph_ps(load_half_u16(&halves[0])), _mm512_cvtph_ps(load_half_u16(&halves[1]))]
}
