//! Why a model cannot be found or had.

use std::{io, path::PathBuf};

/// A refused name or a failed download.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Neither a file nor a name.
    #[error("no model is called {name:?}{}", suggestion(nearest))]
    Unknown {
        /// What was asked for.
        name: String,
        /// Names that look like it.
        nearest: Vec<String>,
    },
    /// A path to nothing.
    #[error("{}: no such file", .0.display())]
    NoFile(PathBuf),
    /// Known, but not here.
    #[error("{name} is not on this machine")]
    NotInstalled {
        /// How to pull it.
        name: String,
    },
    /// A name with characters that names do not have.
    #[error("{0:?} is no model name: letters, digits and . _ : - only, / in references to files")]
    BadName(String),
    /// The network is forbidden.
    #[error("{0} would have to be downloaded, and this run is offline")]
    Offline(String),
    /// Another process is pulling the same model.
    #[error("another process is downloading {0}")]
    Busy(String),
    /// The file system said no.
    #[error("{}: {source}", path.display())]
    Io {
        /// Where.
        path: PathBuf,
        /// Its reason.
        source: io::Error,
    },
    /// What came is not what the catalogue says.
    #[error("{name}: {what} {got}, expected {expected}")]
    Mismatch {
        /// Model.
        name: String,
        /// Size or hash.
        what: &'static str,
        /// Catalogue.
        expected: String,
        /// Download.
        got: String,
    },
    /// A source failed.
    #[error("{source_name}: {what}")]
    Source {
        /// Which.
        source_name: String,
        /// Why.
        what: String,
    },
    /// All sources failed; what each said.
    #[error("{name} could not be downloaded: {}", failures.join("; "))]
    AllSources {
        /// Model.
        name: String,
        /// One line each.
        failures: Vec<String>,
    },
    /// The caller broke off.
    #[error("cancelled")]
    Cancelled,
    /// The user's own catalogue cannot be read.
    #[error("{}: {what}", path.display())]
    Catalogue {
        /// Its file.
        path: PathBuf,
        /// What is wrong with it.
        what: String,
    },
    /// No folder to keep models in.
    #[error("no home folder: set TRINITY_HOME")]
    NoHome,
}

fn suggestion(names: &[String]) -> String {
    if names.is_empty() { String::new() } else { format!("; did you mean {}?", names.join(" or ")) }
}
