//! The scan of Mamba-2: a layer's memory of a sequence is a matrix for each head, which decays with each token and
//! takes in what the token has, as much of it as its step is long.
//!
//! `S ← α S + B (δ x)ᵀ`, `y = Sᵀ C + D x`, token by token, where `α = e^(A δ)`. Each sum over the rows of `S` is added
//! up in their order, and each head is computed by one thread, so that bytes do not depend on how tokens were cut into
//! steps, on the instruction set or on the number of threads.
//!
//! Source: Dao and Gu 2024 (arXiv 2405.21060), section 3.

use crate::{
    Kernels,
    columns::{self, Columns},
    delta::softplus,
    handle::PARALLEL_ELEMENTS,
    isa::multiversion,
    math::silu,
    pool::{Output, Tile},
};

/// The heads of Mamba-2.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct MambaShape {
    /// Number of heads, which each have a state.
    pub n_heads: usize,
    /// Number of groups of neighbouring heads that share `B` and `C`; it divides the number of heads.
    pub n_groups: usize,
    /// Width of a head.
    pub dim: usize,
    /// Number of rows of the state of a head: the width of `B` and `C`.
    pub n_state_rows: usize,
}

impl MambaShape {
    /// Number of elements of a row of values, of all heads.
    pub fn value_len(&self) -> usize {
        self.n_heads * self.dim
    }

    /// Number of elements of a row of values, `B` and `C`.
    pub fn row_len(&self) -> usize {
        self.value_len() + 2 * self.n_groups * self.n_state_rows
    }
}

/// What one head reads.
struct Head<'a> {
    shape: MambaShape,
    index: usize,
    /// Values, `B` and `C` `[T, row_len]`.
    rows: &'a [f32],
    /// Lengths of steps `[T, n_heads]`.
    steps: &'a [f32],
    /// Factors `[T, n_heads]` on the state.
    decay: &'a [f32],
    /// Factor on the values that pass by the state.
    skip: f32,
}

multiversion! {
    /// Feeds all rows to the state of a head and fills its columns of the output, a row for each.
    fn feed(head: &Head<'_>, state: &mut [f32], out: &mut Tile<'_, f32>) {
        columns::feed(head, head.shape.dim, state, out);
    }
}

#[allow(clippy::inline_always, reason = "compiled inside each instruction set's version")]
impl Columns for Head<'_> {
    #[inline(always)]
    fn n_rows(&self) -> usize {
        self.shape.n_state_rows
    }

    #[inline(always)]
    fn feed<const N: usize>(&self, column: usize, block: &mut [[f32; N]], out: &mut Tile<'_, f32>) {
        let Head { shape, index, rows, steps, decay, skip } = *self;
        let (n_heads, n_state_rows) = (shape.n_heads, shape.n_state_rows);
        let group = index / (n_heads / shape.n_groups);
        let b_at = shape.value_len() + group * n_state_rows;
        let c_at = b_at + shape.n_groups * n_state_rows;
        for (t, row) in rows.chunks_exact(shape.row_len()).enumerate() {
            let x = &row[index * shape.dim + column..][..N];
            let (b, c) = (&row[b_at..][..n_state_rows], &row[c_at..][..n_state_rows]);
            let (step, decay) = (steps[t * n_heads + index], decay[t * n_heads + index]);
            let mut taken = [0.0f32; N];
            taken.iter_mut().zip(x).for_each(|(taken, x)| *taken = step * x);
            let mut read = [0.0f32; N];
            for ((row, &b), &c) in block.iter_mut().zip(b).zip(c) {
                for ((s, taken), read) in row.iter_mut().zip(&taken).zip(&mut read) {
                    *s = decay * *s + b * taken;
                    *read += c * *s;
                }
            }
            for ((out, read), x) in out.row(t)[column..][..N].iter_mut().zip(read).zip(x) {
                *out = read + skip * x;
            }
        }
    }
}

multiversion! {
    /// `x[r] = silu(x[r] + bias)`, `bias` `[_]`.
    fn silu_biased(bias: &[f32], x: &mut [f32]) {
        for row in x.chunks_exact_mut(bias.len()) {
            row.iter_mut().zip(bias).for_each(|(x, bias)| *x = silu(*x + bias));
        }
    }
}

impl Kernels {
    /// `x[r] = silu(x[r] + bias)` for each row of `bias.len()` elements, in place.
    pub fn silu_biased(&self, bias: &[f32], x: &mut [f32]) {
        self.for_rows(x, bias.len(), |_, x| silu_biased(self.level, bias, x));
    }

    /// Makes `steps` the lengths of steps, `softplus(steps + bias)`, and `decay` the factors by which states decay,
    /// `e^(a · length)`; both `[T, n_heads]`, `a` and `bias` `[n_heads]`.
    pub fn mamba_steps(&self, a: &[f32], bias: &[f32], steps: &mut [f32], decay: &mut [f32]) {
        // In f64: few numbers, whose errors add up over all tokens that follow.
        let heads = a.iter().zip(bias).map(|(a, bias)| (f64::from(*a), f64::from(*bias))).cycle();
        for ((step, decay), (a, bias)) in steps.iter_mut().zip(decay).zip(heads) {
            let length = softplus(f64::from(*step) + bias);
            *step = length as f32;
            *decay = libm::exp(a * length) as f32;
        }
    }

    /// Feeds the tokens of one sequence to its `state` `[n_heads, n_state_rows · dim]`, whose layout is known here
    /// alone, and fills `out` `[T, value_len]`: `rows` `[T, row_len]` are values, then `B` and `C` of each group;
    /// `steps` and `decay` `[T, n_heads]` those of [`Self::mamba_steps`]; `skip` `[n_heads]` is `D`.
    pub fn mamba(
        &self,
        shape: &MambaShape,
        state: &mut [f32],
        rows: &[f32],
        (steps, decay): (&[f32], &[f32]),
        skip: &[f32],
        out: &mut [f32],
    ) {
        let n_rows = rows.len() / shape.row_len();
        let (n_heads, state_len) = (shape.n_heads, shape.n_state_rows * shape.dim);
        assert_eq!(state.len(), n_heads * state_len, "mamba: state");
        assert_eq!(out.len(), n_rows * shape.value_len(), "mamba: output");
        assert_eq!((steps.len(), decay.len()), (n_rows * n_heads, n_rows * n_heads), "mamba: steps");
        assert_eq!(skip.len(), n_heads, "mamba: skip");
        if n_rows == 0 {
            return;
        }
        let is_little = state.len() * n_rows < PARALLEL_ELEMENTS;
        let states = Output::new(state, state_len, state_len, 1);
        let outputs = Output::new(out, shape.value_len(), shape.dim, n_rows);
        self.pool.for_tile_pairs(&states, &outputs, is_little, |mut state, mut out| {
            let index = state.rows.start;
            // A tile's columns are those of its head alone.
            let head = Head { shape: *shape, index, rows, steps, decay, skip: skip[index] };
            feed(self.level, &head, state.row(0), &mut out);
        });
    }
}

#[cfg(test)]
mod tests {
    use testkit::{Rng, assert_same_f32, nmse};

    use super::*;
    use crate::{Isa, columns::in_blocks};

    const SHAPES: [MambaShape; 5] = [
        MambaShape { n_heads: 1, n_groups: 1, dim: 5, n_state_rows: 3 },
        MambaShape { n_heads: 4, n_groups: 2, dim: 16, n_state_rows: 16 },
        MambaShape { n_heads: 6, n_groups: 3, dim: 41, n_state_rows: 7 },
        MambaShape { n_heads: 3, n_groups: 1, dim: 64, n_state_rows: 128 },
        MambaShape { n_heads: 2, n_groups: 2, dim: 80, n_state_rows: 1 },
    ];

    /// The scan in f64, a head after the other; `state` is `[n_heads, n_state_rows, dim]`.
    fn by_definition(
        shape: &MambaShape,
        state: &mut [f64],
        rows: &[f32],
        (steps, decay): (&[f32], &[f32]),
        skip: &[f32],
    ) -> Vec<f32> {
        let MambaShape { n_heads, n_groups, dim, n_state_rows } = *shape;
        let mut out = vec![0.0; rows.len() / shape.row_len() * shape.value_len()];
        for (t, row) in rows.chunks(shape.row_len()).enumerate() {
            for h in 0..n_heads {
                let group = h * n_groups / n_heads;
                let state = &mut state[h * n_state_rows * dim..][..n_state_rows * dim];
                let (step, decay) = (f64::from(steps[t * n_heads + h]), f64::from(decay[t * n_heads + h]));
                for p in 0..dim {
                    let x = f64::from(row[h * dim + p]);
                    let mut y = f64::from(skip[h]) * x;
                    for n in 0..n_state_rows {
                        let b = f64::from(row[n_heads * dim + group * n_state_rows + n]);
                        let c = f64::from(row[n_heads * dim + (n_groups + group) * n_state_rows + n]);
                        let s = &mut state[n * dim + p];
                        *s = *s * decay + step * x * b;
                        y += *s * c;
                    }
                    out[(t * n_heads + h) * dim + p] = y as f32;
                }
            }
        }
        out
    }

    #[test]
    fn it_is_the_scan_in_whatever_pieces_on_every_level() {
        let mut rng = Rng::new(13);
        for shape in SHAPES {
            let (n_rows, n_heads) = (9, shape.n_heads);
            let (mut steps, mut decay) = (rng.normals(n_rows * n_heads), vec![0.0; n_rows * n_heads]);
            let (a, bias, skip) = (vec![-0.7; n_heads], vec![0.2; n_heads], rng.normals(n_heads));
            let scalar = Kernels::new(Some(Isa::Scalar), 1).unwrap();
            scalar.mamba_steps(&a, &bias, &mut steps, &mut decay);
            assert!(steps.iter().all(|x| *x > 0.0) && decay.iter().all(|x| *x > 0.0 && *x < 1.0));
            let rows = rng.normals(n_rows * shape.row_len());
            let plain = rng.normals(n_heads * shape.n_state_rows * shape.dim);
            let before = in_blocks([shape.n_state_rows, shape.dim], &plain);
            let mut exact: Vec<f64> = plain.iter().map(|x| f64::from(*x)).collect();
            let definition = by_definition(&shape, &mut exact, &rows, (&steps, &decay), &skip);
            let exact: Vec<f32> =
                in_blocks([shape.n_state_rows, shape.dim], &exact).iter().map(|x| *x as f32).collect();
            let mut first: Option<(Vec<f32>, Vec<f32>)> = None;
            for (isa, chunk) in Isa::available().flat_map(|isa| [1, 4, n_rows].map(|chunk| (isa, chunk))) {
                let kernels = Kernels::new(Some(isa), 3).unwrap();
                let (mut state, mut out) = (before.clone(), vec![0.0; n_rows * shape.value_len()]);
                for start in (0..n_rows).step_by(chunk) {
                    let end = (start + chunk).min(n_rows);
                    let part = |len: usize| start * len..end * len;
                    let steps = (&steps[part(n_heads)], &decay[part(n_heads)]);
                    let out = &mut out[part(shape.value_len())];
                    kernels.mamba(&shape, &mut state, &rows[part(shape.row_len())], steps, &skip, out);
                }
                assert!(nmse(&out, &definition) < 1e-11, "{shape:?}: {}", nmse(&out, &definition));
                assert!(nmse(&state, &exact) < 1e-11, "{shape:?}: {}", nmse(&state, &exact));
                let what = format!("{shape:?} in pieces of {chunk} on {}", isa.name());
                let (first_out, first_state) = first.get_or_insert_with(|| (out.clone(), state.clone()));
                assert_same_f32(&what, &out, first_out);
                assert_same_f32(&what, &state, first_state);
            }
        }
    }

    #[test]
    fn steps_are_their_formula_however_large() {
        let kernels = Kernels::new(None, 1).unwrap();
        let (a, bias) = ([-0.5, -3.0], [0.25, -1.0]);
        let inputs = [-200.0, -3.0, 0.0, 0.75, 4.0, 300.0, f32::NAN, 1.0];
        let (mut steps, mut decay) = (inputs, [0.0; 8]);
        kernels.mamba_steps(&a, &bias, &mut steps, &mut decay);
        for (i, x) in inputs.into_iter().enumerate() {
            let x = f64::from(x) + f64::from(bias[i % 2]);
            let length = if x > 100.0 { x } else { x.exp().ln_1p() };
            let exact = [length, (f64::from(a[i % 2]) * length).exp()];
            for (got, exact) in [steps[i], decay[i]].into_iter().zip(exact) {
                let is_near = (f64::from(got) - exact).abs() <= 1e-6 * exact.abs() + 1e-40;
                assert!(is_near || got.is_nan() && exact.is_nan(), "{i}: {got}, exact {exact}");
            }
        }
    }

    #[test]
    fn what_was_convolved_gets_its_bias_on_every_level() {
        let (bias, x) = (Rng::new(1).normals(37), Rng::new(2).normals(5 * 37));
        for isa in Isa::available() {
            let mut out = x.clone();
            Kernels::new(Some(isa), 2).unwrap().silu_biased(&bias, &mut out);
            let expected: Vec<f32> = x.iter().zip(bias.iter().cycle()).map(|(x, bias)| silu(x + bias)).collect();
            assert_same_f32(isa.name(), &out, &expected);
        }
    }
}
