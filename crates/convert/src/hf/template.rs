//! Chat templates: `chat_template.jinja`, `chat_template.json` or `chat_template` of `tokenizer_config.json`, the first that is there.

use std::path::Path;

use gguf::{Array, Metadata, Value};
use serde_json::Value as Json;

use super::fields::Fields;
use crate::{Error, json};

const KEY: &str = "chat_template";

/// Sets `tokenizer.chat_template`, and `tokenizer.chat_template.NAME` for each further one of a list.
pub(super) fn read(folder: &Path, metadata: &mut Metadata) -> Result<(), Error> {
    let file = folder.join("chat_template.jinja");
    if let Some(bytes) = json::read_bytes(&file)? {
        let text = std::str::from_utf8(&bytes).map_err(|e| json::invalid(&file, e.to_string()))?;
        set_default(metadata, text);
        return Ok(());
    }
    for name in ["chat_template.json", "tokenizer_config.json"] {
        let Some(fields) = Fields::read(&folder.join(name))? else { continue };
        let Some(value) = fields.value(KEY) else { continue };
        return set(&fields, value, metadata);
    }
    Ok(())
}

/// A template, or a list of named ones.
fn set(fields: &Fields, value: &Json, metadata: &mut Metadata) -> Result<(), Error> {
    let Json::Array(list) = value else {
        let Json::String(text) = value else { return fields.refuse(KEY, value, "a template or a list of them") };
        set_default(metadata, text);
        return Ok(());
    };
    let mut names = Vec::new();
    for entry in list {
        let part = |key: &str| entry.get(key).and_then(Json::as_str);
        let (Some(name), Some(text)) = (part("name"), part("template")) else {
            return fields.refuse(KEY, entry, "a name and a template");
        };
        if name == "default" {
            set_default(metadata, text);
        } else if name.is_empty() || !name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-') {
            return Err(fields.error(KEY, format!("name {name:?}, expected letters, digits, _ and -")));
        } else if names.iter().any(|known| known == name) {
            return Err(fields.error(KEY, format!("name {name:?} stands twice")));
        } else {
            metadata.set(format!("tokenizer.{KEY}.{name}"), Value::String(text.to_owned()));
            names.push(name.to_owned());
        }
    }
    if !names.is_empty() {
        metadata.set("tokenizer.chat_templates", Value::Array(Array::String(names)));
    }
    Ok(())
}

fn set_default(metadata: &mut Metadata, text: &str) {
    metadata.set(format!("tokenizer.{KEY}"), Value::String(text.to_owned()));
}
