//! [`Pool`]: hidden states of a text put together as its embedding, the same however the text was cut into chunks; and
//! what is done with an embedding before it is handed out.

use model::Pooling;

/// Pooling where nobody says one: of those that give one vector, the one that uses all of a text.
pub const POOLING_DEFAULT: Pooling = Pooling::Mean;

/// Cuts an embedding to its first `n` elements, which models trained for it (Kusupati et al. 2022, arXiv 2205.13147)
/// make the most telling ones, and scales it to length 1; one of zeros stays as it is.
pub fn unit(mut embedding: Vec<f32>, n: usize) -> Vec<f32> {
    embedding.truncate(n);
    let length = embedding.iter().map(|x| f64::from(*x) * f64::from(*x)).sum::<f64>().sqrt();
    if length > 0.0 && length.is_finite() {
        embedding.iter_mut().for_each(|x| *x = (f64::from(*x) / length) as f32);
    }
    embedding
}

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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn embeddings_are_cut_and_scaled_to_length_1() {
        assert_eq!(unit(vec![30.0, 40.0, 12.0], 2), [0.6, 0.8]);
        assert_eq!(unit(vec![0.0, -5.0], usize::MAX), [0.0, -1.0]);
        assert_eq!(unit(vec![0.0; 3], 2), [0.0; 2]);
        // Squares that no f32 can hold.
        assert!((unit(vec![3e30, 4e30], 2)[0] - 0.6).abs() < 1e-6);
    }
}
