//! Sorted rows, column by column, in as few bytes as they need.
//!
//! A block is `rows` (u16), four columns, and the CRC-32 of all before (u32), little-endian. A column begins with its
//! form: 0, one value for all rows (u64); 1, runs (their number, then for each the difference to the value before and
//! the length, as varints); 2, values parted by class (`pack.rs`). [`decode`] trusts nothing: what a file holds may be
//! anything.

mod pack;
pub(crate) mod writer;

use crate::order::Row;
use crate::term::TermId;

/// The most rows of one block.
pub(crate) const ROWS_MAX: usize = 4096;

const CONSTANT: u8 = 0;
const RUNS: u8 = 1;
const PARTED: u8 = 2;

/// The block of these rows, of which there are 1 to [`ROWS_MAX`], is appended to `out`.
pub(crate) fn encode(rows: &[Row], out: &mut Vec<u8>) {
    assert!((1..=ROWS_MAX).contains(&rows.len()), "{} rows for a block", rows.len());
    let start = out.len();
    out.extend_from_slice(&(rows.len() as u16).to_le_bytes());
    let mut column = Vec::with_capacity(rows.len());
    for place in 0..4 {
        column.clear();
        column.extend(rows.iter().map(|row| row[place].to_bits()));
        encode_column(&column, out);
    }
    let sum = crc32fast::hash(&out[start..]);
    out.extend_from_slice(&sum.to_le_bytes());
}

fn encode_column(column: &[u64], out: &mut Vec<u8>) {
    let n_runs = 1 + column.windows(2).filter(|pair| pair[0] != pair[1]).count();
    if n_runs == 1 {
        out.push(CONSTANT);
        out.extend_from_slice(&column[0].to_le_bytes());
    } else if n_runs * 4 <= column.len() {
        out.push(RUNS);
        write_varint(n_runs as u64, out);
        let mut before = 0;
        for run in column.chunk_by(|a, b| a == b) {
            write_varint(zigzag(run[0].wrapping_sub(before) as i64), out);
            write_varint(run.len() as u64, out);
            before = run[0];
        }
    } else {
        out.push(PARTED);
        pack::encode(column, out);
    }
}

/// The rows of a block, or what is wrong with it.
pub(crate) fn decode(bytes: &[u8]) -> Result<Vec<Row>, &'static str> {
    let (body, sum) = bytes.split_last_chunk::<4>().ok_or("shorter than its checksum")?;
    if crc32fast::hash(body) != u32::from_le_bytes(*sum) {
        return Err("its checksum is of other bytes");
    }
    let mut input = Input { body, at: 0 };
    let n_rows = usize::from(u16::from_le_bytes(input.array()?));
    if !(1..=ROWS_MAX).contains(&n_rows) {
        return Err("a number of rows that no block has");
    }
    let mut rows = vec![[TermId::DEFAULT_GRAPH; 4]; n_rows];
    let mut column = vec![0; n_rows];
    for place in 0..4 {
        let form = input.byte()?;
        if form == CONSTANT {
            let value = TermId::from_block(u64::from_le_bytes(input.array()?));
            rows.iter_mut().for_each(|row| row[place] = value);
            continue;
        }
        match form {
            RUNS => decode_runs(&mut input, &mut column)?,
            PARTED => pack::decode(&mut input, &mut column)?,
            _ => return Err("a column of unknown form"),
        }
        for (row, &value) in rows.iter_mut().zip(&column) {
            row[place] = TermId::from_block(value);
        }
    }
    if input.at != body.len() {
        return Err("bytes behind its last column");
    }
    Ok(rows)
}

fn decode_runs(input: &mut Input<'_>, column: &mut [u64]) -> Result<(), &'static str> {
    let (mut value, mut at) = (0_u64, 0_usize);
    for _ in 0..input.varint()? {
        value = value.wrapping_add(unzigzag(input.varint()?) as u64);
        let len = usize::try_from(input.varint()?).map_err(|_| "a run longer than memory")?;
        let run = at..at.checked_add(len).ok_or("a run longer than memory")?;
        column.get_mut(run.clone()).ok_or("runs longer than the block")?.fill(value);
        at = run.end;
    }
    if at == column.len() { Ok(()) } else { Err("runs shorter than the block") }
}

/// The bytes of a block, read from the front.
struct Input<'a> {
    body: &'a [u8],
    at: usize,
}

impl<'a> Input<'a> {
    fn take(&mut self, n: usize) -> Result<&'a [u8], &'static str> {
        let end = self.at.checked_add(n).ok_or("a length beyond memory")?;
        let taken = self.body.get(self.at..end).ok_or("it ends within a column")?;
        self.at = end;
        Ok(taken)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], &'static str> {
        self.take(N)?.try_into().map_err(|_| "it ends within a column")
    }

    fn byte(&mut self) -> Result<u8, &'static str> {
        Ok(self.array::<1>()?[0])
    }

    fn varint(&mut self) -> Result<u64, &'static str> {
        let mut value = 0;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            value |= u64::from(byte & 127) << shift;
            if byte < 128 {
                return Ok(value);
            }
        }
        Err("a number of more than ten bytes")
    }
}

pub(crate) fn write_varint(mut value: u64, out: &mut Vec<u8>) {
    while value >= 128 {
        out.push(value as u8 | 128);
        value >>= 7;
    }
    out.push(value as u8);
}

/// A signed number as an unsigned one that is small if the number is near zero.
fn zigzag(value: i64) -> u64 {
    (value << 1 ^ value >> 63) as u64
}

fn unzigzag(value: u64) -> i64 {
    (value >> 1) as i64 ^ -((value & 1) as i64)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn rows(parts: &[(u8, u16, u64, bool)]) -> Vec<Row> {
        let id = |class: u64, payload: u64| TermId::from_block((class % 13) << 60 | payload & TermId::PAYLOAD_MAX);
        let row = |&(a, b, c, named): &(u8, u16, u64, bool)| {
            [id(1, u64::from(a)), id(1, u64::from(b)), id(c >> 60, c >> (a % 64)), id(u64::from(named), 5)]
        };
        let mut rows: Vec<Row> = parts.iter().map(row).collect();
        rows.sort_unstable();
        rows
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn a_block_gives_back_its_rows(parts in prop::collection::vec(any::<(u8, u16, u64, bool)>(), 1..700)) {
            let rows = rows(&parts);
            let mut bytes = Vec::new();
            encode(&rows, &mut bytes);
            prop_assert_eq!(decode(&bytes), Ok(rows));
        }

        #[test]
        fn a_damaged_block_is_refused(
            parts in prop::collection::vec(any::<(u8, u16, u64, bool)>(), 1..300),
            at: prop::sample::Index,
            bit in 0..8_u8,
        ) {
            let mut bytes = Vec::new();
            encode(&rows(&parts), &mut bytes);
            let at = at.index(bytes.len());
            prop_assert!(decode(&bytes[..at]).is_err());
            bytes[at] ^= 1_u8 << bit;
            prop_assert!(decode(&bytes).is_err());
        }

        #[test]
        fn bytes_that_are_no_block_are_refused_or_read_and_never_panic(
            mut bytes in prop::collection::vec(any::<u8>(), 0..400), n_rows in 1..400_u16,
        ) {
            // With a right checksum, so that the columns are reached.
            if let Some(count) = bytes.first_chunk_mut::<2>() {
                *count = n_rows.to_le_bytes();
            }
            if let Some(form) = bytes.get_mut(2) {
                *form %= 3;
            }
            let sum = crc32fast::hash(&bytes);
            bytes.extend_from_slice(&sum.to_le_bytes());
            let _read_or_refused = decode(&bytes);
        }
    }
}
