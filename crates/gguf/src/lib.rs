//! The GGUF container: strict reader over bytes and over a map, writer, splits, metadata editing.
//!
//! [`Container`] is a model file, or all parts of a split one, checked from end to end before it is returned.
//! Format: the GGUF document of the ggml project (versions 2 and 3, little-endian).

use std::{path::Path, sync::Arc};

/// A metadata value.
#[derive(Clone, PartialEq, Debug)]
#[allow(missing_docs, reason = "GGUF's own type names")]
pub enum Value {
    U8(u8),
    I8(i8),
    U16(u16),
    I16(i16),
    U32(u32),
    I32(i32),
    F32(f32),
    Bool(bool),
    String(String),
    Array(Array),
    U64(u64),
    I64(i64),
    F64(f64),
}

/// A one-dimensional metadata array.
#[derive(Clone, PartialEq, Debug)]
#[allow(missing_docs, reason = "GGUF's own type names")]
pub enum Array {
    U8(Vec<u8>),
    I8(Vec<i8>),
    U16(Vec<u16>),
    I16(Vec<i16>),
    U32(Vec<u32>),
    I32(Vec<i32>),
    F32(Vec<f32>),
    Bool(Vec<bool>),
    String(Vec<String>),
    U64(Vec<u64>),
    I64(Vec<i64>),
    F64(Vec<f64>),
}

/// Why a file was refused. One line, lower case, names the thing, expected and got.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Replace with real variants.
    #[error("{0}")]
    Other(String),
}

/// Metadata in file order, unique keys.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Metadata {
    entries: Vec<(String, Value)>,
}

impl Metadata {
    /// The value of `key`.
    pub fn get(&self, key: &str) -> Option<&Value> {
        self.entries.iter().find(|(k, _)| k == key).map(|(_, v)| v)
    }

    /// Keys and values in file order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Value)> {
        self.entries.iter().map(|(k, v)| (k.as_str(), v))
    }

    /// Adds or replaces.
    pub fn set(&mut self, _key: impl Into<String>, _value: Value) {
        unimplemented!()
    }

    /// An unsigned integer of any width (a non-negative signed one too); `Ok(None)` if absent, an error that names key, expected and found type otherwise.
    pub fn u64(&self, _key: &str) -> Result<Option<u64>, Error> {
        unimplemented!()
    }

    /// The same, and it must fit.
    pub fn u32(&self, _key: &str) -> Result<Option<u32>, Error> {
        unimplemented!()
    }

    /// `f32` or `f64`.
    pub fn f32(&self, _key: &str) -> Result<Option<f32>, Error> {
        unimplemented!()
    }

    /// Boolean.
    pub fn bool(&self, _key: &str) -> Result<Option<bool>, Error> {
        unimplemented!()
    }

    /// String.
    pub fn str(&self, _key: &str) -> Result<Option<&str>, Error> {
        unimplemented!()
    }

    /// Array of strings.
    pub fn strings(&self, _key: &str) -> Result<Option<&[String]>, Error> {
        unimplemented!()
    }

    /// Array of `f32`.
    pub fn f32s(&self, _key: &str) -> Result<Option<&[f32]>, Error> {
        unimplemented!()
    }

    /// Array of integers of any width that fit `i64`.
    pub fn i64s(&self, _key: &str) -> Result<Option<Vec<i64>>, Error> {
        unimplemented!()
    }
}

/// The raw tensor type id of the file. `model::load` turns it into a `quant::Format`; nobody else asks.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct TypeId(pub u32);

/// One tensor of the directory, checked: its byte range lies inside the file.
#[derive(Clone, PartialEq, Debug)]
pub struct TensorInfo {
    /// Unique name.
    pub name: String,
    /// GGUF order: the first is the contiguous one (row length).
    pub dims: Vec<u64>,
    /// Raw type.
    pub type_id: TypeId,
    /// Which part of a split model (0 for a single file).
    pub part: usize,
    /// Absolute byte offset in that part.
    pub offset: u64,
    /// Bytes of data, without padding.
    pub n_bytes: u64,
}

/// Bytes of one tensor that keep their file alive; cheap to clone; derefs to `[u8]`.
#[derive(Clone)]
pub struct TensorBytes {
    part: Arc<Vec<u8>>,
}

impl std::ops::Deref for TensorBytes {
    type Target = [u8];
    fn deref(&self) -> &[u8] {
        &self.part
    }
}

/// A model file, or all parts of a split one: metadata of the first part, tensors of all.
pub struct Container {
    metadata: Metadata,
    tensors: Vec<TensorInfo>,
}

impl Container {
    /// Maps `path` (and, for `NAME-00001-of-0000N.gguf`, its siblings) and checks everything but the weights' values.
    pub fn open(_path: &Path) -> Result<Self, Error> {
        unimplemented!()
    }

    /// A container in memory: `name` stands for the path in errors.
    pub fn from_bytes(_name: &str, _bytes: Vec<u8>) -> Result<Self, Error> {
        unimplemented!()
    }

    /// The same over bytes compiled into the program.
    pub fn from_static(_name: &str, _bytes: &'static [u8]) -> Result<Self, Error> {
        unimplemented!()
    }

    /// Path or name, for messages.
    pub fn name(&self) -> &str {
        unimplemented!()
    }

    /// GGUF version (2 or 3).
    pub fn version(&self) -> u32 {
        unimplemented!()
    }

    /// Key-value pairs.
    pub fn metadata(&self) -> &Metadata {
        &self.metadata
    }

    /// All tensors, in directory order.
    pub fn tensors(&self) -> &[TensorInfo] {
        &self.tensors
    }

    /// The tensor called `name`.
    pub fn tensor(&self, _name: &str) -> Option<&TensorInfo> {
        unimplemented!()
    }

    /// Its bytes.
    pub fn bytes(&self, _tensor: &TensorInfo) -> TensorBytes {
        unimplemented!()
    }

    /// Sum of the sizes of all parts.
    pub fn file_bytes(&self) -> u64 {
        unimplemented!()
    }
}

/// A token id: the index of an entry of `tokenizer.ggml.tokens` and of a row of the embedding matrix.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct TokenId(pub u32);
