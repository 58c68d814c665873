//! Panel × tokens with AVX-512 VNNI.

use super::{Lanes, PanelArgs, lane_slots};
use crate::{
    activation::{ActivationGroup, BLOCK, GROUP_BLOCKS},
    matmul::integer::PANEL_ROWS,
    simd::avx512::{load_f32, load_u8, store_f32},
};
#[allow(clippy::wildcard_imports, reason = "intrinsics")]
use std::arch::x86_64::*;

/// Tokens of a pass: 2 · 6 integer and 2 · 6 float accumulators, two vectors of weights and their scales fill the 32
/// registers.
pub(super) const TOKENS: usize = 6;

/// `out[t]` for at most [`TOKENS`] tokens.
#[target_feature(enable = "avx2,fma,f16c,avx512f,avx512bw,avx512vl,avx512dq,avx512vnni")]
pub(super) fn run(args: &PanelArgs<'_>, lanes: &mut Lanes, out: &mut [[f32; PANEL_ROWS]]) {
    match (args.units.halves, args.units.mins) {
        (false, false) => by_tokens::<false, false>(args, lanes, out),
        (false, true) => by_tokens::<false, true>(args, lanes, out),
        (true, false) => by_tokens::<true, false>(args, lanes, out),
        (true, true) => by_tokens::<true, true>(args, lanes, out),
    }
}

#[target_feature(enable = "avx2,fma,f16c,avx512f,avx512bw,avx512vl,avx512dq,avx512vnni")]
#[inline]
fn by_tokens<const HALVES: bool, const MINS: bool>(
    args: &PanelArgs<'_>,
    lanes: &mut Lanes,
    out: &mut [[f32; PANEL_ROWS]],
) {
    match args.x.len() {
        0 => {}
        1 => tile::<1, HALVES, MINS>(args, lanes, out),
        2 => tile::<2, HALVES, MINS>(args, lanes, out),
        3 => tile::<3, HALVES, MINS>(args, lanes, out),
        4 => tile::<4, HALVES, MINS>(args, lanes, out),
        5 => tile::<5, HALVES, MINS>(args, lanes, out),
        _ => tile::<TOKENS, HALVES, MINS>(args, lanes, out),
    }
}

#[target_feature(enable = "avx2,fma,f16c,avx512f,avx512bw,avx512vl,avx512dq,avx512vnni")]
fn tile<const T: usize, const HALVES: bool, const MINS: bool>(
    args: &PanelArgs<'_>,
    lanes: &mut Lanes,
    out: &mut [[f32; PANEL_ROWS]],
) {
    let Some(x) = args.x.first_chunk::<T>() else { return };
    // Offsets are powers of two, or 0: a shift by 32 gives 0.
    let offset_shift = _mm_cvtsi32_si128(args.units.offset.trailing_zeros().cast_signed());
    for (b, lane) in lanes.0.iter_mut().enumerate() {
        let mut acc = [[_mm512_setzero_ps(); 2]; T];
        let blocks = &args.panel[lane_slots(b, args.panel.len())];
        // One length for all, so that the loop need not ask.
        let mut x_blocks: [&[ActivationGroup]; T] = [&[]; T];
        for (to, x) in x_blocks.iter_mut().zip(x) {
            *to = &x[..blocks.len()];
        }
        let x = x_blocks;
        for (g, block) in blocks.iter().enumerate() {
            for u in 0..if HALVES { 2 } else { 1 } {
                // i32: at most 32 · 255 · 127 < 2²¹ in magnitude before and after the offset is taken out.
                let mut sums = [[_mm512_setzero_si512(); 2]; T];
                let quads = BLOCK / 4 / if HALVES { 2 } else { 1 };
                for q in u * quads..(u + 1) * quads {
                    let w = block.codes[q].as_chunks::<64>().0;
                    let w = [load_u8(&w[0]), load_u8(&w[1])];
                    for t in 0..T {
                        let x = x[t][g].codes.as_chunks::<4>().0[b * (BLOCK / 4) + q];
                        let x = _mm512_set1_epi32(i32::from_ne_bytes(x.map(i8::cast_unsigned)));
                        sums[t][0] = _mm512_dpbusd_epi32(sums[t][0], w[0], x);
                        sums[t][1] = _mm512_dpbusd_epi32(sums[t][1], w[1], x);
                    }
                }
                let scales = block.scales[u].as_chunks::<16>().0;
                let scales = [load_f32(&scales[0]), load_f32(&scales[1])];
                for t in 0..T {
                    let x_scale = _mm512_set1_ps(x[t][g].scales[b]);
                    let x_sum = if HALVES { x[t][g].half_sums[u][b] } else { x[t][g].sums[b] };
                    let taken_out = _mm512_sll_epi32(_mm512_set1_epi32(x_sum), offset_shift);
                    for v in 0..2 {
                        let sum = _mm512_cvtepi32_ps(_mm512_sub_epi32(sums[t][v], taken_out));
                        acc[t][v] = _mm512_fmadd_ps(sum, _mm512_mul_ps(scales[v], x_scale), acc[t][v]);
                    }
                }
                if MINS {
                    let mins = block.mins[u].as_chunks::<16>().0;
                    let mins = [load_f32(&mins[0]), load_f32(&mins[1])];
                    for t in 0..T {
                        let x_sum = if HALVES { x[t][g].half_sums[u][b] } else { x[t][g].sums[b] };
                        let x_sum = _mm512_cvtepi32_ps(_mm512_set1_epi32(x_sum));
                        let x_min = _mm512_mul_ps(_mm512_set1_ps(x[t][g].scales[b]), x_sum);
                        for v in 0..2 {
                            acc[t][v] = _mm512_fmadd_ps(mins[v], x_min, acc[t][v]);
                        }
                    }
                }
            }
        }
        for (to, acc) in lane.iter_mut().zip(acc) {
            for (to, acc) in to.as_chunks_mut::<16>().0.iter_mut().zip(acc) {
                store_f32(to, acc);
            }
        }
    }
    for (t, out) in out.iter_mut().enumerate().take(T) {
        for (v, out) in out.as_chunks_mut::<16>().0.iter_mut().enumerate() {
            let mut l = [_mm512_setzero_ps(); GROUP_BLOCKS];
            for (l, lane) in l.iter_mut().zip(&lanes.0) {
                *l = load_f32(&lane[t].as_chunks::<16>().0[v]);
            }
            let even = _mm512_add_ps(_mm512_add_ps(l[0], l[4]), _mm512_add_ps(l[2], l[6]));
            let odd = _mm512_add_ps(_mm512_add_ps(l[1], l[5]), _mm512_add_ps(l[3], l[7]));
            store_f32(out, _mm512_add_ps(_mm512_add_ps(even, odd), _mm512_setzero_ps()));
        }
    }
}
