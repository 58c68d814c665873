//! Hypervectors as planes of bits: binding, exact sums, rotation, and vectors that everyone makes from the same names.
//!
//! A [`Bipolar`] vector is one bit a position, a [`Ternary`] one two; [`Code`] is what both can do. A [`Bundler`] adds
//! vectors into exact integers, [`Sums`], which are merged, subtracted and only then rounded. A [`Space`] makes vectors
//! from names. An [`ItemMemory`] finds vectors again by likeness, [`encode`] makes them of text and structures, a
//! [`Classifier`] learns from examples, [`theory`] says what all of it can hold, and [`hv`] keeps vectors in a file.
//! Nothing here knows an instruction set: that is `kernels::bits`, whose levels all give the same bits.
//! Start reading at `code.rs`.

mod bipolar;
mod bundler;
mod classify;
mod code;
mod dim;
pub mod encode;
mod error;
pub mod experiment;
pub mod hv;
mod levels;
mod memory;
mod planes;
mod space;
mod sums;
mod ternary;
pub mod theory;

pub use bipolar::Bipolar;
pub use bundler::Bundler;
pub use classify::{Classifier, Quantised, Rule, Verdict, WHOLE};
pub use code::Code;
pub use dim::{DIM_MAX, DIM_MIN, Dim};
pub use error::Error;
pub use kernels::bits::{Element, Line};
pub use levels::Levels;
pub use memory::{Certificate, Found, Hit, ItemId, ItemMemory, Scan};
pub use space::{Seed, Space};
pub use sums::{Sums, Ties};
pub use ternary::Ternary;
