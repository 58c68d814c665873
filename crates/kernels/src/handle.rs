//! [`Kernels`]: an instruction-set level, a pool of workers and their buffers.

use crate::{
    AttentionShape, Error, Gate, KvPages, MatmulKernel, Matrix, PackedMatrix, Queries, Rope, Rows, Span,
    attention::{Attention, AttentionScratch},
    elementwise, hadamard,
    isa::{Isa, Level},
    matmul::{self, MatmulScratch},
    pool::Pool,
    rope::{self, Meets, RopeTables},
};
use std::sync::{Mutex, PoisonError};

/// Elements below which an operation without a matrix stays on the calling thread: waking the others costs about as
/// much.
pub(crate) const PARALLEL_ELEMENTS: usize = 1 << 14;

/// Handle to the kernels: a level and a worker pool.
///
/// ```
/// let kernels = kernels::Kernels::new(None, 2)?;
/// let mut x = [1.0, 2.0];
/// kernels.add(&mut x, &[0.5, 0.5]);
/// assert_eq!(x, [1.5, 2.5]);
/// # Ok::<(), kernels::Error>(())
/// ```
pub struct Kernels {
    pub(crate) level: Level,
    pub(crate) pool: Pool,
    pub(crate) matmul: Box<[Mutex<MatmulScratch>]>,
    attention: Box<[Mutex<AttentionScratch>]>,
    rope: Mutex<RopeTables>,
}

impl Kernels {
    /// Best level of this CPU, or `isa` if given and available (an error names the level otherwise); `n_threads`
    /// workers (the caller counts as one; 0 counts as 1).
    pub fn new(isa: Option<Isa>, n_threads: usize) -> Result<Self, Error> {
        let isa = isa.unwrap_or_else(Isa::best);
        let level = Level::detect(isa).ok_or(Error::MissingIsa(isa))?;
        let pool = Pool::new(n_threads);
        let n_threads = pool.n_threads();
        Ok(Self {
            level,
            pool,
            matmul: (0..n_threads).map(|_| Mutex::default()).collect(),
            attention: (0..n_threads).map(|_| Mutex::default()).collect(),
            rope: Mutex::default(),
        })
    }

    /// Keeps each compute thread, and each thread that calls an operation, on a core of its own from now on; `false`,
    /// and nothing done, where the process has more or fewer cores than the pool has threads, or the system offers no
    /// such thing.
    pub fn pin_threads(&mut self) -> bool {
        self.pool.pin()
    }

    /// The level in use.
    pub fn isa(&self) -> Isa {
        self.level.isa()
    }

    /// Threads in use, the caller included.
    pub fn n_threads(&self) -> usize {
        self.pool.n_threads()
    }

    /// The kernel that multiplies matrices like `w` with `n_tokens` rows.
    pub fn matmul_kernel(&self, w: &Matrix<'_>, n_tokens: usize) -> &'static MatmulKernel {
        matmul::kernel(w, self.level, n_tokens)
    }

    /// A copy of `w` that [`Self::matmul`] is faster with, if [`Matrix::packed`] names it; `None` where there is no
    /// such form.
    pub fn pack(&self, w: &Matrix<'_>) -> Option<PackedMatrix> {
        PackedMatrix::new(self.level, &self.pool, w)
    }

    /// Copies `x` `[T, K]` into `rows`; quantised lazily and once, on the first matmul whose format wants int8.
    pub fn set_rows(&self, rows: &mut Rows, x: &[f32], k: usize) {
        rows.set(x, k);
    }

    /// Which of `rows` hold NaN or an infinity.
    pub fn broken_rows<'a>(&self, rows: &'a mut Rows) -> &'a [bool] {
        rows.broken(self.level, &self.pool)
    }

    /// `out[t, m] = Σ_k w[m, k] · x[t, k]`: `x` `[T, K]`, `out` `[T, M]`.
    pub fn matmul(&self, w: Matrix<'_>, x: &mut Rows, out: &mut [f32]) {
        self.matmul_many(&mut [(w, out)], x);
    }

    /// Several matrices over the same rows in one parallel region (q, k, v; gate, up).
    pub fn matmul_many(&self, ws: &mut [(Matrix<'_>, &mut [f32])], x: &mut Rows) {
        matmul::run(self.level, &self.pool, &self.matmul, ws, x);
    }

    /// Writes `k` `[T, G, Dk]` and `v` `[T, G, Dv]` of the spans' rows to their pages; `v` is not read where values are
    /// part of keys ([`KvHeads::are_values_in_keys`](crate::KvHeads::are_values_in_keys)).
    pub fn kv_write(&self, kv: &mut KvPages, layer: usize, spans: &[Span<'_>], k: &[f32], v: &[f32]) {
        kv.write(self.level, layer, spans, k, v);
    }

    /// Grouped-query causal attention: `q` `[T, H, Dk]` → `out` `[T, H, Dv]`; the rows' own keys are already written.
    pub fn attention(
        &self,
        kv: &KvPages,
        layer: usize,
        spans: &[Span<'_>],
        shape: &AttentionShape,
        q: Queries<'_>,
        out: &mut [f32],
    ) {
        Attention { kv, layer, spans, shape, q }.run(self.level, &self.pool, &self.attention, out);
    }

    /// `out[r] = x[r] / rms(x[r]) · weight` for each row of `weight.len()` elements; heads are rows too.
    pub fn rms_norm(&self, x: &[f32], weight: &[f32], epsilon: f32, out: &mut [f32]) {
        let n = weight.len();
        assert_eq!(x.len(), out.len(), "rms_norm: input and output");
        self.for_rows(out, n, |first, out| {
            elementwise::rms_norm(self.level, &x[first * n..][..out.len()], weight, epsilon, out);
        });
    }

    /// `out[r, g] = x[r, g] / rms(x[r, g]) · weight[g]` for each row of `weight.len()` elements in `n_groups` groups.
    pub fn rms_norm_of_groups(&self, x: &[f32], weight: &[f32], n_groups: usize, epsilon: f32, out: &mut [f32]) {
        let n = weight.len();
        assert_eq!(x.len(), out.len(), "rms_norm_of_groups: input and output");
        assert!(n_groups > 0 && n.is_multiple_of(n_groups), "rms_norm_of_groups: {n} weights in {n_groups} groups");
        self.for_rows(out, n, |first, out| {
            let x = &x[first * n..][..out.len()];
            elementwise::rms_norm_of_groups(self.level, x, weight, n / n_groups, epsilon, out);
        });
    }

    /// `out[r] = (x[r] - mean) / deviation · weight + bias` for each row of `weight.len()` elements.
    pub fn layer_norm(&self, x: &[f32], weight: &[f32], bias: Option<&[f32]>, epsilon: f32, out: &mut [f32]) {
        let n = weight.len();
        assert_eq!(x.len(), out.len(), "layer_norm: input and output");
        assert!(bias.is_none_or(|bias| bias.len() == n), "layer_norm: a bias for {n} weights");
        self.for_rows(out, n, |first, out| {
            elementwise::layer_norm(self.level, &x[first * n..][..out.len()], weight, bias, epsilon, out);
        });
    }

    /// Rotates `x` `[T, H, Dh]` in place; `positions` `[T]`.
    pub fn rope(&self, rope: &Rope, positions: &[u32], n_heads: usize, x: &mut [f32]) {
        self.rotate(rope, Meets::All, positions, n_heads, x);
    }

    /// Rotates queries that meet attention sinks, `positions` being those at which they do: what [`Self::rope`] keeps
    /// for the rows' own positions stays.
    pub fn rope_to_sinks(&self, rope: &Rope, positions: &[u32], n_heads: usize, x: &mut [f32]) {
        self.rotate(rope, Meets::Sinks, positions, n_heads, x);
    }

    fn rotate(&self, rope: &Rope, meets: Meets, positions: &[u32], n_heads: usize, x: &mut [f32]) {
        let n_rows = positions.len();
        if n_rows == 0 {
            return;
        }
        let row_len = x.len() / n_rows;
        assert!(
            n_heads > 0 && row_len * n_rows == x.len() && row_len.is_multiple_of(n_heads),
            "rope: {} elements in {n_rows} rows of {n_heads} heads",
            x.len()
        );
        let head_dim = row_len / n_heads;
        let n_pairs = rope.inverse_frequencies.len();
        assert!(2 * n_pairs <= head_dim, "rope: {n_pairs} pairs in a head of {head_dim}");
        let mut tables = self.rope.lock().unwrap_or_else(PoisonError::into_inner);
        let table = tables.table(rope, meets, positions);
        self.for_rows(x, row_len, |first, x| {
            let (cos, sin) = table.rows(first, x.len() / row_len);
            rope::rotate(self.level, rope.pairs, n_heads, head_dim, cos, sin, x);
        });
    }

    /// `out[i] = activation(gate[i]) · up[i]`
    pub fn gate(&self, activation: Gate, gate: &[f32], up: &[f32], out: &mut [f32]) {
        assert_eq!((gate.len(), up.len()), (out.len(), out.len()), "gate: both inputs and the output");
        self.for_rows(out, 1, |first, out| {
            let part = first..first + out.len();
            elementwise::gate(self.level, activation, &gate[part.clone()], &up[part], out);
        });
    }

    /// `out[i] = activation(x[i])`, of a network without a gate.
    pub fn activate(&self, activation: Gate, x: &[f32], out: &mut [f32]) {
        assert_eq!(x.len(), out.len(), "activate: input and output");
        self.for_rows(out, 1, |first, out| {
            elementwise::activate(self.level, activation, &x[first..][..out.len()], out);
        });
    }

    /// `x[i] += y[i]`
    pub fn add(&self, x: &mut [f32], y: &[f32]) {
        self.add_scaled(x, 1.0, y);
    }

    /// `x[i] *= y[i]`
    pub fn multiply(&self, x: &mut [f32], y: &[f32]) {
        assert_eq!(x.len(), y.len(), "multiply: both inputs");
        self.for_rows(x, 1, |first, x| elementwise::multiply(self.level, x, &y[first..][..x.len()]));
    }

    /// `x[i] += factor · y[i]` (residual scale, expert weights)
    pub fn add_scaled(&self, x: &mut [f32], factor: f32, y: &[f32]) {
        assert_eq!(x.len(), y.len(), "add: both inputs");
        self.for_rows(x, 1, |first, x| elementwise::add_scaled(self.level, x, factor, &y[first..][..x.len()]));
    }

    /// The normalised Walsh-Hadamard transform of each `block` elements of `x`, a power of two, in place; it is its own
    /// inverse.
    pub fn hadamard(&self, block: usize, x: &mut [f32]) {
        assert!(block.is_power_of_two(), "a transform of {block} elements");
        self.for_rows(x, block, |_, x| hadamard::transform(self.level, block, x));
    }

    /// Softmax of each row of `n` elements, in place.
    pub fn softmax(&self, x: &mut [f32], n: usize) {
        self.for_rows(x, n, |_, x| elementwise::softmax(self.level, x, n));
    }

    /// `σ(x[i])` in place (routers of experts).
    pub fn sigmoid(&self, x: &mut [f32]) {
        self.for_rows(x, 1, |_, x| elementwise::sigmoid(self.level, x));
    }

    /// `out[r] *= σ(x[r] · weight)`, for rows as long as `weight` (experts that compute every token).
    pub fn times_sigmoid_of(&self, x: &[f32], weight: &[f32], out: &mut [f32]) {
        assert_eq!(x.len(), out.len(), "times_sigmoid_of: inputs and outputs");
        self.for_rows(out, weight.len(), |first, out| {
            elementwise::times_sigmoid_of(self.level, &x[first * weight.len()..][..out.len()], weight, out);
        });
    }

    /// `cap · tanh(x / cap)` in place (final logits).
    pub fn soft_cap(&self, x: &mut [f32], cap: f32) {
        self.for_rows(x, 1, |_, x| elementwise::soft_cap(self.level, x, cap));
    }

    /// `task(first row, rows)` over pieces of `data` `[_, row_len]`: here if it is little, in parallel otherwise.
    pub(crate) fn for_rows(&self, data: &mut [f32], row_len: usize, task: impl Fn(usize, &mut [f32]) + Sync) {
        if data.len() < PARALLEL_ELEMENTS {
            assert!(row_len > 0 && data.len().is_multiple_of(row_len), "{} elements in rows of {row_len}", data.len());
            task(0, data);
        } else {
            self.pool
                .for_rows(data, row_len, (PARALLEL_ELEMENTS / 4).div_ceil(row_len), |first, rows, _| task(first, rows));
        }
    }
}
