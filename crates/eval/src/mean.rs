//! [`Mean`]: a mean and its standard error, from a stream of numbers.

/// Sums of a stream of numbers, from which its mean and standard error follow.
#[derive(Clone, Copy, PartialEq, Default, Debug)]
pub(crate) struct Mean {
    n: usize,
    sum: f64,
    sum_of_squares: f64,
}

impl Mean {
    /// Adds a number to the stream.
    pub(crate) fn add(&mut self, x: f64) {
        self.n += 1;
        self.sum += x;
        self.sum_of_squares += x * x;
    }

    /// Number of numbers so far.
    pub(crate) fn n(&self) -> usize {
        self.n
    }

    /// Mean of the numbers so far; NaN if there are none.
    pub(crate) fn mean(&self) -> f64 {
        self.sum / self.n as f64
    }

    /// Standard error of the mean of the numbers so far.
    pub(crate) fn error(&self) -> f64 {
        let variance = (self.sum_of_squares / self.n as f64 - self.mean() * self.mean()).max(0.0);
        (variance / (self.n.max(2) - 1) as f64).sqrt()
    }
}

#[cfg(test)]
mod tests {
    use super::Mean;

    #[test]
    fn mean_and_error_are_their_definitions() {
        let mut mean = Mean::default();
        [1.0, 2.0, 3.0, 6.0].into_iter().for_each(|x| mean.add(x));
        // Squared deviations 4 + 1 + 0 + 9; their sum over n (n - 1) is 14 / 12.
        assert_eq!((mean.n(), mean.mean()), (4, 3.0));
        assert!((mean.error() - (14.0f64 / 12.0).sqrt()).abs() < 1e-12);
    }
}
