//! Chat templates: the files `chat_template.jinja` and `additional_chat_templates/NAME.jinja`, else `chat_template` of
//! one of the configurations, the first that has it. As with transformers, files of templates put aside all that
//! configurations say.

use std::{fs, io, path::Path};

use gguf::{Array, Metadata, Value};
use serde_json::Value as Json;

use super::fields::Fields;
use crate::{Error, json};

const KEY: &str = "chat_template";
const FILE: &str = "chat_template.jinja";
const FOLDER: &str = "additional_chat_templates";

/// Configuration files of processors and tokenizers, by precedence.
const CONFIGURATIONS: [&str; 3] = ["chat_template.json", "tokenizer_config.json", "processor_config.json"];

/// Templates by name; the one called `default` is meant where none is named.
type Templates = Vec<(String, String)>;

const DEFAULT: &str = "default";

/// Sets `tokenizer.chat_template`, and `tokenizer.chat_template.NAME` for each further one.
pub(super) fn read(folder: &Path, metadata: &mut Metadata) -> Result<(), Error> {
    let files = of_files(folder)?;
    if !files.is_empty() {
        set(files, metadata);
        return Ok(());
    }
    for name in CONFIGURATIONS {
        let Some(fields) = Fields::read(&folder.join(name))? else { continue };
        let Some(value) = fields.value(KEY) else { continue };
        set(of_value(&fields, value)?, metadata);
        return Ok(());
    }
    Ok(())
}

/// Reads the templates that are files of their own.
fn of_files(folder: &Path) -> Result<Templates, Error> {
    let read = |path: &Path| -> Result<Option<String>, Error> {
        let Some(bytes) = json::read_bytes(path)? else { return Ok(None) };
        let text = std::str::from_utf8(&bytes).map_err(|e| json::invalid(path, e.to_string()))?;
        Ok(Some(text.to_owned()))
    };
    let mut templates = Templates::new();
    templates.extend(read(&folder.join(FILE))?.map(|text| (DEFAULT.to_owned(), text)));
    let others = folder.join(FOLDER);
    let entries = match fs::read_dir(&others) {
        Ok(entries) => entries,
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(templates),
        Err(e) => return Err(json::invalid(&others, e.to_string())),
    };
    let mut paths: Vec<_> = entries.flatten().map(|entry| entry.path()).collect();
    paths.retain(|path| path.extension().is_some_and(|extension| extension == "jinja"));
    paths.sort();
    for path in paths {
        let name = path.file_stem().and_then(|stem| stem.to_str()).unwrap_or_default().to_owned();
        if !is_name(&name) {
            return Err(json::invalid(&path, format!("name {name:?}, expected letters, digits, _ and -")));
        }
        // Beside a file of its own, `default` is that file.
        if templates.iter().all(|(known, _)| *known != name) {
            templates.extend(read(&path)?.map(|text| (name, text)));
        }
    }
    Ok(templates)
}

/// Reads a template, a list of named ones, or an object of them.
fn of_value(fields: &Fields, value: &Json) -> Result<Templates, Error> {
    let entries: Vec<(&str, &str)> = match value {
        Json::String(text) => vec![(DEFAULT, text)],
        Json::Array(list) => list
            .iter()
            .map(|entry| {
                let part = |key: &str| entry.get(key).and_then(Json::as_str);
                match (part("name"), part("template")) {
                    (Some(name), Some(text)) => Ok((name, text)),
                    _ => fields.refuse(KEY, entry, "a name and a template"),
                }
            })
            .collect::<Result<_, _>>()?,
        Json::Object(map) => map
            .iter()
            .map(|(name, text)| match text.as_str() {
                Some(text) => Ok((name.as_str(), text)),
                None => fields.refuse(KEY, text, "a template"),
            })
            .collect::<Result<_, _>>()?,
        _ => return fields.refuse(KEY, value, "a template or a list of them"),
    };
    let mut templates = Templates::new();
    for (name, text) in entries {
        if !is_name(name) {
            return Err(fields.error(KEY, format!("name {name:?}, expected letters, digits, _ and -")));
        }
        if templates.iter().any(|(known, _)| known == name) {
            return Err(fields.error(KEY, format!("name {name:?} stands twice")));
        }
        templates.push((name.to_owned(), text.to_owned()));
    }
    Ok(templates)
}

fn is_name(name: &str) -> bool {
    !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-')
}

fn set(templates: Templates, metadata: &mut Metadata) {
    let mut names = Vec::new();
    for (name, text) in templates {
        let key = if name == DEFAULT { format!("tokenizer.{KEY}") } else { format!("tokenizer.{KEY}.{name}") };
        metadata.set(key, Value::String(text));
        names.extend(Some(name).filter(|name| name != DEFAULT));
    }
    if !names.is_empty() {
        metadata.set(format!("tokenizer.{KEY}s"), Value::Array(Array::String(names)));
    }
}
