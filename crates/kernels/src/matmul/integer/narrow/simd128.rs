//! The kernels of wasm32, whose only products of integers are those of 16 bits: activations are widened once for all
//! rows, weights once for all tokens.
//!
//! Float sums are doubles that hold singles ([`simd128::step`]).

pub(in crate::matmul) use super::ROWS;
#[allow(clippy::wildcard_imports, reason = "the vocabulary of this folder")]
use super::*;
use crate::{
    activation::GROUP,
    simd::simd128::{self, Eight, Extent, load_words, pair, step, unwiden},
};
use std::arch::wasm32::{
    f64x2_convert_low_i32x4, i16x8_extend_high_i8x16, i16x8_extend_low_i8x16, i32x4, i32x4_add, i32x4_dot_i16x8,
    i32x4_gt, i32x4_splat, i64x2_shuffle, v128_and,
};

/// 256 activations as numbers of 16 bits.
#[derive(Clone, Copy, Pod, Zeroable)]
#[repr(C, align(16))]
struct WideGroup {
    /// Two columns each, as halves of a word.
    codes: [i32; GROUP / 2],
    /// Of each block `scale · sum`, and of its halves: what minima are multiplied with.
    sums: [[f32; GROUP_BLOCKS]; 2],
    scales: [f32; GROUP_BLOCKS],
}

/// Activations of a call, widened, `[T, groups]`.
#[derive(Default)]
pub(in crate::matmul) struct Wide {
    groups: Vec<WideGroup>,
    /// Of each token's scales and sums.
    extents: Vec<Extent>,
    /// [`ROWS`] weight rows.
    panel: Vec<WideBlock>,
}

impl Default for WideGroup {
    fn default() -> Self {
        Self::zeroed()
    }
}

/// Two columns of each row.
pub(in crate::matmul) type WideRows = [[i16; 2]; ROWS];

/// One block of 32 columns of [`ROWS`] rows.
#[derive(Clone, Copy, Pod, Zeroable)]
#[repr(C, align(16))]
struct WideBlock {
    /// `[column / 2]`
    codes: [WideRows; BLOCK / 2],
    /// `[half][row]`; units of 32 use the first.
    scales: [[f32; ROWS]; 2],
    /// Minima of the rows `[half][row]`.
    mins: [[f32; ROWS]; 2],
}

/// Sixteen codes as 16 bits.
#[inline]
pub(in crate::matmul) fn widen(codes: Bytes) -> [Words; 2] {
    [i16x8_extend_low_i8x16(codes), i16x8_extend_high_i8x16(codes)]
}

impl Wide {
    /// Widens the activations of a call.
    fn set<F: Unpack>(&mut self, args: &MatmulArgs<'_, '_>) {
        let n_groups = args.w.cols.div_ceil(GROUP);
        self.groups.resize(args.out.rows.len() * n_groups, WideGroup::zeroed());
        self.extents.clear();
        let rows = args.out.rows.clone().map(|t| token(args.groups, args.w.cols, t));
        for (x, groups) in rows.zip(self.groups.chunks_exact_mut(n_groups)) {
            let mut extent = Extent::new();
            for (x, group) in x.iter().zip(groups) {
                for (to, from) in group.codes.as_chunks_mut::<8>().0.iter_mut().zip(x.codes.as_chunks().0) {
                    *to = bytemuck::must_cast(widen(load_bytes::<i8>(from)));
                }
                group.scales = x.scales;
                extent.see_all(&x.scales);
                let sums = if F::HALVES { &x.half_sums[..] } else { std::slice::from_ref(&x.sums) };
                for (to, from) in group.sums.iter_mut().zip(sums) {
                    for (to, (scale, sum)) in to.iter_mut().zip(x.scales.iter().zip(from)) {
                        *to = scale * *sum as f32;
                    }
                    extent.see_all(to);
                }
            }
            self.extents.push(extent);
        }
    }

    /// May weights of `extent` be multiplied with these tokens by [`Normal`] steps?
    fn are_normal(&self, mut tokens: std::ops::Range<usize>, extent: Extent) -> bool {
        tokens.all(|t| extent.are_normal(self.extents[t], Extent::new()))
    }
}

/// How eight sums come about.
trait Steps {
    type Sums: Copy;
    fn zero() -> Self::Sums;
    /// `sums + integers · factors`
    fn add_integers(sums: Self::Sums, integers: [Words; 2], factors: [Floats; 2]) -> Self::Sums;
    /// `sums + a · b`
    fn add_products(sums: Self::Sums, a: [Floats; 2], b: [Floats; 2]) -> Self::Sums;
    fn floats(sums: Self::Sums) -> [Floats; 2];
}

/// Steps that are right if every sum is zero or a normal number.
struct Normal;

impl Steps for Normal {
    type Sums = Eight;
    #[inline]
    fn zero() -> Eight {
        [pair(0.0); 4]
    }
    #[inline]
    fn add_integers(sums: Eight, [a, b]: [Words; 2], factors: [Floats; 2]) -> Eight {
        let upper = |v| f64x2_convert_low_i32x4(i64x2_shuffle::<1, 1>(v, v));
        let integers = [f64x2_convert_low_i32x4(a), upper(a), f64x2_convert_low_i32x4(b), upper(b)];
        step(integers, simd128::widen(factors), sums)
    }
    #[inline]
    fn add_products(sums: Eight, a: [Floats; 2], b: [Floats; 2]) -> Eight {
        step(simd128::widen(a), simd128::widen(b), sums)
    }
    #[inline]
    fn floats(sums: Eight) -> [Floats; 2] {
        unwiden(sums)
    }
}

/// Steps that are always right.
struct Any;

impl Steps for Any {
    type Sums = [Floats; 2];
    #[inline]
    fn zero() -> [Floats; 2] {
        [splat(0.0); 2]
    }
    #[inline]
    fn add_integers(sums: [Floats; 2], integers: [Words; 2], factors: [Floats; 2]) -> [Floats; 2] {
        Self::add_products(sums, integers.map(to_floats), factors)
    }
    #[inline]
    fn add_products(sums: [Floats; 2], a: [Floats; 2], b: [Floats; 2]) -> [Floats; 2] {
        [fma(a[0], b[0], sums[0]), fma(a[1], b[1], sums[1])]
    }
    #[inline]
    fn floats(sums: [Floats; 2]) -> [Floats; 2] {
        sums
    }
}

/// Multiplies few tokens: rows are unpacked in registers for them.
pub(in crate::matmul) fn gemv<F: Unpack>(args: &mut MatmulArgs<'_, '_>) {
    let mut wide = std::mem::take(&mut args.scratch.wide);
    wide.set::<F>(args);
    for tokens in token_tiles(args.out.rows.len(), GEMV_TOKENS) {
        match tokens.len() {
            1 => rows::<F, 1>(args, &wide, tokens.start),
            2 => rows::<F, 2>(args, &wide, tokens.start),
            3 => rows::<F, 3>(args, &wide, tokens.start),
            _ => rows::<F, GEMV_TOKENS>(args, &wide, tokens.start),
        }
    }
    args.scratch.wide = wide;
}

fn rows<F: Unpack, const T: usize>(args: &mut MatmulArgs<'_, '_>, wide: &Wide, first: usize) {
    let n_groups = args.w.cols.div_ceil(GROUP);
    let x: [&[WideGroup]; T] = std::array::from_fn(|t| &wide.groups[(first + t) * n_groups..][..n_groups]);
    for (i, m) in args.out.cols.clone().enumerate() {
        let row = from_row::<F>(&args.w, m, &mut args.scratch.expanded);
        let mut extent = Extent::new();
        let mut lanes = row_lanes::<F, Normal, T>(row, args.w.cols, &x, &mut extent);
        if !wide.are_normal(first..first + T, extent) {
            lanes = row_lanes::<F, Any, T>(row, args.w.cols, &x, &mut extent);
        }
        for (t, lanes) in lanes.into_iter().enumerate() {
            args.out.row(first + t)[i] = crate::math::fold::<8>(bytemuck::must_cast(lanes));
        }
    }
}

/// The eight lanes of each token for one row; `extent` sees the row's scales and minima.
#[inline]
fn row_lanes<F: Unpack, S: Steps, const T: usize>(
    row: &[u8],
    cols: usize,
    x: &[&[WideGroup]; T],
    extent: &mut Extent,
) -> [[Floats; 2]; T] {
    let mut acc = [S::zero(); T];
    for g in 0..x[0].len() {
        let group: [&WideGroup; T] = x.map(|x| &x[g]);
        let (mut room, n_blocks) = (None, cols / BLOCK - g * GROUP_BLOCKS);
        let weights = group_in(row, g, &mut room);
        if n_blocks > 4 {
            add_group::<F, S, T, true>(weights, n_blocks, group, &mut acc, extent);
        } else {
            add_group::<F, S, T, false>(weights, n_blocks, group, &mut acc, extent);
        }
    }
    acc.map(S::floats)
}

/// Row `m` as bytes of groups. What follows one whose last group is cut short is read along: a copy of each would be a
/// call of the engine's runtime.
#[inline]
fn from_row<'a, F: Unpack>(w: &Matrix<'a>, m: usize, expanded: &'a mut Vec<ExpandedGroup>) -> &'a [u8] {
    let row = F::row(w, m, expanded);
    if row.len().is_multiple_of(size_of::<F::Group>()) { row } else { w.from_row(m) }
}

/// The first `n` of eight numbers, zeros after them.
#[inline]
fn first(values: &[f32; GROUP_BLOCKS], n: usize) -> [Floats; 2] {
    let n = i32x4_splat(n as i32);
    let [a, b] = halves(values);
    [v128_and(a, i32x4_gt(n, i32x4(0, 1, 2, 3))), v128_and(b, i32x4_gt(n, i32x4(4, 5, 6, 7)))]
}

/// Group `g` of a row where it lies, or a copy of one that ends with the matrix.
#[inline]
fn group_in<'a, G: Pod>(row: &'a [u8], g: usize, room: &'a mut Option<G>) -> &'a G {
    let bytes = &row[g * size_of::<G>()..];
    let whole = bytes.get(..size_of::<G>()).and_then(|bytes| bytemuck::try_from_bytes(bytes).ok());
    whole.unwrap_or_else(|| {
        let group = room.insert(G::zeroed());
        let len = bytes.len().min(size_of::<G>());
        bytemuck::bytes_of_mut(group)[..len].copy_from_slice(&bytes[..len]);
        group
    })
}

/// Sums of blocks `4 · H ..` of a group, of units of 32 or of both halves, for each token.
#[inline]
fn four_blocks<F: Unpack, const T: usize, const H: usize>(weights: &F::Group, x: [&WideGroup; T]) -> [[Words; 2]; T] {
    // i32: at most 32 · 128 · 127 < 2²⁰ in magnitude.
    let dots: [[[Words; 2]; T]; 4] = std::array::from_fn(|i| {
        let b = 4 * H + i;
        let [first, second] = F::block(weights, b).map(widen);
        x.map(|x| {
            let [c0, c1, c2, c3] = x.codes.as_chunks::<4>().0.as_chunks::<4>().0[b].each_ref().map(load_words);
            let halves = [
                i32x4_add(i32x4_dot_i16x8(first[0], c0), i32x4_dot_i16x8(first[1], c1)),
                i32x4_add(i32x4_dot_i16x8(second[0], c2), i32x4_dot_i16x8(second[1], c3)),
            ];
            if F::HALVES { halves } else { [i32x4_add(halves[0], halves[1]), zero_words()] }
        })
    });
    std::array::from_fn(|t| {
        let second = if F::HALVES { sums_of(dots.map(|dots| dots[t][1])) } else { zero_words() };
        [sums_of(dots.map(|dots| dots[t][0])), second]
    })
}

/// `n` blocks of a group, `ALL` or at most four. Activations are zeros after them.
#[inline]
fn add_group<F: Unpack, S: Steps, const T: usize, const ALL: bool>(
    weights: &F::Group,
    n: usize,
    x: [&WideGroup; T],
    acc: &mut [S::Sums; T],
    extent: &mut Extent,
) {
    let lower = four_blocks::<F, T, 0>(weights, x);
    let upper = if ALL { four_blocks::<F, T, 1>(weights, x) } else { [[zero_words(); 2]; T] };
    let scales = F::scales(weights).map(|s| first(&s, n));
    let mins = F::mins(weights).map(|m| first(&m, n));
    for u in 0..if F::HALVES { 2 } else { 1 } {
        scales[u].into_iter().for_each(|v| extent.see(v));
        if F::MINS {
            mins[u].into_iter().for_each(|v| extent.see(v));
        }
        for t in 0..T {
            let x_scales = halves(&x[t].scales);
            let scales = [mul(scales[u][0], x_scales[0]), mul(scales[u][1], x_scales[1])];
            acc[t] = S::add_integers(acc[t], [lower[t][u], upper[t][u]], scales);
            if F::MINS {
                acc[t] = S::add_products(acc[t], mins[u], halves(&x[t].sums[u]));
            }
        }
    }
}

/// Multiplies many tokens: rows are unpacked, widened and interleaved once.
pub(in crate::matmul) fn gemm<F: Unpack>(args: &mut MatmulArgs<'_, '_>) {
    let mut wide = std::mem::take(&mut args.scratch.wide);
    wide.set::<F>(args);
    let n_blocks = args.w.cols / BLOCK;
    let n_groups = args.w.cols.div_ceil(GROUP);
    for rows in token_tiles(args.out.cols.len(), ROWS) {
        // What is left from before is overwritten, or belongs to rows that do not exist and is never stored.
        wide.panel.resize(n_blocks, WideBlock::zeroed());
        let mut extent = Extent::new();
        for (r, i) in rows.clone().enumerate() {
            let row = from_row::<F>(&args.w, args.out.cols.start + i, &mut args.scratch.expanded);
            pack::<F>(row, &mut wide.panel, r, &mut extent);
        }
        for tokens in token_tiles(args.out.rows.len(), GEMM_TOKENS) {
            let x = |t: usize| {
                let t = (tokens.start + t).min(tokens.end - 1);
                &wide.groups[t * n_groups..][..n_groups]
            };
            let are_normal = wide.are_normal(tokens.clone(), extent);
            let mut out = [[0.0; ROWS]; GEMM_TOKENS];
            match tokens.len() {
                1 => tile::<F, 1>(&wide.panel, std::array::from_fn(x), are_normal, &mut out),
                2 => tile::<F, 2>(&wide.panel, std::array::from_fn(x), are_normal, &mut out),
                3 => tile::<F, 3>(&wide.panel, std::array::from_fn(x), are_normal, &mut out),
                _ => tile::<F, GEMM_TOKENS>(&wide.panel, std::array::from_fn(x), are_normal, &mut out),
            }
            for (out, t) in out.iter().zip(tokens.clone()) {
                args.out.row(t)[rows.clone()].copy_from_slice(&out[..rows.len()]);
            }
        }
    }
    args.scratch.wide = wide;
}

/// Writes row `r` into the panel.
fn pack<F: Unpack>(row: &[u8], panel: &mut [WideBlock], r: usize, extent: &mut Extent) {
    let n_blocks = panel.len();
    for g in 0..n_blocks.div_ceil(GROUP_BLOCKS) {
        let mut room = None;
        let group = group_in(row, g, &mut room);
        let (scales, mins) = (F::scales(group), F::mins(group));
        for u in 0..if F::HALVES { 2 } else { 1 } {
            first(&scales[u], n_blocks - g * GROUP_BLOCKS).into_iter().for_each(|v| extent.see(v));
            if F::MINS {
                first(&mins[u], n_blocks - g * GROUP_BLOCKS).into_iter().for_each(|v| extent.see(v));
            }
        }
        for i in 0..GROUP_BLOCKS.min(n_blocks - g * GROUP_BLOCKS) {
            let block = &mut panel[slot(g * GROUP_BLOCKS + i, n_blocks)];
            let codes: [[i16; 2]; 16] = bytemuck::must_cast(F::block(group, i).map(widen));
            for (to, from) in block.codes.iter_mut().zip(codes) {
                to[r] = from;
            }
            for u in 0..2 {
                block.scales[u][r] = scales[u][i];
                block.mins[u][r] = mins[u][i];
            }
        }
    }
}

fn tile<F: Unpack, const T: usize>(
    panel: &[WideBlock],
    x: [&[WideGroup]; T],
    are_normal: bool,
    out: &mut [[f32; ROWS]; GEMM_TOKENS],
) {
    if are_normal {
        tile_by::<F, Normal, T>(panel, x, out);
    } else {
        tile_by::<F, Any, T>(panel, x, out);
    }
}

#[inline]
fn tile_by<F: Unpack, S: Steps, const T: usize>(
    panel: &[WideBlock],
    x: [&[WideGroup]; T],
    out: &mut [[f32; ROWS]; GEMM_TOKENS],
) {
    let lanes: [[[Floats; 2]; T]; GROUP_BLOCKS] = std::array::from_fn(|b| {
        let mut acc = [S::zero(); T];
        for (g, block) in panel[lane_slots(b, panel.len())].iter().enumerate() {
            add_block::<F, S, T>(block, b, x.map(|x| &x[g]), &mut acc);
        }
        acc.map(S::floats)
    });
    for (t, out) in out.iter_mut().enumerate().take(T) {
        for (v, out) in out.as_chunks_mut::<4>().0.iter_mut().enumerate() {
            store_floats(out, fold_lanes(lanes.map(|lane| lane[t][v])));
        }
    }
}

/// Sums of products of all rows with `T` tokens, two columns a step.
#[inline]
pub(in crate::matmul) fn products<const T: usize>(w: &[WideRows], x: [&[i32]; T]) -> [[Words; 2]; T] {
    let mut sums = [[zero_words(); 2]; T];
    let x = x.map(|x| &x[..w.len()]);
    for (c, w) in w.iter().enumerate() {
        let w: [Words; 2] = bytemuck::must_cast(*w);
        for (sums, x) in sums.iter_mut().zip(x) {
            let x = i32x4_splat(x[c]);
            *sums = [i32x4_add(sums[0], i32x4_dot_i16x8(w[0], x)), i32x4_add(sums[1], i32x4_dot_i16x8(w[1], x))];
        }
    }
    sums
}

/// A block of all rows times block `b` of the groups.
#[inline]
fn add_block<F: Unpack, S: Steps, const T: usize>(
    block: &WideBlock,
    b: usize,
    x: [&WideGroup; T],
    acc: &mut [S::Sums; T],
) {
    let x_codes: [&[i32; BLOCK / 2]; T] = x.map(|x| &x.codes.as_chunks().0[b]);
    let n_units = if F::HALVES { 2 } else { 1 };
    let pairs = BLOCK / 2 / n_units;
    for u in 0..n_units {
        let columns = u * pairs..(u + 1) * pairs;
        let sums = products(&block.codes[columns.clone()], x_codes.map(|x| &x[columns.clone()]));
        let (scales, mins) = (halves(&block.scales[u]), halves(&block.mins[u]));
        for ((x, acc), sums) in x.iter().zip(&mut *acc).zip(sums) {
            let x_scale = splat(x.scales[b]);
            *acc = S::add_integers(*acc, sums, [mul(scales[0], x_scale), mul(scales[1], x_scale)]);
            if F::MINS {
                *acc = S::add_products(*acc, mins, [splat(x.sums[u][b]); 2]);
            }
        }
    }
}
