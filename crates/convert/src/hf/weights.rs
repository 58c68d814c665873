//! [`Weights`]: every tensor of the model under GGUF's name, and where its values come from.

mod adapter;
mod floats;
mod mxfp4;
mod order;
mod plan;

use std::{ops::Range, sync::OnceLock};

use gguf::TypeId;
use quant::{Format, TernaryRows};

use super::{
    HfOptions,
    config::Config,
    family::Function,
    ternary::{self, Absmean},
};
use crate::{
    Error,
    safetensors::{Checkpoint, Place},
    source::{Rows, SourceTensor},
};
use floats::{Floats, RowOrder};
use mxfp4::Mxfp4;

/// All tensors of a model.
pub(super) struct Weights {
    tensors: Vec<SourceTensor>,
    /// Origin of the values of each tensor.
    origins: Vec<Origin>,
    /// Number of vectors of decays whose logarithms the checkpoint holds.
    n_decays: usize,
    /// What the checkpoint has beside the model, and was left out.
    left_out: Vec<&'static str>,
}

/// Origin of a tensor's values.
enum Origin {
    /// Values computed from the configuration.
    Values(Vec<f32>),
    /// Floats of the checkpoint, and what becomes of each.
    Floats { floats: Floats, function: Function },
    /// Floats of several matrices of the checkpoint, one after the other.
    Stack(Vec<Floats>),
    /// Codes of four bits under scales, which GGUF takes as they are, in another order.
    Mxfp4(Mxfp4),
    /// Codes kept as floats, under one scale.
    Codes { floats: Floats, scale: f32 },
    /// Codes, four rows to a byte, under one scale.
    Packed { place: Place, order: RowOrder, scale: f32 },
    /// Codes of two bits, a scale and a bias per `span` of a row.
    Mlx { place: Place, scales: Box<Floats>, biases: Box<Floats>, span: usize },
    /// Floats that become codes under one scale, which is found when they are first read.
    Masters { floats: Floats, absmean: OnceLock<Absmean> },
}

impl Weights {
    /// Finds every tensor that `config` implies in `checkpoint`, and refuses one that nothing implies.
    pub(super) fn new(checkpoint: &Checkpoint, config: &Config, options: HfOptions) -> Result<Self, Error> {
        plan::plan(checkpoint, config, options)
    }

    /// Finds the pairs of matrices of an adapter of a model of `config`; the second value holds their ranks.
    pub(super) fn of_adapter(checkpoint: &Checkpoint, config: &Config) -> Result<(Self, Vec<usize>), Error> {
        adapter::plan(checkpoint, config)
    }

    /// Tells in words what reading does to weights beside renaming and reordering them; empty if nothing.
    pub(super) fn changes(&self) -> Vec<String> {
        let count = |is: fn(&Origin) -> bool| self.origins.iter().filter(|origin| is(origin)).count();
        let masters = count(|origin| matches!(origin, Origin::Masters { .. }));
        let shifted =
            count(|origin| matches!(origin, Origin::Floats { function: Function::Plus(offset), .. } if *offset != 0.0));
        let decays = self.n_decays;
        let is_fp8 = |floats: &Floats| floats.scales.is_some();
        let eight_bits = self.origins.iter().filter(|origin| match origin {
            Origin::Floats { floats, .. } => is_fp8(floats),
            Origin::Stack(stack) => stack.iter().any(is_fp8),
            _ => false,
        });
        let eight_bits = eight_bits.count();
        let masters = (masters > 0).then(|| format!("{masters} matrices of floats made ternary by absmean"));
        let shifted = (shifted > 0).then(|| format!("{shifted} norms that hold 1 + w"));
        let decays = (decays > 0).then(|| format!("{decays} vectors of decays that hold -exp(w)"));
        let eight_bits = (eight_bits > 0).then(|| format!("{eight_bits} tensors of FP8 under scales made BF16"));
        masters.into_iter().chain(shifted).chain(decays).chain(eight_bits).collect()
    }

    /// Names what the checkpoint has beside the model, which was left out.
    pub(super) fn left_out(&self) -> &[&'static str] {
        &self.left_out
    }

    /// Returns the type under which GGUF takes a tensor's bytes.
    pub(super) fn raw_type(&self, index: usize) -> Option<TypeId> {
        matches!(self.origins.get(index), Some(Origin::Mxfp4(_))).then(|| TypeId::of(Format::MXFP4)).flatten()
    }

    /// Reads bytes of a tensor that has a [`raw_type`](Self::raw_type).
    pub(super) fn read_raw(&self, index: usize, bytes: Range<u64>) -> Option<Vec<u8>> {
        let (tensor, Origin::Mxfp4(blocks)) = (self.tensors.get(index)?, self.origins.get(index)?) else { return None };
        let n_bytes = self.raw_type(index)?.bytes_of(&tensor.dims).ok()?;
        (bytes.start <= bytes.end && bytes.end <= n_bytes).then(|| blocks.bytes(bytes))
    }

    pub(super) fn tensors(&self) -> &[SourceTensor] {
        &self.tensors
    }

    /// Reads rows `rows` of tensor `index`; `model` is for messages.
    pub(super) fn read(&self, model: &str, index: usize, rows: Range<usize>) -> Result<Rows, Error> {
        let (Some(tensor), Some(origin)) = (self.tensors.get(index), self.origins.get(index)) else {
            let what = format!("tensor {index} of {}", self.tensors.len());
            return Err(Error::Invalid { file: model.to_owned(), what });
        };
        if rows.start > rows.end || rows.end > tensor.n_rows() {
            let what = format!("rows {rows:?} of {}", tensor.n_rows());
            return Err(Error::Tensor { file: model.to_owned(), tensor: tensor.name.clone(), what });
        }
        let (cols, n) = (tensor.cols(), rows.len());
        let ternary = |codes, scale| Rows::Ternary(TernaryRows { cols, span: cols, codes, scales: vec![scale; n] });
        Ok(match origin {
            Origin::Values(values) => {
                Rows::Values(values.get(rows.start * cols..rows.end * cols).unwrap_or_default().to_vec())
            }
            Origin::Floats { floats, function } => {
                let mut values = floats.read(rows, cols);
                values.iter_mut().for_each(|x| *x = function.of(*x));
                Rows::Values(values)
            }
            Origin::Mxfp4(blocks) => {
                let mut values = vec![0.0; n * cols];
                Format::MXFP4.decode(&blocks.rows(rows), &mut values);
                Rows::Values(values)
            }
            Origin::Stack(stack) => {
                let n_rows = tensor.rows_per_matrix();
                let mut values = Vec::with_capacity(n * cols);
                for (first, floats) in (0..).step_by(n_rows).zip(stack) {
                    let (start, end) = (rows.start.max(first), rows.end.min(first + n_rows));
                    if start < end {
                        values.extend(floats.read(start - first..end - first, cols));
                    }
                }
                Rows::Values(values)
            }
            Origin::Codes { floats, scale } => {
                let values = floats.read(rows.clone(), cols);
                if let Some(at) = values.iter().position(|v| ![-1.0, 0.0, 1.0].contains(v)) {
                    let row = floats.order.source_row(rows.start + at / cols);
                    let what = format!(
                        "row {row}, column {}: {}, expected -1, 0 or 1, as there is a weight_scale",
                        at % cols,
                        values[at]
                    );
                    return Err(floats.place.error(what));
                }
                ternary(values.into_iter().map(|v| v as i8).collect(), *scale)
            }
            Origin::Packed { place, order, scale } => {
                let mut codes = Vec::with_capacity(n * cols);
                for row in rows.map(|row| order.source_row(row)) {
                    ternary::unpack(place.bytes(), tensor.n_rows(), cols, row, &mut codes)
                        .map_err(|col| place.error(format!("row {row}, column {col}: code 3, expected 0 to 2")))?;
                }
                ternary(codes, *scale)
            }
            Origin::Mlx { place, scales, biases, span } => {
                let row_bytes = cols / 4;
                let mut codes = Vec::with_capacity(n * cols);
                for row in rows.clone().map(|row| scales.order.source_row(row)) {
                    let bytes = place.bytes().get(row * row_bytes..(row + 1) * row_bytes).unwrap_or_default();
                    ternary::unpack_mlx(bytes, &mut codes);
                }
                let n_spans = cols / span;
                let first = rows.start;
                let (steps, biases) = (scales.read(rows.clone(), n_spans), biases.read(rows, n_spans));
                if let Some(at) = steps.iter().zip(&biases).position(|(step, bias)| *bias != -step) {
                    let (row, group) = (scales.order.source_row(first + at / n_spans), at % n_spans);
                    let what = format!("row {row}, group {group}: bias is not -scale, so the weights are not ternary");
                    return Err(place.error(what));
                }
                Rows::Ternary(TernaryRows { cols, span: *span, codes, scales: steps })
            }
            Origin::Masters { floats, absmean } => {
                let absmean = if let Some(known) = absmean.get() {
                    *known
                } else {
                    let found = floats.absmean()?;
                    *absmean.get_or_init(|| found)
                };
                let codes = floats.read(rows, cols).into_iter().map(|w| absmean.code(w)).collect();
                ternary(codes, absmean.scale)
            }
        })
    }
}
