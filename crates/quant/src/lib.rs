//! Weight block formats: layout, scalar encode and exact decode; no SIMD, no I/O.
//!
//! A *block* is the smallest unit of a format: some weights and the scale they share. [`Format`] is the identity of a
//! format at run time; start reading there. Each format's file says what its bytes mean, once, as `block::Block`:
//! integer codes with a scale (and offset) per group of 16. Exact decoding and the integer kernels both go by that.

#![doc = include_str!("../README.md")]

pub mod balanced_ternary;
mod block;
mod encode;
mod fit;
mod float;
#[doc(hidden)]
pub mod for_specs;
mod format;
#[rustfmt::skip]
mod grids;
mod iq1;
mod iq2;
mod iq3;
mod iq4;
mod lookup;
mod microscaling;
mod q2_k;
mod q3_k;
mod q4_0;
mod q4_1;
mod q4_k;
mod q5_0;
mod q5_1;
mod q5_k;
mod q6_k;
mod q8_0;
mod small;
mod stored_matrix;
pub mod ternarise;
mod ternary;
mod ternary_encoder;
mod ternary_rows;

pub use block::GROUP;
pub use encode::EncodeError;
pub use format::{Format, UnknownFormat};
pub use lookup::{LookupError, LookupLayout, LookupMatrix, LookupTiling};
pub use stored_matrix::{NotTernary, SizeMismatch, StoredMatrix};
pub use ternary::{OuterScale, ScaleType, i2_s::deinterleave as deinterleave_i2_s, tri};
pub use ternary_encoder::{TernaryEncoder, TernaryError};
pub use ternary_rows::TernaryRows;
