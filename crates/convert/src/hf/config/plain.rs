//! Settings of families of attention in every layer, which a row of the table cannot say.

use gguf::{Metadata, Value};
use serde_json::json;

use super::{Config, WINDOW};
use crate::Error;

/// Period of EXAONE's layers that see everything.
const EXAONE_PERIOD: usize = 4;
/// Value of `logit_scale` where the file does not say.
const COHERE_SCALE: f64 = 0.0625;

/// Sets the strength with which Ministral's queries grow with their position.
pub(in crate::hf) fn ministral_keys(config: &Config, metadata: &mut Metadata) -> Result<(), Error> {
    let section = config.fields.object("rope_parameters")?.or(config.fields.object("rope_scaling")?);
    let beside = config.fields.positive("llama_4_scaling_beta")?;
    let beta = section.map(|section| section.positive("llama_4_scaling_beta")).transpose()?.flatten().or(beside);
    if let Some(beta) = beta {
        metadata.set(config.key("attention.temperature_scale"), Value::F32(beta as f32));
    }
    Ok(())
}

/// Sets EXAONE's window, and always its layers: with readers, the number of layers alone decides where they are not
/// stated.
pub(in crate::hf) fn exaone_keys(config: &Config, metadata: &mut Metadata) -> Result<(), Error> {
    let Some(len) = config.window_len(Some(WINDOW))? else { return config.no_local_layers() };
    let by_period = || (1..=config.n_layers).map(|layer| !layer.is_multiple_of(EXAONE_PERIOD)).collect();
    if config.fields.value("layer_types").is_none() {
        config.fields.only("sliding_window_pattern", &[json!(EXAONE_PERIOD), json!("LLLG")])?;
    }
    let local: Vec<bool> = config.local_layers()?.unwrap_or_else(by_period);
    if local.contains(&true) {
        metadata.set(config.key("attention.sliding_window"), Value::U32(len as u32));
        config.window_layers(local, metadata);
    }
    Ok(())
}

pub(in crate::hf) fn cohere_keys(config: &Config, metadata: &mut Metadata) -> Result<(), Error> {
    let scale = config.fields.positive("logit_scale")?.unwrap_or(COHERE_SCALE);
    metadata.set(config.key("logit_scale"), Value::F32(scale as f32));
    metadata.set(config.key("rope.scaling.type"), Value::String("none".to_owned()));
    Ok(())
}

/// Checks that a Falcon is of the form of the 7B, with one head of keys and one norm.
pub(in crate::hf) fn falcon_sizes(config: &mut Config) -> Result<(), Error> {
    let fields = &config.fields;
    for (key, expected) in [
        ("new_decoder_architecture", json!(false)),
        ("alibi", json!(false)),
        ("bias", json!(false)),
        ("multi_query", json!(true)),
        ("parallel_attn", json!(true)),
        ("num_ln_in_parallel_attn", json!(1)),
    ] {
        fields.only(key, &[expected])?;
    }
    config.n_kv_heads = 1;
    if config.feed_forward == 0 {
        config.feed_forward = 4 * config.width;
    }
    Ok(())
}

/// Refuses norms of heads, which GGUF's readers do not have in these models.
pub(in crate::hf) fn no_head_norms(config: &mut Config) -> Result<(), Error> {
    config.fields.only("qk_layernorm", &[json!(false)])
}

pub(in crate::hf) fn stablelm_sizes(config: &mut Config) -> Result<(), Error> {
    no_head_norms(config)?;
    config.fields.only("use_parallel_residual", &[json!(false)])
}
