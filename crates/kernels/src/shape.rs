//! What an operation needs beside its buffers.

use crate::PageId;

/// Gated activation of the feed-forward network.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Gate {
    /// SiLU: `x · σ(x)`.
    Silu,
    /// GELU in its tanh form.
    GeluTanh,
    /// GELU in its exact form: `x · Φ(x)`, by the error function.
    GeluErf,
    /// Squared ReLU: `max(x, 0)²`.
    Relu2,
    /// `SwiGLU` of gpt-oss: `g · σ(1.702 g) · (u + 1)`, where `g` is the gate up to 7 and `u` what it gates within ±7.
    ClampedSwiglu,
}

/// Consecutive rows of a step that belong to one sequence: rows `row_first..row_first + n_rows` stand at positions
/// `position_first..`.
#[derive(Clone, Copy, Debug)]
pub struct Span<'a> {
    /// First row in the step's buffers.
    pub row_first: usize,
    /// Number of rows.
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
    /// Positions after its own that a query sees as well, of those that its span has: none in a decoder.
    pub ahead: usize,
    /// First positions of a sequence that are seen whatever the window (Xiao et al. 2023, arXiv 2309.17453).
    pub sinks: usize,
}

/// Queries `[T, H, Dk]` of a step.
#[derive(Clone, Copy, Debug)]
pub struct Queries<'a> {
    /// Queries as they meet keys.
    pub all: &'a [f32],
    /// Queries as they meet the keys of sinks, where that is another rotation.
    pub to_sinks: Option<&'a [f32]>,
    /// Learned sinks `[H]`: a score that each query of a head has beside those of keys, for no value (gpt-oss).
    pub learned_sinks: Option<&'a [f32]>,
    /// Slopes `[H]` of linear biases (ALiBi, Press et al. 2021, arXiv 2108.12409): a score loses its head's slope for
    /// each position between query and key.
    pub slopes: Option<&'a [f32]>,
}

impl<'a> From<&'a [f32]> for Queries<'a> {
    fn from(all: &'a [f32]) -> Self {
        Self { all, to_sinks: None, learned_sinks: None, slopes: None }
    }
}

/// How rotary embedding pairs the elements of a head.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum RopePairs {
    /// (0,1), (2,3) …: llama's GGUF order.
    Adjacent,
    /// (0, n/2), (1, n/2+1) …: `NeoX` order.
    Halves,
}

/// Angles of rotary embedding: element pair `i` turns by `position · inverse_frequencies[i]`; sine and cosine are
/// multiplied by `magnitude`.
#[derive(Clone, PartialEq, Debug)]
pub struct Rope {
    /// Which elements of a head are a pair.
    pub pairs: RopePairs,
    /// One per pair; `2 · len` elements of each head are rotated, the rest copied.
    pub inverse_frequencies: Vec<f32>,
    /// `YaRN` / LongRoPE magnitude, 1 otherwise.
    pub magnitude: f32,
}
