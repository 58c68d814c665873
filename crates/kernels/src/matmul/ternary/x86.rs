//! AVX2 and AVX-512 kernels for ternary rows.
//!
//! *GEMV* reads weight rows in file order; activations lie in the order of the format's planes, so a plane of weights meets one vector of them.
//! *Strips* (AVX-512) turn 16 rows × 256 columns of packed weights in registers, so that a vector holds 16 rows, for two to nine tokens.
//! *GEMM* unpacks 64 rows × 256 columns into a panel, `[quad][row][4]`, that stays in the first-level cache while all tokens meet it;
//! the rows of the next panel are fetched meanwhile, in address order.

use super::{LINE, Packing, QUADS};
use crate::{
    activation::GROUP,
    matmul::{MatmulArgs, Matrix},
    row_codes::RowGroup,
    simd,
};

/// What both levels share, compiled for each: the walks over rows, groups and tokens. The level's file says how `rows` multiplies few tokens,
/// how `fill` unpacks a panel, how `tile` multiplies it, how `finish` turns sums to results.
macro_rules! walks {
    ($features:literal) => {
        /// Few tokens.
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

        /// Many tokens.
        #[target_feature(enable = $features)]
        pub(in crate::matmul) fn gemm<P: Packing>(args: &mut MatmulArgs<'_, '_>) {
            let mut scratch = std::mem::take(&mut args.scratch.ternary);
            let source = Source::new(&args.w, &mut scratch.end);
            let groups = args.w.cols / GROUP;
            for rows in token_tiles(args.out.cols.len(), PANEL_ROWS) {
                let m = args.out.cols.start + rows.start;
                let rows_on = source.rows(m);
                scratch.sums.clear();
                scratch.sums.resize(args.out.rows.len(), [0; PANEL_ROWS]);
                for g in 0..groups {
                    fill::<P>(&rows_on, g, &mut scratch.panel);
                    source.prefetch(m + rows.len(), PANEL_ROWS, g, groups);
                    multiply(args, g, &scratch.panel, &mut scratch.sums);
                }
                let mut scales = [0.0; PANEL_ROWS];
                for (r, scale) in scales.iter_mut().enumerate().take(rows.len()) {
                    *scale = row_scale::<P>(source.row_on(m + r));
                }
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

pub(in crate::matmul) mod avx2;
pub(in crate::matmul) mod avx512;
pub(in crate::matmul) mod avx512_vbmi;

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
    panel: Box<Panel>,
    /// Of the last row.
    end: Vec<u8>,
    /// `[T][64]`
    sums: Vec<[i32; PANEL_ROWS]>,
}

impl Default for Scratch {
    fn default() -> Self {
        Self { panel: Box::new(bytemuck::Zeroable::zeroed()), end: Vec::new(), sums: Vec::new() }
    }
}

/// `n` tokens in as few tiles of at most `most` as will do, of nearly the same size: a tile of one or two keeps the multipliers waiting.
fn even_tiles(n: usize, most: usize) -> impl Iterator<Item = std::ops::Range<usize>> {
    let n_tiles = n.div_ceil(most);
    (0..n_tiles).map(move |i| i * n / n_tiles..(i + 1) * n / n_tiles)
}

/// Group `g` of the tokens from `first`.
#[inline]
fn tokens_of<'a, const T: usize>(args: &MatmulArgs<'a, '_>, g: usize, first: usize) -> [&'a RowGroup; T] {
    let groups = args.w.cols / GROUP;
    std::array::from_fn(|t| &args.row_codes[(first + t) * groups + g])
}

/// The line of group `g` of a row: 64 bytes of which `P::WORDS` words count. What follows them is read along: [`Source`] sees to it that it is there.
#[inline]
fn line<P: Packing>(row_on: &[u8], g: usize) -> &[u8; LINE] {
    match row_on[g * P::GROUP_BYTES..].first_chunk() {
        Some(line) => line,
        None => unreachable!("group {g} of {} bytes", row_on.len()),
    }
}

/// The rows of a matrix, each with at least a line after it.
#[derive(Clone, Copy)]
struct Source<'a> {
    bytes: &'a [u8],
    row_bytes: usize,
    n_rows: usize,
    /// The last row, filled up with a line.
    end: &'a [u8],
}

impl<'a> Source<'a> {
    fn new(w: &Matrix<'a>, end: &'a mut Vec<u8>) -> Self {
        end.clear();
        end.extend_from_slice(w.row(w.rows - 1));
        end.extend_from_slice(&[0; LINE]);
        Self { bytes: w.bytes, row_bytes: w.bytes.len() / w.rows, n_rows: w.rows, end }
    }

    /// Bytes from row `m` on.
    #[inline]
    fn row_on(&self, m: usize) -> &'a [u8] {
        if m + 1 == self.n_rows { self.end } else { &self.bytes[m * self.row_bytes..] }
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
    /// `[groups][planes]`
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
