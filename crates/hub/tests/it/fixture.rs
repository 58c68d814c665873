//! A hub in a folder of its own, and models to pull into it.

use std::{
    fs,
    ops::ControlFlow,
    path::{Path, PathBuf},
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use hub::{Error, Event, Hub, Resolved, Settings};
use sha2::{Digest, Sha256};
use tempfile::TempDir;

/// Lock for tests that start programs: a program cannot start while another thread's child still holds the script open
/// for writing.
pub(crate) fn programs() -> MutexGuard<'static, ()> {
    static PROGRAMS: Mutex<()> = Mutex::new(());
    PROGRAMS.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Makes `n` bytes that begin as a model does; the rest is noise.
pub(crate) fn model_bytes(seed: u64, n: usize) -> Vec<u8> {
    let mut bytes = b"GGUF".to_vec();
    bytes.extend(testkit::Rng::new(seed).bytes(n - 4));
    bytes
}

pub(crate) fn sha256(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|b| format!("{b:02x}")).collect()
}

/// A home, and the settings of hubs in it.
pub(crate) struct Fixture {
    pub(crate) folder: TempDir,
    pub(crate) settings: Settings,
}

impl Fixture {
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut settings = Settings::new(folder.path().join("home"));
        settings.retry_delay = Duration::from_millis(1);
        settings.stall_timeout = Duration::from_millis(300);
        fs::create_dir(&settings.home).unwrap();
        Self { folder, settings }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn hub(&self) -> Hub {
        Hub::new(self.settings.clone()).unwrap()
    }

    /// Writes a catalogue with one model, `made:up`, whose file is `m.gguf`.
    pub(crate) fn catalogue(&self, bytes: &[u8], sources: &str) {
        self.catalogue_of(bytes.len(), &sha256(bytes), sources);
    }

    pub(crate) fn catalogue_of(&self, bytes: usize, sha256: &str, sources: &str) {
        let model = format!(
            "[[model]]\nname = 'made:up'\nabout = ''\nfile = 'm.gguf'\nbytes = {bytes}\nsha256 = '{sha256}'\nlicence = 'MIT'\n"
        );
        fs::write(self.settings.home.join("catalogue.toml"), model + sources).unwrap();
    }

    /// Pulls `reference`; returns the result and the events as lines.
    pub(crate) fn pull(&self, reference: &str) -> (Result<PathBuf, Error>, Vec<String>) {
        let mut events = Vec::new();
        let result = self.hub().pull(reference, &mut |event| {
            note(&mut events, &event);
            ControlFlow::Continue(())
        });
        (result.map(file), events)
    }

    /// Returns the names of all that lies in the store, but for the records of complete models.
    pub(crate) fn files(&self) -> Vec<String> {
        let mut found = Vec::new();
        walk(&self.settings.home.join("models"), "", &mut found);
        found.retain(|f| !f.ends_with("/origin.json"));
        found.sort();
        found
    }
}

pub(crate) fn file(resolved: Resolved) -> PathBuf {
    match resolved {
        Resolved::File(path) => path,
        Resolved::Embedded => panic!("embedded"),
    }
}

pub(crate) fn url_source(url: &str) -> String {
    format!("[[model.source]]\nkind = 'url'\nurl = '{url}'\n")
}

/// Appends an event as a line; progress is left out.
pub(crate) fn note(events: &mut Vec<String>, event: &Event<'_>) {
    match event {
        Event::Progress { bytes, total } => assert!(total.is_none_or(|t| *bytes <= t), "{bytes} of {total:?}"),
        Event::Failed { error } => events.push(format!("failed: {error}")),
        Event::Terms { text, .. } => events.push(format!("terms: {text}")),
        Event::Waiting { .. } if events.last().is_some_and(|e| e == "waiting") => {}
        Event::Waiting { .. } => events.push("waiting".to_owned()),
        Event::Trying { source, .. } => events.push(format!("trying: {source}")),
        _ => {}
    }
}

fn walk(folder: &Path, prefix: &str, found: &mut Vec<String>) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let name = format!("{prefix}{}", entry.file_name().to_string_lossy());
        if entry.file_type().unwrap().is_dir() {
            walk(&entry.path(), &format!("{name}/"), found);
        } else {
            found.push(name);
        }
    }
}
