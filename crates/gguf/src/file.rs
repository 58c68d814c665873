//! Files that appear whole or not at all: written beside their place under another name, renamed when complete.

use std::{
    fs::{self, File},
    io::{self, Seek, SeekFrom, Write},
    path::{Path, PathBuf},
};

use crate::{Container, Error, seal};

/// A file that is being written; dropped before [`commit`](Self::commit), it is gone.
pub struct NewFile {
    temporary: PathBuf,
    destination: PathBuf,
    file: Option<File>,
}

impl NewFile {
    /// Begins to write what will be `destination`.
    pub fn create(destination: &Path) -> io::Result<Self> {
        let mut name = destination.file_name().ok_or(io::ErrorKind::InvalidInput)?.to_os_string();
        name.push(format!(".{}.part", std::process::id()));
        let temporary = destination.with_file_name(name);
        let file = File::create_new(&temporary)?;
        Ok(Self { temporary, destination: destination.to_owned(), file: Some(file) })
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

    /// Everything is on the disk: gives the file its name.
    pub fn commit(mut self) -> io::Result<()> {
        if let Some(file) = &self.file {
            file.sync_all()?;
        }
        fs::rename(&self.temporary, &self.destination)?;
        self.file = None;
        Ok(())
    }
}

impl Drop for NewFile {
    fn drop(&mut self) {
        if self.file.take().is_some() {
            // Nothing half-written stays; if even that fails, the name says what it is.
            let _ = fs::remove_file(&self.temporary);
        }
    }
}
