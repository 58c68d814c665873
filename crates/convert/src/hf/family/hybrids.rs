//! Families whose layers have a state: Qwen 3.5, Qwen3-Next, LFM2, Granite 4, Mamba-2 and Nemotron-H.

use super::{
    super::config::{experts, state},
    ATTENTION_NORM, EXPERTS, ExpertKeys, FEED_FORWARD, FEED_FORWARD_NORM, Family, Function, GRANITE_SCALES, Kind,
    NAMES, Names, Order, Own, PLAIN, Part, Rotary, Special, V, When, Width, linear, norm, rotary, stack,
};

/// Returns a tensor of numbers that are no weights of a matrix.
pub(super) const fn values(
    hf: &'static [&'static str],
    gguf: &'static str,
    shape: &'static [Width],
    dims: &'static [Width],
    order: Order,
    function: Function,
) -> Part {
    Part { hf, gguf, kind: Kind::Values { shape, dims, order, function } }
}

/// Returns a vector that stays as it is.
pub(super) const fn vector(hf: &'static [&'static str], gguf: &'static str, width: &'static [Width]) -> Part {
    values(hf, gguf, width, width, Order::Same, Function::Same)
}

pub(super) const fn rows(
    hf: &'static [&'static str],
    gguf: &'static str,
    [rows, of, cols]: [Width; 3],
    order: Order,
) -> Part {
    Part { hf, gguf, kind: Kind::Rows { rows, of, cols, order } }
}

const PICTURES: (&str, &str) = ("model.visual.", "pictures");
const PREDICTION: (&str, &str) = ("mtp.", "the prediction of further tokens");
const QWEN_NAMES: Names =
    Names { bodies: &["model.language_model.", "model.", ""], ignored: &[PICTURES, PREDICTION], ..NAMES };
const AFTER_MIXER_NORM: Part = norm(&["post_attention_layernorm"], "post_attention_norm", Width::Model);
const GATED: &[Part] = &[
    linear(&["self_attn.q_proj"], "attn_q", Width::GatedQuery, Width::Model),
    linear(&["self_attn.k_proj"], "attn_k", Width::KeyValue, Width::Model),
    V,
    linear(&["self_attn.o_proj"], "attn_output", Width::Model, Width::Query),
    norm(&["self_attn.q_norm"], "attn_q_norm", Width::Head),
    norm(&["self_attn.k_norm"], "attn_k_norm", Width::Head),
];
const HEADS: &[Width] = &[Width::StateHeads];
const CHANNELS: &[Width] = &[Width::Channels];
const KERNEL: &[Width] = &[Width::Channels, Width::One, Width::Taps];
const KERNEL_DIMS: &[Width] = &[Width::Taps, Width::Channels];
const DELTA: &[Part] = &[
    rows(&["linear_attn.in_proj_qkv"], "attn_qkv", [Width::Channels, Width::Channels, Width::Model], Order::BehindKeys),
    rows(&["linear_attn.in_proj_z"], "attn_gate", [Width::Inner, Width::Inner, Width::Model], Order::ValueHeads),
    rows(
        &["linear_attn.in_proj_b"],
        "ssm_beta",
        [Width::StateHeads, Width::StateHeads, Width::Model],
        Order::ValueHeads,
    ),
    rows(
        &["linear_attn.in_proj_a"],
        "ssm_alpha",
        [Width::StateHeads, Width::StateHeads, Width::Model],
        Order::ValueHeads,
    ),
    values(&["linear_attn.conv1d.weight"], "ssm_conv1d.weight", KERNEL, KERNEL_DIMS, Order::BehindKeys, Function::Same),
    values(&["linear_attn.dt_bias"], "ssm_dt.bias", HEADS, HEADS, Order::ValueHeads, Function::Same),
    values(&["linear_attn.A_log"], "ssm_a", HEADS, HEADS, Order::ValueHeads, Function::NegativeExp),
    vector(&["linear_attn.norm.weight"], "ssm_norm.weight", &[Width::StateHead]),
    Part {
        hf: &["linear_attn.out_proj"],
        gguf: "ssm_out",
        kind: Kind::Columns { rows: Width::Model, cols: Width::Inner, order: Order::ValueHeads },
    },
];
/// Delta nets of Qwen3-Next, whose inputs stand together, key by key.
const DELTA_BY_KEY: &[Part] = &[
    rows(&["linear_attn.in_proj_qkvz"], "attn_qkv", [Width::Channels, Width::DeltaIn, Width::Model], Order::GroupedQkv),
    rows(&["linear_attn.in_proj_qkvz"], "attn_gate", [Width::Inner, Width::DeltaIn, Width::Model], Order::GroupedGate),
    linear(&["linear_attn.in_proj_ba"], "ssm_ba", Width::StateHeadsTwice, Width::Model),
    values(&["linear_attn.conv1d.weight"], "ssm_conv1d.weight", KERNEL, KERNEL_DIMS, Order::Same, Function::Same),
    vector(&["linear_attn.dt_bias"], "ssm_dt.bias", HEADS),
    values(&["linear_attn.A_log"], "ssm_a", HEADS, HEADS, Order::Same, Function::NegativeExp),
    vector(&["linear_attn.norm.weight"], "ssm_norm.weight", &[Width::StateHead]),
    linear(&["linear_attn.out_proj"], "ssm_out", Width::Model, Width::Inner),
];
const SHARED: &[Part] = &[
    linear(&["mlp.shared_expert.gate_proj"], "ffn_gate_shexp", Width::SharedExpert, Width::Model),
    linear(&["mlp.shared_expert.up_proj"], "ffn_up_shexp", Width::SharedExpert, Width::Model),
    linear(&["mlp.shared_expert.down_proj"], "ffn_down_shexp", Width::Model, Width::SharedExpert),
    values(
        &["mlp.shared_expert_gate.weight"],
        "ffn_gate_inp_shexp.weight",
        &[Width::One, Width::Model],
        &[Width::Model],
        Order::Same,
        Function::Same,
    ),
];
const QWEN35: Family = Family {
    classes: &["Qwen3_5ForConditionalGeneration"],
    architecture: "qwen35",
    has_text_section: true,
    names: &QWEN_NAMES,
    parts: &[&[ATTENTION_NORM, AFTER_MIXER_NORM], FEED_FORWARD],
    parts_of: &[(When::Attention, GATED), (When::Recurrent, DELTA)],
    norm_offset: 1.0,
    head_dim: Some(256),
    rotary: Rotary::Share(0.25),
    window: super::Window::Unread,
    own: Own { sizes: state::qwen_sizes, keys: state::qwen_keys },
    ..PLAIN
};
const QWEN35_MOE: Family = Family {
    classes: &["Qwen3_5MoeForConditionalGeneration"],
    architecture: "qwen35moe",
    parts: &[&[ATTENTION_NORM, AFTER_MIXER_NORM], EXPERTS, SHARED],
    experts: Some(ExpertKeys { count: "num_experts", feed_forward: "moe_intermediate_size", may_be_none: false }),
    ..QWEN35
};

const LFM2: &[Part] =
    &[norm(&["operator_norm"], "attn_norm", Width::Model), norm(&["ffn_norm"], "ffn_norm", Width::Model)];
const LFM2_ATTENTION: &[Part] = &[
    linear(&["self_attn.q_proj"], "attn_q", Width::Query, Width::Model),
    linear(&["self_attn.k_proj"], "attn_k", Width::KeyValue, Width::Model),
    V,
    linear(&["self_attn.out_proj"], "attn_output", Width::Model, Width::Query),
    norm(&["self_attn.q_layernorm"], "attn_q_norm", Width::Head),
    norm(&["self_attn.k_layernorm"], "attn_k_norm", Width::Head),
];
const SHORT_CONVOLUTION: &[Part] = &[
    values(&["conv.conv.weight"], "shortconv.conv.weight", KERNEL, KERNEL_DIMS, Order::Same, Function::Same),
    linear(&["conv.in_proj"], "shortconv.in_proj", Width::ModelThrice, Width::Model),
    linear(&["conv.out_proj"], "shortconv.out_proj", Width::Model, Width::Model),
];
const LFM2_NETWORK: &[Part] = &[
    linear(&["feed_forward.w1"], "ffn_gate", Width::FeedForward, Width::Model),
    linear(&["feed_forward.w3"], "ffn_up", Width::FeedForward, Width::Model),
    linear(&["feed_forward.w2"], "ffn_down", Width::Model, Width::FeedForward),
];
const LFM2_EXPERTS: &[Part] = &[
    linear(&["feed_forward.gate"], "ffn_gate_inp", Width::Experts, Width::Model),
    stack(&["feed_forward.experts.*.w1"], "ffn_gate_exps", Width::Expert, Width::Model),
    stack(&["feed_forward.experts.*.w3"], "ffn_up_exps", Width::Expert, Width::Model),
    stack(&["feed_forward.experts.*.w2"], "ffn_down_exps", Width::Model, Width::Expert),
    vector(&["feed_forward.expert_bias"], "exp_probs_b.bias", &[Width::Experts]),
];
const LFM2_PLAIN: Family = Family {
    classes: &["Lfm2ForCausalLM"],
    architecture: "lfm2",
    aliases: &[
        ("block_ff_dim", "intermediate_size"),
        ("norm_eps", "rms_norm_eps"),
        ("block_norm_eps", "rms_norm_eps"),
        ("tie_embedding", "tie_word_embeddings"),
    ],
    names: &Names { norm: Some(("embedding_norm", "token_embd_norm")), ..NAMES },
    parts: &[LFM2],
    parts_of: &[
        (When::Attention, LFM2_ATTENTION),
        (When::Recurrent, SHORT_CONVOLUTION),
        (When::Dense, LFM2_NETWORK),
        (When::Experts, LFM2_EXPERTS),
    ],
    norm_epsilon: 1e-5,
    n_kv_heads: Some(8),
    rope_base: 1_000_000.0,
    is_tied: true,
    window: super::Window::Unread,
    own: Own {
        sizes: state::lfm2_sizes,
        keys: |config, metadata| {
            state::lfm2_keys(config, metadata);
            Ok(())
        },
    },
    ..PLAIN
};

/// Returns the tensors of a Mamba-2 layer, whose names all begin alike.
macro_rules! mamba {
    ($prefix:literal) => {
        &[
            linear(&[concat!($prefix, "in_proj")], "ssm_in", Width::MambaIn, Width::Model),
            values(
                &[concat!($prefix, "conv1d.weight")],
                "ssm_conv1d.weight",
                KERNEL,
                KERNEL_DIMS,
                Order::Same,
                Function::Same,
            ),
            vector(&[concat!($prefix, "conv1d.bias")], "ssm_conv1d.bias", CHANNELS),
            vector(&[concat!($prefix, "dt_bias")], "ssm_dt.bias", HEADS),
            values(
                &[concat!($prefix, "A_log")],
                "ssm_a",
                HEADS,
                &[Width::One, Width::StateHeads],
                Order::Same,
                Function::NegativeExp,
            ),
            values(
                &[concat!($prefix, "D")],
                "ssm_d",
                HEADS,
                &[Width::One, Width::StateHeads],
                Order::Same,
                Function::Same,
            ),
            values(
                &[concat!($prefix, "norm.weight")],
                "ssm_norm.weight",
                &[Width::Inner],
                &[Width::InnerOfGroup, Width::Groups],
                Order::Same,
                Function::Same,
            ),
            linear(&[concat!($prefix, "out_proj")], "ssm_out", Width::Model, Width::Inner),
        ]
    };
}

const GRANITE_ATTENTION: &[Part] = &[
    rotary(&["self_attn.q_proj"], "attn_q", Width::Query),
    rotary(&["self_attn.k_proj"], "attn_k", Width::KeyValue),
    V,
    linear(&["self_attn.o_proj"], "attn_output", Width::Model, Width::Query),
];
const GRANITE_NETWORK: &[Part] = &[
    rows(&["shared_mlp.input_linear"], "ffn_gate", [Width::FeedForward, Width::GateUp, Width::Model], Order::FirstHalf),
    rows(&["shared_mlp.input_linear"], "ffn_up", [Width::FeedForward, Width::GateUp, Width::Model], Order::SecondHalf),
    linear(&["shared_mlp.output_linear"], "ffn_down", Width::Model, Width::FeedForward),
];
const GRANITE_EXPERTS: &[Part] = &[
    linear(&["block_sparse_moe.router.layer"], "ffn_gate_inp", Width::Experts, Width::Model),
    experts_in_one(&["block_sparse_moe.input_linear.weight"], "ffn_gate_exps", Order::FirstHalf),
    experts_in_one(&["block_sparse_moe.input_linear.weight"], "ffn_up_exps", Order::SecondHalf),
    Part {
        hf: &["block_sparse_moe.output_linear.weight"],
        gguf: "ffn_down_exps",
        kind: Kind::Experts {
            rows: Width::Model,
            of: Width::Model,
            cols: Width::Expert,
            order: Order::Same,
            is_transposed: false,
        },
    },
    rows(
        &["shared_mlp.input_linear"],
        "ffn_gate_shexp",
        [Width::SharedExpert, Width::SharedGateUp, Width::Model],
        Order::FirstHalf,
    ),
    rows(
        &["shared_mlp.input_linear"],
        "ffn_up_shexp",
        [Width::SharedExpert, Width::SharedGateUp, Width::Model],
        Order::SecondHalf,
    ),
    linear(&["shared_mlp.output_linear"], "ffn_down_shexp", Width::Model, Width::SharedExpert),
];

/// Returns a half of the rows of every expert.
const fn experts_in_one(hf: &'static [&'static str], gguf: &'static str, order: Order) -> Part {
    let (rows, of, cols) = (Width::Expert, Width::ExpertGateUp, Width::Model);
    Part { hf, gguf, kind: Kind::Experts { rows, of, cols, order, is_transposed: false } }
}

const MAMBA_NAMES: Names =
    Names { bodies: &["backbone.", "model."], embedding: "embeddings", norm: Some(("norm_f", "output_norm")), ..NAMES };
const MIXER_NORM: &[Part] = &[norm(&["norm"], "attn_norm", Width::Model)];
const MAMBA: &[Part] = mamba!("mixer.");
const NEMOTRON_ATTENTION: &[Part] = &[
    linear(&["mixer.q_proj"], "attn_q", Width::Query, Width::Model),
    linear(&["mixer.k_proj"], "attn_k", Width::KeyValue, Width::Model),
    linear(&["mixer.v_proj"], "attn_v", Width::KeyValue, Width::Model),
    linear(&["mixer.o_proj"], "attn_output", Width::Model, Width::Query),
];
const NEMOTRON: Family = Family {
    classes: &["NemotronHForCausalLM"],
    architecture: "nemotron_h",
    aliases: &[("layer_norm_epsilon", "rms_norm_eps"), ("norm_eps", "rms_norm_eps"), ("mlp_hidden_act", "hidden_act")],
    names: &MAMBA_NAMES,
    parts: &[MIXER_NORM],
    parts_of: &[
        (When::Recurrent, MAMBA),
        (When::Attention, NEMOTRON_ATTENTION),
        (
            When::Dense,
            &[
                linear(&["mixer.up_proj"], "ffn_up", Width::FeedForward, Width::Model),
                linear(&["mixer.down_proj"], "ffn_down", Width::Model, Width::FeedForward),
            ],
        ),
    ],
    activation: &["relu2"],
    norm_epsilon: 1e-5,
    n_kv_heads: Some(8),
    head_dim: Some(128),
    rotary: Rotary::Absent,
    own: Own { sizes: state::nemotron_sizes, keys: state::nemotron_keys },
    ..PLAIN
};

/// Whether some layers of a Nemotron-H have experts.
fn has_experts(fields: &super::Fields) -> bool {
    let pattern = fields.text("hybrid_override_pattern").ok().flatten();
    let kinds = fields.texts("layers_block_type").unwrap_or_default();
    pattern.map_or(kinds.contains(&"moe"), |pattern| pattern.contains('E'))
}

pub(super) static FAMILIES: &[Family] = &[
    QWEN35,
    QWEN35_MOE,
    Family {
        classes: &["Qwen3NextForCausalLM"],
        architecture: "qwen3next",
        has_text_section: false,
        parts_of: &[(When::Attention, GATED), (When::Recurrent, DELTA_BY_KEY)],
        ..QWEN35_MOE
    },
    LFM2_PLAIN,
    Family {
        classes: &["Lfm2MoeForCausalLM"],
        architecture: "lfm2moe",
        experts: Some(ExpertKeys { count: "num_experts", feed_forward: "moe_intermediate_size", may_be_none: false }),
        own: Own {
            sizes: experts::lfm2_sizes,
            keys: |config, metadata| {
                experts::lfm2_keys(config, metadata);
                Ok(())
            },
        },
        ..LFM2_PLAIN
    },
    Family {
        classes: &["GraniteMoeHybridForCausalLM"],
        architecture: "granitehybrid",
        parts: &[&[ATTENTION_NORM, FEED_FORWARD_NORM]],
        parts_of: &[
            (When::Recurrent, mamba!("mamba.")),
            (When::Attention, GRANITE_ATTENTION),
            (When::Dense, GRANITE_NETWORK),
            (When::Experts, GRANITE_EXPERTS),
        ],
        special: Special::Granite,
        reads: GRANITE_SCALES,
        window: super::Window::Unread,
        experts: Some(ExpertKeys { count: "num_local_experts", feed_forward: "intermediate_size", may_be_none: true }),
        own: Own { sizes: state::granite_sizes, keys: state::granite_keys },
        ..PLAIN
    },
    Family {
        classes: &["Mamba2ForCausalLM"],
        architecture: "mamba2",
        aliases: &[("layer_norm_epsilon", "rms_norm_eps")],
        names: &MAMBA_NAMES,
        parts: &[MIXER_NORM],
        parts_of: &[(When::Recurrent, MAMBA)],
        norm_epsilon: 1e-5,
        rotary: Rotary::Absent,
        has_attention: false,
        context_len: Some(1 << 20),
        own: Own {
            sizes: state::mamba2_sizes,
            keys: |config, metadata| {
                state::state_keys(config, metadata);
                Ok(())
            },
        },
        ..PLAIN
    },
    Family {
        architecture: "nemotron_h_moe",
        is_of: has_experts,
        parts_of: &[
            (When::Recurrent, MAMBA),
            (When::Attention, NEMOTRON_ATTENTION),
            (
                When::Experts,
                &[
                    linear(&["mixer.gate"], "ffn_gate_inp", Width::Experts, Width::Model),
                    vector(&["mixer.gate.e_score_correction_bias"], "exp_probs_b.bias", &[Width::Experts]),
                    stack(&["mixer.experts.*.up_proj"], "ffn_up_exps", Width::Expert, Width::Model),
                    stack(&["mixer.experts.*.down_proj"], "ffn_down_exps", Width::Model, Width::Expert),
                    linear(&["mixer.shared_experts.up_proj"], "ffn_up_shexp", Width::SharedExpert, Width::Model),
                    linear(&["mixer.shared_experts.down_proj"], "ffn_down_shexp", Width::Model, Width::SharedExpert),
                ],
            ),
        ],
        experts: Some(ExpertKeys {
            count: "n_routed_experts",
            feed_forward: "moe_intermediate_size",
            may_be_none: false,
        }),
        ..NEMOTRON
    },
    NEMOTRON,
];
