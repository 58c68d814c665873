//! Rows cut into blocks that fill their place in the file.

use super::{ROWS_MAX, encode};
use crate::dictionary::fences::RowFences;
use crate::error::Error;
use crate::order::Row;

/// The bytes that a block should have: it lies in pages of the storage whose sizes are powers of two, and what is left
/// of them is lost.
pub(crate) const BLOCK_BYTES: usize = 8192 - 64;

/// What takes a block or a page: its number and its bytes.
pub(crate) type Put<'p> = dyn FnMut(u64, &[u8]) -> Result<(), Error> + 'p;

/// Sorted rows on their way into blocks.
#[derive(Debug, Default)]
pub(crate) struct Writer {
    pending: Vec<Row>,
    bytes: Vec<u8>,
    fences: RowFences,
    /// How many rows the last block had.
    n_last: usize,
}

impl Writer {
    /// Writes blocks of what is pending through `put` (number and bytes), as long as there are rows for full ones.
    pub(crate) fn push(&mut self, rows: &[Row], put: &mut Put<'_>) -> Result<(), Error> {
        self.pending.extend_from_slice(rows);
        self.write(ROWS_MAX, put)
    }

    /// Writes what is left, and returns what finds the blocks.
    pub(crate) fn finish(mut self, put: &mut Put<'_>) -> Result<RowFences, Error> {
        self.write(1, put)?;
        Ok(self.fences)
    }

    fn write(&mut self, rows_min: usize, put: &mut Put<'_>) -> Result<(), Error> {
        let mut start = 0;
        while self.pending.len() - start >= rows_min {
            let rows = &self.pending[start..];
            let n = fitting(rows, self.n_last, &mut self.bytes);
            put(self.fences.n_blocks() as u64, &self.bytes)?;
            self.fences.push(rows[0], n);
            self.n_last = n;
            start += n;
        }
        self.pending.drain(..start);
        Ok(())
    }
}

/// Encodes as many rows as come near [`BLOCK_BYTES`] and do not exceed it; one in any case.
fn fitting(rows: &[Row], guess: usize, out: &mut Vec<u8>) -> usize {
    let n_max = rows.len().min(ROWS_MAX);
    let mut n = if guess == 0 { n_max / 2 } else { guess }.clamp(1, n_max);
    let (mut best, mut other) = (0, Vec::new());
    for _ in 0..4 {
        other.clear();
        encode(&rows[..n], &mut other);
        let n_bytes = other.len();
        if n_bytes <= BLOCK_BYTES && n > best {
            best = n;
            std::mem::swap(out, &mut other);
        }
        // Near enough, or nothing left to try.
        if n_bytes <= BLOCK_BYTES && (n == n_max || n_bytes * 100 >= BLOCK_BYTES * 96) {
            break;
        }
        let next = (n * (BLOCK_BYTES - 80) / n_bytes).clamp(1, n_max);
        if next == n || next <= best {
            break;
        }
        n = next;
    }
    if best == 0 {
        // Rows of 8-byte differences throughout have 36 bytes each: so few always fit.
        best = n_max.min(BLOCK_BYTES / 40);
        out.clear();
        encode(&rows[..best], out);
    }
    best
}
