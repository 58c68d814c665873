//! Buffers of a step, allocated once for the largest step.

use kernels::Rows;

use crate::spec::ModelSpec;

/// `T` is the most rows in a step.
pub(crate) struct Scratch {
    /// Residual stream `[T, D]`
    pub(crate) hidden: Vec<f32>,
    /// Normed input, or what a block adds `[T, D]`
    pub(crate) normed: Vec<f32>,
    /// `[T, D]`
    pub(crate) block_out: Vec<f32>,
    /// `[T, H·Dk]`
    pub(crate) q: Vec<f32>,
    /// `[T, G·Dk]`
    pub(crate) k: Vec<f32>,
    /// `[T, G·Dv]`
    pub(crate) v: Vec<f32>,
    /// `[T, H·Dv]`
    pub(crate) attended: Vec<f32>,
    /// `[T, F]`
    pub(crate) gate: Vec<f32>,
    /// `[T, F]`
    pub(crate) up: Vec<f32>,
    /// `[T, E]`
    pub(crate) router: Vec<f32>,
    /// `[T]`
    pub(crate) positions: Vec<u32>,
    /// The rows of one expert `[T]`, with its weight for each
    pub(crate) expert_rows: Vec<(u32, f32)>,
    /// Input of a matmul, quantised as its format needs
    pub(crate) rows: Rows,
}

impl Scratch {
    pub(crate) fn new(spec: &ModelSpec, rows_max: usize) -> Self {
        let zeros = |width: usize| vec![0.0; rows_max * width];
        let feed_forward = spec.experts.map_or(spec.feed_forward, |e| e.feed_forward.max(spec.feed_forward));
        Self {
            hidden: zeros(spec.width),
            normed: zeros(spec.width),
            block_out: zeros(spec.width),
            q: zeros(spec.n_heads * spec.key_dim),
            k: zeros(spec.n_kv_heads * spec.key_dim),
            v: zeros(spec.n_kv_heads * spec.value_dim),
            attended: zeros(spec.n_heads * spec.value_dim),
            gate: zeros(feed_forward),
            up: zeros(feed_forward),
            router: zeros(spec.experts.map_or(0, |e| e.n_experts)),
            positions: Vec::with_capacity(rows_max),
            expert_rows: Vec::with_capacity(rows_max),
            rows: Rows::new(),
        }
    }

    /// Bytes of the buffers for `rows_max` rows, activations quantised for a matmul included.
    pub(crate) fn bytes(spec: &ModelSpec, rows_max: usize) -> u64 {
        let feed_forward = spec.experts.map_or(spec.feed_forward, |e| e.feed_forward.max(spec.feed_forward));
        let attention =
            spec.n_heads * (spec.key_dim + spec.value_dim) + spec.n_kv_heads * (spec.key_dim + spec.value_dim);
        let widths = 3 * spec.width + attention + 2 * feed_forward + spec.experts.map_or(0, |e| e.n_experts);
        let widest = feed_forward.max(spec.width).max(spec.n_heads * spec.value_dim);
        rows_max as u64 * (4 * widths as u64 + 6 * widest as u64)
    }
}
