//! [`Linear`]: a weight matrix in the file, perhaps a range of the rows of a larger tensor, with its bias and scale.

use std::ops::Range;

use gguf::TensorBytes;
use kernels::{Kernels, Matrix, Rows};
use quant::Format;

/// `out = scale · W x + bias`, `W` `[rows, cols]`.
pub(crate) struct Linear {
    bytes: TensorBytes,
    range: Range<usize>,
    format: Format,
    rows: usize,
    cols: usize,
    /// `[rows]`
    pub(crate) bias: Option<Vec<f32>>,
    /// One for the whole matrix (BitNet).
    pub(crate) scale: Option<f32>,
}

impl Linear {
    /// Rows `first..first + rows` of a tensor of rows of `cols`. The loader has checked that they are there.
    pub(crate) fn new(bytes: TensorBytes, format: Format, first: usize, rows: usize, cols: usize) -> Self {
        let row_bytes = format.row_bytes(cols).unwrap_or(0);
        let range = first * row_bytes..(first + rows) * row_bytes;
        assert!(range.end <= bytes.len(), "rows {first}..{} of a tensor of {} bytes", first + rows, bytes.len());
        Self { bytes, range, format, rows, cols, bias: None, scale: None }
    }

    /// Output width.
    pub(crate) fn rows(&self) -> usize {
        self.rows
    }

    /// For the kernels.
    pub(crate) fn matrix(&self) -> Matrix<'_> {
        Matrix { format: self.format, rows: self.rows, cols: self.cols, bytes: &self.bytes[self.range.clone()] }
    }

    /// `x` `[T, cols]` → `out` `[T, rows]`.
    pub(crate) fn apply(&self, kernels: &Kernels, x: &mut Rows, out: &mut [f32]) {
        kernels.matmul(self.matrix(), x, out);
        self.finish(out);
    }

    /// Scale and bias, after a matmul that was part of a larger region.
    pub(crate) fn finish(&self, out: &mut [f32]) {
        if let Some(scale) = self.scale {
            out.iter_mut().for_each(|x| *x *= scale);
        }
        if let Some(bias) = &self.bias {
            for row in out.chunks_exact_mut(self.rows) {
                row.iter_mut().zip(bias).for_each(|(x, b)| *x += b);
            }
        }
    }

    /// Exact values of row `i`: the embedding of a token.
    pub(crate) fn decode_row(&self, i: usize, out: &mut [f32]) {
        let row_bytes = self.range.len() / self.rows;
        self.format.decode(&self.bytes[self.range.clone()][i * row_bytes..][..row_bytes], out);
    }
}
