//! [`Source`]: what every origin of a model offers, whether GGUF file, safetensors or HF folder.

use std::{ops::Range, path::PathBuf};

use gguf::{Metadata, TypeId};
use quant::{Format, TernaryRows};

use crate::Error;

/// A model that can be read tensor by tensor, some rows at a time and from several threads, so that no tensor need ever
/// be in memory whole.
pub trait Source: Sync {
    /// Path, for messages.
    fn name(&self) -> &str;
    /// Metadata as GGUF has it: architecture, hyper-parameters, tokenizer, chat template.
    fn metadata(&self) -> &Metadata;
    /// Tensors under GGUF's names, in the order in which they should be written.
    fn tensors(&self) -> &[SourceTensor];
    /// Rows `rows` of tensor `tensor` (its place in [`tensors`](Self::tensors)), as exact values.
    fn read(&self, tensor: usize, rows: Range<usize>) -> Result<Rows, Error>;

    /// The type under which a GGUF file can take the bytes of the tensor as they are; `None` where there are no such
    /// bytes.
    fn raw_type(&self, _tensor: usize) -> Option<TypeId> {
        None
    }

    /// Bytes `bytes` of a tensor that has a [`raw_type`](Self::raw_type).
    fn read_raw(&self, tensor: usize, _bytes: Range<u64>) -> Result<Vec<u8>, Error> {
        let tensor = self.tensors().get(tensor).map_or_else(String::new, |t| t.name.clone());
        Err(Error::Tensor {
            file: self.name().to_owned(),
            tensor,
            what: "has no bytes that GGUF could take".to_owned(),
        })
    }

    /// What reading does to weights beside renaming and reordering them, in words: after it they are not what the files
    /// hold.
    fn changes(&self) -> Vec<String> {
        Vec::new()
    }

    /// What it says and cannot mean, a line each: left out, and nothing else depends on it.
    fn warnings(&self) -> &[String] {
        &[]
    }

    /// The files that it is read from, which nothing may be written over.
    fn files(&self) -> Vec<PathBuf> {
        Vec::new()
    }
}

/// A tensor of a [`Source`].
#[derive(Clone, PartialEq, Debug)]
pub struct SourceTensor {
    /// GGUF's name.
    pub name: String,
    /// GGUF order: the first is the contiguous one (row length).
    pub dims: Vec<u64>,
    /// How its values are kept.
    pub stored: Stored,
}

/// How a source keeps the values of a tensor.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum Stored {
    /// In a format that is not ternary: [`Rows::Values`].
    As(Format),
    /// As -1, 0 and 1 under scales: [`Rows::Ternary`].
    Ternary,
    /// As bytes that only [`Source::read_raw`] gives: integers, or a type without a decoder.
    Opaque,
}

/// Some rows of a tensor.
#[derive(Clone, PartialEq, Debug)]
pub enum Rows {
    /// Exact values, row by row.
    Values(Vec<f32>),
    /// Exact codes and scales.
    Ternary(TernaryRows),
}

impl Rows {
    /// Exact values, row by row.
    pub fn into_values(self) -> Vec<f32> {
        match self {
            Self::Values(values) => values,
            Self::Ternary(rows) => rows.values(),
        }
    }
}

impl SourceTensor {
    /// Weights in a row.
    pub fn cols(&self) -> usize {
        self.dims.first().map_or(1, |&n| n as usize)
    }

    /// Rows of all outer dimensions together.
    pub fn n_rows(&self) -> usize {
        self.dims.iter().skip(1).product::<u64>() as usize
    }

    /// Rows of a matrix; a tensor of three dimensions is a stack of them.
    pub fn rows_per_matrix(&self) -> usize {
        self.dims.get(1).map_or(1, |&n| n as usize)
    }

    /// All of them.
    pub fn n_weights(&self) -> u64 {
        self.dims.iter().product()
    }
}
