//! [`Source`]: what every origin of a model offers, whether GGUF file, safetensors or HF folder.

use std::ops::Range;

use gguf::Metadata;
use quant::{Format, TernaryRows};

use crate::Error;

/// A model that can be read tensor by tensor, some rows at a time, so that no tensor need ever be in memory whole.
pub trait Source {
    /// Path, for messages.
    fn name(&self) -> &str;
    /// Metadata as GGUF has it: architecture, hyper-parameters, tokenizer, chat template.
    fn metadata(&self) -> &Metadata;
    /// Tensors under GGUF's names, in the order in which they should be written.
    fn tensors(&self) -> &[SourceTensor];
    /// Rows `rows` of tensor `tensor` (its place in [`tensors`](Self::tensors)), as exact values.
    fn read(&self, tensor: usize, rows: Range<usize>) -> Result<Rows, Error>;
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
}

/// Some rows of a tensor.
#[derive(Clone, PartialEq, Debug)]
pub enum Rows {
    /// Exact values, row by row.
    Values(Vec<f32>),
    /// Exact codes and scales.
    Ternary(TernaryRows),
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
}
