//! [`ModelSpec`]: what a family may vary, as data.

use std::fmt;

use kernels::{Gate, RopePairs};

/// Where q and k are normalised.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum QkNorm {
    /// Nowhere.
    None,
    /// Each head by itself, weight `[Dh]`.
    PerHead,
    /// All heads together, weights `[H·Dh]` and `[G·Dh]`.
    FullWidth,
}

/// How rotary frequencies are stretched to longer contexts.
#[derive(Clone, PartialEq, Debug)]
pub enum RopeScaling {
    /// Not.
    None,
    /// All frequencies divided by `factor`.
    Linear {
        /// Context extension.
        factor: f32,
    },
    /// YaRN (Peng et al. 2023, arXiv 2309.00071).
    Yarn {
        /// Context extension.
        factor: f32,
        /// Context of pre-training.
        original_context_len: usize,
        /// Rotations within it above which a frequency is kept.
        beta_fast: f32,
        /// Rotations within it below which a frequency is divided by `factor`.
        beta_slow: f32,
        /// Are the ends of the ramp between them whole pairs?
        is_truncated: bool,
    },
}

/// Rotary embedding of some layers.
#[derive(Clone, PartialEq, Debug)]
pub struct RopeSpec {
    /// Pairing of elements.
    pub pairs: RopePairs,
    /// Elements of a head that turn.
    pub n_dims: usize,
    /// Base of the frequencies.
    pub base: f32,
    /// Stretching.
    pub scaling: RopeScaling,
    /// Multiplied into sine and cosine, beside what YaRN adds.
    pub magnitude: f32,
}

/// Mixture of experts in place of the feed-forward network.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ExpertSpec {
    /// Experts in a layer.
    pub n_experts: usize,
    /// Experts that compute a token.
    pub n_used: usize,
    /// Width of one expert.
    pub feed_forward: usize,
}

/// Attention to the last positions only.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct WindowSpec {
    /// Positions that a query sees, its own included.
    pub len: usize,
    /// One flag per layer: does it see only the window?
    pub local_layers: Vec<bool>,
}

/// How hidden states become the embedding of a text.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Pooling {
    /// Not: one for each token.
    None,
    /// Their mean.
    Mean,
    /// That of the first token, which BERT calls CLS.
    First,
    /// That of the last token.
    Last,
    /// They are the input of a head that scores pairs of texts: there is no embedding.
    Rank,
}

impl Pooling {
    /// In the order of their numbers in files.
    pub const ALL: [Self; 5] = [Self::None, Self::Mean, Self::First, Self::Last, Self::Rank];
}

impl fmt::Display for Pooling {
    /// As llama.cpp calls it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::None => "none",
            Self::Mean => "mean",
            Self::First => "cls",
            Self::Last => "last",
            Self::Rank => "rank",
        })
    }
}

/// Everything `forward` needs to know of a model beside its weights.
#[derive(Clone, PartialEq, Debug)]
pub struct ModelSpec {
    /// GGUF architecture name.
    pub architecture: String,
    /// Transformer layers (L).
    pub n_layers: usize,
    /// Model width (D).
    pub width: usize,
    /// Vocabulary (V).
    pub n_vocab: usize,
    /// Longest context the model was made for.
    pub context_len: usize,
    /// Query heads (H).
    pub n_heads: usize,
    /// KV heads (G).
    pub n_kv_heads: usize,
    /// Width of a query or key head.
    pub key_dim: usize,
    /// Width of a value head.
    pub value_dim: usize,
    /// Feed-forward width (F).
    pub feed_forward: usize,
    /// Experts, if the layers have them.
    pub experts: Option<ExpertSpec>,
    /// Added to the mean square in every norm.
    pub norm_epsilon: f32,
    /// Norms before attention and feed-forward.
    pub has_pre_norms: bool,
    /// Norms after attention and feed-forward, before the residual.
    pub has_post_norms: bool,
    /// Norms inside: on the attention output and on the gated feed-forward (BitNet).
    pub has_sub_norms: bool,
    /// Norms on q and k.
    pub qk_norm: QkNorm,
    /// Rotary embedding; of the layers with full attention where they differ.
    pub rope: RopeSpec,
    /// Rotary embedding of sliding layers where it is another.
    pub rope_local: Option<RopeSpec>,
    /// Every n-th layer has no rotary embedding (SmolLM3).
    pub no_rope_every: Option<usize>,
    /// Sliding window, if some layers have one.
    pub window: Option<WindowSpec>,
    /// Multiplied into q·k.
    pub attention_scale: f32,
    /// Soft cap on attention scores.
    pub attention_soft_cap: Option<f32>,
    /// Soft cap on logits.
    pub logit_soft_cap: Option<f32>,
    /// Activation of the gate.
    pub gate: Gate,
    /// Multiplied into embeddings.
    pub embedding_scale: f32,
    /// Multiplied into what a layer adds to the residual.
    pub residual_scale: f32,
    /// Multiplied into logits.
    pub logit_scale: f32,
    /// How hidden states become an embedding, where the file says so.
    pub pooling: Option<Pooling>,
}

impl ModelSpec {
    /// How many positions layer `layer` sees; `None` if all.
    pub fn window_len(&self, layer: usize) -> Option<usize> {
        let window = self.window.as_ref()?;
        window.local_layers.get(layer).is_some_and(|&local| local).then_some(window.len)
    }

    /// Does layer `layer` rotate q and k?
    pub fn has_rope(&self, layer: usize) -> bool {
        self.no_rope_every.is_none_or(|n| !(layer + 1).is_multiple_of(n))
    }
}
