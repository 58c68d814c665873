//! Settings of latent attention, and of the experts of models that have it.

use gguf::{Metadata, Value};
use serde_json::json;

use super::{COUNT_MAX, Config, experts};
use crate::Error;

/// The widths of latent attention.
#[derive(Clone, Copy, Default, Debug)]
pub(in crate::hf) struct LatentShape {
    /// Width of what queries are made of, or 0 where that is the model's own.
    pub(in crate::hf) query_rank: usize,
    /// Width of what keys and values are made of.
    pub(in crate::hf) kv_rank: usize,
    /// Elements of a query and a key that do not turn, and that do.
    pub(in crate::hf) plain_dim: usize,
    pub(in crate::hf) turned_dim: usize,
    pub(in crate::hf) value_dim: usize,
}

impl LatentShape {
    pub(in crate::hf) fn row_dim(&self) -> usize {
        self.kv_rank + self.turned_dim
    }

    pub(in crate::hf) fn query_dim(&self) -> usize {
        self.plain_dim + self.turned_dim
    }
}

fn sizes(config: &mut Config) -> Result<(), Error> {
    let fields = &config.fields;
    fields.only("attention_bias", &[json!(false)])?;
    fields.only("rope_interleave", &[json!(true)])?;
    fields.only("moe_layer_freq", &[json!(1)])?;
    let width = |key: &str| match fields.count(key)? {
        n @ ..=COUNT_MAX => Ok(n),
        n => Err(fields.error(key, format!("{n}, expected at most {COUNT_MAX}"))),
    };
    config.latent = LatentShape {
        query_rank: fields.count_or("q_lora_rank")?.unwrap_or(0),
        kv_rank: fields.count("kv_lora_rank")?,
        plain_dim: width("qk_nope_head_dim")?,
        turned_dim: width("qk_rope_head_dim")?,
        value_dim: width("v_head_dim")?,
    };
    if config.n_kv_heads != config.n_heads {
        let what = format!("{}, expected num_attention_heads {}", config.n_kv_heads, config.n_heads);
        return Err(fields.error("num_key_value_heads", what));
    }
    let (n_experts, width) = config.experts.unwrap_or_default();
    let n_used = fields.count("num_experts_per_tok")?;
    if n_used > n_experts {
        return Err(fields.error("num_experts_per_tok", format!("{n_used}, but n_routed_experts {n_experts}")));
    }
    config.shared_expert = fields.count("n_shared_experts")?.saturating_mul(width);
    let n_dense = n_dense(config)?;
    // All rows that are kept are of one head, of which a part turns.
    (config.n_kv_heads, config.head_dim) = (1, config.latent.turned_dim);
    experts::dense_before(config, n_dense);
    Ok(())
}

/// Reads the number of dense layers in front, from a list of the kinds of layers in newer files of GLM.
fn n_dense(config: &Config) -> Result<usize, Error> {
    const LIST: &str = "mlp_layer_types";
    let fields = &config.fields;
    if fields.value(LIST).is_none() {
        const FIRST: &str = "first_k_dense_replace";
        fields.value(FIRST).ok_or_else(|| fields.error(FIRST, "missing"))?;
        return experts::n_dense(fields, FIRST, 0);
    }
    let kinds = fields.texts(LIST)?;
    if kinds.len() != config.n_layers {
        return Err(fields.error(LIST, format!("{} layers, expected {}", kinds.len(), config.n_layers)));
    }
    let n = kinds.iter().take_while(|kind| **kind == "dense").count();
    match kinds.iter().skip(n).find(|kind| **kind != "sparse") {
        Some(other) => Err(fields.error(LIST, format!("{other:?} behind {n} of \"dense\", expected \"sparse\""))),
        None => Ok(n),
    }
}

pub(in crate::hf) fn v2_sizes(config: &mut Config) -> Result<(), Error> {
    let fields = &config.fields;
    fields.only("scoring_func", &[json!("softmax")])?;
    fields.only("norm_topk_prob", &[json!(false)])?;
    // Readers choose groups by their two best experts, as V3 does, not by the best one.
    fields.only("topk_method", &[json!("greedy"), json!("group_limited_greedy")])?;
    if fields.text("topk_method")? == Some("group_limited_greedy") {
        for key in ["n_group", "topk_group"] {
            fields.only(key, &[json!(1)])?;
        }
    }
    sizes(config)
}

/// Groups of experts, and those of them in use.
struct Groups {
    n: usize,
    n_used: usize,
}

impl Groups {
    fn read(config: &Config) -> Result<Self, Error> {
        const COUNT: &str = "n_group";
        const USED: &str = "topk_group";
        let fields = &config.fields;
        let (n, n_used) = (fields.count(COUNT)?, fields.count(USED)?);
        let n_experts = config.experts.map_or(0, |(n, _)| n);
        if n > 1 && (!n_experts.is_multiple_of(n) || n_experts < 2 * n) {
            return Err(
                fields.error(COUNT, format!("{n}, but n_routed_experts {n_experts}, expected groups of 2 or more"))
            );
        }
        let n_chosen = fields.count("num_experts_per_tok")?;
        if n_used > n || n_used * (n_experts / n) < n_chosen {
            let what = format!("{n_used} of {n} groups of {n_experts} experts, of which {n_chosen} are used");
            return Err(fields.error(USED, what));
        }
        Ok(Self { n, n_used })
    }
}

pub(in crate::hf) fn v3_sizes(config: &mut Config) -> Result<(), Error> {
    config.fields.only("scoring_func", &[json!("sigmoid")])?;
    config.fields.only("topk_method", &[json!("noaux_tc")])?;
    sizes(config)
}

fn keys(config: &Config, metadata: &mut Metadata) -> Result<(), Error> {
    let LatentShape { query_rank, kv_rank, value_dim, .. } = config.latent;
    let (fields, latent) = (&config.fields, &config.latent);
    experts::leading(config, metadata);
    let mut set = |name: &str, value: Value| metadata.set(config.key(name), value);
    if query_rank > 0 {
        set("attention.q_lora_rank", Value::U32(query_rank as u32));
    }
    for (name, n) in [
        ("attention.kv_lora_rank", kv_rank),
        ("attention.key_length", latent.row_dim()),
        ("attention.value_length", kv_rank),
        ("attention.key_length_mla", latent.query_dim()),
        ("attention.value_length_mla", value_dim),
        ("expert_shared_count", fields.count("n_shared_experts")?),
    ] {
        set(name, Value::U32(n as u32));
    }
    let scale = fields.positive("routed_scaling_factor")?;
    let scale = scale.ok_or_else(|| fields.error("routed_scaling_factor", "missing"))?;
    set("expert_weights_scale", Value::F32(scale as f32));
    Ok(())
}

pub(in crate::hf) fn v2_keys(config: &Config, metadata: &mut Metadata) -> Result<(), Error> {
    keys(config, metadata)?;
    metadata.set(config.key("expert_gating_func"), Value::U32(experts::SOFTMAX));
    metadata.set(config.key("expert_weights_norm"), Value::Bool(false));
    Ok(())
}

pub(in crate::hf) fn v3_keys(config: &Config, metadata: &mut Metadata) -> Result<(), Error> {
    keys(config, metadata)?;
    let fields = &config.fields;
    let has_norm = fields.flag("norm_topk_prob")?.ok_or_else(|| fields.error("norm_topk_prob", "missing"))?;
    let groups = Groups::read(config)?;
    let mut set = |name: &str, value: Value| metadata.set(config.key(name), value);
    set("expert_gating_func", Value::U32(experts::SIGMOID));
    set("expert_weights_norm", Value::Bool(has_norm));
    set("expert_group_count", Value::U32(groups.n as u32));
    set("expert_group_used_count", Value::U32(groups.n_used as u32));
    Ok(())
}
