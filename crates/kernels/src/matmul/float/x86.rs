//! AVX2 and AVX-512 kernels for F32, F16 and BF16.
//!
//! *GEMV* converts weights in registers for up to four tokens. *GEMM* converts some rows once and multiplies tiles of
//! rows × tokens.

use super::LANES;
use crate::{
    matmul::MatmulArgs,
    simd::{self, prefetch_ahead},
};
#[allow(clippy::wildcard_imports, reason = "intrinsics")]
use std::arch::x86_64::*;

/// Most tokens of a GEMV pass.
const GEMV_TOKENS: usize = 4;

/// Rows that a GEMM task converts at once.
pub(in crate::matmul) const GEMM_ROWS: usize = 24;

/// Tokens whose activations stay in the cache while all of those rows meet them.
const GEMM_TOKENS: usize = 96;

/// 16 columns from `x`, zeros past its end.
#[inline]
fn filled(x: &[f32]) -> [f32; LANES] {
    let mut full = [0.0; LANES];
    full[..x.len()].copy_from_slice(x);
    full
}

/// The lanes of a dot product on one level: `$vector` × `$n`, and what is done with them.
macro_rules! level {
    (
        $level:ident, $features:literal, $vector:ty, $n:literal, $width:literal, $zero:ident, $load:path, $fma:ident,
        tile: $tile_rows:literal x $tile_tokens:literal,
        |$lanes:ident| $fold:expr, |$tile:ident| $fold_tile:expr,
        f16: |$h:ident| $f16:expr, bf16: |$b:ident| $bf16:expr
    ) => {
        pub(in crate::matmul) mod $level {
            #[allow(clippy::wildcard_imports, reason = "this level's half of the file")]
            use super::*;

            type Lanes = [$vector; $n];

            #[target_feature(enable = $features)]
            #[inline]
            fn load(x: &[f32; LANES]) -> Lanes {
                let mut lanes = [$zero(); $n];
                for (lane, x) in lanes.iter_mut().zip(x.as_chunks::<$width>().0) {
                    *lane = $load(x);
                }
                lanes
            }

            /// `acc += w · x`
            #[target_feature(enable = $features)]
            #[inline]
            fn add(acc: &mut Lanes, w: Lanes, x: Lanes) {
                for i in 0..$n {
                    acc[i] = $fma(w[i], x[i], acc[i]);
                }
            }

            #[target_feature(enable = $features)]
            #[inline]
            fn fold($lanes: Lanes) -> f32 {
                $fold
            }

            /// Sums the lanes of all dot products of a full tile.
            #[target_feature(enable = $features)]
            #[inline]
            fn fold_tile($tile: [[Lanes; $tile_rows]; $tile_tokens]) -> [[f32; $tile_rows]; $tile_tokens] {
                $fold_tile
            }

            #[target_feature(enable = $features)]
            #[inline]
            fn from_f32(bytes: &[u8; 4 * LANES]) -> Lanes {
                load(&bytemuck::must_cast(*bytes))
            }

            #[target_feature(enable = $features)]
            #[inline]
            fn from_f16(bytes: &[u8; 2 * LANES]) -> Lanes {
                let halves: [[u16; $width]; $n] = bytemuck::must_cast(*bytes);
                let mut lanes = [$zero(); $n];
                for (lane, $h) in lanes.iter_mut().zip(&halves) {
                    *lane = $f16;
                }
                lanes
            }

            #[target_feature(enable = $features)]
            #[inline]
            fn from_bf16(bytes: &[u8; 2 * LANES]) -> Lanes {
                let halves: [[u16; $width]; $n] = bytemuck::must_cast(*bytes);
                let mut lanes = [$zero(); $n];
                for (lane, $b) in lanes.iter_mut().zip(&halves) {
                    *lane = $bf16;
                }
                lanes
            }

            /// `rows` `[R][K]` × `x` `[T][K]`
            #[target_feature(enable = $features)]
            #[inline]
            fn tile<const R: usize, const T: usize>(rows: [&[f32]; R], x: [&[f32]; T]) -> [[Lanes; R]; T] {
                let mut acc = [[[$zero(); $n]; R]; T];
                // One length for all, so that the loop need not ask.
                let n_chunks = rows[0].len() / LANES;
                let mut row_chunks: [&[[f32; LANES]]; R] = [&[]; R];
                for r in 0..R {
                    row_chunks[r] = &rows[r].as_chunks().0[..n_chunks];
                }
                let mut x_chunks: [&[[f32; LANES]]; T] = [&[]; T];
                for t in 0..T {
                    x_chunks[t] = &x[t].as_chunks().0[..n_chunks];
                }
                for c in 0..n_chunks {
                    let mut w = [[$zero(); $n]; R];
                    for r in 0..R {
                        w[r] = load(&row_chunks[r][c]);
                    }
                    for t in 0..T {
                        let x = load(&x_chunks[t][c]);
                        for r in 0..R {
                            add(&mut acc[t][r], w[r], x);
                        }
                    }
                }
                if rows[0].len() % LANES > 0 {
                    for t in 0..T {
                        let x_rest = load(&filled(x[t].as_chunks::<LANES>().1));
                        for r in 0..R {
                            add(&mut acc[t][r], load(&filled(rows[r].as_chunks::<LANES>().1)), x_rest);
                        }
                    }
                }
                acc
            }

            /// The last rows or tokens of a task.
            #[target_feature(enable = $features)]
            fn partial_tile<const R: usize, const T: usize>(rows: [&[f32]; R], x: [&[f32]; T]) -> [[f32; R]; T] {
                let acc = tile(rows, x);
                let mut out = [[0.0; R]; T];
                for t in 0..T {
                    for r in 0..R {
                        out[t][r] = fold(acc[t][r]);
                    }
                }
                out
            }

            #[target_feature(enable = $features)]
            fn full_tile(rows: [&[f32]; $tile_rows], x: [&[f32]; $tile_tokens]) -> [[f32; $tile_rows]; $tile_tokens] {
                fold_tile(tile(rows, x))
            }

            float_kernels!(of_f32, $features, from_f32, 4, $tile_rows, $tile_tokens, $zero, $n);
            float_kernels!(of_f16, $features, from_f16, 2, $tile_rows, $tile_tokens, $zero, $n);
            float_kernels!(of_bf16, $features, from_bf16, 2, $tile_rows, $tile_tokens, $zero, $n);
        }
    };
}

/// The kernels of one format on one level.
macro_rules! float_kernels {
    (
        $format:ident, $features:literal, $convert:ident, $bytes:literal, $tile_rows:literal, $tile_tokens:literal,
        $zero:ident, $n:literal
    ) => {
        pub(in crate::matmul) mod $format {
            #[allow(clippy::wildcard_imports, reason = "this format's part of the level")]
            use super::*;

            const CHUNK: usize = $bytes * LANES;

            /// Multiplies few tokens: weights are converted where they are used.
            #[target_feature(enable = $features)]
            pub(in crate::matmul) fn gemv(args: &mut MatmulArgs<'_, '_>) {
                let n_tokens = args.out.rows.len();
                for first in (0..n_tokens).step_by(GEMV_TOKENS) {
                    match n_tokens - first {
                        1 => rows::<1>(args, first),
                        2 => rows::<2>(args, first),
                        3 => rows::<3>(args, first),
                        _ => rows::<GEMV_TOKENS>(args, first),
                    }
                }
            }

            #[target_feature(enable = $features)]
            fn rows<const T: usize>(args: &mut MatmulArgs<'_, '_>, first: usize) {
                let k = args.w.cols;
                let mut x: [&[f32]; T] = [&[]; T];
                for (t, x) in x.iter_mut().enumerate() {
                    *x = &args.x[(args.out.rows.start + first + t) * k..][..k];
                }
                for (i, m) in args.out.cols.clone().enumerate() {
                    let (chunks, rest) = args.w.row(m).as_chunks::<CHUNK>();
                    let mut acc = [[$zero(); $n]; T];
                    for (c, chunk) in chunks.iter().enumerate() {
                        prefetch_ahead(chunk);
                        let w = $convert(chunk);
                        for t in 0..T {
                            add(&mut acc[t], w, load(&x[t].as_chunks().0[c]));
                        }
                    }
                    if !rest.is_empty() {
                        let mut chunk = [0; CHUNK];
                        chunk[..rest.len()].copy_from_slice(rest);
                        let w = $convert(&chunk);
                        for t in 0..T {
                            add(&mut acc[t], w, load(&filled(x[t].as_chunks::<LANES>().1)));
                        }
                    }
                    for (t, acc) in acc.into_iter().enumerate() {
                        args.out.row(first + t)[i] = fold(acc);
                    }
                }
            }

            /// Multiplies many tokens: weights are converted once.
            #[target_feature(enable = $features)]
            pub(in crate::matmul) fn gemm(args: &mut MatmulArgs<'_, '_>) {
                let k = args.w.cols;
                let (n_rows, n_tokens) = (args.out.cols.len(), args.out.rows.len());
                for row_first in (0..n_rows).step_by(GEMM_ROWS) {
                    let rows_here = GEMM_ROWS.min(n_rows - row_first);
                    args.scratch.decoded.resize(GEMM_ROWS * k, 0.0);
                    for (r, row) in args.scratch.decoded.chunks_exact_mut(k).enumerate().take(rows_here) {
                        let bytes = args.w.row(args.out.cols.start + row_first + r);
                        let ((to, to_rest), (from, from_rest)) = (row.as_chunks_mut(), bytes.as_chunks());
                        for (to, from) in to.iter_mut().zip(from) {
                            *to = values(from);
                        }
                        let mut chunk = [0; CHUNK];
                        chunk[..from_rest.len()].copy_from_slice(from_rest);
                        to_rest.copy_from_slice(&values(&chunk)[..to_rest.len()]);
                    }
                    for token_first in (0..n_tokens).step_by(GEMM_TOKENS) {
                        let token_end = n_tokens.min(token_first + GEMM_TOKENS);
                        let mut r = 0;
                        while r < rows_here {
                            let is_full = rows_here - r >= $tile_rows;
                            let mut t = token_first;
                            while t < token_end {
                                match (is_full, token_end - t >= $tile_tokens) {
                                    (true, true) => block(args, [row_first, r, t], |w, x| full_tile(w, x)),
                                    (true, false) => {
                                        block(args, [row_first, r, t], |w, x| partial_tile::<$tile_rows, 1>(w, x))
                                    }
                                    (false, true) => {
                                        block(args, [row_first, r, t], |w, x| partial_tile::<1, $tile_tokens>(w, x))
                                    }
                                    (false, false) => block(args, [row_first, r, t], |w, x| partial_tile::<1, 1>(w, x)),
                                }
                                t += if token_end - t >= $tile_tokens { $tile_tokens } else { 1 };
                            }
                            r += if is_full { $tile_rows } else { 1 };
                        }
                    }
                }
            }

            #[target_feature(enable = $features)]
            #[inline]
            fn values(bytes: &[u8; CHUNK]) -> [f32; LANES] {
                bytemuck::must_cast($convert(bytes))
            }

            /// One tile from row `r` and token `t`.
            #[target_feature(enable = $features)]
            #[inline]
            fn block<const R: usize, const T: usize>(
                args: &mut MatmulArgs<'_, '_>,
                [row_first, r, t]: [usize; 3],
                tile: impl Fn([&[f32]; R], [&[f32]; T]) -> [[f32; R]; T],
            ) {
                let k = args.w.cols;
                let mut rows: [&[f32]; R] = [&[]; R];
                for (i, row) in rows.iter_mut().enumerate() {
                    *row = &args.scratch.decoded[(r + i) * k..][..k];
                }
                let mut x: [&[f32]; T] = [&[]; T];
                for (i, x) in x.iter_mut().enumerate() {
                    *x = &args.x[(args.out.rows.start + t + i) * k..][..k];
                }
                for (i, values) in tile(rows, x).iter().enumerate() {
                    args.out.row(t + i)[row_first + r..][..R].copy_from_slice(values);
                }
            }
        }
    };
}

level! {
    avx2, "avx2,fma,f16c", __m256, 2, 8, _mm256_setzero_ps, simd::avx2::load_f32, _mm256_fmadd_ps,
    tile: 2 x 3,
    |lanes| simd::avx2::fold(_mm256_add_ps(lanes[0], lanes[1])),
    |tile| {
        let mut out = [[0.0; 2]; 3];
        for (out, tile) in out.as_flattened_mut().iter_mut().zip(tile.as_flattened()) {
            *out = fold(*tile);
        }
        out
    },
    f16: |h| _mm256_cvtph_ps(simd::avx2::load_half_u16(h)),
    bf16: |b| _mm256_castsi256_ps(_mm256_slli_epi32::<16>(_mm256_cvtepu16_epi32(simd::avx2::load_half_u16(b))))
}

level! {
    avx512, "avx2,fma,f16c,avx512f,avx512bw,avx512vl,avx512dq,avx512vnni", __m512, 1, 16, _mm512_setzero_ps, simd::avx512::load_f32,
    _mm512_fmadd_ps,
    tile: 6 x 4,
    |lanes| simd::avx2::fold(_mm256_add_ps(_mm512_castps512_ps256(lanes[0]), _mm512_extractf32x8_ps::<1>(lanes[0]))),
    |tile| {
        let [mut first, mut last] = [[[_mm512_setzero_ps(); 4]; 4]; 2];
        for (t, rows) in tile.iter().enumerate() {
            for r in 0..4 {
                first[t][r] = rows[r][0];
            }
            // Of two rows of four tokens: as four rows of two tokens.
            for r in 0..2 {
                last[t / 2][2 * (t % 2) + r] = rows[4 + r][0];
            }
        }
        let (first, last) = (fold_16(&first), fold_16(&last));
        std::array::from_fn(|t| {
            let [a, b, c, d] = first[t];
            [a, b, c, d, last[t / 2][2 * (t % 2)], last[t / 2][2 * (t % 2) + 1]]
        })
    },
    f16: |h| _mm512_cvtph_ps(simd::avx512::load_half_u16(h)),
    bf16: |b| _mm512_castsi512_ps(_mm512_slli_epi32::<16>(_mm512_cvtepu16_epi32(simd::avx512::load_half_u16(b))))
}

/// Sixteen vectors folded at once: in each step two of them share a vector, so that one addition serves both.
#[target_feature(enable = "avx2,fma,f16c,avx512f,avx512bw,avx512vl,avx512dq,avx512vnni")]
#[inline]
fn fold_16(tile: &[[__m512; 4]; 4]) -> [[f32; 4]; 4] {
    // Sums of lanes 8 apart: [a, b] as two halves.
    let eights = |a, b| _mm512_add_ps(_mm512_shuffle_f32x4::<0x44>(a, b), _mm512_shuffle_f32x4::<0xEE>(a, b));
    // Of lanes 4 apart: quarters of [a, b, c, d] come out as a, c, b, d.
    let fours = |ab, cd| _mm512_add_ps(_mm512_shuffle_f32x4::<0x88>(ab, cd), _mm512_shuffle_f32x4::<0xDD>(ab, cd));
    // Of lanes 2 apart, then 1 apart, within quarters.
    let twos = |x, y| _mm512_add_ps(_mm512_shuffle_ps::<0x44>(x, y), _mm512_shuffle_ps::<0xEE>(x, y));
    let ones = |x, y| _mm512_add_ps(_mm512_shuffle_ps::<0x88>(x, y), _mm512_shuffle_ps::<0xDD>(x, y));
    // Quarter q of `rows[t]` has four lanes of row q of token t.
    let mut rows = [_mm512_setzero_ps(); 4];
    for (row, &[a, b, c, d]) in rows.iter_mut().zip(tile) {
        *row = fours(eights(a, b), eights(c, d));
    }
    // Lane t of quarter q: row q, token t.
    let sums = ones(twos(rows[0], rows[1]), twos(rows[2], rows[3]));
    // As `fold` does: no negative zero.
    let sums = _mm512_add_ps(sums, _mm512_setzero_ps());
    let by_row: [[f32; 4]; 4] = bytemuck::must_cast(sums);
    std::array::from_fn(|t| by_row.map(|row| row[t]))
}
