//! [`StoredMatrix`]: a matrix of weights as it lies in a file, with the scales that stand outside of its blocks.

use std::ops::Range;

use crate::{
    Format, GROUP, OuterScale, TernaryRows,
    format::TAIL_ALIGNMENT,
    ternary::{ScaleType, tri::LINE},
};

/// `rows` rows of `cols` weights in `format`.
#[derive(Clone, Copy, Debug)]
pub struct StoredMatrix<'a> {
    format: Format,
    rows: usize,
    cols: usize,
    row_bytes: usize,
    /// Bytes of all rows.
    bytes: &'a [u8],
    /// Bytes behind the rows.
    tail: &'a [u8],
}

/// Why bytes are no matrix of a format.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[allow(missing_docs, reason = "the messages say what the fields are")]
pub enum SizeMismatch {
    /// Rows are no whole blocks.
    #[error("rows of {cols} weights, but {} needs a multiple of {block_len}", .format.name())]
    RowLength { format: Format, cols: usize, block_len: usize },
    /// There are too many bytes or too few.
    #[error("{got} bytes, but {rows} rows of {cols} weights in {} have {expected}", .format.name())]
    Bytes {
        format: Format,
        rows: usize,
        cols: usize,
        /// Bytes of such a matrix.
        expected: usize,
        /// Number of bytes that there are.
        got: usize,
    },
}

/// What shows that bytes hold no ternary weights: no writer of the format leaves it.
#[derive(Clone, PartialEq, Debug, thiserror::Error)]
#[allow(missing_docs, reason = "the messages say what the fields are")]
pub enum NotTernary {
    /// A scale is negative or not finite.
    #[error("row {row} has scale {scale}, so this is not {}", .format.name())]
    Scale { format: Format, row: usize, scale: f32 },
    /// A weight has the fourth code of two bits.
    #[error("row {row}, column {col} has code 3, which {} never holds", .format.name())]
    Code { format: Format, row: usize, col: usize },
    /// A byte that is none of the 243 that five digits make, or has more digits than weights.
    #[error("row {row} has byte {byte:#04x} at {at}, which {} never holds", .format.name())]
    Byte {
        format: Format,
        row: usize,
        /// Place in the row.
        at: usize,
        byte: u8,
    },
}

impl<'a> StoredMatrix<'a> {
    /// A view of `bytes`, the whole of a tensor.
    pub fn new(format: Format, rows: usize, cols: usize, bytes: &'a [u8]) -> Result<Self, SizeMismatch> {
        let (Some(row_bytes), Some(expected)) = (format.row_bytes(cols), format.tensor_bytes(rows, cols)) else {
            return Err(SizeMismatch::RowLength { format, cols, block_len: format.block_len() });
        };
        if bytes.len() != expected {
            return Err(SizeMismatch::Bytes { format, rows, cols, expected, got: bytes.len() });
        }
        let in_rows = rows * row_bytes;
        let tail = match format.outer_scale() {
            OuterScale::Tensor { .. } | OuterScale::RowTail(_) => &bytes[in_rows.next_multiple_of(TAIL_ALIGNMENT)..],
            OuterScale::None | OuterScale::RowHeader(_) => &[],
        };
        Ok(Self { format, rows, cols, row_bytes, bytes: &bytes[..in_rows], tail })
    }

    /// Some rows of a larger tensor: `bytes` are all of them, `tail` what [`Format::tail_range`] names.
    pub fn of_rows(
        format: Format,
        rows: usize,
        cols: usize,
        bytes: &'a [u8],
        tail: &'a [u8],
    ) -> Result<Self, SizeMismatch> {
        let Some(row_bytes) = format.row_bytes(cols) else {
            return Err(SizeMismatch::RowLength { format, cols, block_len: format.block_len() });
        };
        let expected = rows * row_bytes + format.tail_range(rows, cols, 0..rows).map_or(0, |range| range.len());
        let got = bytes.len() + tail.len();
        if bytes.len() != rows * row_bytes || got != expected {
            return Err(SizeMismatch::Bytes { format, rows, cols, expected, got });
        }
        Ok(Self { format, rows, cols, row_bytes, bytes, tail })
    }

    /// How weights are stored.
    pub fn format(&self) -> Format {
        self.format
    }

    /// Number of rows.
    pub fn n_rows(&self) -> usize {
        self.rows
    }

    /// Weights in a row.
    pub fn cols(&self) -> usize {
        self.cols
    }

    /// The bytes of row `m`, its header included.
    fn row_with_header(&self, m: usize) -> &'a [u8] {
        &self.bytes[m * self.row_bytes..][..self.row_bytes]
    }

    /// The blocks of row `m`.
    pub fn row(&self, m: usize) -> &'a [u8] {
        &self.row_with_header(m)[self.format.row_header_bytes()..]
    }

    /// The scale of row `m` that is not in its blocks; 1 if there is none.
    pub fn outer_scale(&self, m: usize) -> f32 {
        match self.format.outer_scale() {
            OuterScale::None => 1.0,
            OuterScale::RowHeader(scale) => scale.read(self.row_with_header(m)),
            OuterScale::Tensor { scale, .. } => scale.read(self.tail),
            OuterScale::RowTail(scale) => scale.read(&self.tail[m * scale.bytes()..]),
        }
    }

    /// Exact values of as many rows from `first` as `out` `[_, cols]` holds.
    ///
    /// # Panics
    /// If there are not so many, or `out` does not hold whole rows.
    pub fn decode(&self, first: usize, out: &mut [f32]) {
        assert!(out.len().is_multiple_of(self.cols.max(1)), "{} values in rows of {}", out.len(), self.cols);
        for (m, out) in out.chunks_exact_mut(self.cols.max(1)).enumerate() {
            if self.format.outer_scale() == OuterScale::None {
                self.format.decode(self.row(first + m), out);
            } else {
                self.format.decode_codes(self.row(first + m), self.outer_scale(first + m), out);
            }
        }
    }

    /// `n` rows from `first` as codes and scales; `None` if the format is not ternary.
    pub fn ternary(&self, first: usize, n: usize) -> Option<TernaryRows> {
        self.format.ternary_code_max()?;
        let span = if self.format.outer_scale() == OuterScale::None { self.format.block_len() } else { self.cols };
        let mut out = TernaryRows {
            cols: self.cols,
            span,
            codes: vec![0; n * self.cols],
            scales: Vec::with_capacity(n * (self.cols / span.max(1))),
        };
        let mut scales = vec![0.0; self.cols.div_ceil(GROUP)];
        for (m, codes) in out.codes.chunks_exact_mut(self.cols.max(1)).enumerate() {
            self.format.expand_i8(self.row(first + m), self.cols, 0, codes, &mut scales, &mut []);
            if span == self.cols && self.format.outer_scale() != OuterScale::None {
                out.scales.push(self.outer_scale(first + m));
            } else {
                out.scales.extend(scales.iter().step_by(span / GROUP));
            }
        }
        Some(out)
    }

    /// The scale of each of `rows`, if the weights are ternary and each row has but one: where scales lie in blocks,
    /// all blocks that hold more than zeros must have the same. So what it says depends on the weights, not on the
    /// container.
    pub fn row_scales(&self, rows: Range<usize>) -> Option<Vec<f32>> {
        self.format.ternary_code_max()?;
        rows.into_iter()
            .map(|m| match self.format.block_scale() {
                None => Some(self.outer_scale(m)),
                Some((at, scale)) => self.common_scale(self.row(m), at, scale),
            })
            .collect()
    }

    /// The scale that all blocks of `row` have, blocks of zeros apart.
    fn common_scale(&self, row: &[u8], at: usize, scale: ScaleType) -> Option<f32> {
        let block_bytes = self.format.block_bytes()?;
        let bits = |block: &[u8]| match scale {
            ScaleType::F16 => u32::from(u16::from_le_bytes([block[at], block[at + 1]])),
            ScaleType::F32 => u32::from_le_bytes([block[at], block[at + 1], block[at + 2], block[at + 3]]),
        };
        let first = row.get(..block_bytes)?;
        if row.chunks_exact(block_bytes).all(|block| bits(block) == bits(first)) {
            return Some(scale.read(&first[at..]));
        }
        let mut common = None;
        for block in row.chunks_exact(block_bytes).filter(|block| !self.is_zero(block)) {
            if common.is_some_and(|common: &[u8]| bits(common) != bits(block)) {
                return None;
            }
            common = Some(block);
        }
        Some(scale.read(&common.unwrap_or(first)[at..]))
    }

    /// Looks at up to `n_rows` rows, spread evenly, for what no writer of the format leaves: the bytes of another
    /// container read as this one.
    pub fn check_ternary(&self, n_rows: usize) -> Result<(), NotTernary> {
        if !self.format.is_ternary() || self.rows == 0 {
            return Ok(());
        }
        let n = n_rows.clamp(1, self.rows);
        // Wider than any count of rows, so that the product cannot overflow.
        let row = |i: usize| (i as u128 * self.rows as u128 / n as u128) as usize;
        (0..n).try_for_each(|i| self.check_row(row(i)))
    }

    fn check_row(&self, m: usize) -> Result<(), NotTernary> {
        let Some(rows) = self.ternary(m, 1) else { return Ok(()) };
        let format = self.format;
        // Of these an encoder may use the fourth code and, to have it on the other side, a negative scale.
        let may_be_two = matches!(format, Format::Q2_0 | Format::PQ2_0);
        if let Some(&scale) = rows.scales.iter().find(|scale| !scale.is_finite() || **scale < 0.0 && !may_be_two) {
            return Err(NotTernary::Scale { format, row: m, scale });
        }
        if let Some(col) = rows.codes.iter().position(|&code| code > 1).filter(|_| !may_be_two) {
            return Err(NotTernary::Code { format, row: m, col });
        }
        let mut again = Vec::with_capacity(self.row_bytes);
        format.pack_row(&rows.codes, &rows.scales, &mut again);
        match again.iter().zip(self.row(m)).position(|(a, b)| a != b) {
            Some(at) => Err(NotTernary::Byte { format, row: m, at, byte: self.row(m)[at] }),
            None => Ok(()),
        }
    }

    /// Does a block hold zeros only?
    fn is_zero(&self, block: &[u8]) -> bool {
        let (mut codes, mut scales) = ([0; LINE], [0.0; LINE / GROUP]);
        let n = self.format.block_len();
        self.format.expand_i8(block, n, 0, &mut codes[..n], &mut scales[..n / GROUP], &mut []);
        codes[..n].iter().all(|&code| code == 0)
    }
}
