//! Why a model was not converted: names file, tensor or key, expected and got.

use crate::Loss;

/// A refused or failed conversion. `file` is always a path.
#[allow(missing_docs, reason = "the comment of a variant says what its fields are")]
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The operating system refused to read or write `file`.
    #[error("{file}: {source}")]
    Io { file: String, source: std::io::Error },
    /// A GGUF file is not what it says.
    #[error(transparent)]
    Container(#[from] gguf::Error),
    /// A file of another kind than GGUF is not what it says; `what` names the field, the expected and the got value.
    #[error("{file}: {what}")]
    Invalid { file: String, what: String },
    /// `tensor` is missing, has another shape, or cannot be stored as asked; `what` says what was expected and got.
    #[error("{file}: tensor {tensor}: {what}")]
    Tensor { file: String, tensor: String, what: String },
    /// The destination exists, and replacing it was not allowed.
    #[error("{file}: exists already")]
    Exists { file: String },
    /// The destination cannot be written to without harm; `what` is in the way.
    #[error("{file}: {what}")]
    Destination { file: String, what: String },
    /// The weights of `tensor` of the source would change, and that was not allowed. `why` is the first thing that
    /// `format` cannot hold, and `loss` how far the weights would be off.
    #[error("{file}: tensor {tensor}: {format} cannot hold it exactly ({why}): {loss}")]
    Lossy { file: String, tensor: String, format: String, why: String, loss: Box<Loss> },
    /// The ternary type `target` was asked for, but no matrix of the source holds ternary weights.
    #[error("{file}: no matrix is ternary, so none can become {target}")]
    NotTernary { file: String, target: String },
    /// What was read back of the destination is not what was written; `what` is the first difference.
    #[error("{file}: read back, it differs: {what}")]
    Unproved { file: String, what: String },
    /// An option names no type or tensor, or does not fit the model.
    #[error("{0}")]
    Option(String),
    /// The caller's progress function broke the conversion off.
    #[error("stopped")]
    Cancelled,
}
