//! The `.hv` container: vectors of one kind, with their names.
//!
//! All numbers are little-endian.
//!
//! | bytes | what |
//! | --- | --- |
//! | 0..4 | `HVEC` |
//! | 4..6 | version, 1 |
//! | 6 | kind: 0 bipolar, 1 ternary, 2 sums |
//! | 7 | packing: 0 planes, 1 base 3, 2 integers |
//! | 8..12 | dimensions |
//! | 12..16 | 1 if the rows have names, else 0 |
//! | 16..24 | rows |
//! | 24..32, 32..48 | seed and digest of the space that the vectors belong to, or zeros |
//! | 48..56 | where names begin: a multiple of 64, as is everything's start |
//! | 56..64 | length of the file |
//! | 64.. | rows, then zeros; names, each with its length in 4 bytes before it, then zeros |
//! | last 32 | BLAKE3 of everything before |
//!
//! A row of planes is its lines as they lie in memory. In base 3, byte `i` of a row holds positions `5 i` to `5 i + 4`
//! as digits 0, 1 and 2 for -1, 0 and 1, the first of them worth 1, the last 81. A row of sums is 8 bytes for the
//! vectors added and 4 for each sum, in the order of [`Sums::values`].

mod read;
mod write;

use crate::{Bipolar, Dim, Seed, Space, Sums, Ternary};

/// Vectors of one kind and dimension.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Rows {
    /// Vectors of signs, as planes.
    Bipolar(Vec<Bipolar>),
    /// Vectors of trits, in base 3: a fifth less than as planes.
    Ternary(Vec<Ternary>),
    /// Sums, as integers.
    Sums(Vec<Sums>),
}

impl Rows {
    /// Number of vectors.
    pub fn len(&self) -> usize {
        match self {
            Self::Bipolar(rows) => rows.len(),
            Self::Ternary(rows) => rows.len(),
            Self::Sums(rows) => rows.len(),
        }
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn kind(&self) -> Kind {
        match self {
            Self::Bipolar(_) => Kind::Bipolar,
            Self::Ternary(_) => Kind::Ternary,
            Self::Sums(_) => Kind::Sums,
        }
    }
}

/// What an `.hv` file holds.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Collection {
    /// Number of dimensions of every vector.
    pub dim: Dim,
    /// Seed and digest of the space that the vectors belong to, if they belong to one.
    pub space: Option<(Seed, [u8; 16])>,
    /// The vectors, in the order of their names.
    pub rows: Rows,
    /// A name for each vector, or none at all.
    pub names: Vec<String>,
}

impl Collection {
    /// Does `space` make the vectors that these belong to? Collections of no space belong to any.
    pub fn check_space(&self, space: &Space) -> Result<(), HvError> {
        match self.space {
            Some((seed, digest)) if digest != space.digest() => {
                Err(HvError::OtherSpace { file: seed.0, asked: space.seed().0 })
            }
            _ => Ok(()),
        }
    }
}

/// Kind of the rows, by its number in the file.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Kind {
    Bipolar = 0,
    Ternary = 1,
    Sums = 2,
}

impl Kind {
    fn of(number: u8) -> Option<Self> {
        [Self::Bipolar, Self::Ternary, Self::Sums].into_iter().find(|kind| *kind as u8 == number)
    }

    /// Number of the only packing of this kind.
    fn packing(self) -> u8 {
        self as u8
    }

    /// Bytes of a row.
    fn row_bytes(self, dim: Dim) -> u64 {
        match self {
            Self::Bipolar => (dim.n_lines() * 64) as u64,
            Self::Ternary => dim.to_usize().div_ceil(TRITS) as u64,
            Self::Sums => 8 + 4 * dim.to_usize() as u64,
        }
    }
}

const MAGIC: &[u8; 4] = b"HVEC";
const VERSION: u16 = 1;
const HEADER: usize = 64;
const DIGEST: usize = 32;
/// Trits of a byte, and how many values they have together.
const TRITS: usize = 5;
const VALUES: u8 = 243;

/// Why bytes are no `.hv` file, or vectors cannot become one.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[non_exhaustive]
#[allow(missing_docs, reason = "the messages say what the fields are")]
pub enum HvError {
    /// The first bytes are others.
    #[error("no .hv file: it begins with {0:02x?}, not with 48 56 45 43 (HVEC)")]
    Magic(Vec<u8>),
    /// A later version, or none.
    #[error("version {0} of .hv; this program reads version {VERSION}")]
    Version(u16),
    /// The bytes are too few or too many.
    #[error("{got} bytes, but its header says {expected}")]
    Length { expected: u64, got: u64 },
    /// A byte has changed since it was written.
    #[error("its BLAKE3 is not the one it ends with: it was damaged or cut")]
    Digest,
    /// A number of the header means nothing.
    #[error("header: {field} is {got}; {allowed}")]
    Header { field: &'static str, got: u64, allowed: &'static str },
    /// Rows, names and length do not fit each other.
    #[error("header: {field} is {got}, but {rows} rows of {dim} dimensions make it {expected}")]
    Layout { field: &'static str, got: u64, expected: u64, rows: u64, dim: u32 },
    /// A row is no vector.
    #[error("row {row}: {why}")]
    Row { row: u64, why: crate::Error },
    /// A byte of base 3 stands for no digits, or has digits behind the end.
    #[error("row {row}, byte {byte}: {got} {why}")]
    Trits { row: u64, byte: usize, got: u8, why: &'static str },
    /// A name is cut, or is no UTF-8.
    #[error("name {row}: {why}")]
    Name { row: u64, why: &'static str },
    /// Bytes between the parts are not zero.
    #[error("byte {at} lies between parts and is {got}, not 0")]
    Between { at: u64, got: u8 },
    /// There are not as many names as rows.
    #[error("{names} names for {rows} rows")]
    Names { names: usize, rows: usize },
    /// A vector has other dimensions than the collection.
    #[error("row {row} has {got} dimensions, the collection {expected}")]
    Dims { row: usize, got: u32, expected: u32 },
    /// The vectors belong to a space of another seed or dimension.
    #[error("the vectors belong to a space of seed {file}, not to that of seed {asked}")]
    OtherSpace { file: u64, asked: u64 },
}

#[cfg(test)]
mod tests;
