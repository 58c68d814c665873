//! Which keys have which type: what the GGUF document says, and where it is silent or says otherwise than everybody
//! writes (`u64` for counts), what llama.cpp's converter writes and its loader asks for. Keys that only this project
//! writes stand beside them.

use ValueType::{List, One};

use crate::{FOLDED, I2_S_ORDER, Q2_0_BLOCK_LEN, Scalar, ValueType, split_keys};

/// The types that a key may have; the first is the usual one.
type Types = &'static [ValueType];

const STRING: Types = &[One(Scalar::String)];
const STRINGS: Types = &[List(Scalar::String)];
const BOOL: Types = &[One(Scalar::Bool)];
const F32: Types = &[One(Scalar::F32)];
const I32: Types = &[One(Scalar::I32)];
const U16: Types = &[One(Scalar::U16)];
const U32: Types = &[One(Scalar::U32)];
const U64: Types = &[One(Scalar::U64)];
/// One for all layers, or one for each.
const U32_OR_I32S: Types = &[One(Scalar::U32), List(Scalar::I32)];
/// Every how many layers, or which.
const U32_OR_BOOLS: Types = &[One(Scalar::U32), List(Scalar::Bool)];

/// Whole keys; `#` is a number and `*` any name.
const KEYS: &[(Types, &[&str])] = &[
    (
        STRING,
        &[
            "general.architecture",
            "general.type",
            "general.name",
            "general.author",
            "general.version",
            "general.organization",
            "general.basename",
            "general.finetune",
            "general.description",
            "general.quantized_by",
            "general.size_label",
            "general.license",
            "general.license.name",
            "general.license.link",
            "general.url",
            "general.doi",
            "general.uuid",
            "general.repo_url",
            "general.source.url",
            "general.source.doi",
            "general.source.uuid",
            "general.source.repo_url",
            "general.source.huggingface.repository",
            "general.base_model.#.*",
            "general.dataset.#.*",
            "general.sampling.sequence",
            "tokenizer.ggml.model",
            "tokenizer.ggml.pre",
            "tokenizer.huggingface.json",
            "tokenizer.rwkv.world",
            "tokenizer.chat_template",
            "tokenizer.chat_template.*",
            "trinity.tokenizer.pipeline",
            I2_S_ORDER,
            split_keys::MODEL,
        ],
    ),
    (
        STRINGS,
        &[
            "general.tags",
            "general.languages",
            "general.datasets",
            "tokenizer.ggml.tokens",
            "tokenizer.ggml.merges",
            "tokenizer.ggml.added_tokens",
            "tokenizer.chat_templates",
        ],
    ),
    (
        U32,
        &[
            "general.alignment",
            "general.file_type",
            "general.quantization_version",
            "general.base_model.count",
            "general.dataset.count",
            "tokenizer.ggml.token_type_count",
            "tokenizer.ggml.*_token_id",
            Q2_0_BLOCK_LEN,
        ],
    ),
    (U64, &["general.parameter_count"]),
    (U16, &[split_keys::NO, split_keys::COUNT]),
    (
        I32,
        &[
            split_keys::TENSORS,
            "general.sampling.top_k",
            "general.sampling.penalty_last_n",
            "general.sampling.mirostat",
        ],
    ),
    (
        F32,
        &[
            "general.sampling.top_p",
            "general.sampling.min_p",
            "general.sampling.temp",
            "general.sampling.xtc_probability",
            "general.sampling.xtc_threshold",
            "general.sampling.penalty_repeat",
            "general.sampling.mirostat_tau",
            "general.sampling.mirostat_eta",
        ],
    ),
    (
        BOOL,
        &[
            "tokenizer.ggml.add_bos_token",
            "tokenizer.ggml.add_eos_token",
            "tokenizer.ggml.add_sep_token",
            "tokenizer.ggml.add_space_prefix",
            "tokenizer.ggml.remove_extra_whitespaces",
            "tokenizer.ggml.normalizer.lowercase",
            "tokenizer.ggml.normalizer.strip_accents",
            FOLDED,
        ],
    ),
    (&[List(Scalar::F32)], &["tokenizer.ggml.scores"]),
    (&[List(Scalar::I32)], &["tokenizer.ggml.token_type", "tokenizer.ggml.suppress_tokens"]),
    (&[List(Scalar::U32)], &["tokenizer.ggml.eos_token_ids"]),
    (&[List(Scalar::U8)], &["tokenizer.ggml.precompiled_charsmap"]),
];

/// Keys behind the name of an architecture and a dot.
const ARCHITECTURE_KEYS: &[(Types, &[&str])] = &[
    (
        U32,
        &[
            "context_length",
            "embedding_length",
            "block_count",
            "leading_dense_block_count",
            "vocab_size",
            "pooling_type",
            "decoder_start_token_id",
            "embedding_length_out",
            "features_length",
            "nextn_predict_layers",
            "full_attention_interval",
            "expert_shared_feed_forward_length",
            "expert_count",
            "expert_shared_count",
            "expert_group_count",
            "expert_group_used_count",
            "expert_gating_func",
            "moe_every_n_layers",
            "moe_latent_size",
            "interleave_moe_layer_step",
            "rescale_every_n_layers",
            "time_mix_extra_dim",
            "time_decay_extra_dim",
            "token_shift_count",
            "attention.key_length",
            "attention.value_length",
            "attention.key_length_mla",
            "attention.value_length_mla",
            "attention.key_length_swa",
            "attention.value_length_swa",
            "attention.shared_kv_layers",
            "attention.temperature_length",
            "attention.q_lora_rank",
            "attention.kv_lora_rank",
            "attention.relative_buckets_count",
            "attention.group_norm_groups",
            "attention.sliding_window",
            "rope.dimension_count",
            "rope.dimension_count_swa",
            "rope.scaling.original_context_length",
            "ssm.conv_kernel",
            "ssm.inner_size",
            "ssm.state_size",
            "ssm.time_step_rank",
            "ssm.group_count",
            "wkv.head_size",
        ],
    ),
    (
        U32_OR_I32S,
        &[
            "feed_forward_length",
            "expert_feed_forward_length",
            "expert_used_count",
            "attention.head_count",
            "attention.head_count_kv",
        ],
    ),
    (U32_OR_BOOLS, &["attention.sliding_window_pattern"]),
    (
        F32,
        &[
            "logit_scale",
            "residual_scale",
            "embedding_scale",
            "expert_weights_scale",
            "attn_logit_softcapping",
            "final_logit_softcapping",
            "router_logit_softcapping",
            "input_norm_rms_epsilon",
            "attention.scale",
            "attention.output_scale",
            "attention.temperature_scale",
            "attention.max_alibi_bias",
            "attention.clamp_kqv",
            "attention.layer_norm_epsilon",
            "attention.layer_norm_rms_epsilon",
            "attention.group_norm_epsilon",
            "rope.freq_base",
            "rope.freq_base_swa",
            "rope.scale_linear",
            "rope.scaling.factor",
            "rope.scaling.attn_factor",
            "rope.scaling.yarn_ext_factor",
            "rope.scaling.yarn_attn_factor",
            "rope.scaling.yarn_beta_fast",
            "rope.scaling.yarn_beta_slow",
            "rope.scaling.yarn_log_multiplier",
        ],
    ),
    (
        BOOL,
        &[
            "use_parallel_residual",
            "swin_norm",
            "expert_weights_norm",
            "attention.causal",
            "rope.scaling.finetuned",
            "rope.scaling.yarn_truncate",
            "ssm.dt_b_c_rms",
        ],
    ),
    (STRING, &["tensor_data_layout", "rope.scaling.type"]),
    (&[List(Scalar::I32)], &["rope.dimension_sections"]),
];

/// The types that a key of this name may have, the usual one first; none if nobody has said.
pub fn documented_types(key: &str) -> Option<&'static [ValueType]> {
    let whole = KEYS.iter().find(|(_, names)| names.iter().any(|name| is_match(name, key)));
    let of_architecture = || {
        // Names of architectures hold dots, too: bitnet-b1.58.
        let is_it =
            |name: &&str| key.strip_suffix(*name).and_then(|rest| rest.strip_suffix('.')).is_some_and(is_prefix);
        ARCHITECTURE_KEYS.iter().find(|(_, names)| names.iter().any(is_it))
    };
    whole.or_else(of_architecture).map(|(types, _)| *types)
}

/// Does the key hold the id of a token, or a list of them?
pub fn is_token_key(key: &str) -> bool {
    key.ends_with("_token_id") || key.ends_with("_token_ids")
}

/// May it be the name of an architecture? Other keys begin with the first two.
fn is_prefix(text: &str) -> bool {
    !text.is_empty() && !["general", "tokenizer"].contains(&text.split('.').next().unwrap_or_default())
}

/// `#` stands for digits, one `*` for anything but nothing.
fn is_match(pattern: &str, key: &str) -> bool {
    if let Some((before, after)) = pattern.split_once('#') {
        let Some(rest) = key.strip_prefix(before) else { return false };
        let rest_after = rest.trim_start_matches(|c: char| c.is_ascii_digit());
        return rest_after.len() < rest.len() && is_match(after, rest_after);
    }
    match pattern.split_once('*') {
        Some((before, after)) => {
            key.strip_prefix(before).and_then(|rest| rest.strip_suffix(after)).is_some_and(|name| !name.is_empty())
        }
        None => pattern == key,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_have_the_types_that_everybody_writes() {
        let check = |key: &str, expected: &str| {
            let types = documented_types(key).unwrap_or_default().iter().map(ToString::to_string);
            assert_eq!(types.collect::<Vec<_>>().join(" "), expected, "{key}");
        };
        check("llama.rope.freq_base", "f32");
        check("bitnet-b1.58.context_length", "u32");
        check("llama.attention.head_count_kv", "u32 i32[]");
        check("general.base_model.0.name", "string");
        check("general.base_model.count", "u32");
        check("tokenizer.ggml.fim_pre_token_id", "u32");
        check("tokenizer.chat_template.tool_use", "string");
        check("tokenizer.ggml.tokens", "string[]");
        for key in
            ["general.context_length", "context_length", ".context_length", "general.base_model.x.name", "my.key"]
        {
            check(key, "");
        }
    }

    #[test]
    fn every_type_is_found_by_its_name() {
        for scalar in Scalar::ALL {
            for value_type in [One(scalar), List(scalar)] {
                assert_eq!(ValueType::from_name(&value_type.to_string()), Some(value_type));
            }
        }
        assert_eq!(ValueType::from_name("array"), None);
    }
}
