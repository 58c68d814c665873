//! Many tokens with `smmla`: pairs of rows times pairs of tokens.

#[allow(clippy::wildcard_imports, reason = "the vocabulary of this folder")]
use super::*;
use crate::simd::neon_i8mm::dot_2x2;
use std::arch::aarch64::{vzip1q_f32, vzip2q_f32};

/// Pairs of rows.
const ROW_PAIRS: usize = ROWS / 2;

/// Activations of two tokens.
type Pair<'a> = [&'a [ActivationGroup]; 2];

/// Multiplies many tokens: rows are unpacked and interleaved once.
#[target_feature(enable = "neon,dotprod,i8mm")]
pub(in crate::matmul) fn gemm<F: Unpack>(args: &mut MatmulArgs<'_, '_>) {
    // Where there is no second token the first stands in for it.
    for_panels::<F, 8>(args, GEMM_TOKENS, |panel, x, out| match *x {
        [] => {}
        [a] => tile::<F, 1>(panel, [[a, a]], out),
        [a, b] => tile::<F, 1>(panel, [[a, b]], out),
        [a, b, c] => tile::<F, 2>(panel, [[a, b], [c, c]], out),
        [a, b, c, d, ..] => tile::<F, 2>(panel, [[a, b], [c, d]], out),
    });
}

#[target_feature(enable = "neon,dotprod,i8mm")]
fn tile<F: Unpack, const P: usize>(panel: &[RowsBlock], x: [Pair<'_>; P], out: &mut [[f32; ROWS]; GEMM_TOKENS]) {
    // Of two rows and two tokens: [w0 · x0, w0 · x1, w1 · x0, w1 · x1].
    let mut lanes = [[[splat(0.0); ROW_PAIRS]; P]; GROUP_BLOCKS];
    for (b, lane) in lanes.iter_mut().enumerate() {
        let mut acc = [[splat(0.0); ROW_PAIRS]; P];
        for (g, block) in panel[lane_slots(b, panel.len())].iter().enumerate() {
            for (x, acc) in x.iter().zip(&mut acc) {
                add_block::<F>(block, b, [&x[0][g], &x[1][g]], acc);
            }
        }
        *lane = acc;
    }
    for p in 0..P {
        for r in 0..ROW_PAIRS {
            let mut four = [0.0; 4];
            store_floats(&mut four, fold_lanes(lanes.map(|lane| lane[p][r])));
            out[2 * p][2 * r..][..2].copy_from_slice(&[four[0], four[2]]);
            out[2 * p + 1][2 * r..][..2].copy_from_slice(&[four[1], four[3]]);
        }
    }
}

/// A block of all rows times block `b` of two groups.
#[target_feature(enable = "neon,dotprod,i8mm")]
#[inline]
fn add_block<F: Unpack>(block: &RowsBlock, b: usize, x: [&ActivationGroup; 2], acc: &mut [Floats; ROW_PAIRS]) {
    // i32: at most 32 · 128 · 127 < 2²⁰ in magnitude.
    let mut sums = [zero_words(); ROW_PAIRS];
    for (c, w) in block.codes.as_chunks::<ROW_PAIRS>().0.iter().enumerate() {
        let both = x.map(|x| x.codes.as_chunks::<8>().0[b * BLOCK / 8 + c]);
        let both = load_bytes(bytemuck::must_cast_ref::<_, [i8; 16]>(&both));
        for (sum, w) in sums.iter_mut().zip(w) {
            *sum = dot_2x2(*sum, load_bytes(w), both);
        }
        // A unit ends after 16 columns or after 32.
        let u = match (F::HALVES, c) {
            (true, 1) | (false, 3) => 0,
            (true, 3) => 1,
            _ => continue,
        };
        let [x0, x1] = x.map(|x| x.scales[b]);
        let x_scales = load_floats(&[x0, x1, x0, x1]);
        let scales = row_pairs(&block.scales[u]);
        for ((acc, sum), scale) in acc.iter_mut().zip(sums).zip(scales) {
            *acc = fma(to_floats(sum), mul(scale, x_scales), *acc);
        }
        if F::MINS {
            let [sum0, sum1] = x.map(|x| if F::HALVES { x.half_sums[u][b] } else { x.sums[b] } as f32);
            let x_mins = mul(x_scales, load_floats(&[sum0, sum1, sum0, sum1]));
            for (acc, min) in acc.iter_mut().zip(row_pairs(&block.mins[u])) {
                *acc = fma(min, x_mins, *acc);
            }
        }
        sums = [zero_words(); ROW_PAIRS];
    }
}

/// Each value twice, two to a vector.
#[target_feature(enable = "neon,dotprod,i8mm")]
#[inline]
fn row_pairs(values: &[f32; ROWS]) -> [Floats; ROW_PAIRS] {
    let [a, b] = halves(values);
    [vzip1q_f32(a, a), vzip2q_f32(a, a), vzip1q_f32(b, b), vzip2q_f32(b, b)]
}
