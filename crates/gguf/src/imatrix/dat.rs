//! llama.cpp's older form of importance matrices (`.dat`), which ik_llama.cpp still reads and writes; read only.
//!
//! All numbers are little-endian: i32 entries; for each an i32 length and the name, i32 calls, i32 values, and so many
//! f32, each the mean of squares times the calls; then, in newer files, i32 chunks, and an i32 length and the name of
//! the text. How many matrices the values of an entry belong to is not said. Nothing is allocated that the bytes at
//! hand do not fill.

use super::{Importance, ImportanceMatrix};
use crate::{
    Error,
    limits::{NAME_BYTES_MAX, TENSORS_MAX},
};

/// Longest name of a text, which is a path.
const DATASET_BYTES_MAX: u64 = 65_535;

/// The matrix in `bytes`, a whole file called `file`.
pub(super) fn read(file: &str, bytes: &[u8]) -> Result<ImportanceMatrix, Error> {
    matrix(&mut Bytes { all: bytes, at: 0 }).map_err(|what| Error::Invalid { file: file.to_owned(), what })
}

fn matrix(bytes: &mut Bytes<'_>) -> Result<ImportanceMatrix, String> {
    let hint = "; neither GGUF nor llama.cpp's older importance matrix";
    let n_entries = bytes.count("n_entries", 1, TENSORS_MAX).map_err(|what| what + hint)?;
    let mut matrix = ImportanceMatrix::default();
    for i in 0..n_entries {
        let name = bytes.text(&format!("name of entry {i}"), 1, NAME_BYTES_MAX)?;
        let name = str::from_utf8(name)
            .map_err(|e| format!("name of entry {i}: no UTF-8 from its byte {}", e.valid_up_to()))?;
        let field = |field: &str| format!("{field} of entry {i} ({})", name.escape_debug());
        // What no call was counted for is taken as it is.
        let n_calls = bytes.count(&field("ncall"), 0, i32::MAX as u64)?.max(1);
        let n_values = bytes.count(&field("nval"), 1, i32::MAX as u64)?;
        let values = bytes.take(&field("values"), n_values.saturating_mul(4))?;
        let sums = values.as_chunks::<4>().0.iter().map(|b| f32::from_le_bytes(*b)).collect();
        let importance =
            Importance::undivided(sums, n_calls as f32).map_err(|what| format!("{}: {what}", field("values")))?;
        if matrix.tensors.insert(name.to_owned(), importance).is_some() {
            return Err(format!("entry {i}: the name {} a second time", name.escape_debug()));
        }
    }
    if !bytes.is_at_end() {
        matrix.chunk_count = bytes.count("chunk count", 0, i32::MAX as u64)? as u32;
    }
    if !bytes.is_at_end() {
        // A path, in whatever encoding.
        let name = String::from_utf8_lossy(bytes.text("name of the text", 0, DATASET_BYTES_MAX)?);
        matrix.datasets.extend((!name.is_empty()).then(|| name.into_owned()));
    }
    if bytes.is_at_end() { Ok(matrix) } else { Err(format!("{} bytes behind the end", bytes.n_left())) }
}

/// A file, read from its start.
struct Bytes<'a> {
    all: &'a [u8],
    at: usize,
}

impl<'a> Bytes<'a> {
    fn n_left(&self) -> usize {
        self.all.len() - self.at
    }

    fn is_at_end(&self) -> bool {
        self.n_left() == 0
    }

    /// The next `n` bytes.
    fn take(&mut self, field: &str, n: u64) -> Result<&'a [u8], String> {
        if n > self.n_left() as u64 {
            return Err(format!("{field}: {n} bytes expected at byte {}, but {} are left", self.at, self.n_left()));
        }
        let taken = &self.all[self.at..][..n as usize];
        self.at += taken.len();
        Ok(taken)
    }

    /// A number from `least` to `most`.
    fn count(&mut self, field: &str, least: u64, most: u64) -> Result<u64, String> {
        let bytes = self.take(field, 4)?;
        let n = bytes.as_chunks::<4>().0.first().map_or(0, |b| i32::from_le_bytes(*b));
        let fits = u64::try_from(n).ok().filter(|n| (least..=most).contains(n));
        fits.ok_or_else(|| format!("{field} is {n}, expected {least} to {most}"))
    }

    /// A length within these bounds, and a text of so many bytes.
    fn text(&mut self, field: &str, least: u64, most: u64) -> Result<&'a [u8], String> {
        let n_bytes = self.count(&format!("length of the {field}"), least, most)?;
        self.take(field, n_bytes)
    }
}
