//! Files that appear whole or not at all: written beside their place under another name, renamed when complete.

use std::{
    fs::{self, File},
    io::{self, Seek, SeekFrom, Write},
    path::{Path, PathBuf},
};

use crate::{Container, Error, seal};

/// Symbolic links that lead to a file, one behind the other: as many as Linux follows.
const LINKS_MAX: usize = 40;

/// A file that is being written; dropped before [`commit`](Self::commit), it is gone.
pub struct NewFile {
    temporary: PathBuf,
    destination: PathBuf,
    file: Option<File>,
    is_named: bool,
}

impl NewFile {
    /// Begins to write what will be `destination`. A file that stands there keeps its permissions and, where the system
    /// lets us, its owner; of a symbolic link the file that it leads to is replaced. Other hard links to a file that is
    /// replaced keep what it held. A new file has the permissions of the umask.
    pub fn create(destination: &Path) -> io::Result<Self> {
        let there = match fs::metadata(destination) {
            Ok(there) if there.is_file() => Some(there),
            Ok(_) => return Err(io::Error::other("is there, and is no regular file")),
            Err(e) if e.kind() == io::ErrorKind::NotFound => None,
            Err(e) => return Err(e),
        };
        let destination = behind_links(destination)?;
        let mut name = destination.file_name().ok_or(io::ErrorKind::InvalidInput)?.to_os_string();
        name.push(format!(".{}.part", std::process::id()));
        let temporary = destination.with_file_name(name);
        let file = File::create_new(&temporary)?;
        let new = Self { temporary, destination, file: Some(file), is_named: false };
        // Before a byte is in it: what others may not read they cannot read meanwhile.
        if let (Some(there), Some(file)) = (there, &new.file) {
            keep_access(file, &there)?;
        }
        Ok(new)
    }

    /// Where to write.
    pub fn file(&mut self) -> io::Result<&mut File> {
        self.file.as_mut().ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    /// Where the bytes are until then, for reading them back.
    pub fn path(&self) -> &Path {
        &self.temporary
    }

    /// Fills in the hashes of a file that was written with room for them ([`seal::prepare`]).
    pub fn seal(&mut self) -> Result<(), Error> {
        let name = self.temporary.display().to_string();
        let io_error = |source| Error::Io { file: name.clone(), source };
        let mut written = File::open(&self.temporary).map_err(io_error)?;
        let header = seal::sealed_header(&Container::open(&self.temporary)?, &mut written)?;
        let write = |file: &mut File| {
            file.seek(SeekFrom::Start(0))?;
            file.write_all(&header)?;
            file.seek(SeekFrom::End(0)).map(drop)
        };
        self.file().and_then(write).map_err(io_error)
    }

    /// Ends writing: everything goes to the disk, and the file is closed. It has no name yet.
    pub fn close(&mut self) -> io::Result<()> {
        self.file.take().map_or(Ok(()), |file| file.sync_all())
    }

    /// Everything is on the disk: gives the file its name.
    pub fn commit(mut self) -> io::Result<()> {
        self.close()?;
        fs::rename(&self.temporary, &self.destination)?;
        self.is_named = true;
        Ok(())
    }

    /// Gives several files that belong together their names, the first last: nothing finds the others before it. An
    /// older first is removed before, so that it is never seen with parts of another model.
    pub fn commit_all(mut files: Vec<Self>) -> io::Result<()> {
        for file in &mut files {
            file.close()?;
        }
        if let [first, _, ..] = files.as_slice()
            && let Err(e) = fs::remove_file(&first.destination)
            && e.kind() != io::ErrorKind::NotFound
        {
            return Err(e);
        }
        files.into_iter().rev().try_for_each(Self::commit)
    }
}

impl Drop for NewFile {
    fn drop(&mut self) {
        if !self.is_named {
            // Nothing half-written stays; if even that fails, the name says what it is.
            let _ = fs::remove_file(&self.temporary);
        }
    }
}

/// The path that `path` leads to through symbolic links, the last of which may lead nowhere yet.
fn behind_links(path: &Path) -> io::Result<PathBuf> {
    let mut path = path.to_owned();
    for _ in 0..LINKS_MAX {
        match fs::read_link(&path) {
            Ok(target) => path = path.parent().unwrap_or(Path::new("")).join(target),
            // No link, or nothing at all.
            Err(_) => return Ok(path),
        }
    }
    Err(io::Error::other(format!("more than {LINKS_MAX} symbolic links behind each other")))
}

/// Gives `file` the permissions and, as far as the system allows, the owner of what it will replace.
fn keep_access(file: &File, there: &fs::Metadata) -> io::Result<()> {
    let ours = file.metadata()?;
    #[cfg(unix)]
    {
        use std::os::unix::fs::{MetadataExt, fchown};
        // Only root may give files away; who else replaces another's file in a shared folder becomes its owner. First,
        // because it clears bits of the mode.
        if (ours.uid(), ours.gid()) != (there.uid(), there.gid()) {
            let _ = fchown(file, Some(there.uid()), Some(there.gid()));
        }
    }
    // Some file systems have no permissions to set.
    if ours.permissions() == there.permissions() { Ok(()) } else { file.set_permissions(there.permissions()) }
}
