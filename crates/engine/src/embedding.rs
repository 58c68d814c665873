//! [`Pool`]: hidden states of a text put together as its embedding, the same however the text was cut into chunks.

use model::Pooling;

/// A pool that takes the rows of a text one after the other.
pub(crate) struct Pool {
    pooling: Pooling,
    width: usize,
    /// Number of rows taken.
    n: usize,
    /// Sums of the elements, for the mean.
    sum: Vec<f64>,
    /// Rows that are kept, for the other ways of pooling.
    rows: Vec<f32>,
}

impl Pool {
    /// Makes a pool of rows of `width`.
    pub(crate) fn new(pooling: Pooling, width: usize) -> Self {
        Self { pooling, width, n: 0, sum: Vec::new(), rows: Vec::new() }
    }

    /// Takes the row `[width]` of a position. One that was taken before, by a sequence that had to begin anew, is
    /// passed over.
    pub(crate) fn add(&mut self, position: usize, row: &[f32]) {
        if position != self.n {
            return;
        }
        self.n += 1;
        match self.pooling {
            Pooling::Mean => {
                self.sum.resize(self.width, 0.0);
                self.sum.iter_mut().zip(row).for_each(|(sum, x)| *sum += f64::from(*x));
            }
            Pooling::First if position > 0 => {}
            Pooling::None | Pooling::First => self.rows.extend_from_slice(row),
            Pooling::Last | Pooling::Rank => {
                self.rows.clear();
                self.rows.extend_from_slice(row);
            }
        }
    }

    /// Returns one row `[width]`, or without pooling one for each position, one after the other.
    pub(crate) fn into_vec(self) -> Vec<f32> {
        let n = self.n.max(1) as f64;
        match self.pooling {
            Pooling::Mean => self.sum.into_iter().map(|sum| (sum / n) as f32).collect(),
            _ => self.rows,
        }
    }
}
