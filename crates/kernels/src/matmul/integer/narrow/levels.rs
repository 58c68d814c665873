//! The kernels of a level, written once: how bytes are multiplied is all that differs.

#[allow(clippy::wildcard_imports, reason = "the vocabulary of this folder")]
use super::*;

/// `gemv` and `gemm` for any format with the byte products of `$simd`.
macro_rules! level_kernels {
    ($level:ident, $features:literal, $simd:path) => {
        pub(in crate::matmul) mod $level {
            #[allow(clippy::wildcard_imports, reason = "the vocabulary of this folder")]
            use super::*;
            use $simd::{dot, dot_rows};

            /// Multiplies few tokens: rows are unpacked in registers for them.
            #[target_feature(enable = $features)]
            pub(in crate::matmul) fn gemv<F: Unpack>(args: &mut MatmulArgs<'_, '_>) {
                for tokens in token_tiles(args.out.rows.len(), GEMV_TOKENS) {
                    match tokens.len() {
                        1 => rows::<F, 1>(args, tokens.start),
                        2 => rows::<F, 2>(args, tokens.start),
                        3 => rows::<F, 3>(args, tokens.start),
                        _ => rows::<F, GEMV_TOKENS>(args, tokens.start),
                    }
                }
            }

            #[target_feature(enable = $features)]
            fn rows<F: Unpack, const T: usize>(args: &mut MatmulArgs<'_, '_>, first: usize) {
                let mut x: [&[ActivationGroup]; T] = [&[]; T];
                for (t, x) in x.iter_mut().enumerate() {
                    *x = token(args.groups, args.w.cols, args.out.rows.start + first + t);
                }
                for (i, m) in args.out.cols.clone().enumerate() {
                    let row = F::lines(&args.w, m..m + 1, &mut args.scratch.expanded).row(0);
                    let mut acc = [[splat(0.0); 2]; T];
                    for g in 0..x[0].len() {
                        let weights = group_of::<F>(row, g);
                        let mut group = [&x[0][g]; T];
                        for (group, x) in group.iter_mut().zip(&x) {
                            *group = &x[g];
                        }
                        match args.w.cols / BLOCK - g * GROUP_BLOCKS {
                            0..=2 => add_group::<F, T, 2>(&weights, group, &mut acc),
                            3..=4 => add_group::<F, T, 4>(&weights, group, &mut acc),
                            _ => add_group::<F, T, GROUP_BLOCKS>(&weights, group, &mut acc),
                        }
                    }
                    for (t, acc) in acc.iter().enumerate() {
                        let mut lanes = [[0.0; 4]; 2];
                        for (lanes, acc) in lanes.iter_mut().zip(acc) {
                            store_floats(lanes, *acc);
                        }
                        args.out.row(first + t)[i] = crate::math::fold::<8>(bytemuck::must_cast(lanes));
                    }
                }
            }

            /// The first `N` blocks of a group, those after them being zeros.
            #[target_feature(enable = $features)]
            #[inline]
            fn add_group<F: Unpack, const T: usize, const N: usize>(
                weights: &F::Group,
                x: [&ActivationGroup; T],
                acc: &mut [[Floats; 2]; T],
            ) {
                let mut codes = [[splat_byte(0); 2]; GROUP_BLOCKS];
                for (i, codes) in codes.iter_mut().enumerate().take(N) {
                    *codes = F::block(weights, i);
                }
                let scales = F::scales(weights).map(|s| halves(&s));
                let mins = F::mins(weights).map(|m| halves(&m));
                for (x, acc) in x.into_iter().zip(acc) {
                    // i32: at most 32 · 128 · 127 < 2²⁰ in magnitude.
                    let mut sums = [[zero_words(); GROUP_BLOCKS]; 2];
                    for (b, x) in x.codes.as_chunks::<16>().0.as_chunks::<2>().0.iter().enumerate().take(N) {
                        let first = dot(zero_words(), codes[b][0], load_bytes(&x[0]));
                        if F::HALVES {
                            sums[0][b] = first;
                            sums[1][b] = dot(zero_words(), codes[b][1], load_bytes(&x[1]));
                        } else {
                            sums[0][b] = dot(first, codes[b][1], load_bytes(&x[1]));
                        }
                    }
                    let x_scales = halves(&x.scales);
                    for u in 0..if F::HALVES { 2 } else { 1 } {
                        let x_sums = word_halves(if F::HALVES { &x.half_sums[u] } else { &x.sums });
                        for h in 0..N.div_ceil(4) {
                            let sum = to_floats(sums_of(sums[u].as_chunks::<4>().0[h]));
                            acc[h] = fma(sum, mul(scales[u][h], x_scales[h]), acc[h]);
                            if F::MINS {
                                acc[h] = fma(mins[u][h], mul(x_scales[h], to_floats(x_sums[h])), acc[h]);
                            }
                        }
                    }
                }
            }

            /// Multiplies many tokens: rows are unpacked and interleaved once.
            #[target_feature(enable = $features)]
            pub(in crate::matmul) fn gemm<F: Unpack>(args: &mut MatmulArgs<'_, '_>) {
                for_panels::<F, 4>(args, GEMM_TOKENS, |panel, x, out| match x.len() {
                    0 => {}
                    1 => tile::<F, 1>(panel, x, out),
                    2 => tile::<F, 2>(panel, x, out),
                    3 => tile::<F, 3>(panel, x, out),
                    _ => tile::<F, GEMM_TOKENS>(panel, x, out),
                });
            }

            #[target_feature(enable = $features)]
            fn tile<F: Unpack, const T: usize>(
                panel: &[RowsBlock],
                x: &[&[ActivationGroup]],
                out: &mut [[f32; ROWS]; GEMM_TOKENS],
            ) {
                let Some(x) = x.first_chunk::<T>() else { return };
                let mut lanes = [[[splat(0.0); 2]; T]; GROUP_BLOCKS];
                for (b, lane) in lanes.iter_mut().enumerate() {
                    let mut acc = [[splat(0.0); 2]; T];
                    for (g, block) in panel[lane_slots(b, panel.len())].iter().enumerate() {
                        let mut group = [&x[0][g]; T];
                        for (group, x) in group.iter_mut().zip(x) {
                            *group = &x[g];
                        }
                        add_block::<F, T>(block, b, group, &mut acc);
                    }
                    *lane = acc;
                }
                for (t, out) in out.iter_mut().enumerate().take(T) {
                    for (v, out) in out.as_chunks_mut::<4>().0.iter_mut().enumerate() {
                        store_floats(out, fold_lanes(lanes.map(|lane| lane[t][v])));
                    }
                }
            }

            /// A block of all rows times block `b` of the groups.
            #[target_feature(enable = $features)]
            #[inline]
            fn add_block<F: Unpack, const T: usize>(
                block: &RowsBlock,
                b: usize,
                x: [&ActivationGroup; T],
                acc: &mut [[Floats; 2]; T],
            ) {
                let mut sums = [[zero_words(); 2]; T];
                for half in 0..2 {
                    let mut w = [splat_byte(0); 8];
                    for (w, from) in w.iter_mut().zip(&block.codes[8 * half..]) {
                        *w = load_bytes(from);
                    }
                    for t in 0..T {
                        sums[t] = dot_rows(sums[t], &w, load_bytes(&x[t].codes.as_chunks::<16>().0[2 * b + half]));
                    }
                    if !F::HALVES && half == 0 {
                        continue;
                    }
                    let u = if F::HALVES { half } else { 0 };
                    let (scales, mins) = (halves(&block.scales[u]), halves(&block.mins[u]));
                    for t in 0..T {
                        let x_scale = x[t].scales[b];
                        let x_sum = if F::HALVES { x[t].half_sums[u][b] } else { x[t].sums[b] };
                        for v in 0..2 {
                            let scale = mul(scales[v], splat(x_scale));
                            acc[t][v] = fma(to_floats(sums[t][v]), scale, acc[t][v]);
                            if F::MINS {
                                acc[t][v] = fma(mins[v], splat(x_scale * x_sum as f32), acc[t][v]);
                            }
                        }
                        sums[t] = [zero_words(); 2];
                    }
                }
            }
        }
    };
}

#[cfg(target_arch = "aarch64")]
level_kernels!(neon, "neon", crate::simd::neon);
#[cfg(target_arch = "aarch64")]
level_kernels!(neon_dotprod, "neon,dotprod", crate::simd::neon_dotprod);
