//! Matrix products `out[t, m] = Σ_k w[m, k] · x[t, k]`: the table of kernels, selection, and the parallel regions.
//!
//! Every kernel for a format computes the same bits ([`integer`] and [`float`] define them), so selection is a matter
//! of speed alone. Work is split over rows of the matrix and tokens, never over K.

use crate::{
    Rows,
    activation::ActivationGroup,
    isa::Level,
    pool::{Output, Pool, Tile},
    row_codes::RowGroup,
    simd,
};
use quant::Format;
use std::sync::{Mutex, PoisonError};

#[cfg(target_arch = "x86_64")]
mod digits;
mod float;
#[cfg_attr(not(target_arch = "x86_64"), allow(dead_code, reason = "panels serve vector kernels only"))]
mod integer;
#[cfg_attr(not(target_arch = "x86_64"), allow(dead_code, reason = "copies serve x86-64 only"))]
mod packed;
mod table;
#[cfg_attr(not(target_arch = "x86_64"), allow(dead_code, reason = "lines of planes serve kernels of x86-64 only"))]
mod ternary;

pub(crate) use ternary::PlaneCodes;

pub use packed::PackedMatrix;
pub use table::{Activation, MATMUL_KERNELS, MatmulKernel, Weights};

/// A weight matrix `[rows, cols]` as it lies in the file: `rows` rows of `format.row_bytes(cols)` bytes, without what
/// stands behind them.
#[derive(Clone, Copy, Debug)]
pub struct Matrix<'a> {
    /// Format of the weights.
    pub format: Format,
    /// Output width (M).
    pub rows: usize,
    /// Input width (K), a multiple of the block length.
    pub cols: usize,
    /// `rows * format.row_bytes(cols)` bytes, any alignment.
    pub bytes: &'a [u8],
    /// `[rows]`: ternary weights under one scale a row, whose products add up in integers, which is faster
    /// ([`quant::StoredMatrix::row_scales`]). Empty for all others: each block has its own.
    pub row_scales: &'a [f32],
    /// A copy that is faster to multiply with.
    pub packed: Option<&'a PackedMatrix>,
}

impl<'a> Matrix<'a> {
    /// A matrix whose blocks have their own scales.
    pub fn new(format: Format, rows: usize, cols: usize, bytes: &'a [u8]) -> Self {
        Self { format, rows, cols, bytes, row_scales: &[], packed: None }
    }

    /// The longest row of ternary weights that has a kernel.
    pub const TERNARY_COLS_MAX: usize = crate::row_codes::COLS_MAX;

    /// Bytes of a row; panics if the lengths do not fit each other or activations of width `k`.
    fn check(&self, k: usize) -> usize {
        assert_eq!(self.cols, k, "matrix of {} columns, activations of {k}", self.cols);
        assert!(self.rows > 0, "matrix of no rows");
        let row_bytes = self.row_bytes();
        assert_eq!(
            Some(self.bytes.len()),
            self.rows.checked_mul(row_bytes),
            "bytes of {} rows of {row_bytes}",
            self.rows
        );
        let n_scales = self.row_scales.len();
        assert!(n_scales == 0 || n_scales == self.rows, "{n_scales} scales of {} rows", self.rows);
        if let Some(packed) = self.packed {
            packed.check(self);
        }
        row_bytes
    }

    /// Are these ternary weights under one scale a row, of a length that has kernels?
    fn is_ternary(&self) -> bool {
        !self.row_scales.is_empty() && ternary::takes(self.format, self.cols)
    }

    /// The matrix that kernels are given: the copied rows, where there are such.
    fn as_walked(self) -> Self {
        match self.packed.and_then(PackedMatrix::rows) {
            Some((format, bytes)) => Self { format, bytes, packed: None, ..self },
            None => self,
        }
    }

    fn row_bytes(&self) -> usize {
        let bytes = self.format.row_bytes(self.cols);
        assert!(bytes.is_some(), "{} columns are no whole blocks of {:?}", self.cols, self.format);
        bytes.unwrap_or(0)
    }

    /// The exact values of row `m`, whose blocks have their own scales.
    pub(crate) fn decode_row(&self, m: usize, out: &mut [f32]) {
        self.format.decode(self.row(m), out);
    }

    /// The blocks of row `m` and all that follows them.
    #[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
    #[inline]
    fn from_row(&self, m: usize) -> &'a [u8] {
        &self.bytes[m * (self.bytes.len() / self.rows) + self.format.row_header_bytes()..]
    }

    /// The blocks of row `m`.
    #[inline]
    fn row(&self, m: usize) -> &'a [u8] {
        let n = self.bytes.len() / self.rows;
        &self.bytes[m * n..(m + 1) * n][self.format.row_header_bytes()..]
    }
}

/// What a kernel is called with: the rows and tokens of `out`.
pub(crate) struct MatmulArgs<'a, 'o> {
    /// All of the matrix.
    pub(crate) w: Matrix<'a>,
    /// Activations of all tokens, `[T, K]`.
    pub(crate) x: &'a [f32],
    /// Activations as int8 groups, `[T, ceil(K / 256)]`; empty if the kernel wants f32.
    pub(crate) groups: &'a [ActivationGroup],
    /// Activations as int8 rows, `[T, ceil(K / 256)]`; stale unless the kernel wants them.
    pub(crate) row_codes: &'a [RowGroup],
    /// int8 rows in the order of the format's planes, `[T, groups, planes, 64]`; stale unless the kernel wants them.
    #[cfg_attr(
        not(any(target_arch = "x86_64", target_arch = "wasm32")),
        allow(dead_code, reason = "planes serve kernels of x86-64 and wasm32 only")
    )]
    pub(crate) planes: &'a [i8],
    /// `rows` are tokens, `cols` rows of the matrix.
    pub(crate) out: Tile<'o, f32>,
    pub(crate) scratch: &'a mut MatmulScratch,
}

impl<'a, 'o> MatmulArgs<'a, 'o> {
    fn new(w: Matrix<'a>, x: &'a Rows, out: Tile<'o, f32>, scratch: &'a mut MatmulScratch) -> Self {
        Self {
            w,
            x: x.values(),
            groups: x.groups(),
            row_codes: x.row_codes(),
            planes: x.planes(w.format),
            out,
            scratch,
        }
    }
}

/// Buffers of one worker, as large as the largest matrix seen.
#[derive(Default)]
pub(crate) struct MatmulScratch {
    /// Weight rows as codes.
    expanded: Vec<integer::ExpandedGroup>,
    #[cfg(target_arch = "x86_64")]
    panels: Box<integer::x86::PanelScratch>,
    /// Weight rows, interleaved.
    #[cfg_attr(not(target_arch = "x86_64"), allow(dead_code, reason = "kernels of 128-bit vectors have their own"))]
    panel: Vec<integer::PanelBlock>,
    /// Chosen rows, one after the other, and their scales.
    gathered: (Vec<u8>, Vec<f32>),
    /// A ternary row as codes 0, 1, 2.
    #[cfg(target_arch = "x86_64")]
    codes: Vec<u8>,
    /// Weight rows, interleaved for kernels of 128-bit vectors.
    #[cfg(target_arch = "aarch64")]
    narrow: Vec<integer::narrow::RowsBlock>,
    /// Activations and weight rows of 16 bits.
    #[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
    wide: integer::narrow::simd128::Wide,
    #[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
    ternary: ternary::simd128::Scratch,
    /// Weight rows in f32.
    decoded: Vec<f32>,
    #[cfg(target_arch = "x86_64")]
    ternary: ternary::x86::Scratch,
}

impl MatmulScratch {
    /// Room for a row of `cols` weights in f32.
    pub(crate) fn row(&mut self, cols: usize) -> &mut [f32] {
        if self.decoded.len() < cols {
            self.decoded.resize(cols, 0.0);
        }
        &mut self.decoded[..cols]
    }
}

/// Weight bytes of one task of few tokens. Handing a task out costs about as much as reading 10 KiB, and so does a
/// stream of memory that starts anew; a large one leaves a core waiting at the end of the region.
const TASK_BYTES: std::ops::RangeInclusive<usize> = 16 << 10..=256 << 10;

/// Tasks of each thread in a region, if their size allows.
const TASKS_PER_THREAD: usize = 4;

/// Most tokens of one task: their activations stay in the second-level cache.
const TASK_TOKENS: usize = 512;

/// Most matrices in one region.
const REGION_MATRICES: usize = 8;

/// The kernel that [`run`] uses.
pub(crate) fn kernel(w: &Matrix<'_>, level: Level, n_tokens: usize) -> &'static MatmulKernel {
    table::select(&w.as_walked(), level.isa(), n_tokens)
}

/// Multiplies every matrix with the rows in as few parallel regions as possible.
pub(crate) fn run(
    level: Level,
    pool: &Pool,
    scratch: &[Mutex<MatmulScratch>],
    ws: &mut [(Matrix<'_>, &mut [f32])],
    x: &mut Rows,
) {
    let (k, n_tokens) = (x.k(), x.n_rows());
    if n_tokens == 0 {
        return;
    }
    for ws in ws.chunks_mut(REGION_MATRICES) {
        let region_bytes: usize = ws.iter().map(|(w, _)| w.bytes.len()).sum();
        let task_bytes = region_bytes / (TASKS_PER_THREAD * pool.n_threads());
        let task_bytes = task_bytes.clamp(*TASK_BYTES.start(), *TASK_BYTES.end());
        let mut work = [None; REGION_MATRICES];
        let mut outputs: [_; REGION_MATRICES] = std::array::from_fn(|_| Output::new(&mut [], 1, 1, 1));
        for ((w, out), (work, output)) in ws.iter_mut().zip(work.iter_mut().zip(&mut outputs)) {
            w.check(k);
            let w = w.as_walked();
            let row_bytes = w.row_bytes();
            assert_eq!(out.len(), n_tokens * w.rows, "output of {n_tokens} rows of {}", w.rows);
            let kernel = table::select(&w, level.isa(), n_tokens);
            match kernel.activation {
                Activation::F32 => {}
                Activation::Int8 => x.quantise(level, pool),
                Activation::Int8Rows => x.quantise_rows(level, pool, None),
                Activation::Int8Planes => x.quantise_rows(level, pool, Some(w.format)),
            }
            // A panel that is packed for many tokens is enough; with few tokens it takes many rows to be worth handing
            // out.
            let is_large = kernel.rows > 1 && kernel.tokens_min > 1;
            let n_passes = if is_large { 1 } else { task_bytes / (row_bytes * kernel.rows) };
            let tile_rows = kernel.rows * n_passes.max(1);
            *output = Output::new(out, w.rows, tile_rows.min(w.rows), n_tokens.min(TASK_TOKENS));
            *work = Some((w, kernel));
        }
        let x = &*x;
        pool.for_tiles(&outputs, |out, worker| {
            if let Some((w, kernel)) = work[out.output] {
                let mut scratch = scratch[worker].lock().unwrap_or_else(PoisonError::into_inner);
                kernel.call(&mut MatmulArgs::new(w, x, out, &mut scratch));
            }
        });
    }
}

/// Rows of a task of [`run_rows`]: a few kilobytes of weights each.
const CHOSEN_ROWS_MIN: usize = 16;

/// Bytes of chosen rows that are brought together at a time: they stay in the first-level cache.
const GATHERED_BYTES: usize = 16 << 10;

/// `out[i] = w[chosen[i]] · x` for the only row of `x`, by the kernel that [`run`] would use.
pub(crate) fn run_rows(
    level: Level,
    pool: &Pool,
    scratch: &[Mutex<MatmulScratch>],
    w: Matrix<'_>,
    chosen: &[u32],
    x: &mut Rows,
    out: &mut [f32],
) {
    // Chosen rows are no panels.
    let w = Matrix { packed: None, ..w };
    let row_bytes = w.check(x.k());
    assert_eq!((x.n_rows(), out.len()), (1, chosen.len()), "one row of activations, a product for each chosen row");
    if chosen.is_empty() {
        return;
    }
    let kernel = table::select(&w, level.isa(), 1);
    match kernel.activation {
        Activation::F32 => {}
        Activation::Int8 => x.quantise(level, pool),
        Activation::Int8Rows => x.quantise_rows(level, pool, None),
        Activation::Int8Planes => x.quantise_rows(level, pool, Some(w.format)),
    }
    let x = &*x;
    pool.for_rows(out, 1, CHOSEN_ROWS_MIN, |first, out, worker| {
        let mut scratch = scratch[worker].lock().unwrap_or_else(PoisonError::into_inner);
        let mut gathered = std::mem::take(&mut scratch.gathered);
        let n_batch = (GATHERED_BYTES / row_bytes).max(1);
        let row = |m: u32| &w.bytes[m as usize * row_bytes..][..row_bytes];
        let mut batches = chosen[first..][..out.len()].chunks(n_batch).peekable();
        let mut outs = out.chunks_mut(n_batch);
        while let (Some(batch), Some(out)) = (batches.next(), outs.next()) {
            // No stream that hardware could see: the next rows are asked for while these are computed.
            for &m in *batches.peek().unwrap_or(&&[][..]) {
                row(m).chunks(64).for_each(simd::prefetch);
            }
            let (bytes, scales) = &mut gathered;
            bytes.clear();
            batch.iter().for_each(|&m| bytes.extend_from_slice(row(m)));
            scales.clear();
            scales.extend(batch.iter().filter_map(|&m| w.row_scales.get(m as usize)));
            let rows = Matrix { rows: batch.len(), bytes, row_scales: scales, ..w };
            kernel.call(&mut MatmulArgs::new(rows, x, Tile::of(out), &mut scratch));
        }
        scratch.gathered = gathered;
    });
}

#[cfg(test)]
mod tests;
