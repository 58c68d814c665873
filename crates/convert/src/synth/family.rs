//! [`Family`]: keys and tensors of an architecture, as rows whose numbers a shape gives.
//!
//! Names and shapes are those that llama.cpp's converter writes and that `model` loads; a test loads each.

use gguf::{Array, Metadata, Value};

use super::{
    shape::{AttentionLayers, Shape},
    vocabulary::Vocabulary,
};

pub(super) const BITNET: &[&str] = &["bitnet", "bitnet-b1.58"];
pub(super) const QWEN35: &[&str] = &["qwen35"];
pub(super) const GPT_OSS: &[&str] = &["gpt-oss"];
pub(super) const LFM2: &[&str] = &["lfm2"];
pub(super) const BERT: &[&str] = &["bert"];

/// What the files of some architectures have in common.
pub(super) struct Family {
    pub(super) architectures: &'static [&'static str],
    pub(super) vocabulary: Vocabulary,
    /// Keys beside [`COMMON`].
    keys: &'static [(&'static str, Setting)],
    /// Tensors in the order of the file; those of layers come layer by layer.
    pub(super) tensors: &'static [Tensor],
}

/// A tensor of a family: its name (behind that of its layer), its dimensions in GGUF's order, and what is in it.
#[derive(Clone, Copy)]
pub(super) struct Tensor {
    pub(super) of: Part,
    pub(super) name: &'static str,
    pub(super) dims: &'static [Size],
    pub(super) values: Values,
}

/// The part of a model that has a tensor.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Part {
    Model,
    Layer,
    /// The layers with attention.
    Attention,
    /// The layers with a state.
    State,
}

/// What the values of a tensor are.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Values {
    /// Codes -1, 0, 1 under one scale.
    Ternary,
    /// Rows for each token, or their like at the model's end.
    Embedding,
    /// Numbers as of an embedding, always in F32.
    Small,
    /// Taps of a convolution, always in F32.
    Taps,
    /// Factors about 1, always in F32.
    Norm,
    /// Factors about -1, always in F32.
    Decay,
}

/// A number that a shape gives.
#[derive(Clone, Copy)]
pub(super) enum Size {
    Is(usize),
    Layers,
    Context,
    Vocab,
    Width,
    ThreeWidths,
    FeedForward,
    Heads,
    KvHeads,
    HeadDim,
    /// A quarter of the width of a head, which is as much of it as is rotated.
    QuarterHead,
    Queries,
    /// Queries and as many gates.
    QueriesAndGates,
    KeysOrValues,
    Experts,
    ExpertsUsed,
    DeltaKeyHeads,
    DeltaValueHeads,
    DeltaDim,
    DeltaValues,
    /// Queries, keys and values of a delta net.
    DeltaChannels,
    /// Number of layers from one with attention to the next.
    AttentionPeriod,
}

/// The value of a key.
enum Setting {
    Count(Size),
    Float(f32),
    RopeBase,
    Flag(bool),
    Text(&'static str),
    Integers(&'static [i32]),
    /// Number of KV heads of each layer, 0 where it carries a state.
    KvHeadsOfLayers,
}

use Part::{Attention, Layer, Model, State};
use Setting::{Count, Flag, Float, Integers, KvHeadsOfLayers, RopeBase, Text};
use Size::{
    AttentionPeriod, Context, DeltaChannels, DeltaDim, DeltaKeyHeads, DeltaValueHeads, DeltaValues, Experts,
    ExpertsUsed, FeedForward, HeadDim, Heads, Is, KeysOrValues, KvHeads, Layers, QuarterHead, Queries, QueriesAndGates,
    ThreeWidths, Vocab, Width,
};
use Values::{Decay, Embedding, Norm, Small, Taps, Ternary};

const fn tensor(of: Part, name: &'static str, dims: &'static [Size], values: Values) -> Tensor {
    Tensor { of, name, dims, values }
}

/// Keys of every family.
const COMMON: &[(&str, Setting)] = &[
    ("context_length", Count(Context)),
    ("embedding_length", Count(Width)),
    ("block_count", Count(Layers)),
    ("feed_forward_length", Count(FeedForward)),
    ("attention.head_count", Count(Heads)),
    ("vocab_size", Count(Vocab)),
];

pub(super) const FAMILIES: &[Family] = &[
    Family {
        architectures: BITNET,
        vocabulary: Vocabulary::Bytes,
        keys: &[
            ("attention.head_count_kv", Count(KvHeads)),
            ("rope.dimension_count", Count(HeadDim)),
            ("rope.freq_base", RopeBase),
            ("attention.layer_norm_rms_epsilon", Float(1e-5)),
        ],
        tensors: &[
            tensor(Model, "token_embd.weight", &[Width, Vocab], Embedding),
            tensor(Model, "output_norm.weight", &[Width], Norm),
            tensor(Layer, "attn_norm.weight", &[Width], Norm),
            tensor(Layer, "attn_sub_norm.weight", &[Queries], Norm),
            tensor(Layer, "ffn_norm.weight", &[Width], Norm),
            tensor(Layer, "ffn_sub_norm.weight", &[FeedForward], Norm),
            tensor(Layer, "attn_q.weight", &[Width, Queries], Ternary),
            tensor(Layer, "attn_k.weight", &[Width, KeysOrValues], Ternary),
            tensor(Layer, "attn_v.weight", &[Width, KeysOrValues], Ternary),
            tensor(Layer, "attn_output.weight", &[Queries, Width], Ternary),
            tensor(Layer, "ffn_gate.weight", &[Width, FeedForward], Ternary),
            tensor(Layer, "ffn_up.weight", &[Width, FeedForward], Ternary),
            tensor(Layer, "ffn_down.weight", &[FeedForward, Width], Ternary),
        ],
    },
    Family {
        architectures: QWEN35,
        vocabulary: Vocabulary::Bytes,
        keys: &[
            ("attention.head_count_kv", Count(KvHeads)),
            ("attention.key_length", Count(HeadDim)),
            ("attention.value_length", Count(HeadDim)),
            ("attention.layer_norm_rms_epsilon", Float(1e-6)),
            ("rope.dimension_count", Count(QuarterHead)),
            ("rope.dimension_sections", Integers(&[11, 11, 10, 0])),
            ("rope.freq_base", RopeBase),
            ("ssm.conv_kernel", Count(Is(4))),
            ("ssm.state_size", Count(DeltaDim)),
            ("ssm.group_count", Count(DeltaKeyHeads)),
            ("ssm.time_step_rank", Count(DeltaValueHeads)),
            ("ssm.inner_size", Count(DeltaValues)),
            ("full_attention_interval", Count(AttentionPeriod)),
        ],
        tensors: &[
            tensor(Model, "token_embd.weight", &[Width, Vocab], Embedding),
            tensor(Model, "output_norm.weight", &[Width], Norm),
            tensor(Layer, "attn_norm.weight", &[Width], Norm),
            tensor(Layer, "post_attention_norm.weight", &[Width], Norm),
            tensor(Attention, "attn_q_norm.weight", &[HeadDim], Norm),
            tensor(Attention, "attn_k_norm.weight", &[HeadDim], Norm),
            tensor(Attention, "attn_q.weight", &[Width, QueriesAndGates], Ternary),
            tensor(Attention, "attn_k.weight", &[Width, KeysOrValues], Ternary),
            tensor(Attention, "attn_v.weight", &[Width, KeysOrValues], Ternary),
            tensor(Attention, "attn_output.weight", &[Queries, Width], Ternary),
            tensor(State, "ssm_a", &[DeltaValueHeads], Decay),
            tensor(State, "ssm_dt.bias", &[DeltaValueHeads], Small),
            tensor(State, "ssm_norm.weight", &[DeltaDim], Norm),
            tensor(State, "ssm_conv1d.weight", &[Is(4), DeltaChannels], Taps),
            tensor(State, "ssm_alpha.weight", &[Width, DeltaValueHeads], Ternary),
            tensor(State, "ssm_beta.weight", &[Width, DeltaValueHeads], Ternary),
            tensor(State, "attn_qkv.weight", &[Width, DeltaChannels], Ternary),
            tensor(State, "attn_gate.weight", &[Width, DeltaValues], Ternary),
            tensor(State, "ssm_out.weight", &[DeltaValues, Width], Ternary),
            tensor(Layer, "ffn_gate.weight", &[Width, FeedForward], Ternary),
            tensor(Layer, "ffn_up.weight", &[Width, FeedForward], Ternary),
            tensor(Layer, "ffn_down.weight", &[FeedForward, Width], Ternary),
        ],
    },
    Family {
        architectures: GPT_OSS,
        vocabulary: Vocabulary::Bytes,
        keys: &[
            ("attention.head_count_kv", Count(KvHeads)),
            ("attention.key_length", Count(HeadDim)),
            ("attention.value_length", Count(HeadDim)),
            ("attention.layer_norm_rms_epsilon", Float(1e-5)),
            ("attention.sliding_window", Count(Is(128))),
            ("rope.dimension_count", Count(HeadDim)),
            ("rope.freq_base", RopeBase),
            ("rope.scaling.type", Text("yarn")),
            ("rope.scaling.factor", Float(32.0)),
            ("rope.scaling.original_context_length", Count(Is(4096))),
            ("expert_count", Count(Experts)),
            ("expert_used_count", Count(ExpertsUsed)),
            ("expert_feed_forward_length", Count(FeedForward)),
        ],
        tensors: &[
            tensor(Model, "token_embd.weight", &[Width, Vocab], Embedding),
            tensor(Model, "output_norm.weight", &[Width], Norm),
            tensor(Model, "output.weight", &[Width, Vocab], Embedding),
            tensor(Layer, "attn_norm.weight", &[Width], Norm),
            tensor(Layer, "attn_sinks.weight", &[Heads], Small),
            tensor(Layer, "attn_q.weight", &[Width, Queries], Ternary),
            tensor(Layer, "attn_q.bias", &[Queries], Small),
            tensor(Layer, "attn_k.weight", &[Width, KeysOrValues], Ternary),
            tensor(Layer, "attn_k.bias", &[KeysOrValues], Small),
            tensor(Layer, "attn_v.weight", &[Width, KeysOrValues], Ternary),
            tensor(Layer, "attn_v.bias", &[KeysOrValues], Small),
            tensor(Layer, "attn_output.weight", &[Queries, Width], Ternary),
            tensor(Layer, "attn_output.bias", &[Width], Small),
            tensor(Layer, "post_attention_norm.weight", &[Width], Norm),
            tensor(Layer, "ffn_gate_inp.weight", &[Width, Experts], Small),
            tensor(Layer, "ffn_gate_inp.bias", &[Experts], Small),
            tensor(Layer, "ffn_gate_exps.weight", &[Width, FeedForward, Experts], Ternary),
            tensor(Layer, "ffn_gate_exps.bias", &[FeedForward, Experts], Small),
            tensor(Layer, "ffn_up_exps.weight", &[Width, FeedForward, Experts], Ternary),
            tensor(Layer, "ffn_up_exps.bias", &[FeedForward, Experts], Small),
            tensor(Layer, "ffn_down_exps.weight", &[FeedForward, Width, Experts], Ternary),
            tensor(Layer, "ffn_down_exps.bias", &[Width, Experts], Small),
        ],
    },
    Family {
        architectures: LFM2,
        vocabulary: Vocabulary::Bytes,
        keys: &[
            ("attention.head_count_kv", KvHeadsOfLayers),
            ("attention.layer_norm_rms_epsilon", Float(1e-5)),
            ("rope.dimension_count", Count(HeadDim)),
            ("rope.freq_base", RopeBase),
            ("shortconv.l_cache", Count(Is(3))),
        ],
        tensors: &[
            tensor(Model, "token_embd.weight", &[Width, Vocab], Embedding),
            tensor(Model, "token_embd_norm.weight", &[Width], Norm),
            tensor(Layer, "attn_norm.weight", &[Width], Norm),
            tensor(Layer, "ffn_norm.weight", &[Width], Norm),
            tensor(Attention, "attn_q_norm.weight", &[HeadDim], Norm),
            tensor(Attention, "attn_k_norm.weight", &[HeadDim], Norm),
            tensor(Attention, "attn_q.weight", &[Width, Queries], Ternary),
            tensor(Attention, "attn_k.weight", &[Width, KeysOrValues], Ternary),
            tensor(Attention, "attn_v.weight", &[Width, KeysOrValues], Ternary),
            tensor(Attention, "attn_output.weight", &[Queries, Width], Ternary),
            tensor(State, "shortconv.conv.weight", &[Is(3), Width], Taps),
            tensor(State, "shortconv.in_proj.weight", &[Width, ThreeWidths], Ternary),
            tensor(State, "shortconv.out_proj.weight", &[Width, Width], Ternary),
            tensor(Layer, "ffn_gate.weight", &[Width, FeedForward], Ternary),
            tensor(Layer, "ffn_up.weight", &[Width, FeedForward], Ternary),
            tensor(Layer, "ffn_down.weight", &[FeedForward, Width], Ternary),
        ],
    },
    Family {
        architectures: BERT,
        vocabulary: Vocabulary::Words,
        keys: &[
            ("attention.layer_norm_epsilon", Float(1e-12)),
            ("attention.causal", Flag(false)),
            // The mean of all tokens.
            ("pooling_type", Count(Is(1))),
        ],
        tensors: &[
            tensor(Model, "token_embd.weight", &[Width, Vocab], Embedding),
            tensor(Model, "token_types.weight", &[Width, Is(2)], Small),
            tensor(Model, "position_embd.weight", &[Width, Context], Small),
            tensor(Model, "token_embd_norm.weight", &[Width], Norm),
            tensor(Model, "token_embd_norm.bias", &[Width], Small),
            tensor(Layer, "attn_q.weight", &[Width, Queries], Ternary),
            tensor(Layer, "attn_q.bias", &[Queries], Small),
            tensor(Layer, "attn_k.weight", &[Width, KeysOrValues], Ternary),
            tensor(Layer, "attn_k.bias", &[KeysOrValues], Small),
            tensor(Layer, "attn_v.weight", &[Width, KeysOrValues], Ternary),
            tensor(Layer, "attn_v.bias", &[KeysOrValues], Small),
            tensor(Layer, "attn_output.weight", &[Queries, Width], Ternary),
            tensor(Layer, "attn_output.bias", &[Width], Small),
            tensor(Layer, "attn_output_norm.weight", &[Width], Norm),
            tensor(Layer, "attn_output_norm.bias", &[Width], Small),
            tensor(Layer, "ffn_up.weight", &[Width, FeedForward], Ternary),
            tensor(Layer, "ffn_up.bias", &[FeedForward], Small),
            tensor(Layer, "ffn_down.weight", &[FeedForward, Width], Ternary),
            tensor(Layer, "ffn_down.bias", &[Width], Small),
            tensor(Layer, "layer_output_norm.weight", &[Width], Norm),
            tensor(Layer, "layer_output_norm.bias", &[Width], Small),
        ],
    },
];

impl Family {
    /// Returns the family that has `architecture`.
    pub(super) fn of(architecture: &str) -> Option<&'static Self> {
        FAMILIES.iter().find(|family| family.architectures.contains(&architecture))
    }

    /// Sets the keys of `architecture`, one of the family's.
    pub(super) fn set_keys(&self, metadata: &mut Metadata, shape: &Shape, architecture: &str) {
        for (key, setting) in COMMON.iter().chain(self.keys) {
            metadata.set(format!("{architecture}.{key}"), setting.of(shape));
        }
    }

    /// Returns name, dimensions and kind of each tensor, in the order of the file.
    pub(super) fn tensors(&self, shape: &Shape) -> Vec<(String, Vec<u64>, Values)> {
        let sized = |name: String, tensor: &Tensor| {
            (name, tensor.dims.iter().map(|size| size.of(shape) as u64).collect(), tensor.values)
        };
        let of_model = self.tensors.iter().filter(|tensor| tensor.of == Model);
        let mut tensors: Vec<_> = of_model.map(|tensor| sized(tensor.name.to_owned(), tensor)).collect();
        for layer in 0..shape.n_layers {
            let mixer = if shape.attends(layer) { Attention } else { State };
            let of_layer = self.tensors.iter().filter(|tensor| tensor.of == Layer || tensor.of == mixer);
            tensors.extend(of_layer.map(|tensor| sized(format!("blk.{layer}.{}", tensor.name), tensor)));
        }
        tensors
    }
}

impl Size {
    fn of(self, shape: &Shape) -> usize {
        let delta = &shape.delta;
        match self {
            Is(n) => n,
            Layers => shape.n_layers,
            Context => shape.context_len,
            Vocab => shape.n_vocab,
            Width => shape.width,
            ThreeWidths => 3 * shape.width,
            FeedForward => shape.feed_forward,
            Heads => shape.n_heads,
            KvHeads => shape.n_kv_heads,
            HeadDim => shape.head_dim(),
            QuarterHead => shape.head_dim() / 4,
            Queries => shape.n_heads * shape.head_dim(),
            QueriesAndGates => 2 * shape.n_heads * shape.head_dim(),
            KeysOrValues => shape.n_kv_heads * shape.head_dim(),
            Experts => shape.n_experts,
            ExpertsUsed => shape.n_experts_used,
            DeltaKeyHeads => delta.n_keys,
            DeltaValueHeads => delta.n_values,
            DeltaDim => delta.dim,
            DeltaValues => delta.n_values * delta.dim,
            DeltaChannels => (2 * delta.n_keys + delta.n_values) * delta.dim,
            AttentionPeriod => match shape.attention {
                AttentionLayers::OneIn(period) => period,
                AttentionLayers::All | AttentionLayers::At(_) => 1,
            },
        }
    }
}

impl Setting {
    fn of(&self, shape: &Shape) -> Value {
        match *self {
            Count(size) => Value::U32(size.of(shape) as u32),
            Float(value) => Value::F32(value),
            RopeBase => Value::F32(shape.rope_base),
            Flag(flag) => Value::Bool(flag),
            Text(text) => Value::String(text.to_owned()),
            Integers(values) => Value::Array(Array::I32(values.to_vec())),
            KvHeadsOfLayers => {
                let of_layer = |layer| if shape.attends(layer) { shape.n_kv_heads as i32 } else { 0 };
                Value::Array(Array::I32((0..shape.n_layers).map(of_layer).collect()))
            }
        }
    }
}
