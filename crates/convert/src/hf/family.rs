//! What class names of `config.json` stand for: GGUF's architecture, and the names and shapes of the tensors of a
//! layer.
//!
//! Sources: the model and configuration classes of transformers (5.24), and the name table of llama.cpp's
//! `gguf-py/gguf/tensor_mapping.py`.

mod encoders;
mod experts;
mod gemma4;
mod hybrids;
mod latent;
mod plain;

use gguf::Metadata;

use super::{config::Config, fields::Fields};
use crate::Error;

/// A width that a tensor's shape is made of.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Width {
    /// Width of the model, `hidden_size`.
    Model,
    /// Width of the feed-forward, `intermediate_size`.
    FeedForward,
    /// Width of gate and up in one matrix.
    GateUp,
    /// Width of all query heads.
    Query,
    /// Width of all key heads, or of all value heads.
    KeyValue,
    /// Width of query, key and value in one matrix.
    QueryKeyValue,
    /// Width of one head.
    Head,
    /// Width of one expert.
    Expert,
    /// Number of experts.
    Experts,
    /// Width of an expert's gate and up in one matrix.
    ExpertGateUp,
    /// Width of the expert that all tokens have.
    SharedExpert,
    /// Width of its gate and up in one matrix.
    SharedGateUp,
    /// A width of one.
    One,
    /// Number of query heads.
    Heads,
    /// Width of all query heads, and of a gate for each.
    GatedQuery,
    /// Three times the model's width.
    ModelThrice,
    /// Number of taps of the convolution of a layer with a state.
    Taps,
    /// Number of channels of that convolution.
    Channels,
    /// Number of heads of a layer with a state, for a delta net its values'.
    StateHeads,
    /// Twice that number.
    StateHeadsTwice,
    /// Number of groups of these heads; for a delta net, of keys.
    Groups,
    /// Width of all heads of a layer with a state.
    Inner,
    /// Width of the heads of one group.
    InnerOfGroup,
    /// Width of one head of a layer with a state.
    StateHead,
    /// Width of what goes into Mamba-2: gate, channels and a step for each head.
    MambaIn,
    /// Width of query, key, value and gate of a delta net.
    DeltaIn,
    /// Number of positions of a table of them.
    Positions,
    /// Number of types of tokens.
    TokenTypes,
    /// Number of tokens of the vocabulary.
    Vocabulary,
    /// Width of what the queries of latent attention are made of.
    QueryRank,
    /// Width of what its keys and values are made of.
    KvRank,
    /// Width of what it keeps of a position: that, and the part of a key that turns.
    LatentRow,
    /// Width of its query heads, all together.
    LatentQuery,
    /// Width of its heads of values, all together.
    LatentValue,
    /// Width of what each layer adds of a token.
    OfToken,
    /// Width of what all layers add of a token, one behind the other.
    OfTokenAll,
}

/// A tensor that every layer has.
#[derive(Clone, Copy, Debug)]
pub(super) struct Part {
    /// Names below `model.layers.N.`, without `.weight`; several where checkpoints disagree.
    pub(super) hf: &'static [&'static str],
    /// Name below `blk.N.`, without `.weight`.
    pub(super) gguf: &'static str,
    pub(super) kind: Kind,
}

#[derive(Clone, Copy, PartialEq, Debug)]
pub(super) enum Kind {
    /// Vector `[n]` of a norm.
    Norm(Width),
    /// Matrix `[rows, cols]` that is ternary in a ternary model.
    Linear { rows: Width, cols: Width, has_bias: Bias },
    /// Matrix `[rows, cols]` that is ternary in a ternary model, rows of a head in halves: GGUF's `llama` wants them in
    /// pairs.
    Rotary { rows: Width },
    /// Matrices of all experts, whose number stands for `*` in the name: one tensor of all in GGUF.
    Stack { rows: Width, cols: Width },
    /// Matrix `[rows, cols]` out of one that has `of` rows.
    Rows { rows: Width, of: Width, cols: Width, order: Order },
    /// Matrix `[rows, cols]` whose columns have another order.
    Columns { rows: Width, cols: Width, order: Order },
    /// Matrices of all experts in one tensor, whose full name this is: `[experts, of, cols]` or, where `is_transposed`,
    /// `[experts, cols, of]`; or its blocks and scales in MXFP4. Of the `of` rows `order` takes `rows`.
    Experts { rows: Width, of: Width, cols: Width, order: Order, is_transposed: bool },
    /// Keys or values of all heads out of the matrix that latent attention has for both.
    Latent(LatentPart),
    /// Numbers that are no weights of a matrix, under their full names: of `shape` in the checkpoint, outermost first,
    /// and of `dims` in GGUF, in its order.
    Values { shape: &'static [Width], dims: &'static [Width], order: Order, function: Function },
}

/// What is made of what latent attention keeps.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum LatentPart {
    Keys,
    Values,
}

/// Which rows GGUF has of a tensor, and in which order.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Order {
    Same,
    /// The first of two halves, one behind the other.
    FirstHalf,
    SecondHalf,
    /// Every other row, from the first.
    Even,
    /// Every other row, from the second.
    Odd,
    /// Value heads of a delta net that share a key stand together, where GGUF has the first of each key, then the
    /// second of each, and so on.
    ValueHeads,
    /// Queries and keys of a delta net as they are, then value heads as in [`Order::ValueHeads`].
    BehindKeys,
    /// Of each key its query, key, values and gates; GGUF has all queries, all keys, all values.
    GroupedQkv,
    /// The gates of that matrix.
    GroupedGate,
}

/// What becomes of a number.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(super) enum Function {
    Same,
    Plus(f32),
    /// The logarithm of a decay becomes the decay: `-exp(x)`.
    NegativeExp,
}

impl Function {
    /// Returns what becomes of `x`.
    pub(super) fn of(self, x: f32) -> f32 {
        match self {
            Self::Same => x,
            Self::Plus(offset) => x + offset,
            Self::NegativeExp => -f64::from(x).exp() as f32,
        }
    }
}

/// Layers that have a group of tensors.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum When {
    Attention,
    /// Those with a state.
    Recurrent,
    /// Those with a feed-forward network of their own.
    Dense,
    Experts,
    /// All but the first.
    Later,
    /// Those that attend and have keys of their own.
    Keys,
    /// Those of them whose values are not their keys.
    Values,
    /// Those that add something of each token.
    OfToken,
}

/// The mixer of a layer.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Mixer {
    Attention,
    Recurrent,
    None,
}

/// The network of a layer.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Network {
    Dense,
    Experts,
    /// Both, side by side.
    Both,
    None,
}

impl Network {
    pub(super) fn has_dense(self) -> bool {
        matches!(self, Self::Dense | Self::Both)
    }
}

/// Keys and values of a layer that attends.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum OwnKeys {
    /// A matrix of each.
    AndValues,
    /// The keys, which are the values.
    Alone,
    /// Those of another layer.
    None,
}

/// What a layer is made of.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Layer {
    pub(super) mixer: Mixer,
    pub(super) network: Network,
    pub(super) keys: OwnKeys,
    pub(super) adds_of_token: bool,
}

impl Layer {
    /// Returns a layer whose attention, if it has some, has keys and values of its own.
    pub(super) fn new(mixer: Mixer, network: Network) -> Self {
        Self { mixer, network, keys: OwnKeys::AndValues, adds_of_token: false }
    }
}

/// Names of what is not in a layer. A prefix of `bodies` stands before all but the head's.
#[derive(Debug)]
pub(super) struct Names {
    pub(super) bodies: &'static [&'static str],
    pub(super) layers: &'static str,
    pub(super) embedding: &'static str,
    /// Name of the last norm, and GGUF's, if there is one.
    pub(super) norm: Option<(&'static str, &'static str)>,
    /// Names of the head; none where the model has no head.
    pub(super) heads: &'static [&'static str],
    pub(super) has_head_bias: bool,
    /// Beginnings of the names of tensors that the text part of a model does not need, and what they are.
    pub(super) ignored: &'static [(&'static str, &'static str)],
}

/// How norms are computed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum NormKind {
    Rms,
    /// Layer norms, with biases or without.
    Layer {
        has_bias: bool,
    },
}

/// How positions turn heads.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(super) enum Rotary {
    Whole,
    /// A share of each head, this one where the file does not say.
    Share(f64),
    /// Heads of layers that see everything by a share of their pairs, which a factor of each pair says.
    Proportional,
    /// Not at all.
    Absent,
}

/// Code of a family, for what its row cannot say.
#[derive(Clone, Copy, Debug)]
pub(super) struct Own {
    /// Completes the configuration: sizes and kinds of layers.
    pub(super) sizes: fn(&mut Config) -> Result<(), Error>,
    /// Sets the keys of the family alone.
    pub(super) keys: fn(&Config, &mut Metadata) -> Result<(), Error>,
}

const NOTHING: Own = Own { sizes: |_| Ok(()), keys: |_, _| Ok(()) };

/// Whether a linear layer has a bias.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Bias {
    /// A bias is read if it is in the file.
    Perhaps,
    /// A bias must be there (Qwen 2).
    Always,
    /// A bias is not known.
    Never,
}

/// Which layers see only the last positions.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Window {
    /// No layer; a switch that turns it on is refused.
    Never,
    /// No layer; `layer_types` says something else, which the family's own code reads.
    Unread,
    /// All layers, if `sliding_window` is a number or, where the file does not say, there is one here.
    Everywhere(Option<usize>),
    /// The layers of `layer_types`, else those from `max_window_layers` on, where `use_sliding_window` is true (Qwen).
    Switched,
    /// All layers where `use_sliding_window` is true (Qwen with experts).
    SwitchedEverywhere,
    /// The layers of `layer_types`, else all but every `period`-th (Gemma, OLMo 3).
    Mixed { period: usize },
}

/// Settings that only one kind of model has.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Special {
    None,
    /// Soft caps, on attention scores if `caps_attention`, and a scale of attention by `query_pre_attn_scalar`. The
    /// 27B, which has `layers_27b` layers, takes the scale from the model's width.
    Gemma {
        caps_attention: bool,
        layers_27b: usize,
    },
    /// Scales on embeddings, residuals, attention and logits.
    Granite,
    /// Layers without a rotary embedding.
    SmolLm3,
}

/// Names in `config.json` of the settings of a mixture of experts.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct ExpertKeys {
    pub(super) count: &'static str,
    pub(super) feed_forward: &'static str,
    /// Whether a file without the number, or with 0, is one of a dense model.
    pub(super) may_be_none: bool,
}

/// A class of models, as `config.json` names it.
#[derive(Debug)]
pub(super) struct Family {
    /// Class names, as `architectures` in `config.json` lists them.
    pub(super) classes: &'static [&'static str],
    /// Value of `general.architecture`.
    pub(super) architecture: &'static str,
    /// Whether a configuration is one of this family, where classes of one name differ: the first that says so is it.
    pub(super) is_of: fn(&Fields) -> bool,
    /// Whether the settings stand in the section `text_config`.
    pub(super) has_text_section: bool,
    /// Keys under which some files have what this calls otherwise: the file's, then ours.
    pub(super) aliases: &'static [(&'static str, &'static str)],
    /// Keys that change other models, and that this family reads.
    pub(super) reads: &'static [&'static str],
    pub(super) names: &'static Names,
    /// Tensors that are in no layer, by their names behind the prefix.
    pub(super) globals: &'static [Part],
    /// Tensors of every layer.
    pub(super) parts: &'static [&'static [Part]],
    /// Tensors of some layers.
    pub(super) parts_of: &'static [(When, &'static [Part])],
    pub(super) norm: NormKind,
    pub(super) rotary: Rotary,
    /// Value of `rope_local_base_freq` where the file does not say, in families whose local layers have a base of their
    /// own.
    pub(super) local_base: Option<f64>,
    pub(super) has_attention: bool,
    /// Value of `max_position_embeddings` where the file does not say.
    pub(super) context_len: Option<usize>,
    pub(super) own: Own,
    /// Values of `hidden_act` that are accepted; the first is meant where the file does not say.
    pub(super) activation: &'static [&'static str],
    /// Value of `rms_norm_eps` where the file does not say.
    pub(super) norm_epsilon: f64,
    /// Value of `num_key_value_heads` where the file does not say; as many as heads if that is `None`.
    pub(super) n_kv_heads: Option<usize>,
    /// Number added to every norm weight: transformers' Gemma multiplies by `1 + w`.
    pub(super) norm_offset: f32,
    /// Value of `tie_word_embeddings` where the file does not say.
    pub(super) is_tied: bool,
    /// Value of `head_dim` where the file does not say; the model's width divided among the heads if that is `None`.
    pub(super) head_dim: Option<usize>,
    /// Value of `rope_theta` where the file does not say.
    pub(super) rope_base: f64,
    pub(super) window: Window,
    pub(super) special: Special,
    pub(super) experts: Option<ExpertKeys>,
    /// Whether the linear layers are trained as masters of ternary ones, though a file may hold and mean the floats.
    pub(super) is_ternary: bool,
}

const fn norm(hf: &'static [&'static str], gguf: &'static str, width: Width) -> Part {
    Part { hf, gguf, kind: Kind::Norm(width) }
}

const fn linear(hf: &'static [&'static str], gguf: &'static str, rows: Width, cols: Width) -> Part {
    Part { hf, gguf, kind: Kind::Linear { rows, cols, has_bias: Bias::Perhaps } }
}

const fn biased(hf: &'static [&'static str], gguf: &'static str, rows: Width) -> Part {
    Part { hf, gguf, kind: Kind::Linear { rows, cols: Width::Model, has_bias: Bias::Always } }
}

const fn rotary(hf: &'static [&'static str], gguf: &'static str, rows: Width) -> Part {
    Part { hf, gguf, kind: Kind::Rotary { rows } }
}

const fn stack(hf: &'static [&'static str], gguf: &'static str, rows: Width, cols: Width) -> Part {
    Part { hf, gguf, kind: Kind::Stack { rows, cols } }
}

const ATTENTION_NORM: Part = norm(&["input_layernorm"], "attn_norm", Width::Model);
const FEED_FORWARD_NORM: Part = norm(&["post_attention_layernorm"], "ffn_norm", Width::Model);
const Q: Part = linear(&["self_attn.q_proj"], "attn_q", Width::Query, Width::Model);
const K: Part = linear(&["self_attn.k_proj"], "attn_k", Width::KeyValue, Width::Model);
const V: Part = linear(&["self_attn.v_proj"], "attn_v", Width::KeyValue, Width::Model);
const OUTPUT: Part = linear(&["self_attn.o_proj"], "attn_output", Width::Model, Width::Query);
const FEED_FORWARD: &[Part] = &[
    linear(&["mlp.gate_proj"], "ffn_gate", Width::FeedForward, Width::Model),
    linear(&["mlp.up_proj"], "ffn_up", Width::FeedForward, Width::Model),
    linear(&["mlp.down_proj"], "ffn_down", Width::Model, Width::FeedForward),
];
const HEAD_NORMS: &[Part] =
    &[norm(&["self_attn.q_norm"], "attn_q_norm", Width::Head), norm(&["self_attn.k_norm"], "attn_k_norm", Width::Head)];
/// Inner norms of BitNet, by 1bitLLM's names, then by Microsoft's.
const SUB_NORMS: &[Part] = &[
    norm(&["self_attn.attn_sub_norm", "self_attn.inner_attn_ln"], "attn_sub_norm", Width::Query),
    norm(&["mlp.ffn_sub_norm", "mlp.ffn_layernorm"], "ffn_sub_norm", Width::FeedForward),
];
const LLAMA: &[Part] = &[
    ATTENTION_NORM,
    rotary(&["self_attn.q_proj"], "attn_q", Width::Query),
    rotary(&["self_attn.k_proj"], "attn_k", Width::KeyValue),
    V,
    OUTPUT,
    FEED_FORWARD_NORM,
];
const HALVES: &[Part] = &[ATTENTION_NORM, Q, K, V, OUTPUT, FEED_FORWARD_NORM];
const QWEN2: &[Part] = &[
    ATTENTION_NORM,
    biased(&["self_attn.q_proj"], "attn_q", Width::Query),
    biased(&["self_attn.k_proj"], "attn_k", Width::KeyValue),
    biased(&["self_attn.v_proj"], "attn_v", Width::KeyValue),
    OUTPUT,
    FEED_FORWARD_NORM,
];
/// Tensors of a mixture of experts, by Mixtral's names, then by Qwen's.
const EXPERTS: &[Part] = &[
    linear(&["block_sparse_moe.gate", "mlp.gate"], "ffn_gate_inp", Width::Experts, Width::Model),
    stack(&["block_sparse_moe.experts.*.w1", "mlp.experts.*.gate_proj"], "ffn_gate_exps", Width::Expert, Width::Model),
    stack(&["block_sparse_moe.experts.*.w3", "mlp.experts.*.up_proj"], "ffn_up_exps", Width::Expert, Width::Model),
    stack(&["block_sparse_moe.experts.*.w2", "mlp.experts.*.down_proj"], "ffn_down_exps", Width::Model, Width::Expert),
];
const OLMO2: &[Part] = &[
    Q,
    K,
    V,
    OUTPUT,
    norm(&["self_attn.q_norm"], "attn_q_norm", Width::Query),
    norm(&["self_attn.k_norm"], "attn_k_norm", Width::KeyValue),
    norm(&["post_attention_layernorm"], "post_attention_norm", Width::Model),
    norm(&["post_feedforward_layernorm"], "post_ffw_norm", Width::Model),
];
const GEMMA: &[Part] = &[
    ATTENTION_NORM,
    Q,
    K,
    V,
    OUTPUT,
    norm(&["post_attention_layernorm"], "post_attention_norm", Width::Model),
    norm(&["pre_feedforward_layernorm"], "ffn_norm", Width::Model),
    norm(&["post_feedforward_layernorm"], "post_ffw_norm", Width::Model),
];
const PHI3: &[Part] = &[
    ATTENTION_NORM,
    linear(&["self_attn.qkv_proj"], "attn_qkv", Width::QueryKeyValue, Width::Model),
    OUTPUT,
    FEED_FORWARD_NORM,
    linear(&["mlp.gate_up_proj"], "ffn_up", Width::GateUp, Width::Model),
    linear(&["mlp.down_proj"], "ffn_down", Width::Model, Width::FeedForward),
];

const NAMES: Names = Names {
    bodies: &["model.", ""],
    layers: "layers",
    embedding: "embed_tokens",
    norm: Some(("norm", "output_norm")),
    heads: &["lm_head"],
    has_head_bias: false,
    ignored: &[],
};

/// Settings that most families have in common.
const PLAIN: Family = Family {
    classes: &[],
    architecture: "llama",
    is_of: |_| true,
    has_text_section: false,
    aliases: &[],
    reads: &[],
    names: &NAMES,
    globals: &[],
    parts: &[LLAMA, FEED_FORWARD],
    parts_of: &[],
    norm: NormKind::Rms,
    rotary: Rotary::Whole,
    local_base: None,
    has_attention: true,
    context_len: None,
    own: NOTHING,
    activation: &["silu"],
    norm_epsilon: 1e-6,
    n_kv_heads: None,
    norm_offset: 0.0,
    is_tied: false,
    head_dim: None,
    rope_base: 10_000.0,
    window: Window::Never,
    special: Special::None,
    experts: None,
    is_ternary: false,
};

const GEMMA3: Family = Family {
    classes: &["Gemma3ForCausalLM"],
    architecture: "gemma3",
    parts: &[GEMMA, HEAD_NORMS, FEED_FORWARD],
    activation: &["gelu_pytorch_tanh"],
    n_kv_heads: Some(4),
    norm_offset: 1.0,
    is_tied: true,
    head_dim: Some(256),
    rope_base: 1_000_000.0,
    local_base: Some(10_000.0),
    window: Window::Mixed { period: 6 },
    special: Special::Gemma { caps_attention: false, layers_27b: 62 },
    ..PLAIN
};
const OLMO: Family = Family { architecture: "olmo2", parts: &[OLMO2, FEED_FORWARD], norm_epsilon: 1e-5, ..PLAIN };
/// BitNet of the 700M and the 3B.
const BITNET: Family = Family {
    classes: &["BitNetForCausalLM", "BitnetForCausalLM"],
    architecture: "bitnet",
    parts: &[HALVES, SUB_NORMS, FEED_FORWARD],
    norm_epsilon: 1e-5,
    n_kv_heads: Some(5),
    is_ternary: true,
    ..PLAIN
};

/// Keys of Granite's scales.
const GRANITE_SCALES: &[&str] =
    &["embedding_multiplier", "residual_multiplier", "logits_scaling", "attention_multiplier"];

/// Families of this file. Both kinds of BitNet have one class name: the activation tells them apart, and without one it
/// is the later.
static FAMILIES: &[Family] = &[
    Family { classes: &["LlamaForCausalLM"], ..PLAIN },
    Family { classes: &["MistralForCausalLM"], n_kv_heads: Some(8), window: Window::Everywhere(Some(4096)), ..PLAIN },
    Family {
        classes: &["Qwen2ForCausalLM"],
        architecture: "qwen2",
        parts: &[QWEN2, FEED_FORWARD],
        n_kv_heads: Some(32),
        window: Window::Switched,
        ..PLAIN
    },
    Family {
        classes: &["Qwen3ForCausalLM"],
        architecture: "qwen3",
        parts: &[HALVES, HEAD_NORMS, FEED_FORWARD],
        n_kv_heads: Some(32),
        head_dim: Some(128),
        window: Window::Switched,
        ..PLAIN
    },
    Family {
        classes: &["MixtralForCausalLM"],
        parts: &[LLAMA, EXPERTS],
        norm_epsilon: 1e-5,
        n_kv_heads: Some(8),
        rope_base: 1_000_000.0,
        window: Window::Everywhere(None),
        experts: Some(ExpertKeys { count: "num_local_experts", feed_forward: "intermediate_size", may_be_none: false }),
        ..PLAIN
    },
    Family {
        classes: &["Qwen3MoeForCausalLM"],
        architecture: "qwen3moe",
        parts: &[HALVES, HEAD_NORMS, EXPERTS],
        n_kv_heads: Some(4),
        window: Window::SwitchedEverywhere,
        experts: Some(ExpertKeys { count: "num_experts", feed_forward: "moe_intermediate_size", may_be_none: false }),
        ..PLAIN
    },
    Family {
        classes: &["Gemma2ForCausalLM"],
        architecture: "gemma2",
        parts: &[GEMMA, FEED_FORWARD],
        window: Window::Mixed { period: 2 },
        special: Special::Gemma { caps_attention: true, layers_27b: 46 },
        rope_base: 10_000.0,
        local_base: None,
        ..GEMMA3
    },
    GEMMA3,
    Family { classes: &["Olmo2ForCausalLM"], ..OLMO },
    Family { classes: &["Olmo3ForCausalLM"], rope_base: 500_000.0, window: Window::Mixed { period: 4 }, ..OLMO },
    Family {
        classes: &["SmolLM3ForCausalLM"],
        architecture: "smollm3",
        n_kv_heads: Some(4),
        is_tied: true,
        rope_base: 2_000_000.0,
        special: Special::SmolLm3,
        ..PLAIN
    },
    Family {
        classes: &["GraniteForCausalLM"],
        architecture: "granite",
        special: Special::Granite,
        reads: GRANITE_SCALES,
        ..PLAIN
    },
    Family {
        classes: &["Phi3ForCausalLM"],
        architecture: "phi3",
        parts: &[PHI3],
        rotary: Rotary::Share(1.0),
        norm_epsilon: 1e-5,
        window: Window::Everywhere(None),
        ..PLAIN
    },
    Family { architecture: "bitnet-b1.58", activation: &["relu2"], rope_base: 500_000.0, ..BITNET },
    BITNET,
];

/// Returns the families of a class name.
pub(super) fn of_class(class: &str) -> impl Iterator<Item = &'static Family> {
    all().filter(move |family| family.classes.contains(&class))
}

fn all() -> impl Iterator<Item = &'static Family> {
    [
        FAMILIES,
        hybrids::FAMILIES,
        experts::FAMILIES,
        plain::FAMILIES,
        latent::FAMILIES,
        gemma4::FAMILIES,
        encoders::FAMILIES,
    ]
    .into_iter()
    .flatten()
}

/// Lists all class names, for messages.
pub(super) fn class_names() -> String {
    let mut names: Vec<&str> = all().flat_map(|family| family.classes).copied().collect();
    names.dedup();
    names.join(", ")
}

impl Family {
    /// Returns the tensors of layer number `at`, in the order in which they are written.
    pub(super) fn parts(&self, at: usize, layer: Layer) -> impl Iterator<Item = &'static Part> {
        let some = self.parts_of.iter().filter(move |(when, _)| match when {
            When::Attention => layer.mixer == Mixer::Attention,
            When::Recurrent => layer.mixer == Mixer::Recurrent,
            When::Dense => layer.network.has_dense(),
            When::Experts => matches!(layer.network, Network::Experts | Network::Both),
            When::Later => at > 0,
            When::Keys => layer.mixer == Mixer::Attention && layer.keys != OwnKeys::None,
            When::Values => layer.mixer == Mixer::Attention && layer.keys == OwnKeys::AndValues,
            When::OfToken => layer.adds_of_token,
        });
        self.parts.iter().copied().chain(some.map(|(_, parts)| *parts)).flatten()
    }
}
