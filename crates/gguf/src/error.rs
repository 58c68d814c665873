//! Why a file was refused: one line that names file, field, expected and got.

use std::io;

/// A refused container.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The operating system said no.
    #[error("{file}: {source}")]
    Io {
        /// Path.
        file: String,
        /// Its reason.
        source: io::Error,
    },
    /// A directory, FIFO, device or socket.
    #[error("{file}: not a regular file but {what}")]
    NotAFile {
        /// Path.
        file: String,
        /// What it is.
        what: &'static str,
    },
    /// The bytes contradict the format or themselves.
    #[error("{file}: {what}")]
    Invalid {
        /// Path or name.
        file: String,
        /// Field, expected, got.
        what: String,
    },
    /// The parts of a split model do not fit together.
    #[error("{file}: {what}")]
    Split {
        /// The part.
        file: String,
        /// What is missing or differs.
        what: String,
    },
    /// A key has another type than its reader needs.
    #[error("metadata {key}: {got}, expected {expected}")]
    Metadata {
        /// Key.
        key: String,
        /// Type needed.
        expected: &'static str,
        /// Type or value found.
        got: String,
    },
}
