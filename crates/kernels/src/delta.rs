//! The gated delta rule: a layer's memory of a sequence is a matrix for each head, which forgets a little with each
//! token and then corrects what it holds under the token's key.
//!
//! `S ← α S`, `S ← S + k (β (v − Sᵀ k))ᵀ`, `o = Sᵀ q`, token by token. Each sum over the rows of `S` is added up in
//! their order, and each head is computed by one thread, so that bytes do not depend on how tokens were cut into steps,
//! on the instruction set or on the number of threads.
//!
//! Source: Yang, Kautz and Hatamizadeh 2024 (arXiv 2412.06464), equation 10.

use crate::{
    Kernels,
    columns::{self, Columns},
    handle::PARALLEL_ELEMENTS,
    isa::multiversion,
    math::{LANES, exp, fold, silu},
    pool::{Output, Tile},
};

/// The heads of a gated delta net.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct DeltaShape {
    /// Number of heads that have queries and keys.
    pub n_key_heads: usize,
    /// Number of heads that have values and a state, a multiple of the former.
    pub n_value_heads: usize,
    /// Width of every head.
    pub dim: usize,
    /// Whether neighbouring value heads share a key head; otherwise those do that are `n_key_heads` apart.
    pub is_grouped: bool,
}

impl DeltaShape {
    /// Number of elements of a row of queries, keys and values, of all heads.
    pub fn row_len(&self) -> usize {
        (2 * self.n_key_heads + self.n_value_heads) * self.dim
    }

    /// Number of elements of a row of values, of all heads.
    pub fn value_len(&self) -> usize {
        self.n_value_heads * self.dim
    }

    fn key_head(&self, value_head: usize) -> usize {
        if self.is_grouped {
            value_head / (self.n_value_heads / self.n_key_heads)
        } else {
            value_head % self.n_key_heads
        }
    }
}

/// What one head reads.
struct Head<'a> {
    shape: DeltaShape,
    /// Index of the value head.
    index: usize,
    /// Queries, keys and values `[T, row_len]`.
    rows: &'a [f32],
    /// Factors `[T, n_value_heads]` on the state.
    decay: &'a [f32],
    /// Factors `[T, n_value_heads]` on what is corrected.
    beta: &'a [f32],
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
        self.shape.dim
    }

    #[inline(always)]
    fn feed<const N: usize>(&self, column: usize, block: &mut [[f32; N]], out: &mut Tile<'_, f32>) {
        let Head { shape, index, rows, decay, beta } = *self;
        let (dim, n_heads) = (shape.dim, shape.n_value_heads);
        let key_at = shape.key_head(index) * dim;
        let value_at = (2 * shape.n_key_heads + index) * dim;
        for (t, row) in rows.chunks_exact(shape.row_len()).enumerate() {
            let token = Token {
                q: &row[key_at..][..dim],
                k: &row[shape.n_key_heads * dim + key_at..][..dim],
                v: &row[value_at..][..dim],
                decay: decay[t * n_heads + index],
                beta: beta[t * n_heads + index],
            };
            correct(&token, column, block, out.row(t));
        }
    }
}

/// What a head reads of one token: vectors `[dim]`, and its factors.
struct Token<'a> {
    q: &'a [f32],
    k: &'a [f32],
    v: &'a [f32],
    decay: f32,
    beta: f32,
}

/// Feeds a token to the `N` columns from `column` on, which lie in `block` `[dim, N]`.
#[inline(always)]
#[allow(clippy::inline_always, reason = "compiled inside each instruction set's version")]
fn correct<const N: usize>(token: &Token<'_>, column: usize, block: &mut [[f32; N]], out: &mut [f32]) {
    let Token { q, k, v, decay, beta } = *token;
    let mut held = [0.0f32; N];
    for (row, &k) in block.iter_mut().zip(k) {
        for (s, held) in row.iter_mut().zip(&mut held) {
            *s *= decay;
            *held += k * *s;
        }
    }
    let mut change = [0.0f32; N];
    for ((change, held), v) in change.iter_mut().zip(held).zip(&v[column..][..N]) {
        *change = beta * (v - held);
    }
    let mut read = [0.0f32; N];
    for ((row, &k), &q) in block.iter_mut().zip(k).zip(q) {
        for ((s, change), read) in row.iter_mut().zip(change).zip(&mut read) {
            *s += k * change;
            *read += q * *s;
        }
    }
    out[column..][..N].copy_from_slice(&read);
}

multiversion! {
    /// Applies SiLU to rows of `row_len` elements, then divides each of the first `2 n` heads of `dim` by its length,
    /// the first `n` by the root of `dim`, too.
    fn prepare(n: usize, dim: usize, row_len: usize, epsilon: f32, rows: &mut [f32]) {
        let root = (dim as f32).sqrt();
        for row in rows.chunks_exact_mut(row_len) {
            row.iter_mut().for_each(|x| *x = silu(*x));
            for (i, head) in row.chunks_exact_mut(dim).take(2 * n).enumerate() {
                let mut lanes = [0.0f32; LANES];
                for chunk in head.chunks(LANES) {
                    lanes.iter_mut().zip(chunk).for_each(|(lane, x)| *lane += x * x);
                }
                let length = fold(lanes).sqrt();
                let scale = 1.0 / if length > epsilon { length } else { epsilon };
                let scale = if i < n { scale / root } else { scale };
                head.iter_mut().for_each(|x| *x *= scale);
            }
        }
    }
}

multiversion! {
    /// `x[i] *= σ(gate[i])`
    fn times_sigmoid(x: &mut [f32], gate: &[f32]) {
        x.iter_mut().zip(gate).for_each(|(x, gate)| *x *= 1.0 / (1.0 + exp(-gate)));
    }
}

/// `ln(1 + e^x)`
pub(crate) fn softplus(x: f64) -> f64 {
    if x > 0.0 { x + libm::log1p(libm::exp(-x)) } else { libm::log1p(libm::exp(x)) }
}

impl Kernels {
    /// Makes of what a convolution gives, `rows` `[T, row_len]`, the queries, keys and values of [`Self::delta`], in
    /// place: SiLU, then queries and keys of length 1, or as long as they are over `epsilon` where that is shorter.
    pub fn delta_rows(&self, shape: &DeltaShape, epsilon: f32, rows: &mut [f32]) {
        self.for_rows(rows, shape.row_len(), |_, rows| {
            prepare(self.level, shape.n_key_heads, shape.dim, shape.row_len(), epsilon, rows);
        });
    }

    /// Makes `alpha` the factors by which states decay, `e^(a · softplus(alpha + bias))`, and `beta` those of what is
    /// corrected, `σ(beta)`; both `[T, n_value_heads]`, `a` and `bias` `[n_value_heads]`.
    pub fn delta_gates(&self, a: &[f32], bias: &[f32], alpha: &mut [f32], beta: &mut [f32]) {
        // In f64: few numbers, whose errors add up over all tokens that follow.
        let heads = a.iter().zip(bias).map(|(a, bias)| (f64::from(*a), f64::from(*bias))).cycle();
        for (alpha, (a, bias)) in alpha.iter_mut().zip(heads) {
            *alpha = libm::exp(a * softplus(f64::from(*alpha) + bias)) as f32;
        }
        beta.iter_mut().for_each(|x| *x = (1.0 / (1.0 + libm::exp(-f64::from(*x)))) as f32);
    }

    /// Feeds the tokens of one sequence to its `state` `[n_value_heads, dim · dim]`, whose layout is known here alone,
    /// and fills `out` `[T, n_value_heads · dim]`: `rows` `[T, row_len]` are those of [`Self::delta_rows`], `decay` and
    /// `beta` `[T, n_value_heads]` those of [`Self::delta_gates`].
    pub fn delta(
        &self,
        shape: &DeltaShape,
        state: &mut [f32],
        rows: &[f32],
        (decay, beta): (&[f32], &[f32]),
        out: &mut [f32],
    ) {
        let n_rows = rows.len() / shape.row_len();
        let (dim, n_heads) = (shape.dim, shape.n_value_heads);
        assert_eq!(state.len(), n_heads * dim * dim, "delta: state");
        assert_eq!(out.len(), n_rows * shape.value_len(), "delta: output");
        assert_eq!((decay.len(), beta.len()), (n_rows * n_heads, n_rows * n_heads), "delta: gates");
        if n_rows == 0 {
            return;
        }
        let is_little = state.len() * n_rows < PARALLEL_ELEMENTS;
        let states = Output::new(state, dim * dim, dim * dim, 1);
        let outputs = Output::new(out, shape.value_len(), dim, n_rows);
        self.pool.for_tile_pairs(&states, &outputs, is_little, |mut state, mut out| {
            let head = Head { shape: *shape, index: state.rows.start, rows, decay, beta };
            feed(self.level, &head, state.row(0), &mut out);
        });
    }

    /// `x[i] *= σ(gate[i])`
    pub fn times_sigmoid(&self, x: &mut [f32], gate: &[f32]) {
        assert_eq!(x.len(), gate.len(), "times_sigmoid: both inputs");
        self.for_rows(x, 1, |first, x| times_sigmoid(self.level, x, &gate[first..][..x.len()]));
    }
}

#[cfg(test)]
mod tests {
    use testkit::{Rng, assert_same_f32, nmse};

    use super::*;
    use crate::{Isa, columns::in_blocks};

    const SHAPES: [DeltaShape; 4] = [
        DeltaShape { n_key_heads: 1, n_value_heads: 1, dim: 5, is_grouped: false },
        DeltaShape { n_key_heads: 2, n_value_heads: 4, dim: 16, is_grouped: false },
        DeltaShape { n_key_heads: 2, n_value_heads: 6, dim: 41, is_grouped: true },
        DeltaShape { n_key_heads: 2, n_value_heads: 4, dim: 128, is_grouped: true },
    ];

    /// The rule in f64, a head after the other.
    fn by_definition(shape: &DeltaShape, state: &mut [f64], rows: &[f32], gates: (&[f32], &[f32])) -> Vec<f32> {
        let (dim, n_heads) = (shape.dim, shape.n_value_heads);
        let mut out = vec![0.0; rows.len() / shape.row_len() * shape.value_len()];
        for (t, row) in rows.chunks(shape.row_len()).enumerate() {
            let part = |head: usize, i: usize| f64::from(row[head * dim + i]);
            for h in 0..n_heads {
                let state = &mut state[h * dim * dim..][..dim * dim];
                let of_key = if shape.is_grouped { h * shape.n_key_heads / n_heads } else { h % shape.n_key_heads };
                state.iter_mut().for_each(|s| *s *= f64::from(gates.0[t * n_heads + h]));
                for j in 0..dim {
                    let held: f64 = (0..dim).map(|i| state[i * dim + j] * part(shape.n_key_heads + of_key, i)).sum();
                    let change = f64::from(gates.1[t * n_heads + h]) * (part(2 * shape.n_key_heads + h, j) - held);
                    (0..dim).for_each(|i| state[i * dim + j] += part(shape.n_key_heads + of_key, i) * change);
                    let read: f64 = (0..dim).map(|i| state[i * dim + j] * part(of_key, i)).sum();
                    out[(t * n_heads + h) * dim + j] = read as f32;
                }
            }
        }
        out
    }

    #[test]
    fn it_is_the_rule_in_whatever_pieces_on_every_level() {
        let mut rng = Rng::new(11);
        for shape in SHAPES {
            let n_rows = 9;
            let mut gates = [rng.normals(n_rows * shape.n_value_heads), rng.normals(n_rows * shape.n_value_heads)];
            let [alpha, beta] = &mut gates;
            let (a, bias) = (vec![-0.7; shape.n_value_heads], vec![0.2; shape.n_value_heads]);
            let convolved = rng.normals(n_rows * shape.row_len());
            let plain = rng.normals(shape.value_len() * shape.dim);
            let before = in_blocks([shape.dim; 2], &plain);
            let scalar = Kernels::new(Some(Isa::Scalar), 1).unwrap();
            scalar.delta_gates(&a, &bias, alpha, beta);
            assert!(alpha.iter().chain(&*beta).all(|x| *x > 0.0 && *x < 1.0));
            let mut rows = convolved.clone();
            scalar.delta_rows(&shape, 1e-6, &mut rows);
            let mut exact: Vec<f64> = plain.iter().map(|x| f64::from(*x)).collect();
            let definition = by_definition(&shape, &mut exact, &rows, (alpha, beta));
            let exact: Vec<f32> = in_blocks([shape.dim; 2], &exact).iter().map(|x| *x as f32).collect();
            let mut first: Option<(Vec<f32>, Vec<f32>)> = None;
            for (isa, chunk) in Isa::available().flat_map(|isa| [1, 4, n_rows].map(|chunk| (isa, chunk))) {
                let kernels = Kernels::new(Some(isa), 3).unwrap();
                let (mut state, mut out) = (before.clone(), vec![0.0; n_rows * shape.value_len()]);
                let mut rows = convolved.clone();
                kernels.delta_rows(&shape, 1e-6, &mut rows);
                let of_rows = |n: usize| (n * chunk).min(n_rows);
                for i in 0..n_rows.div_ceil(chunk) {
                    let (start, end) = (of_rows(i), of_rows(i + 1));
                    let part = |len: usize| start * len..end * len;
                    let of_heads = part(shape.n_value_heads);
                    let gates = (&alpha[of_heads.clone()], &beta[of_heads]);
                    let out = &mut out[part(shape.value_len())];
                    kernels.delta(&shape, &mut state, &rows[part(shape.row_len())], gates, out);
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
    fn queries_and_keys_get_their_lengths() {
        let shape = SHAPES[1];
        let kernels = Kernels::new(None, 1).unwrap();
        let mut rows = Rng::new(3).normals(4 * shape.row_len());
        // A key of nothing has no direction, and becomes no NaN.
        rows[2 * shape.dim..3 * shape.dim].fill(0.0);
        let plain = rows.clone();
        kernels.delta_rows(&shape, 1e-6, &mut rows);
        for (i, head) in rows.chunks(shape.dim).enumerate() {
            let length = head.iter().map(|x| f64::from(x * x)).sum::<f64>().sqrt();
            let expected = match i % 8 {
                2 if i == 2 => 0.0,
                0 | 1 => 0.25,
                2 | 3 => 1.0,
                _ => plain[i * 16..][..16].iter().map(|x| f64::from(silu(*x)).powi(2)).sum::<f64>().sqrt(),
            };
            assert!((length - expected).abs() < 1e-5, "head {i}: {length}, expected {expected}");
        }
    }

    #[test]
    fn a_gate_is_a_sigmoid_on_every_level() {
        let (x, gate) = (Rng::new(1).normals(100), Rng::new(2).normals(100));
        for isa in Isa::available() {
            let mut out = x.clone();
            Kernels::new(Some(isa), 1).unwrap().times_sigmoid(&mut out, &gate);
            for ((out, x), gate) in out.iter().zip(&x).zip(&gate) {
                let exact = f64::from(*x) / (1.0 + (-f64::from(*gate)).exp());
                assert!((f64::from(*out) - exact).abs() < 1e-6, "{out}, exact {exact}");
            }
        }
    }
}
