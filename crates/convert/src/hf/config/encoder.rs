//! Settings of encoders, and of what sentence-transformers puts behind a model: pooling, and matrices.

use gguf::{Metadata, Value};
use serde_json::json;

use super::{Config, Fields};
use crate::{Error, json::invalid};

/// File that lists what follows the model.
const MODULES: &str = "modules.json";
/// Ways to make one vector of those of all tokens, and their numbers in GGUF.
const POOLINGS: &[(&str, u32)] =
    &[("pooling_mode_mean_tokens", 1), ("pooling_mode_cls_token", 2), ("pooling_mode_lasttoken", 3)];
/// Pooling of a model that scores a pair of texts.
const RANK: u32 = 4;

fn set(config: &Config, metadata: &mut Metadata, name: &str, value: Value) {
    metadata.set(config.key(name), value);
}

/// Reads the way of pooling, if the folder is one of sentence-transformers.
fn pooling(config: &Config) -> Result<Option<u32>, Error> {
    let Some(modules) = modules(config)? else { return Ok(None) };
    let Some(folder) = modules.iter().find(|(kind, _)| kind.ends_with(".Pooling")).map(|(_, path)| path) else {
        return Ok(None);
    };
    let file = config.folder.join(folder).join("config.json");
    let Some(fields) = Fields::read(&file)? else { return Err(invalid(&file, "missing")) };
    // Newer files have one name.
    if let Some(mode) = fields.text("pooling_mode")? {
        let known = [("mean", 1), ("cls", 2), ("lasttoken", 3)];
        let found = known.iter().find(|(name, _)| *name == mode).map(|(_, number)| *number);
        return found
            .map(Some)
            .ok_or_else(|| fields.error("pooling_mode", format!("{mode:?}, expected mean, cls or lasttoken")));
    }
    let mut found = None;
    for key in fields.keys().filter(|key| key.starts_with("pooling_mode_")) {
        if fields.flag(key)? != Some(true) {
            continue;
        }
        let Some((_, number)) = POOLINGS.iter().find(|(name, _)| *name == key) else {
            return Err(fields.error(key, "true, expected the mean, the first or the last token"));
        };
        if found.replace(*number).is_some() {
            return Err(fields.error(key, "true, beside another way of pooling"));
        }
    }
    Ok(found)
}

/// Reads the types and folders of the modules, in their order; `None` without such a list.
fn modules(config: &Config) -> Result<Option<Vec<(String, String)>>, Error> {
    #[derive(serde::Deserialize)]
    struct Module {
        path: String,
        #[serde(rename = "type")]
        kind: String,
    }
    let file = config.folder.join(MODULES);
    let Some(list) = crate::json::read::<Vec<Module>>(&file)? else { return Ok(None) };
    for module in &list {
        if module.path.contains(['/', '\\']) || module.path.starts_with("..") {
            return Err(invalid(&file, format!("{:?}, expected the name of a folder in this one", module.path)));
        }
    }
    Ok(Some(list.into_iter().map(|module| (module.kind, module.path)).collect()))
}

/// Returns the folders of matrices behind the model.
pub(in crate::hf) fn dense_folders(config: &Config) -> Result<Vec<String>, Error> {
    let modules = modules(config)?.unwrap_or_default();
    Ok(modules.into_iter().filter(|(kind, _)| kind.ends_with(".Dense")).map(|(_, path)| path).collect())
}

/// Sets the pooling, and refuses matrices behind a model of which GGUF has none.
fn pooling_keys(config: &Config, metadata: &mut Metadata) -> Result<(), Error> {
    if let Some(number) = pooling(config)? {
        set(config, metadata, "pooling_type", Value::U32(number));
    }
    match dense_folders(config)?.first() {
        Some(folder) if config.family.architecture != "gemma-embedding" => {
            Err(invalid(&config.folder.join(MODULES), format!("{folder}: a matrix behind the model is not supported")))
        }
        _ => Ok(()),
    }
}

/// Sets the keys of an encoder.
fn keys(config: &Config, metadata: &mut Metadata) -> Result<(), Error> {
    set(config, metadata, "attention.causal", Value::Bool(false));
    pooling_keys(config, metadata)
}

pub(in crate::hf) fn bert_sizes(config: &mut Config) -> Result<(), Error> {
    config.n_token_types = config.fields.count_or("type_vocab_size")?.unwrap_or(2);
    for (key, neutral) in [
        ("position_embedding_type", json!("absolute")),
        ("is_decoder", json!(false)),
        ("use_flash_attn_bias", json!(false)),
    ] {
        config.fields.only(key, &[neutral])?;
    }
    Ok(())
}

pub(in crate::hf) fn bert_keys(config: &Config, metadata: &mut Metadata) -> Result<(), Error> {
    keys(config, metadata)?;
    metadata.set("tokenizer.ggml.token_type_count", Value::U32(config.n_token_types as u32));
    Ok(())
}

/// Sets the keys of a model that scores a pair of texts.
pub(in crate::hf) fn ranker_keys(config: &Config, metadata: &mut Metadata) -> Result<(), Error> {
    bert_keys(config, metadata)?;
    let labels = config
        .fields
        .object("id2label")?
        .map_or(config.fields.count_or("num_labels")?.unwrap_or(2), |labels| labels.keys().count());
    if labels != 1 {
        return Err(config.fields.error("id2label", format!("{labels} labels, expected 1: a score")));
    }
    set(config, metadata, "pooling_type", Value::U32(RANK));
    Ok(())
}

pub(in crate::hf) fn nomic_sizes(config: &mut Config) -> Result<(), Error> {
    config.n_token_types = config.fields.count_or("type_vocab_size")?.unwrap_or(2);
    let no = json!(false);
    for (key, neutral) in [
        ("prenorm", &no),
        ("qkv_proj_bias", &no),
        ("mlp_fc1_bias", &no),
        ("mlp_fc2_bias", &no),
        ("rotary_emb_interleaved", &no),
        ("use_rms_norm", &no),
        ("rotary_emb_fraction", &json!(1)),
        ("rotary_scaling_factor", &json!(null)),
        ("rotary_emb_scale_base", &json!(null)),
        ("num_experts", &json!(0)),
    ] {
        config.fields.only(key, std::slice::from_ref(neutral))?;
    }
    Ok(())
}

pub(in crate::hf) fn jina_sizes(config: &mut Config) -> Result<(), Error> {
    config.n_token_types = config.fields.count_or("type_vocab_size")?.unwrap_or(2);
    config.fields.only("position_embedding_type", &[json!("alibi")])?;
    config.fields.only("feed_forward_type", &[json!("geglu")])
}

pub(in crate::hf) fn modern_bert_sizes(config: &mut Config) -> Result<(), Error> {
    for key in ["norm_bias", "attention_bias", "mlp_bias"] {
        config.fields.only(key, &[json!(false)])?;
    }
    Ok(())
}

/// Sets the window of ModernBERT, which is to both sides together.
pub(in crate::hf) fn modern_bert_keys(config: &Config, metadata: &mut Metadata) -> Result<(), Error> {
    keys(config, metadata)?;
    let fields = &config.fields;
    let window = fields.count_or("local_attention")?.unwrap_or(128);
    set(config, metadata, "attention.sliding_window", Value::U32(window as u32));
    let period = fields.count_or("global_attn_every_n_layers")?;
    let local = config.local_layers()?;
    let listed = local.as_ref().and_then(|local| local.iter().skip(1).position(|local| !local)).map(|at| at + 1);
    let period = period.or(listed).unwrap_or(3);
    if local.is_some_and(|local| (0..).zip(local).any(|(i, local): (usize, bool)| local == i.is_multiple_of(period))) {
        return Err(fields.error("layer_types", format!("expected full_attention for every {period}th layer, from 0")));
    }
    set(config, metadata, "attention.sliding_window_pattern", Value::U32(period as u32));
    if let Some(activation) = fields.text("hidden_activation")?.filter(|&name| name != "gelu") {
        set(config, metadata, "hidden_activation", Value::String(activation.to_owned()));
    }
    Ok(())
}

/// Sets what makes Gemma 3 an encoder.
pub(in crate::hf) fn gemma_keys(config: &Config, metadata: &mut Metadata) -> Result<(), Error> {
    if config.fields.flag("use_bidirectional_attention")? != Some(true) {
        return Err(config.fields.error("use_bidirectional_attention", "expected true, as EmbeddingGemma has it"));
    }
    pooling_keys(config, metadata)
}
