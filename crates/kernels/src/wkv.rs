//! The generalised delta rule of RWKV-7: a layer's memory of a sequence is a matrix for each head, each element of
//! whose keys decays by a factor of its own, and which takes off what it holds under one key before it adds what it has
//! under another.
//!
//! `S ← diag(w) S − (a κ) (Sᵀ κ)ᵀ + k vᵀ`, `y = Sᵀ r`, token by token. Each sum over the rows of `S` is added up in
//! their order, and each head is computed by one thread, so that bytes do not depend on how tokens were cut into steps,
//! on the instruction set or on the number of threads.
//!
//! Source: Peng et al. 2025 (arXiv 2503.14456), section 4.

use crate::{
    Kernels,
    columns::{self, Columns},
    handle::PARALLEL_ELEMENTS,
    isa::multiversion,
    math::{LANES, exp, fold, tanh},
    pool::{Output, Tile},
};

/// Exponent that decays have at most: `e^(-0.5)`, to the digits that the models were trained with.
const DECAY_MAX: f32 = 0.606_531;
/// Length under which a key is not made as long as 1.
const LENGTH_MIN: f32 = 1e-12;
/// Number added to the variance in the norm of what heads read, for each element of a head.
const EPSILON: f32 = 64e-5;

/// The heads of RWKV-7.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct WkvShape {
    /// Number of heads, which each have a state.
    pub n_heads: usize,
    /// Width of a head.
    pub dim: usize,
}

impl WkvShape {
    /// Number of elements of a row, of all heads.
    pub fn row_len(&self) -> usize {
        self.n_heads * self.dim
    }
}

/// What heads read of tokens, each `[T, row_len]`.
#[derive(Clone, Copy)]
pub struct WkvTokens<'a> {
    /// Receptance `r`: what is read.
    pub r: &'a [f32],
    /// Factors `w` on the state.
    pub w: &'a [f32],
    /// Keys `k` under which values are added.
    pub k: &'a [f32],
    /// Values `v` that are added.
    pub v: &'a [f32],
    /// Keys `κ`, as long as 1, of what is taken off.
    pub kappa: &'a [f32],
    /// How much `a` of it is taken off.
    pub a: &'a [f32],
}

/// What one head reads.
struct Head<'a> {
    shape: WkvShape,
    index: usize,
    tokens: WkvTokens<'a>,
}

multiversion! {
    /// Feeds all tokens to the state of a head and fills its columns of the output, a row for each.
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
        let Head { shape: WkvShape { n_heads, dim }, index, tokens: WkvTokens { r, w, k, v, kappa, a } } = *self;
        for t in 0..r.len() / (n_heads * dim) {
            let at = (t * n_heads + index) * dim;
            let [r, w, k, kappa, a] = [r, w, k, kappa, a].map(|rows| &rows[at..][..dim]);
            let v = &v[at + column..][..N];
            let mut held = [0.0f32; N];
            for (row, &kappa) in block.iter().zip(kappa) {
                for (s, held) in row.iter().zip(&mut held) {
                    *held += kappa * *s;
                }
            }
            let mut read = [0.0f32; N];
            for ((((row, &r), &w), &k), (&kappa, &a)) in block.iter_mut().zip(r).zip(w).zip(k).zip(kappa.iter().zip(a))
            {
                let off = kappa * a;
                for (((s, held), v), read) in row.iter_mut().zip(&held).zip(v).zip(&mut read) {
                    *s = w * *s - off * held + k * v;
                    *read += r * *s;
                }
            }
            out.row(t)[column..][..N].copy_from_slice(&read);
        }
    }
}

multiversion! {
    /// `out[r] = x[r] + (before[r] - x[r]) · factors`, `factors` `[D]`.
    fn shifted(x: &[f32], before: &[f32], factors: &[f32], out: &mut [f32]) {
        let n = factors.len();
        for ((x, before), out) in x.chunks_exact(n).zip(before.chunks_exact(n)).zip(out.chunks_exact_mut(n)) {
            for (((x, before), factor), out) in x.iter().zip(before).zip(factors).zip(out) {
                *out = x + (before - x) * factor;
            }
        }
    }
}

multiversion! {
    /// `x[i] = tanh(x[i])`
    fn tanh_all(x: &mut [f32]) {
        x.iter_mut().for_each(|x| *x = tanh(*x));
    }
}

#[inline(always)]
#[allow(clippy::inline_always, reason = "compiled inside each instruction set's version")]
fn sigmoid(x: f32) -> f32 {
    1.0 / (1.0 + exp(-x))
}

multiversion! {
    /// `x[r] = σ(x[r] + bias)`, `bias` `[_]`.
    fn sigmoid_biased(bias: &[f32], x: &mut [f32]) {
        for row in x.chunks_exact_mut(bias.len()) {
            row.iter_mut().zip(bias).for_each(|(x, bias)| *x = sigmoid(*x + bias));
        }
    }
}

multiversion! {
    /// `x[r] = e^(-0.606531 · σ(x[r] + bias))`, `bias` `[_]`.
    fn decays(bias: &[f32], x: &mut [f32]) {
        for row in x.chunks_exact_mut(bias.len()) {
            row.iter_mut().zip(bias).for_each(|(x, bias)| *x = exp(-DECAY_MAX * sigmoid(*x + bias)));
        }
    }
}

multiversion! {
    /// `x[r] += (first[r] - x[r]) · σ(gate[r] + bias)`, `bias` `[_]`.
    fn towards(first: &[f32], gate: &[f32], bias: &[f32], x: &mut [f32]) {
        let rows = x.iter_mut().zip(first).zip(gate).zip(bias.iter().cycle());
        rows.for_each(|(((x, first), gate), bias)| *x += (first - *x) * sigmoid(gate + bias));
    }
}

multiversion! {
    /// `out[r] = k[r] · weight`, each head of `dim` elements divided by its length; `weight` `[_]`.
    fn directions(dim: usize, k: &[f32], weight: &[f32], out: &mut [f32]) {
        let n = weight.len();
        for (k, out) in k.chunks_exact(n).zip(out.chunks_exact_mut(n)) {
            for ((k, weight), out) in k.iter().zip(weight).zip(&mut *out) {
                *out = k * weight;
            }
            for head in out.chunks_exact_mut(dim) {
                let length = products(head, head).sqrt();
                let scale = 1.0 / if length > LENGTH_MIN { length } else { LENGTH_MIN };
                head.iter_mut().for_each(|x| *x *= scale);
            }
        }
    }
}

/// Sum of the products of the elements of two vectors, in lanes.
#[inline(always)]
#[allow(clippy::inline_always, reason = "compiled inside each instruction set's version")]
fn products(x: &[f32], y: &[f32]) -> f32 {
    let mut lanes = [0.0f32; LANES];
    for (x, y) in x.chunks(LANES).zip(y.chunks(LANES)) {
        for ((lane, x), y) in lanes.iter_mut().zip(x).zip(y) {
            *lane += x * y;
        }
    }
    fold(lanes)
}

multiversion! {
    /// `k[r] *= 1 + (a[r] - 1) · weight`, `weight` `[_]`.
    fn replaced(a: &[f32], weight: &[f32], k: &mut [f32]) {
        let rows = k.iter_mut().zip(a).zip(weight.iter().cycle());
        rows.for_each(|((k, a), weight)| *k *= 1.0 + (a - 1.0) * weight);
    }
}

/// The weights `[row_len]` of what follows the states, and the gate of the output `[T, row_len]`.
#[derive(Clone, Copy)]
pub struct WkvOutput<'a> {
    /// Weights of the norm of heads.
    pub norm: &'a [f32],
    /// Biases of that norm.
    pub bias: &'a [f32],
    /// Factors on `r · k` of the share of values that passes by the states.
    pub bonus: &'a [f32],
    /// Gate of the output.
    pub gate: &'a [f32],
}

/// What heads read from `first` on, and what makes an output of it.
struct Finish<'a> {
    dim: usize,
    first: usize,
    tokens: WkvTokens<'a>,
    output: WkvOutput<'a>,
}

multiversion! {
    /// Makes the output of heads of what they read, whole rows.
    fn finish(with: &Finish<'_>, rows: &mut [f32]) {
        let Finish { dim, first, tokens: WkvTokens { r, k, v, .. }, output } = *with;
        let WkvOutput { norm, bias, bonus, gate } = output;
        let n_heads = norm.len() / dim;
        for (i, head) in rows.chunks_exact_mut(dim).enumerate() {
            let at = first * norm.len() + i * dim;
            let weights = i % n_heads * dim;
            let [r, k, v, gate] = [r, k, v, gate].map(|rows| &rows[at..][..dim]);
            let [norm, bias, bonus] = [norm, bias, bonus].map(|all| &all[weights..][..dim]);
            let mut lanes = [0.0f32; LANES];
            for ((r, k), bonus) in r.chunks(LANES).zip(k.chunks(LANES)).zip(bonus.chunks(LANES)) {
                for (((lane, r), k), bonus) in lanes.iter_mut().zip(r).zip(k).zip(bonus) {
                    *lane += r * k * bonus;
                }
            }
            let share = fold(lanes);
            let mut lanes = [0.0f32; LANES];
            for chunk in head.chunks(LANES) {
                lanes.iter_mut().zip(chunk).for_each(|(lane, x)| *lane += x);
            }
            let mean = fold(lanes) / dim as f32;
            head.iter_mut().for_each(|x| *x -= mean);
            let scale = 1.0 / (products(head, head) / dim as f32 + EPSILON).sqrt();
            for (((x, norm), bias), (v, gate)) in head.iter_mut().zip(norm).zip(bias).zip(v.iter().zip(gate)) {
                *x = (*x * scale * norm + bias + share * v) * gate;
            }
        }
    }
}

impl Kernels {
    /// `out[r] = x[r] + (before[r] - x[r]) · factors` for each row of `factors.len()` elements: what a token sees of
    /// itself and of the one before it.
    pub fn shifted(&self, x: &[f32], before: &[f32], factors: &[f32], out: &mut [f32]) {
        let n = factors.len();
        assert_eq!((x.len(), before.len()), (out.len(), out.len()), "shifted: inputs and output");
        self.for_rows(out, n, |first, out| {
            let part = first * n..first * n + out.len();
            shifted(self.level, &x[part.clone()], &before[part], factors, out);
        });
    }

    /// `x[i] = tanh(x[i])`
    pub fn tanh_all(&self, x: &mut [f32]) {
        self.for_rows(x, 1, |_, x| tanh_all(self.level, x));
    }

    /// `x[r] = σ(x[r] + bias)` for each row of `bias.len()` elements.
    pub fn sigmoid_biased(&self, bias: &[f32], x: &mut [f32]) {
        self.for_rows(x, bias.len(), |_, x| sigmoid_biased(self.level, bias, x));
    }

    /// `x[r] = e^(-0.606531 · σ(x[r] + bias))` for each row of `bias.len()` elements: the factors on states.
    pub fn wkv_decays(&self, bias: &[f32], x: &mut [f32]) {
        self.for_rows(x, bias.len(), |_, x| decays(self.level, bias, x));
    }

    /// `x[r] += (first[r] - x[r]) · σ(gate[r] + bias)` for each row of `bias.len()` elements: values become a little
    /// those of the first layer.
    pub fn wkv_values(&self, first: &[f32], gate: &[f32], bias: &[f32], x: &mut [f32]) {
        assert_eq!((first.len(), gate.len()), (x.len(), x.len()), "wkv_values: all inputs");
        let n = bias.len();
        self.for_rows(x, n, |row, x| {
            let part = row * n..row * n + x.len();
            towards(self.level, &first[part.clone()], &gate[part], bias, x);
        });
    }

    /// Makes of keys `k` `[T, row_len]` those of what is taken off, `kappa`, by their `weights` `[row_len]`, each head
    /// as long as 1; then `k` those under which values are added, `k · (1 + (a - 1) · replaced)`.
    pub fn wkv_keys(
        &self,
        shape: &WkvShape,
        [weights, replace]: [&[f32]; 2],
        a: &[f32],
        k: &mut [f32],
        kappa: &mut [f32],
    ) {
        let n = shape.row_len();
        assert_eq!((weights.len(), replace.len()), (n, n), "wkv_keys: weights");
        assert_eq!((a.len(), kappa.len()), (k.len(), k.len()), "wkv_keys: rows");
        self.for_rows(kappa, n, |first, kappa| {
            directions(self.level, shape.dim, &k[first * n..][..kappa.len()], weights, kappa);
        });
        self.for_rows(k, n, |first, k| replaced(self.level, &a[first * n..][..k.len()], replace, k));
    }

    /// Feeds the tokens of one sequence to its `state` `[n_heads, dim · dim]`, whose layout is known here alone, and
    /// fills `out` `[T, row_len]` with what heads read.
    pub fn wkv(&self, shape: &WkvShape, state: &mut [f32], tokens: WkvTokens<'_>, out: &mut [f32]) {
        let (dim, n) = (shape.dim, shape.row_len());
        assert_eq!(state.len(), n * dim, "wkv: state");
        let WkvTokens { r, w, k, v, kappa, a } = tokens;
        assert!([r, w, k, v, kappa, a].iter().all(|rows| rows.len() == out.len()), "wkv: tokens and output");
        let n_rows = out.len() / n;
        if n_rows == 0 {
            return;
        }
        let is_little = state.len() * n_rows < PARALLEL_ELEMENTS;
        let states = Output::new(state, dim * dim, dim * dim, 1);
        let outputs = Output::new(out, n, dim, n_rows);
        self.pool.for_tile_pairs(&states, &outputs, is_little, |mut state, mut out| {
            let head = Head { shape: *shape, index: state.rows.start, tokens };
            feed(self.level, &head, state.row(0), &mut out);
        });
    }

    /// Makes the output of what heads read, `rows` `[T, row_len]`, in place: each head normed, with its share of values
    /// that passes by the state, and gated.
    pub fn wkv_output(&self, shape: &WkvShape, tokens: WkvTokens<'_>, output: WkvOutput<'_>, rows: &mut [f32]) {
        let n = shape.row_len();
        let WkvOutput { norm, bias, bonus, gate } = output;
        assert!([norm, bias, bonus].iter().all(|all| all.len() == n), "wkv_output: weights");
        let WkvTokens { r, k, v, .. } = tokens;
        assert!([r, k, v, gate].iter().all(|all| all.len() == rows.len()), "wkv_output: tokens and rows");
        self.for_rows(rows, n, |first, rows| {
            finish(self.level, &Finish { dim: shape.dim, first, tokens, output }, rows);
        });
    }
}

#[cfg(test)]
mod tests {
    use testkit::{Rng, assert_same_f32, nmse};

    use super::*;
    use crate::{Isa, columns::in_blocks};

    const SHAPES: [WkvShape; 3] =
        [WkvShape { n_heads: 1, dim: 5 }, WkvShape { n_heads: 3, dim: 41 }, WkvShape { n_heads: 2, dim: 64 }];
    const N_ROWS: usize = 9;

    /// The rows of all tokens, by their names in [`WkvTokens`], before the kernels have made of them what heads read.
    struct Rows {
        r: Vec<f32>,
        w: Vec<f32>,
        k: Vec<f32>,
        v: Vec<f32>,
        kappa: Vec<f32>,
        a: Vec<f32>,
    }

    impl Rows {
        fn new(rng: &mut Rng, shape: &WkvShape, kernels: &Kernels) -> Self {
            let n = shape.row_len();
            let mut rows = || rng.normals(N_ROWS * n);
            let [r, mut w, mut k, v, mut a] = [rows(), rows(), rows(), rows(), rows()];
            let mut kappa = vec![0.0; N_ROWS * n];
            let weights = [rng.normals(n), rng.normals(n), rng.normals(n), rng.normals(n)];
            let plain = [w.clone(), k.clone(), a.clone()];
            kernels.wkv_decays(&weights[0], &mut w);
            kernels.sigmoid_biased(&weights[1], &mut a);
            kernels.wkv_keys(shape, [&weights[2], &weights[3]], &a, &mut k, &mut kappa);
            let sigmoid = |x: f32, bias: f32| 1.0 / (1.0 + (-f64::from(x) - f64::from(bias)).exp());
            for i in 0..N_ROWS * n {
                let [w_bias, a_bias, _, replace] = [0, 1, 2, 3].map(|of: usize| weights[of][i % n]);
                let decay = (-0.606_531 * sigmoid(plain[0][i], w_bias)).exp();
                let taken = sigmoid(plain[2][i], a_bias);
                let key = f64::from(plain[1][i]) * (1.0 + (taken - 1.0) * f64::from(replace));
                for (got, exact) in [(w[i], decay), (a[i], taken), (k[i], key)] {
                    assert!((f64::from(got) - exact).abs() < 1e-5, "{i}: {got}, exact {exact}");
                }
            }
            for (i, head) in kappa.chunks(shape.dim).enumerate() {
                let part = i * shape.dim..(i + 1) * shape.dim;
                let weights = weights[2].iter().cycle().skip(i % shape.n_heads * shape.dim);
                let exact: Vec<f64> =
                    plain[1][part].iter().zip(weights).map(|(k, weight)| f64::from(*k) * f64::from(*weight)).collect();
                let length = exact.iter().map(|x| x * x).sum::<f64>().sqrt();
                assert!(head.iter().zip(exact).all(|(x, exact)| (f64::from(*x) - exact / length).abs() < 1e-6));
            }
            Self { r, w, k, v, kappa, a }
        }

        fn part(&self, range: std::ops::Range<usize>) -> WkvTokens<'_> {
            let Self { r, w, k, v, kappa, a } = self;
            let [r, w, k, v, kappa, a] = [r, w, k, v, kappa, a].map(|rows| &rows[range.clone()]);
            WkvTokens { r, w, k, v, kappa, a }
        }
    }

    /// The rule in f64, a head after the other; `state` is `[n_heads, dim, dim]`, keys by values.
    fn by_definition(shape: &WkvShape, state: &mut [f64], rows: &Rows) -> Vec<f32> {
        let WkvShape { n_heads, dim } = *shape;
        let mut out = vec![0.0; rows.r.len()];
        for at in (0..rows.r.len()).step_by(dim) {
            let state = &mut state[at / dim % n_heads * dim * dim..][..dim * dim];
            let of = |rows: &[f32], i: usize| f64::from(rows[at + i]);
            for j in 0..dim {
                let held: f64 = (0..dim).map(|i| state[i * dim + j] * of(&rows.kappa, i)).sum();
                let mut read = 0.0;
                for i in 0..dim {
                    let s = &mut state[i * dim + j];
                    *s = *s * of(&rows.w, i) - held * of(&rows.kappa, i) * of(&rows.a, i)
                        + of(&rows.v, j) * of(&rows.k, i);
                    read += *s * of(&rows.r, i);
                }
                out[at + j] = read as f32;
            }
        }
        out
    }

    #[test]
    fn it_is_the_rule_in_whatever_pieces_on_every_level() {
        let mut rng = Rng::new(17);
        for shape in SHAPES {
            let (n, dim) = (shape.row_len(), shape.dim);
            let rows = Rows::new(&mut rng, &shape, &Kernels::new(Some(Isa::Scalar), 1).unwrap());
            let plain = rng.normals(n * dim);
            let before = in_blocks([dim; 2], &plain);
            let mut exact: Vec<f64> = plain.iter().map(|x| f64::from(*x)).collect();
            let definition = by_definition(&shape, &mut exact, &rows);
            let exact: Vec<f32> = in_blocks([dim; 2], &exact).iter().map(|x| *x as f32).collect();
            let mut first: Option<(Vec<f32>, Vec<f32>)> = None;
            for (isa, chunk) in Isa::available().flat_map(|isa| [1, 4, N_ROWS].map(|chunk| (isa, chunk))) {
                let kernels = Kernels::new(Some(isa), 3).unwrap();
                let (mut state, mut out) = (before.clone(), vec![0.0; N_ROWS * n]);
                for start in (0..N_ROWS).step_by(chunk) {
                    let part = start * n..(start + chunk).min(N_ROWS) * n;
                    kernels.wkv(&shape, &mut state, rows.part(part.clone()), &mut out[part]);
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
    fn what_heads_read_is_normed_with_a_share_of_the_values_and_gated_on_every_level() {
        let mut rng = Rng::new(19);
        for shape in SHAPES {
            let (n, dim) = (shape.row_len(), shape.dim);
            let rows = Rows::new(&mut rng, &shape, &Kernels::new(None, 1).unwrap());
            let [norm, bias, bonus] = [rng.normals(n), rng.normals(n), rng.normals(n)];
            let [read, gate] = [rng.normals(N_ROWS * n), rng.normals(N_ROWS * n)];
            let mut exact = Vec::new();
            for at in (0..N_ROWS * n).step_by(dim) {
                let of = |rows: &[f32], i: usize| f64::from(rows[at + i]);
                let weight = |weights: &[f32], i: usize| f64::from(weights[at % n + i]);
                let mean = (0..dim).map(|i| of(&read, i)).sum::<f64>() / dim as f64;
                let variance = (0..dim).map(|i| (of(&read, i) - mean).powi(2)).sum::<f64>() / dim as f64;
                let share: f64 = (0..dim).map(|i| of(&rows.r, i) * of(&rows.k, i) * weight(&bonus, i)).sum();
                exact.extend((0..dim).map(|i| {
                    let normed = (of(&read, i) - mean) / (variance + 64e-5).sqrt();
                    let out = normed * weight(&norm, i) + weight(&bias, i) + share * of(&rows.v, i);
                    (out * of(&gate, i)) as f32
                }));
            }
            let mut first: Option<Vec<f32>> = None;
            for (isa, n_threads) in Isa::available().flat_map(|isa| [(isa, 1), (isa, 3)]) {
                let mut out = read.clone();
                let output = WkvOutput { norm: &norm, bias: &bias, bonus: &bonus, gate: &gate };
                let kernels = Kernels::new(Some(isa), n_threads).unwrap();
                kernels.wkv_output(&shape, rows.part(0..N_ROWS * n), output, &mut out);
                assert!(nmse(&out, &exact) < 1e-11, "{shape:?}: {}", nmse(&out, &exact));
                assert_same_f32(isa.name(), &out, first.get_or_insert_with(|| out.clone()));
            }
        }
    }

    #[test]
    fn rows_are_mixed_by_their_formulas_on_every_level() {
        let n = 37;
        let mut rng = Rng::new(23);
        let [x, before, gate] = [rng.normals(5 * n), rng.normals(5 * n), rng.normals(5 * n)];
        let factors = rng.normals(n);
        for isa in Isa::available() {
            let kernels = Kernels::new(Some(isa), 2).unwrap();
            let (mut shifted, mut values, mut turned) = (vec![0.0; 5 * n], x.clone(), x.clone());
            kernels.shifted(&x, &before, &factors, &mut shifted);
            kernels.wkv_values(&before, &gate, &factors, &mut values);
            kernels.tanh_all(&mut turned);
            for i in 0..5 * n {
                let [x, before, gate, factor] = [x[i], before[i], gate[i], factors[i % n]].map(f64::from);
                let exact = [x + (before - x) * factor, x + (before - x) / (1.0 + (-gate - factor).exp()), x.tanh()];
                for (got, exact) in [shifted[i], values[i], turned[i]].into_iter().zip(exact) {
                    assert!((f64::from(got) - exact).abs() < 1e-5, "{i}: {got}, exact {exact}");
                }
            }
        }
    }
}
