//! The ternary part of a file: how much of it is ternary, under which scales, at how many bits, and, once every weight
//! was read, how many are zero.

use std::collections::BTreeMap;

use convert::{Source, Stored};
use gguf::{Container, Layout, TensorInfo};
use quant::OuterScale;
use serde_json::{Value as Json, json};

use super::facts::{count_text, n_weights};
use crate::failure::Failure;

/// Weights decoded at a time.
const CHUNK: usize = 1 << 16;

/// Sums over all tensors of ternary types.
pub(super) struct Ternary {
    n_tensors: usize,
    n_weights: u64,
    n_bytes: u64,
    /// Weights in the whole file.
    n_all: u64,
    /// Weights by what shares a scale.
    spans: BTreeMap<String, u64>,
    /// Counted by [`count`](Self::count).
    counts: Option<Counts>,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
struct Counts {
    zeros: u64,
    /// Weights of the fourth code, twice the scale: no ternary ones.
    doubles: u64,
}

/// What shares a scale in a ternary type: the tensor, a row, a group; `None` for other types.
fn span(layout: Layout) -> Option<String> {
    match layout {
        Layout::Weights(format) if format.is_ternary() => Some(match format.outer_scale() {
            OuterScale::Tensor { .. } => "tensor".to_owned(),
            OuterScale::RowHeader(_) | OuterScale::RowTail(_) => "row".to_owned(),
            OuterScale::None => format!("group of {}", format.block_len()),
        }),
        Layout::Tl1 | Layout::Tl2 => Some("tensor".to_owned()),
        _ => None,
    }
}

fn ternary_tensors(container: &Container) -> impl Iterator<Item = (&TensorInfo, String)> {
    container.tensors().iter().filter_map(|t| Some((t, span(t.layout)?)))
}

/// Float matrices whose every weight is -1, 0 or 1 under scales.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) struct TernaryFloats {
    n_tensors: usize,
    n_weights: u64,
}

impl TernaryFloats {
    /// Looks at every float matrix, at most until its first weight that is not; `None` if there is none.
    pub(super) fn of(source: &dyn Source, n_threads: usize) -> Result<Option<Self>, Failure> {
        let mut out = Self::default();
        for (i, tensor) in source.tensors().iter().enumerate() {
            let is_float = matches!(tensor.stored, Stored::As(format) if format.is_float());
            if is_float && convert::is_ternary_matrix(source, i, n_threads)? {
                out.n_tensors += 1;
                out.n_weights += tensor.n_weights();
            }
        }
        Ok((out.n_tensors > 0).then_some(out))
    }

    /// The counts in words, for people.
    pub(super) fn to_text(self) -> String {
        let (n, weights) = (self.n_tensors, count_text(self.n_weights));
        format!(
            "{n} float tensors, {weights} weights, hold ternary weights: trinity convert --to TYPE packs them without loss"
        )
    }

    /// The counts as JSON, for programs.
    pub(super) fn to_json(self) -> Json {
        json!({"n_tensors": self.n_tensors, "n_weights": self.n_weights})
    }
}

impl Ternary {
    /// `None` if there is no tensor of a ternary type.
    pub(super) fn of(container: &Container) -> Option<Self> {
        let n_all = container.tensors().iter().map(n_weights).sum();
        let mut out = Self { n_tensors: 0, n_weights: 0, n_bytes: 0, n_all, spans: BTreeMap::new(), counts: None };
        for (tensor, span) in ternary_tensors(container) {
            out.n_tensors += 1;
            out.n_weights += n_weights(tensor);
            out.n_bytes += tensor.n_bytes;
            *out.spans.entry(span).or_default() += n_weights(tensor);
        }
        (out.n_tensors > 0).then_some(out)
    }

    /// Reads every ternary weight; `progress` is told the bytes read so far.
    pub(super) fn count(&mut self, container: &Container, progress: &mut dyn FnMut(u64)) -> Result<(), Failure> {
        let (mut counts, mut n_read) = (Counts::default(), 0);
        for (tensor, _) in ternary_tensors(container) {
            let bytes = container.bytes(tensor);
            let stored = model::stored_matrix(container, tensor, &bytes)?;
            let n_rows = stored.n_rows();
            let step = (CHUNK / stored.cols().max(1)).max(1);
            for first in (0..n_rows).step_by(step) {
                let Some(rows) = stored.ternary(first, step.min(n_rows - first)) else { continue };
                for (codes, &scale) in rows.codes.chunks(rows.span.max(1)).zip(&rows.scales) {
                    // Some writers leave other codes where the scale is zero.
                    let n_zeros = if scale == 0.0 { codes.len() } else { codes.iter().filter(|c| **c == 0).count() };
                    counts.zeros += n_zeros as u64;
                    counts.doubles += codes.iter().filter(|c| **c == 2 && scale != 0.0).count() as u64;
                }
            }
            n_read += tensor.n_bytes;
            progress(n_read);
        }
        self.counts = Some(counts);
        Ok(())
    }

    /// Bytes that [`count`](Self::count) reads.
    pub(super) fn n_bytes(&self) -> u64 {
        self.n_bytes
    }

    fn share(&self, n: u64) -> f64 {
        n as f64 / self.n_weights.max(1) as f64
    }

    fn bits_per_weight(&self) -> f64 {
        8.0 * self.share(self.n_bytes)
    }

    /// The spans in lines, for people.
    pub(super) fn to_text(&self) -> String {
        let spans: Vec<String> = self
            .spans
            .iter()
            .map(|(span, n)| match self.spans.len() {
                1 => format!("a scale per {span}"),
                _ => format!("a scale per {span} for {}", count_text(*n)),
            })
            .collect();
        let mut text = format!(
            "{} tensors, {} of {} weights, {}, {:.3} bits per weight with scales (log2 3 = 1.585)",
            self.n_tensors,
            count_text(self.n_weights),
            count_text(self.n_all),
            spans.join(", "),
            self.bits_per_weight()
        );
        if let Some(counts) = self.counts {
            text += &format!(", {:.1} % zeros", 100.0 * self.share(counts.zeros));
            if counts.doubles > 0 {
                text += &format!(", {} weights of the fourth code", count_text(counts.doubles));
            }
        }
        text
    }

    /// The spans as JSON, for programs.
    pub(super) fn to_json(&self) -> Json {
        let spans = self.spans.iter().map(|(span, n)| json!({"span": span, "n_weights": n}));
        let mut object = json!({
            "n_tensors": self.n_tensors,
            "n_weights": self.n_weights,
            "bytes": self.n_bytes,
            "bits_per_weight": self.bits_per_weight(),
            "scale_spans": spans.collect::<Vec<_>>(),
        });
        if let Some(counts) = self.counts {
            object["zeros"] = json!(counts.zeros);
            object["zeros_share"] = json!(self.share(counts.zeros));
            object["fourth_codes"] = json!(counts.doubles);
        }
        object
    }
}
