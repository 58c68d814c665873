//! Hypervectors as planes of bits: binding, exact sums, rotation, and vectors that everyone makes from the same names.
//!
//! A [`Bipolar`] vector is one bit a position, a [`Ternary`] one two; [`Code`] is what both can do. A [`Bundler`] adds
//! vectors into exact integers, [`Sums`], which are merged, subtracted and only then rounded. A [`Space`] makes vectors
//! from names. Nothing here knows an instruction set: that is `kernels::bits`, whose levels all give the same bits.
//! Start reading at `code.rs`.

mod bipolar;
mod bundler;
mod code;
mod dim;
mod error;
mod levels;
mod planes;
mod space;
mod sums;
mod ternary;

pub use bipolar::Bipolar;
pub use bundler::Bundler;
pub use code::Code;
pub use dim::{DIM_MAX, DIM_MIN, Dim};
pub use error::Error;
pub use kernels::bits::{Element, Line};
pub use levels::Levels;
pub use space::{Seed, Space};
pub use sums::{Sums, Ties};
pub use ternary::Ternary;
