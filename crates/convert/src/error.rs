//! Why a model was not converted: names file, tensor or key, expected and got.

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
}
