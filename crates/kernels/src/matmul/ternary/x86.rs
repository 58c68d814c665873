//! AVX2 and AVX-512 kernels for ternary rows.
//!
//! *GEMV* reads weight rows in file order; activations lie in the order of the format's planes, so a plane of weights
//! meets one vector of them. *Strips* (AVX-512) turn 16 rows × 256 columns of packed weights in registers, so that a
//! vector holds 16 rows, for two to nine tokens. *GEMM* unpacks 64 rows × 256 columns into a panel, `[quad][row][4]`,
//! that stays in the first-level cache while all tokens meet it; the rows of the next panel are fetched meanwhile, in
//! address order.

use super::{LINE, Packing, QUADS, group_cols};
use crate::{
    activation::GROUP,
    matmul::{MatmulArgs, Matrix, digits},
    row_codes::RowGroup,
    simd::{
        self,
        avx2::{digits as avx2_digits, look_up as avx2_look_up, pairs_in_order, store_u8},
    },
};
use quant::{Format, tri::LONG_LINE_BYTES};

/// What both levels share, compiled for each: the walks over rows, groups and tokens. The level's file says how `rows`
/// multiplies few tokens, how `fill` unpacks a panel, how `tile` multiplies it, how `finish` turns sums to results.
macro_rules! walks {
    ($features:literal) => {
        /// Multiplies few tokens: rows are unpacked in registers for them.
        #[target_feature(enable = $features)]
        pub(in crate::matmul) fn gemv<P: Packing>(args: &mut MatmulArgs<'_, '_>) {
            for tokens in token_tiles(args.out.rows.len(), GEMV_TOKENS) {
                match tokens.len() {
                    1 => rows::<P, 1>(args, tokens.start),
                    2 => rows::<P, 2>(args, tokens.start),
                    3 => rows::<P, 3>(args, tokens.start),
                    _ => rows::<P, GEMV_TOKENS>(args, tokens.start),
                }
            }
        }

        /// Multiplies many tokens: panels of rows are unpacked once.
        #[target_feature(enable = $features)]
        pub(in crate::matmul) fn gemm<P: Packing>(args: &mut MatmulArgs<'_, '_>) {
            let mut scratch = std::mem::take(&mut args.scratch.ternary);
            let source = Source::new(&args.w, &mut scratch.end);
            let (cols, groups) = (args.w.cols, args.w.cols.div_ceil(GROUP));
            for rows in token_tiles(args.out.cols.len(), PANEL_ROWS) {
                let m = args.out.cols.start + rows.start;
                let rows_on = source.rows(m);
                scratch.sums.clear();
                scratch.sums.resize(args.out.rows.len(), [0; PANEL_ROWS]);
                for long in 0..P::long_groups(cols) / LONG_GROUPS {
                    fill_long(&rows_on, long, &mut scratch.panels);
                    for (digit, panel) in scratch.panels.iter().enumerate() {
                        let g = long * LONG_GROUPS + digit;
                        source.prefetch(m + rows.len(), PANEL_ROWS, g, groups);
                        multiply(args, g, panel, &mut scratch.sums);
                    }
                }
                for g in P::long_groups(cols)..groups {
                    fill::<P>(&rows_on, cols, g, &mut scratch.panels[0]);
                    source.prefetch(m + rows.len(), PANEL_ROWS, g, groups);
                    multiply(args, g, &scratch.panels[0], &mut scratch.sums);
                }
                let mut scales = [0.0; PANEL_ROWS];
                scales[..rows.len()].copy_from_slice(&args.w.row_scales[m..m + rows.len()]);
                for (r, sums) in scratch.sums.iter().enumerate() {
                    let t = args.out.rows.start + r;
                    let x = &args.row_codes[t * groups];
                    let out = &mut args.out.row(r)[rows.clone()];
                    if let Some(out) = out.first_chunk_mut() {
                        finish(sums, &scales, x.sum, x.scale, out);
                    } else {
                        let mut padded = [0.0; PANEL_ROWS];
                        finish(sums, &scales, x.sum, x.scale, &mut padded);
                        out.copy_from_slice(&padded[..rows.len()]);
                    }
                }
            }
            args.scratch.ternary = scratch;
        }

        /// Adds the panel's products to the sums of all tokens.
        #[target_feature(enable = $features)]
        fn multiply(args: &MatmulArgs<'_, '_>, g: usize, panel: &Panel, sums: &mut [[i32; PANEL_ROWS]]) {
            for part in 0..PANEL_ROWS / TILE_ROWS {
                for tokens in even_tiles(sums.len(), TILE_TOKENS) {
                    let (t, sums) = (args.out.rows.start + tokens.start, &mut sums[tokens.clone()]);
                    match tokens.len() {
                        1 => tile::<1>(tokens_of(args, g, t), panel, part, sums),
                        2 => tile::<2>(tokens_of(args, g, t), panel, part, sums),
                        3 => tile::<3>(tokens_of(args, g, t), panel, part, sums),
                        4 => tile::<4>(tokens_of(args, g, t), panel, part, sums),
                        5 => tile::<5>(tokens_of(args, g, t), panel, part, sums),
                        _ => tile::<TILE_TOKENS>(tokens_of(args, g, t), panel, part, sums),
                    }
                }
            }
        }
    };
}

/// What both levels share of the kernel for any ternary format, given `decoded_row` of the level's file.
macro_rules! decoded_walk {
    ($features:literal) => {
        /// Any ternary format: its decoder gives the codes of a row, which meet all tokens of the call.
        #[target_feature(enable = $features)]
        pub(in crate::matmul) fn decoded(args: &mut MatmulArgs<'_, '_>) {
            let groups = args.w.cols.div_ceil(GROUP);
            let mut codes = std::mem::take(&mut args.scratch.codes);
            codes.resize(groups * GROUP, 0);
            for (i, m) in args.out.cols.clone().enumerate() {
                decode(&args.w, m, &mut codes);
                for tokens in even_tiles(args.out.rows.len(), DECODED_TOKENS) {
                    match tokens.len() {
                        1 => decoded_row::<1>(args, i, m, tokens.start, &codes),
                        2 => decoded_row::<2>(args, i, m, tokens.start, &codes),
                        3 => decoded_row::<3>(args, i, m, tokens.start, &codes),
                        _ => decoded_row::<DECODED_TOKENS>(args, i, m, tokens.start, &codes),
                    }
                }
            }
            args.scratch.codes = codes;
        }
    };
}

pub(in crate::matmul) mod avx2;
pub(in crate::matmul) mod avx512;
pub(in crate::matmul) mod avx512_vbmi;

/// Groups of a long line.
const LONG_GROUPS: usize = 5;

/// Most tokens that a decoded row meets at a time.
const DECODED_TOKENS: usize = 4;

/// Row `m` as codes 0, 1, 2 (3), whole groups: by vectors where the format's codes lie in order, by its scalar decoder
/// elsewhere.
#[target_feature(enable = "avx2,fma,f16c")]
fn decode(w: &Matrix<'_>, m: usize, codes: &mut [u8]) {
    let (row, codes) = (w.row(m), codes.as_chunks_mut::<32>().0);
    match w.format {
        Format::Q2_0 => in_order(row.as_chunks::<18>().0, codes, |block| &block[2..]),
        Format::PQ2_0 => in_order(row.as_chunks::<34>().0, codes, |block| &block[2..]),
        Format::PTQ1_0 => {
            for (block, codes) in row.as_chunks::<28>().0.iter().zip(codes.as_chunks_mut::<4>().0) {
                let (lower, upper) = (block.first_chunk(), block[digits::PTQ1_0_UPPER..].first_chunk());
                let (Some(lower), Some(upper)) = (lower, upper) else { continue };
                for (i, (codes, table)) in codes.iter_mut().zip(&digits::PTQ1_0).enumerate() {
                    let halves = [if i < 3 { lower } else { upper }, if i < 2 { lower } else { upper }];
                    let bytes = avx2_look_up(halves[0], halves[1], &table.index);
                    store_u8(codes, avx2_digits(bytes, &table.powers));
                }
            }
        }
        Format::IQ1_BN => {
            let mut last = [0; 16];
            for (b, codes) in codes.as_chunks_mut::<2>().0.iter_mut().enumerate().take(row.len() / 13) {
                // 16 bytes in place: a copy of 13 would be loaded before it is stored.
                let rest = &row[13 * b..];
                let bytes = if let Some(bytes) = rest.first_chunk() {
                    bytes
                } else {
                    last[..rest.len()].copy_from_slice(rest);
                    &last
                };
                for (codes, table) in codes.iter_mut().zip(&digits::IQ1_BN) {
                    store_u8(codes, avx2_digits(avx2_look_up(bytes, bytes, &table.index), &table.powers));
                }
            }
        }
        _ => {
            let mut scales = [0.0; GROUP / 16];
            for (g, codes) in codes.as_flattened_mut().as_chunks_mut::<GROUP>().0.iter_mut().enumerate() {
                let n = group_cols(w.cols, g);
                let mut line = [0i8; GROUP];
                w.format.expand_i8(row, w.cols, g * GROUP, &mut line[..n], &mut scales[..n.div_ceil(16)], &mut []);
                codes.iter_mut().zip(line).for_each(|(to, code)| *to = (code + 1).cast_unsigned());
            }
        }
    }
}

/// Blocks whose codes, four a byte, are what `of` gives.
#[target_feature(enable = "avx2,fma,f16c")]
#[inline]
fn in_order<const N: usize>(blocks: &[[u8; N]], codes: &mut [[u8; 32]], of: impl Fn(&[u8; N]) -> &[u8]) {
    let bytes = blocks.iter().flat_map(|block| of(block).as_chunks::<8>().0);
    for (codes, bytes) in codes.iter_mut().zip(bytes) {
        store_u8(codes, pairs_in_order(*bytes));
    }
}

/// Rows of a panel.
pub(in crate::matmul) const PANEL_ROWS: usize = 64;

/// 64 rows × 256 columns of codes 0, 1, 2: `[quad][row][4]`.
#[derive(Clone, Copy, bytemuck::Pod, bytemuck::Zeroable)]
#[repr(C, align(64))]
pub(in crate::matmul) struct Panel {
    quads: [[u8; 4 * PANEL_ROWS]; QUADS],
}

/// Buffers of one worker.
pub(in crate::matmul) struct Scratch {
    /// Panels of one group, or of those of a long line.
    panels: Box<[Panel; LONG_GROUPS]>,
    /// Bytes of the last rows, where reading on would leave the matrix.
    end: Vec<u8>,
    /// Sums of products `[T][64]`.
    sums: Vec<[i32; PANEL_ROWS]>,
}

impl Default for Scratch {
    fn default() -> Self {
        Self { panels: Box::new(bytemuck::Zeroable::zeroed()), end: Vec::new(), sums: Vec::new() }
    }
}

/// `n` tokens in as few tiles of at most `most` as will do, of nearly the same size: a tile of one or two keeps the
/// multipliers waiting.
fn even_tiles(n: usize, most: usize) -> impl Iterator<Item = std::ops::Range<usize>> {
    let n_tiles = n.div_ceil(most);
    (0..n_tiles).map(move |i| i * n / n_tiles..(i + 1) * n / n_tiles)
}

/// Group `g` of the tokens from `first`.
#[inline]
fn tokens_of<'a, const T: usize>(args: &MatmulArgs<'a, '_>, g: usize, first: usize) -> [&'a RowGroup; T] {
    let groups = args.w.cols.div_ceil(GROUP);
    std::array::from_fn(|t| &args.row_codes[(first + t) * groups + g])
}

/// The line of group `g` of a row of `cols` columns: 64 bytes of which some words count. What follows them is read
/// along: [`Source`] sees to it that it is there.
#[inline]
fn line<P: Packing>(row_on: &[u8], cols: usize, g: usize) -> &[u8; LINE] {
    match row_on[P::line_at(cols, g)..].first_chunk() {
        Some(line) => line,
        None => unreachable!("group {g} of {} bytes", row_on.len()),
    }
}

/// The four lines of long line `long`.
#[inline]
fn long_lines(row_on: &[u8], long: usize) -> &[[u8; LINE]; 4] {
    match row_on[long * LONG_LINE_BYTES..].as_chunks().0.first_chunk() {
        Some(lines) => lines,
        None => unreachable!("long line {long} of {} bytes", row_on.len()),
    }
}

/// The rows of a matrix, each with at least a line after it.
#[derive(Clone, Copy)]
struct Source<'a> {
    bytes: &'a [u8],
    row_bytes: usize,
    header_bytes: usize,
    n_rows: usize,
    /// The last rows, filled up with a line.
    end: &'a [u8],
    /// The first of them.
    end_first: usize,
}

impl<'a> Source<'a> {
    fn new(w: &Matrix<'a>, end: &'a mut Vec<u8>) -> Self {
        let row_bytes = w.bytes.len() / w.rows;
        let end_first = w.rows.saturating_sub(LINE.div_ceil(row_bytes));
        end.clear();
        end.extend_from_slice(&w.bytes[end_first * row_bytes..]);
        end.extend_from_slice(&[0; LINE]);
        let header_bytes = w.format.row_header_bytes();
        Self { bytes: w.bytes, row_bytes, header_bytes, n_rows: w.rows, end, end_first }
    }

    /// Bytes from the blocks of row `m` on.
    #[inline]
    fn row_on(&self, m: usize) -> &'a [u8] {
        let (bytes, m) = if m < self.end_first { (self.bytes, m) } else { (self.end, m - self.end_first) };
        &bytes[m * self.row_bytes + self.header_bytes..]
    }

    /// Bytes from each of `N` rows on; past the last row that row again, whose products nobody stores.
    fn rows<const N: usize>(&self, m: usize) -> [&'a [u8]; N] {
        std::array::from_fn(|r| self.row_on((m + r).min(self.n_rows - 1)))
    }

    /// Asks for the part of the next `n_rows` rows from `m` that belongs to group `g` of `groups`.
    #[inline]
    fn prefetch(&self, m: usize, n_rows: usize, g: usize, groups: usize) {
        if m < self.n_rows {
            let next = &self.bytes[m * self.row_bytes..];
            let len = (n_rows * self.row_bytes).min(next.len());
            for line in next[len * g / groups..len * (g + 1) / groups].chunks(LINE) {
                simd::prefetch(line);
            }
        }
    }
}

/// Activations of row `t` as the kernels want them.
#[derive(Clone, Copy)]
struct Token<'a> {
    /// Codes in the order of planes `[groups][planes]`.
    planes: &'a [[i8; LINE]],
    groups: &'a [RowGroup],
}

impl<'a> Token<'a> {
    fn new<P: Packing>(args: &MatmulArgs<'a, '_>, t: usize) -> Self {
        let groups = args.w.cols.div_ceil(GROUP);
        let n = groups * P::CODES.planes();
        Self { planes: &args.planes.as_chunks().0[t * n..][..n], groups: &args.row_codes[t * groups..][..groups] }
    }
}
