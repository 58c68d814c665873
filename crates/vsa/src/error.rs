//! Why there is no vector as asked for.

use crate::{DIM_MAX, DIM_MIN};

/// A refused dimension, plane or count.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[non_exhaustive]
#[allow(missing_docs, reason = "the messages say what the fields are")]
pub enum Error {
    /// No vector has so few or so many positions.
    #[error("{dim} dimensions: vectors have {DIM_MIN} to {DIM_MAX}")]
    Dim { dim: u64 },
    /// Two vectors, or a vector and a sum, do not fit each other.
    #[error("vectors of {left} and of {right} dimensions")]
    DimsDiffer { left: u32, right: u32 },
    /// Only whole words can be turned.
    #[error("vectors of {dim} dimensions do not rotate, as that is no multiple of 64: {below} and {above} are")]
    Rotate { dim: u32, below: u32, above: u32 },
    /// A plane has too few or too many words.
    #[error("a plane of {got} words, but {dim} dimensions have {expected}")]
    Words { dim: u32, expected: usize, got: usize },
    /// A vector has too few or too many lines of 512 bits.
    #[error("a vector of {got} lines, but {dim} dimensions have {expected}")]
    Lines { dim: u32, expected: usize, got: usize },
    /// A list of values is as long as no vector of the dimension.
    #[error("{got} values for {dim} dimensions")]
    Values { dim: u32, got: usize },
    /// A value is none that such a vector holds.
    #[error("value {value} at position {index}: {element} vectors hold {allowed}")]
    Value { index: usize, value: i64, element: &'static str, allowed: &'static str },
    /// The plane of signs says minus where the other one says zero.
    #[error("bit {bit} of word {word} is set in the plane of signs, but not in that of nonzero positions")]
    SignOfZero { word: usize, bit: u32 },
    /// A bit is set where there is no position.
    #[error("bit {bit} of word {word} is set, but behind the end of {dim} dimensions")]
    BehindEnd { word: usize, bit: u32, dim: u32 },
    /// Sums could leave their integers.
    #[error("{more} vectors added to {added}: sums hold at most {max}")]
    Full { added: u64, more: u64, max: u64 },
    /// So many positions of a sparse vector do not exist.
    #[error("{nonzero} nonzero positions of {dim}")]
    Nonzero { nonzero: u32, dim: u32 },
    /// So many levels would not all differ.
    #[error("{n} levels: {dim} dimensions have 2 to {max} that differ")]
    Levels { n: u32, dim: u32, max: u32 },
    /// There is no level of that number.
    #[error("level {level} of {n}, counted from 0")]
    Level { level: u32, n: u32 },
    /// An item memory counts items in 32 bits.
    #[error("{n} items: a memory has room for no more")]
    Items { n: usize },
    /// There is no class of that number.
    #[error("class {class} of {n}, counted from 0")]
    Class { class: usize, n: usize },
}
