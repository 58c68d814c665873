//! Gemma 4: layers with a window have other heads than those that see everything; the last ones may have the keys of
//! others, and each may add something of each token. Or experts stand beside the dense networks.

use serde_json::json;

use super::{
    super::config::gemma4, ATTENTION_NORM, Bias, ExpertKeys, FEED_FORWARD, Family, Fields, K, Kind, NAMES, Names,
    OUTPUT, Order, Own, PLAIN, Part, Q, Rotary, V, When, Width, Window, hybrids::vector, linear, norm,
};

const GEMMA4: &[Part] = &[
    ATTENTION_NORM,
    Q,
    OUTPUT,
    norm(&["self_attn.q_norm"], "attn_q_norm", Width::Head),
    norm(&["post_attention_layernorm"], "post_attention_norm", Width::Model),
    norm(&["pre_feedforward_layernorm"], "ffn_norm", Width::Model),
    norm(&["post_feedforward_layernorm"], "post_ffw_norm", Width::Model),
    vector(&["layer_scalar"], "layer_output_scale.weight", &[Width::One]),
];
const KEYS: &[Part] = &[K, norm(&["self_attn.k_norm"], "attn_k_norm", Width::Head)];
const OF_TOKEN: &[Part] = &[
    linear(&["per_layer_input_gate"], "inp_gate", Width::OfToken, Width::Model),
    linear(&["per_layer_projection"], "proj", Width::Model, Width::OfToken),
    norm(&["post_per_layer_input_norm"], "post_norm", Width::Model),
];
const TABLES: &[Part] = &[
    Part {
        hf: &["embed_tokens_per_layer"],
        gguf: "per_layer_token_embd",
        kind: Kind::Linear { rows: Width::Vocabulary, cols: Width::OfTokenAll, has_bias: Bias::Never },
    },
    linear(&["per_layer_model_projection"], "per_layer_model_proj", Width::OfTokenAll, Width::Model),
    norm(&["per_layer_projection_norm"], "per_layer_proj_norm", Width::OfToken),
];

/// Returns the matrices of all experts, which are whole.
const fn in_one(hf: &'static [&'static str], gguf: &'static str, rows: Width, cols: Width) -> Part {
    Part { hf, gguf, kind: Kind::Experts { rows, of: rows, cols, order: Order::Same, is_transposed: false } }
}

const EXPERTS: &[Part] = &[
    linear(&["router.proj"], "ffn_gate_inp", Width::Experts, Width::Model),
    vector(&["router.scale"], "ffn_gate_inp.scale", &[Width::Model]),
    in_one(&["experts.gate_up_proj"], "ffn_gate_up_exps", Width::ExpertGateUp, Width::Model),
    in_one(&["experts.down_proj"], "ffn_down_exps", Width::Model, Width::Expert),
    vector(&["router.per_expert_scale"], "ffn_down_exps.scale", &[Width::Experts]),
    norm(&["post_feedforward_layernorm_1"], "post_ffw_norm_1", Width::Model),
    norm(&["pre_feedforward_layernorm_2"], "pre_ffw_norm_2", Width::Model),
    norm(&["post_feedforward_layernorm_2"], "post_ffw_norm_2", Width::Model),
];
const GEMMA4_NAMES: Names = Names {
    bodies: &["model.language_model.", "model.", ""],
    ignored: &[
        ("model.vision_tower.", "pictures"),
        ("model.embed_vision.", "pictures"),
        ("model.audio_tower.", "sound"),
        ("model.embed_audio.", "sound"),
    ],
    ..NAMES
};
const GEMMA: Family = Family {
    classes: &["Gemma4ForConditionalGeneration", "Gemma4ForCausalLM"],
    architecture: "gemma4",
    has_text_section: true,
    aliases: &[("top_k_experts", "num_experts_per_tok")],
    names: &GEMMA4_NAMES,
    parts: &[GEMMA4],
    parts_of: &[
        (When::Keys, KEYS),
        (When::Values, &[V]),
        (When::Dense, FEED_FORWARD),
        (When::Experts, EXPERTS),
        (When::OfToken, OF_TOKEN),
    ],
    activation: &["gelu_pytorch_tanh"],
    n_kv_heads: Some(4),
    is_tied: true,
    head_dim: Some(256),
    rotary: Rotary::Proportional,
    rope_base: 1_000_000.0,
    local_base: Some(10_000.0),
    window: Window::Unread,
    experts: Some(ExpertKeys { count: "num_experts", feed_forward: "moe_intermediate_size", may_be_none: true }),
    own: Own { sizes: gemma4::sizes, keys: gemma4::keys },
    ..PLAIN
};

/// Whether layers add something of each token; 0 is as good as none.
fn adds_of_token(fields: &Fields) -> bool {
    fields.value(gemma4::OF_TOKEN).is_some_and(|width| width != &json!(0))
}

pub(super) static FAMILIES: &[Family] = &[Family { is_of: adds_of_token, globals: TABLES, ..GEMMA }, GEMMA];
