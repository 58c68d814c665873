//! [`Source`]: what every origin of a model offers, whether GGUF file, safetensors or HF folder.

use std::{ops::Range, path::PathBuf};

use gguf::{Metadata, TypeId};
use quant::{Format, TernaryRows};

use crate::Error;

/// Bytes that are asked of [`Source::read_raw`] at a time.
pub(crate) const COPY_BYTES: u64 = 8 << 20;

/// A model that can be read tensor by tensor, some rows at a time and from several threads, so that no tensor need ever
/// be in memory whole.
pub trait Source: Sync {
    /// Path of the model, for messages.
    fn name(&self) -> &str;
    /// Returns the metadata as GGUF has it: architecture, hyper-parameters, tokenizer, chat template.
    fn metadata(&self) -> &Metadata;
    /// Returns the tensors under GGUF's names, in the order in which they should be written.
    fn tensors(&self) -> &[SourceTensor];
    /// Reads rows `rows` of tensor `tensor` (its index in [`tensors`](Self::tensors)) as exact values.
    fn read(&self, tensor: usize, rows: Range<usize>) -> Result<Rows, Error>;

    /// Returns the type under which a GGUF file can take the bytes of the tensor as they are; `None` where there are no
    /// such bytes.
    fn raw_type(&self, _tensor: usize) -> Option<TypeId> {
        None
    }

    /// Reads bytes `bytes` of a tensor that has a [`raw_type`](Self::raw_type).
    fn read_raw(&self, tensor: usize, _bytes: Range<u64>) -> Result<Vec<u8>, Error> {
        let tensor = self.tensors().get(tensor).map_or_else(String::new, |t| t.name.clone());
        Err(Error::Tensor {
            file: self.name().to_owned(),
            tensor,
            what: "has no bytes that GGUF could take".to_owned(),
        })
    }

    /// Tells in words what reading does to weights beside renaming and reordering them: after it they are not what the
    /// files hold.
    fn changes(&self) -> Vec<String> {
        Vec::new()
    }

    /// Returns lines about what the source says and cannot mean: it was left out, and nothing else depends on it.
    fn warnings(&self) -> &[String] {
        &[]
    }

    /// Returns the paths of the files that the source is read from, which nothing may be written over.
    fn files(&self) -> Vec<PathBuf> {
        Vec::new()
    }
}

/// A tensor of a [`Source`], under its GGUF name.
#[derive(Clone, PartialEq, Debug)]
pub struct SourceTensor {
    /// Name of the tensor in GGUF.
    pub name: String,
    /// Dimensions in GGUF's order: the first is the contiguous one (row length).
    pub dims: Vec<u64>,
    /// Form in which the source keeps the values.
    pub stored: Stored,
}

/// Form in which a source keeps the values of a tensor.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum Stored {
    /// Values in a format that is not ternary; rows are [`Rows::Values`].
    As(Format),
    /// Codes -1, 0 and 1 under scales; rows are [`Rows::Ternary`].
    Ternary,
    /// Bytes that only [`Source::read_raw`] returns: integers, or a type without a decoder.
    Opaque,
}

/// Rows of a tensor, as exact values.
#[derive(Clone, PartialEq, Debug)]
pub enum Rows {
    /// Float values, row by row.
    Values(Vec<f32>),
    /// Codes -1, 0, 1 and their scales.
    Ternary(TernaryRows),
}

impl Rows {
    /// Returns the rows as float values, row by row.
    pub fn into_values(self) -> Vec<f32> {
        match self {
            Self::Values(values) => values,
            Self::Ternary(rows) => rows.values(),
        }
    }
}

impl SourceTensor {
    /// Number of weights in a row.
    pub fn cols(&self) -> usize {
        self.dims.first().map_or(1, |&n| n as usize)
    }

    /// Number of rows of all outer dimensions together.
    pub fn n_rows(&self) -> usize {
        self.dims.iter().skip(1).product::<u64>() as usize
    }

    /// Number of rows of a matrix; a tensor of three dimensions is a stack of matrices.
    pub fn rows_per_matrix(&self) -> usize {
        self.dims.get(1).map_or(1, |&n| n as usize)
    }

    /// Number of weights of the tensor.
    pub fn n_weights(&self) -> u64 {
        self.dims.iter().product()
    }
}
