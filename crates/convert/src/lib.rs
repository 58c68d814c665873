//! Models from one container into another: whatever can be read tensor by tensor ([`Source`]) goes, row by row, into a
//! file that appears whole or not at all, and only after it was read back and compared.
//!
//! Start reading at `source.rs`: what every origin of a model offers; then `plan.rs`: what becomes of each tensor;
//! `write.rs` carries it out.

mod encode;
mod error;
mod file_type;
mod gguf_source;
pub mod hf;
mod json;
mod lookup_tables;
mod loss;
mod parallel;
mod plan;
mod prove;
pub mod quantise;
pub mod safetensors;
mod source;
pub mod synth;
mod ternary;
mod write;

pub use error::Error;
pub use gguf_source::GgufSource;
pub use lookup_tables::LookupTables;
pub use loss::Loss;
pub use parallel::Progress;
pub use plan::{Action, Freedom, Plan, PlannedTensor, TypeTotal};
pub use prove::{ClassProof, Proof, TensorProof, stored_name};
pub use source::{Rows, Source, SourceTensor, Stored};
pub use ternary::{Target, is_ternary_matrix, retyped};
pub use write::{WriteOptions, write};
