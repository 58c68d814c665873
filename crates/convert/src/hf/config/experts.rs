//! Settings of a mixture of experts: which layers have one, how experts are chosen and weighed, and the expert that all
//! tokens have.

use gguf::{Metadata, Value};
use serde_json::json;

use super::{COUNT_MAX, Config, Family, Fields, Network};
use crate::Error;

/// GGUF's number of the softmax, as the function of an expert's score.
pub(super) const SOFTMAX: u32 = 1;
/// GGUF's number of the sigmoid, as the function of an expert's score.
pub(super) const SIGMOID: u32 = 2;

/// Reads the number of experts and the width of one, where the family has them; a number of 0 means none.
pub(super) fn read(fields: &Fields, family: &Family) -> Result<Option<(usize, usize)>, Error> {
    let Some(keys) = family.experts else { return Ok(None) };
    if keys.may_be_none && fields.value(keys.count).is_none_or(|n| n == &json!(0)) {
        return Ok(None);
    }
    let (n_experts, width) = (fields.count(keys.count)?, fields.count(keys.feed_forward)?);
    if n_experts > COUNT_MAX {
        return Err(fields.error(keys.count, format!("{n_experts}, expected at most {COUNT_MAX}")));
    }
    if family.architecture.starts_with("qwen3") {
        fields.only("decoder_sparse_step", &[json!(1)])?;
        fields.only("mlp_only_layers", &[json!([])])?;
    }
    if family.architecture == "qwen3moe" {
        // Transformers' own default is not to, which no published model means.
        if fields.flag("norm_topk_prob")? != Some(true) {
            let what = "expected true (weights of the chosen experts that do not add up to 1 are not supported)";
            return Err(fields.error("norm_topk_prob", what));
        }
    }
    Ok(Some((n_experts, width)))
}

/// Makes the first `n` layers dense.
pub(super) fn dense_before(config: &mut Config, n: usize) {
    config.layers.iter_mut().take(n).for_each(|layer| layer.network = Network::Dense);
}

/// Reads the number of dense layers in front, which may be 0.
pub(super) fn n_dense(fields: &Fields, key: &str, default: usize) -> Result<usize, Error> {
    match fields.value(key) {
        Some(value) if value == &json!(0) => Ok(0),
        _ => Ok(fields.count_or(key)?.unwrap_or(default)),
    }
}

/// Refuses weights of the chosen experts that are left as they are.
fn weights_add_up(fields: &Fields) -> Result<(), Error> {
    fields.only("norm_topk_prob", &[json!(true)])
}

/// Refuses experts that are chosen group by group.
fn no_groups(fields: &Fields) -> Result<(), Error> {
    ["n_group", "topk_group"].into_iter().try_for_each(|key| fields.only(key, &[json!(1)]))
}

/// Reads the width of Qwen's shared expert.
pub(in crate::hf) fn qwen_shared(config: &mut Config) -> Result<(), Error> {
    weights_add_up(&config.fields)?;
    config.shared_expert = config.fields.count("shared_expert_intermediate_size")?;
    // A key of dense layers, which these models do not have.
    if config.feed_forward == 0 {
        config.feed_forward = config.experts.map_or(0, |(_, width)| width);
    }
    Ok(())
}

/// Sets the width of the shared expert.
pub(in crate::hf) fn shared_key(config: &Config, metadata: &mut Metadata) {
    if config.shared_expert > 0 {
        let width = Value::U32(config.shared_expert as u32);
        metadata.set(config.key("expert_shared_feed_forward_length"), width);
    }
}

pub(in crate::hf) fn lfm2_sizes(config: &mut Config) -> Result<(), Error> {
    super::state::lfm2_sizes(config)?;
    weights_add_up(&config.fields)?;
    // What others have is a tensor.
    config.fields.only("use_expert_bias", &[json!(true)])?;
    config.fields.only("routed_scaling_factor", &[json!(1)])?;
    let n = n_dense(&config.fields, "num_dense_layers", 2)?;
    dense_before(config, n);
    Ok(())
}

pub(in crate::hf) fn lfm2_keys(config: &Config, metadata: &mut Metadata) {
    super::state::lfm2_keys(config, metadata);
    leading(config, metadata);
    metadata.set(config.key("expert_gating_func"), Value::U32(SIGMOID));
}

pub(super) fn leading(config: &Config, metadata: &mut Metadata) {
    let n = config.layers.iter().take_while(|layer| layer.network == Network::Dense).count();
    metadata.set(config.key("leading_dense_block_count"), Value::U32(n as u32));
}

pub(in crate::hf) fn glm4_sizes(config: &mut Config) -> Result<(), Error> {
    let fields = &config.fields;
    no_groups(fields)?;
    let n = n_dense(fields, "first_k_dense_replace", 1)?;
    let n_shared = fields.count_or("n_shared_experts")?.unwrap_or(1);
    config.shared_expert = n_shared.saturating_mul(config.experts.map_or(0, |(_, width)| width));
    dense_before(config, n);
    Ok(())
}

pub(in crate::hf) fn glm4_keys(config: &Config, metadata: &mut Metadata) -> Result<(), Error> {
    let fields = &config.fields;
    leading(config, metadata);
    let mut set = |name: &str, value: Value| metadata.set(config.key(name), value);
    set("expert_gating_func", Value::U32(SIGMOID));
    set("expert_shared_count", Value::U32(fields.count_or("n_shared_experts")?.unwrap_or(1) as u32));
    set("expert_weights_norm", Value::Bool(fields.flag("norm_topk_prob")?.unwrap_or(true)));
    let scale = fields.positive("routed_scaling_factor")?.unwrap_or(1.0);
    set("expert_weights_scale", Value::F32(scale as f32));
    for name in ["expert_group_count", "expert_group_used_count"] {
        set(name, Value::U32(1));
    }
    Ok(())
}

pub(in crate::hf) fn ernie_sizes(config: &mut Config) -> Result<(), Error> {
    let fields = &config.fields;
    fields.only("moe_layer_interval", &[json!(1)])?;
    fields.only("moe_use_aux_free", &[json!(true)])?;
    let (first, last) = (n_dense(fields, "moe_layer_start_index", 1)?, fields.value("moe_layer_end_index"));
    // Negative ones count from the end.
    let end = last.and_then(serde_json::Value::as_i64).unwrap_or(-1);
    if end != -1 && end + 1 != config.n_layers as i64 {
        return Err(fields.error("moe_layer_end_index", format!("{end}, expected that of the last layer")));
    }
    let n_shared = fields.count_or("moe_num_shared_experts")?.unwrap_or(2);
    config.shared_expert = n_shared.saturating_mul(config.experts.map_or(0, |(_, width)| width));
    dense_before(config, first);
    Ok(())
}

pub(in crate::hf) fn ernie_keys(config: &Config, metadata: &mut Metadata) -> Result<(), Error> {
    leading(config, metadata);
    shared_key(config, metadata);
    let n_shared = config.fields.count_or("moe_num_shared_experts")?.unwrap_or(2);
    metadata.set(config.key("expert_shared_count"), Value::U32(n_shared as u32));
    metadata.set(config.key("interleave_moe_layer_step"), Value::U32(1));
    Ok(())
}

/// Checks the gate of gpt-oss, whose constants readers know.
pub(in crate::hf) fn gpt_oss_sizes(config: &mut Config) -> Result<(), Error> {
    config.fields.only("swiglu_limit", &[json!(7.0)])?;
    config.fields.only("swiglu_alpha", &[json!(1.702)])
}

/// Reads the experts of Nemotron 3, which layers of their own have.
pub(super) fn nemotron_sizes(config: &mut Config) -> Result<(), Error> {
    let fields = &config.fields;
    no_groups(fields)?;
    config.shared_expert = fields.count("moe_shared_expert_intermediate_size")?;
    fields.only("n_shared_experts", &[json!(1)])?;
    fields.only("moe_latent_size", &[])?;
    if config.layers.iter().any(|layer| layer.network == Network::Dense) {
        let what = "layers of mlp beside layers of moe are not supported";
        return Err(fields.error("layers_block_type", what));
    }
    config.feed_forward = config.experts.map_or(0, |(_, width)| width);
    Ok(())
}

pub(super) fn nemotron_keys(config: &Config, metadata: &mut Metadata) -> Result<(), Error> {
    let fields = &config.fields;
    shared_key(config, metadata);
    let mut set = |name: &str, value: Value| metadata.set(config.key(name), value);
    set("expert_shared_count", Value::U32(1));
    set("expert_group_count", Value::U32(1));
    set("expert_weights_norm", Value::Bool(fields.flag("norm_topk_prob")?.unwrap_or(true)));
    let scale = fields.positive("routed_scaling_factor")?.unwrap_or(1.0);
    set("expert_weights_scale", Value::F32(scale as f32));
    Ok(())
}
