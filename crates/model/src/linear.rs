//! [`Linear`]: a weight matrix in the file, perhaps a range of the rows of a larger tensor, with its bias and scale;
//! and [`Input`]: what it is multiplied with.

use std::{
    ops::Range,
    sync::{
        Arc, OnceLock,
        atomic::{AtomicU32, Ordering},
    },
};

use gguf::{TensorBytes, TokenId};
use kernels::{ActivationRule, Isa, Kernels, Matrix, PackedMatrix, Rows};
use quant::{Format, OuterScale, StoredMatrix};

use crate::{
    adapters::RowScales,
    observe::{MatmulInput, Observer},
    rotation::Rotation,
};

/// Number of products that a matrix goes without its copy, where kernels read it nearly as well: a first token, or a
/// single answer to a question of scores, does not wait for what only many tokens repay.
const PRODUCTS_BEFORE_COPY: u32 = 3;

/// Activation rows made ready for matmuls. It remembers the rows that hold NaN or an infinity: an int8 code can say
/// neither, so a broken weight would vanish behind the next quantised matrix. Whatever is computed from such a row is
/// NaN, up to the logits.
#[derive(Default)]
pub(crate) struct Input {
    rows: Rows,
    broken: Vec<usize>,
    observer: Option<Observer>,
    /// Rows as they are, rotated; used by models whose weights are.
    rotated: Rows,
    /// Rows behind a norm that only one matrix has.
    normed: Rows,
    /// Rows `[T, R]` between the two matrices of an adapter, and what these add `[T, M]`.
    low_rank: Rows,
    added: Vec<f32>,
    /// How strongly adapters are added to the rows.
    pub(crate) adapters: RowScales,
}

impl Input {
    /// Makes room for the marks of `rows_max` rows, which ternary matrices see quantised by `rule`.
    pub(crate) fn new(rows_max: usize, rule: ActivationRule) -> Self {
        let rows = || Rows::with_rule(rule);
        let broken = Vec::with_capacity(rows_max);
        Self {
            rows: rows(),
            broken,
            observer: None,
            rotated: rows(),
            normed: rows(),
            low_rank: rows(),
            added: Vec::new(),
            adapters: RowScales::default(),
        }
    }

    /// Takes `x` `[T, K]` as the rows.
    pub(crate) fn set(&mut self, kernels: &Kernels, x: &[f32], k: usize) {
        self.room(x.len() / k, k).copy_from_slice(x);
        self.fill(kernels);
    }

    /// Makes room for `n_rows` rows of `k` `[T, K]`, to be filled before [`Input::fill`] is called.
    pub(crate) fn room(&mut self, n_rows: usize, k: usize) -> &mut [f32] {
        self.rows.room(n_rows, k)
    }

    /// Makes the rows ready that [`Input::room`] was filled with.
    pub(crate) fn fill(&mut self, kernels: &Kernels) {
        self.broken.clear();
        let broken = kernels.broken_rows(&mut self.rows);
        self.broken.extend((0..).zip(broken).filter(|(_, is_broken)| **is_broken).map(|(row, _)| row));
    }

    /// The rows themselves `[T, K]`.
    pub(crate) fn values(&self) -> &[f32] {
        self.rows.values()
    }

    /// Number of rows.
    pub(crate) fn n_rows(&self) -> usize {
        self.rows.n_rows()
    }

    /// Returns the row, if it is only one and all of it are numbers.
    pub(crate) fn single(&mut self) -> Option<&mut Rows> {
        (self.rows.n_rows() == 1 && self.broken.is_empty()).then_some(&mut self.rows)
    }

    /// Sets who sees the inputs of matrices from now on.
    pub(crate) fn set_observer(&mut self, observer: Option<Observer>) {
        self.observer = observer;
    }

    /// Multiplies several matrices with the same rows in one parallel region: `[(W [M, K], out [T, M])]`.
    pub(crate) fn multiply<const N: usize>(&mut self, kernels: &Kernels, mut outputs: [(&Linear, &mut [f32]); N]) {
        if outputs.iter().any(|(linear, _)| linear.input_norm.is_some()) {
            return self.multiply_normed(kernels, outputs);
        }
        let rotation = outputs.iter().find_map(|(linear, _)| linear.rotation.clone());
        if let Some(rotation) = &rotation {
            let room = self.rotated.room(self.rows.n_rows(), self.rows.k());
            room.copy_from_slice(self.rows.values());
            rotation.apply(kernels, room);
        }
        if let Some(observer) = &mut self.observer {
            for (linear, _) in &outputs {
                let rows = if linear.rotation.is_some() { &self.rotated } else { &self.rows };
                let (x, n_cols) = (rows.values(), rows.k());
                let Some(place) = linear.place.as_deref().filter(|place| place.is_first()) else { continue };
                observer(&place.input(x, n_cols));
            }
        }
        outputs.iter().for_each(|(linear, _)| linear.pack(kernels));
        if outputs.iter().all(|(linear, _)| linear.rotation.is_some() == rotation.is_some()) {
            let mut calls = outputs.each_mut().map(|(linear, out)| (linear.matrix(), &mut **out));
            let rows = if rotation.is_some() { &mut self.rotated } else { &mut self.rows };
            kernels.matmul_many(&mut calls, rows);
        } else {
            for (linear, out) in &mut outputs {
                let rows = if linear.rotation.is_some() { &mut self.rotated } else { &mut self.rows };
                kernels.matmul(linear.matrix(), rows, out);
            }
        }
        for (linear, out) in outputs {
            self.finish(kernels, linear, out);
        }
    }

    /// Multiplies matrices that have norms of their own on their input: each sees other rows.
    fn multiply_normed<const N: usize>(&mut self, kernels: &Kernels, outputs: [(&Linear, &mut [f32]); N]) {
        for (linear, out) in outputs {
            let (x, n_cols) = (self.rows.values(), self.rows.k());
            let room = self.normed.room(self.rows.n_rows(), n_cols);
            match &linear.input_norm {
                Some(norm) => kernels.rms_norm(x, &norm.weight, norm.epsilon, room),
                None => room.copy_from_slice(x),
            }
            let place = linear.place.as_deref().filter(|place| place.is_first());
            if let (Some(observer), Some(place)) = (&mut self.observer, place) {
                observer(&place.input(self.normed.values(), n_cols));
            }
            linear.pack(kernels);
            kernels.matmul(linear.matrix(), &mut self.normed, out);
            self.finish(kernels, linear, out);
        }
    }

    /// Adds to the embedding `out` `[D]` of a token `scale` times what an adapter of the embedding has for it.
    pub(crate) fn add_of_token(
        &mut self,
        kernels: &Kernels,
        low_rank: &LowRank,
        token: TokenId,
        scale: f32,
        out: &mut [f32],
    ) {
        let LowRank { down, up, .. } = low_rank;
        down.decode_row(token.0 as usize, self.low_rank.room(1, down.cols));
        self.added.resize(up.rows, 0.0);
        kernels.matmul(up.matrix(), &mut self.low_rank, &mut self.added);
        kernels.add_scaled(out, low_rank.factor(scale), &self.added);
    }

    /// Applies to `out` what follows the product with `linear`.
    fn finish(&mut self, kernels: &Kernels, linear: &Linear, out: &mut [f32]) {
        linear.finish(out);
        for low_rank in &linear.adapters {
            let LowRank { down, up, adapter, .. } = low_rank;
            let n_rows = self.rows.n_rows();
            if (0..n_rows).all(|row| self.adapters.of(row, *adapter) == 0.0) {
                continue;
            }
            kernels.matmul(down.matrix(), &mut self.rows, self.low_rank.room(n_rows, down.rows));
            self.added.resize(n_rows * up.rows, 0.0);
            kernels.matmul(up.matrix(), &mut self.low_rank, &mut self.added);
            let rows = out.chunks_exact_mut(up.rows).zip(self.added.chunks_exact(up.rows));
            for (row, (out, added)) in rows.enumerate() {
                let scale = self.adapters.of(row, *adapter);
                if scale != 0.0 {
                    kernels.add_scaled(out, low_rank.factor(scale), added);
                }
            }
        }
        for &row in &self.broken {
            out[row * linear.rows..][..linear.rows].fill(f32::NAN);
        }
    }
}

/// A norm on the input of one matrix alone.
pub(crate) struct InputNorm {
    /// Weights `[K]` of the norm.
    pub(crate) weight: Vec<f32>,
    pub(crate) epsilon: f32,
}

/// Whether every element is a number. No early exit: the loop is a few vector instructions.
pub(crate) fn is_finite(x: &[f32]) -> bool {
    const EXPONENT: u32 = 0x7f80_0000;
    x.iter().fold(0, |broken, v| broken | u32::from(v.to_bits() & EXPONENT == EXPONENT)) == 0
}

/// A linear layer: `out = scale · W x + bias`, `W` `[rows, cols]`.
pub(crate) struct Linear {
    bytes: TensorBytes,
    range: Range<usize>,
    format: Format,
    rows: usize,
    cols: usize,
    /// Scales `[rows]`, or empty: see [`Matrix::row_scales`].
    row_scales: Vec<f32>,
    /// Bias `[rows]` that is added.
    pub(crate) bias: Option<Vec<f32>>,
    /// Scale of the whole matrix (BitNet), unless it is in `row_scales`.
    pub(crate) scale: Option<f32>,
    /// Rotation of the input, where the matrix is stored rotated. All matrices over one input that have one have the
    /// same.
    pub(crate) rotation: Option<Arc<Rotation>>,
    /// Norm of the input, after the one that all matrices over that input share (`use_rms_norm` of transformers'
    /// `BitNet`).
    pub(crate) input_norm: Option<Arc<InputNorm>>,
    /// Whether the matrix may have a copy that is faster to multiply with; the copy follows, made when it is first of
    /// use, or, where it can wait, after [`PRODUCTS_BEFORE_COPY`] products.
    pub(crate) may_pack: bool,
    packed: OnceLock<Option<PackedMatrix>>,
    /// Number of products so far, up to [`PRODUCTS_BEFORE_COPY`].
    n_products: AtomicU32,
    /// Place of the matrix in the file.
    pub(crate) place: Option<Box<Place>>,
    /// What adapters add to the product, one after the other.
    pub(crate) adapters: Vec<LowRank>,
}

/// The product of two small matrices that is added to one with a large matrix: `scale · alpha / R · U (D x)`.
///
/// Source: Hu et al. 2021 (arXiv 2106.09685), section 4.1.
pub(crate) struct LowRank {
    /// Index of the adapter that it belongs to
    pub(crate) adapter: usize,
    /// Matrix `[R, K]` (`A` of the paper)
    pub(crate) down: Linear,
    /// Matrix `[M, R]` (`B` of the paper)
    pub(crate) up: Linear,
    pub(crate) alpha: f32,
}

impl LowRank {
    /// Returns what the product is multiplied with where the adapter is added with `scale`.
    pub(crate) fn factor(&self, scale: f32) -> f32 {
        scale * self.alpha / self.up.cols as f32
    }
}

/// The place of a matrix in a tensor of the file.
pub(crate) struct Place {
    /// Name of the tensor.
    pub(crate) tensor: Box<str>,
    /// Index of the matrix in the tensor: the expert, or 0.
    pub(crate) matrix: usize,
    /// Number of matrices of the tensor.
    pub(crate) n_matrices: usize,
    /// First row of the matrix that is in the piece of it that this is about.
    pub(crate) row_first: usize,
    /// Number of rows of the whole matrix.
    pub(crate) n_rows: usize,
}

impl Place {
    /// Whether the matrix is whole or the first of the pieces that share a tensor and its input.
    fn is_first(&self) -> bool {
        self.row_first == 0
    }

    fn input<'a>(&'a self, x: &'a [f32], n_cols: usize) -> MatmulInput<'a> {
        MatmulInput { tensor: &self.tensor, matrix: self.matrix, n_matrices: self.n_matrices, x, n_cols }
    }
}

impl Linear {
    /// Makes a matrix of the rows `rows` of a tensor, which is `stored` in `bytes`. The error says why ternary weights
    /// cannot be those of a model.
    pub(crate) fn new(bytes: &TensorBytes, stored: &StoredMatrix<'_>, rows: Range<usize>) -> Result<Self, String> {
        let (format, cols) = (stored.format(), stored.cols());
        assert!(rows.end <= stored.n_rows(), "rows {rows:?} of {}", stored.n_rows());
        let row_scales = if cols <= Matrix::TERNARY_COLS_MAX { stored.row_scales(rows.clone()) } else { None };
        if row_scales.is_none() && format.outer_scale() != OuterScale::None {
            return Err(format!(
                "rows of {cols} weights, but {} is computed up to {}",
                format.name(),
                Matrix::TERNARY_COLS_MAX
            ));
        }
        let row_bytes = format.row_bytes(cols).unwrap_or_default();
        let range = rows.start * row_bytes..rows.end * row_bytes;
        Ok(Self {
            bytes: bytes.clone(),
            range,
            format,
            rows: rows.len(),
            cols,
            row_scales: row_scales.unwrap_or_default(),
            bias: None,
            scale: None,
            rotation: None,
            input_norm: None,
            may_pack: false,
            packed: OnceLock::new(),
            n_products: AtomicU32::new(0),
            place: None,
            adapters: Vec::new(),
        })
    }

    /// Multiplies the matrix by `scale`: where rows have scales of their own it becomes part of them, so that it makes
    /// no difference in which of the two a file keeps it.
    #[must_use]
    pub(crate) fn scaled(mut self, scale: Option<f32>) -> Self {
        match scale {
            Some(scale) if !self.row_scales.is_empty() => self.row_scales.iter_mut().for_each(|own| *own *= scale),
            scale => self.scale = scale,
        }
        self
    }

    /// Width of the output.
    pub(crate) fn rows(&self) -> usize {
        self.rows
    }

    /// Width of the input.
    pub(crate) fn cols(&self) -> usize {
        self.cols
    }

    /// Whether the matrix is multiplied with activations that [`ActivationRule`] is about.
    pub(crate) fn has_row_scales(&self) -> bool {
        !self.row_scales.is_empty()
    }

    /// Returns the weights for a matmul.
    pub(crate) fn matrix(&self) -> Matrix<'_> {
        let Self { format, rows, cols, row_scales, .. } = self;
        let bytes = &self.bytes[self.range.clone()];
        Matrix {
            format: *format,
            rows: *rows,
            cols: *cols,
            bytes,
            row_scales,
            packed: self.packed.get().and_then(Option::as_ref),
        }
    }

    /// Number of bytes of the copy that the matrix may have on `isa`, if there is one of its format.
    pub(crate) fn packed_bytes(&self, isa: Isa) -> u64 {
        PackedMatrix::bytes(isa, &self.matrix()).unwrap_or(0) as u64
    }

    /// Makes the packed copy, if the matrix may have one and it is time.
    fn pack(&self, kernels: &Kernels) {
        if !self.may_pack {
            return;
        }
        let n_products = self.n_products.load(Ordering::Relaxed);
        if n_products < PRODUCTS_BEFORE_COPY && PackedMatrix::can_wait(&self.matrix()) {
            self.n_products.store(n_products + 1, Ordering::Relaxed);
        } else {
            self.packed.get_or_init(|| kernels.pack(&self.matrix()));
        }
    }

    /// Applies scale and bias.
    fn finish(&self, out: &mut [f32]) {
        if let Some(scale) = self.scale {
            out.iter_mut().for_each(|x| *x *= scale);
        }
        if let Some(bias) = &self.bias {
            for row in out.chunks_exact_mut(self.rows) {
                row.iter_mut().zip(bias).for_each(|(x, b)| *x += b);
            }
        }
    }

    /// Decodes the exact values of row `i`: the embedding of a token.
    pub(crate) fn decode_row(&self, i: usize, out: &mut [f32]) {
        let row_bytes = self.range.len() / self.rows;
        let row = &self.bytes[self.range.clone()][i * row_bytes..][..row_bytes];
        if self.format.outer_scale() == OuterScale::None {
            self.format.decode(row, out);
        } else {
            self.format.decode_codes(&row[self.format.row_header_bytes()..], self.row_scales[i], out);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::is_finite;

    #[test]
    fn each_place_of_a_row_is_looked_at() {
        for bad in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
            for i in 0..37 {
                let mut row = [f32::MAX; 37];
                assert!(is_finite(&row));
                row[i] = bad;
                assert!(!is_finite(&row), "{bad} at {i}");
            }
        }
    }
}
