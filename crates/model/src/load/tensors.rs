//! Taking tensors out of a container by name, shape and type, and noticing the ones nobody took.

use std::{collections::HashSet, ops::Range, sync::Arc};

use gguf::{Container, TensorBytes, TensorInfo};
use quant::{Format, StoredMatrix};

use super::{rotations::Rotations, stored_matrix};
use crate::{
    LoadError,
    linear::{InputNorm, Linear, Place},
    rotation::Rotation,
};

/// The tensors of a container that nobody has taken yet.
pub(super) struct Tensors<'a> {
    container: &'a Container,
    used: HashSet<&'a str>,
    rotations: Rotations,
    /// Epsilon of the norms that single matrices have on their input, if any have.
    input_norm_epsilon: Option<f32>,
}

impl<'a> Tensors<'a> {
    pub(super) fn new(container: &'a Container) -> Self {
        Self { container, used: HashSet::new(), rotations: Rotations::default(), input_norm_epsilon: None }
    }

    /// Adds the rotations of weights that are stored rotated.
    pub(super) fn with_rotations(self, rotations: Rotations) -> Self {
        Self { rotations, ..self }
    }

    /// Adds norms on the input of single matrices, with this epsilon.
    pub(super) fn with_input_norms(self, input_norm_epsilon: Option<f32>) -> Self {
        Self { input_norm_epsilon, ..self }
    }

    /// Takes the norm on the input of matrix `name`, if the model has such norms and `name` one.
    fn input_norm(&mut self, name: &str, cols: usize) -> Result<Option<Arc<InputNorm>>, LoadError> {
        let Some(epsilon) = self.input_norm_epsilon else { return Ok(None) };
        let weight = self.optional_vector(&format!("{name}.input_norm"), cols)?;
        if weight.is_some() && self.rotations.of(&format!("{name}.weight")).is_some() {
            return self.refuse(&format!("{name}.input_norm"), "not supported where the matrix is stored rotated");
        }
        Ok(weight.map(|weight| Arc::new(InputNorm { weight, epsilon })))
    }

    /// Returns the rotation of the rows of the embedding.
    pub(super) fn embedding_rotation(&self) -> Option<Arc<Rotation>> {
        self.rotations.embedding.clone()
    }

    pub(super) fn refuse<T>(&self, tensor: &str, what: impl Into<String>) -> Result<T, LoadError> {
        let file = self.container.name().to_owned();
        Err(LoadError::Tensor { file, tensor: tensor.escape_debug().to_string(), what: what.into() })
    }

    fn find(&mut self, name: &str) -> Option<&'a TensorInfo> {
        let tensor = self.container.tensor(name)?;
        self.used.insert(tensor.name.as_str());
        Some(tensor)
    }

    /// Takes all tensors of `layers`, which are not computed.
    pub(super) fn pass_over(&mut self, layers: Range<usize>) {
        for tensor in self.container.tensors() {
            if layer_of(&tensor.name).is_some_and(|layer| layers.contains(&layer)) {
                self.used.insert(tensor.name.as_str());
            }
        }
    }

    /// Takes the tensor called `name`, if it is there: it is not computed.
    pub(super) fn pass_over_one(&mut self, name: &str) {
        self.find(name);
    }

    pub(super) fn has(&self, name: &str) -> bool {
        self.container.tensor(name).is_some()
    }

    /// Returns the rows of a matrix whose height is not known beforehand.
    pub(super) fn rows(&self, name: &str) -> Result<usize, LoadError> {
        match self.container.tensor(name).map(|t| t.dims.as_slice()) {
            Some([_, rows]) if *rows > 0 && u32::try_from(*rows).is_ok() => Ok(*rows as usize),
            Some(dims) => self.refuse(name, format!("shape {dims:?}, expected a matrix")),
            None => self.refuse(name, "missing"),
        }
    }

    /// Takes the exact values of a vector of `n`, if it is there.
    pub(super) fn optional_vector(&mut self, name: &str, n: usize) -> Result<Option<Vec<f32>>, LoadError> {
        self.optional_values(name, &[n])
    }

    /// Takes the exact values of a tensor of shape `dims`, if it is there.
    fn optional_values(&mut self, name: &str, dims: &[usize]) -> Result<Option<Vec<f32>>, LoadError> {
        let Some(tensor) = self.find(name) else { return Ok(None) };
        // Dimensions of 1 at the end are as good as none.
        let (found, rest) = tensor.dims.split_at(tensor.dims.len().min(dims.len()));
        let is_same = found.iter().copied().eq(dims.iter().map(|&n| n as u64)) && rest.iter().all(|&n| n == 1);
        if !is_same {
            return self.refuse(name, format!("shape {:?}, expected {dims:?}", tensor.dims));
        }
        let bytes = self.container.bytes(tensor);
        let mut values = vec![0.0; dims.iter().product()];
        self.stored(tensor, &bytes)?.decode(0, &mut values);
        Ok(Some(values))
    }

    /// Takes the exact values of a vector of `n`, which must be there.
    pub(super) fn vector(&mut self, name: &str, n: usize) -> Result<Vec<f32>, LoadError> {
        self.values(name, &[n])
    }

    /// Takes the exact values of a tensor of shape `dims`, which must be there.
    pub(super) fn values(&mut self, name: &str, dims: &[usize]) -> Result<Vec<f32>, LoadError> {
        self.optional_values(name, dims)?.map_or_else(|| self.refuse(name, "missing"), Ok)
    }

    /// Takes the exact values of the first row of `name`, a matrix with rows of `width`.
    pub(super) fn first_row(&mut self, name: &str, width: usize) -> Result<Vec<f32>, LoadError> {
        let n_rows = self.rows(name)?;
        let all = self.optional_values(name, &[width, n_rows])?;
        all.map_or_else(|| self.refuse(name, "missing"), |all| Ok(all.into_iter().take(width).collect()))
    }

    /// Takes the exact values of `name` `[n, k]`, a row of `k` weights for each of `n` channels, as `[k, n]`.
    pub(super) fn taps(&mut self, name: &str, n: usize, k: usize) -> Result<Vec<f32>, LoadError> {
        let Some(tensor) = self.find(name) else { return self.refuse(name, "missing") };
        if tensor.dims != [k as u64, n as u64] {
            return self.refuse(name, format!("shape {:?}, expected [{k}, {n}]", tensor.dims));
        }
        let bytes = self.container.bytes(tensor);
        let mut rows = vec![0.0; n * k];
        self.stored(tensor, &bytes)?.decode(0, &mut rows);
        Ok((0..k).flat_map(|tap| rows.iter().skip(tap).step_by(k).copied()).collect())
    }

    /// Takes `name.weight` `[rows, cols]` cut into pieces of `rows` each, with `name.bias` and `name.scale`.
    pub(super) fn pieces<const N: usize>(
        &mut self,
        name: &str,
        rows: [usize; N],
        cols: usize,
    ) -> Result<[Linear; N], LoadError> {
        let scale = self.optional_vector(&format!("{name}.scale"), 1)?.and_then(|s| s.first().copied());
        self.scaled_pieces(name, rows, cols, scale)
    }

    /// Takes `name.weight` whole, with `name.bias`: `name.scale`, if it is there, is something else.
    pub(super) fn linear_alone(&mut self, name: &str, rows: usize, cols: usize) -> Result<Linear, LoadError> {
        let [linear] = self.scaled_pieces(name, [rows], cols, None)?;
        Ok(linear)
    }

    /// Takes `name.weight` as [`Tensors::pieces`] does, with this scale.
    fn scaled_pieces<const N: usize>(
        &mut self,
        name: &str,
        rows: [usize; N],
        cols: usize,
        scale: Option<f32>,
    ) -> Result<[Linear; N], LoadError> {
        let weight = format!("{name}.weight");
        let Some(tensor) = self.find(&weight) else { return self.refuse(&weight, "missing") };
        let total: usize = rows.iter().sum();
        if tensor.dims != [cols as u64, total as u64] {
            return self.refuse(&weight, format!("shape {:?}, expected [{cols}, {total}]", tensor.dims));
        }
        let bias = self.optional_vector(&format!("{name}.bias"), total)?;
        let input_norm = self.input_norm(name, cols)?;
        let mut first = 0;
        let ranges = rows.map(|n| {
            first += n;
            first - n..first
        });
        let linears = self.linears(tensor, ranges.iter().cloned())?;
        let linears = linears.into_iter().zip(ranges).map(|(linear, rows)| {
            let mut linear = linear.scaled(scale);
            linear.rotation = self.rotations.of(&weight);
            let (tensor, row_first) = (weight.as_str().into(), rows.start);
            linear.place = Some(Box::new(Place { tensor, matrix: 0, n_matrices: 1, row_first, n_rows: total }));
            linear.bias = bias.as_ref().map(|b| b[rows].to_vec());
            linear.input_norm.clone_from(&input_norm);
            linear
        });
        match <[Linear; N]>::try_from(linears.collect::<Vec<_>>()) {
            Ok(linears) => Ok(linears),
            Err(_) => unreachable!("a matrix for each of {N} ranges"),
        }
    }

    /// Makes the matrices of the row ranges `ranges` of a tensor.
    fn linears(
        &self,
        tensor: &TensorInfo,
        ranges: impl Iterator<Item = Range<usize>>,
    ) -> Result<Vec<Linear>, LoadError> {
        let bytes = self.container.bytes(tensor);
        let stored = self.stored(tensor, &bytes)?;
        let linears = ranges.map(|rows| Linear::new(&bytes, &stored, rows)).collect::<Result<_, _>>();
        linears.or_else(|what| self.refuse(&tensor.name, what))
    }

    /// Takes `name.weight` whole.
    pub(super) fn linear(&mut self, name: &str, rows: usize, cols: usize) -> Result<Linear, LoadError> {
        let [linear] = self.pieces(name, [rows], cols)?;
        Ok(linear)
    }

    /// Takes `name.weight` whole, without anything beside it: its rows are also read one by one.
    pub(super) fn table(&mut self, name: &str, rows: usize, cols: usize) -> Result<Linear, LoadError> {
        for extra in ["bias", "scale", "input_norm"] {
            if self.has(&format!("{name}.{extra}")) {
                return self.refuse(&format!("{name}.{extra}"), "not known for an embedding");
            }
        }
        self.linear(name, rows, cols)
    }

    /// Takes `name.weight` `[n, rows, cols]` cut into its `n` matrices, with one `name.scale` and a row of `name.bias`
    /// `[n, rows]` each.
    pub(super) fn stack(&mut self, name: &str, n: usize, rows: usize, cols: usize) -> Result<Vec<Linear>, LoadError> {
        let [linears] = self.stack_pieces(name, n, [rows], cols)?;
        Ok(linears)
    }

    /// Takes `name.weight` as [`Tensors::stack`] does, each matrix cut into pieces of `rows` each.
    pub(super) fn stack_pieces<const N: usize>(
        &mut self,
        name: &str,
        n: usize,
        rows: [usize; N],
        cols: usize,
    ) -> Result<[Vec<Linear>; N], LoadError> {
        let weight = format!("{name}.weight");
        let Some(tensor) = self.find(&weight) else { return self.refuse(&weight, "missing") };
        let n_rows: usize = rows.iter().sum();
        if tensor.dims != [cols as u64, n_rows as u64, n as u64] {
            return self.refuse(&weight, format!("shape {:?}, expected [{cols}, {n_rows}, {n}]", tensor.dims));
        }
        let scales = self.optional_vector(&format!("{name}.scale"), n)?;
        let biases = self.optional_values(&format!("{name}.bias"), &[n_rows, n])?;
        let scale = |i: usize| scales.as_ref().and_then(|s| s.get(i).copied());
        let mut row_first = 0;
        let mut pieces = rows.map(|_| Vec::new());
        for (piece, rows) in pieces.iter_mut().zip(rows) {
            let range = |i: usize| i * n_rows + row_first..i * n_rows + row_first + rows;
            let linears = self.linears(tensor, (0..n).map(range))?;
            let linears = linears.into_iter().enumerate().map(|(i, linear)| {
                let mut linear = linear.scaled(scale(i));
                linear.rotation = self.rotations.of(&weight);
                linear.bias = biases.as_ref().map(|biases| biases[range(i)].to_vec());
                let (tensor, matrix, n_matrices) = (weight.as_str().into(), i, n);
                linear.place = Some(Box::new(Place { tensor, matrix, n_matrices, row_first, n_rows }));
                linear
            });
            *piece = linears.collect();
            row_first += rows;
        }
        Ok(pieces)
    }

    /// Takes `name.weight` `[n·(a + b), cols]` as `n` pairs of matrices: of the first, of `a` rows, the transposes
    /// `[cols, a]` in f32, which stand beside the map, and the second ones, of `b` rows, as they are.
    pub(super) fn latent_pairs(
        &mut self,
        name: &str,
        n: usize,
        [a, b]: [usize; 2],
        cols: usize,
    ) -> Result<(Vec<Linear>, Vec<Linear>), LoadError> {
        let weight = format!("{name}.weight");
        let Some(tensor) = self.find(&weight) else { return self.refuse(&weight, "missing") };
        let n_rows = n * (a + b);
        if tensor.dims != [cols as u64, n_rows as u64] {
            return self.refuse(&weight, format!("shape {:?}, expected [{cols}, {n_rows}]", tensor.dims));
        }
        let bytes = self.container.bytes(tensor);
        let stored = self.stored(tensor, &bytes)?;
        let mut transposes = Vec::with_capacity(4 * n * a * cols);
        let mut first = vec![0.0; a * cols];
        for i in 0..n {
            stored.decode(i * (a + b), &mut first);
            let columns = (0..cols).flat_map(|col| first.iter().skip(col).step_by(cols));
            transposes.extend(columns.flat_map(|x| x.to_le_bytes()));
        }
        let transposes = TensorBytes::from(transposes);
        let linear = |bytes: &TensorBytes, stored: &StoredMatrix<'_>, rows| {
            Linear::new(bytes, stored, rows).or_else(|what| self.refuse(&weight, what))
        };
        let turned = StoredMatrix::new(Format::F32, n * cols, a, &transposes);
        let turned = turned.or_else(|what| self.refuse(&weight, what.to_string()))?;
        let firsts = (0..n).map(|i| linear(&transposes, &turned, i * cols..(i + 1) * cols));
        let seconds = (0..n).map(|i| linear(&bytes, &stored, i * (a + b) + a..(i + 1) * (a + b)));
        Ok((firsts.collect::<Result<_, _>>()?, seconds.collect::<Result<_, _>>()?))
    }

    /// Makes a view of the weights of `tensor`, whose bytes are `bytes`.
    fn stored<'b>(&self, tensor: &TensorInfo, bytes: &'b [u8]) -> Result<StoredMatrix<'b>, LoadError> {
        stored_matrix(self.container, tensor, bytes)
    }

    /// Refuses a tensor that nobody has taken: the family would silently ignore it.
    pub(super) fn all_used(&self) -> Result<(), LoadError> {
        match self.container.tensors().iter().find(|t| !self.used.contains(t.name.as_str())) {
            Some(unknown) => self.refuse(&unknown.name, "not known for this architecture"),
            None => Ok(()),
        }
    }
}

/// Returns the layer that a tensor called `name` is of, if it is of one.
pub(crate) fn layer_of(name: &str) -> Option<usize> {
    name.strip_prefix("blk.")?.split_once('.')?.0.parse().ok()
}
