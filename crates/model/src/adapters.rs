//! Files that change what a model says without being one: LoRA adapters and control vectors.
//!
//! Source of the formats: llama.cpp, `convert_lora_to_gguf.py` and `src/llama-adapter.cpp`.

use std::{collections::BTreeSet, ops::RangeInclusive};

use gguf::{Container, FileKind, TensorInfo};

use crate::{LoadError, Model, linear::LowRank, load};

/// Endings of the names of the two matrices of an adapter, after that of the matrix they are for.
const DOWN: &str = ".lora_a";
const UP: &str = ".lora_b";

impl Model {
    /// Adds a LoRA adapter, `scale` times as strong as its file says, to those that the model has. The sum of all is
    /// computed beside the weights, which stay as they are; experts may have their own.
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
        let mut unused: BTreeSet<&str> = adapter.tensors().iter().map(|t| t.name.as_str()).collect();
        let is_embedding = |name: &&str| name.starts_with("token_embd.");
        if let Some(name) = unused.iter().find(|name| is_embedding(name)) {
            return Err(refuse(name, "adapters of the embedding are not supported".to_owned()));
        }
        for matrix in self.weights.matrices() {
            let (rows, cols) = (matrix.rows(), matrix.cols());
            let Some(place) = matrix.place.as_deref() else { continue };
            let (down_name, up_name) = (format!("{}{DOWN}", place.tensor), format!("{}{UP}", place.tensor));
            let (down, up) = match (adapter.tensor(&down_name), adapter.tensor(&up_name)) {
                (None, None) => continue,
                (Some(down), Some(up)) => (down, up),
                (None, Some(_)) => return Err(refuse(&down_name, "missing".to_owned())),
                (Some(_), None) => return Err(refuse(&up_name, "missing".to_owned())),
            };
            let rank = up.cols();
            check_shape(adapter, down, [cols, rank, place.n_matrices])?;
            check_shape(adapter, up, [rank, place.n_rows, place.n_matrices])?;
            let first = place.matrix * place.n_rows + place.row_first;
            let down = load::linear(adapter, down, place.matrix * rank..(place.matrix + 1) * rank)?;
            let up = load::linear(adapter, up, first..first + rows)?;
            unused.retain(|name| *name != down_name && *name != up_name);
            matrix.adapters.push(LowRank { down, up, scale: scale * alpha / rank as f32 });
        }
        if let Some(name) = unused.first() {
            return Err(refuse(name, "the model has no matrix that this is for".to_owned()));
        }
        if !self.weights.head().adapters.is_empty() {
            self.shortcut = None;
        }
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
