//! Two tensors of one name, as exact values, some rows at a time.

use gguf::{Container, TensorInfo};
use quant::StoredMatrix;
use serde::Serialize;

/// Number of weights decoded at a time; at least one row is.
const CHUNK: usize = 1 << 16;

/// The comparison of the tensor `name`: how the first and the second file store it, and the `outcome`.
#[allow(missing_docs, reason = "the comment says what each field is")]
#[derive(Clone, PartialEq, Serialize, Debug)]
pub struct TensorComparison {
    pub name: String,
    pub first: Option<Stored>,
    pub second: Option<Stored>,
    #[serde(flatten)]
    pub outcome: Outcome,
}

/// A stored tensor: ggml's name of its type, and its dimensions in GGUF's order.
#[allow(missing_docs, reason = "the comment says what each field is")]
#[derive(Clone, PartialEq, Serialize, Debug)]
pub struct Stored {
    pub type_name: &'static str,
    pub shape: Vec<u64>,
}

/// Outcome of the comparison of one tensor.
#[derive(Clone, Copy, PartialEq, Serialize, Debug)]
#[serde(tag = "outcome", rename_all = "snake_case")]
pub enum Outcome {
    /// Type and bytes are equal.
    SameBytes,
    /// Every value is equal, in another type.
    SameValues,
    /// Some values differ, by this distance.
    Differs(Distance),
    /// The second file lacks the tensor.
    OnlyInFirst,
    /// The first file lacks the tensor.
    OnlyInSecond,
    /// The dimensions differ.
    OtherShape,
    /// Bytes differ, and what they mean is not known.
    Undecodable,
}

/// Distance of two tensors of one shape.
#[derive(Clone, Copy, PartialEq, Serialize, Debug)]
pub struct Distance {
    /// Largest difference of two values; infinite where one is no number and the other is.
    pub max_abs_error: f64,
    /// `√(Σ (a − b)² / Σ a²)`, `a` of the first file.
    pub relative_rmse: f64,
    /// Cosine of the tensors as vectors, `Σ a b / √(Σ a² Σ b²)`.
    pub cosine: f64,
}

/// Sums over pairs of values, from which a distance follows.
#[derive(Default)]
struct Sums {
    max: f64,
    squared_error: f64,
    aa: f64,
    bb: f64,
    ab: f64,
    is_different: bool,
}

impl Sums {
    fn add(&mut self, a: &[f32], b: &[f32]) {
        for (&a, &b) in a.iter().zip(b) {
            if a != b && !(a.is_nan() && b.is_nan()) {
                self.is_different = true;
                let error = f64::from(a) - f64::from(b);
                self.max = self.max.max(if error.is_nan() { f64::INFINITY } else { error.abs() });
                self.squared_error += error * error;
            }
            self.aa += f64::from(a) * f64::from(a);
            self.bb += f64::from(b) * f64::from(b);
            self.ab += f64::from(a) * f64::from(b);
        }
    }

    fn outcome(&self) -> Outcome {
        if !self.is_different {
            return Outcome::SameValues;
        }
        let (relative_rmse, cosine) =
            ((self.squared_error / self.aa).sqrt(), self.ab / (self.aa.sqrt() * self.bb.sqrt()));
        // Not numbers, or all zeros on one side: nothing in common.
        let or = |x: f64, otherwise: f64| if x.is_nan() { otherwise } else { x };
        Outcome::Differs(Distance {
            max_abs_error: self.max,
            relative_rmse: or(relative_rmse, f64::INFINITY),
            cosine: or(cosine, 0.0),
        })
    }
}

fn stored(tensor: &TensorInfo) -> Stored {
    Stored { type_name: tensor.type_name(), shape: tensor.dims.clone() }
}

/// Compares `tensor` of the first file with its counterpart in the second.
pub(super) fn compare(first: &Container, tensor: &TensorInfo, second: &Container) -> TensorComparison {
    let other = second.tensor(&tensor.name);
    let outcome = match other {
        None => Outcome::OnlyInFirst,
        Some(other) if other.dims != tensor.dims => Outcome::OtherShape,
        Some(other) if other.layout == tensor.layout && *first.bytes(tensor) == *second.bytes(other) => {
            Outcome::SameBytes
        }
        Some(other) => {
            let (a, b) = (first.bytes(tensor), second.bytes(other));
            match (model::stored_matrix(first, tensor, &a), model::stored_matrix(second, other, &b)) {
                (Ok(a), Ok(b)) => values(&a, &b),
                _ => Outcome::Undecodable,
            }
        }
    };
    TensorComparison { name: tensor.name.clone(), first: Some(stored(tensor)), second: other.map(stored), outcome }
}

/// Makes the outcome of a tensor that only the second file has.
pub(super) fn only_in_second(tensor: &TensorInfo) -> TensorComparison {
    let (first, second) = (None, Some(stored(tensor)));
    TensorComparison { name: tensor.name.clone(), first, second, outcome: Outcome::OnlyInSecond }
}

/// Compares the values of two matrices of one shape.
fn values(a: &StoredMatrix<'_>, b: &StoredMatrix<'_>) -> Outcome {
    let cols = a.cols().max(1);
    let rows_at_once = (CHUNK / cols).max(1);
    let mut buffers = [vec![0.0; rows_at_once * cols], vec![0.0; rows_at_once * cols]];
    let [of_a, of_b] = &mut buffers;
    let mut sums = Sums::default();
    for row in (0..a.n_rows()).step_by(rows_at_once) {
        let n = rows_at_once.min(a.n_rows() - row) * cols;
        a.decode(row, &mut of_a[..n]);
        b.decode(row, &mut of_b[..n]);
        sums.add(&of_a[..n], &of_b[..n]);
    }
    sums.outcome()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(a: &[f32], b: &[f32], expected: Outcome) {
        let mut sums = Sums::default();
        sums.add(a, b);
        assert_eq!(sums.outcome(), expected, "{a:?} {b:?}");
    }

    #[test]
    fn distances_are_their_definitions() {
        check(&[1.0, f32::NAN, 0.0], &[1.0, f32::NAN, -0.0], Outcome::SameValues);
        let distance = Distance { max_abs_error: 1.0, relative_rmse: 0.2, cosine: 24.0 / 25.0 };
        check(
            &[3.0, 4.0],
            &[4.0, 3.0],
            Outcome::Differs(Distance { relative_rmse: (2.0f64 / 25.0).sqrt(), ..distance }),
        );
        let nothing = Distance { max_abs_error: 2.0, relative_rmse: f64::INFINITY, cosine: 0.0 };
        check(&[0.0], &[2.0], Outcome::Differs(nothing));
        check(&[1.0], &[f32::NAN], Outcome::Differs(Distance { max_abs_error: f64::INFINITY, ..nothing }));
    }
}
