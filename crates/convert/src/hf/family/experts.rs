//! Families with experts in every layer, in one tensor: gpt-oss.

use super::{
    super::config::experts,
    ATTENTION_NORM, Bias, ExpertKeys, Family, Function, K, Kind, Order, Own, PLAIN, Part, Q, V, Width, Window,
    hybrids::{values, vector},
    linear, norm,
};

const OF_EXPERTS: Kind = Kind::Experts {
    rows: Width::Expert,
    of: Width::ExpertGateUp,
    cols: Width::Model,
    order: Order::Even,
    is_transposed: true,
};
const UP_OF_EXPERTS: Kind = Kind::Experts {
    rows: Width::Expert,
    of: Width::ExpertGateUp,
    cols: Width::Model,
    order: Order::Odd,
    is_transposed: true,
};
const DOWN_OF_EXPERTS: Kind = Kind::Experts {
    rows: Width::Model,
    of: Width::Model,
    cols: Width::Expert,
    order: Order::Same,
    is_transposed: true,
};
const GATE_UP_BIASES: &[Width] = &[Width::Experts, Width::ExpertGateUp];
const BIASES: &[Width] = &[Width::Expert, Width::Experts];

/// Tensors of a layer of gpt-oss: gate and up alternate in one matrix.
const GPT_OSS: &[Part] = &[
    ATTENTION_NORM,
    norm(&["post_attention_layernorm"], "post_attention_norm", Width::Model),
    Q,
    K,
    V,
    linear(&["self_attn.o_proj"], "attn_output", Width::Model, Width::Query),
    vector(&["self_attn.sinks"], "attn_sinks.weight", &[Width::Heads]),
    Part {
        hf: &["mlp.router"],
        gguf: "ffn_gate_inp",
        kind: Kind::Linear { rows: Width::Experts, cols: Width::Model, has_bias: Bias::Always },
    },
    Part { hf: &["mlp.experts.gate_up_proj"], gguf: "ffn_gate_exps", kind: OF_EXPERTS },
    Part { hf: &["mlp.experts.gate_up_proj"], gguf: "ffn_up_exps", kind: UP_OF_EXPERTS },
    Part { hf: &["mlp.experts.down_proj"], gguf: "ffn_down_exps", kind: DOWN_OF_EXPERTS },
    values(
        &["mlp.experts.gate_up_proj_bias"],
        "ffn_gate_exps.bias",
        GATE_UP_BIASES,
        BIASES,
        Order::Even,
        Function::Same,
    ),
    values(&["mlp.experts.gate_up_proj_bias"], "ffn_up_exps.bias", GATE_UP_BIASES, BIASES, Order::Odd, Function::Same),
    values(
        &["mlp.experts.down_proj_bias"],
        "ffn_down_exps.bias",
        &[Width::Experts, Width::Model],
        &[Width::Model, Width::Experts],
        Order::Same,
        Function::Same,
    ),
];

pub(super) static FAMILIES: &[Family] = &[Family {
    classes: &["GptOssForCausalLM"],
    architecture: "gpt-oss",
    parts: &[GPT_OSS],
    norm_epsilon: 1e-5,
    n_kv_heads: Some(8),
    head_dim: Some(64),
    rope_base: 150_000.0,
    window: Window::Mixed { period: 2 },
    experts: Some(ExpertKeys { count: "num_local_experts", feed_forward: "intermediate_size", may_be_none: false }),
    own: Own { sizes: experts::gpt_oss_sizes, keys: |_, _| Ok(()) },
    ..PLAIN
}];
