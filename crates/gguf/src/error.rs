//! Why a file was refused: one line that names file, field, expected and got.

use std::io;

/// A refused container.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
#[allow(missing_docs, reason = "the messages say what the fields are")]
pub enum Error {
    /// The operating system said no.
    #[error("{file}: {source}")]
    Io { file: String, source: io::Error },
    /// The path names a directory, FIFO, device or socket.
    #[error("{file}: not a regular file but {what}")]
    NotAFile { file: String, what: &'static str },
    /// The bytes contradict the format or themselves.
    #[error("{file}: {what}")]
    Invalid { file: String, what: String },
    /// The parts of a split model do not fit together.
    #[error("{file}: {what}")]
    Split { file: String, what: String },
    /// A key has another type than its reader needs.
    #[error("metadata {key}: {got}, expected {expected}")]
    Metadata { key: String, expected: &'static str, got: String },
}
