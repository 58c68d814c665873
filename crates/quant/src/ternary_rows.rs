//! [`TernaryRows`]: ternary weights apart from any container, which every ternary container can be read into and
//! written from.

/// Fewest neighbours under one scale in any ternary container.
const SPAN_MIN: usize = 32;

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
    /// Floats that are ternary as they stand: one magnitude beside zero in each row, or else in every 32 neighbours;
    /// `None` if they are not.
    pub fn from_values(values: &[f32], cols: usize) -> Option<Self> {
        let of = |span: usize| {
            let mut out = Self { cols, span, codes: Vec::with_capacity(values.len()), scales: Vec::new() };
            for x in values.chunks(span) {
                let scale = x.iter().fold(0.0f32, |max, x| max.max(x.abs()));
                if !scale.is_finite() || x.iter().any(|x| x.is_nan() || *x != 0.0 && x.abs() != scale) {
                    return None;
                }
                out.scales.push(scale);
                out.codes.extend(x.iter().map(|&x| if x == 0.0 { 0 } else { x.signum() as i8 }));
            }
            Some(out)
        };
        if cols == 0 {
            return None;
        }
        of(cols).or_else(|| if cols.is_multiple_of(SPAN_MIN) { of(SPAN_MIN) } else { None })
    }

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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn floats_that_are_ternary() {
        let mut values = vec![0.5; 64];
        values[3] = -0.5;
        values[40] = 0.0;
        let rows = TernaryRows::from_values(&values, 64).unwrap();
        assert_eq!((rows.span, rows.scales.as_slice(), rows.values()), (64, &[0.5][..], values.clone()));
        values[32..].fill(-0.25);
        let rows = TernaryRows::from_values(&values, 64).unwrap();
        assert_eq!((rows.span, rows.scales.as_slice(), rows.values()), (32, &[0.5, 0.25][..], values.clone()));
        assert_eq!(TernaryRows::from_values(&values, 32).unwrap().span, 32);
        values[1] = 0.25;
        assert_eq!(TernaryRows::from_values(&values, 64), None);
        values[1] = f32::NAN;
        assert_eq!(TernaryRows::from_values(&values, 64), None);
    }
}
