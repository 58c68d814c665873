//! Models as Hugging Face's `transformers` keeps them: a folder with `config.json`, safetensors and `tokenizer.json`.
//!
//! [`open`] reads no weight: it checks that every tensor which the configuration implies is there, in its shape, and
//! that nothing is left over. Names and order of rows become GGUF's; weights are read when asked for. Start at
//! `weights.rs`.

mod adapter;
mod config;
mod family;
mod fields;
mod quantization;
mod rope;
mod sampling;
mod template;
mod ternary;
mod tokenizer;
mod weights;

use std::{ops::Range, path::Path};

use gguf::{Metadata, TypeId, Value};

use crate::{
    Error, json,
    safetensors::Checkpoint,
    source::{Rows, Source, SourceTensor, Stored},
};
pub use adapter::{is_adapter, open_adapter};
use config::Config;
use weights::Weights;

/// File that says that weights were multiplied by a Hadamard matrix: without the same on the activations they are
/// noise.
const ROTATED: &str = "hadamard.json";

/// Choices of the caller of [`open`].
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct HfOptions {
    /// Treatment of full-precision weights of a BitNet model.
    pub ternarise: Ternarise,
}

/// Treatment of the masters of a BitNet model: the float weights that training rounds to ternary ones at every use.
///
/// A BitNet architecture without a `quantization_config` is a model of floats to transformers, although it was trained
/// as one of ternary weights.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Ternarise {
    /// Masters become ternary where transformers makes them so: where `quantization_mode` is online.
    #[default]
    AsConfigured,
    /// Masters become ternary there, and in a BitNet architecture without any `quantization_config`.
    Undeclared,
    /// Masters always become ternary; a model that is no BitNet is refused.
    Always,
    /// Masters stay as they are, which is not what the model computes with.
    Never,
}

/// A model in a folder.
pub struct HuggingFace {
    name: String,
    metadata: Metadata,
    weights: Weights,
    has_undeclared_masters: bool,
    warnings: Vec<String>,
}

impl HuggingFace {
    /// Whether the weights are the floats of a BitNet architecture whose configuration does not say that they are used
    /// as ternary ones.
    pub fn has_undeclared_masters(&self) -> bool {
        self.has_undeclared_masters
    }
}

/// Opens a folder, or a single `.safetensors` file with `config.json` and the tokenizer beside it.
pub fn open(path: &Path, options: &HfOptions) -> Result<HuggingFace, Error> {
    let checkpoint = Checkpoint::open(path)?;
    let folder = if path.is_dir() { path } else { path.parent().unwrap_or_else(|| Path::new("")) };
    let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
    let (config, mut metadata) = Config::read(folder)?;
    if let Some(name) = folder_name(folder) {
        metadata.set("general.name", Value::String(name));
    }
    if folder.join(ROTATED).exists() {
        return Err(json::invalid(folder, format!("{ROTATED}: weights that are stored rotated are not supported")));
    }
    // First: after it, widths of the configuration are those of tensors that are there.
    let weights = Weights::new(&checkpoint, &config, *options)?;
    if let Some(tensor) = weights.tensors().iter().find(|t| t.name == "dense_2.weight") {
        let (n_in, n_out) = (tensor.cols() as u32, tensor.n_rows() as u32);
        for (name, n) in [("2_feat_in", n_in), ("2_feat_out", n_out), ("3_feat_in", n_out), ("3_feat_out", n_in)] {
            metadata.set(config.key(&format!("dense_{name}")), Value::U32(n));
        }
    }
    let mut warnings = tokenizer::read(folder, &config, &mut metadata)?;
    warnings.extend(weights.left_out().iter().map(|what| format!("{}: {what}: left out", path.display())));
    warnings.extend(sampling::read(folder, &mut metadata)?);
    template::read(folder, &mut metadata)?;
    let has_undeclared_masters = config.family.is_ternary
        && !config.quantization.is_declared
        && !weights.tensors().iter().any(|t| t.stored == Stored::Ternary);
    Ok(HuggingFace { name: path.display().to_string(), metadata, weights, has_undeclared_masters, warnings })
}

/// Returns the name of the folder, however its path was written.
fn folder_name(folder: &Path) -> Option<String> {
    Some(folder.canonicalize().ok()?.file_name()?.to_str()?.to_owned())
}

impl Source for HuggingFace {
    fn name(&self) -> &str {
        &self.name
    }

    fn metadata(&self) -> &Metadata {
        &self.metadata
    }

    fn tensors(&self) -> &[SourceTensor] {
        self.weights.tensors()
    }

    fn changes(&self) -> Vec<String> {
        self.weights.changes()
    }

    fn warnings(&self) -> &[String] {
        &self.warnings
    }

    fn read(&self, tensor: usize, rows: Range<usize>) -> Result<Rows, Error> {
        self.weights.read(&self.name, tensor, rows)
    }

    fn raw_type(&self, tensor: usize) -> Option<TypeId> {
        self.weights.raw_type(tensor)
    }

    fn read_raw(&self, tensor: usize, bytes: Range<u64>) -> Result<Vec<u8>, Error> {
        self.weights.read_raw(tensor, bytes.clone()).ok_or_else(|| {
            let name = self.tensors().get(tensor).map_or_else(String::new, |t| t.name.clone());
            let what = format!("bytes {bytes:?}, of which GGUF could not take any");
            Error::Tensor { file: self.name.clone(), tensor: name, what }
        })
    }
}
