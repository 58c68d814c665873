//! Settings of Gemma 4, whose layers differ in their heads, in whether they have keys of their own, and in width.

use gguf::{Array, Metadata, Value};
use serde_json::json;

use super::{COUNT_MAX, Config, LayerSizes, Network};
use crate::{
    Error,
    hf::{family::OwnKeys, fields::Fields},
};

/// Key of the width of what each layer adds of a token.
pub(in crate::hf) const OF_TOKEN: &str = "hidden_size_per_layer_input";
/// Key of the number of last layers that have the keys of others.
const SHARED: &str = "num_kv_shared_layers";
/// Key of what layers have of their own, in newer files.
const LISTED: &str = "per_layer_config";
/// Period of layers that see everything, where the file does not say.
const PERIOD: usize = 6;
/// Value of `sliding_window` where the file does not say.
const WINDOW: usize = 512;
/// Value of `global_head_dim` where the file does not say.
const GLOBAL_HEAD_DIM: usize = 512;

/// Reads a number that may be 0, which is meant where the file does not say.
fn count_or_none(fields: &Fields, key: &str) -> Result<usize, Error> {
    match fields.value(key) {
        Some(value) if value == &json!(0) => Ok(0),
        _ => Ok(fields.count_or(key)?.unwrap_or(0)),
    }
}

/// Reads which layers have a window.
fn local_layers(config: &Config) -> Result<Vec<bool>, Error> {
    let Some(listed) = config.local_layers()? else {
        let n = config.n_layers;
        return Ok((1..=n).map(|layer| layer != n && !layer.is_multiple_of(PERIOD)).collect());
    };
    if listed.last() == Some(&true) {
        let what = "\"sliding_attention\" for the last layer, expected \"full_attention\"";
        return Err(config.fields.error("layer_types", what));
    }
    Ok(listed)
}

/// Returns the sizes of layers that see everything.
fn whole_sizes(config: &Config, local: &[bool]) -> Result<LayerSizes, Error> {
    let (fields, n_heads) = (&config.fields, config.n_heads);
    let listed = fields.object(LISTED)?.map(|listed| listed_sizes(config, &listed, local)).transpose()?;
    let (n_kv_heads, head_dim, [kv_heads_key, head_dim_key]) = if let Some((n_kv_heads, head_dim)) = listed {
        (n_kv_heads, head_dim, [LISTED; 2])
    } else {
        let head_dim = fields.count_or("global_head_dim")?.unwrap_or(GLOBAL_HEAD_DIM);
        // Without the flag the other number is not read.
        let are_values_keys = fields.flag("attention_k_eq_v")?.unwrap_or(false);
        let stated = if are_values_keys { fields.count_or("num_global_key_value_heads")? } else { None };
        (stated.unwrap_or(config.n_kv_heads), head_dim, ["num_global_key_value_heads", "global_head_dim"])
    };
    if !head_dim.is_multiple_of(2) || head_dim > COUNT_MAX {
        let what = format!("{head_dim}, expected an even number of at most {COUNT_MAX}");
        return Err(fields.error(head_dim_key, what));
    }
    if !n_heads.is_multiple_of(n_kv_heads) {
        let what = format!("{n_kv_heads} do not divide num_attention_heads {n_heads}");
        return Err(fields.error(kv_heads_key, what));
    }
    Ok(LayerSizes { n_kv_heads, head_dim, feed_forward: config.feed_forward })
}

/// Reads the number of KV heads and their width of layers that see everything where newer files list them by layer;
/// all must be alike.
fn listed_sizes(config: &Config, listed: &Fields, local: &[bool]) -> Result<(usize, usize), Error> {
    const KEYS: [&str; 2] = ["num_key_value_heads", "head_dim"];
    let mut found = None;
    for (at, &is_local) in local.iter().enumerate() {
        let key = at.to_string();
        let own = match (listed.object(&key)?, is_local) {
            (None, true) => continue,
            (Some(own), false) => own,
            (Some(_), true) => return Err(listed.error(&key, "a layer with a window, expected nothing of its own")),
            (None, false) => return Err(listed.error(&key, "missing")),
        };
        if let Some(other) = own.keys().find(|key| !KEYS.contains(key)) {
            return Err(own.error(other, format!("expected {} alone", KEYS.join(" and "))));
        }
        let [n_kv_heads, head_dim] = KEYS.map(|key| own.count_or(key));
        let sizes = (n_kv_heads?.unwrap_or(config.n_kv_heads), head_dim?.unwrap_or(config.head_dim));
        let first = *found.get_or_insert(sizes);
        if first != sizes {
            let what = format!("{sizes:?} for {}, expected {first:?} as before", KEYS.join(" and "));
            return Err(listed.error(&key, what));
        }
    }
    Ok(found.unwrap_or((config.n_kv_heads, config.head_dim)))
}

/// Checks that each layer without keys of its own comes after one that sees as much; returns how many have their own.
fn n_own_keys(config: &Config, local: &[bool]) -> Result<usize, Error> {
    let fields = &config.fields;
    let (n, n_shared) = (config.n_layers, count_or_none(fields, SHARED)?);
    let Some(n_own) = n.checked_sub(n_shared).filter(|&n_own| n_own > 0) else {
        return Err(fields.error(SHARED, format!("{n_shared}, expected less than num_hidden_layers {n}")));
    };
    let (own, shared) = local.split_at(n_own.min(local.len()));
    if let Some(kind) = shared.iter().find(|kind| !own.contains(kind)) {
        let kind = if *kind { "sliding_attention" } else { "full_attention" };
        return Err(fields.error(SHARED, format!("{n_shared}, but no layer before them is of {kind:?}")));
    }
    Ok(n_own)
}

pub(in crate::hf) fn sizes(config: &mut Config) -> Result<(), Error> {
    let fields = &config.fields;
    fields.only("attention_bias", &[json!(false)])?;
    fields.only("use_bidirectional_attention", &[json!("vision")])?;
    if config.feed_forward == 0 {
        return Err(fields.error("intermediate_size", "missing"));
    }
    let has_experts = fields.flag("enable_moe_block")?.unwrap_or(false);
    if has_experts != config.experts.is_some() {
        let what = format!("{has_experts}, but num_experts {}", config.experts.map_or(0, |(n, _)| n));
        return Err(fields.error("enable_moe_block", what));
    }
    let of_token = count_or_none(fields, OF_TOKEN)?;
    let n_rows = fields.count_or("vocab_size_per_layer_input")?.unwrap_or(config.n_vocab);
    if of_token > 0 && n_rows != config.n_vocab {
        let what = format!("{n_rows}, expected vocab_size {}", config.n_vocab);
        return Err(fields.error("vocab_size_per_layer_input", what));
    }
    let local = local_layers(config)?;
    let n_own = n_own_keys(config, &local)?;
    let are_values_keys = fields.flag("attention_k_eq_v")?.unwrap_or(false);
    let is_wide = fields.flag("use_double_wide_mlp")?.unwrap_or(false);
    let whole = whole_sizes(config, &local)?;
    let windowed = LayerSizes { n_kv_heads: config.n_kv_heads, head_dim: config.head_dim, ..whole };
    config.of_token = of_token;
    for (at, (layer, is_local)) in config.layers.iter_mut().zip(local).enumerate() {
        let sizes = if is_local { windowed } else { whole };
        let factor = if is_wide && at >= n_own { 2 } else { 1 };
        config.layer_sizes.push(LayerSizes { feed_forward: factor * sizes.feed_forward, ..sizes });
        layer.network = if has_experts { Network::Both } else { Network::Dense };
        layer.adds_of_token = of_token > 0;
        layer.keys = match (at < n_own, are_values_keys && !is_local) {
            (false, _) => OwnKeys::None,
            (true, true) => OwnKeys::Alone,
            (true, false) => OwnKeys::AndValues,
        };
    }
    // What keys without a word for the window speak of.
    config.head_dim = whole.head_dim;
    Ok(())
}

pub(in crate::hf) fn keys(config: &Config, metadata: &mut Metadata) -> Result<(), Error> {
    let fields = &config.fields;
    let window = config.window_len(Some(WINDOW))?.ok_or_else(|| fields.error("sliding_window", "missing"))?;
    let local = local_layers(config)?;
    let n_shared = config.layers.iter().filter(|layer| layer.keys == OwnKeys::None).count();
    let head_dim = fields.count_or("head_dim")?.or(config.family.head_dim).unwrap_or_default();
    let mut set = |name: &str, value: Value| metadata.set(config.key(name), value);
    for (name, n) in [
        ("attention.sliding_window", window),
        ("attention.shared_kv_layers", n_shared),
        ("attention.key_length_swa", head_dim),
        ("attention.value_length_swa", head_dim),
        ("rope.dimension_count_swa", head_dim),
        ("embedding_length_per_layer_input", config.of_token),
    ] {
        set(name, Value::U32(n as u32));
    }
    set("attention.sliding_window_pattern", Value::Array(Array::Bool(local)));
    let of_layers = |size: fn(&LayerSizes) -> usize| {
        let all: Vec<usize> = config.layer_sizes.iter().map(size).collect();
        match all.as_slice() {
            [first, rest @ ..] if rest.iter().all(|n| n == first) => Value::U32(*first as u32),
            _ => Value::Array(Array::I32(all.iter().map(|&n| n as i32).collect())),
        }
    };
    set("attention.head_count_kv", of_layers(|sizes| sizes.n_kv_heads));
    set("feed_forward_length", of_layers(|sizes| sizes.feed_forward));
    if let Some(cap) = fields.positive("final_logit_softcapping")? {
        set("final_logit_softcapping", Value::F32(cap as f32));
    }
    Ok(())
}
