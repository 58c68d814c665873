//! The GGUF container: strict reader over bytes and over a map, writer, splits, metadata editing.
//!
//! [`Container`] is a model file, or all parts of a split one, checked from end to end before it is returned: names are
//! unique, every tensor's bytes lie inside the file, none overlap. Start in `reader.rs`.
//! Format: the GGUF document of the ggml project (versions 2 and 3, little-endian).

mod container;
mod disambiguate;
#[cfg(not(target_arch = "wasm32"))]
mod edit;
mod error;
mod escape;
#[cfg(not(target_arch = "wasm32"))]
mod file;
#[doc(hidden)]
pub mod for_specs;
mod i2_s;
mod imatrix;
mod kind;
pub mod limits;
mod map;
mod metadata;
mod oracle;
mod reader;
pub mod seal;
#[cfg(not(target_arch = "wasm32"))]
pub mod split;
mod split_keys;
#[cfg(not(target_arch = "wasm32"))]
mod stamp;
mod standard_keys;
mod tensor_type;
mod token;
mod value;
mod value_type;
mod writer;

pub use container::{Container, Head, TensorBytes, TensorInfo};
pub use disambiguate::FOLDED;
#[cfg(not(target_arch = "wasm32"))]
pub use edit::rewrite_metadata;
pub use error::Error;
pub use escape::{escape, must_escape, push_escaped};
#[cfg(not(target_arch = "wasm32"))]
pub use file::NewFile;
pub use i2_s::{I2_S_ORDER, I2sOrder, is_i2_s};
pub use imatrix::{Importance, ImportanceMatrix};
pub use kind::FileKind;
#[cfg(not(target_arch = "wasm32"))]
pub use map::MappedFile;
pub use metadata::Metadata;
pub use oracle::oracle;
pub use reader::Q2_0_BLOCK_LEN;
#[cfg(not(target_arch = "wasm32"))]
pub use stamp::{FileChange, Stamp};
pub use standard_keys::{documented_types, is_token_key};
pub use tensor_type::{Layout, TypeId};
pub use token::TokenId;
pub use value::{Array, Value};
pub use value_type::{Scalar, ValueType};
pub use writer::{TensorSpec, Writer};
