//! [`Synth`]: seeded random models of published shapes, made row by row. They say nothing; they are for speed, memory
//! and round trips.
//!
//! Matrices are -1, 0 and 1, equally often, under one scale per tensor of four bits, so that every ternary container
//! and every float holds the same weights. Embeddings are such that F32, F16, BF16 and Q8_0 hold them exactly; other
//! types round them. A family is a table of keys and tensors (`synth/family.rs`), a shape a row of numbers for it.

mod family;
mod random;
mod shape;
mod vocabulary;

use std::ops::Range;

use gguf::{Metadata, Value};
use quant::{Format, TernaryRows};

use crate::{
    Error,
    file_type::{FILE_TYPE, QUANTIZATION_VERSION, VERSION},
    plan::{Action, Freedom, Plan, PlannedTensor, misfit},
    quantise::{self, Mix, Options, Rule},
    source::{Rows, Source, SourceTensor, Stored},
};
use family::{FAMILIES, Family, Values};
use random::{Random, scale};

pub use shape::{AttentionLayers, DeltaHeads, SHAPES, Shape};

/// Returns every `general.architecture` that a [`Synth`] can have.
pub fn architectures() -> impl Iterator<Item = &'static str> {
    FAMILIES.iter().flat_map(|family| family.architectures.iter().copied())
}

/// A random model, as a [`Source`].
pub struct Synth {
    name: String,
    seed: u64,
    metadata: Metadata,
    tensors: Vec<SourceTensor>,
    /// What is in each of `tensors`.
    values: Vec<Values>,
}

impl Synth {
    /// Makes the model of `shape` and `seed` under `architecture`, one of the shape's.
    pub fn new(shape: &Shape, architecture: &str, seed: u64) -> Result<Self, Error> {
        let family = Family::of(architecture).filter(|_| shape.architectures.contains(&architecture));
        let Some(family) = family else {
            let known = shape.architectures.join(" or ");
            return Err(Error::Option(format!("architecture {architecture:?}, shape {} is of {known}", shape.name)));
        };
        let name = format!("synth-{}-{seed}", shape.name);
        let mut metadata = Metadata::default();
        metadata.set("general.architecture", Value::String(architecture.to_owned()));
        metadata.set("general.name", Value::String(name.clone()));
        family.set_keys(&mut metadata, shape, architecture);
        family.vocabulary.set(&mut metadata, shape.n_vocab);
        let stored = |values| if values == Values::Ternary { Stored::Ternary } else { Stored::As(Format::F32) };
        let tensors = family.tensors(shape).into_iter();
        let (tensors, values) =
            tensors.map(|(name, dims, values)| (SourceTensor { name, dims, stored: stored(values) }, values)).unzip();
        Ok(Self { name, seed, metadata, tensors, values })
    }

    /// Plans matrices as `ternary`, embeddings as `embedding` and all else as F32.
    pub fn plan(&self, ternary: Format, embedding: Format) -> Result<Plan, Error> {
        let mut metadata = self.metadata.clone();
        if let Some(number) = ternary.file_type() {
            metadata.set(FILE_TYPE, Value::U32(number));
        }
        metadata.set(VERSION, Value::U32(QUANTIZATION_VERSION));
        let tensors = self.tensors.iter().zip(&self.values).map(|(tensor, values)| {
            let (format, freedom) = match values {
                Values::Ternary => (ternary, Freedom::Exact),
                Values::Embedding => (embedding, Freedom::Nearest),
                _ => (Format::F32, Freedom::Exact),
            };
            match format.row_bytes(tensor.cols()) {
                Some(_) => Ok(PlannedTensor::new(Action::Encode { format, freedom })),
                None => Err(misfit(self, tensor, format.name(), format.block_len() as u64)),
            }
        });
        Ok(Plan { tensors: tensors.collect::<Result<_, _>>()?, metadata })
    }

    /// Plans what the quantiser makes of the model by `mix`, with `rules` as exceptions.
    pub fn quantised(&self, mix: Mix, rules: &[Rule]) -> Result<Plan, Error> {
        let options = Options { mix, is_pure: false, rules, importance: None, ternary: Freedom::Exact };
        quantise::plan(self, &options)
    }
}

impl Source for Synth {
    fn name(&self) -> &str {
        &self.name
    }

    fn metadata(&self) -> &Metadata {
        &self.metadata
    }

    fn tensors(&self) -> &[SourceTensor] {
        &self.tensors
    }

    fn read(&self, tensor: usize, rows: Range<usize>) -> Result<Rows, Error> {
        let (Some(SourceTensor { dims, .. }), Some(values)) = (self.tensors.get(tensor), self.values.get(tensor))
        else {
            return Err(Error::Invalid { file: self.name.clone(), what: format!("there is no tensor {tensor}") });
        };
        let cols = dims.first().map_or(1, |&n| n as usize);
        let random = |row| Random::new(self.seed, tensor, row);
        let row: &dyn Fn(usize) -> Vec<f32> = match values {
            Values::Ternary => {
                let codes = rows.clone().flat_map(|row| random(row).trits(cols)).collect();
                let scales = vec![scale(cols, Random::new(self.seed, tensor, usize::MAX).bits()); rows.len()];
                return Ok(Rows::Ternary(TernaryRows { cols, span: cols, codes, scales }));
            }
            Values::Embedding | Values::Small => &|row| random(row).embedding(cols),
            Values::Taps => &|row| random(row).taps(cols),
            Values::Norm => &|row| random(row).norm(cols),
            Values::Decay => &|row| random(row).norm(cols).into_iter().map(|x| -x).collect(),
        };
        Ok(Rows::Values(rows.flat_map(row).collect()))
    }
}
