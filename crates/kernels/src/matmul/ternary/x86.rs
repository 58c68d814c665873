//! AVX2 and AVX-512 kernels for ternary rows.
//!
//! *GEMV* reads weight rows in file order; activations lie in the order of the format's planes, so a plane of weights meets one vector of them.
//! *GEMM* unpacks 64 rows × 256 columns into a panel, `[quad][row][4]`, that stays in the first-level cache while all tokens meet it;
//! the rows of the next panel are fetched meanwhile, in address order.

use super::{LINE, Packing, QUADS};
use crate::{activation::GROUP, matmul::MatmulArgs, row_codes::RowGroup, simd};

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
            let groups = args.w.cols / GROUP;
            for rows in token_tiles(args.out.cols.len(), PANEL_ROWS) {
                let m = args.out.cols.start + rows.start;
                scratch.sums.clear();
                scratch.sums.resize(args.out.rows.len(), [0; PANEL_ROWS]);
                for g in 0..groups {
                    fill::<P>(args, m, rows.len(), g, &mut scratch.panel);
                    prefetch_next(args, m + rows.len(), g, groups);
                    multiply(args, g, &scratch.panel, &mut scratch.sums);
                }
                let mut scales = [0.0; PANEL_ROWS];
                for (r, scale) in scales.iter_mut().enumerate().take(rows.len()) {
                    *scale = row_scale::<P>(from_row(args, m + r));
                }
                for (r, sums) in scratch.sums.iter().enumerate() {
                    let t = args.out.rows.start + r;
                    let mut out = [0.0; PANEL_ROWS];
                    let x = &args.row_codes[t * groups];
                    finish(sums, &scales, x.sum, x.scale, &mut out);
                    args.out.row(r)[rows.clone()].copy_from_slice(&out[..rows.len()]);
                }
            }
            args.scratch.ternary = scratch;
        }

        /// Adds the panel's products to the sums of all tokens.
        #[target_feature(enable = $features)]
        fn multiply(args: &MatmulArgs<'_, '_>, g: usize, panel: &Panel, sums: &mut [[i32; PANEL_ROWS]]) {
            for part in 0..PANEL_ROWS / TILE_ROWS {
                for tokens in token_tiles(sums.len(), TILE_TOKENS) {
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
    /// `[T][64]`
    sums: Vec<[i32; PANEL_ROWS]>,
}

impl Default for Scratch {
    fn default() -> Self {
        Self { panel: Box::new(bytemuck::Zeroable::zeroed()), sums: Vec::new() }
    }
}

/// Group `g` of the tokens from `first`.
#[inline]
fn tokens_of<'a, const T: usize>(args: &MatmulArgs<'a, '_>, g: usize, first: usize) -> [&'a RowGroup; T] {
    let groups = args.w.cols / GROUP;
    std::array::from_fn(|t| &args.row_codes[(first + t) * groups + g])
}

/// The line of group `g` of a row: 64 bytes of which `P::WORDS` words count. What follows them in the file is read along where there is any.
#[inline]
fn line<P: Packing>(row_on: &[u8], g: usize) -> [u8; LINE] {
    let from = &row_on[g * P::GROUP_BYTES..];
    match from.first_chunk() {
        Some(line) => *line,
        None => {
            let mut line = [0; LINE];
            line[..from.len()].copy_from_slice(from);
            line
        }
    }
}

/// Activations of row `t` as the kernels want them.
#[derive(Clone, Copy)]
struct Token<'a> {
    /// `[groups][planes][64]`
    planes: &'a [i8],
    groups: &'a [RowGroup],
}

impl<'a> Token<'a> {
    fn new<P: Packing>(args: &MatmulArgs<'a, '_>, t: usize) -> Self {
        let groups = args.w.cols.div_ceil(GROUP);
        let line = groups * P::CODES.planes() * LINE;
        Self { planes: &args.planes[t * line..][..line], groups: &args.row_codes[t * groups..][..groups] }
    }
}

/// Bytes from row `m` to the end of the matrix.
#[inline]
fn from_row<'a>(args: &MatmulArgs<'a, '_>, m: usize) -> &'a [u8] {
    &args.w.bytes[m * (args.w.bytes.len() / args.w.rows)..]
}

/// Asks for the part of the next panel that belongs to group `g` of `groups`.
#[inline]
fn prefetch_next(args: &MatmulArgs<'_, '_>, row_end: usize, g: usize, groups: usize) {
    if row_end < args.w.rows {
        let next = from_row(args, row_end);
        let len = (PANEL_ROWS * (args.w.bytes.len() / args.w.rows)).min(next.len());
        let (first, end) = (len * g / groups, len * (g + 1) / groups);
        for line in next[first..end].chunks(LINE) {
            simd::prefetch(line);
        }
    }
}
