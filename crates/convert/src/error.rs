//! Why a model was not converted: names file, tensor or key, expected and got.

use crate::Loss;

/// A refused or failed conversion.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The system says no.
    #[error("{file}: {source}")]
    Io {
        /// Path.
        file: String,
        /// Its reason.
        source: std::io::Error,
    },
    /// A GGUF file that is not what it says.
    #[error(transparent)]
    Container(#[from] gguf::Error),
    /// A file of another kind that is not what it says.
    #[error("{file}: {what}")]
    Invalid {
        /// Path.
        file: String,
        /// Field, expected, got.
        what: String,
    },
    /// A tensor that is missing, has another shape or cannot be stored as asked.
    #[error("{file}: tensor {tensor}: {what}")]
    Tensor {
        /// Path.
        file: String,
        /// Tensor.
        tensor: String,
        /// Expected and got.
        what: String,
    },
    /// The destination cannot be written to without harm.
    #[error("{file}: {what}")]
    Destination {
        /// Path.
        file: String,
        /// What is in the way.
        what: String,
    },
    /// Weights would change, and that was not allowed.
    #[error("{file}: tensor {tensor}: {format} cannot hold it exactly ({why}): {loss}")]
    Lossy {
        /// Path of the source.
        file: String,
        /// Tensor.
        tensor: String,
        /// Format asked for.
        format: String,
        /// The first thing that it cannot hold.
        why: String,
        /// How far the weights would be off.
        loss: Box<Loss>,
    },
    /// A ternary type was asked for, but no matrix holds ternary weights.
    #[error("{file}: no matrix is ternary, so none can become {target}")]
    NotTernary {
        /// Path of the source.
        file: String,
        /// Type asked for.
        target: String,
    },
    /// What was written is not what was read back.
    #[error("{file}: read back, it differs: {what}")]
    Unproved {
        /// Path of the destination.
        file: String,
        /// First difference.
        what: String,
    },
    /// An option that names no type or tensor, or does not fit the model.
    #[error("{0}")]
    Option(String),
    /// The caller's progress function said to stop.
    #[error("stopped")]
    Cancelled,
}
