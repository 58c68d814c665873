//! Sorted parts in files beside the store, which the system removes when they are closed.

use std::fs::File;
use std::io::{BufReader, BufWriter, Read, Seek, Write};
use std::path::Path;

use super::rows::Rows;
use crate::block;
use crate::error::Error;
use crate::order::Row;

const BUFFER_BYTES: usize = 256 << 10;

/// The failure of a file of sorted parts.
pub(super) fn failed(source: std::io::Error) -> Error {
    Error::Storage { doing: "sorting in files beside the store", source: Box::new(source) }
}

/// A file that is written from front to back.
#[derive(Debug)]
pub(super) struct Writer(BufWriter<File>);

impl Writer {
    pub(super) fn new(folder: &Path) -> Result<Self, Error> {
        // A file's name alone has an empty parent.
        let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
        Ok(Self(BufWriter::with_capacity(BUFFER_BYTES, tempfile::tempfile_in(folder).map_err(failed)?)))
    }

    pub(super) fn write(&mut self, bytes: &[u8]) -> Result<(), Error> {
        self.0.write_all(bytes).map_err(failed)
    }

    /// Bytes with their length before them.
    pub(super) fn write_counted(&mut self, bytes: &[u8]) -> Result<(), Error> {
        self.write(&(bytes.len() as u32).to_le_bytes())?;
        self.write(bytes)
    }

    pub(super) fn finish(self) -> Result<Spilled, Error> {
        Ok(Spilled(self.0.into_inner().map_err(|error| failed(error.into_error()))?))
    }
}

/// A file that was written.
#[derive(Debug)]
pub(super) struct Spilled(File);

impl Spilled {
    /// A reader from the front; one at a time.
    pub(super) fn reader(&self) -> Result<Reader, Error> {
        let mut file = self.0.try_clone().map_err(failed)?;
        file.rewind().map_err(failed)?;
        Ok(Reader(BufReader::with_capacity(BUFFER_BYTES, file)))
    }
}

/// A file that is read from front to back.
#[derive(Debug)]
pub(super) struct Reader(BufReader<File>);

impl Reader {
    pub(super) fn u32(&mut self) -> Result<u32, Error> {
        let mut bytes = [0; 4];
        self.0.read_exact(&mut bytes).map_err(failed)?;
        Ok(u32::from_le_bytes(bytes))
    }

    /// What [`Writer::write_counted`] wrote.
    pub(super) fn counted(&mut self, bytes: &mut Vec<u8>) -> Result<(), Error> {
        let n = u64::from(self.u32()?);
        bytes.clear();
        let n_read = self.0.by_ref().take(n).read_to_end(bytes).map_err(failed)?;
        if n_read as u64 == n { Ok(()) } else { Err(failed(std::io::ErrorKind::UnexpectedEof.into())) }
    }
}

/// Sorted rows of a file, in blocks.
#[derive(Debug)]
pub(super) struct RowFile {
    reader: Reader,
    n_blocks: u64,
    bytes: Vec<u8>,
}

impl RowFile {
    /// All rows of `rows`, written to a file.
    pub(super) fn write(folder: &Path, rows: &mut dyn Rows) -> Result<Self, Error> {
        let mut writer = Writer::new(folder)?;
        let (mut n_blocks, mut batch, mut bytes) = (0, Vec::new(), Vec::new());
        loop {
            batch.clear();
            rows.fill(&mut batch)?;
            if batch.is_empty() {
                break;
            }
            for part in batch.chunks(block::ROWS_MAX) {
                bytes.clear();
                block::encode(part, &mut bytes);
                writer.write_counted(&bytes)?;
                n_blocks += 1;
            }
        }
        Ok(Self { reader: writer.finish()?.reader()?, n_blocks, bytes })
    }
}

impl Rows for RowFile {
    fn fill(&mut self, out: &mut Vec<Row>) -> Result<(), Error> {
        if self.n_blocks > 0 {
            self.n_blocks -= 1;
            self.reader.counted(&mut self.bytes)?;
            let rows = block::decode(&self.bytes);
            out.append(&mut rows.map_err(|why| failed(std::io::Error::new(std::io::ErrorKind::InvalidData, why)))?);
        }
        Ok(())
    }
}
