//! Matrix products `out[t, m] = Σ_k w[m, k] · x[t, k]`: the table of kernels, selection, and the parallel regions.
//!
//! Every kernel for a format computes the same bits ([`integer`] and [`float`] define them), so selection is a matter of speed alone. Work
//! is split over rows of the matrix and tokens, never over K.

use crate::{
    Rows,
    activation::ActivationGroup,
    isa::Level,
    pool::{Output, Pool, Tile},
};
use quant::Format;
use std::sync::{Mutex, PoisonError};

mod float;
#[cfg_attr(not(target_arch = "x86_64"), allow(dead_code, reason = "panels serve vector kernels only"))]
mod integer;
mod table;

pub use table::{Activation, MATMUL_KERNELS, MatmulKernel, Weights};

/// A weight matrix `[rows, cols]` as it lies in the file: `rows` rows of `format.row_bytes(cols)` bytes.
#[derive(Clone, Copy, Debug)]
pub struct Matrix<'a> {
    /// Block format.
    pub format: Format,
    /// Output width (M).
    pub rows: usize,
    /// Input width (K), a multiple of the block length.
    pub cols: usize,
    /// `rows * format.row_bytes(cols)` bytes, any alignment.
    pub bytes: &'a [u8],
}

impl<'a> Matrix<'a> {
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
        row_bytes
    }

    fn row_bytes(&self) -> usize {
        let bytes = self.format.row_bytes(self.cols);
        assert!(bytes.is_some(), "{} columns are no whole blocks of {:?}", self.cols, self.format);
        bytes.unwrap_or(0)
    }

    /// Row `m`.
    #[inline]
    fn row(&self, m: usize) -> &'a [u8] {
        let n = self.bytes.len() / self.rows;
        &self.bytes[m * n..(m + 1) * n]
    }
}

/// What a kernel is called with: the rows and tokens of `out`.
pub(crate) struct MatmulArgs<'a, 'o> {
    /// All of the matrix.
    pub(crate) w: Matrix<'a>,
    /// Activations of all tokens, `[T, K]`.
    pub(crate) x: &'a [f32],
    /// The same as int8 groups, `[T, ceil(K / 256)]`; empty if the kernel wants f32.
    pub(crate) groups: &'a [ActivationGroup],
    /// `rows` are tokens, `cols` rows of the matrix.
    pub(crate) out: Tile<'o, f32>,
    pub(crate) scratch: &'a mut MatmulScratch,
}

/// Buffers of one worker, as large as the largest matrix seen.
#[derive(Default)]
pub(crate) struct MatmulScratch {
    /// One weight row as codes.
    expanded: Vec<integer::ExpandedGroup>,
    /// Weight rows, interleaved.
    panel: Vec<integer::PanelBlock>,
    /// Weight rows in f32.
    decoded: Vec<f32>,
}

/// Weight bytes of one task of few tokens. Handing a task out costs about as much as reading 10 KiB, and so does a stream of memory
/// that starts anew; a large one leaves a core waiting at the end of the region.
const TASK_BYTES: std::ops::RangeInclusive<usize> = 16 << 10..=256 << 10;

/// Tasks of each thread in a region, if their size allows.
const TASKS_PER_THREAD: usize = 4;

/// Most tokens of one task: their activations stay in the second-level cache.
const TASK_TOKENS: usize = 512;

/// Most matrices in one region.
const REGION_MATRICES: usize = 8;

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
            let row_bytes = w.check(k);
            assert_eq!(out.len(), n_tokens * w.rows, "output of {n_tokens} rows of {}", w.rows);
            let kernel = table::select(w.format, level.isa(), n_tokens);
            if kernel.activation == Activation::Int8 {
                x.quantise(level, pool);
            }
            let tile_rows = if n_tokens >= kernel.tokens_min && kernel.rows > 1 {
                kernel.rows
            } else {
                (task_bytes / row_bytes).max(1)
            };
            *output = Output::new(out, w.rows, tile_rows.min(w.rows), n_tokens.min(TASK_TOKENS));
            *work = Some((*w, kernel));
        }
        let (x, groups) = (x.values(), x.groups());
        pool.for_tiles(&outputs, |out, worker| {
            if let Some((w, kernel)) = work[out.output] {
                let mut scratch = scratch[worker].lock().unwrap_or_else(PoisonError::into_inner);
                kernel.call(&mut MatmulArgs { w, x, groups, out, scratch: &mut scratch });
            }
        });
    }
}

#[cfg(test)]
mod tests;
