//! 256 bits: `vpmaddubsw` multiplies 32 codes and adds pairs in 16 bits.

use super::{
    DECODED_TOKENS, LONG_GROUPS, PANEL_ROWS, Panel, Source, Token, decode, even_tiles, line, long_lines, tokens_of,
};
use crate::{
    activation::GROUP,
    matmul::{
        MatmulArgs,
        integer::token_tiles,
        ternary::{Codes, Packing, QUADS, Tri1, group_cols},
    },
    row_codes::RowGroup,
    simd::{
        avx2::{load_f32, load_i8, load_i32, load_u8, store_f32, store_i32, store_u8, transpose},
        prefetch_ahead,
    },
};
#[allow(clippy::wildcard_imports, reason = "intrinsics")]
use std::arch::x86_64::*;

/// Most tokens of a GEMV pass.
const GEMV_TOKENS: usize = 4;

/// Tokens of a GEMM tile: 6 · 2 accumulators, two vectors of weights and one of activations leave one register for
/// products.
const TILE_TOKENS: usize = 6;

/// Rows of a GEMM tile, in two vectors.
const TILE_ROWS: usize = 16;

walks!("avx2,fma,f16c");
decoded_walk!("avx2,fma,f16c");

/// The codes 0, 1, 2 of each plane of 32 bytes.
#[target_feature(enable = "avx2,fma,f16c")]
#[inline]
fn planes<P: Packing>(line: __m256i) -> [__m256i; 5] {
    let three = _mm256_set1_epi8(3);
    match P::CODES {
        Codes::TwoBits => [
            _mm256_and_si256(line, three),
            _mm256_and_si256(_mm256_srli_epi16::<2>(line), three),
            _mm256_and_si256(_mm256_srli_epi16::<4>(line), three),
            _mm256_and_si256(_mm256_srli_epi16::<6>(line), three),
            _mm256_setzero_si256(),
        ],
        Codes::Base3 => {
            let mut fraction = line;
            let mut planes = [_mm256_setzero_si256(); 5];
            for plane in &mut planes {
                // The carry of 3 · fraction: 1 from 86, 2 from 171.
                let one = _mm256_min_epu8(_mm256_subs_epu8(fraction, _mm256_set1_epi8(85)), _mm256_set1_epi8(1));
                let past_one = _mm256_subs_epu8(fraction, _mm256_set1_epi8(170_u8.cast_signed()));
                *plane = _mm256_add_epi8(one, _mm256_min_epu8(past_one, _mm256_set1_epi8(1)));
                fraction = _mm256_add_epi8(_mm256_add_epi8(fraction, fraction), fraction);
            }
            planes
        }
    }
}

/// Sum of the lanes.
#[target_feature(enable = "avx2,fma,f16c")]
#[inline]
fn sum(v: __m256i) -> i32 {
    let quarter = _mm_add_epi32(_mm256_castsi256_si128(v), _mm256_extracti128_si256::<1>(v));
    let pair = _mm_add_epi32(quarter, _mm_shuffle_epi32::<0b01_00_11_10>(quarter));
    _mm_cvtsi128_si32(_mm_add_epi32(pair, _mm_shuffle_epi32::<0b10_11_00_01>(pair)))
}

#[target_feature(enable = "avx2,fma,f16c")]
fn rows<P: Packing, const T: usize>(args: &mut MatmulArgs<'_, '_>, first: usize) {
    let x: [Token<'_>; T] = std::array::from_fn(|t| Token::new::<P>(args, args.out.rows.start + first + t));
    let (cols, groups) = (args.w.cols, args.w.cols.div_ceil(GROUP));
    let mut end = std::mem::take(&mut args.scratch.ternary.end);
    let source = Source::new(&args.w, &mut end);
    for (i, m) in args.out.cols.clone().enumerate() {
        let row = source.row_on(m);
        let long_groups = P::long_groups(cols);
        let mut sums = [_mm256_setzero_si256(); T];
        for long in 0..long_groups / LONG_GROUPS {
            // i16: eight pairs of 2 · 2 · 127.
            let mut pairs = [[_mm256_setzero_si256(); LONG_GROUPS]; T];
            for (v, line) in long_lines(row, long).as_flattened().as_chunks::<32>().0.iter().enumerate() {
                if v % 2 == 0 {
                    prefetch_ahead(line);
                }
                let codes = planes::<P>(load_u8(line));
                for t in 0..T {
                    let groups = &x[t].groups[long * LONG_GROUPS..][..LONG_GROUPS];
                    for ((pairs, codes), group) in pairs[t].iter_mut().zip(codes).zip(groups) {
                        let x = load_i8(&group.codes.as_chunks().0[v]);
                        *pairs = _mm256_add_epi16(*pairs, _mm256_maddubs_epi16(codes, x));
                    }
                }
            }
            for t in 0..T {
                for (pairs, group) in pairs[t].iter().zip(&x[t].groups[long * LONG_GROUPS..]) {
                    let sum = _mm256_madd_epi16(*pairs, _mm256_set1_epi16(1));
                    sums[t] = _mm256_add_epi32(sums[t], _mm256_sll_epi32(sum, _mm_cvtsi32_si128(group.shift)));
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
            let halves = line.as_chunks::<32>().0;
            let codes = [planes::<P>(load_u8(&halves[0])), planes::<P>(load_u8(&halves[1]))];
            for t in 0..T {
                if let Some((x_codes, group)) = walks[t].next() {
                    // i16: at most 2 · 5 pairs of 2 · 3 · 127.
                    let mut pairs = [_mm256_setzero_si256(); 2];
                    for (p, x) in x_codes.iter().enumerate().take(5) {
                        let x = x.as_chunks::<32>().0;
                        for half in 0..2 {
                            let products = _mm256_maddubs_epi16(codes[half][p], load_i8(&x[half]));
                            pairs[half] = _mm256_add_epi16(pairs[half], products);
                        }
                    }
                    let pairs = _mm256_add_epi16(pairs[0], pairs[1]);
                    let sum = _mm256_madd_epi16(pairs, _mm256_set1_epi16(1));
                    let shifted = _mm256_sll_epi32(sum, _mm_cvtsi32_si128(group.shift));
                    sums[t] = _mm256_add_epi32(sums[t], shifted);
                }
            }
        }
        let scale = args.w.row_scales[m];
        for t in 0..T {
            let x = &x[t].groups[0];
            args.out.row(first + t)[i] = (sum(sums[t]) - x.sum) as f32 * (scale * x.scale);
        }
    }
    args.scratch.ternary.end = end;
}

/// Group `g` of 64 rows into the panel.
#[target_feature(enable = "avx2,fma,f16c")]
fn fill<P: Packing>(rows: &[&[u8]; PANEL_ROWS], cols: usize, g: usize, panel: &mut Panel) {
    let n_words = P::words(group_cols(cols, g));
    for (v, rows) in rows.as_chunks::<8>().0.iter().enumerate() {
        for half in 0..2 {
            let mut lines = [_mm256_setzero_si256(); 8];
            for (to, row) in lines.iter_mut().zip(rows) {
                *to = load_u8(&line::<P>(row, cols, g).as_chunks::<32>().0[half]);
            }
            for (w, word) in transpose(lines).into_iter().enumerate().take(n_words.saturating_sub(8 * half)) {
                for (p, codes) in planes::<P>(word).into_iter().enumerate().take(P::CODES.planes()) {
                    if let Some(quad) = P::quad(8 * half + w, p, n_words) {
                        store_u8(&mut panel.quads[quad % QUADS].as_chunks_mut::<32>().0[v], codes);
                    }
                }
            }
        }
    }
}

/// Long line `long` of 64 rows into a panel for each digit.
#[target_feature(enable = "avx2,fma,f16c")]
fn fill_long(rows: &[&[u8]; PANEL_ROWS], long: usize, panels: &mut [Panel; LONG_GROUPS]) {
    for (v, rows) in rows.as_chunks::<8>().0.iter().enumerate() {
        for part in 0..8 {
            let mut lines = [_mm256_setzero_si256(); 8];
            for (to, row) in lines.iter_mut().zip(rows) {
                *to = load_u8(&long_lines(row, long).as_flattened().as_chunks().0[part]);
            }
            for (w, word) in transpose(lines).into_iter().enumerate() {
                for (panel, codes) in panels.iter_mut().zip(planes::<Tri1>(word)) {
                    store_u8(&mut panel.quads[8 * part + w].as_chunks_mut::<32>().0[v], codes);
                }
            }
        }
    }
}

/// Row `m`, given its codes, for `T` tokens.
#[target_feature(enable = "avx2,fma,f16c")]
fn decoded_row<const T: usize>(args: &mut MatmulArgs<'_, '_>, i: usize, m: usize, first: usize, codes: &[u8]) {
    let groups = args.w.cols.div_ceil(GROUP);
    let x: [&[RowGroup]; T] =
        std::array::from_fn(|t| &args.row_codes[(args.out.rows.start + first + t) * groups..][..groups]);
    let mut sums = [_mm256_setzero_si256(); T];
    for (g, line) in codes.as_chunks::<GROUP>().0.iter().enumerate() {
        // i16: eight pairs of 2 · 3 · 127.
        let mut pairs = [_mm256_setzero_si256(); T];
        for (v, codes) in line.as_chunks::<32>().0.iter().enumerate() {
            let codes = load_u8(codes);
            for t in 0..T {
                let x = load_i8(&x[t][g].codes.as_chunks().0[v]);
                pairs[t] = _mm256_add_epi16(pairs[t], _mm256_maddubs_epi16(codes, x));
            }
        }
        for t in 0..T {
            let sum = _mm256_madd_epi16(pairs[t], _mm256_set1_epi16(1));
            sums[t] = _mm256_add_epi32(sums[t], _mm256_sll_epi32(sum, _mm_cvtsi32_si128(x[t][g].shift)));
        }
    }
    let scale = args.w.row_scales[m];
    for t in 0..T {
        args.out.row(first + t)[i] = (sum(sums[t]) - x[t][0].sum) as f32 * (scale * x[t][0].scale);
    }
}

#[target_feature(enable = "avx2,fma,f16c")]
#[inline]
fn tile<const T: usize>(x: [&RowGroup; T], panel: &Panel, part: usize, sums: &mut [[i32; PANEL_ROWS]]) {
    const HALF: usize = QUADS / 2;
    for half in 0..2 {
        // i16: at most 32 pairs of 2 · 3 · 127 = 24,384 a lane.
        let mut acc = [[_mm256_setzero_si256(); 2]; T];
        for (q, w) in panel.quads.iter().enumerate().skip(half * HALF).take(HALF) {
            let w = w.as_chunks::<64>().0[part].as_chunks::<32>().0;
            let weights = [load_u8(&w[0]), load_u8(&w[1])];
            for t in 0..T {
                let codes = x[t].codes.as_chunks::<4>().0[q].map(i8::cast_unsigned);
                let codes = _mm256_set1_epi32(i32::from_ne_bytes(codes));
                for v in 0..2 {
                    acc[t][v] = _mm256_add_epi16(acc[t][v], _mm256_maddubs_epi16(weights[v], codes));
                }
            }
        }
        for ((sums, acc), x) in sums.iter_mut().zip(acc).zip(x) {
            let shift = _mm256_set1_epi32(x.shift);
            for (sum, acc) in sums.as_chunks_mut::<8>().0[2 * part..].iter_mut().zip(acc) {
                let products = _mm256_sllv_epi32(_mm256_madd_epi16(acc, _mm256_set1_epi16(1)), shift);
                store_i32(sum, _mm256_add_epi32(load_i32(sum), products));
            }
        }
    }
}

/// `out = (sums - x_sum) · (scales · x_scale)`
#[target_feature(enable = "avx2,fma,f16c")]
fn finish(sums: &[i32; 64], scales: &[f32; 64], x_sum: i32, x_scale: f32, out: &mut [f32; 64]) {
    for v in 0..PANEL_ROWS / 8 {
        let sum = _mm256_sub_epi32(load_i32(&sums.as_chunks().0[v]), _mm256_set1_epi32(x_sum));
        let scale = _mm256_mul_ps(load_f32(&scales.as_chunks().0[v]), _mm256_set1_ps(x_scale));
        store_f32(&mut out.as_chunks_mut().0[v], _mm256_mul_ps(_mm256_cvtepi32_ps(sum), scale));
    }
}
