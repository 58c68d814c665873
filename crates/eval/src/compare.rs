//! Are two files the same model? Metadata, weights tensor by tensor as exact values, and, if asked, logits.

mod logits;
mod metadata;
mod tensors;

use std::{fmt, ops::ControlFlow};

use gguf::Container;
use serde::Serialize;

pub use crate::windows::Options;
pub use logits::{LogitsComparison, logits};
pub use metadata::KeyDifference;
pub use tensors::{Distance, Outcome, Stored, TensorComparison};

use crate::Error;

/// Least cosine of two tensors of which one may be a quantised copy of the other: the signs of normal weights alone
/// keep `√(2 / π) = 0.80`, and tensors that have nothing to do with each other are near 0.
pub const CLOSE_COSINE_MIN: f64 = 0.75;

/// The differences between two files.
#[derive(Clone, PartialEq, Serialize, Debug)]
pub struct Comparison {
    /// Verdict in a line.
    pub verdict: Verdict,
    /// Keys that differ; layout and file type are not looked at.
    pub metadata: Vec<KeyDifference>,
    /// All tensors, those of the first file in its order, then those that only the second has.
    pub tensors: Vec<TensorComparison>,
}

/// Verdict of a comparison: whether two files are the same model.
#[allow(missing_docs, reason = "the comment of a variant says what its fields are")]
#[derive(Clone, PartialEq, Serialize, Debug)]
#[serde(tag = "answer", rename_all = "snake_case")]
pub enum Verdict {
    /// Every tensor has the same type and the same bytes.
    Identical,
    /// Every weight has the same value, in another type.
    SameValues,
    /// Every tensor is near its counterpart: a copy with less precision, or slightly changed. `tensor` is the one that
    /// is furthest off, by `distance`.
    Close { tensor: String, distance: Distance },
    /// The files are not the same model; `reason` is the first difference that says so.
    Different { reason: String },
}

impl Verdict {
    /// Whether both models compute the same.
    pub fn is_same(&self) -> bool {
        matches!(self, Self::Identical | Self::SameValues)
    }

    fn of(metadata: &[KeyDifference], tensors: &[TensorComparison]) -> Self {
        let different = |reason: String| Self::Different { reason };
        let mut furthest: Option<(&TensorComparison, Distance)> = None;
        for tensor in tensors {
            let name = tensor.name.escape_debug();
            match tensor.outcome {
                Outcome::SameBytes | Outcome::SameValues => {}
                Outcome::OnlyInFirst => return different(format!("only the first has {name}")),
                Outcome::OnlyInSecond => return different(format!("only the second has {name}")),
                Outcome::OtherShape => return different(format!("{name} has another shape")),
                Outcome::Undecodable => return different(format!("{name} cannot be decoded and has other bytes")),
                Outcome::Differs(distance) if distance.cosine < CLOSE_COSINE_MIN => {
                    return different(format!("{name} has cosine {:.4}", distance.cosine));
                }
                Outcome::Differs(distance) => {
                    if furthest.is_none_or(|(_, most)| distance.relative_rmse > most.relative_rmse) {
                        furthest = Some((tensor, distance));
                    }
                }
            }
        }
        if let Some(KeyDifference { key, first, second, .. }) = metadata.iter().find(|difference| difference.matters) {
            let text = |value: &Option<String>| value.clone().unwrap_or_else(|| "absent".to_owned());
            return different(format!("{} is {} and {}", key.escape_debug(), text(first), text(second)));
        }
        match furthest {
            Some((tensor, distance)) => Self::Close { tensor: tensor.name.clone(), distance },
            None if tensors.iter().all(|tensor| tensor.outcome == Outcome::SameBytes) => Self::Identical,
            None => Self::SameValues,
        }
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Identical => f.write_str("identical weights"),
            Self::SameValues => f.write_str("same weights in other formats (exact)"),
            Self::Close { tensor, distance } => write!(
                f,
                "close: {} is furthest off, relative RMSE {:.3e}, cosine {:.6}",
                tensor.escape_debug(),
                distance.relative_rmse,
                distance.cosine
            ),
            Self::Different { reason } => write!(f, "different: {reason}"),
        }
    }
}

/// Compares metadata and all weights, some rows at a time. `progress` is told bytes of the first file done.
pub fn files(
    first: &Container,
    second: &Container,
    progress: &mut dyn FnMut(u64) -> ControlFlow<()>,
) -> Result<Comparison, Error> {
    let metadata = metadata::differences(first.metadata(), second.metadata());
    let mut tensors = Vec::with_capacity(first.tensors().len());
    let mut n_done = 0;
    for tensor in first.tensors() {
        tensors.push(tensors::compare(first, tensor, second));
        n_done += tensor.n_bytes;
        if progress(n_done).is_break() {
            return Err(Error::Cancelled);
        }
    }
    let only_in_second = second.tensors().iter().filter(|tensor| first.tensor(&tensor.name).is_none());
    tensors.extend(only_in_second.map(tensors::only_in_second));
    Ok(Comparison { verdict: Verdict::of(&metadata, &tensors), metadata, tensors })
}
