//! [`Mean`]: the mean of hidden states, in an order that chunks do not change.

/// Sums rows in f64, one after the other.
pub(crate) struct Mean {
    sum: Vec<f64>,
    n: usize,
}

impl Mean {
    /// Of rows of `width`.
    pub(crate) fn new(width: usize) -> Self {
        Self { sum: vec![0.0; width], n: 0 }
    }

    /// One more row `[width]`.
    pub(crate) fn add(&mut self, row: &[f32]) {
        self.n += 1;
        self.sum.iter_mut().zip(row).for_each(|(sum, x)| *sum += f64::from(*x));
    }

    /// The mean; zero of no rows.
    pub(crate) fn into_vec(self) -> Vec<f32> {
        let n = self.n.max(1) as f64;
        self.sum.into_iter().map(|sum| (sum / n) as f32).collect()
    }
}
