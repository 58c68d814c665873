//! The files that git tracks or would track, read once.

use std::{fs, path::Path, process::Command};

use super::code::Code;
use crate::command::output;

/// A file by its path from the root; binary files have no text.
pub(crate) struct File {
    pub(crate) path: String,
    pub(crate) text: String,
    pub(crate) n_bytes: u64,
}

/// All files of the repository.
pub(crate) struct Tree {
    pub(crate) files: Vec<File>,
}

impl Tree {
    /// Reads every file that is not ignored.
    pub(crate) fn read(root: &Path) -> Result<Self, String> {
        let mut list = Command::new("git");
        list.args(["ls-files", "--cached", "--others", "--exclude-standard"]).current_dir(root);
        let mut files: Vec<File> = Vec::new();
        for path in output(&mut list)?.lines().filter(|path| root.join(path).is_file()) {
            let at = |e: std::io::Error| format!("{path}: {e}");
            let text = fs::read(root.join(path)).map_err(at)?;
            // Of a link itself: what it points to is counted there.
            let n_bytes = fs::symlink_metadata(root.join(path)).map_err(at)?.len();
            files.push(File { path: path.to_owned(), text: String::from_utf8(text).unwrap_or_default(), n_bytes });
        }
        files.sort_by(|a, b| a.path.cmp(&b.path));
        Ok(Self { files })
    }

    /// The file at `path`.
    pub(crate) fn file(&self, path: &str) -> Option<&File> {
        self.files.iter().find(|f| f.path == path)
    }

    /// Is there a file or folder at `path`?
    pub(crate) fn has(&self, path: &str) -> bool {
        self.files
            .iter()
            .any(|f| f.path.strip_prefix(path).is_some_and(|rest| rest.is_empty() || rest.starts_with('/')))
    }

    /// Returns the Rust sources, taken apart.
    pub(crate) fn rust(&self) -> Vec<(&File, Code)> {
        let is_rust = |f: &&File| Path::new(&f.path).extension().is_some_and(|e| e == "rs");
        self.files.iter().filter(is_rust).map(|file| (file, Code::read(&file.text))).collect()
    }
}
