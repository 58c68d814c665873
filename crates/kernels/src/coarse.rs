//! [`CoarseMatrix`]: a copy of a matrix at 6 bits a weight, with which products are estimated, and how wrong an
//! estimate can be at most.
//!
//! Row `w` becomes `ŵ = code · step`, codes -32..=31, one step a row; the input `x̂` that a kernel multiplies with
//! becomes `x̃`, int8 codes with a scale for every 128 elements. By the triangle inequality and Cauchy-Schwarz
//!
//! ```text
//! |w·x̂ − ŵ·x̃| ≤ ‖w − ŵ‖ ‖x̃‖ + ‖w‖ ‖x̂ − x̃‖
//! ```
//!
//! and floats add a rounding error that is a small multiple of `‖w‖ ‖x̂‖` in the exact kernel and of `63 √K step ‖x̃‖`
//! in the estimate (Higham, *Accuracy and Stability of Numerical Algorithms*, section 3.1: `n` operations err by at
//! most `n u / (1 − n u)` of the sum of magnitudes). All of that is in [`CoarseInput::margin`], with factors of 4 to
//! spare.

use crate::{
    Kernels, Matrix, Rows,
    activation::{ActivationGroup, BLOCK, GROUP},
    isa::multiversion,
    math::round,
    matmul,
};
use std::sync::PoisonError;

mod dot;
#[cfg(target_arch = "x86_64")]
mod x86;

/// Columns whose codes, plus 32, lie in one piece of 96 bytes. Of the first 64 bytes byte `i` holds the low bits of
/// column `i` in bits 0–3 and of `i + 64` in bits 4–7; of the other 32 byte `i` holds the high bits of column
/// `i + 32 j` in bits `2 j` and `2 j + 1`.
pub(crate) const SPAN: usize = 128;

/// Bytes of a span.
pub(crate) const SPAN_BYTES: usize = LOW_BYTES + HIGH_BYTES;

/// Bytes of the low bits of a span.
pub(crate) const LOW_BYTES: usize = SPAN / 2;

/// Bytes of the high bits of a span.
pub(crate) const HIGH_BYTES: usize = SPAN / 4;

/// What makes codes unsigned.
const OFFSET: i32 = 32;

/// Steps that are tried, in standard deviations of a row: the best for normal weights, and wider ones for rows with
/// heavier tails.
const STEPS: [f32; 3] = [0.104, 0.14, 0.2];

/// Norms whose product is above are not trusted: floats overflow not far from it.
const PRODUCT_MAX: f64 = 1e30;

/// 2⁻²²: four times the rounding error of one float operation.
const ROUNDING: f64 = 1.0 / (1 << 22) as f64;

/// What is known of one row.
#[derive(Clone, Copy, Default)]
struct RowNorms {
    /// `code · step`
    step: f32,
    /// `‖w − ŵ‖`, rounded up.
    residual: f32,
    /// `‖w‖`, rounded up; NaN or infinite if some weight is.
    norm: f32,
}

/// A matrix `[rows, cols]` at 6 bits a weight. It is filled row by row, in order.
pub struct CoarseMatrix {
    rows: usize,
    cols: usize,
    n_filled: usize,
    /// `[rows, ceil(cols / 128), 96]`
    codes: Vec<u8>,
    norms: Vec<RowNorms>,
}

/// One row of activations as estimates see it.
#[derive(Default)]
pub(crate) struct CoarseInput {
    /// `[ceil(K / 128), 128]`
    pub(crate) codes: Vec<i8>,
    /// `[ceil(K / 128)]`
    pub(crate) scales: Vec<f32>,
    /// `32 Σ x̃`: what codes without a sign are too large by.
    pub(crate) offset: f32,
    /// Factors of `‖w − ŵ‖`, `‖w‖` and `step`.
    margins: [f64; 3],
    norm: f64,
}

impl CoarseMatrix {
    /// Room for a copy of `w`, no row of it filled; `None` for formats whose products this bound does not speak of:
    /// those whose weights have minima and ternary ones.
    pub fn new(w: &Matrix<'_>) -> Option<Self> {
        if w.format.is_ternary() || (!w.format.is_float() && w.format.has_mins()) {
            return None;
        }
        let n_bytes = Self::bytes(w.rows, w.cols)?;
        let codes = vec![0; n_bytes - w.rows * size_of::<RowNorms>()];
        let norms = vec![RowNorms::default(); w.rows];
        Some(Self { rows: w.rows, cols: w.cols, n_filled: 0, codes, norms })
    }

    /// Bytes of the copy of a matrix `[rows, cols]`; `None` on overflow.
    pub fn bytes(rows: usize, cols: usize) -> Option<usize> {
        rows.checked_mul(cols.div_ceil(SPAN) * SPAN_BYTES + size_of::<RowNorms>())
    }

    /// Rows that are filled.
    pub fn n_filled(&self) -> usize {
        self.n_filled
    }

    /// Are all rows filled?
    pub fn is_full(&self) -> bool {
        self.n_filled == self.rows
    }

    fn row_bytes(&self) -> usize {
        self.cols.div_ceil(SPAN) * SPAN_BYTES
    }
}

multiversion! {
    /// Codes of one row of weights `w`, padded to whole spans by zeros, and what is known of it.
    fn encode(w: &[f32], codes: &mut [u8], norms: &mut RowNorms) {
        let norm = squares(w, |w| w).sqrt();
        let deviation = (norm / (w.len() as f64).sqrt()) as f32;
        codes.fill(0);
        if deviation.is_nan() || !(1e-30..1e30).contains(&deviation) {
            // All zero, or not to be spoken of: the estimate is 0 and the norm says how wrong that is.
            *norms = RowNorms { step: 0.0, residual: up(norm), norm: up(norm) };
            return;
        }
        let (mut step, mut least) = (deviation, f32::INFINITY);
        for multiple in STEPS {
            let error = sampled_error(w, multiple * deviation);
            if error < least {
                (step, least) = (multiple * deviation, error);
            }
        }
        let inverse = 1.0 / step;
        for (w, codes) in w.chunks(SPAN).zip(codes.chunks_exact_mut(SPAN_BYTES)) {
            let mut span = [OFFSET as u8; SPAN];
            for (code, &w) in span.iter_mut().zip(w) {
                *code = (nearest(w, inverse) + OFFSET) as u8;
            }
            let (low, high) = codes.split_at_mut(LOW_BYTES);
            for (i, byte) in low.iter_mut().enumerate() {
                *byte = span[i] & 15 | span[i + LOW_BYTES] << 4;
            }
            for (i, byte) in high.iter_mut().enumerate() {
                let high = |j: usize| span[i + HIGH_BYTES * j] >> 4 << (2 * j);
                *byte = high(0) | high(1) | high(2) | high(3);
            }
        }
        let residual = squares(w, |w| w - nearest(w, inverse) as f32 * step).sqrt();
        // The difference itself is rounded, by 2⁻²⁴ of at most |w| and 32 steps.
        *norms = RowNorms { step, residual: up(residual + ROUNDING * 4.0 * norm), norm: up(norm) };
    }
}

/// The next larger float, and a little more.
fn up(x: f64) -> f32 {
    (x * (1.0 + 1e-6)) as f32
}

/// The code of `w` in steps of `1 / inverse`.
#[inline(always)]
#[allow(clippy::inline_always, reason = "compiled inside each instruction set's version")]
fn nearest(w: f32, inverse: f32) -> i32 {
    let w = w * inverse;
    let w = if w > 31.0 { 31.0 } else { w };
    round(if w < -32.0 { -32.0 } else { w })
}

/// `Σ f(w)²`, in eight f64 lanes.
#[inline(always)]
#[allow(clippy::inline_always, reason = "compiled inside each instruction set's version")]
fn squares(w: &[f32], f: impl Fn(f32) -> f32) -> f64 {
    let (eights, rest) = w.as_chunks::<8>();
    let mut lanes = [0.0f64; 8];
    for w in eights {
        for (lane, &w) in lanes.iter_mut().zip(w) {
            let v = f64::from(f(w));
            *lane += v * v;
        }
    }
    let rest: f64 = rest.iter().map(|&w| f64::from(f(w)) * f64::from(f(w))).sum();
    lanes.iter().sum::<f64>() + rest
}

/// What codes of `step` are off by, squared, summed over every eighth piece of 16.
#[inline(always)]
#[allow(clippy::inline_always, reason = "compiled inside each instruction set's version")]
fn sampled_error(w: &[f32], step: f32) -> f32 {
    let inverse = 1.0 / step;
    let mut lanes = [0.0f32; 16];
    for w in w.as_chunks::<16>().0.iter().step_by(8) {
        for (lane, &w) in lanes.iter_mut().zip(w) {
            let r = w - nearest(w, inverse) as f32 * step;
            *lane += r * r;
        }
    }
    lanes.iter().sum()
}

impl CoarseInput {
    /// Becomes the input of the only row of `x`: `x̂` is its f32 values, or its int8 blocks `groups`.
    fn set(&mut self, x: &[f32], groups: Option<&[ActivationGroup]>) {
        let k = x.len();
        let n_spans = k.div_ceil(SPAN);
        self.codes.clear();
        self.codes.resize(n_spans * SPAN, 0);
        self.scales.clear();
        let (mut offset, mut square, mut square_exact, mut square_error) = (0.0f64, 0.0f64, 0.0f64, 0.0f64);
        for (s, (x, codes)) in x.chunks(SPAN).zip(self.codes.chunks_exact_mut(SPAN)).enumerate() {
            let max = x.iter().fold(0.0f32, |max, x| max.max(x.abs()));
            let (scale, inverse) = if max > 1e-30 { (max / 127.0, 127.0 / max) } else { (0.0, 0.0) };
            for (i, (&x, code)) in x.iter().zip(codes).enumerate() {
                *code = round((x * inverse).clamp(-127.0, 127.0)) as i8;
                let near = f64::from(*code) * f64::from(scale);
                let exact = groups.map_or(f64::from(x), |groups| {
                    let column = s * SPAN + i;
                    let group = &groups[column / GROUP];
                    f64::from(group.codes[column % GROUP]) * f64::from(group.scales[column % GROUP / BLOCK])
                });
                offset += f64::from(OFFSET) * near;
                square += near * near;
                square_exact += exact * exact;
                square_error += (exact - near) * (exact - near);
            }
            self.scales.push(scale);
        }
        self.offset = offset as f32;
        let (near, exact, error) = (square.sqrt(), square_exact.sqrt(), square_error.sqrt());
        let exact_operations = (k / 8 + 16) as f64;
        let estimate_operations = (n_spans + 12) as f64;
        self.norm = exact;
        self.margins = [
            near * (1.0 + 1e-9),
            error * (1.0 + 1e-9) + exact * exact_operations * ROUNDING,
            near * 95.0 * (k as f64).sqrt() * estimate_operations * ROUNDING,
        ];
    }

    /// The most by which the estimate of a row may differ from the kernel's product; infinite or NaN where nothing can
    /// be said.
    fn margin(&self, row: RowNorms) -> f32 {
        let [residual, norm, step] = self.margins;
        let sum = f64::from(row.residual) * residual + f64::from(row.norm) * norm + f64::from(row.step) * step + 1e-25;
        // Rounding it to f32, and adding it to an estimate as large as the norms allow, errs by less.
        let product = f64::from(row.norm) * self.norm;
        if product > PRODUCT_MAX { f32::INFINITY } else { (sum * (1.0 + 1e-6) + product * 4.0 * ROUNDING) as f32 }
    }
}

/// An estimate of one product.
#[derive(Clone, Copy, Default)]
pub(crate) struct Estimate {
    value: f32,
    /// The product is no larger, unless this is NaN.
    upper: f32,
}

impl Estimate {
    /// A NaN says nothing, so the product may be anything.
    fn may_reach(self, bar: f32) -> bool {
        self.upper.is_nan() || self.upper >= bar
    }
}

/// Buffers of [`Kernels::coarse_best`], as large as the largest matrix seen.
#[derive(Default)]
pub struct CoarseScratch {
    input: CoarseInput,
    /// Estimate of each row `[V]`.
    estimates: Vec<Estimate>,
    /// Rows in the order of their estimates `[V]`.
    order: Vec<u32>,
    /// Rows to compute, and their products.
    chosen: Vec<u32>,
    exact: Vec<f32>,
}

/// Pieces into which rows to be filled are cut.
const FILL_PIECES: usize = 16;

impl CoarseScratch {
    /// Buffers for matrices of up to `rows` rows of `cols`.
    pub fn new(rows: usize, cols: usize) -> Self {
        let n_spans = cols.div_ceil(SPAN);
        Self {
            input: CoarseInput {
                codes: Vec::with_capacity(n_spans * SPAN),
                scales: Vec::with_capacity(n_spans),
                ..CoarseInput::default()
            },
            estimates: Vec::with_capacity(rows),
            order: Vec::with_capacity(rows),
            chosen: Vec::with_capacity(rows),
            exact: Vec::with_capacity(rows),
        }
    }
}

impl Kernels {
    /// Fills the next `n_rows` rows of `coarse` (or those that are left) from `w`, of which it is to be a copy.
    pub fn coarse_fill(&self, coarse: &mut CoarseMatrix, w: Matrix<'_>, n_rows: usize) {
        assert_eq!((coarse.rows, coarse.cols), (w.rows, w.cols), "shapes of a matrix and its copy");
        let (row_bytes, cols, first) = (coarse.row_bytes(), coarse.cols, coarse.n_filled);
        let n = n_rows.min(coarse.rows - first);
        if n == 0 {
            return;
        }
        let piece_rows = n.div_ceil(FILL_PIECES);
        let codes = coarse.codes[first * row_bytes..(first + n) * row_bytes].chunks_mut(piece_rows * row_bytes);
        let norms = coarse.norms[first..first + n].chunks_mut(piece_rows);
        let mut pieces: [Option<(&mut [u8], &mut [RowNorms])>; FILL_PIECES] = [const { None }; FILL_PIECES];
        pieces.iter_mut().zip(codes.zip(norms)).for_each(|(piece, rows)| *piece = Some(rows));
        self.pool.for_rows(&mut pieces, 1, 1, |start, pieces, worker| {
            let mut scratch = self.matmul[worker].lock().unwrap_or_else(PoisonError::into_inner);
            for (i, piece) in pieces.iter_mut().enumerate() {
                let Some((codes, norms)) = piece else { continue };
                let row_first = first + (start + i) * piece_rows;
                let rows = codes.chunks_exact_mut(row_bytes).zip(norms.iter_mut());
                for (m, (codes, norms)) in (row_first..).zip(rows) {
                    let row = scratch.row(cols);
                    w.decode_row(m, row);
                    encode(self.level, row, codes, norms);
                }
            }
        });
        coarse.n_filled += n;
    }

    /// Number of filled rows that may, by their estimates, be among the `n_best` largest of all `products` `[M]` with
    /// the only row of `x`.
    pub fn coarse_left(
        &self,
        coarse: &CoarseMatrix,
        w: Matrix<'_>,
        x: &mut Rows,
        n_best: usize,
        products: &[f32],
        scratch: &mut CoarseScratch,
    ) -> usize {
        self.coarse_estimate(coarse, w, x, scratch);
        let CoarseScratch { estimates, exact, .. } = scratch;
        exact.clear();
        exact.extend_from_slice(products);
        let last = n_best.clamp(1, exact.len()) - 1;
        let (_, bar, _) = exact.select_nth_unstable_by(last, |a, b| b.total_cmp(a));
        estimates.iter().filter(|e| e.may_reach(*bar)).count()
    }

    /// Estimates of all rows that are filled.
    fn coarse_estimate(&self, coarse: &CoarseMatrix, w: Matrix<'_>, x: &mut Rows, scratch: &mut CoarseScratch) {
        assert_eq!((coarse.rows, coarse.cols), (w.rows, w.cols), "shapes of a matrix and its copy");
        assert_eq!(x.n_rows(), 1, "one row of activations");
        let CoarseScratch { input, estimates, .. } = scratch;
        if !w.format.is_float() {
            x.quantise(self.level, &self.pool);
        }
        input.set(x.values(), (!w.format.is_float()).then(|| x.groups()));
        estimates.resize(coarse.n_filled, Estimate::default());
        let (input, row_bytes) = (&*input, coarse.row_bytes());
        self.pool.for_rows(estimates, 1, 64, |first, estimates, _| {
            let codes = &coarse.codes[first * row_bytes..][..estimates.len() * row_bytes];
            dot::estimate(self.level, codes, &coarse.norms[first..], input, estimates);
        });
    }

    /// Rows of `w` and their products with the only row of `x`, exactly as [`matmul`](Self::matmul) gives them: every
    /// product that reaches `floor(v)` is among them, `v` being the `n_best`-th largest of all products; some others
    /// may be. `coarse` is a full copy of `w`.
    ///
    /// `floor` gives a value at or below its argument: for callers to whom products that differ may come out equal
    /// later. `None` if a product that was computed is no finite number.
    pub fn coarse_best<'a>(
        &self,
        coarse: &CoarseMatrix,
        w: Matrix<'_>,
        x: &mut Rows,
        n_best: usize,
        floor: impl Fn(f32) -> f32,
        scratch: &'a mut CoarseScratch,
    ) -> Option<(&'a [u32], &'a mut [f32])> {
        assert!(coarse.is_full(), "{} of {} rows are filled", coarse.n_filled, coarse.rows);
        self.coarse_estimate(coarse, w, x, scratch);
        let CoarseScratch { estimates, order, chosen, exact, .. } = scratch;
        // The rows that look best, exactly: the least of them is a bar that everything wanted reaches.
        let n_best = n_best.clamp(1, w.rows);
        chosen.clear();
        if n_best == 1 {
            let best = estimates.iter().enumerate().max_by(|a, b| a.1.value.total_cmp(&b.1.value));
            chosen.extend(best.map(|(m, _)| m as u32));
        } else {
            order.clear();
            order.extend(0..w.rows as u32);
            let better = |a: &u32, b: &u32| estimates[*b as usize].value.total_cmp(&estimates[*a as usize].value);
            order.select_nth_unstable_by(n_best - 1, better);
            chosen.extend_from_slice(&order[..n_best]);
        }
        exact.resize(chosen.len(), 0.0);
        self.matmul_rows(w, chosen, x, exact);
        if !exact.iter().all(|x| x.is_finite()) {
            return None;
        }
        let bar = floor(exact.iter().copied().fold(f32::INFINITY, f32::min));
        chosen.clear();
        chosen.extend((0..).zip(estimates.iter()).filter(|(_, e)| e.may_reach(bar)).map(|(m, _): (u32, _)| m));
        exact.resize(chosen.len(), 0.0);
        self.matmul_rows(w, chosen, x, exact);
        if !exact.iter().all(|x| x.is_finite()) {
            return None;
        }
        Some((chosen, exact))
    }

    /// `out[i] = w[chosen[i]] · x` for the only row of `x`, exactly as [`matmul`](Self::matmul) gives it.
    pub fn matmul_rows(&self, w: Matrix<'_>, chosen: &[u32], x: &mut Rows, out: &mut [f32]) {
        matmul::run_rows(self.level, &self.pool, &self.matmul, w, chosen, x, out);
    }
}

#[cfg(test)]
mod tests;
