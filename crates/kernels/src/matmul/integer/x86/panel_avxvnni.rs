//! Panel × tokens with AVX-VNNI.

use super::{PanelArgs, lane_slots};
use crate::{
    activation::{BLOCK, GROUP_BLOCKS},
    matmul::integer::PANEL_ROWS,
    simd::avx2::{load_f32, load_u8, store_f32},
};
#[allow(clippy::wildcard_imports, reason = "intrinsics")]
use std::arch::x86_64::*;

/// Tokens of a pass: four integer accumulators for 8 rows, the weights and a broadcast, and float accumulators one lane of K at a time.
pub(super) const TOKENS: usize = 4;

/// `out[t]` for at most [`TOKENS`] tokens.
#[target_feature(enable = "avx2,fma,f16c,avxvnni")]
pub(super) fn run(args: &PanelArgs<'_>, out: &mut [[f32; PANEL_ROWS]]) {
    if args.units.halves { by_tokens::<true>(args, out) } else { by_tokens::<false>(args, out) }
}

#[target_feature(enable = "avx2,fma,f16c,avxvnni")]
#[inline]
fn by_tokens<const HALVES: bool>(args: &PanelArgs<'_>, out: &mut [[f32; PANEL_ROWS]]) {
    match args.x.len() {
        0 => {}
        1 => tile::<1, HALVES>(args, out),
        2 => tile::<2, HALVES>(args, out),
        3 => tile::<3, HALVES>(args, out),
        _ => tile::<TOKENS, HALVES>(args, out),
    }
}

#[target_feature(enable = "avx2,fma,f16c,avxvnni")]
fn tile<const T: usize, const HALVES: bool>(args: &PanelArgs<'_>, out: &mut [[f32; PANEL_ROWS]]) {
    let Some(x) = args.x.first_chunk::<T>() else { return };
    let offset = args.units.offset;
    let n_units = if HALVES { 2 } else { 1 };
    for v in 0..PANEL_ROWS / 8 {
        let mut lanes = [[_mm256_setzero_ps(); T]; GROUP_BLOCKS];
        for (b, acc) in lanes.iter_mut().enumerate() {
            for (g, block) in args.panel[lane_slots(b, args.panel.len())].iter().enumerate() {
                for u in 0..n_units {
                    // i32: at most 32 · 255 · 127 < 2²¹ in magnitude before and after the offset is taken out.
                    let mut sums = [_mm256_setzero_si256(); T];
                    let quads = BLOCK / 4 / n_units;
                    for q in u * quads..(u + 1) * quads {
                        let w = load_u8(&block.codes[q].as_chunks::<32>().0[v]);
                        for t in 0..T {
                            let x = x[t][g].codes.as_chunks::<4>().0[b * (BLOCK / 4) + q];
                            let x = _mm256_set1_epi32(i32::from_ne_bytes(x.map(i8::cast_unsigned)));
                            sums[t] = _mm256_dpbusd_avx_epi32(sums[t], w, x);
                        }
                    }
                    let scales = load_f32(&block.scales[u].as_chunks::<8>().0[v]);
                    for t in 0..T {
                        let x_sum = if HALVES { x[t][g].half_sums[u][b] } else { x[t][g].sums[b] };
                        let sum = _mm256_sub_epi32(sums[t], _mm256_set1_epi32(offset * x_sum));
                        let x_scale = _mm256_set1_ps(x[t][g].scales[b]);
                        acc[t] = _mm256_fmadd_ps(_mm256_cvtepi32_ps(sum), _mm256_mul_ps(scales, x_scale), acc[t]);
                    }
                    if args.units.mins {
                        let mins = load_f32(&block.mins[u].as_chunks::<8>().0[v]);
                        for t in 0..T {
                            let x_sum = if HALVES { x[t][g].half_sums[u][b] } else { x[t][g].sums[b] };
                            let x_min = _mm256_set1_ps(x[t][g].scales[b] * x_sum as f32);
                            acc[t] = _mm256_fmadd_ps(mins, x_min, acc[t]);
                        }
                    }
                }
            }
        }
        for (t, out) in out.iter_mut().enumerate().take(T) {
            let mut l = [_mm256_setzero_ps(); GROUP_BLOCKS];
            for (l, lane) in l.iter_mut().zip(&lanes) {
                *l = lane[t];
            }
            let even = _mm256_add_ps(_mm256_add_ps(l[0], l[4]), _mm256_add_ps(l[2], l[6]));
            let odd = _mm256_add_ps(_mm256_add_ps(l[1], l[5]), _mm256_add_ps(l[3], l[7]));
            let sum = _mm256_add_ps(_mm256_add_ps(even, odd), _mm256_setzero_ps());
            store_f32(&mut out.as_chunks_mut::<8>().0[v], sum);
        }
    }
}
