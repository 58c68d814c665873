//! [`Floats`]: a matrix of floats in a checkpoint, read row by row in GGUF's order.

use std::{ops::Range, sync::Arc};

use half::bf16;
use quant::Format;

use crate::{Error, hf::ternary::Absmean, safetensors::Place};

/// A matrix or vector of floats.
#[derive(Clone)]
pub(super) struct Floats {
    pub(super) place: Place,
    /// Format in which the values are exact; of FP8 with scales, the one to which they are rounded.
    pub(super) format: Format,
    pub(super) order: RowOrder,
    /// Column of the checkpoint that each of GGUF's is, if they are not the same.
    pub(super) columns: Option<Arc<[u32]>>,
    pub(super) transposed: Option<Transposed>,
    pub(super) scales: Option<Arc<Scales>>,
}

/// Matrices of the checkpoint, one below the other, whose columns are GGUF's rows.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Transposed {
    /// Number of columns of each.
    pub(super) n_columns: usize,
    /// Number of rows from the first of one to the first of the next.
    pub(super) stride: usize,
}

/// Scales of a matrix in FP8: one for each block of it.
pub(super) struct Scales {
    pub(super) values: Vec<f32>,
    /// Rows and columns of a block.
    pub(super) block: (usize, usize),
    /// Number of scales in a row of blocks.
    pub(super) per_row: usize,
}

/// Order of GGUF's rows in the checkpoint.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum RowOrder {
    Same,
    /// Row `2i + h` of a head of `D` rows is row `h · D / 2 + i` of the checkpoint's: rows that are rotated together
    /// stand together.
    Rotary {
        head_dim: usize,
    },
    /// Of each `of` rows of the checkpoint, `n`: every `step`-th from `start`.
    Strided {
        n: usize,
        of: usize,
        start: usize,
        step: usize,
    },
    /// The checkpoint's row of each.
    Listed(Arc<[u32]>),
}

impl RowOrder {
    pub(super) fn source_row(&self, row: usize) -> usize {
        match self {
            Self::Same => row,
            Self::Rotary { head_dim } => {
                let (head, at) = (row / head_dim, row % head_dim);
                head * head_dim + (at % 2) * (head_dim / 2) + at / 2
            }
            Self::Strided { n, of, start, step } => row / n * of + start + row % n * step,
            Self::Listed(rows) => rows.get(row).map_or(row, |&row| row as usize),
        }
    }
}

impl Floats {
    pub(super) fn new(place: &Place, format: Format, order: RowOrder) -> Self {
        Self { place: place.clone(), format, order, columns: None, transposed: None, scales: None }
    }

    /// Reads the values of `rows`, each of `cols`.
    pub(super) fn read(&self, rows: Range<usize>, cols: usize) -> Vec<f32> {
        let mut values = vec![0.0; rows.len() * cols];
        if self.order == RowOrder::Same && self.scales.is_none() && self.transposed.is_none() {
            let row_bytes = cols * self.format.row_bytes(1).unwrap_or(1);
            let bytes = self.place.bytes().get(rows.start * row_bytes..rows.end * row_bytes).unwrap_or_default();
            self.format.decode(bytes, &mut values);
        } else {
            for (row, out) in rows.zip(values.chunks_exact_mut(cols)) {
                self.row(self.order.source_row(row), out);
            }
        }
        if let Some(columns) = &self.columns {
            let mut row = vec![0.0; cols];
            for out in values.chunks_exact_mut(cols) {
                row.copy_from_slice(out);
                let source = columns.iter().map(|&at| row.get(at as usize).copied().unwrap_or_default());
                out.iter_mut().zip(source).for_each(|(out, value)| *out = value);
            }
        }
        values
    }

    /// Reads row `row` of the checkpoint, or column where GGUF has its columns.
    fn row(&self, row: usize, out: &mut [f32]) {
        match self.transposed {
            None => self.part(row, (0, out.len()), out),
            Some(Transposed { n_columns, stride }) => {
                let (first, column) = (row / n_columns * stride, row % n_columns);
                for (at, out) in out.iter_mut().enumerate() {
                    self.part(first + at, (column, n_columns), std::slice::from_mut(out));
                }
            }
        }
    }

    /// Reads elements of row `row`, from column `column` of `n_columns` on.
    fn part(&self, row: usize, (column, n_columns): (usize, usize), out: &mut [f32]) {
        let start = row * n_columns + column;
        let n_bytes = if self.scales.is_some() { 1 } else { self.format.row_bytes(1).unwrap_or(1) };
        let range = start * n_bytes..(start + out.len()) * n_bytes;
        let bytes = self.place.bytes().get(range).unwrap_or_default();
        let Some(scales) = &self.scales else { return self.format.decode(bytes, out) };
        let (block_rows, block_cols) = scales.block;
        let first = row / block_rows * scales.per_row;
        for (at, (out, &byte)) in (column..).zip(out.iter_mut().zip(bytes)) {
            let scale = scales.values.get(first + at / block_cols).copied().unwrap_or_default();
            *out = bf16::from_f32(e4m3(byte) * scale).to_f32();
        }
    }

    /// Finds the rule that makes the floats ternary, by one pass over all of them.
    pub(super) fn absmean(&self) -> Result<Absmean, Error> {
        const PIECE: usize = 1 << 16;
        let n_bytes = self.format.row_bytes(1).unwrap_or(1);
        let mut values = vec![0.0; PIECE];
        let mut sum = 0.0;
        for bytes in self.place.bytes().chunks(PIECE * n_bytes) {
            values.truncate(bytes.len() / n_bytes);
            self.format.decode(bytes, &mut values);
            sum += values.iter().map(|&w| f64::from(w.abs())).sum::<f64>();
        }
        if !sum.is_finite() {
            return Err(self.place.error("holds a weight that is no finite number, and cannot be ternarised"));
        }
        Ok(Absmean::new(sum, self.place.bytes().len() / n_bytes, self.format))
    }
}

/// Returns the value of a byte of FP8 with four bits of exponent and three of mantissa (OCP E4M3, without infinities).
fn e4m3(byte: u8) -> f32 {
    let (exponent, mantissa) = (i32::from(byte >> 3 & 15), f32::from(byte & 7));
    let magnitude = match (exponent, byte & 7) {
        (15, 7) => f32::NAN,
        (0, _) => mantissa / 512.0,
        _ => (8.0 + mantissa) * 2f32.powi(exponent - 10),
    };
    if byte >> 7 == 1 { -magnitude } else { magnitude }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn e4m3_is_that_of_the_specification() {
        for (byte, value) in [(0x00, 0.0), (0x01, 2f32.powi(-9)), (0x08, 2f32.powi(-6)), (0x38, 1.0), (0xb9, -1.125)] {
            assert_eq!(e4m3(byte), value, "{byte:#x}");
        }
        assert_eq!((e4m3(0x7e), e4m3(0x07)), (448.0, 0.875 * 2f32.powi(-6)));
        assert!(e4m3(0x7f).is_nan() && e4m3(0xff).is_nan());
    }

    #[test]
    fn rows_of_the_checkpoint() {
        let rows = |order: RowOrder, n: usize| (0..n).map(|row| order.source_row(row)).collect::<Vec<_>>();
        assert_eq!(rows(RowOrder::Rotary { head_dim: 4 }, 8), [0, 2, 1, 3, 4, 6, 5, 7]);
        assert_eq!(rows(RowOrder::Strided { n: 2, of: 4, start: 1, step: 2 }, 4), [1, 3, 5, 7]);
        assert_eq!(rows(RowOrder::Strided { n: 2, of: 4, start: 2, step: 1 }, 4), [2, 3, 6, 7]);
    }
}
