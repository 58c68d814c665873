//! Files that change what a model says without being one: LoRA adapters and control vectors.
//!
//! Source of the formats: llama.cpp, `convert_lora_to_gguf.py` and `src/llama-adapter.cpp`.

use std::{collections::BTreeSet, ops::RangeInclusive};

use gguf::{Container, FileKind, TensorInfo, TokenId};
use kernels::Kernels;

use crate::{
    LoadError, Model, Step,
    linear::{Input, LowRank},
    load,
    weights::Weights,
};

/// Endings of the names of the two matrices of an adapter, after that of the matrix they are for.
const DOWN: &str = ".lora_a";
const UP: &str = ".lora_b";

/// Name of the matrix whose rows tokens are looked up in.
const EMBEDDING: &str = "token_embd.weight";

/// Key of adapters that are added to what follows certain tokens alone.
const INVOCATION_TOKENS: &str = "adapter.alora.invocation_tokens";

/// How strongly each adapter is added to each row of a step, and which of these rows an input holds.
#[derive(Default)]
pub(crate) struct RowScales {
    n_adapters: usize,
    /// Scales `[T, A]` of the rows of the step.
    scales: Vec<f32>,
    /// Rows of the step that the input holds, in its order; all if empty.
    chosen: Vec<u32>,
}

impl RowScales {
    /// Sets the scales of a step; spans that say none have the `defaults` `[A]`.
    pub(crate) fn set(&mut self, step: &Step<'_>, defaults: &[f32]) {
        self.n_adapters = defaults.len();
        self.scales.clear();
        self.chosen.clear();
        if defaults.is_empty() {
            return;
        }
        for span in step.spans {
            let scales = span.adapters.unwrap_or(defaults);
            assert_eq!(scales.len(), defaults.len(), "scales of a model with so many adapters");
            span.tokens.iter().for_each(|_| self.scales.extend_from_slice(scales));
        }
    }

    /// Says that inputs hold the rows `rows` of the step from now on, in this order, and no others.
    pub(crate) fn choose(&mut self, rows: impl Iterator<Item = usize>) {
        self.chosen.clear();
        if self.n_adapters > 0 {
            self.chosen.extend(rows.map(|row| row as u32));
        }
    }

    /// Says that inputs hold all rows of the step from now on.
    pub(crate) fn choose_all(&mut self) {
        self.chosen.clear();
    }

    /// Returns how strongly an adapter is added to a row of the input.
    pub(crate) fn of(&self, row: usize, adapter: usize) -> f32 {
        let row = self.chosen.get(row).map_or(row, |row| *row as usize);
        self.scales[row * self.n_adapters + adapter]
    }
}

/// Adds to the embedding `out` `[D]` of a token, in `row` of the step, what adapters of the embedding have for it.
pub(crate) fn add_to_embedding(
    kernels: &Kernels,
    weights: &Weights,
    input: &mut Input,
    row: usize,
    token: TokenId,
    out: &mut [f32],
) {
    for low_rank in &weights.embedding_adapters {
        let scale = input.adapters.of(row, low_rank.adapter);
        if scale != 0.0 {
            input.add_of_token(kernels, low_rank, token, scale, out);
        }
    }
}

impl Model {
    /// Adds a LoRA adapter, `scale` times as strong as its file says where a step says nothing else
    /// ([`StepSpan::adapters`](crate::StepSpan::adapters)), to those that the model has. The sum of all is computed
    /// beside the weights, which stay as they are; experts may have their own.
    pub fn adapt(&mut self, adapter: &Container, scale: f32) -> Result<(), LoadError> {
        check(adapter, FileKind::LoraAdapter, scale)?;
        let refuse = |tensor: &str, what: String| LoadError::tensor(adapter, tensor, what);
        let key = |key: &str, what: String| {
            let file = adapter.name().to_owned();
            LoadError::Key { file, key: key.to_owned(), what }
        };
        let source = |source| LoadError::Container { file: adapter.name().to_owned(), source };
        let architecture = adapter.metadata().str("general.architecture").map_err(source)?.unwrap_or_default();
        if architecture != self.spec.architecture {
            let what = format!("{architecture:?}, but the model is of {:?}", self.spec.architecture);
            return Err(key("general.architecture", what));
        }
        let alpha = adapter.metadata().f32("adapter.lora.alpha").map_err(source)?;
        let Some(alpha) = alpha.filter(|alpha| alpha.is_finite()) else {
            let what = alpha.map_or("missing".to_owned(), |alpha| format!("{alpha} is not finite"));
            return Err(key("adapter.lora.alpha", what));
        };
        check_adapter(adapter)?;
        let index = self.adapter_scales.len();
        let mut unused: BTreeSet<&str> = adapter.tensors().iter().map(|t| t.name.as_str()).collect();
        let mut pair = |tensor: &str| {
            let (down_name, up_name) = (format!("{tensor}{DOWN}"), format!("{tensor}{UP}"));
            unused.retain(|name| *name != down_name && *name != up_name);
            match (adapter.tensor(&down_name), adapter.tensor(&up_name)) {
                (None, None) => Ok(None),
                (Some(down), Some(up)) => Ok(Some((down, up))),
                (None, Some(_)) => Err(refuse(&down_name, "missing".to_owned())),
                (Some(_), None) => Err(refuse(&up_name, "missing".to_owned())),
            }
        };
        // Its rows are looked up, so that the first matrix has a row for each token.
        if let Some((down, up)) = pair(EMBEDDING)? {
            let (n_vocab, width, rank) = (self.spec.n_vocab, self.spec.width, up.cols());
            check_shape(adapter, down, [rank, n_vocab, 1])?;
            check_shape(adapter, up, [rank, width, 1])?;
            let (down, up) = (load::linear(adapter, down, 0..n_vocab)?, load::linear(adapter, up, 0..width)?);
            self.weights.embedding_adapters.push(LowRank { adapter: index, down, up, alpha });
        }
        for matrix in self.weights.matrices() {
            let (rows, cols) = (matrix.rows(), matrix.cols());
            // One that is the embedding, too, has adapters as the embedding alone.
            let Some(place) = matrix.place.as_deref().filter(|place| &*place.tensor != EMBEDDING) else { continue };
            let Some((down, up)) = pair(&place.tensor)? else { continue };
            let rank = up.cols();
            check_shape(adapter, down, [cols, rank, place.n_matrices])?;
            check_shape(adapter, up, [rank, place.n_rows, place.n_matrices])?;
            let first = place.matrix * place.n_rows + place.row_first;
            let down = load::linear(adapter, down, place.matrix * rank..(place.matrix + 1) * rank)?;
            let up = load::linear(adapter, up, first..first + rows)?;
            matrix.adapters.push(LowRank { adapter: index, down, up, alpha });
        }
        if let Some(name) = unused.first() {
            return Err(refuse(name, "the model has no matrix that this is for".to_owned()));
        }
        if !self.weights.head().adapters.is_empty() {
            self.shortcut = None;
        }
        self.adapter_scales.push(scale);
        Ok(())
    }

    /// Adds `scale` times the control vector to the outputs of `layers`, counted from 0, of those that the model has:
    /// by default of all that the file has a direction for.
    pub fn steer(
        &mut self,
        vector: &Container,
        scale: f32,
        layers: Option<RangeInclusive<usize>>,
    ) -> Result<(), LoadError> {
        check(vector, FileKind::ControlVector, scale)?;
        let (n_layers, width) = (self.spec.n_layers, self.spec.width);
        let asked = layers.unwrap_or(0..=n_layers - 1);
        if *asked.end() >= n_layers || asked.is_empty() {
            let what = format!("layers {}-{} of 0-{}", asked.start(), asked.end(), n_layers - 1);
            return Err(LoadError::Option { file: vector.name().to_owned(), what });
        }
        self.steering.resize_with(n_layers, Vec::new);
        for tensor in vector.tensors() {
            let refuse = |what: String| LoadError::tensor(vector, &tensor.name, what);
            let layer = tensor.name.strip_prefix("direction.").and_then(|layer| layer.parse::<usize>().ok());
            let Some(layer) = layer else { return Err(refuse("not known for a control vector".to_owned())) };
            let Some(sum) = self.steering.get_mut(layer) else {
                return Err(refuse(format!("layer {layer} of a model of {n_layers}")));
            };
            check_shape(vector, tensor, [width, 1, 1])?;
            let bytes = vector.bytes(tensor);
            let mut direction = vec![0.0; width];
            load::stored_matrix(vector, tensor, &bytes)?.decode(0, &mut direction);
            if asked.contains(&layer) {
                sum.resize(width, 0.0);
                sum.iter_mut().zip(direction).for_each(|(sum, x)| *sum += scale * x);
            }
        }
        Ok(())
    }
}

/// Refuses a LoRA adapter that no model can be given, whatever its tensors are.
pub fn check_adapter(adapter: &Container) -> Result<(), LoadError> {
    if adapter.tensors().is_empty() {
        let what = format!("no tensor, expected a pair of NAME{DOWN} and NAME{UP} for each matrix that it changes");
        return Err(LoadError::Option { file: adapter.name().to_owned(), what });
    }
    if adapter.metadata().get(INVOCATION_TOKENS).is_none() {
        return Ok(());
    }
    let what = "an adapter of what follows certain tokens alone is not supported".to_owned();
    Err(LoadError::Key { file: adapter.name().to_owned(), key: INVOCATION_TOKENS.to_owned(), what })
}

/// Refuses a file that is not of `kind`, and a scale that is no number.
fn check(file: &Container, kind: FileKind, scale: f32) -> Result<(), LoadError> {
    let found = FileKind::of(file.metadata());
    let refuse = |what: String| Err(LoadError::Option { file: file.name().to_owned(), what });
    if found != kind {
        return refuse(format!("{found}, expected {kind}"));
    }
    if scale.is_finite() { Ok(()) } else { refuse(format!("a scale of {scale}")) }
}

/// Refuses a tensor of another shape; dimensions of 1 at the end may be left out.
fn check_shape(file: &Container, tensor: &TensorInfo, expected: [usize; 3]) -> Result<(), LoadError> {
    let dims = |i: usize| tensor.dims.get(i).copied().unwrap_or(1);
    let fits = tensor.dims.len() <= 3 && (0..3).all(|i| dims(i) == expected[i] as u64) && expected[0] > 0;
    if fits {
        return Ok(());
    }
    let wanted = match expected {
        [n, 1, 1] => format!("[{n}]"),
        [n, m, 1] => format!("[{n}, {m}]"),
        all => format!("{all:?}"),
    };
    Err(LoadError::tensor(file, &tensor.name, format!("shape {:?}, expected {wanted}", tensor.dims)))
}
