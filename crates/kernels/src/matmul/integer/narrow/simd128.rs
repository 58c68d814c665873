//! The kernels of wasm32, whose only products of integers are those of 16 bits: activations are widened once for all
//! rows, weights once for all tokens.
//!
//! Vectors hold eight rows, of which a block at a time is added to the block's lane. Float sums are doubles that hold
//! singles ([`simd128::step`]), or singles where [`relaxed`] is at hand: there small codes stay bytes.

pub(in crate::matmul) use super::ROWS;
#[allow(clippy::wildcard_imports, reason = "the vocabulary of this folder")]
use super::*;
use crate::{
    activation::GROUP,
    matmul::integer::scalar,
    simd::{
        relaxed::{self, Fused},
        simd128::{self, Eight, Extent, Normal, Steps, load_words, step, two_steps},
    },
};
use std::arch::wasm32::{
    f64x2_convert_low_i32x4, f64x2_splat, i16x8_extend_high_i8x16, i16x8_extend_low_i8x16, i16x8_shl, i16x8_shr,
    i16x8_splat, i16x8_sub, i32x4_add, i32x4_dot_i16x8, i32x4_splat, i32x4_sub, i64x2_shuffle,
};

/// Tokens that meet unpacked weights at a time, if there are as many.
pub(in crate::matmul) const TOKENS: usize = 4;

/// Fewest tokens that are worth the time of [`TOKENS`].
const TOKENS_MIN: usize = 3;

/// The magnitudes of a half times an integer of 8 bits.
const BOUNDS: [f32; 2] = [1.0 / (1 << 24) as f32, (1 << 23) as f32];

/// 256 activations, as numbers of 16 bits or (`are_bytes`) in half the room as bytes.
#[derive(Clone, Copy, Pod, Zeroable)]
#[repr(C, align(16))]
struct WideGroup {
    /// Two columns each, as halves of a word, or four.
    codes: [i32; GROUP / 2],
    /// Of each block `scale · sum`, and of its halves: what minima are multiplied with, singles.
    sums: [[f64; GROUP_BLOCKS]; 2],
    scales: [f32; GROUP_BLOCKS],
    /// Of each block the sum, and of its halves, [`Unpack::LESS`] times.
    less: [[i32; GROUP_BLOCKS]; 2],
}

/// A group of [`TOKENS`] tokens.
#[derive(Clone, Copy, Pod, Zeroable)]
#[repr(C, align(16))]
struct TileGroup {
    codes: [[i32; TOKENS]; GROUP / 2],
    sums: [[[f64; TOKENS]; GROUP_BLOCKS]; 2],
    scales: [[f32; TOKENS]; GROUP_BLOCKS],
    less: [[[i32; TOKENS]; GROUP_BLOCKS]; 2],
}

/// Activations of a call, widened.
#[derive(Default)]
pub(in crate::matmul) struct Wide {
    /// All tokens one after the other, `[T, groups]`.
    groups: Vec<WideGroup>,
    /// All tokens in tiles, `[ceil(T / 4), groups]`; the last tile repeats its last token.
    tiles: Vec<TileGroup>,
    /// Of each token's scales and sums.
    extents: Vec<Extent>,
    /// [`ROWS`] weight rows.
    panel: Vec<WideBlock>,
    scales: RowScales,
    lines: LinesRoom,
}

/// Room for rows that are not read where they lie.
#[derive(Default)]
struct LinesRoom {
    expanded: Vec<ExpandedGroup>,
    /// The rows that end with the matrix, and zeros.
    last: Vec<u8>,
}

impl LinesRoom {
    /// Rows of `w`, whose groups lie whole in the bytes of [`Lines::from_row`]. What follows a row whose last group is
    /// cut short is read along.
    fn lines<'a, F: Unpack>(&'a mut self, w: &Matrix<'a>, rows: Range<usize>) -> Lines<'a> {
        let n_rows = rows.len();
        let lines = F::lines(w, rows, &mut self.expanded);
        let needed = (n_rows - 1) * lines.stride + w.cols.div_ceil(GROUP) * size_of::<F::Group>();
        if needed <= lines.bytes.len() {
            return lines;
        }
        self.last.clear();
        self.last.extend_from_slice(lines.bytes);
        self.last.resize(needed, 0);
        Lines { bytes: &self.last, ..lines }
    }
}

impl Default for WideGroup {
    fn default() -> Self {
        Self::zeroed()
    }
}

/// Two columns of each row, or four bytes.
pub(in crate::matmul) type WideRows = [[i16; 2]; ROWS];

/// One block of 32 columns of [`ROWS`] rows.
#[derive(Clone, Copy, Pod, Zeroable)]
#[repr(C, align(16))]
struct WideBlock {
    /// `[column / 2]`, or `[column / 4]` in the first half.
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

/// The even ones of sixteen codes, then the odd ones.
#[inline]
fn split(codes: Bytes) -> [Words; 2] {
    [i16x8_shr(i16x8_shl(codes, 8), 8), i16x8_shr(codes, 8)]
}

const fn n_units<F: Unpack>() -> usize {
    if F::HALVES { 2 } else { 1 }
}

/// Are codes multiplied as bytes?
const fn are_bytes<F: Unpack, S: Products>() -> bool {
    S::HAVE_BYTES && F::ARE_SMALL
}

/// What codes are too large by when they are multiplied.
const fn less_of<F: Unpack, S: Products>() -> i8 {
    if are_bytes::<F, S>() || F::IS_SPLIT { F::LESS } else { 0 }
}

impl Wide {
    /// Widens the activations of a call.
    fn set<F: Unpack, S: Products>(&mut self, args: &MatmulArgs<'_, '_>) {
        let n_groups = args.w.cols.div_ceil(GROUP);
        self.groups.resize(args.out.rows.len() * n_groups, WideGroup::zeroed());
        self.extents.clear();
        let rows = args.out.rows.clone().map(|t| token(args.groups, args.w.cols, t));
        for (x, groups) in rows.zip(self.groups.chunks_exact_mut(n_groups)) {
            let mut extent = Extent::new();
            for (x, group) in x.iter().zip(groups) {
                if are_bytes::<F, S>() {
                    bytemuck::must_cast_slice_mut(&mut group.codes)[..GROUP].copy_from_slice(&x.codes);
                } else {
                    for (to, from) in group.codes.as_chunks_mut::<8>().0.iter_mut().zip(x.codes.as_chunks().0) {
                        let codes = load_bytes::<i8>(from);
                        *to = bytemuck::must_cast(if F::IS_SPLIT { split(codes) } else { widen(codes) });
                    }
                }
                group.scales = x.scales;
                let sums = if F::HALVES { x.half_sums } else { [x.sums; 2] };
                group.less = sums.map(|sums| sums.map(|sum| i32::from(less_of::<F, S>()) * sum));
                extent.see_all(&x.scales);
                let sums = if F::HALVES { &x.half_sums[..] } else { std::slice::from_ref(&x.sums) };
                for (to, from) in group.sums.iter_mut().zip(sums) {
                    let sums: [f32; GROUP_BLOCKS] = std::array::from_fn(|b| x.scales[b] * from[b] as f32);
                    extent.see_all(&sums);
                    *to = sums.map(f64::from);
                }
            }
            self.extents.push(extent);
        }
    }

    /// Interleaves the activations of [`TOKENS`] tokens each.
    fn interleave(&mut self, n_groups: usize) {
        let n_tokens = self.extents.len();
        self.tiles.clear();
        for tokens in token_tiles(n_tokens, TOKENS) {
            let token = |t: usize| (tokens.start + t).min(tokens.end - 1);
            for g in 0..n_groups {
                let x: [&WideGroup; TOKENS] = std::array::from_fn(|t| &self.groups[token(t) * n_groups + g]);
                self.tiles.push(TileGroup {
                    codes: std::array::from_fn(|c| x.map(|x| x.codes[c])),
                    sums: std::array::from_fn(|u| std::array::from_fn(|b| x.map(|x| x.sums[u][b]))),
                    scales: std::array::from_fn(|b| x.map(|x| x.scales[b])),
                    less: std::array::from_fn(|u| std::array::from_fn(|b| x.map(|x| x.less[u][b]))),
                });
            }
        }
    }

    /// May weights of `extent` be multiplied with these tokens by [`Normal`] steps?
    fn are_normal(&self, mut tokens: Range<usize>, extent: Extent) -> bool {
        tokens.all(|t| extent.are_normal(self.extents[t], Extent::new()))
    }
}

/// How sums of integers are added to those of their blocks.
pub(in crate::matmul) trait Products: Steps {
    /// Is there a product of bytes?
    const HAVE_BYTES: bool = false;
    /// `mins · x + (integers · factors + sums)`, without minima but for `MINS`.
    #[inline]
    fn add<const MINS: bool>(
        sums: Self::Eight,
        integers: [Words; 2],
        factors: [Floats; 2],
        mins: [Floats; 2],
        x: f64,
    ) -> Self::Eight {
        let sums = Self::fma(Self::widen(integers.map(to_floats)), Self::widen(factors), sums);
        if MINS { Self::fma(Self::widen(mins), Self::splat(x as f32), sums) } else { sums }
    }
    /// `sums` and the products of weights, two of 16 bits each or (`BYTES`) four of 8, with as many activations.
    #[inline]
    fn dot<const BYTES: bool>(sums: Words, w: Words, x: Words) -> Words {
        i32x4_add(sums, i32x4_dot_i16x8(w, x))
    }
}

impl Products for Normal {
    #[inline]
    fn add<const MINS: bool>(
        sums: Eight,
        [a, b]: [Words; 2],
        factors: [Floats; 2],
        mins: [Floats; 2],
        x: f64,
    ) -> Eight {
        let upper = |v| f64x2_convert_low_i32x4(i64x2_shuffle::<1, 1>(v, v));
        let integers = [f64x2_convert_low_i32x4(a), upper(a), f64x2_convert_low_i32x4(b), upper(b)];
        let factors = simd128::widen(factors);
        if MINS {
            two_steps([integers, factors], [simd128::widen(mins), [f64x2_splat(x); 4]], sums)
        } else {
            step(integers, factors, sums)
        }
    }
}

impl Products for Fused {
    const HAVE_BYTES: bool = true;
    #[inline]
    fn dot<const BYTES: bool>(sums: Words, w: Words, x: Words) -> Words {
        if BYTES { relaxed::dot(sums, w, x) } else { i32x4_add(sums, i32x4_dot_i16x8(w, x)) }
    }
}

/// Multiplies few tokens: rows are unpacked in registers for them.
pub(in crate::matmul) fn gemv<F: Unpack, S: Products>(args: &mut MatmulArgs<'_, '_>) {
    let mut wide = std::mem::take(&mut args.scratch.wide);
    wide.set::<F, S>(args);
    let n_tokens = args.out.rows.len();
    for rows in token_tiles(args.out.cols.len(), ROWS) {
        let mut t = 0;
        while t < n_tokens {
            let n = if n_tokens - t < TOKENS_MIN { 1 } else { TOKENS.min(n_tokens - t) };
            if n == 1 {
                some_rows::<F, S, 1>(args, &mut wide, rows.clone(), t..t + 1);
            } else {
                some_rows::<F, S, TOKENS>(args, &mut wide, rows.clone(), t..t + n);
            }
            t += n;
        }
    }
    args.scratch.wide = wide;
}

/// At most [`ROWS`] rows and `T` tokens.
fn some_rows<F: Unpack, S: Products, const T: usize>(
    args: &mut MatmulArgs<'_, '_>,
    wide: &mut Wide,
    rows: Range<usize>,
    tokens: Range<usize>,
) {
    let mut extent = if F::ARE_BOUNDED { Extent::between(BOUNDS[0], BOUNDS[1]) } else { Extent::new() };
    let out = products_of::<F, S, T>(args, wide, rows.clone(), tokens.clone(), &mut extent);
    // Halves that are infinite or no numbers leave no finite sum.
    let are_finite = out.as_flattened().iter().all(|x| x.is_finite());
    if S::ARE_EXACT || are_finite && wide.are_normal(tokens.clone(), extent) {
        for (out, t) in out.iter().zip(tokens) {
            args.out.row(t)[rows.clone()].copy_from_slice(&out[..rows.len()]);
        }
    } else {
        scalar::run_some(args, rows, tokens);
    }
}

/// Products of [`ROWS`] rows, of which those behind the last repeat it, with `T` tokens, which do likewise; `extent`
/// sees scales and minima that have no bounds.
fn products_of<F: Unpack, S: Products, const T: usize>(
    args: &MatmulArgs<'_, '_>,
    wide: &mut Wide,
    rows: Range<usize>,
    tokens: Range<usize>,
    extent: &mut Extent,
) -> [[f32; ROWS]; T] {
    let (first, n_blocks, n_groups) = (args.out.cols.start, args.w.cols / BLOCK, args.w.cols.div_ceil(GROUP));
    let lines = wide.lines.lines::<F>(&args.w, first + rows.start..first + rows.end);
    let lines: [&[u8]; ROWS] = std::array::from_fn(|r| lines.from_row(r.min(rows.len() - 1)));
    let x: [&[WideGroup]; T] =
        std::array::from_fn(|t| &wide.groups[(tokens.start + t).min(tokens.end - 1) * n_groups..][..n_groups]);
    // Not known to the compiler, which would make a call of the engine's runtime of so many zeros.
    let mut lanes = [[std::hint::black_box(S::splat(0.0)); T]; GROUP_BLOCKS];
    for g in 0..n_groups {
        let groups: [&F::Group; ROWS] = lines.map(|line| group_in(line, g));
        let n = GROUP_BLOCKS.min(n_blocks - g * GROUP_BLOCKS);
        let scales = &mut wide.scales;
        F::of_rows(groups, n, scales);
        if !S::ARE_EXACT && !F::ARE_BOUNDED {
            extent.see_all(scales.scales.as_flattened().as_flattened());
            extent.see_all(scales.mins.as_flattened().as_flattened());
        }
        let x: [&WideGroup; T] = x.map(|x| &x[g]);
        for (b, lane) in lanes.iter_mut().enumerate().take(n) {
            let sums = block_sums::<F, S, T>(groups, b, x);
            for u in 0..n_units::<F>() {
                let (factors, mins) = (halves(&scales.scales[u][b]), halves(&scales.mins[u][b]));
                for t in 0..T {
                    let x_scale = splat(x[t].scales[b]);
                    let factors = [mul(factors[0], x_scale), mul(factors[1], x_scale)];
                    let x_sum = x[t].sums[u][b];
                    lane[t] = if F::MINS {
                        S::add::<true>(lane[t], sums[t][u], factors, mins, x_sum)
                    } else {
                        S::add::<false>(lane[t], sums[t][u], factors, mins, x_sum)
                    };
                }
            }
        }
    }
    std::array::from_fn(|t| folded(lanes.map(|lane| S::floats(lane[t]))))
}

/// Folds the lanes of eight rows.
fn folded(lanes: [[Floats; 2]; GROUP_BLOCKS]) -> [f32; ROWS] {
    let mut out = [[0.0; 4]; 2];
    for (v, out) in out.iter_mut().enumerate() {
        store_floats(out, fold_lanes(lanes.map(|lane| lane[v])));
    }
    bytemuck::must_cast(out)
}

/// Group `g` of a row.
#[inline]
fn group_in<G: Pod>(row: &[u8], g: usize) -> &G {
    bytemuck::from_bytes(&row[g * size_of::<G>()..][..size_of::<G>()])
}

/// Sums of block `b` of each row, of units of 32 or of both halves, for each token.
#[inline]
fn block_sums<F: Unpack, S: Products, const T: usize>(
    groups: [&F::Group; ROWS],
    b: usize,
    x: [&WideGroup; T],
) -> [[[Words; 2]; 2]; T] {
    let x_codes: [[Words; 4]; T] = x.map(|x| {
        let codes = x.codes.as_chunks::<4>().0;
        if are_bytes::<F, S>() {
            let [a, b] = codes.as_chunks::<2>().0[b].each_ref().map(load_words);
            [a, b, a, b]
        } else {
            codes.as_chunks::<4>().0[b].each_ref().map(load_words)
        }
    });
    let [g0, g1, g2, g3, g4, g5, g6, g7] = groups;
    // Written out: a loop has its sums in memory.
    let four = |groups: [&F::Group; 4]| {
        let [a, b, c, d] = groups.map(|group| {
            if are_bytes::<F, S>() {
                let [a, b] = F::codes(group, b);
                [a, b, a, b]
            } else {
                F::wide_block(group, b)
            }
        });
        std::array::from_fn::<_, T, _>(|t| {
            let dots = [a, b, c, d].map(|codes| row_dots::<F, S>(codes, x_codes[t]));
            let second = if F::HALVES { sums_of(dots.map(|dots| dots[1])) } else { zero_words() };
            [sums_of(dots.map(|dots| dots[0])), second]
        })
    };
    let (lower, upper) = (four([g0, g1, g2, g3]), four([g4, g5, g6, g7]));
    std::array::from_fn(|t| {
        [0, 1].map(|u| {
            let less = i32x4_splat(x[t].less[u][b]);
            let sums = [lower[t][u], upper[t][u]];
            if less_of::<F, S>() == 0 { sums } else { sums.map(|sum| i32x4_sub(sum, less)) }
        })
    })
}

/// Products of a block in four sums, of the first half and of the second if these are units.
#[inline]
fn row_dots<F: Unpack, S: Products>(codes: [Words; 4], x: [Words; 4]) -> [Words; 2] {
    // i32: at most 32 · 128 · 127 < 2²⁰ in magnitude.
    if are_bytes::<F, S>() {
        let first = S::dot::<true>(zero_words(), codes[0], x[0]);
        let second = S::dot::<true>(if F::HALVES { zero_words() } else { first }, codes[1], x[1]);
        return if F::HALVES { [first, second] } else { [second, zero_words()] };
    }
    let dot = |i: usize| i32x4_dot_i16x8(codes[i], x[i]);
    let dots = [i32x4_add(dot(0), dot(1)), i32x4_add(dot(2), dot(3))];
    if F::HALVES { dots } else { [i32x4_add(dots[0], dots[1]), zero_words()] }
}

/// Multiplies many tokens: rows are unpacked and interleaved once, wide or as bytes.
pub(in crate::matmul) fn gemm<F: Unpack, S: Products>(args: &mut MatmulArgs<'_, '_>) {
    let mut wide = std::mem::take(&mut args.scratch.wide);
    wide.set::<F, S>(args);
    let n_groups = args.w.cols.div_ceil(GROUP);
    wide.interleave(n_groups);
    for rows in token_tiles(args.out.cols.len(), ROWS) {
        let extent = pack::<F, S>(args, &mut wide, rows.clone());
        for (i, tokens) in token_tiles(args.out.rows.len(), TOKENS).enumerate() {
            if !S::ARE_EXACT && !wide.are_normal(tokens.clone(), extent) {
                scalar::run_some(args, rows.clone(), tokens);
                continue;
            }
            let x = &wide.tiles[i * n_groups..][..n_groups];
            let out = match (F::HALVES, F::MINS, are_bytes::<F, S>()) {
                (false, false, false) => tile::<S, false, false, false>(&wide.panel, x),
                (false, true, false) => tile::<S, false, true, false>(&wide.panel, x),
                (true, false, false) => tile::<S, true, false, false>(&wide.panel, x),
                (true, true, false) => tile::<S, true, true, false>(&wide.panel, x),
                (false, false, true) => tile::<S, false, false, true>(&wide.panel, x),
                (false, true, true) => tile::<S, false, true, true>(&wide.panel, x),
                (true, false, true) => tile::<S, true, false, true>(&wide.panel, x),
                (true, true, true) => tile::<S, true, true, true>(&wide.panel, x),
            };
            for (out, t) in out.iter().zip(tokens) {
                args.out.row(t)[rows.clone()].copy_from_slice(&out[..rows.len()]);
            }
        }
    }
    args.scratch.wide = wide;
}

/// Writes rows into the panel; gives the extent of their scales and minima.
fn pack<F: Unpack, S: Products>(args: &MatmulArgs<'_, '_>, wide: &mut Wide, rows: Range<usize>) -> Extent {
    let (first, n_blocks) = (args.out.cols.start, args.w.cols / BLOCK);
    // What is left from before is overwritten, or belongs to rows that do not exist and is never stored.
    wide.panel.resize(n_blocks, WideBlock::zeroed());
    let lines = wide.lines.lines::<F>(&args.w, first + rows.start..first + rows.end);
    let mut extent = Extent::new();
    for r in 0..rows.len() {
        for g in 0..n_blocks.div_ceil(GROUP_BLOCKS) {
            let group = group_in(lines.from_row(r), g);
            let (scales, mins) = (F::scales(group), F::mins(group));
            let n = GROUP_BLOCKS.min(n_blocks - g * GROUP_BLOCKS);
            for values in [scales, mins].iter().flat_map(|values| &values[..n_units::<F>()]) {
                extent.see_all(&values[..n]);
            }
            for i in 0..n {
                let block = &mut wide.panel[slot(g * GROUP_BLOCKS + i, n_blocks)];
                if are_bytes::<F, S>() {
                    let codes: [[i16; 2]; 8] = bytemuck::must_cast(F::codes(group, i));
                    block.codes.iter_mut().zip(codes).for_each(|(to, from)| to[r] = from);
                } else {
                    let less = i16x8_splat(i16::from(less_of::<F, S>()));
                    let codes = F::wide_block(group, i)
                        .map(|codes| if less_of::<F, S>() == 0 { codes } else { i16x8_sub(codes, less) });
                    let codes: [[i16; 2]; 16] = bytemuck::must_cast(codes);
                    block.codes.iter_mut().zip(codes).for_each(|(to, from)| to[r] = from);
                }
                for u in 0..2 {
                    block.scales[u][r] = scales[u][i];
                    block.mins[u][r] = mins[u][i];
                }
            }
        }
    }
    extent
}

/// All rows of a panel times [`TOKENS`] tokens.
fn tile<S: Products, const HALVES: bool, const MINS: bool, const BYTES: bool>(
    panel: &[WideBlock],
    x: &[TileGroup],
) -> [[f32; ROWS]; TOKENS] {
    let n_units = if HALVES { 2 } else { 1 };
    let block_len = BLOCK / if BYTES { 4 } else { 2 };
    let len = block_len / n_units;
    let lanes: [[[Floats; 2]; TOKENS]; GROUP_BLOCKS] = std::array::from_fn(|b| {
        let mut acc = [S::splat(0.0); TOKENS];
        for (block, x) in panel[lane_slots(b, panel.len())].iter().zip(x) {
            for u in 0..n_units {
                let x_codes = &x.codes[b * block_len + u * len..][..len];
                let mut sums = [[zero_words(); 2]; TOKENS];
                if BYTES {
                    for (sums, less) in sums.iter_mut().zip(x.less[u][b]) {
                        *sums = [i32x4_splat(-less); 2];
                    }
                }
                let sums = products::<S, BYTES>(sums, &block.codes[u * len..][..len], x_codes);
                let (scales, mins) = (halves(&block.scales[u]), halves(&block.mins[u]));
                for (t, acc) in acc.iter_mut().enumerate() {
                    let x_scale = splat(x.scales[b][t]);
                    let factors = [mul(scales[0], x_scale), mul(scales[1], x_scale)];
                    *acc = S::add::<MINS>(*acc, sums[t], factors, mins, x.sums[u][b][t]);
                }
            }
        }
        acc.map(S::floats)
    });
    std::array::from_fn(|t| folded(lanes.map(|lane| lane[t])))
}

/// `sums` and products of all rows with [`TOKENS`] tokens, two columns a step or (`BYTES`) four.
#[inline]
pub(in crate::matmul) fn products<S: Products, const BYTES: bool>(
    mut sums: [[Words; 2]; TOKENS],
    w: &[WideRows],
    x: &[[i32; TOKENS]],
) -> [[Words; 2]; TOKENS] {
    for (w, x) in w.iter().zip(x) {
        let w: [Words; 2] = bytemuck::must_cast(*w);
        for (sums, x) in sums.iter_mut().zip(x) {
            let x = i32x4_splat(*x);
            *sums = [S::dot::<BYTES>(sums[0], w[0], x), S::dot::<BYTES>(sums[1], w[1], x)];
        }
    }
    sums
}
