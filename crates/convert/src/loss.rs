//! [`Loss`]: how far weights are from what they were.

use std::fmt;

/// Distance of weights from what they were: how many were compared and how many have another value, the largest
/// absolute difference, the sum of squared differences (`error_energy`) and the sum of squares before (`energy`).
#[allow(missing_docs, reason = "the comment says what each field is")]
#[derive(Clone, Copy, PartialEq, Debug, Default)]
pub struct Loss {
    pub n_weights: u64,
    pub n_changed: u64,
    pub error_max: f32,
    pub error_energy: f64,
    pub energy: f64,
}

impl Loss {
    /// Compares `after` with `before`; zeros of either sign are one value.
    pub fn between(before: &[f32], after: &[f32]) -> Self {
        let mut loss = Self { n_weights: before.len() as u64, ..Self::default() };
        for (&before, &after) in before.iter().zip(after) {
            loss.energy += f64::from(before).powi(2);
            if before != after && before.to_bits() != after.to_bits() {
                let error = (f64::from(before) - f64::from(after)).abs();
                loss.n_changed += 1;
                // A NaN on either side is the largest error there is.
                loss.error_max = if error.is_nan() { f32::INFINITY } else { loss.error_max.max(error as f32) };
                loss.error_energy += if error.is_nan() { f64::INFINITY } else { error.powi(2) };
            }
        }
        loss
    }

    /// Adds up the losses of two sets of weights.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        Self {
            n_weights: self.n_weights + other.n_weights,
            n_changed: self.n_changed + other.n_changed,
            error_max: self.error_max.max(other.error_max),
            error_energy: self.error_energy + other.error_energy,
            energy: self.energy + other.energy,
        }
    }

    /// Whether no weight changed.
    pub fn is_exact(&self) -> bool {
        self.n_changed == 0
    }

    /// Relative error: the root of the squared differences over the squared weights.
    pub fn relative_rmse(&self) -> f64 {
        if self.error_energy == 0.0 { 0.0 } else { (self.error_energy / self.energy).sqrt() }
    }
}

impl fmt::Display for Loss {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_exact() {
            return write!(f, "{} weights, all exact", self.n_weights);
        }
        write!(
            f,
            "{} of {} weights change, by at most {:.3e}; relative RMSE {:.4}",
            self.n_changed,
            self.n_weights,
            self.error_max,
            self.relative_rmse()
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_other_values_count() {
        let loss = Loss::between(&[0.0, 3.0, -4.0], &[-0.0, 3.0, -4.0]);
        assert!(loss.is_exact() && loss.relative_rmse() == 0.0, "{loss:?}");
        let loss = Loss::between(&[0.0, 3.0, -4.0], &[0.0, 3.0, -3.5]);
        assert_eq!((loss.n_changed, loss.error_max, loss.relative_rmse()), (1, 0.5, 0.1));
        let both = loss.and(Loss::between(&[1.0], &[f32::NAN]));
        assert_eq!((both.n_weights, both.n_changed, both.error_max), (4, 2, f32::INFINITY));
    }
}
