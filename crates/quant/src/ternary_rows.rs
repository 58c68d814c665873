//! [`TernaryRows`]: ternary weights apart from any container, which every ternary container can be read into and written from.

/// Rows of ternary weights: weight `i` of row `r` is `codes[r · cols + i] · scales[r · (cols / span) + i / span]`.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct TernaryRows {
    /// Weights in a row.
    pub cols: usize,
    /// Weights of a row under one scale; divides `cols`.
    pub span: usize,
    /// -1, 0, 1; 2 as well where a 2-bit container uses its fourth code.
    pub codes: Vec<i8>,
    /// `[rows, cols / span]`
    pub scales: Vec<f32>,
}

impl TernaryRows {
    /// Number of rows.
    pub fn n_rows(&self) -> usize {
        self.codes.len().checked_div(self.cols).unwrap_or(0)
    }

    /// Exact values, row by row.
    pub fn values(&self) -> Vec<f32> {
        let spans = self.codes.chunks(self.span.max(1)).zip(&self.scales);
        spans.flat_map(|(codes, scale)| codes.iter().map(move |&code| f32::from(code) * scale)).collect()
    }
}
