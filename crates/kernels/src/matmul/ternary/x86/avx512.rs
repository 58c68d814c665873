//! 512 bits with VNNI: a `vpdpbusd` multiplies 64 codes.

use super::Packing;
use crate::matmul::ternary::Codes;
#[allow(clippy::wildcard_imports, reason = "intrinsics")]
use std::arch::x86_64::*;

/// The kernels for one set of features, given `planes` of the module that calls this.
macro_rules! wide {
    ($features:literal) => {
        use super::{PANEL_ROWS, Panel, Token, from_row, line, prefetch_next, tokens_of};
        use crate::{
            activation::GROUP,
            matmul::{
                MatmulArgs,
                integer::token_tiles,
                ternary::{LINE, row_scale},
            },
            row_codes::RowGroup,
            simd::avx512::{load_f32, load_i8, load_i32, load_u8, store_f32, store_i32, store_u8},
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
            let groups = args.w.cols / GROUP;
            let n_planes = P::CODES.planes();
            for (i, m) in args.out.cols.clone().enumerate() {
                let row = from_row(args, m);
                let mut sums = [_mm512_setzero_si512(); T];
                for g in 0..groups {
                    let codes = planes::<P>(load_u8(&line::<P>(row, g)));
                    for t in 0..T {
                        // i32: at most 256 · 3 · 127 in all lanes together.
                        let mut products = [_mm512_setzero_si512(); 2];
                        let x_codes = x[t].planes[g * n_planes * LINE..][..n_planes * LINE].as_chunks::<LINE>().0;
                        for (p, x) in x_codes.iter().enumerate() {
                            products[p % 2] = _mm512_dpbusd_epi32(products[p % 2], codes[p], load_i8(x));
                        }
                        let sum = _mm512_add_epi32(products[0], products[1]);
                        sums[t] =
                            _mm512_add_epi32(sums[t], _mm512_sllv_epi32(sum, _mm512_set1_epi32(x[t].groups[g].shift)));
                    }
                }
                let scale = row_scale::<P>(row);
                for t in 0..T {
                    let x = &x[t].groups[0];
                    let sum = _mm512_reduce_add_epi32(sums[t]) - x.sum;
                    args.out.row(first + t)[i] = sum as f32 * (scale * x.scale);
                }
            }
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

        /// Group `g` of up to 64 rows from `m` into the panel; rows that are not there stay what they were.
        #[target_feature(enable = $features)]
        fn fill<P: Packing>(args: &MatmulArgs<'_, '_>, m: usize, n_rows: usize, g: usize, panel: &mut Panel) {
            for (v, rows) in token_tiles(n_rows, 16).enumerate() {
                let mut lines = [_mm512_setzero_si512(); 16];
                for (to, r) in lines.iter_mut().zip(rows) {
                    *to = load_u8(&line::<P>(from_row(args, m + r), g));
                }
                for (w, word) in transpose(lines).into_iter().enumerate().take(P::WORDS) {
                    for (p, codes) in planes::<P>(word).into_iter().enumerate().take(P::CODES.planes()) {
                        if let Some(quad) = P::quad(w, p) {
                            store_u8(&mut panel.quads[quad].as_chunks_mut::<64>().0[v], codes);
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
