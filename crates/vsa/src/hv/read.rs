//! From bytes to vectors: nothing is allocated by a count that the file's length does not bear out.

use super::{Collection, DIGEST, HEADER, HvError, Kind, MAGIC, Rows, TRITS, VALUES, VERSION};
use crate::{Bipolar, Dim, Seed, Sums, Ternary};
use kernels::bits::{LINE_WORDS, Line};

/// A header whose numbers fit each other and the file.
struct Header {
    kind: Kind,
    dim: Dim,
    named: bool,
    rows: u64,
    space: Option<(Seed, [u8; 16])>,
    names_at: usize,
}

impl Collection {
    /// The vectors of an `.hv` file.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, HvError> {
        let header = header(bytes)?;
        let row_bytes = header.kind.row_bytes(header.dim) as usize;
        let end = HEADER + row_bytes * header.rows as usize;
        let rows = rows(&header, bytes[HEADER..end].chunks_exact(row_bytes))?;
        zeros(bytes, end, header.names_at)?;
        let last = bytes.len() - DIGEST;
        let (names, end) = names(&header, &bytes[header.names_at..last])?;
        zeros(bytes, header.names_at + end, last)?;
        Ok(Self { dim: header.dim, space: header.space, rows, names })
    }
}

fn number<const N: usize>(bytes: &[u8], at: usize) -> [u8; N] {
    std::array::from_fn(|i| bytes[at + i])
}

fn header(bytes: &[u8]) -> Result<Header, HvError> {
    if bytes.len() < 4 || &bytes[..4] != MAGIC {
        return Err(HvError::Magic(bytes.iter().copied().take(4).collect()));
    }
    let got = bytes.len() as u64;
    if bytes.len() < HEADER + DIGEST {
        return Err(HvError::Length { expected: (HEADER + DIGEST) as u64, got });
    }
    let version = u16::from_le_bytes(number(bytes, 4));
    if version != VERSION {
        return Err(HvError::Version(version));
    }
    let expected = u64::from_le_bytes(number(bytes, 56));
    if expected != got {
        return Err(HvError::Length { expected, got });
    }
    let (content, digest) = bytes.split_at(bytes.len() - DIGEST);
    if blake3::hash(content).as_bytes() != digest {
        return Err(HvError::Digest);
    }
    let wrong = |field, got: u64, allowed| HvError::Header { field, got, allowed };
    let kind = Kind::of(bytes[6]).ok_or_else(|| wrong("kind", bytes[6].into(), "kinds are 0, 1 and 2"))?;
    if bytes[7] != kind.packing() {
        return Err(wrong("packing", bytes[7].into(), "each kind has the packing of its own number"));
    }
    let dims = u32::from_le_bytes(number(bytes, 8));
    let dim = Dim::new(dims).map_err(|_| wrong("dimensions", dims.into(), "vectors have 64 to 1048576"))?;
    let named = u32::from_le_bytes(number(bytes, 12));
    if named > 1 {
        return Err(wrong("names", named.into(), "1 if there are names, else 0"));
    }
    let rows = u64::from_le_bytes(number(bytes, 16));
    let names_at = u64::from_le_bytes(number(bytes, 48));
    let layout = |field, got, expected| HvError::Layout { field, got, expected, rows, dim: dims };
    // No overflow: 2⁶⁴ in 128 bits.
    let end = (HEADER as u128 + u128::from(rows) * u128::from(kind.row_bytes(dim))).next_multiple_of(HEADER as u128);
    let expected = u64::try_from(end).map_err(|_| wrong("rows", rows, "they would be longer than any file"))?;
    if names_at != expected {
        return Err(layout("the start of the names", names_at, expected));
    }
    if !names_at.is_multiple_of(HEADER as u64) || names_at > got - DIGEST as u64 {
        return Err(layout("the length of the file", got, names_at + DIGEST as u64));
    }
    let (seed, digest) = (u64::from_le_bytes(number(bytes, 24)), number(bytes, 32));
    let space = (seed != 0 || digest != [0; 16]).then_some((Seed(seed), digest));
    Ok(Header { kind, dim, named: named == 1, rows, space, names_at: names_at as usize })
}

fn zeros(bytes: &[u8], from: usize, to: usize) -> Result<(), HvError> {
    match bytes[from..to].iter().position(|byte| *byte != 0) {
        Some(at) => Err(HvError::Between { at: (from + at) as u64, got: bytes[from + at] }),
        None => Ok(()),
    }
}

fn rows<'a>(header: &Header, rows: impl Iterator<Item = &'a [u8]>) -> Result<Rows, HvError> {
    let dim = header.dim;
    let numbered = rows.zip(0u64..);
    let in_row = |row: u64| move |why| HvError::Row { row, why };
    Ok(match header.kind {
        Kind::Bipolar => {
            let vector = |(bytes, row): (&[u8], u64)| Bipolar::from_lines(dim, lines(bytes)).map_err(in_row(row));
            Rows::Bipolar(numbered.map(vector).collect::<Result<_, _>>()?)
        }
        Kind::Ternary => {
            let vector = |(bytes, row)| Ternary::from_values(dim, &trits(dim, bytes, row)?).map_err(in_row(row));
            Rows::Ternary(numbered.map(vector).collect::<Result<_, _>>()?)
        }
        Kind::Sums => {
            let vector = |(bytes, row): (&[u8], u64)| {
                let sums = bytes[8..].as_chunks::<4>().0.iter().map(|sum| i32::from_le_bytes(*sum));
                let sums: Vec<i32> = sums.collect();
                Sums::from_values(dim, i64::from_le_bytes(number(bytes, 0)), &sums).map_err(in_row(row))
            };
            Rows::Sums(numbered.map(vector).collect::<Result<_, _>>()?)
        }
    })
}

fn lines(bytes: &[u8]) -> Vec<Line> {
    let words: Vec<u64> = bytes.as_chunks::<8>().0.iter().map(|word| u64::from_le_bytes(*word)).collect();
    words.as_chunks::<LINE_WORDS>().0.iter().map(|words| Line(*words)).collect()
}

fn trits(dim: Dim, bytes: &[u8], row: u64) -> Result<Vec<i8>, HvError> {
    let mut values = Vec::with_capacity(bytes.len() * TRITS);
    for (byte, &got) in bytes.iter().enumerate() {
        if got >= VALUES {
            return Err(HvError::Trits { row, byte, got, why: "is no five digits of base 3, which are below 243" });
        }
        let mut digits = got;
        for _ in 0..TRITS {
            values.push((digits % 3).cast_signed() - 1);
            digits /= 3;
        }
    }
    if let Some(at) = values[dim.to_usize()..].iter().position(|trit| *trit != 0) {
        let byte = (dim.to_usize() + at) / TRITS;
        return Err(HvError::Trits { row, byte, got: bytes[byte], why: "has digits behind the last dimension" });
    }
    values.truncate(dim.to_usize());
    Ok(values)
}

/// The names, and where they end.
fn names(header: &Header, bytes: &[u8]) -> Result<(Vec<String>, usize), HvError> {
    let (mut names, mut at) = (Vec::new(), 0);
    for row in 0..if header.named { header.rows } else { 0 } {
        let cut = HvError::Name { row, why: "cut by the end of the file" };
        let length = bytes.get(at..at + 4).ok_or_else(|| cut.clone())?;
        let start = at + 4;
        let end = start.saturating_add(u32::from_le_bytes(number(length, 0)) as usize);
        let name = bytes.get(start..end).ok_or(cut)?;
        let name = std::str::from_utf8(name).map_err(|_| HvError::Name { row, why: "not UTF-8" })?;
        names.push(name.to_owned());
        at = end;
    }
    Ok((names, at))
}
