//! The bytes of one part: mapped, compiled into the program, or owned. The only file that maps.
#![cfg_attr(not(target_arch = "wasm32"), allow(unsafe_code, reason = "memory maps: see the argument at the block"))]

use std::ops::Deref;

/// Bytes of one file.
pub(crate) enum Bytes {
    #[cfg(not(target_arch = "wasm32"))]
    Mapped(memmap2::Mmap),
    Static(&'static [u8]),
    Owned(Vec<u8>),
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
        if file.metadata().map_err(io)?.len() == 0 {
            return Ok(Self::Owned(Vec::new()));
        }
        // SAFETY: the map is read-only and private to this value. If another process truncates the file while it is mapped, a read
        // beyond the new end raises SIGBUS, which ends the process: a documented choice (FAULTS: never silent wrong answers).
        let map = unsafe { memmap2::Mmap::map(&file) }.map_err(io)?;
        Ok(Self::Mapped(map))
    }
}

impl Deref for Bytes {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        match self {
            #[cfg(not(target_arch = "wasm32"))]
            Self::Mapped(map) => map,
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
