//! One table per operation, instruction-set dispatch, KV pages and the worker pool; nothing above knows an instruction set.
//!
//! [`Kernels`] is the handle that `model` holds: an instruction set level and a pool of workers. Every operation is a method of it,
//! takes row-major `f32` buffers, and gives the same bytes for any thread count and any split into steps (numerics contract, ARCHITECTURE.md).

use quant::Format;

/// Instruction-set level, lowest first. `Scalar` runs everywhere.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Isa {
    /// Plain Rust: the specification of every other variant.
    Scalar,
    /// x86-64 with AVX2, FMA and F16C.
    Avx2,
    /// AVX-512 F, BW, VL, DQ, VNNI.
    Avx512,
}

/// Handle to the kernels: a level and a worker pool.
pub struct Kernels {
    isa: Isa,
}

/// A weight matrix `[rows, cols]` as it lies in the file: `rows` rows of `format.row_bytes(cols)` bytes.
#[derive(Clone, Copy)]
pub struct Matrix<'a> {
    /// Block format.
    pub format: Format,
    /// Output width (M).
    pub rows: usize,
    /// Input width (K), a multiple of the block length.
    pub cols: usize,
    /// `rows * format.row_bytes(cols)` bytes, any alignment.
    pub bytes: &'a [u8],
}

/// Activation rows `[T, K]` made ready for [`Kernels::matmul`]: the f32 rows, and, once some format needs it, their int8 blocks.
/// Reused between steps: `set` allocates nothing after the largest step was seen.
pub struct Rows {
    _private: (),
}

impl Rows {
    /// Empty.
    pub fn new() -> Self {
        unimplemented!()
    }
}

/// Gated activation of the feed-forward network.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Gate {
    /// x·σ(x)
    Silu,
    /// GELU, tanh form
    GeluTanh,
    /// max(x, 0)²
    Relu2,
}

impl Kernels {
    /// Best level of this CPU, or `isa` if given and available (an error names the level otherwise); `n_threads` workers (the caller counts as one).
    pub fn new(_isa: Option<Isa>, _n_threads: usize) -> Result<Self, String> {
        unimplemented!()
    }

    /// The level in use.
    pub fn isa(&self) -> Isa {
        self.isa
    }

    /// Copies `x` `[T, K]` into `rows`; quantises lazily and once, on the first matmul whose format wants int8.
    pub fn set_rows(&self, _rows: &mut Rows, _x: &[f32], _k: usize) {
        unimplemented!()
    }

    /// `out[t, m] = Σ_k w[m, k] · x[t, k]`: `x` `[T, K]`, `out` `[T, M]`.
    pub fn matmul(&self, _w: Matrix<'_>, _x: &mut Rows, _out: &mut [f32]) {
        unimplemented!()
    }

    /// Several matrices over the same rows in one parallel region (q, k, v; gate, up).
    pub fn matmul_many(&self, _ws: &mut [(Matrix<'_>, &mut [f32])], _x: &mut Rows) {
        unimplemented!()
    }
}

/// Element type of cached keys and values.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum KvType {
    /// 4 bytes an element; for reference runs.
    F32,
    /// 2 bytes.
    F16,
    /// 34 bytes per 32 elements.
    Q8_0,
}

/// Shape of a KV cache.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct KvLayout {
    /// Transformer layers that keep keys and values.
    pub n_layers: usize,
    /// KV heads (G).
    pub n_kv_heads: usize,
    /// Width of a key head.
    pub key_dim: usize,
    /// Width of a value head.
    pub value_dim: usize,
    /// Element type.
    pub kv_type: KvType,
}

/// Index of a page in the arena.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct PageId(pub u32);

/// Positions in a page (P).
pub const PAGE_LEN: usize = 32;

/// The arena of KV pages: allocated once, never grows. A page holds `PAGE_LEN` positions of all layers.
pub struct KvPages {
    layout: KvLayout,
}

impl KvPages {
    /// `n_pages` zeroed pages; `Err` names the bytes if the system refuses them.
    pub fn new(_layout: KvLayout, _n_pages: usize) -> Result<Self, String> {
        unimplemented!()
    }
    /// Shape.
    pub fn layout(&self) -> KvLayout {
        self.layout
    }
    /// Pages in the arena.
    pub fn n_pages(&self) -> usize {
        unimplemented!()
    }
    /// Bytes of `n_pages` pages of `layout`.
    pub fn bytes_of(_layout: KvLayout, _n_pages: usize) -> Option<usize> {
        unimplemented!()
    }
}

/// Consecutive rows of a step that belong to one sequence: rows `row_first..row_first + n_rows` stand at positions `position_first..`.
#[derive(Clone, Copy, Debug)]
pub struct Span<'a> {
    /// First row in the step's buffers.
    pub row_first: usize,
    /// Rows.
    pub n_rows: usize,
    /// Position of the first row in its sequence.
    pub position_first: usize,
    /// The sequence's page table: position `p` lies in `pages[p / PAGE_LEN]`.
    pub pages: &'a [PageId],
}

/// What a layer's attention needs beside its buffers.
#[derive(Clone, Copy, Debug)]
pub struct AttentionShape {
    /// Query heads (H), a multiple of the KV heads.
    pub n_heads: usize,
    /// Multiplied into q·k.
    pub scale: f32,
    /// `cap · tanh(s / cap)` on the scores.
    pub soft_cap: Option<f32>,
    /// Sliding window: a query at `p` sees positions above `p - window`.
    pub window: Option<usize>,
}

/// How rotary embedding pairs the elements of a head.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum RopePairs {
    /// (0,1), (2,3) …: llama's GGUF order.
    Adjacent,
    /// (0, n/2), (1, n/2+1) …: NeoX order.
    Halves,
}

/// Angles of rotary embedding: element pair `i` turns by `position · inverse_frequencies[i]`; sine and cosine are multiplied by `magnitude`.
#[derive(Clone, PartialEq, Debug)]
pub struct Rope {
    /// Pairing.
    pub pairs: RopePairs,
    /// One per pair; `2 · len` elements of each head are rotated, the rest copied.
    pub inverse_frequencies: Vec<f32>,
    /// YaRN / LongRoPE magnitude, 1 otherwise.
    pub magnitude: f32,
}

impl Kernels {
    /// Writes `k` `[T, G, Dk]` and `v` `[T, G, Dv]` of the spans' rows to their pages.
    pub fn kv_write(&self, _kv: &mut KvPages, _layer: usize, _spans: &[Span<'_>], _k: &[f32], _v: &[f32]) {
        unimplemented!()
    }
    /// Grouped-query causal attention: `q` `[T, H, Dk]` → `out` `[T, H, Dv]`; the rows' own keys are already written.
    pub fn attention(
        &self,
        _kv: &KvPages,
        _layer: usize,
        _spans: &[Span<'_>],
        _shape: &AttentionShape,
        _q: &[f32],
        _out: &mut [f32],
    ) {
        unimplemented!()
    }
    /// `out[r] = x[r] / rms(x[r]) · weight` for each row of `weight.len()` elements; heads are rows too.
    pub fn rms_norm(&self, _x: &[f32], _weight: &[f32], _epsilon: f32, _out: &mut [f32]) {
        unimplemented!()
    }
    /// Rotates `x` `[T, H, Dh]` in place; `positions` `[T]`.
    pub fn rope(&self, _rope: &Rope, _positions: &[u32], _n_heads: usize, _x: &mut [f32]) {
        unimplemented!()
    }
    /// `gate[i] = activation(gate[i]) · up[i]`
    pub fn gate(&self, _activation: Gate, _gate: &mut [f32], _up: &[f32]) {
        unimplemented!()
    }
    /// `x[i] += y[i]`
    pub fn add(&self, _x: &mut [f32], _y: &[f32]) {
        unimplemented!()
    }
    /// `x[i] += factor · y[i]` (residual scale, expert weights)
    pub fn add_scaled(&self, _x: &mut [f32], _factor: f32, _y: &[f32]) {
        unimplemented!()
    }
    /// Softmax of each row of `n` elements, in place.
    pub fn softmax(&self, _x: &mut [f32], _n: usize) {
        unimplemented!()
    }
    /// `cap · tanh(x / cap)` in place (final logits).
    pub fn soft_cap(&self, _x: &mut [f32], _cap: f32) {
        unimplemented!()
    }
}
