//! The GGUF container: strict reader over bytes and over a map, writer, splits, metadata editing.
//!
//! [`Container`] is a model file, or all parts of a split one, checked from end to end before it is returned: names are
//! unique, every tensor's bytes lie inside the file, none overlap. Start in `reader.rs`.
//! Format: the GGUF document of the ggml project (versions 2 and 3, little-endian).

mod container;
mod error;
pub mod limits;
mod map;
mod metadata;
mod reader;
#[cfg(not(target_arch = "wasm32"))]
mod split;
mod tensor_type;
mod token;
mod value;

pub use container::{Container, TensorBytes, TensorInfo};
pub use error::Error;
pub use metadata::Metadata;
pub use tensor_type::{TypeId, TypeLayout};
pub use token::TokenId;
pub use value::{Array, Value};
