//! LoRA adapters as PEFT keeps them: a folder with `adapter_config.json` and `adapter_model.safetensors`.
//!
//! Keys are those of llama.cpp's `convert_lora_to_gguf.py`. What changes the computation and GGUF has no word for is
//! refused by name.

use std::path::{Path, PathBuf};

use gguf::{Metadata, Value};
use serde_json::json;

use super::{HuggingFace, config::Config, fields::Fields, folder_name, weights::Weights};
use crate::{Error, json::invalid, safetensors::Checkpoint};

const CONFIG: &str = "adapter_config.json";
const WEIGHTS: &str = "adapter_model.safetensors";
/// Key of the model that an adapter is for.
const BASE: &str = "base_model_name_or_path";

/// Whether `folder` holds an adapter.
pub fn is_adapter(folder: &Path) -> bool {
    folder.join(CONFIG).exists()
}

/// Opens the adapter in `folder`. Its model's `config.json` is read from `base`, or else from the folder that the
/// adapter names, or from its own.
pub fn open_adapter(folder: &Path, base: Option<&Path>) -> Result<HuggingFace, Error> {
    let Some(fields) = Fields::read(&folder.join(CONFIG))? else {
        return Err(invalid(folder, format!("no {CONFIG} in this folder")));
    };
    check(&fields)?;
    let base = base_folder(folder, base, &fields)?;
    let (config, model) = Config::read(&base)?;
    let checkpoint = Checkpoint::open(&folder.join(WEIGHTS))?;
    let (weights, ranks) = Weights::of_adapter(&checkpoint, &config)?;
    if ranks.is_empty() {
        return Err(invalid(&folder.join(WEIGHTS), "no pair of lora_A and lora_B".to_owned()));
    }
    let Some(alpha) = fields.float("lora_alpha")? else { return Err(fields.error("lora_alpha", "missing")) };
    let alpha = match (fields.flag("use_rslora")?, ranks.split_first()) {
        (Some(true), Some((&rank, others))) => {
            if let Some(other) = others.iter().find(|&&other| other != rank) {
                return Err(fields.error("use_rslora", format!("true, with ranks of {rank} and {other}")));
            }
            alpha * (rank as f64).sqrt()
        }
        _ => alpha,
    };
    let mut metadata = Metadata::default();
    if let Some(architecture) = model.get("general.architecture") {
        metadata.set("general.architecture", architecture.clone());
    }
    let text = |text: &str| Value::String(text.to_owned());
    metadata.set("general.type", text("adapter"));
    metadata.set("adapter.type", text("lora"));
    metadata.set("adapter.lora.alpha", Value::F32(alpha as f32));
    if let Some(name) = folder_name(folder) {
        metadata.set("general.name", Value::String(name));
    }
    let (name, has_undeclared_masters) = (folder.display().to_string(), false);
    Ok(HuggingFace { name, metadata, weights, has_undeclared_masters, warnings: Vec::new() })
}

/// Refuses what is no plain LoRA.
fn check(fields: &Fields) -> Result<(), Error> {
    match fields.text("peft_type")? {
        Some("LORA") => {}
        other => return Err(fields.error("peft_type", format!("{:?}, expected \"LORA\"", other.unwrap_or_default()))),
    }
    for key in ["use_dora", "fan_in_fan_out", "lora_bias"] {
        fields.only(key, &[json!(false)])?;
    }
    fields.only("bias", &[json!("none")])?;
    fields.only("alpha_pattern", &[json!({})])?;
    fields.only("modules_to_save", &[json!([])])?;
    fields.only("trainable_token_indices", &[json!([])])?;
    // Layers that stand in the model more than once, and matrices that are added from some token on.
    fields.only("layer_replication", &[json!([])])?;
    fields.only("alora_invocation_tokens", &[json!([])])
}

/// Finds the folder with the model's `config.json`.
fn base_folder(folder: &Path, base: Option<&Path>, fields: &Fields) -> Result<PathBuf, Error> {
    if let Some(base) = base {
        return Ok(base.to_owned());
    }
    let named = fields.text(BASE)?.map(PathBuf::from);
    let places = named.into_iter().chain([folder.to_owned()]);
    places.into_iter().find(|place| place.join("config.json").exists()).ok_or_else(|| {
        let name = fields.text(BASE).ok().flatten().unwrap_or_default();
        fields.error(BASE, format!("{name:?} is no folder with a config.json; say with --base which one is"))
    })
}
