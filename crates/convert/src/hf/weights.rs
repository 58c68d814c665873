//! [`Weights`]: every tensor of the model under GGUF's name, and where its values come from.

mod plan;

use std::{ops::Range, sync::OnceLock};

use quant::{Format, TernaryRows};

use super::{
    HfOptions,
    config::Config,
    ternary::{self, Absmean},
};
use crate::{
    Error,
    safetensors::{Checkpoint, Place},
    source::{Rows, SourceTensor},
};

/// All tensors of a model.
pub(super) struct Weights {
    tensors: Vec<SourceTensor>,
    /// Origin of the values of each tensor.
    origins: Vec<Origin>,
}

/// Origin of a tensor's values.
enum Origin {
    /// Values computed from the configuration.
    Values(Vec<f32>),
    /// Floats of the checkpoint, and what is added to each.
    Floats { floats: Floats, offset: f32 },
    /// Floats of several matrices of the checkpoint, one after the other.
    Stack(Vec<Floats>),
    /// Codes kept as floats, under one scale.
    Codes { floats: Floats, scale: f32 },
    /// Codes, four rows to a byte, under one scale.
    Packed { place: Place, order: RowOrder, scale: f32 },
    /// Codes of two bits, a scale and a bias per `span` of a row.
    Mlx { place: Place, scales: Floats, biases: Floats, span: usize },
    /// Floats that become codes under one scale, which is found when they are first read.
    Masters { floats: Floats, absmean: OnceLock<Absmean> },
}

/// A matrix or vector of floats.
struct Floats {
    place: Place,
    format: Format,
    order: RowOrder,
}

/// Order of GGUF's rows in the checkpoint.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum RowOrder {
    Same,
    /// Row `2i + h` of a head of `D` rows is row `h · D / 2 + i` of the checkpoint's: rows that are rotated together
    /// stand together.
    Rotary {
        head_dim: usize,
    },
}

impl RowOrder {
    fn source_row(self, row: usize) -> usize {
        match self {
            Self::Same => row,
            Self::Rotary { head_dim } => {
                let (head, at) = (row / head_dim, row % head_dim);
                head * head_dim + (at % 2) * (head_dim / 2) + at / 2
            }
        }
    }
}

impl Floats {
    /// Reads the exact values of `rows`, each of `cols`.
    fn read(&self, rows: Range<usize>, cols: usize) -> Vec<f32> {
        let row_bytes = cols * self.format.row_bytes(1).unwrap_or(1);
        let mut values = vec![0.0; rows.len() * cols];
        let bytes = |rows: Range<usize>| {
            self.place.bytes().get(rows.start * row_bytes..rows.end * row_bytes).unwrap_or_default()
        };
        if self.order == RowOrder::Same {
            self.format.decode(bytes(rows), &mut values);
        } else {
            for (row, out) in rows.zip(values.chunks_exact_mut(cols)) {
                let row = self.order.source_row(row);
                self.format.decode(bytes(row..row + 1), out);
            }
        }
        values
    }

    /// Finds the rule that makes the floats ternary, by one pass over all of them.
    fn absmean(&self) -> Result<Absmean, Error> {
        const PIECE: usize = 1 << 16;
        let n_bytes = self.format.row_bytes(1).unwrap_or(1);
        let mut values = vec![0.0; PIECE];
        let mut sum = 0.0;
        for bytes in self.place.bytes().chunks(PIECE * n_bytes) {
            values.truncate(bytes.len() / n_bytes);
            self.format.decode(bytes, &mut values);
            sum += values.iter().map(|&w| f64::from(w.abs())).sum::<f64>();
        }
        if !sum.is_finite() {
            return Err(self.place.error("holds a weight that is no finite number, and cannot be ternarised"));
        }
        Ok(Absmean::new(sum, self.place.bytes().len() / n_bytes, self.format))
    }
}

impl Weights {
    /// Finds every tensor that `config` implies in `checkpoint`, and refuses one that nothing implies.
    pub(super) fn new(checkpoint: &Checkpoint, config: &Config, options: HfOptions) -> Result<Self, Error> {
        plan::plan(checkpoint, config, options)
    }

    /// Tells in words what reading does to weights beside renaming and reordering them; empty if nothing.
    pub(super) fn changes(&self) -> Vec<String> {
        let count = |is: fn(&Origin) -> bool| self.origins.iter().filter(|origin| is(origin)).count();
        let masters = count(|origin| matches!(origin, Origin::Masters { .. }));
        let shifted = count(|origin| matches!(origin, Origin::Floats { offset, .. } if *offset != 0.0));
        let masters = (masters > 0).then(|| format!("{masters} matrices of floats made ternary by absmean"));
        let shifted = (shifted > 0).then(|| format!("{shifted} norms that hold 1 + w"));
        masters.into_iter().chain(shifted).collect()
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
            Origin::Floats { floats, offset } => {
                let mut values = floats.read(rows, cols);
                if *offset != 0.0 {
                    values.iter_mut().for_each(|x| *x += offset);
                }
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
