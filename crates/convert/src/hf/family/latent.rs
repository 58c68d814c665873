//! Families of latent attention, which keeps one row of a position for all heads, with experts behind dense layers:
//! DeepSeek V2 and V3, Kimi K2, GLM 4.7 Flash.

use super::{
    super::config::latent,
    ATTENTION_NORM, Bias, EXPERTS, ExpertKeys, FEED_FORWARD, FEED_FORWARD_NORM, Family, Fields, Kind, LatentPart, Own,
    PLAIN, Part, When, Width, norm,
    plain::{CHOICE, SHARED},
};

const fn matrix(hf: &'static [&'static str], gguf: &'static str, rows: Width, cols: Width) -> Part {
    Part { hf, gguf, kind: Kind::Linear { rows, cols, has_bias: Bias::Never } }
}

const fn of_both(gguf: &'static str, part: LatentPart) -> Part {
    Part { hf: &["self_attn.kv_b_proj"], gguf, kind: Kind::Latent(part) }
}

/// What all have but the queries.
const LATENT: &[Part] = &[
    ATTENTION_NORM,
    matrix(&["self_attn.kv_a_proj_with_mqa"], "attn_kv_a_mqa", Width::LatentRow, Width::Model),
    norm(&["self_attn.kv_a_layernorm"], "attn_kv_a_norm", Width::KvRank),
    of_both("attn_k_b", LatentPart::Keys),
    of_both("attn_v_b", LatentPart::Values),
    matrix(&["self_attn.o_proj"], "attn_output", Width::Model, Width::LatentValue),
    FEED_FORWARD_NORM,
];
/// Queries by way of a narrow row.
const NARROW: &[Part] = &[
    matrix(&["self_attn.q_a_proj"], "attn_q_a", Width::QueryRank, Width::Model),
    norm(&["self_attn.q_a_layernorm"], "attn_q_a_norm", Width::QueryRank),
    matrix(&["self_attn.q_b_proj"], "attn_q_b", Width::LatentQuery, Width::QueryRank),
];
/// Queries of the model's whole width.
const WHOLE: &[Part] = &[matrix(&["self_attn.q_proj"], "attn_q", Width::LatentQuery, Width::Model)];

fn has_narrow_queries(fields: &Fields) -> bool {
    fields.value("q_lora_rank").is_some()
}

/// DeepSeek V3, whose experts are chosen with a bias.
const V3: Family = Family {
    classes: &["DeepseekV3ForCausalLM"],
    architecture: "deepseek2",
    reads: &["num_nextn_predict_layers"],
    parts: &[LATENT, WHOLE],
    parts_of: &[
        (When::Dense, FEED_FORWARD),
        (When::Experts, EXPERTS),
        (When::Experts, CHOICE),
        (When::Experts, SHARED),
    ],
    // What `head_dim` means here is the part that turns, of which `qk_rope_head_dim` says the width.
    head_dim: Some(64),
    experts: Some(ExpertKeys { count: "n_routed_experts", feed_forward: "moe_intermediate_size", may_be_none: false }),
    own: Own { sizes: latent::v3_sizes, keys: latent::v3_keys },
    ..PLAIN
};
const V2: Family = Family {
    classes: &["DeepseekV2ForCausalLM"],
    parts_of: &[(When::Dense, FEED_FORWARD), (When::Experts, EXPERTS), (When::Experts, SHARED)],
    own: Own { sizes: latent::v2_sizes, keys: latent::v2_keys },
    ..V3
};
const GLM_FLASH: Family = Family { classes: &["Glm4MoeLiteForCausalLM"], norm_epsilon: 1e-5, ..V3 };

pub(super) static FAMILIES: &[Family] = &[
    Family { is_of: has_narrow_queries, parts: &[LATENT, NARROW], ..V2 },
    V2,
    Family { is_of: has_narrow_queries, parts: &[LATENT, NARROW], ..V3 },
    V3,
    Family { is_of: has_narrow_queries, parts: &[LATENT, NARROW], ..GLM_FLASH },
    GLM_FLASH,
];
