//! [`Stamp`]: by what a file is known again, so that one that was changed since is not taken for what it was.

use std::{
    fs::{self, Metadata},
    path::{Path, PathBuf},
};

/// Seconds and nanoseconds.
type Time = (i64, i64);
/// The device and the number on it.
type Identity = (u64, u64);

/// What a file was when it was opened: its path, its length, when it was written, and which file of the disk it is.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Stamp {
    path: PathBuf,
    n_bytes: u64,
    /// Where the system tells.
    modified: Option<Time>,
    /// Where the system has them.
    identity: Option<Identity>,
}

/// What has become of a file.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum FileChange {
    /// Another file has its name, or none: who has mapped it reads what it was.
    Replaced(PathBuf),
    /// It was written to: who has mapped it reads something that never was a whole.
    Overwritten(PathBuf),
}

impl FileChange {
    /// The file's path.
    pub fn path(&self) -> &Path {
        match self {
            Self::Replaced(path) | Self::Overwritten(path) => path,
        }
    }
}

impl Stamp {
    /// The stamp of a file of which the system says `about`.
    pub fn new(path: &Path, about: &Metadata) -> Self {
        let (modified, identity) = of_system(about);
        Self { path: path.to_owned(), n_bytes: about.len(), modified, identity }
    }

    /// The stamp of the file that has this name now.
    pub fn of(path: &Path) -> std::io::Result<Self> {
        Ok(Self::new(path, &fs::metadata(path)?))
    }

    /// What has become of the file since, if it is not what it was.
    pub fn change(&self) -> Option<FileChange> {
        match Self::of(&self.path) {
            Ok(now) if now == *self => None,
            Ok(now) if now.identity == self.identity => Some(FileChange::Overwritten(self.path.clone())),
            _ => Some(FileChange::Replaced(self.path.clone())),
        }
    }
}

/// When it was written, and which file it is.
#[cfg(unix)]
fn of_system(about: &Metadata) -> (Option<Time>, Option<Identity>) {
    use std::os::unix::fs::MetadataExt;
    (Some((about.mtime(), about.mtime_nsec())), Some((about.dev(), about.ino())))
}

#[cfg(not(unix))]
fn of_system(_about: &Metadata) -> (Option<Time>, Option<Identity>) {
    (None, None)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_is_not_what_it_was_is_noticed() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a");
        let stamped = || {
            fs::write(&path, "one").unwrap();
            Stamp::of(&path).unwrap()
        };
        let stamp = stamped();
        assert_eq!(stamp.change(), None);
        fs::write(&path, "longer").unwrap();
        assert_eq!(stamp.change(), Some(FileChange::Overwritten(path.clone())));
        // Of the same length, at another time.
        let stamp = stamped();
        let file = fs::File::options().write(true).open(&path).unwrap();
        file.set_modified(fs::metadata(env!("CARGO_MANIFEST_DIR")).unwrap().modified().unwrap()).unwrap();
        assert_eq!(stamp.change(), Some(FileChange::Overwritten(path.clone())));
        let stamp = stamped();
        let other = folder.path().join("b");
        fs::write(&other, "one").unwrap();
        fs::rename(&other, &path).unwrap();
        assert_eq!(stamp.change(), Some(FileChange::Replaced(path.clone())));
        fs::remove_file(&path).unwrap();
        assert_eq!(stamp.change(), Some(FileChange::Replaced(path.clone())));
    }
}
