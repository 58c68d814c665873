//! [`Files`]: pages as files, private to their owner.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Read, Write},
    path::Path,
};

/// The storage of pages: how they are read and written. Tests have one that hangs.
pub(super) trait Storage: Send + Sync {
    /// Reads a file of exactly `n_bytes`.
    fn read(&self, path: &Path, n_bytes: usize) -> Option<Vec<u8>>;
    /// Writes a file that is whole whenever it is there.
    fn write(&self, part: &Path, name: &str, bytes: &[u8]) -> io::Result<()>;
    /// Removes a file, if it is there.
    fn remove(&self, path: &Path);
}

/// The storage of the operating system.
pub(super) struct Files;

impl Storage for Files {
    fn read(&self, path: &Path, n_bytes: usize) -> Option<Vec<u8>> {
        // What is no file, as a FIFO, could be waited for without end.
        fs::symlink_metadata(path).ok().filter(fs::Metadata::is_file)?;
        let file = File::open(path).ok()?;
        let mut bytes = Vec::with_capacity(n_bytes + 1);
        file.take(n_bytes as u64 + 1).read_to_end(&mut bytes).ok()?;
        (bytes.len() == n_bytes).then_some(bytes)
    }

    fn write(&self, part: &Path, name: &str, bytes: &[u8]) -> io::Result<()> {
        let unfinished = part.join(format!("{name}.part"));
        // Whatever stands there: of a killed process, or of nobody.
        let _ = fs::remove_file(&unfinished);
        let mut options = OpenOptions::new();
        options.write(true).create_new(true);
        make_private_file(&mut options);
        let mut file = options.open(&unfinished);
        if file.as_ref().is_err_and(|error| error.kind() == io::ErrorKind::NotFound) {
            // Somebody took an empty folder for one that nobody needs.
            file = make_private_folder(part).and_then(|()| options.open(&unfinished));
        }
        let written = file.and_then(|mut file: File| file.write_all(bytes));
        let renamed = written.and_then(|()| fs::rename(&unfinished, part.join(name)));
        if renamed.is_err() {
            let _ = fs::remove_file(&unfinished);
        }
        renamed
    }

    fn remove(&self, path: &Path) {
        let _ = fs::remove_file(path);
    }
}

#[cfg(unix)]
pub(super) fn make_private_folder(folder: &Path) -> io::Result<()> {
    use std::os::unix::fs::DirBuilderExt;
    fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)
}

#[cfg(unix)]
pub(super) fn make_private_file(options: &mut OpenOptions) {
    use std::os::unix::fs::OpenOptionsExt;
    options.mode(0o600);
}

#[cfg(not(unix))]
pub(super) fn make_private_folder(folder: &Path) -> io::Result<()> {
    fs::create_dir_all(folder)
}

#[cfg(not(unix))]
pub(super) fn make_private_file(_options: &mut OpenOptions) {}
