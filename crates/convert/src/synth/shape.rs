//! [`Shape`]: widths and counts, and those of published models.

use super::family;

/// The widths and counts of a model: `name` is its name on the command line, `width` that of the model, `feed_forward`
/// that of the feed-forward or of an expert; `n_heads` are query heads, `n_kv_heads` heads of keys and values, and
/// `rope_base` is the base of the rotary angles. What an architecture does not have is 0.
#[allow(missing_docs, reason = "the comment says what each field is")]
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Shape {
    pub name: &'static str,
    /// Architectures that the shape can have; the first is the usual one.
    pub architectures: &'static [&'static str],
    pub n_layers: usize,
    pub width: usize,
    pub n_heads: usize,
    pub n_kv_heads: usize,
    /// Width of a head; if `None`, the model's width divided among the query heads.
    pub head_dim: Option<usize>,
    pub feed_forward: usize,
    pub n_vocab: usize,
    /// Context length that the model states.
    pub context_len: usize,
    pub rope_base: f32,
    pub n_experts: usize,
    pub n_experts_used: usize,
    /// Layers that have attention; the others carry a state.
    pub attention: AttentionLayers,
    /// Heads of the layers with a gated delta net.
    pub delta: DeltaHeads,
}

/// A choice of layers.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum AttentionLayers {
    /// All layers, as in a plain transformer.
    All,
    /// The last one of each so many.
    OneIn(usize),
    /// The layers of these numbers, from 0 on, in increasing order.
    At(&'static [usize]),
}

/// The heads of a gated delta net: `n_keys` of queries and of keys, `n_values` of values, each `dim` wide.
#[allow(missing_docs, reason = "the comment says what each field is")]
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct DeltaHeads {
    pub n_keys: usize,
    pub n_values: usize,
    pub dim: usize,
}

/// What most shapes have in common.
const PLAIN: Shape = Shape {
    name: "",
    architectures: family::BITNET,
    n_layers: 0,
    width: 0,
    n_heads: 0,
    n_kv_heads: 0,
    head_dim: None,
    feed_forward: 0,
    n_vocab: 0,
    context_len: 4096,
    rope_base: 10_000.0,
    n_experts: 0,
    n_experts_used: 0,
    attention: AttentionLayers::All,
    delta: DeltaHeads { n_keys: 0, n_values: 0, dim: 0 },
};

/// Shapes of published models, and a small one for tests.
pub const SHAPES: &[Shape] = &[
    Shape {
        name: "tiny",
        n_layers: 2,
        width: 256,
        n_heads: 4,
        n_kv_heads: 2,
        feed_forward: 512,
        n_vocab: 512,
        ..PLAIN
    },
    // bitnet_b1_58-large
    Shape {
        name: "700m",
        n_layers: 24,
        width: 1536,
        n_heads: 16,
        n_kv_heads: 16,
        feed_forward: 4096,
        n_vocab: 32_002,
        ..PLAIN
    },
    // BitNet b1.58 2B-4T
    Shape {
        name: "2b",
        n_layers: 30,
        width: 2560,
        n_heads: 20,
        n_kv_heads: 5,
        feed_forward: 6912,
        n_vocab: 128_256,
        rope_base: 500_000.0,
        ..PLAIN
    },
    // bitnet_b1_58-3B: rows that 256 does not divide
    Shape {
        name: "3b",
        n_layers: 26,
        width: 3200,
        n_heads: 32,
        n_kv_heads: 32,
        feed_forward: 8640,
        n_vocab: 32_002,
        ..PLAIN
    },
    Shape {
        name: "qwen3.5-4b",
        architectures: family::QWEN35,
        n_layers: 32,
        width: 2560,
        n_heads: 16,
        n_kv_heads: 4,
        head_dim: Some(256),
        feed_forward: 9216,
        n_vocab: 248_320,
        context_len: 262_144,
        rope_base: 10_000_000.0,
        attention: AttentionLayers::OneIn(4),
        delta: DeltaHeads { n_keys: 16, n_values: 32, dim: 128 },
        ..PLAIN
    },
    // A quarter of gpt-oss 20B's 24 layers, so that it fits beside other things into small machines.
    Shape {
        name: "gpt-oss-20b-6l",
        architectures: family::GPT_OSS,
        n_layers: 6,
        width: 2880,
        n_heads: 64,
        n_kv_heads: 8,
        head_dim: Some(64),
        feed_forward: 2880,
        n_vocab: 201_088,
        context_len: 131_072,
        rope_base: 150_000.0,
        n_experts: 32,
        n_experts_used: 4,
        ..PLAIN
    },
    Shape {
        name: "lfm2-350m",
        architectures: family::LFM2,
        n_layers: 16,
        width: 1024,
        n_heads: 16,
        n_kv_heads: 8,
        feed_forward: 4608,
        n_vocab: 65_536,
        context_len: 128_000,
        rope_base: 1_000_000.0,
        attention: AttentionLayers::At(&[2, 5, 8, 10, 12, 14]),
        ..PLAIN
    },
    Shape {
        name: "bert-base",
        architectures: family::BERT,
        n_layers: 12,
        width: 768,
        n_heads: 12,
        n_kv_heads: 12,
        feed_forward: 3072,
        n_vocab: 30_522,
        context_len: 512,
        ..PLAIN
    },
];

impl Shape {
    /// Width of a head.
    pub(super) fn head_dim(&self) -> usize {
        self.head_dim.unwrap_or(self.width / self.n_heads.max(1))
    }

    /// Whether layer `layer` has attention.
    pub(super) fn attends(&self, layer: usize) -> bool {
        match self.attention {
            AttentionLayers::All => true,
            AttentionLayers::OneIn(period) => (layer + 1).is_multiple_of(period),
            AttentionLayers::At(layers) => layers.contains(&layer),
        }
    }
}
