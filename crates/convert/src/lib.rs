//! Models from one container into another: whatever can be read tensor by tensor ([`Source`]) goes, row by row, into a file that appears whole
//! or not at all.
//!
//! Start reading at `source.rs`: what every origin of a model offers.

mod error;
pub mod hf;
mod json;
pub mod safetensors;
mod source;

pub use error::Error;
pub use source::{Rows, Source, SourceTensor, Stored};
