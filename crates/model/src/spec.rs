//! [`ModelSpec`]: what a family may vary, as data.

use std::fmt;

use kernels::{DeltaShape, Gate, KvHeads, MambaShape, RopePairs, WkvShape};

/// The way in which q and k are normalised.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum QkNorm {
    /// No norm on q and k.
    None,
    /// A norm on each head by itself, weight `[Dh]`.
    PerHead,
    /// A norm on each head by itself after its rotary embedding, weight `[Dh]`.
    PerHeadAfterRope,
    /// A norm on all heads together, weights `[H·Dh]` and `[G·Dh]`.
    FullWidth,
}

/// The layers that have a rotary embedding.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum RopeLayers {
    /// All layers have it.
    All,
    /// All layers have it but every so many-th.
    AllButEvery(usize),
    /// The layers that see only a window have it.
    Local,
    /// No layer has it: positions come by a table or by biases.
    None,
}

/// The factor `1 + scale · ln(1 + ⌊position / period⌋)` on queries, by which attention stays sharp among many keys.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct QueryTemperature {
    /// Factor on the logarithm.
    pub scale: f32,
    /// Number of positions that have one factor.
    pub period: usize,
}

impl QueryTemperature {
    /// Returns the factor of the query at `position`.
    pub fn factor(&self, position: u32) -> f32 {
        let n_periods = u64::from(position) / self.period.max(1) as u64;
        (1.0 + f64::from(self.scale) * libm::log1p(n_periods as f64)) as f32
    }
}

/// The way in which rotary frequencies are stretched to longer contexts.
#[allow(missing_docs, reason = "the comment of a variant says what its fields are")]
#[derive(Clone, PartialEq, Debug)]
pub enum RopeScaling {
    /// Frequencies are not stretched.
    None,
    /// All frequencies are divided by `factor`, the extension of the context.
    Linear { factor: f32 },
    /// YaRN (Peng et al. 2023, arXiv 2309.00071) with an extension of the context by `factor`. A frequency with more
    /// than `beta_fast` rotations within `original_context_len`, the context of pre-training, is kept; one with less
    /// than `beta_slow` is divided by `factor`. `is_truncated` says that the ends of the ramp between them are whole
    /// pairs.
    Yarn { factor: f32, original_context_len: usize, beta_fast: f32, beta_slow: f32, is_truncated: bool },
}

/// The rotary embedding of some layers.
#[derive(Clone, PartialEq, Debug)]
pub struct RopeSpec {
    /// Pairing of the elements of a head.
    pub pairs: RopePairs,
    /// Number of elements of a head that turn.
    pub n_dims: usize,
    /// Base of the frequencies.
    pub base: f32,
    /// Stretching of the frequencies.
    pub scaling: RopeScaling,
    /// Factor on sine and cosine, beside what YaRN adds.
    pub magnitude: f32,
}

/// The function that makes weights of a router's scores.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Gating {
    /// The softmax over all experts.
    Softmax,
    /// The sigmoid of each score by itself.
    Sigmoid,
}

/// The mixture of experts in place of the feed-forward network.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct ExpertSpec {
    /// Number of experts in a layer.
    pub n_experts: usize,
    /// Number of experts that compute a token.
    pub n_used: usize,
    /// Width of the feed-forward network of one expert.
    pub feed_forward: usize,
    /// Number of first layers that have a feed-forward network in place of experts.
    pub n_dense_layers: usize,
    /// Function that makes weights of scores.
    pub gating: Gating,
    /// Whether a token's weights are divided by their sum.
    pub are_weights_normed: bool,
    /// Factor on weights.
    pub weight_scale: f32,
    /// Width of the feed-forward network that computes every token beside the experts, if there is one.
    pub shared: Option<usize>,
    /// Whether what that network gives is multiplied with the sigmoid of a score of the token (Qwen 3.5).
    pub is_shared_gated: bool,
    /// Width of the rows that experts see and give where a matrix narrows them before and another widens their sum
    /// (Nemotron 3).
    pub latent: Option<usize>,
    /// Groups of experts, if there are any.
    pub groups: Option<ExpertGroups>,
    /// Whether a layer has a dense network, too, both with norms of their own before and after them, and a router that
    /// sees the residual stream (Gemma 4).
    pub are_beside_dense: bool,
}

/// The norm before and after blocks and before the vocabulary head; norms within attention and within networks are
/// always by the root mean square.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum NormKind {
    /// Division by the root mean square.
    Rms,
    /// Layer norm: the mean is taken off before; with a bias or without.
    Layer {
        /// Whether each norm has a bias.
        has_bias: bool,
    },
}

/// Names of the tensors of a layer's norms, without layer and suffix; `None` where there is no such norm.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct NormNames {
    /// Norm before attention.
    pub mixer: Option<&'static str>,
    /// Norm after attention, before the residual.
    pub mixer_post: Option<&'static str>,
    /// Norm before the feed-forward network or the experts.
    pub mlp: Option<&'static str>,
    /// Norm after the feed-forward network or the experts, before the residual.
    pub mlp_post: Option<&'static str>,
    /// Norm of the sum of residual and attention.
    pub mixer_sum: Option<&'static str>,
    /// Norm of the sum of residual and feed-forward network.
    pub mlp_sum: Option<&'static str>,
}

impl NormNames {
    /// Norms before attention and feed-forward.
    pub const BEFORE: Self = Self { mixer: Some("attn_norm"), mlp: Some("ffn_norm"), ..Self::NONE };
    /// Norms after attention and feed-forward.
    pub const AFTER: Self =
        Self { mixer_post: Some("post_attention_norm"), mlp_post: Some("post_ffw_norm"), ..Self::NONE };
    /// Norms of what attention and feed-forward leave in the residual stream (BERT).
    pub const OF_SUMS: Self =
        Self { mixer_sum: Some("attn_output_norm"), mlp_sum: Some("layer_output_norm"), ..Self::NONE };
    /// Norms before both blocks, of one name with a number.
    pub const NUMBERED: Self = Self { mlp: Some("attn_norm_2"), ..Self::BEFORE };
    const NONE: Self =
        Self { mixer: None, mixer_post: None, mlp: None, mlp_post: None, mixer_sum: None, mlp_sum: None };
    /// One norm, before attention and before feed-forward.
    pub const SHARED: Self = Self { mlp: Self::BEFORE.mixer, ..Self::BEFORE };
    /// Norms before and after attention and feed-forward.
    pub const AROUND: Self = Self { mixer: Self::BEFORE.mixer, mlp: Self::BEFORE.mlp, ..Self::AFTER };
    /// Norms before attention and feed-forward, the latter called as if it stood after attention.
    pub const BEFORE_AS_POST: Self = Self { mlp: Some("post_attention_norm"), ..Self::BEFORE };
}

/// The attention to the last positions only.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct WindowSpec {
    /// Number of positions that a query sees, its own included; in an encoder it sees as many after its own as before.
    pub len: usize,
    /// Flags that say which layers see only the window, one per layer.
    pub local_layers: Vec<bool>,
}

/// One of the two blocks of a layer.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Block {
    /// Attention, or what carries a state from token to token in place of it.
    Mixer,
    /// The feed-forward network or the experts.
    Mlp,
}

/// The layers that carry a state from token to token in place of attention over all tokens.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct RecurrenceSpec {
    /// What these layers compute.
    pub kind: Recurrence,
    /// Flags that say which layers they are, one per layer.
    pub layers: Vec<bool>,
}

impl RecurrenceSpec {
    /// Number of these layers.
    pub fn n_layers(&self) -> usize {
        self.layers.iter().filter(|is_recurrent| **is_recurrent).count()
    }
}

/// The kind of layers with a state.
#[allow(missing_docs, reason = "the comment of a variant says what its fields are")]
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Recurrence {
    /// Gated causal convolution over `n_taps` tokens, as wide as the model (LFM2). The state is what it convolves of
    /// the last `n_taps - 1`.
    ShortConvolution { n_taps: usize },
    /// Gated delta net (Qwen 3.5, Qwen3-Next) behind a convolution of `n_taps` tokens. The state is a matrix for each
    /// value head, and what is convolved of the last `n_taps - 1` tokens.
    GatedDeltaNet { n_taps: usize, heads: DeltaShape },
    /// Mamba-2 behind a convolution of `n_taps` tokens. The state is a matrix for each head, and what is convolved of
    /// the last `n_taps - 1` tokens.
    Mamba2 { n_taps: usize, heads: MambaShape },
    /// Time mix of RWKV-7, and channel mix in place of the feed-forward network. The state is a matrix for each head,
    /// and what either saw of the last token.
    Wkv7 { heads: WkvShape, ranks: WkvRanks },
}

/// Widths between the two matrices of each small network of RWKV-7's time mix.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct WkvRanks {
    /// Of the decay `w`.
    pub decay: usize,
    /// Of the in-context learning rate `a`.
    pub rate: usize,
    /// Of how much values are those of the first layer.
    pub values: usize,
    /// Of the gate of the output.
    pub gate: usize,
}

impl WkvRanks {
    fn max(self) -> usize {
        let Self { decay, rate, values, gate } = self;
        decay.max(rate).max(values).max(gate)
    }
}

impl Recurrence {
    /// Number of elements of the state of one layer in a model of this width; `None` on overflow.
    pub(crate) fn state_len(self, width: usize) -> Option<usize> {
        match self {
            Self::ShortConvolution { n_taps } => (n_taps - 1).checked_mul(width),
            Self::GatedDeltaNet { n_taps, heads } => {
                let of_heads = heads.value_len().checked_mul(heads.dim)?;
                (n_taps - 1).checked_mul(heads.row_len())?.checked_add(of_heads)
            }
            Self::Mamba2 { n_taps, heads } => {
                let of_heads = heads.value_len().checked_mul(heads.n_state_rows)?;
                (n_taps - 1).checked_mul(heads.row_len())?.checked_add(of_heads)
            }
            Self::Wkv7 { heads, .. } => heads.row_len().checked_mul(heads.dim)?.checked_add(width.checked_mul(2)?),
        }
    }

    /// Number of elements a row of the inner buffers.
    pub(crate) fn inner_width(self, width: usize) -> usize {
        match self {
            Self::ShortConvolution { .. } => width,
            Self::GatedDeltaNet { heads, .. } => heads.row_len(),
            Self::Mamba2 { heads, .. } => heads.row_len(),
            Self::Wkv7 { ranks, .. } => 4 * width.max(ranks.max()),
        }
    }

    /// Number of heads that each have two numbers for a token.
    pub(crate) fn n_gated_heads(self) -> usize {
        match self {
            Self::ShortConvolution { .. } | Self::Wkv7 { .. } => 0,
            Self::GatedDeltaNet { heads, .. } => heads.n_value_heads,
            Self::Mamba2 { heads, .. } => heads.n_heads,
        }
    }
}

/// Multi-head latent attention (DeepSeek V2): keys and values of all heads are made of one row of each position, which
/// is all that is kept. Queries go to the rows rather than rows to the queries: a head's query is turned into what
/// meets a row, and its value comes out of the rows' weighted sum.
///
/// Source: DeepSeek-AI 2024 (arXiv 2405.04434), section 2.1.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct LatentSpec {
    /// Width between the two matrices of queries, where they have two.
    pub query_rank: Option<usize>,
    /// Width of the part of a row of which keys and values are made; the part of all keys that turns follows it.
    pub kv_rank: usize,
    /// Number of elements of a head's query that do not turn.
    pub plain_dim: usize,
    /// Number of elements of a head's query that turn.
    pub turned_dim: usize,
    /// Width of a head's value.
    pub value_dim: usize,
    /// Whether the file has the matrices of keys and values as one: those of keys are turned over when the model is
    /// loaded, and stand beside the map in f32.
    pub is_kv_fused: bool,
}

impl LatentSpec {
    /// Width of a head's query before it meets rows.
    pub(crate) fn query_dim(&self) -> usize {
        self.plain_dim + self.turned_dim
    }

    /// Width of a row.
    pub(crate) fn row_dim(&self) -> usize {
        self.kv_rank + self.turned_dim
    }
}

/// The groups of experts of which a token's experts come from the best (DeepSeek V3).
///
/// Source: DeepSeek-AI 2024 (arXiv 2412.19437), section 2.1.2.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ExpertGroups {
    /// Number of groups.
    pub n_groups: usize,
    /// Number of groups that a token's experts come from: those whose two best experts score highest together.
    pub n_used: usize,
}

/// The vectors that layers see of each token beside the residual stream (Gemma 4).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct PerLayerInputs {
    /// Width of the vector of one layer.
    pub width: usize,
}

/// The way in which hidden states become the embedding of a text.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Pooling {
    /// There is one embedding for each token.
    None,
    /// The embedding is the mean of all hidden states.
    Mean,
    /// The embedding is the hidden state of the first token, which BERT calls CLS.
    First,
    /// The embedding is the hidden state of the last token.
    Last,
    /// Hidden states are the input of a head that scores pairs of texts: there is no embedding.
    Rank,
}

impl Pooling {
    /// All ways, in the order of their numbers in files.
    pub const ALL: [Self; 5] = [Self::None, Self::Mean, Self::First, Self::Last, Self::Rank];
}

impl fmt::Display for Pooling {
    /// Writes the word of llama.cpp.
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

/// Everything that `forward` needs to know of a model beside its weights.
#[derive(Clone, PartialEq, Debug)]
pub struct ModelSpec {
    /// GGUF architecture name.
    pub architecture: String,
    /// Number of transformer layers (L).
    pub n_layers: usize,
    /// Number of layers behind these in the file that predict further tokens, and are not computed.
    pub n_prediction_layers: usize,
    /// Width of the model (D).
    pub width: usize,
    /// Size of the vocabulary (V).
    pub n_vocab: usize,
    /// Longest context the model was made for.
    pub context_len: usize,
    /// Number of query heads (H).
    pub n_heads: usize,
    /// Number of KV heads (G).
    pub n_kv_heads: usize,
    /// Width of a query or key head.
    pub key_dim: usize,
    /// Width of a value head.
    pub value_dim: usize,
    /// Heads of keys and values of each layer, where these three differ from layer to layer.
    pub layer_heads: Option<Vec<KvHeads>>,
    /// Latent attention, if layers have it: the three above are then those of the rows that are kept.
    pub latent: Option<LatentSpec>,
    /// Layer whose keys and values each layer attends to, where some have none of their own.
    pub kv_sources: Option<Vec<usize>>,
    /// Width of the feed-forward network (F); the largest where layers differ.
    pub feed_forward: usize,
    /// Width of the feed-forward network of each layer, where layers differ.
    pub layer_feed_forward: Option<Vec<usize>>,
    /// Vectors of each token that layers add something of, if there are any.
    pub per_layer_inputs: Option<PerLayerInputs>,
    /// Whether a layer may have a factor on what it leaves in the residual stream.
    pub has_layer_scales: bool,
    /// Experts, if the layers have them.
    pub experts: Option<ExpertSpec>,
    /// Whether a text is computed whole and each of its tokens sees those after it, too: such a model gives hidden
    /// states, and generates nothing.
    pub is_encoder: bool,
    /// Whether a vector by its position is added to each embedding, out of a table as long as the context.
    pub has_position_table: bool,
    /// Whether a vector by its type is added to each embedding: of the first text in a sequence or of the second. All
    /// tokens are of the first type.
    pub has_token_types: bool,
    /// Name of the norm of embeddings, as that of the last norm is given, if there is one.
    pub embedding_norm: Option<&'static str>,
    /// Name of the last norm: that of its tensors without `.weight`; `None` where layers leave normed sums.
    pub output_norm: Option<&'static str>,
    /// Number added to the mean square in every norm.
    pub norm_epsilon: f32,
    /// Width between the two matrices behind the last norm that hidden states go through, if there are any.
    pub projection: Option<usize>,
    /// Norms of a layer.
    pub norms: NormNames,
    /// Whether the first layer has no norm before attention, because the one of embeddings stands there.
    pub skips_first_norm: bool,
    /// Kind of the norms.
    pub norm_kind: NormKind,
    /// Whether the feed-forward network sees what attention sees, rather than what attention leaves.
    pub has_parallel_blocks: bool,
    /// Whether there are norms inside: on the attention output and on the gated feed-forward (BitNet).
    pub has_sub_norms: bool,
    /// Norms on q and k.
    pub qk_norm: QkNorm,
    /// Whether heads of values are normed by their root mean square, without weights.
    pub has_value_norm: bool,
    /// Whether keys before norm and rotation are also the values where a layer without a window lacks the matrix of
    /// values.
    pub may_lack_values: bool,
    /// Whether attention has a gate: each head of the query matrix is followed by as many rows whose sigmoid its output
    /// is multiplied with (Qwen 3.5).
    pub has_attention_gate: bool,
    /// Rotary embedding; of the layers with full attention where they differ.
    pub rope: RopeSpec,
    /// Rotary embedding of sliding layers where it is another.
    pub rope_local: Option<RopeSpec>,
    /// Whether the file must have factors that divide frequencies one by one (`rope_freqs`).
    pub has_rope_factors: bool,
    /// Layers that have a rotary embedding.
    pub rope_layers: RopeLayers,
    /// Whether scores lose something for each position between query and key (ALiBi).
    pub has_linear_biases: bool,
    /// Factor on queries by their position, if there is one.
    pub query_temperature: Option<QueryTemperature>,
    /// Sliding window, if some layers have one.
    pub window: Option<WindowSpec>,
    /// The one block that each layer has, one per layer, where layers do not have both.
    pub lone_blocks: Option<Vec<Block>>,
    /// Layers with a state in place of attention, if there are any.
    pub recurrence: Option<RecurrenceSpec>,
    /// Factor on q·k.
    pub attention_scale: f32,
    /// Whether each head has a learned sink (gpt-oss).
    pub has_learned_sinks: bool,
    /// Soft cap on attention scores.
    pub attention_soft_cap: Option<f32>,
    /// Soft cap on logits.
    pub logit_soft_cap: Option<f32>,
    /// Activation of the gate; of the inner values where there is no gate.
    pub gate: Gate,
    /// Whether feed-forward networks have a gate.
    pub is_gated: bool,
    /// Factor on embeddings.
    pub embedding_scale: f32,
    /// Factor on what a layer adds to the residual.
    pub residual_scale: f32,
    /// Factor on logits.
    pub logit_scale: f32,
    /// Way in which hidden states become an embedding, where the file says so.
    pub pooling: Option<Pooling>,
}

impl ModelSpec {
    /// Whether the hidden state of a text's first token goes through a head that scores pairs of texts.
    pub fn has_rank_head(&self) -> bool {
        self.is_encoder && self.pooling == Some(Pooling::Rank)
    }

    /// Number of positions that layer `layer` sees; `None` if all.
    pub fn window_len(&self, layer: usize) -> Option<usize> {
        let window = self.window.as_ref()?;
        window.local_layers.get(layer).is_some_and(|&local| local).then_some(window.len)
    }

    /// Number of bytes of the matrices of latent attention that stand beside the map; `None` on overflow.
    pub(crate) fn latent_copy_bytes(&self) -> Option<usize> {
        let Some(latent) = self.latent.filter(|latent| latent.is_kv_fused) else { return Some(0) };
        let n_weights = self.n_heads.checked_mul(latent.plain_dim)?.checked_mul(latent.kv_rank)?;
        n_weights.checked_mul(self.n_layers)?.checked_mul(size_of::<f32>())
    }

    /// Whether layer `layer` has this block.
    pub fn has_block(&self, layer: usize, block: Block) -> bool {
        self.lone_blocks.as_ref().is_none_or(|blocks| blocks.get(layer) == Some(&block))
    }

    /// Whether layer `layer` carries a state in place of attention.
    pub fn is_recurrent(&self, layer: usize) -> bool {
        self.recurrence.as_ref().is_some_and(|recurrence| recurrence.layers.get(layer) == Some(&true))
    }

    /// Whether layer `layer` has attention.
    pub fn has_attention(&self, layer: usize) -> bool {
        self.has_block(layer, Block::Mixer) && !self.is_recurrent(layer)
    }

    /// Number of layers with attention.
    pub fn n_attention_layers(&self) -> usize {
        (0..self.n_layers).filter(|&layer| self.has_attention(layer)).count()
    }

    /// Number of layers with a state before `layer`: its index among those.
    pub(crate) fn state_index(&self, layer: usize) -> usize {
        (0..layer).filter(|&before| self.is_recurrent(before)).count()
    }

    /// The layer whose keys and values `layer` attends to.
    fn kv_source(&self, layer: usize) -> usize {
        self.kv_sources.as_ref().and_then(|sources| sources.get(layer).copied()).unwrap_or(layer)
    }

    /// Whether layer `layer` has keys and values of its own.
    pub fn has_kv(&self, layer: usize) -> bool {
        self.has_attention(layer) && self.kv_source(layer) == layer
    }

    /// Index of the keys and values that `layer` attends to among those of all layers.
    pub(crate) fn kv_index(&self, layer: usize) -> usize {
        (0..self.kv_source(layer)).filter(|&before| self.has_kv(before)).count()
    }

    /// The heads of keys and values of layer `layer`.
    pub fn heads(&self, layer: usize) -> KvHeads {
        let Self { n_kv_heads, key_dim, value_dim, .. } = *self;
        let heads = KvHeads { n_kv_heads, key_dim, value_dim, are_values_in_keys: self.latent.is_some() };
        self.layer_heads.as_ref().and_then(|layers| layers.get(layer).copied()).unwrap_or(heads)
    }

    /// The largest of what `of` says of the heads of a layer.
    pub(crate) fn heads_max(&self, of: impl Fn(KvHeads) -> usize) -> usize {
        (0..self.n_layers).map(|layer| of(self.heads(layer))).max().unwrap_or(0)
    }

    /// Width of the feed-forward network of layer `layer`.
    pub fn feed_forward_of(&self, layer: usize) -> usize {
        let widths = self.layer_feed_forward.as_ref();
        widths.and_then(|widths| widths.get(layer).copied()).unwrap_or(self.feed_forward)
    }

    /// The experts of layer `layer`, if it has any.
    pub fn experts_of(&self, layer: usize) -> Option<&ExpertSpec> {
        self.experts.as_ref().filter(|experts| layer >= experts.n_dense_layers)
    }

    /// Width of the widest feed-forward network, of all layers and experts and behind them.
    pub fn feed_forward_max(&self) -> usize {
        let of_experts = self.experts.map_or(0, |experts| experts.feed_forward.max(experts.shared.unwrap_or(0)));
        let of_layers = self.layer_feed_forward.iter().flatten().copied().max().unwrap_or(0);
        let of_inputs = self.per_layer_inputs.map_or(0, |inputs| inputs.width);
        self.feed_forward.max(of_experts).max(of_layers).max(of_inputs).max(self.projection.unwrap_or(0))
    }

    /// The rotary embedding of layer `layer`, if it has one.
    pub(crate) fn rope_of(&self, layer: usize) -> &RopeSpec {
        self.rope_local.as_ref().filter(|_| self.window_len(layer).is_some()).unwrap_or(&self.rope)
    }

    /// Whether layer `layer` rotates q and k.
    pub fn has_rope(&self, layer: usize) -> bool {
        match self.rope_layers {
            RopeLayers::All => true,
            RopeLayers::AllButEvery(n) => !(layer + 1).is_multiple_of(n),
            RopeLayers::Local => self.window_len(layer).is_some(),
            RopeLayers::None => false,
        }
    }
}
