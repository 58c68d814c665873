//! Ternary rows on wasm32, whose only products of integers are those of 16 bits, but with relaxed SIMD those of bytes.
//!
//! *GEMV* takes weights in file order, a plane of codes from each vector of bytes; activations lie in the order of
//! planes, widened once for all rows where they are multiplied as 16 bits. *GEMM* has the format's scalar decoder
//! unpack 8 rows, which are widened and interleaved once for all tokens; it is also what serves formats without planes.

use super::{Codes, LINE, Packing, group_cols};
use crate::{
    activation::GROUP,
    matmul::{
        MatmulArgs,
        integer::{
            expand,
            narrow::simd128::{Products, ROWS, TOKENS, WideRows, products, widen},
            token_tiles,
        },
    },
    row_codes::RowGroup,
    simd::{
        relaxed::{self, Fused},
        simd128::{Bytes, Words, and, load_bytes, shift_right, splat_byte, zero_words},
    },
};
use quant::tri::LONG_LINE_BYTES;
use std::arch::wasm32::{i8x16_add, i32x4_add, i32x4_dot_i16x8, i32x4_shl, u8x16_min, u8x16_sub_sat};
use std::ops::Range;

/// Groups of a long line.
const LONG_GROUPS: usize = 5;

/// 64 codes of activations as 16 bits.
pub(in crate::matmul) type WideLine = [[[i16; 8]; 2]; LINE / 16];

/// Buffers of one worker.
#[derive(Default)]
pub(in crate::matmul) struct Scratch {
    /// Activations in the order of planes: for each token four lines of each group in long lines, then a line for each
    /// plane of the others.
    lines: Vec<WideLine>,
    /// Activations in the order of planes as bytes, where these are multiplied as such.
    byte_lines: Vec<[i8; LINE]>,
    /// Activations in their order, two to a word, `[ceil(T / 4)][groups][128][4]`, or four to a word in the first half;
    /// the last four repeat their last token.
    words: Vec<[[i32; TOKENS]; GROUP / 2]>,
    /// Weights of [`ROWS`] rows.
    panel: Vec<[WideRows; GROUP / 2]>,
}

fn widen_line(codes: &[i8; LINE]) -> WideLine {
    std::array::from_fn(|v| bytemuck::must_cast(widen(load_bytes(&codes.as_chunks::<16>().0[v]))))
}

/// The codes 0, 1, 2 of each plane of 16 bytes.
#[inline]
fn planes<P: Packing>(bytes: Bytes) -> [Bytes; 5] {
    let three = splat_byte(3);
    match P::CODES {
        Codes::TwoBits => [
            and(bytes, three),
            and(shift_right(bytes, 2), three),
            and(shift_right(bytes, 4), three),
            shift_right(bytes, 6),
            splat_byte(0),
        ],
        Codes::Base3 => {
            let mut fraction = bytes;
            std::array::from_fn(|_| {
                // The carry of 3 · fraction: 1 from 86, 2 from 171.
                let digit =
                    |below: u8| u8x16_min(u8x16_sub_sat(fraction, splat_byte(below.cast_signed())), splat_byte(1));
                let plane = i8x16_add(digit(85), digit(170));
                fraction = i8x16_add(i8x16_add(fraction, fraction), fraction);
                plane
            })
        }
    }
}

/// The 16 bytes from `at`, zeros past the end; what follows a row meets activations that are zero.
#[inline]
fn load_from(bytes: &[u8], at: usize) -> Bytes {
    let mut padded = [0; 16];
    let from = &bytes[at.min(bytes.len())..];
    load_bytes::<u8>(from.first_chunk().unwrap_or_else(|| {
        padded[..from.len()].copy_from_slice(from);
        &padded
    }))
}

/// How codes of a plane meet activations.
pub(in crate::matmul) trait Dots {
    /// 64 activations as they are multiplied.
    type Line;
    /// Lines of a call.
    fn room(scratch: &mut Scratch) -> &mut Vec<Self::Line>;
    fn line(codes: &[i8; LINE]) -> Self::Line;
    /// `sums` and the products of 16 codes with vector `v` of the line.
    fn add_dot(sums: Words, codes: Bytes, x: &Self::Line, v: usize) -> Words;
}

/// As numbers of 16 bits.
pub(in crate::matmul) struct Widened;

impl Dots for Widened {
    type Line = WideLine;
    fn room(scratch: &mut Scratch) -> &mut Vec<WideLine> {
        &mut scratch.lines
    }
    fn line(codes: &[i8; LINE]) -> WideLine {
        widen_line(codes)
    }
    #[inline]
    fn add_dot(sums: Words, codes: Bytes, x: &WideLine, v: usize) -> Words {
        let [low, high] = widen(codes);
        let [x_low, x_high] = x[v].map(bytemuck::must_cast::<_, Words>);
        i32x4_add(i32x4_add(sums, i32x4_dot_i16x8(low, x_low)), i32x4_dot_i16x8(high, x_high))
    }
}

impl Dots for Fused {
    type Line = [i8; LINE];
    fn room(scratch: &mut Scratch) -> &mut Vec<[i8; LINE]> {
        &mut scratch.byte_lines
    }
    fn line(codes: &[i8; LINE]) -> [i8; LINE] {
        *codes
    }
    #[inline]
    fn add_dot(sums: Words, codes: Bytes, x: &[i8; LINE], v: usize) -> Words {
        relaxed::dot(sums, codes, load_bytes(&x.as_chunks::<16>().0[v]))
    }
}

/// Multiplies few tokens: rows are unpacked in registers for them.
pub(in crate::matmul) fn gemv<P: Packing, D: Dots>(args: &mut MatmulArgs<'_, '_>) {
    let mut scratch = std::mem::take(&mut args.scratch.ternary);
    let groups = args.w.cols.div_ceil(GROUP);
    let (long_groups, n_planes) = (P::long_groups(args.w.cols), P::CODES.planes());
    let lines = D::room(&mut scratch);
    lines.clear();
    for t in args.out.rows.clone() {
        let long = &args.row_codes[t * groups..][..long_groups];
        lines.extend(long.iter().flat_map(|group| group.codes.as_chunks().0).map(D::line));
        let planes = &args.planes.as_chunks().0[t * groups * n_planes..][..groups * n_planes];
        lines.extend(planes[long_groups * n_planes..].iter().map(D::line));
    }
    for tokens in token_tiles(args.out.rows.len(), TOKENS) {
        match tokens.len() {
            1 => rows::<P, D, 1>(args, lines, tokens.start),
            2 => rows::<P, D, 2>(args, lines, tokens.start),
            3 => rows::<P, D, 3>(args, lines, tokens.start),
            _ => rows::<P, D, TOKENS>(args, lines, tokens.start),
        }
    }
    args.scratch.ternary = scratch;
}

fn rows<P: Packing, D: Dots, const T: usize>(args: &mut MatmulArgs<'_, '_>, lines: &[D::Line], first: usize) {
    let (cols, groups) = (args.w.cols, args.w.cols.div_ceil(GROUP));
    let (long_groups, n_planes) = (P::long_groups(cols), P::CODES.planes());
    let n_lines = long_groups * GROUP / LINE + (groups - long_groups) * n_planes;
    let lines: [&[D::Line]; T] = std::array::from_fn(|t| &lines[(first + t) * n_lines..][..n_lines]);
    let x: [&[RowGroup]; T] =
        std::array::from_fn(|t| &args.row_codes[(args.out.rows.start + first + t) * groups..][..groups]);
    for (i, m) in args.out.cols.clone().enumerate() {
        let row = args.w.from_row(m);
        let mut sums = [zero_words(); T];
        for long in 0..long_groups / LONG_GROUPS {
            let mut of_groups = [[zero_words(); LONG_GROUPS]; T];
            for v in 0..LONG_LINE_BYTES / 16 {
                let codes = planes::<P>(load_from(row, long * LONG_LINE_BYTES + 16 * v));
                for t in 0..T {
                    for p in 0..LONG_GROUPS {
                        let line = (long * LONG_GROUPS + p) * GROUP / LINE + v / 4;
                        of_groups[t][p] = D::add_dot(of_groups[t][p], codes[p], &lines[t][line], v % 4);
                    }
                }
            }
            for t in 0..T {
                for (p, sum) in of_groups[t].into_iter().enumerate() {
                    let shift = x[t][long * LONG_GROUPS + p].shift as u32;
                    sums[t] = i32x4_add(sums[t], i32x4_shl(sum, shift));
                }
            }
        }
        for g in long_groups..groups {
            let at = P::line_at(cols, g);
            let first_line = long_groups * GROUP / LINE + (g - long_groups) * n_planes;
            let mut of_group = [zero_words(); T];
            for v in 0..P::words(group_cols(cols, g)).div_ceil(4) {
                let codes = planes::<P>(load_from(row, at + 16 * v));
                for t in 0..T {
                    for (codes, line) in codes.iter().zip(&lines[t][first_line..][..n_planes]) {
                        of_group[t] = D::add_dot(of_group[t], *codes, line, v);
                    }
                }
            }
            for t in 0..T {
                sums[t] = i32x4_add(sums[t], i32x4_shl(of_group[t], x[t][g].shift as u32));
            }
        }
        let scale = args.w.row_scales[m];
        for t in 0..T {
            let sum: i32 = bytemuck::must_cast::<Words, [i32; 4]>(sums[t]).into_iter().sum();
            args.out.row(first + t)[i] = (sum - x[t][0].sum) as f32 * (scale * x[t][0].scale);
        }
    }
}

/// Multiplies many tokens: rows are unpacked and interleaved once, wide or as bytes.
pub(in crate::matmul) fn gemm<S: Products>(args: &mut MatmulArgs<'_, '_>) {
    let mut scratch = std::mem::take(&mut args.scratch.ternary);
    let groups = args.w.cols.div_ceil(GROUP);
    scratch.words.clear();
    for tokens in token_tiles(args.out.rows.len(), TOKENS) {
        for g in 0..groups {
            let x: [[i32; GROUP / 2]; TOKENS] = std::array::from_fn(|t| {
                let t = args.out.rows.start + (tokens.start + t).min(tokens.end - 1);
                let codes = &args.row_codes[t * groups + g].codes;
                if S::HAVE_BYTES {
                    let mut words = [0; GROUP / 2];
                    bytemuck::must_cast_slice_mut(&mut words)[..GROUP].copy_from_slice(codes);
                    return words;
                }
                let lines: [WideLine; GROUP / LINE] = std::array::from_fn(|l| widen_line(&codes.as_chunks().0[l]));
                bytemuck::must_cast(lines)
            });
            scratch.words.push(std::array::from_fn(|c| x.map(|x| x[c])));
        }
    }
    scratch.panel.resize(groups, [[[0; 2]; ROWS]; GROUP / 2]);
    for rows in token_tiles(args.out.cols.len(), ROWS) {
        for (r, i) in rows.clone().enumerate() {
            let m = args.out.cols.start + i;
            let codes = expand(&args.w, m..m + 1, &mut args.scratch.expanded);
            for (panel, group) in scratch.panel.iter_mut().zip(codes) {
                if S::HAVE_BYTES {
                    // Codes 0, 1, 2, as in a plane.
                    let codes: [[i8; 4]; GROUP / 4] = bytemuck::must_cast(group.codes.map(|code| code + 1));
                    panel.iter_mut().zip(codes).for_each(|(to, from)| to[r] = bytemuck::must_cast(from));
                } else {
                    for (to, from) in panel.iter_mut().zip(group.codes.as_chunks::<2>().0) {
                        to[r] = from.map(i16::from);
                    }
                }
            }
        }
        for tokens in token_tiles(args.out.rows.len(), TOKENS) {
            tile::<S>(args, &scratch, rows.clone(), tokens);
        }
    }
    args.scratch.ternary = scratch;
}

/// The rows of a panel for at most [`TOKENS`] tokens.
fn tile<S: Products>(args: &mut MatmulArgs<'_, '_>, scratch: &Scratch, rows: Range<usize>, tokens: Range<usize>) {
    let groups = args.w.cols.div_ceil(GROUP);
    let x: [&[RowGroup]; TOKENS] = std::array::from_fn(|t| {
        let t = args.out.rows.start + (tokens.start + t).min(tokens.end - 1);
        &args.row_codes[t * groups..][..groups]
    });
    let words = &scratch.words[tokens.start / TOKENS * groups..][..groups];
    let mut sums = [[zero_words(); 2]; TOKENS];
    for (g, (panel, words)) in scratch.panel.iter().zip(words).enumerate() {
        let zeros = [[zero_words(); 2]; TOKENS];
        let of_group = if S::HAVE_BYTES {
            products::<S, true>(zeros, &panel[..GROUP / 4], &words[..GROUP / 4])
        } else {
            products::<S, false>(zeros, panel, words)
        };
        for t in 0..TOKENS {
            let shift = x[t][g].shift as u32;
            for v in 0..2 {
                sums[t][v] = i32x4_add(sums[t][v], i32x4_shl(of_group[t][v], shift));
            }
        }
    }
    for ((t, sums), x) in tokens.zip(sums).zip(x) {
        let scales = &args.w.row_scales[args.out.cols.start..][rows.clone()];
        let sums: [i32; ROWS] = bytemuck::must_cast(sums);
        let less = if S::HAVE_BYTES { x[0].sum } else { 0 };
        for ((out, sum), scale) in args.out.row(t)[rows.clone()].iter_mut().zip(sums).zip(scales) {
            *out = (sum - less) as f32 * (scale * x[0].scale);
        }
    }
}
