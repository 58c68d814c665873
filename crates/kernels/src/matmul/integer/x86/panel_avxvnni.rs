//! Panel × tokens with AVX-VNNI.

use super::{Lanes, PanelArgs, lane_slots};
use crate::{
    activation::{BLOCK, GROUP_BLOCKS},
    matmul::integer::PANEL_ROWS,
    simd::avx2::{load_f32, load_u8, store_f32},
};
#[allow(clippy::wildcard_imports, reason = "intrinsics")]
use std::arch::x86_64::*;

/// Tokens of a pass: 2 · 3 integer and 2 · 3 float accumulators, two vectors of weights and a broadcast fill the 16
/// registers (4 tokens spill and were no faster).
pub(super) const TOKENS: usize = 3;

/// `out[t]` for at most [`TOKENS`] tokens.
#[target_feature(enable = "avx2,fma,f16c,avxvnni")]
pub(super) fn run(args: &PanelArgs<'_>, _: &mut Lanes, out: &mut [[f32; PANEL_ROWS]]) {
    if args.units.halves { by_tokens::<true>(args, out) } else { by_tokens::<false>(args, out) }
}

#[target_feature(enable = "avx2,fma,f16c,avxvnni")]
#[inline]
fn by_tokens<const HALVES: bool>(args: &PanelArgs<'_>, out: &mut [[f32; PANEL_ROWS]]) {
    match args.x.len() {
        0 => {}
        1 => tile::<1, HALVES>(args, out),
        2 => tile::<2, HALVES>(args, out),
        _ => tile::<TOKENS, HALVES>(args, out),
    }
}

#[target_feature(enable = "avx2,fma,f16c,avxvnni")]
fn tile<const T: usize, const HALVES: bool>(args: &PanelArgs<'_>, out: &mut [[f32; PANEL_ROWS]]) {
    let Some(x) = args.x.first_chunk::<T>() else { return };
    let offset = args.units.offset;
    let n_units = if HALVES { 2 } else { 1 };
    for v in 0..PANEL_ROWS / 16 {
        let mut lanes = [[[_mm256_setzero_ps(); 2]; T]; GROUP_BLOCKS];
        for (b, lane) in lanes.iter_mut().enumerate() {
            let mut acc = [[_mm256_setzero_ps(); 2]; T];
            for (g, block) in args.panel[lane_slots(b, args.panel.len())].iter().enumerate() {
                let mut group = [&x[0][g]; T];
                for (group, x) in group.iter_mut().zip(x) {
                    *group = &x[g];
                }
                for u in 0..n_units {
                    // i32: at most 32 · 255 · 127 < 2²¹ in magnitude before and after the offset is taken out.
                    let mut sums = [[_mm256_setzero_si256(); 2]; T];
                    let quads = BLOCK / 4 / n_units;
                    for q in u * quads..(u + 1) * quads {
                        let w = block.codes[q].as_chunks::<64>().0[v].as_chunks::<32>().0;
                        let w = [load_u8(&w[0]), load_u8(&w[1])];
                        for t in 0..T {
                            let x = group[t].codes.as_chunks::<4>().0[b * (BLOCK / 4) + q];
                            let x = _mm256_set1_epi32(i32::from_ne_bytes(x.map(i8::cast_unsigned)));
                            sums[t][0] = _mm256_dpbusd_avx_epi32(sums[t][0], w[0], x);
                            sums[t][1] = _mm256_dpbusd_avx_epi32(sums[t][1], w[1], x);
                        }
                    }
                    let scales = pair(&block.scales[u], v);
                    for t in 0..T {
                        let x_sum = if HALVES { group[t].half_sums[u][b] } else { group[t].sums[b] };
                        let x_scale = _mm256_set1_ps(group[t].scales[b]);
                        for i in 0..2 {
                            let sum = _mm256_sub_epi32(sums[t][i], _mm256_set1_epi32(offset * x_sum));
                            let scale = _mm256_mul_ps(scales[i], x_scale);
                            acc[t][i] = _mm256_fmadd_ps(_mm256_cvtepi32_ps(sum), scale, acc[t][i]);
                        }
                    }
                    if args.units.mins {
                        let mins = pair(&block.mins[u], v);
                        for t in 0..T {
                            let x_sum = if HALVES { group[t].half_sums[u][b] } else { group[t].sums[b] };
                            let x_min = _mm256_set1_ps(group[t].scales[b] * x_sum as f32);
                            for i in 0..2 {
                                acc[t][i] = _mm256_fmadd_ps(mins[i], x_min, acc[t][i]);
                            }
                        }
                    }
                }
            }
            *lane = acc;
        }
        for (t, out) in out.iter_mut().enumerate().take(T) {
            for i in 0..2 {
                let mut l = [_mm256_setzero_ps(); GROUP_BLOCKS];
                for (l, lane) in l.iter_mut().zip(&lanes) {
                    *l = lane[t][i];
                }
                let even = _mm256_add_ps(_mm256_add_ps(l[0], l[4]), _mm256_add_ps(l[2], l[6]));
                let odd = _mm256_add_ps(_mm256_add_ps(l[1], l[5]), _mm256_add_ps(l[3], l[7]));
                let sum = _mm256_add_ps(_mm256_add_ps(even, odd), _mm256_setzero_ps());
                store_f32(&mut out.as_chunks_mut::<8>().0[2 * v + i], sum);
            }
        }
    }
}

/// Scales or minima of the 16 rows from `16 * v`.
#[target_feature(enable = "avx2,fma,f16c,avxvnni")]
#[inline]
fn pair(of: &[f32; PANEL_ROWS], v: usize) -> [__m256; 2] {
    let halves = of.as_chunks::<16>().0[v].as_chunks::<8>().0;
    [load_f32(&halves[0]), load_f32(&halves[1])]
}
