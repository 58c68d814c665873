//! Families of attention in every layer that differ from llama by norms, names and settings: GLM 4, ERNIE 4.5, Hunyuan,
//! EXAONE 4, Command R7B, Falcon, Phi 1 and 2, StableLM, StarCoder2, Ministral 3.

use gguf::Value;

use super::{
    super::config::{experts, plain},
    ATTENTION_NORM, Bias, EXPERTS, ExpertKeys, FEED_FORWARD, FEED_FORWARD_NORM, Family, Fields, HALVES, HEAD_NORMS, K,
    Kind, LLAMA, NAMES, NOTHING, Names, NormKind, OUTPUT, Own, PLAIN, Part, Q, Rotary, V, When, Width, Window,
    hybrids::{values, vector},
    linear, norm,
};

/// Returns a linear layer that must have a bias.
const fn biased(hf: &'static [&'static str], gguf: &'static str, rows: Width, cols: Width) -> Part {
    Part { hf, gguf, kind: Kind::Linear { rows, cols, has_bias: Bias::Always } }
}

/// What attention puts out, which has no bias even where its inputs have one.
const UNBIASED_OUTPUT: Part = Part {
    hf: &["self_attn.o_proj"],
    gguf: "attn_output",
    kind: Kind::Linear { rows: Width::Model, cols: Width::Query, has_bias: Bias::Never },
};
const GLM4: &[Part] = &[
    ATTENTION_NORM,
    Q,
    K,
    V,
    UNBIASED_OUTPUT,
    norm(&["post_self_attn_layernorm"], "post_attention_norm", Width::Model),
    norm(&["post_attention_layernorm"], "ffn_norm", Width::Model),
    linear(&["mlp.gate_up_proj"], "ffn_up", Width::GateUp, Width::Model),
    linear(&["mlp.down_proj"], "ffn_down", Width::Model, Width::FeedForward),
    norm(&["post_mlp_layernorm"], "post_ffw_norm", Width::Model),
];
const GLM4_MOE: &[Part] = &[
    ATTENTION_NORM,
    Q,
    K,
    V,
    UNBIASED_OUTPUT,
    norm(&["post_attention_layernorm"], "post_attention_norm", Width::Model),
];
/// Experts that all tokens have, of GLM, ERNIE and DeepSeek.
pub(super) const SHARED: &[Part] = &[
    linear(&["mlp.shared_experts.gate_proj"], "ffn_gate_shexp", Width::SharedExpert, Width::Model),
    linear(&["mlp.shared_experts.up_proj"], "ffn_up_shexp", Width::SharedExpert, Width::Model),
    linear(&["mlp.shared_experts.down_proj"], "ffn_down_shexp", Width::Model, Width::SharedExpert),
];
pub(super) const CHOICE: &[Part] =
    &[vector(&["mlp.gate.e_score_correction_bias"], "exp_probs_b.bias", &[Width::Experts])];
const ERNIE_CHOICE: &[Part] = &[values(
    &["mlp.moe_statics.e_score_correction_bias"],
    "exp_probs_b.bias",
    &[Width::One, Width::Experts],
    &[Width::Experts],
    super::Order::Same,
    super::Function::Same,
)];
const GLM4_EXPERTS: Family = Family {
    classes: &["Glm4MoeForCausalLM"],
    architecture: "glm4moe",
    reads: &["num_nextn_predict_layers", "use_qk_norm"],
    parts: &[GLM4_MOE],
    parts_of: &[
        (When::Dense, FEED_FORWARD),
        (When::Experts, EXPERTS),
        (When::Experts, CHOICE),
        (When::Experts, SHARED),
    ],
    norm_epsilon: 1e-5,
    n_kv_heads: Some(8),
    rotary: Rotary::Share(0.5),
    experts: Some(ExpertKeys { count: "n_routed_experts", feed_forward: "moe_intermediate_size", may_be_none: false }),
    own: Own { sizes: experts::glm4_sizes, keys: experts::glm4_keys },
    ..PLAIN
};
const ERNIE: Family = Family {
    classes: &["Ernie4_5ForCausalLM"],
    architecture: "ernie4_5",
    aliases: &[("use_bias", "attention_bias"), ("moe_k", "num_experts_per_tok")],
    parts: &[HALVES, FEED_FORWARD],
    norm_epsilon: 1e-5,
    head_dim: Some(128),
    rope_base: 500_000.0,
    is_tied: true,
    ..PLAIN
};
const AFTER: &[Part] = &[
    Q,
    K,
    V,
    OUTPUT,
    norm(&["post_attention_layernorm"], "post_attention_norm", Width::Model),
    norm(&["post_feedforward_layernorm"], "post_ffw_norm", Width::Model),
];
const HUNYUAN_NORMS: &[Part] = &[
    norm(&["self_attn.query_layernorm"], "attn_q_norm", Width::Head),
    norm(&["self_attn.key_layernorm"], "attn_k_norm", Width::Head),
];
const WITH_BIASES: NormKind = NormKind::Layer { has_bias: true };
const EPSILON: &[(&str, &str)] = &[("layer_norm_eps", "rms_norm_eps")];
const FALCON: &[Part] = &[
    ATTENTION_NORM,
    linear(&["self_attention.query_key_value"], "attn_qkv", Width::QueryKeyValue, Width::Model),
    linear(&["self_attention.dense"], "attn_output", Width::Model, Width::Query),
    linear(&["mlp.dense_h_to_4h"], "ffn_up", Width::FeedForward, Width::Model),
    linear(&["mlp.dense_4h_to_h"], "ffn_down", Width::Model, Width::FeedForward),
];
const PHI: &[Part] = &[
    ATTENTION_NORM,
    biased(&["self_attn.q_proj"], "attn_q", Width::Query, Width::Model),
    biased(&["self_attn.k_proj"], "attn_k", Width::KeyValue, Width::Model),
    biased(&["self_attn.v_proj"], "attn_v", Width::KeyValue, Width::Model),
    biased(&["self_attn.dense"], "attn_output", Width::Model, Width::Query),
    biased(&["mlp.fc1"], "ffn_up", Width::FeedForward, Width::Model),
    biased(&["mlp.fc2"], "ffn_down", Width::Model, Width::FeedForward),
];
const STARCODER2: &[Part] = &[
    ATTENTION_NORM,
    FEED_FORWARD_NORM,
    linear(&["mlp.c_fc"], "ffn_up", Width::FeedForward, Width::Model),
    linear(&["mlp.c_proj"], "ffn_down", Width::Model, Width::FeedForward),
    Q,
    K,
    V,
    OUTPUT,
];
const MINISTRAL_NAMES: Names = Names {
    bodies: &["language_model.model.", "model.language_model.", "model.", ""],
    heads: &["language_model.lm_head", "lm_head"],
    ignored: &[
        ("vision_tower.", "pictures"),
        ("multi_modal_projector.", "pictures"),
        ("model.vision_tower.", "pictures"),
        ("model.multi_modal_projector.", "pictures"),
    ],
    ..NAMES
};
const MINISTRAL: Family = Family {
    classes: &["Mistral3ForConditionalGeneration", "Ministral3ForCausalLM"],
    architecture: "mistral3",
    is_of: |fields: &Fields| fields.text("model_type").ok().flatten() == Some("ministral3"),
    has_text_section: true,
    names: &MINISTRAL_NAMES,
    parts: &[LLAMA, FEED_FORWARD],
    norm_epsilon: 1e-5,
    n_kv_heads: Some(8),
    head_dim: Some(128),
    rope_base: 1_000_000.0,
    window: Window::Everywhere(None),
    own: Own { sizes: |_| Ok(()), keys: plain::ministral_keys },
    ..PLAIN
};

pub(super) static FAMILIES: &[Family] = &[
    Family {
        classes: &["Glm4ForCausalLM"],
        architecture: "glm4",
        parts: &[GLM4],
        norm_epsilon: 1.5625e-7,
        n_kv_heads: Some(2),
        head_dim: Some(128),
        rotary: Rotary::Share(0.5),
        ..PLAIN
    },
    Family {
        is_of: |fields: &Fields| fields.flag("use_qk_norm").ok().flatten() == Some(true),
        parts: &[GLM4_MOE, HEAD_NORMS],
        ..GLM4_EXPERTS
    },
    GLM4_EXPERTS,
    ERNIE,
    Family {
        classes: &["Ernie4_5_MoeForCausalLM"],
        architecture: "ernie4_5-moe",
        parts: &[HALVES],
        parts_of: &[
            (When::Dense, FEED_FORWARD),
            (When::Experts, EXPERTS),
            (When::Experts, ERNIE_CHOICE),
            (When::Experts, SHARED),
        ],
        n_kv_heads: Some(4),
        head_dim: None,
        experts: Some(ExpertKeys {
            count: "moe_num_experts",
            feed_forward: "moe_intermediate_size",
            may_be_none: false,
        }),
        own: Own { sizes: experts::ernie_sizes, keys: experts::ernie_keys },
        ..ERNIE
    },
    Family {
        classes: &["HunYuanDenseV1ForCausalLM"],
        architecture: "hunyuan-dense",
        // A key of what every one of them has.
        reads: &["use_qk_norm"],
        parts: &[HALVES, HUNYUAN_NORMS, FEED_FORWARD],
        norm_epsilon: 1e-5,
        ..PLAIN
    },
    Family {
        classes: &["Exaone4ForCausalLM"],
        architecture: "exaone4",
        parts: &[AFTER, HEAD_NORMS, FEED_FORWARD],
        norm_epsilon: 1e-5,
        window: Window::Unread,
        own: Own { sizes: |_| Ok(()), keys: plain::exaone_keys },
        ..PLAIN
    },
    Family {
        classes: &["Cohere2ForCausalLM"],
        architecture: "cohere2",
        aliases: EPSILON,
        reads: &["logit_scale"],
        parts: &[&[ATTENTION_NORM, Q, K, V, OUTPUT], FEED_FORWARD],
        norm: NormKind::Layer { has_bias: false },
        norm_epsilon: 1e-5,
        is_tied: true,
        window: Window::Mixed { period: 4 },
        own: Own { sizes: |_| Ok(()), keys: plain::cohere_keys },
        ..PLAIN
    },
    Family {
        classes: &["FalconForCausalLM"],
        architecture: "falcon",
        aliases: &[
            ("layer_norm_epsilon", "rms_norm_eps"),
            ("ffn_hidden_size", "intermediate_size"),
            ("activation", "hidden_act"),
            ("n_head", "num_attention_heads"),
            ("n_layer", "num_hidden_layers"),
        ],
        reads: &["parallel_attn"],
        names: &Names {
            bodies: &["transformer."],
            layers: "h",
            embedding: "word_embeddings",
            norm: Some(("ln_f", "output_norm")),
            ..NAMES
        },
        parts: &[FALCON],
        activation: &["gelu"],
        norm: WITH_BIASES,
        norm_epsilon: 1e-5,
        is_tied: true,
        context_len: Some(2048),
        own: Own {
            sizes: plain::falcon_sizes,
            keys: |config, metadata| {
                metadata.set(config.key("tensor_data_layout"), Value::String("jploski".to_owned()));
                Ok(())
            },
        },
        ..PLAIN
    },
    Family {
        classes: &["PhiForCausalLM"],
        architecture: "phi2",
        aliases: EPSILON,
        names: &Names { norm: Some(("final_layernorm", "output_norm")), has_head_bias: true, ..NAMES },
        parts: &[PHI],
        activation: &["gelu_new"],
        norm: WITH_BIASES,
        norm_epsilon: 1e-5,
        rotary: Rotary::Share(0.5),
        own: Own { sizes: plain::no_head_norms, ..NOTHING },
        ..PLAIN
    },
    Family {
        classes: &["StableLmForCausalLM"],
        architecture: "stablelm",
        aliases: EPSILON,
        parts: &[HALVES, FEED_FORWARD],
        norm: WITH_BIASES,
        norm_epsilon: 1e-5,
        rotary: Rotary::Share(0.25),
        own: Own {
            sizes: plain::stablelm_sizes,
            keys: |config, metadata| {
                metadata.set(config.key("use_parallel_residual"), Value::Bool(false));
                Ok(())
            },
        },
        ..PLAIN
    },
    Family {
        classes: &["Starcoder2ForCausalLM"],
        architecture: "starcoder2",
        aliases: &[("norm_epsilon", "rms_norm_eps"), ("use_bias", "attention_bias")],
        parts: &[STARCODER2],
        activation: &["gelu_pytorch_tanh"],
        norm: WITH_BIASES,
        norm_epsilon: 1e-5,
        n_kv_heads: Some(2),
        is_tied: true,
        window: Window::Everywhere(None),
        ..PLAIN
    },
    MINISTRAL,
    // Mistral Small 3, which is a Mistral that sees pictures.
    Family {
        classes: &["Mistral3ForConditionalGeneration"],
        architecture: "llama",
        is_of: |fields: &Fields| fields.text("model_type").ok().flatten() == Some("mistral"),
        own: NOTHING,
        ..MINISTRAL
    },
];
