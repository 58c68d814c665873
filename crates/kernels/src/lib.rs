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
