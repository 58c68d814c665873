//! Weight block formats: layout, scalar encode and exact decode; no SIMD, no I/O.
//!
//! A *block* is the smallest unit of a format: some weights and the scale they share. [`Format`] is the identity of a
//! format at run time; start reading there.

mod format;

pub use format::{Format, UnknownFormat};
