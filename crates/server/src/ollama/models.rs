//! `/api/tags`, `/api/ps`, `/api/show` and `/api/version`.

use std::time::Duration;

use axum::{Extension, extract::State, response::Response};
use engine::SamplingDefaults;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::names::{self, details, digest, modified_at, size};
use crate::{
    App, Caller, Json, blocking,
    error::ApiError,
    models::{Description, KeepAlive, ModelEntry, ModelTask},
    wire::{Refused, json_response},
};

/// Version of Ollama whose API this is: tools compare it with the least they need. Since 0.13 Ollama has
/// `/v1/responses`, since 0.14 `/v1/messages`, and so has this server.
const OLLAMA_VERSION: &str = "0.14.0";

/// Time at which a model that stays is unloaded: never, which Ollama has no word for.
const NEVER: &str = "9999-12-31T23:59:59Z";

/// Answers `GET /api/version` with a version of Ollama.
pub(super) async fn version() -> Result<Response, ApiError> {
    json_response(&json!({"version": OLLAMA_VERSION}))
}

/// Answers `GET /api/tags`: all models that can be asked for.
pub(super) async fn tags(State(app): State<App>) -> Result<Response, ApiError> {
    let models: Vec<Value> = app.models().list().iter().map(tag).collect();
    json_response(&json!({"models": models}))
}

fn tag(entry: &ModelEntry) -> Value {
    json!({
        "name": entry.id, "model": entry.id, "modified_at": modified_at(entry), "size": size(entry),
        "digest": digest(entry), "details": details(entry),
    })
}

/// Describes a model as `/api/tags` does, with what llama.cpp's server adds to it in its list of models.
pub(crate) fn described(entry: &ModelEntry) -> Value {
    let mut described = tag(entry);
    let description = entry.loaded.as_ref().map(|model| model.description());
    let capabilities = description.as_ref().map_or_else(|| vec!["completion"], capabilities);
    let more = [
        ("type", json!("model")),
        ("description", json!("")),
        ("tags", json!([])),
        ("capabilities", json!(capabilities)),
        ("parameters", json!("")),
    ];
    if let Some(fields) = described.as_object_mut() {
        fields.extend(more.map(|(name, value)| (name.to_owned(), value)));
    }
    described
}

/// Answers `GET /api/ps`: the models in memory.
pub(super) async fn running(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
) -> Result<Response, ApiError> {
    let now = jiff::Timestamp::now();
    let model = |entry: &ModelEntry| {
        let expires = expires_in(&app, &caller, entry).and_then(|time| now.checked_add(time).ok());
        let expires_at = expires.map_or_else(|| NEVER.to_owned(), |time| time.to_string());
        let context_length = entry.loaded.as_ref()?.handle.context_len_max();
        Some(json!({
            "name": entry.id, "model": entry.id, "size": entry.bytes, "size_vram": 0, "digest": digest(entry),
            "details": details(entry), "expires_at": expires_at, "context_length": context_length,
        }))
    };
    let models: Vec<Value> = app.models().list().iter().filter_map(model).collect();
    json_response(&json!({"models": models}))
}

/// Returns how long a model stays. That counts from its last request, which only the operator may know of: others are
/// told how long it would stay if they asked it now.
fn expires_in(app: &App, caller: &Caller, entry: &ModelEntry) -> Option<Duration> {
    if caller.rights.reads_figures {
        return entry.expires_in;
    }
    match app.models().keep_alive() {
        KeepAlive::For(time) if !entry.is_pinned => Some(time),
        _ => None,
    }
}

/// The body of `/api/show`; a field that is not listed is skipped.
#[derive(Deserialize, Debug)]
pub(super) struct ShowRequest {
    #[serde(alias = "name")]
    model: String,
    /// Whether vocabularies and tensors are listed, which they never are.
    #[serde(rename = "verbose")]
    _verbose: Option<bool>,
    #[serde(rename = "system")]
    _system: Option<Refused>,
    #[serde(rename = "template")]
    _template: Option<Refused>,
    #[serde(rename = "options")]
    _options: Option<Refused>,
}

/// Answers `POST /api/show`: what the model's file says of it.
pub(super) async fn show(State(app): State<App>, Json(request): Json<ShowRequest>) -> Result<Response, ApiError> {
    let name = names::find(app.models(), &request.model);
    let (models, asked) = (app.models().clone(), name.clone());
    let description = match blocking::run(&app, move || models.describe(&asked)).await? {
        Some(description) => description,
        None => app.models().acquire(Some(&name)).await?.description(),
    };
    let entry = app.models().entry(&name)?;
    json_response(&json!({
        "modelfile": format!("# A model of this server\nFROM {}\n", entry.id),
        "parameters": parameters(&description.sampling),
        "template": description.template.as_deref().unwrap_or("{{ .Prompt }}"),
        "details": names::details_of(&description.details),
        "model_info": model_info(&description),
        "capabilities": capabilities(&description),
        "modified_at": modified_at(&entry),
    }))
}

/// Writes the settings that hold where a request does not say, one a line, as a Modelfile has them; Ollama's own
/// defaults are left out, as there.
fn parameters(sampling: &SamplingDefaults) -> String {
    let SamplingDefaults { temperature, top_k, top_p, min_p, repeat_penalty, repeat_last_n } = *sampling;
    let count = |n: Option<usize>| n.map(|n| i64::try_from(n).unwrap_or(-1).to_string());
    let number = |x: Option<f32>| x.map(|x| x.to_string());
    let lines = [
        ("min_p", number(min_p)),
        ("repeat_last_n", count(repeat_last_n)),
        ("repeat_penalty", number(repeat_penalty)),
        ("temperature", number(temperature)),
        ("top_k", count(top_k)),
        ("top_p", number(top_p)),
    ];
    let line = |(name, value): (&str, Option<String>)| value.map(|value| format!("{name:<30} {value}"));
    lines.into_iter().filter_map(line).collect::<Vec<_>>().join("\n")
}

fn model_info(description: &Description) -> Value {
    let details = &description.details;
    let architecture = &details.architecture;
    let mut info = Map::new();
    info.insert("general.architecture".to_owned(), architecture.as_str().into());
    info.insert("general.parameter_count".to_owned(), details.n_parameters.into());
    if let Some(name) = &details.name {
        info.insert("general.basename".to_owned(), name.as_str().into());
    }
    // The context that is served, which is what clients may ask for as num_ctx.
    info.insert(format!("{architecture}.context_length"), description.context_len_max.into());
    info.insert(format!("{architecture}.embedding_length"), details.width.into());
    info.insert(format!("{architecture}.block_count"), details.n_layers.into());
    info.insert(format!("{architecture}.vocab_size"), description.n_vocab.into());
    info.into()
}

/// Returns Ollama's words for what a model can do.
fn capabilities(description: &Description) -> Vec<&'static str> {
    match description.task {
        ModelTask::Generate => {}
        ModelTask::Embed => return vec!["embedding"],
        ModelTask::Rank => return vec!["rerank"],
    }
    let is_there = [
        ("completion", true),
        ("tools", description.template.is_some()),
        ("thinking", description.has_reasoning),
        ("insert", description.fills_in),
    ];
    is_there.into_iter().filter(|(_, is_there)| *is_there).map(|(name, _)| name).collect()
}
