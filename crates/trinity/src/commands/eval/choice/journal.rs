//! The journal of a long run: JSON lines, the first with what the answers depend on, then one for each question. A line
//! is written at once and whole; one that was cut off by a crash is dropped when the journal is opened again.

use std::{
    collections::HashMap,
    fs::{File, OpenOptions},
    io::{self, Read, Seek, SeekFrom, Write},
    path::{Path, PathBuf},
};

use eval::choice::Score;
use serde::{Deserialize, Serialize};

use crate::failure::{Failure, Kind};

/// Settings of a run on which its answers depend.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, Debug)]
pub(super) struct Settings {
    pub(super) trinity: String,
    pub(super) model_sha256: String,
    /// Types of keys, values and what else is held in another type than in the file.
    pub(super) options: String,
    /// Format and SHA-256 of each file of questions.
    pub(super) files: Vec<String>,
}

#[derive(Serialize, Deserialize)]
struct Line {
    file: usize,
    item: usize,
    scores: Vec<Score>,
}

/// Answers that are known, and the file that new ones are appended to.
pub(super) struct Journal {
    path: PathBuf,
    file: File,
    known: HashMap<(usize, usize), Vec<Score>>,
}

impl Journal {
    /// Opens or begins the journal of a run with `settings`; one of another run is refused.
    pub(super) fn open(path: &Path, settings: &Settings) -> Result<Self, Failure> {
        let failed = |e: io::Error| Failure::new(Kind::Failure, format!("{}: {e}", path.display()));
        let mut options = OpenOptions::new();
        let mut file = options.read(true).append(true).create(true).open(path).map_err(failed)?;
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes).map_err(failed)?;
        let n_whole = bytes.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
        if n_whole < bytes.len() {
            file.set_len(n_whole as u64).and_then(|()| file.seek(SeekFrom::End(0))).map_err(failed)?;
            bytes.truncate(n_whole);
        }
        let mut journal = Self { path: path.to_owned(), file, known: HashMap::new() };
        if bytes.is_empty() {
            journal.append(settings)?;
            return Ok(journal);
        }
        let refuse = |number: usize, what: &str| {
            Failure::new(Kind::Failure, format!("{}: line {number}: {what}", path.display()))
        };
        for (i, line) in bytes.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()).enumerate() {
            if i == 0 {
                let own: Settings =
                    serde_json::from_slice(line).map_err(|e| refuse(1, &format!("no journal of a run: {e}")))?;
                journal.check(&own, settings)?;
            } else {
                let Line { file, item, scores } =
                    serde_json::from_slice(line).map_err(|e| refuse(i + 1, &e.to_string()))?;
                journal.known.insert((file, item), scores);
            }
        }
        Ok(journal)
    }

    fn check(&self, own: &Settings, wanted: &Settings) -> Result<(), Failure> {
        let files = |settings: &Settings| settings.files.join(", ");
        for (what, own, wanted) in [
            ("version of trinity", own.trinity.clone(), wanted.trinity.clone()),
            ("SHA-256 of the model", own.model_sha256.clone(), wanted.model_sha256.clone()),
            ("options of the runtime", own.options.clone(), wanted.options.clone()),
            ("files of questions", files(own), files(wanted)),
        ] {
            if own != wanted {
                let message =
                    format!("{}: journal of another run: {what}: {own} there, {wanted} here", self.path.display());
                return Err(Failure::new(Kind::Failure, message));
            }
        }
        Ok(())
    }

    /// The scores of a question's `n` endings, if they are known.
    pub(super) fn scores(&self, file: usize, item: usize, n: usize) -> Option<Vec<Score>> {
        self.known.get(&(file, item)).filter(|scores| scores.len() == n).cloned()
    }

    /// Notes the scores of a question.
    pub(super) fn note(&mut self, file: usize, item: usize, scores: &[Score]) -> Result<(), Failure> {
        self.append(&Line { file, item, scores: scores.to_vec() })
    }

    fn append(&mut self, line: &impl Serialize) -> Result<(), Failure> {
        let text = serde_json::to_string(line)? + "\n";
        self.file
            .write_all(text.as_bytes())
            .map_err(|e| Failure::new(Kind::Failure, format!("{}: {e}", self.path.display())))
    }
}
