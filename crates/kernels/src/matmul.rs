//! Matrix products: `out[t, m] = Σ_k w[m, k] · x[t, k]`.

use crate::{
    Rows,
    isa::{Level, multiversion},
    math::fold,
    pool::{Output, Pool},
};
use quant::Format;
use std::sync::{Mutex, PoisonError};

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

/// Buffers of one worker.
#[derive(Default)]
pub(crate) struct MatmulScratch {
    /// One weight row, decoded.
    row: Vec<f32>,
}

/// Lanes of a float dot product: lane `j` adds the products of elements `j`, `j + 32`, … in order.
const DOT_LANES: usize = 32;

/// Weight bytes of one task: enough to pay for handing it out, few enough to share evenly.
const TASK_BYTES: usize = 16 << 10;

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
    let (k, n_rows) = (x.k(), x.n_rows());
    if n_rows == 0 {
        return;
    }
    for ws in ws.chunks_mut(REGION_MATRICES) {
        let mut matrices = [None; REGION_MATRICES];
        let mut outputs: [_; REGION_MATRICES] = std::array::from_fn(|_| Output::new(&mut [], 1, 1, 1));
        for ((w, out), (matrix, output)) in ws.iter_mut().zip(matrices.iter_mut().zip(&mut outputs)) {
            let row_bytes = w.check(k);
            assert_eq!(out.len(), n_rows * w.rows, "output of {n_rows} rows of {}", w.rows);
            *matrix = Some(*w);
            *output = Output::new(out, w.rows, (TASK_BYTES / row_bytes).clamp(1, w.rows), n_rows);
        }
        let x = x.values();
        pool.for_tiles(&outputs, |mut out, worker| {
            let Some(w) = matrices[out.output] else { return };
            let mut scratch = scratch[worker].lock().unwrap_or_else(PoisonError::into_inner);
            scratch.row.resize(k, 0.0);
            for (i, m) in out.cols.clone().enumerate() {
                w.format.decode(w.row(m), &mut scratch.row);
                for (t, x) in x.chunks_exact(k).enumerate() {
                    dot(level, &scratch.row, x, &mut out.row(t)[i]);
                }
            }
        });
    }
}

impl<'a> Matrix<'a> {
    /// Bytes of a row, all lengths checked.
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

    fn row(&self, m: usize) -> &'a [u8] {
        let n = self.row_bytes();
        &self.bytes[m * n..(m + 1) * n]
    }
}

multiversion! {
    fn dot(w: &[f32], x: &[f32], out: &mut f32) {
        let mut lanes = [0.0f32; DOT_LANES];
        let (ws, w_rest) = w.as_chunks::<DOT_LANES>();
        let (xs, x_rest) = x.as_chunks::<DOT_LANES>();
        for (w, x) in ws.iter().zip(xs) {
            for ((lane, &w), &x) in lanes.iter_mut().zip(w).zip(x) {
                *lane = w.mul_add(x, *lane);
            }
        }
        for ((lane, &w), &x) in lanes.iter_mut().zip(w_rest).zip(x_rest) {
            *lane = w.mul_add(x, *lane);
        }
        *out = fold(lanes);
    }
}
