//! [`TernaryEncoder`]: ternary weights into any ternary container, exactly or not at all.

use crate::{Format, OuterScale, TernaryRows, format::TAIL_ALIGNMENT};

/// Why a container cannot hold ternary weights as they are.
#[derive(Clone, PartialEq, Debug, thiserror::Error)]
#[non_exhaustive]
#[allow(missing_docs, reason = "the messages say what the fields are")]
pub enum TernaryError {
    /// The format is no ternary container.
    #[error("{} is no ternary format", .0.name())]
    NotTernary(Format),
    /// Rows are no whole blocks.
    #[error("rows of {cols} weights, but {} needs a multiple of {block_len}", .format.name())]
    RowLength { format: Format, cols: usize, block_len: usize },
    /// The container has no bits for a code.
    #[error("row {row}, column {col} is {code} times its scale, but {} holds -1 to {code_max}", .format.name())]
    Code {
        format: Format,
        row: usize,
        col: usize,
        code: i8,
        /// The largest that there is room for.
        code_max: i8,
    },
    /// The container would round a scale.
    #[error("the scale of row {row} is {scale}, but {} would store {stored}", .format.name())]
    Scale {
        format: Format,
        row: usize,
        scale: f32,
        /// What would be left of it.
        stored: f32,
    },
    /// Weights of different scale would have to share one.
    #[error("row {row}, column {col} has scale {scale}, but {} has one for each {span}, here {common}", .format.name())]
    Mixed {
        format: Format,
        row: usize,
        col: usize,
        scale: f32,
        /// The scale of those before it.
        common: f32,
        /// What shares a scale: `row`, `tensor`, `256 weights`.
        span: String,
    },
}

/// Writes a tensor row by row.
pub struct TernaryEncoder {
    format: Format,
    n_rows: usize,
    cols: usize,
    n_done: usize,
    /// Scales of all rows so far.
    scales: Vec<f32>,
    /// Scale of the tensor, once some row is not all zeros.
    common: Option<f32>,
}

impl TernaryEncoder {
    /// An encoder for a tensor of `n_rows` rows of `cols` weights.
    pub fn new(format: Format, n_rows: usize, cols: usize) -> Result<Self, TernaryError> {
        if !format.is_ternary() {
            return Err(TernaryError::NotTernary(format));
        }
        if cols == 0 || format.tensor_bytes(n_rows, cols).is_none() {
            return Err(TernaryError::RowLength { format, cols, block_len: format.block_len() });
        }
        Ok(Self { format, n_rows, cols, n_done: 0, scales: Vec::new(), common: None })
    }

    /// Says whether the next rows could be written, without writing them.
    ///
    /// # Panics
    /// As [`rows`](Self::rows).
    pub fn check(&mut self, rows: &TernaryRows) -> Result<(), TernaryError> {
        self.next(rows, None)
    }

    /// Appends the bytes of the next rows.
    ///
    /// # Panics
    /// If `rows` have another length, or there are more than the tensor has.
    pub fn rows(&mut self, rows: &TernaryRows, out: &mut Vec<u8>) -> Result<(), TernaryError> {
        self.next(rows, Some(out))
    }

    fn next(&mut self, rows: &TernaryRows, mut out: Option<&mut Vec<u8>>) -> Result<(), TernaryError> {
        let (format, cols) = (self.format, self.cols);
        assert_eq!(rows.cols, cols, "columns");
        assert!(self.n_done + rows.n_rows() <= self.n_rows, "{} rows of {}", self.n_done + rows.n_rows(), self.n_rows);
        let code_max = format.ternary_code_max().unwrap_or(1);
        let span = if format.outer_scale() == OuterScale::None { format.block_len() } else { cols };
        let n_spans = cols / rows.span.max(1);
        for (codes, scales) in rows.codes.chunks_exact(cols).zip(rows.scales.chunks_exact(n_spans.max(1))) {
            let row = self.n_done;
            if let Some(col) = codes.iter().position(|code| !(-1..=code_max).contains(code)) {
                return Err(TernaryError::Code { format, row, col, code: codes[col], code_max });
            }
            let mut own = Vec::with_capacity(cols / span);
            for first in (0..cols).step_by(span) {
                own.push(self.common_scale(codes, scales, rows.span, first..first + span)?);
            }
            match format.outer_scale() {
                OuterScale::RowHeader(scale) => {
                    if let Some(out) = &mut out {
                        own.iter().for_each(|&own| scale.write(own, out));
                    }
                }
                OuterScale::RowTail(_) => self.scales.extend(&own),
                OuterScale::Tensor { .. } => self.of_tensor(codes, own[0])?,
                OuterScale::None => {}
            }
            if let Some(out) = &mut out {
                format.pack_row(codes, &own, out);
            }
            self.n_done += 1;
        }
        Ok(())
    }

    /// The one scale of columns `span`, blocks of zeros apart, as it can be stored.
    fn common_scale(
        &self,
        codes: &[i8],
        scales: &[f32],
        source_span: usize,
        span: std::ops::Range<usize>,
    ) -> Result<f32, TernaryError> {
        let (format, row) = (self.format, self.n_done);
        let mut common: Option<f32> = None;
        let mut at = span.start;
        while at < span.end {
            let end = (at / source_span + 1) * source_span;
            let part = at..end.min(span.end);
            let scale = scales[at / source_span];
            if codes[part].iter().any(|&code| code != 0) {
                let common = *common.get_or_insert(scale);
                if common.to_bits() != scale.to_bits() {
                    let what =
                        if span.len() == self.cols { "row".to_owned() } else { format!("{} weights", span.len()) };
                    return Err(TernaryError::Mixed { format, row, col: at, scale, common, span: what });
                }
            }
            at = end;
        }
        let scale = common.unwrap_or(scales[span.start / source_span]);
        let stored = self.format.scale_type().map_or(scale, |of| of.stored(scale));
        if stored.to_bits() != scale.to_bits() {
            return Err(TernaryError::Scale { format, row, scale, stored });
        }
        Ok(scale)
    }

    /// A row's scale must be the tensor's, unless the row is all zeros.
    fn of_tensor(&mut self, codes: &[i8], scale: f32) -> Result<(), TernaryError> {
        let is_zero = codes.iter().all(|&code| code == 0);
        match self.common {
            Some(common) if !is_zero && common.to_bits() != scale.to_bits() => Err(TernaryError::Mixed {
                format: self.format,
                row: self.n_done,
                col: 0,
                scale,
                common,
                span: "tensor".to_owned(),
            }),
            None if !is_zero => {
                self.common = Some(scale);
                Ok(())
            }
            _ => {
                // If all rows are zeros, the first one's will do.
                if self.scales.is_empty() {
                    self.scales.push(scale);
                }
                Ok(())
            }
        }
    }

    /// Appends what stands behind the rows.
    ///
    /// # Panics
    /// If rows are missing.
    pub fn finish(self, out: &mut Vec<u8>) {
        assert_eq!(self.n_done, self.n_rows, "rows written, rows of the tensor");
        let n_bytes = self.format.row_bytes(self.cols).unwrap_or(0) * self.n_rows;
        let padding = n_bytes.next_multiple_of(TAIL_ALIGNMENT) - n_bytes;
        match self.format.outer_scale() {
            OuterScale::None | OuterScale::RowHeader(_) => {}
            OuterScale::Tensor { scale, tail } => {
                let common = self.common.or(self.scales.first().copied()).unwrap_or(1.0);
                out.resize(out.len() + padding, 0);
                scale.write(common, out);
                out.resize(out.len() + tail - scale.bytes(), 0);
            }
            OuterScale::RowTail(scale) => {
                out.resize(out.len() + padding, 0);
                self.scales.iter().for_each(|&own| scale.write(own, out));
            }
        }
    }
}
