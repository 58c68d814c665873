//! Models in memory and scratch folders.

use std::{ops::ControlFlow, path::Path};

use convert::{Error, GgufSource, Plan, Proof, Rows, Source, SourceTensor, Stored, WriteOptions};
use gguf::{Metadata, Value};
use quant::Format;

/// A source of named F32 tensors.
pub(crate) struct Values {
    metadata: Metadata,
    tensors: Vec<SourceTensor>,
    data: Vec<Vec<f32>>,
}

impl Values {
    pub(crate) fn new() -> Self {
        let mut metadata = Metadata::default();
        metadata.set("general.architecture", Value::String("llama".to_owned()));
        metadata.set("a.number", Value::F32(0.1));
        Self { metadata, tensors: Vec::new(), data: Vec::new() }
    }

    pub(crate) fn with(mut self, name: &str, dims: &[u64], values: Vec<f32>) -> Self {
        assert_eq!(dims.iter().product::<u64>(), values.len() as u64);
        let stored = Stored::As(Format::F32);
        self.tensors.push(SourceTensor { name: name.to_owned(), dims: dims.to_vec(), stored });
        self.data.push(values);
        self
    }
}

impl Source for Values {
    fn name(&self) -> &'static str {
        "values"
    }

    fn metadata(&self) -> &Metadata {
        &self.metadata
    }

    fn tensors(&self) -> &[SourceTensor] {
        &self.tensors
    }

    fn read(&self, tensor: usize, rows: std::ops::Range<usize>) -> Result<Rows, Error> {
        let cols = self.tensors[tensor].cols();
        Ok(Rows::Values(self.data[tensor][rows.start * cols..rows.end * cols].to_vec()))
    }
}

/// Writes with two threads and nobody watching.
pub(crate) fn write(source: &dyn Source, plan: &Plan, to: &Path) -> Result<Proof, Error> {
    let options = WriteOptions { n_threads: 2, may_replace: false, split_bytes: None };
    convert::write(source, plan, to, options, &|_| ControlFlow::Continue(()))
}

/// Reads all values of a tensor.
pub(crate) fn values(source: &dyn Source, name: &str) -> Vec<f32> {
    let tensor = source.tensors().iter().position(|t| t.name == name).unwrap_or_else(|| panic!("no {name}"));
    source.read(tensor, 0..source.tensors()[tensor].n_rows()).unwrap().into_values()
}

pub(crate) fn open(path: &Path) -> GgufSource {
    GgufSource::open(path).unwrap()
}
