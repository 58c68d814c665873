//! The bytes of one part: mapped, compiled into the program, or owned. The only file that maps.
#![cfg_attr(not(target_arch = "wasm32"), allow(unsafe_code, reason = "memory maps: see the argument at the block"))]

#[cfg(unix)]
mod fault;

use std::ops::Deref;

/// Bytes of one file.
pub(crate) enum Bytes {
    #[cfg(not(target_arch = "wasm32"))]
    Mapped(Mapped),
    Static(&'static [u8]),
    Owned(Vec<u8>),
}

/// A file in memory as it is on disk.
#[cfg(not(target_arch = "wasm32"))]
pub(crate) struct Mapped {
    // Fields go in this order: it is watched no longer than it is mapped.
    #[cfg(unix)]
    _watched: fault::Watched,
    map: memmap2::Mmap,
    pub(crate) stamp: crate::Stamp,
}

impl Bytes {
    /// Maps a regular file. Everything that is not one is refused before it is opened, so nothing blocks.
    #[cfg(not(target_arch = "wasm32"))]
    pub(crate) fn open(path: &std::path::Path) -> Result<Self, crate::Error> {
        let file_name = path.display().to_string();
        let io = |source| crate::Error::Io { file: file_name.clone(), source };
        let kind = std::fs::metadata(path).map_err(io)?.file_type();
        if !kind.is_file() {
            let what = if kind.is_dir() { "a directory" } else { "a device, FIFO or socket" };
            return Err(crate::Error::NotAFile { file: file_name, what });
        }
        let file = std::fs::File::open(path).map_err(io)?;
        let about = file.metadata().map_err(io)?;
        if about.len() == 0 {
            return Ok(Self::Owned(Vec::new()));
        }
        // SAFETY: the map is read-only and private to this value. If another process truncates the file while it is
        // mapped, a read beyond the new end raises SIGBUS, which ends the process with a line that names the file
        // (`fault.rs`); never silent wrong answers.
        let map = unsafe { memmap2::Mmap::map(&file) }.map_err(io)?;
        Ok(Self::Mapped(Mapped {
            #[cfg(unix)]
            _watched: fault::watch(&file_name, &map),
            map,
            stamp: crate::Stamp::new(path, &about),
        }))
    }
}

impl Deref for Bytes {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        match self {
            #[cfg(not(target_arch = "wasm32"))]
            Self::Mapped(mapped) => &mapped.map,
            Self::Static(bytes) => bytes,
            Self::Owned(bytes) => bytes,
        }
    }
}

/// A file mapped read-only, for readers of other containers. Derefs to its bytes.
#[cfg(not(target_arch = "wasm32"))]
pub struct MappedFile(Bytes);

#[cfg(not(target_arch = "wasm32"))]
impl MappedFile {
    /// Maps a regular file; anything else is refused.
    pub fn open(path: &std::path::Path) -> Result<Self, crate::Error> {
        Bytes::open(path).map(Self)
    }
}

#[cfg(not(target_arch = "wasm32"))]
impl Deref for MappedFile {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.0
    }
}
