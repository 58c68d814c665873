//! Receipts: a result with all that it depends on, so that a figure in a document can be traced and repeated.

use std::{
    io::Write,
    path::{Path, PathBuf},
    time::Instant,
};

use clap::Args;
use gguf::{Container, NewFile};
use kernels::Isa;
use serde::Serialize;

use super::{digest, doctor::system::System, machine, opened::EMBEDDED};
use crate::{
    cli::group,
    failure::{Failure, Kind},
    terminal,
};

/// The option of every command that measures.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = group::OUTPUT)]
pub(crate) struct ReceiptArgs {
    /// Write the result with all that it depends on (machine, instruction set, threads, hashes of model and text,
    /// command line), as JSON
    #[arg(long, value_name = "FILE")]
    receipt: Option<PathBuf>,
}

/// A receipt that is being prepared, or none if nobody asked.
#[must_use = "a receipt that is not written was not wanted"]
pub(crate) struct Receipt(Option<Open>);

struct Open {
    path: PathBuf,
    file: NewFile,
    system: System,
    start: Instant,
    time: String,
}

/// What a result was measured on.
pub(crate) struct Evidence<'a> {
    /// Models that were computed with.
    pub(crate) models: &'a [&'a Container],
    /// Texts and other files, read or written.
    pub(crate) files: &'a [&'a Path],
    /// Threads that computed.
    pub(crate) n_threads: usize,
}

#[derive(Serialize)]
struct Document<'a, T> {
    trinity: &'static str,
    /// Commit of the program, known to builds that were told it (`TRINITY_COMMIT` in the environment of the compiler).
    commit: Option<&'static str>,
    command: Vec<String>,
    time: &'a str,
    seconds: f64,
    system: &'a System,
    isa: &'static str,
    isa_available: Vec<&'static str>,
    threads: usize,
    models: Vec<FileEntry>,
    files: Vec<FileEntry>,
    result: &'a T,
}

#[derive(Serialize)]
struct FileEntry {
    path: String,
    bytes: u64,
    sha256: String,
}

impl ReceiptArgs {
    /// Looks at the machine and begins the file, so that a place that cannot be written is known before the work. To be
    /// called before a model is loaded: that binds threads to cores.
    pub(crate) fn begin(&self) -> Result<Receipt, Failure> {
        let Some(path) = self.receipt.clone() else { return Ok(Receipt(None)) };
        let file =
            NewFile::create(&path).map_err(|e| Failure::new(Kind::Failure, format!("{}: {e}", path.display())))?;
        let (system, start, time) = (System::look(), Instant::now(), terminal::timestamp());
        Ok(Receipt(Some(Open { path, file, system, start, time })))
    }
}

impl Receipt {
    /// Writes `result` and what it was measured on.
    pub(crate) fn write(self, evidence: &Evidence<'_>, result: &impl Serialize) -> Result<(), Failure> {
        let Some(Open { path, mut file, system, start, time }) = self.0 else { return Ok(()) };
        let seconds = start.elapsed().as_secs_f64();
        let mut models = Vec::new();
        for model in evidence.models {
            models.extend(entries(model)?);
        }
        let document = Document {
            trinity: env!("CARGO_PKG_VERSION"),
            commit: option_env!("TRINITY_COMMIT"),
            command: std::env::args_os().map(|word| word.to_string_lossy().into_owned()).collect(),
            time: &time,
            seconds,
            system: &system,
            isa: machine::isa_name()?,
            isa_available: Isa::available().map(Isa::name).collect(),
            threads: evidence.n_threads,
            models,
            files: evidence.files.iter().map(|path| entry(path)).collect::<Result<_, _>>()?,
            result,
        };
        let text = serde_json::to_string_pretty(&document)? + "\n";
        let written = file.file().and_then(|file| file.write_all(text.as_bytes())).and_then(|()| file.commit());
        written.map_err(|e| Failure::new(Kind::Failure, format!("{}: {e}", path.display())))
    }
}

/// SHA-256 of a model; of a split one, those of its parts.
pub(crate) fn model_digest(model: &Container) -> Result<String, Failure> {
    Ok(entries(model)?.into_iter().map(|entry| entry.sha256).collect::<Vec<_>>().join(" "))
}

/// The files of a model.
fn entries(model: &Container) -> Result<Vec<FileEntry>, Failure> {
    if model.name() == EMBEDDED {
        let bytes = hub::embedded();
        let sha256 = digest::to_hex(&digest::of_bytes(bytes));
        return Ok(vec![FileEntry { path: EMBEDDED.to_owned(), bytes: bytes.len() as u64, sha256 }]);
    }
    model.paths().iter().map(|path| entry(path)).collect()
}

fn entry(path: &Path) -> Result<FileEntry, Failure> {
    let name = path.display().to_string();
    let (hash, bytes) = digest::of_file(path).map_err(|e| Failure::new(Kind::Failure, format!("{name}: {e}")))?;
    Ok(FileEntry { path: name, bytes, sha256: digest::to_hex(&hash) })
}
