//! Panel × tokens with AVX2.

use super::{Lanes, PanelArgs, lane_slots};
use crate::{
    activation::{BLOCK, GROUP_BLOCKS},
    matmul::integer::PANEL_ROWS,
    simd::avx2::{load_f32, load_u8, store_f32},
};
#[allow(clippy::wildcard_imports, reason = "intrinsics")]
use std::arch::x86_64::*;

/// Tokens of a pass: three integer and three float accumulators for 8 rows, and room for products, in 16 registers.
pub(super) const TOKENS: usize = 3;

/// `out[t]` for at most [`TOKENS`] tokens.
#[target_feature(enable = "avx2,fma,f16c")]
pub(super) fn run(args: &PanelArgs<'_>, _: &mut Lanes, out: &mut [[f32; PANEL_ROWS]]) {
    // Offset 128 means codes of all 8 bits, whose pair sums would pass 16 bits.
    match (args.units.halves, args.units.offset == 128) {
        (false, false) => by_tokens::<false, false>(args, out),
        (false, true) => by_tokens::<false, true>(args, out),
        (true, false) => by_tokens::<true, false>(args, out),
        (true, true) => by_tokens::<true, true>(args, out),
    }
}

#[target_feature(enable = "avx2,fma,f16c")]
#[inline]
fn by_tokens<const HALVES: bool, const WIDE: bool>(args: &PanelArgs<'_>, out: &mut [[f32; PANEL_ROWS]]) {
    match args.x.len() {
        0 => {}
        1 => tile::<1, HALVES, WIDE>(args, out),
        2 => tile::<2, HALVES, WIDE>(args, out),
        _ => tile::<TOKENS, HALVES, WIDE>(args, out),
    }
}

#[target_feature(enable = "avx2,fma,f16c")]
fn tile<const T: usize, const HALVES: bool, const WIDE: bool>(args: &PanelArgs<'_>, out: &mut [[f32; PANEL_ROWS]]) {
    let Some(x) = args.x.first_chunk::<T>() else { return };
    // Codes of 8 bits are used signed: no offset to take out.
    let offset = if WIDE { 0 } else { args.units.offset };
    let n_units = if HALVES { 2 } else { 1 };
    for v in 0..PANEL_ROWS / 8 {
        let mut lanes = [[_mm256_setzero_ps(); T]; GROUP_BLOCKS];
        for (b, acc) in lanes.iter_mut().enumerate() {
            for (g, block) in args.panel[lane_slots(b, args.panel.len())].iter().enumerate() {
                for u in 0..n_units {
                    let mut sums = [_mm256_setzero_si256(); T];
                    let quads = BLOCK / 4 / n_units;
                    for q in u * quads..(u + 1) * quads {
                        let w = load_u8(&block.codes[q].as_chunks::<32>().0[v]);
                        for t in 0..T {
                            let x = x[t][g].codes.as_chunks::<4>().0[b * (BLOCK / 4) + q];
                            let x = _mm256_set1_epi32(i32::from_ne_bytes(x.map(i8::cast_unsigned)));
                            sums[t] = _mm256_add_epi32(sums[t], super::level::dot_avx2::<WIDE>(w, x));
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
