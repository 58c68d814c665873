//! Why a model cannot be found or had.

use std::{io, path::PathBuf};

/// A refused name or a failed download. Each is one line; what came from outside is escaped by `{:?}` or by the
/// program.
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
    /// Not a spelling of a model.
    #[error("{text:?} is no model: {why}")]
    BadName {
        /// What was asked for.
        text: String,
        /// The rule that it breaks.
        why: String,
    },
    /// A repository that nobody may see.
    #[error("Hugging Face has no repository {repository}, or shows it only to those who may see it")]
    NoRepository {
        /// `organisation/name`
        repository: String,
    },
    /// A repository of something else.
    #[error("{repository} has no .gguf file")]
    NoModels {
        /// `organisation/name`
        repository: String,
    },
    /// A repository without the quantisation or file that was asked for.
    #[error("{repository} has no {quant}; it has {}", listed(quants))]
    NoQuant {
        /// `organisation/name`
        repository: String,
        /// What was asked for.
        quant: String,
        /// What there is.
        quants: Vec<String>,
    },
    /// A repository with several models, of which none was named.
    #[error("{repository} has several models: {}", listed(quants))]
    WhichQuant {
        /// `organisation/name`
        repository: String,
        /// What there is.
        quants: Vec<String>,
    },
    /// A file that nobody vouches for.
    #[error("{url}: the catalogue has no SHA-256 of it, and the server announces none")]
    NotAnnounced {
        /// What was asked for, without secrets.
        url: String,
    },
    /// A new name that is not free.
    #[error("{name} is taken: {why}")]
    Taken {
        /// The name.
        name: String,
        /// By what.
        why: String,
    },
    /// A path to nothing.
    #[error("{}: no such file", .0.display())]
    NoFile(PathBuf),
    /// A path to something that cannot be a model.
    #[error("{}: {kind}, but a model is a file", path.display())]
    NotAFile {
        /// Where.
        path: PathBuf,
        /// What is there.
        kind: &'static str,
    },
    /// Known, but not here.
    #[error("{name} is not on this machine")]
    NotInstalled {
        /// How to pull it.
        name: String,
    },
    /// Removal of something that was not pulled by this program.
    #[error("{name} is not removed: {why}")]
    NotOurs {
        /// What was asked for.
        name: String,
        /// Whose it is.
        why: String,
    },
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
    /// No room for the download; what there was of it has been removed.
    #[error("{}: no room{}: {source}", path.display(), needed(*bytes))]
    DiskFull {
        /// The file that grew.
        path: PathBuf,
        /// Bytes that it needs, if known.
        bytes: Option<u64>,
        /// The system's reason.
        source: io::Error,
    },
    /// What came is longer or shorter than it should be.
    #[error("{name}: {got} bytes, expected {expected}")]
    WrongSize {
        /// The file.
        name: String,
        /// Of the catalogue, or announced.
        expected: u64,
        /// What came.
        got: u64,
    },
    /// What came is something else.
    #[error("{name}: SHA-256 {got}, expected {expected}")]
    WrongHash {
        /// The file.
        name: String,
        /// Of the catalogue, or announced.
        expected: String,
        /// Of what came.
        got: String,
    },
    /// What came does not begin as a model does.
    #[error("{name}: begins with {start:?}, but a GGUF file begins with \"GGUF\"")]
    NotAModel {
        /// The file.
        name: String,
        /// Its first bytes.
        start: String,
    },
    /// The server answered, but not with the file.
    #[error("{url}: HTTP status {status}")]
    Status {
        /// What was asked for, without secrets.
        url: String,
        /// Its answer.
        status: u16,
    },
    /// The server could not be reached, or the connection broke.
    #[error("{url}: {why}")]
    Network {
        /// What was asked for, without secrets.
        url: String,
        /// What happened.
        why: String,
    },
    /// The machine has no pip.
    #[error("{package}: no pip on this machine (python3, python, pip3 or pip, or the one that TRINITY_PYTHON names)")]
    NoPip {
        /// What it should have downloaded.
        package: String,
    },
    /// pip failed, or the package is not what it should be.
    #[error("Python package {package}: {why}")]
    Package {
        /// `name==version`
        package: String,
        /// What happened.
        why: String,
    },
    /// All of several sources failed; what each said.
    #[error("{name} could not be downloaded: {}", joined(failures))]
    AllSources {
        /// Model.
        name: String,
        /// In the order tried.
        failures: Vec<Error>,
    },
    /// The user's own catalogue is wrong.
    #[error("{}: {why}", path.display())]
    Catalogue {
        /// Where.
        path: PathBuf,
        /// What is wrong.
        why: String,
    },
    /// The caller broke off.
    #[error("cancelled")]
    Cancelled,
    /// No folder to keep models in.
    #[error("no home folder: set TRINITY_HOME")]
    NoHome,
}

impl Error {
    pub(crate) fn io(path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |source| Self::Io { path, source }
    }

    /// A failed write, told apart by whether the disk is full.
    pub(crate) fn write(path: impl Into<PathBuf>, bytes: Option<u64>, source: io::Error) -> Self {
        let path = path.into();
        match source.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded | io::ErrorKind::FileTooLarge => {
                Self::DiskFull { path, bytes, source }
            }
            _ => Self::Io { path, source },
        }
    }

    /// What the user can do about it, if that is not plain.
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

    /// May the same source succeed a moment later?
    pub(crate) fn is_transient(&self) -> bool {
        match self {
            Self::Network { .. } => true,
            Self::Status { status, .. } => matches!(status, 408 | 425 | 429 | 500..=599),
            _ => false,
        }
    }

    /// The user and the disk are the same for every source.
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
