//! Encoding: what a caller may give, checked; then block by block to [`Block::ENCODE`].

use crate::{Format, block::Block};

/// Weights in the largest block.
const BLOCK_LEN_MAX: usize = 256;

/// The least importance of a weight, as a part of its block's mean: below, it would not matter at all what becomes of
/// the weight.
const IMPORTANCE_MIN: f32 = 1e-4;

/// Why values cannot be encoded.
#[derive(Clone, PartialEq, Debug, thiserror::Error)]
#[non_exhaustive]
#[allow(missing_docs, reason = "the messages say what the fields are")]
pub enum EncodeError {
    /// The format holds ternary weights only, which [`TernaryEncoder`](crate::TernaryEncoder) writes.
    #[error("format {} holds ternary weights only", .0.name())]
    TernaryOnly(Format),
    /// A weight is NaN or infinite.
    #[error("weight {index} is {value}")]
    NotFinite {
        /// Place of the weight in the values.
        index: usize,
        value: f32,
    },
    /// A weight is beyond the range of the format.
    #[error("weight {index} is {value}, but {} holds at most {limit}", .format.name())]
    TooLarge {
        /// Place of the weight in the values.
        index: usize,
        value: f32,
        /// Largest magnitude that every weight of a block may have.
        limit: f32,
        format: Format,
    },
    /// The importance of a column is negative, NaN or infinite.
    #[error("importance of column {index} is {value}, but needs to be finite and not negative")]
    Importance { index: usize, value: f32 },
}

/// Refuses values that `format` cannot hold.
fn check_values(format: Format, values: &[f32], limit: f32) -> Result<(), EncodeError> {
    let Some((index, &value)) = values.iter().enumerate().find(|(_, v)| !v.is_finite() || v.abs() > limit) else {
        return Ok(());
    };
    Err(if value.is_finite() {
        EncodeError::TooLarge { index, value, limit, format }
    } else {
        EncodeError::NotFinite { index, value }
    })
}

/// Writes plain numbers by `encode`, after a check that none is beyond `limit`.
pub(crate) fn floats(
    format: Format,
    values: &[f32],
    limit: f32,
    out: &mut [u8],
    write: fn(&[f32], &mut [u8]),
) -> Result<(), EncodeError> {
    check_values(format, values, limit)?;
    write(values, out);
    Ok(())
}

/// Whole blocks; see [`Format::encode`].
pub(crate) fn blocks<B: Block>(
    format: Format,
    values: &[f32],
    importance: Option<&[f32]>,
    out: &mut [u8],
) -> Result<(), EncodeError> {
    let Some(encode) = B::ENCODE else { return Err(EncodeError::TernaryOnly(format)) };
    let out: &mut [B::Bytes] = bytemuck::cast_slice_mut(out);
    assert_eq!(out.len() * B::LEN, values.len(), "{} blocks of {} weights", out.len(), B::LEN);
    check_values(format, values, B::LARGEST)?;
    let mut weights = [1.0; BLOCK_LEN_MAX];
    let weights = &mut weights[..B::LEN];
    let blocks = values.chunks_exact(B::LEN).zip(out);
    let Some(importance) = importance else {
        blocks.for_each(|(x, bytes)| encode(x, weights, bytes));
        return Ok(());
    };
    assert!(
        importance.len().is_multiple_of(B::LEN) && values.len().is_multiple_of(importance.len().max(1)),
        "importance of {} columns for {} values in blocks of {}",
        importance.len(),
        values.len(),
        B::LEN
    );
    if let Some((index, &value)) = importance.iter().enumerate().find(|(_, v)| !(v.is_finite() && **v >= 0.0)) {
        return Err(EncodeError::Importance { index, value });
    }
    for ((x, bytes), importance) in blocks.zip(importance.chunks_exact(B::LEN).cycle()) {
        relative(importance, weights);
        encode(x, weights, bytes);
    }
    Ok(())
}

/// Importance over its mean, none too small; all ones if all are zero.
fn relative(importance: &[f32], weights: &mut [f32]) {
    let mean = importance.iter().map(|&w| f64::from(w)).sum::<f64>() / importance.len() as f64;
    for (weight, &w) in weights.iter_mut().zip(importance) {
        *weight = if mean > 0.0 { ((f64::from(w) / mean) as f32).max(IMPORTANCE_MIN) } else { 1.0 };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(importance: [f32; 4], expected: [f32; 4]) {
        let mut weights = [0.0; 4];
        relative(&importance, &mut weights);
        assert_eq!(weights, expected);
    }

    #[test]
    fn importance_is_relative_and_positive() {
        check([1.0, 3.0, 2.0, 2.0], [0.5, 1.5, 1.0, 1.0]);
        check([0.0; 4], [1.0; 4]);
        check([0.0, f32::MAX, 0.0, f32::MAX], [1e-4, 2.0, 1e-4, 2.0]);
        check([0.0, 1e-45, 0.0, 1e-45], [1e-4, 2.0, 1e-4, 2.0]);
    }
}
