//! 512 bits with VNNI: a `vpdpbusd` multiplies 64 codes.

use super::{DECODED_TOKENS, Packing, decode};
use crate::matmul::ternary::{Codes, Tri1};
#[allow(clippy::wildcard_imports, reason = "intrinsics")]
use std::arch::x86_64::*;

/// The kernels for one set of features, given `planes` of the module that calls this.
macro_rules! wide {
    ($features:literal) => {
        use super::{LONG_GROUPS, PANEL_ROWS, Panel, Source, Token, even_tiles, line, long_lines, tokens_of};
        use crate::{
            activation::GROUP,
            matmul::{
                MatmulArgs,
                integer::token_tiles,
                ternary::{QUADS, group_cols},
            },
            row_codes::RowGroup,
            simd::{
                avx512::{load_f32, load_i8, load_i32, load_u8, store_f32, store_i32, store_u8},
                prefetch_ahead,
            },
        };

        /// Most tokens of a GEMV pass.
        const GEMV_TOKENS: usize = 4;

        /// Tokens of a GEMM tile: 6 · 4 accumulators, four vectors of weights and one of activations fit the registers.
        const TILE_TOKENS: usize = 6;

        /// Rows of a GEMM tile.
        const TILE_ROWS: usize = PANEL_ROWS;

        /// Vectors of 16 rows in a panel.
        const VECTORS: usize = PANEL_ROWS / 16;

        walks!($features);

        #[target_feature(enable = $features)]
        fn rows<P: Packing, const T: usize>(args: &mut MatmulArgs<'_, '_>, first: usize) {
            let x: [Token<'_>; T] = std::array::from_fn(|t| Token::new::<P>(args, args.out.rows.start + first + t));
            let (cols, groups) = (args.w.cols, args.w.cols.div_ceil(GROUP));
            let mut end = std::mem::take(&mut args.scratch.ternary.end);
            let source = Source::new(&args.w, &mut end);
            for (i, m) in args.out.cols.clone().enumerate() {
                let row = source.row_on(m);
                let long_groups = P::long_groups(cols);
                let mut sums = [_mm512_setzero_si512(); T];
                for long in 0..long_groups / LONG_GROUPS {
                    let mut products = [[_mm512_setzero_si512(); LONG_GROUPS]; T];
                    for (v, line) in long_lines(row, long).iter().enumerate() {
                        prefetch_ahead(line);
                        let codes = planes::<P>(load_u8(line));
                        for t in 0..T {
                            let groups = &x[t].groups[long * LONG_GROUPS..][..LONG_GROUPS];
                            for ((products, codes), group) in products[t].iter_mut().zip(codes).zip(groups) {
                                let x = load_i8(&group.codes.as_chunks().0[v]);
                                *products = _mm512_dpbusd_epi32(*products, codes, x);
                            }
                        }
                    }
                    for t in 0..T {
                        for (products, group) in products[t].iter().zip(&x[t].groups[long * LONG_GROUPS..]) {
                            let shifted = _mm512_sll_epi32(*products, _mm_cvtsi32_si128(group.shift));
                            sums[t] = _mm512_add_epi32(sums[t], shifted);
                        }
                    }
                }
                let mut walks = x.map(|x| {
                    let planes = x.planes.chunks_exact(P::CODES.planes()).skip(long_groups);
                    planes.zip(&x.groups[long_groups..])
                });
                for g in long_groups..groups {
                    let line = line::<P>(row, cols, g);
                    prefetch_ahead(line);
                    let codes = planes::<P>(load_u8(line));
                    for t in 0..T {
                        if let Some((x_codes, group)) = walks[t].next() {
                            // i32: at most 256 · 3 · 127 in all lanes together.
                            let mut products = [_mm512_setzero_si512(); 2];
                            for (p, (codes, x)) in codes.iter().zip(x_codes).enumerate() {
                                products[p % 2] = _mm512_dpbusd_epi32(products[p % 2], *codes, load_i8(x));
                            }
                            let sum = _mm512_add_epi32(products[0], products[1]);
                            let shifted = _mm512_sll_epi32(sum, _mm_cvtsi32_si128(group.shift));
                            sums[t] = _mm512_add_epi32(sums[t], shifted);
                        }
                    }
                }
                let scale = args.w.row_scales[m];
                for t in 0..T {
                    let x = &x[t].groups[0];
                    let sum = _mm512_reduce_add_epi32(sums[t]) - x.sum;
                    args.out.row(first + t)[i] = sum as f32 * (scale * x.scale);
                }
            }
            args.scratch.ternary.end = end;
        }

        /// Multiplies some tokens: more than a row is unpacked for, fewer than a panel pays for.
        #[target_feature(enable = $features)]
        pub(in crate::matmul) fn strips<P: Packing>(args: &mut MatmulArgs<'_, '_>) {
            for tokens in even_tiles(args.out.rows.len(), STRIP_TOKENS) {
                match tokens.len() {
                    1 => strip::<P, 1>(args, tokens.start),
                    2 => strip::<P, 2>(args, tokens.start),
                    3 => strip::<P, 3>(args, tokens.start),
                    4 => strip::<P, 4>(args, tokens.start),
                    5 => strip::<P, 5>(args, tokens.start),
                    6 => strip::<P, 6>(args, tokens.start),
                    7 => strip::<P, 7>(args, tokens.start),
                    _ => strip::<P, STRIP_TOKENS>(args, tokens.start),
                }
            }
        }

        /// Rows of a strip.
        const STRIP_ROWS: usize = 16;

        /// Most tokens of a strip.
        const STRIP_TOKENS: usize = 8;

        /// Up to eight tokens with all rows of the task, 16 at a time.
        #[target_feature(enable = $features)]
        fn strip<P: Packing, const T: usize>(args: &mut MatmulArgs<'_, '_>, first: usize) {
            let (cols, groups) = (args.w.cols, args.w.cols.div_ceil(GROUP));
            let x: [&[RowGroup]; T] =
                std::array::from_fn(|t| &args.row_codes[(args.out.rows.start + first + t) * groups..][..groups]);
            // A product takes as long as ten can be begun: few tokens need more sums.
            let chains = match T {
                1..=3 => 4,
                4..=6 => 2,
                _ => 1,
            };
            let mut end = std::mem::take(&mut args.scratch.ternary.end);
            let source = Source::new(&args.w, &mut end);
            for rows in token_tiles(args.out.cols.len(), STRIP_ROWS) {
                let m = args.out.cols.start + rows.start;
                let rows_on: [&[u8]; STRIP_ROWS] = source.rows(m);
                let mut sums = [_mm512_setzero_si512(); T];
                for g in 0..groups {
                    source.prefetch(m + rows.len(), STRIP_ROWS, g, groups);
                    let mut lines = [_mm512_setzero_si512(); 16];
                    for (to, row) in lines.iter_mut().zip(rows_on) {
                        *to = load_u8(line::<P>(row, cols, g));
                    }
                    let n_words = P::words(group_cols(cols, g));
                    let words = transpose(lines);
                    let quads: [&[[i8; 4]; QUADS]; T] =
                        std::array::from_fn(|t| bytemuck::must_cast_ref(&x[t][g].codes));
                    // i32: at most 256 · 3 · 127 a lane.
                    let mut acc = [[_mm512_setzero_si512(); 4]; T];
                    for (w, word) in words.into_iter().enumerate().take(n_words) {
                        let codes = planes::<P>(word);
                        for p in 0..P::CODES.planes() {
                            if let Some(quad) = P::quad(w, p, n_words) {
                                for t in 0..T {
                                    let x = quads[t][quad % QUADS].map(i8::cast_unsigned);
                                    let x = _mm512_set1_epi32(i32::from_ne_bytes(x));
                                    acc[t][p % chains] = _mm512_dpbusd_epi32(acc[t][p % chains], codes[p], x);
                                }
                            }
                        }
                    }
                    for t in 0..T {
                        let mut sum = acc[t][0];
                        for chain in &acc[t][1..chains] {
                            sum = _mm512_add_epi32(sum, *chain);
                        }
                        sums[t] = _mm512_add_epi32(sums[t], _mm512_sll_epi32(sum, _mm_cvtsi32_si128(x[t][g].shift)));
                    }
                }
                let mut scales = [0.0; STRIP_ROWS];
                scales[..rows.len()].copy_from_slice(&args.w.row_scales[m..m + rows.len()]);
                for t in 0..T {
                    let mut out = [0.0; STRIP_ROWS];
                    let sum = _mm512_sub_epi32(sums[t], _mm512_set1_epi32(x[t][0].sum));
                    let scale = _mm512_mul_ps(load_f32(&scales), _mm512_set1_ps(x[t][0].scale));
                    store_f32(&mut out, _mm512_mul_ps(_mm512_cvtepi32_ps(sum), scale));
                    args.out.row(first + t)[rows.clone()].copy_from_slice(&out[..rows.len()]);
                }
            }
            args.scratch.ternary.end = end;
        }

        /// Rows to columns: word `w` of 16 lines, as vector `w`.
        #[target_feature(enable = $features)]
        #[inline]
        fn transpose(rows: [__m512i; 16]) -> [__m512i; 16] {
            let mut pairs = rows;
            for i in 0..8 {
                pairs[2 * i] = _mm512_unpacklo_epi32(rows[2 * i], rows[2 * i + 1]);
                pairs[2 * i + 1] = _mm512_unpackhi_epi32(rows[2 * i], rows[2 * i + 1]);
            }
            // fours[4 i + j]: word 4 k + j of rows 4 i .. 4 i + 4 in 128-bit lane k.
            let mut fours = pairs;
            for i in 0..4 {
                for j in 0..2 {
                    fours[4 * i + 2 * j] = _mm512_unpacklo_epi64(pairs[4 * i + j], pairs[4 * i + 2 + j]);
                    fours[4 * i + 2 * j + 1] = _mm512_unpackhi_epi64(pairs[4 * i + j], pairs[4 * i + 2 + j]);
                }
            }
            let mut out = fours;
            for j in 0..4 {
                let even = _mm512_shuffle_i32x4::<0x88>(fours[j], fours[4 + j]);
                let odd = _mm512_shuffle_i32x4::<0xdd>(fours[j], fours[4 + j]);
                let even_on = _mm512_shuffle_i32x4::<0x88>(fours[8 + j], fours[12 + j]);
                let odd_on = _mm512_shuffle_i32x4::<0xdd>(fours[8 + j], fours[12 + j]);
                out[j] = _mm512_shuffle_i32x4::<0x88>(even, even_on);
                out[8 + j] = _mm512_shuffle_i32x4::<0xdd>(even, even_on);
                out[4 + j] = _mm512_shuffle_i32x4::<0x88>(odd, odd_on);
                out[12 + j] = _mm512_shuffle_i32x4::<0xdd>(odd, odd_on);
            }
            out
        }

        /// Group `g` of 64 rows into the panel.
        #[target_feature(enable = $features)]
        fn fill<P: Packing>(rows: &[&[u8]; PANEL_ROWS], cols: usize, g: usize, panel: &mut Panel) {
            let n_words = P::words(group_cols(cols, g));
            for (v, rows) in rows.as_chunks::<16>().0.iter().enumerate() {
                let mut lines = [_mm512_setzero_si512(); 16];
                for (to, row) in lines.iter_mut().zip(rows) {
                    *to = load_u8(line::<P>(row, cols, g));
                }
                for (w, word) in transpose(lines).into_iter().enumerate().take(n_words) {
                    for (p, codes) in planes::<P>(word).into_iter().enumerate().take(P::CODES.planes()) {
                        if let Some(quad) = P::quad(w, p, n_words) {
                            store_u8(&mut panel.quads[quad % QUADS].as_chunks_mut::<64>().0[v], codes);
                        }
                    }
                }
            }
        }

        /// Long line `long` of 64 rows into a panel for each digit.
        #[target_feature(enable = $features)]
        fn fill_long(rows: &[&[u8]; PANEL_ROWS], long: usize, panels: &mut [Panel; LONG_GROUPS]) {
            for (v, rows) in rows.as_chunks::<16>().0.iter().enumerate() {
                for part in 0..4 {
                    let mut lines = [_mm512_setzero_si512(); 16];
                    for (to, row) in lines.iter_mut().zip(rows) {
                        *to = load_u8(&long_lines(row, long)[part]);
                    }
                    for (w, word) in transpose(lines).into_iter().enumerate() {
                        for (panel, codes) in panels.iter_mut().zip(planes::<Tri1>(word)) {
                            store_u8(&mut panel.quads[16 * part + w].as_chunks_mut::<64>().0[v], codes);
                        }
                    }
                }
            }
        }

        #[target_feature(enable = $features)]
        #[inline]
        fn tile<const T: usize>(x: [&RowGroup; T], panel: &Panel, _part: usize, sums: &mut [[i32; PANEL_ROWS]]) {
            // i32: at most 256 · 3 · 127 a lane.
            let mut acc = [[_mm512_setzero_si512(); VECTORS]; T];
            for (q, w) in panel.quads.iter().enumerate() {
                let mut weights = [_mm512_setzero_si512(); VECTORS];
                for (to, from) in weights.iter_mut().zip(w.as_chunks::<64>().0) {
                    *to = load_u8(from);
                }
                for t in 0..T {
                    let codes =
                        _mm512_set1_epi32(i32::from_ne_bytes(x[t].codes.as_chunks::<4>().0[q].map(i8::cast_unsigned)));
                    for v in 0..VECTORS {
                        acc[t][v] = _mm512_dpbusd_epi32(acc[t][v], weights[v], codes);
                    }
                }
            }
            for ((sums, acc), x) in sums.iter_mut().zip(acc).zip(x) {
                let shift = _mm512_set1_epi32(x.shift);
                for (sum, acc) in sums.as_chunks_mut::<16>().0.iter_mut().zip(acc) {
                    store_i32(sum, _mm512_add_epi32(load_i32(sum), _mm512_sllv_epi32(acc, shift)));
                }
            }
        }

        /// `out = (sums - x_sum) · (scales · x_scale)`
        #[target_feature(enable = $features)]
        fn finish(sums: &[i32; 64], scales: &[f32; 64], x_sum: i32, x_scale: f32, out: &mut [f32; 64]) {
            for v in 0..VECTORS {
                let sum = _mm512_sub_epi32(load_i32(&sums.as_chunks().0[v]), _mm512_set1_epi32(x_sum));
                let scale = _mm512_mul_ps(load_f32(&scales.as_chunks().0[v]), _mm512_set1_ps(x_scale));
                store_f32(&mut out.as_chunks_mut().0[v], _mm512_mul_ps(_mm512_cvtepi32_ps(sum), scale));
            }
        }
    };
}
pub(super) use wide;

wide!("avx2,fma,f16c,avx512f,avx512bw,avx512vl,avx512dq,avx512vnni");

/// The codes 0, 1, 2 of each plane of 64 bytes.
#[target_feature(enable = "avx2,fma,f16c,avx512f,avx512bw,avx512vl,avx512dq,avx512vnni")]
#[inline]
fn planes<P: Packing>(line: __m512i) -> [__m512i; 5] {
    let three = _mm512_set1_epi8(3);
    match P::CODES {
        Codes::TwoBits => [
            _mm512_and_si512(line, three),
            _mm512_and_si512(_mm512_srli_epi16::<2>(line), three),
            _mm512_and_si512(_mm512_srli_epi16::<4>(line), three),
            _mm512_and_si512(_mm512_srli_epi16::<6>(line), three),
            _mm512_setzero_si512(),
        ],
        Codes::Base3 => {
            let mut fraction = line;
            let mut planes = [_mm512_setzero_si512(); 5];
            for plane in &mut planes {
                // The carry of 3 · fraction: 1 from 86, 2 from 171.
                let one = _mm512_cmpge_epu8_mask(fraction, _mm512_set1_epi8(86));
                let two = _mm512_cmpge_epu8_mask(fraction, _mm512_set1_epi8(171_u8.cast_signed()));
                let ones = _mm512_maskz_mov_epi8(one, _mm512_set1_epi8(1));
                *plane = _mm512_mask_mov_epi8(ones, two, _mm512_set1_epi8(2));
                fraction = _mm512_add_epi8(_mm512_add_epi8(fraction, fraction), fraction);
            }
            planes
        }
    }
}

decoded_walk!("avx2,fma,f16c,avx512f,avx512bw,avx512vl,avx512dq,avx512vnni");

/// Row `m`, given its codes, for `T` tokens.
#[target_feature(enable = "avx2,fma,f16c,avx512f,avx512bw,avx512vl,avx512dq,avx512vnni")]
fn decoded_row<const T: usize>(args: &mut MatmulArgs<'_, '_>, i: usize, m: usize, first: usize, codes: &[u8]) {
    let groups = args.w.cols.div_ceil(GROUP);
    let x: [&[RowGroup]; T] =
        std::array::from_fn(|t| &args.row_codes[(args.out.rows.start + first + t) * groups..][..groups]);
    let mut sums = [_mm512_setzero_si512(); T];
    for (g, line) in codes.as_chunks::<GROUP>().0.iter().enumerate() {
        // i32: at most 256 · 3 · 127 in all lanes together.
        let mut products = [[_mm512_setzero_si512(); 2]; T];
        for (v, codes) in line.as_chunks::<64>().0.iter().enumerate() {
            let codes = load_u8(codes);
            for t in 0..T {
                let x = load_i8(&x[t][g].codes.as_chunks().0[v]);
                products[t][v % 2] = _mm512_dpbusd_epi32(products[t][v % 2], codes, x);
            }
        }
        for t in 0..T {
            let sum = _mm512_add_epi32(products[t][0], products[t][1]);
            sums[t] = _mm512_add_epi32(sums[t], _mm512_sll_epi32(sum, _mm_cvtsi32_si128(x[t][g].shift)));
        }
    }
    let scale = args.w.row_scales[m];
    for t in 0..T {
        let sum = _mm512_reduce_add_epi32(sums[t]) - x[t][0].sum;
        args.out.row(first + t)[i] = sum as f32 * (scale * x[t][0].scale);
    }
}
