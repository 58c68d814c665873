//! `/props` and `/slots`: what the server is and what it computes now.

use axum::{
    Extension,
    extract::{Query, State, rejection::QueryRejection},
    response::Response,
};
use serde::Deserialize;
use serde_json::{Value, json};
use tokenizer::TokenId;

use super::completion::default_settings;
use crate::{
    App, Caller,
    error::{ApiError, ErrorKind},
    models::{Lease, LoadedModel},
    wire::json_response,
};

/// The query that says which model is meant, where there are several.
#[derive(Deserialize, Debug)]
#[serde(deny_unknown_fields)]
pub(crate) struct WhichModel {
    #[serde(default)]
    model: Option<String>,
}

impl WhichModel {
    /// Returns the model that a query names.
    pub(super) async fn acquire(app: &App, query: Result<Query<Self>, QueryRejection>) -> Result<Lease, ApiError> {
        let Query(which) = query.map_err(|e| bad_query(&e))?;
        app.models().acquire(which.model.as_deref()).await
    }
}

#[derive(Deserialize, Debug)]
#[serde(deny_unknown_fields)]
pub(crate) struct WhichSlots {
    #[serde(default)]
    model: Option<String>,
    /// Whether the answer is 503 where every slot is taken.
    #[serde(default)]
    fail_on_no_slot: Option<u8>,
}

/// Answers `GET /props`: what the server and the model are.
pub(super) async fn props(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    query: Result<Query<WhichModel>, QueryRejection>,
) -> Result<Response, ApiError> {
    let lease = WhichModel::acquire(&app, query).await?;
    let tokenizer = lease.handle.tokenizer();
    let piece = |id: Option<TokenId>| id.and_then(|id| tokenizer.piece(id)).unwrap_or_default();
    json_response(&json!({
        "default_generation_settings": {"params": default_settings(lease.sampling, app.options().seed), "n_ctx": lease.handle.context_len_max()},
        "total_slots": lease.handle.n_running_max(),
        "model_alias": lease.id,
        "model_ftype": lease.details.file_type,
        // Where the file lies is nobody's business.
        "model_path": lease.id,
        "modalities": {"vision": false, "video": false, "audio": false},
        "endpoint_slots": caller.rights.reads_figures,
        "endpoint_props": false,
        "endpoint_metrics": caller.rights.reads_figures,
        "chat_template": lease.template.as_ref().map_or("", |t| t.source()),
        "chat_template_caps": lease.template.as_ref().map_or_else(|| json!({}), capabilities),
        "bos_token": piece(tokenizer.bos()),
        "eos_token": piece(tokenizer.eos()),
        "build_info": concat!("trinity-", env!("CARGO_PKG_VERSION")),
        "is_sleeping": false,
    }))
}

/// Returns the features of a conversation, as clients look them up before they offer tools: what this server does with
/// the template, which is more than the template does alone. Tools are told to the model, and calls of them written
/// back, where the template has no words for it.
fn capabilities(template: &chat::Template) -> Value {
    let support = template.support();
    json!({
        "supports_object_arguments": support.tool_calls,
        "supports_parallel_tool_calls": true,
        "supports_preserve_reasoning": support.reasoning,
        "supports_reasoning_effort": template.source().contains("reasoning_effort"),
        "supports_string_content": true,
        "supports_system_role": support.system,
        "supports_tool_calls": true,
        "supports_tools": true,
        "supports_typed_content": support.parts,
    })
}

/// Answers `GET /slots`: one for each sequence that can run at once; those that do come first. Prompts are not shown,
/// but how long each is.
pub(super) async fn slots(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    query: Result<Query<WhichSlots>, QueryRejection>,
) -> Result<Response, ApiError> {
    caller.rights.check_figures()?;
    let Query(which) = query.map_err(|e| bad_query(&e))?;
    let entry = match which.model.as_deref() {
        Some(name) => Some(app.models().entry(name)?),
        None => app.models().list().into_iter().next(),
    };
    // A model that is not in memory runs nothing, and to ask is no reason to load it.
    let slots = entry.and_then(|e| e.loaded).map(|model| slots_of(&app, &model)).unwrap_or_default();
    let is_free = |slot: &Value| slot.get("is_processing") == Some(&Value::Bool(false));
    if which.fail_on_no_slot.is_some_and(|flag| flag != 0) && !slots.iter().any(is_free) {
        return Err(ApiError::new(ErrorKind::Unavailable, "no slot is free"));
    }
    json_response(&slots)
}

fn slots_of(app: &App, model: &LoadedModel) -> Vec<Value> {
    let mut running = app.metrics().model(&model.id).running().list().into_iter();
    let slot = |id: usize| {
        let sequence = running.next();
        let mut slot = json!({
            "id": id,
            "id_task": sequence.map_or(-1, |s| i64::try_from(s.id).unwrap_or(i64::MAX)),
            "n_ctx": model.handle.context_len_max(),
            "speculative": false,
            "is_processing": sequence.is_some(),
        });
        if let (Some(sequence), Some(fields)) = (sequence, slot.as_object_mut()) {
            fields.insert("n_prompt_tokens".to_owned(), json!(sequence.n_prompt));
            let next = json!([{"has_next_token": true, "n_decoded": sequence.n_completion}]);
            fields.insert("next_token".to_owned(), next);
        }
        slot
    };
    (0..model.handle.n_running_max()).map(slot).collect()
}

fn bad_query(error: &QueryRejection) -> ApiError {
    ApiError::new(ErrorKind::Invalid, format!("the query: {}", crate::log::escape(&error.body_text())))
}
