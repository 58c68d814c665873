//! `GET /v1/responses/{id}/input_items`: what an answer that is kept was an answer to, the conversation before it
//! included.

use std::time::Instant;

use axum::{
    Extension,
    extract::{Path, Query, State, rejection::QueryRejection},
    response::Response,
};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::earlier::{Earlier, gone, shown};
use crate::{
    App, Caller,
    error::{ApiError, ErrorKind},
    ids,
    kept::KeptResponse,
    limits, log, refusal,
    wire::{count, json_response},
};

/// Number of items of a list, unless the request says how many.
const LIMIT_DEFAULT: i64 = 20;

/// The query of the list; what else it may have is about kinds of items that are never here.
#[derive(Deserialize, Debug)]
pub(in crate::openai) struct Which {
    /// Id of the item behind which the list begins.
    #[serde(default)]
    after: Option<String>,
    #[serde(default)]
    limit: Option<i64>,
    #[serde(default)]
    order: Order,
}

#[derive(Deserialize, Clone, Copy, PartialEq, Eq, Default, Debug)]
#[serde(rename_all = "lowercase")]
enum Order {
    Asc,
    /// The last item comes first.
    #[default]
    Desc,
}

/// Answers `GET /v1/responses/{id}/input_items` with a page of the items.
pub(in crate::openai) async fn input_items(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    Path(id): Path<String>,
    which: Result<Query<Which>, QueryRejection>,
) -> Result<Response, ApiError> {
    let bad_query =
        |e: QueryRejection| ApiError::new(ErrorKind::Invalid, format!("the query: {}", log::escape(&e.body_text())));
    let Query(Which { after, limit, order }) = which.map_err(bad_query)?;
    let limit = count("limit", limit.unwrap_or(LIMIT_DEFAULT), 1, limits::INPUT_ITEMS_MAX)?;
    let mut items = all(&app, &caller, &id)?;
    if order == Order::Desc {
        items.reverse();
    }
    let id_of = |item: &Value| item.get("id").and_then(Value::as_str).unwrap_or_default().to_owned();
    if let Some(after) = after {
        let at = items.iter().position(|item| id_of(item) == after).ok_or_else(|| {
            let message = format!("after: the response has no item {}", shown(&after));
            ApiError::invalid("after", message)
        })?;
        items.drain(..=at);
    }
    let has_more = items.len() > limit;
    items.truncate(limit);
    json_response(&json!({
        "object": "list",
        "first_id": items.first().map(id_of),
        "last_id": items.last().map(id_of),
        "has_more": has_more,
        "data": items,
    }))
}

/// Returns all items, the first first. Where an earlier response is gone, those that are left.
fn all(app: &App, caller: &Caller, id: &str) -> Result<Vec<Value>, ApiError> {
    let (kept, now) = (app.kept(), Instant::now());
    let mut chain = Vec::new();
    let mut next = Some(id.to_owned());
    while let Some(response) = next.take().and_then(|id| kept.get(caller.owner, &id, now)) {
        next.clone_from(&response.previous);
        chain.push(response);
    }
    let Some(last) = chain.first().cloned() else {
        return Err(gone(kept, "response_id", &format!("response {}", shown(id))));
    };
    let mut earlier = Earlier::new(kept, caller.owner);
    let mut items = Vec::new();
    for response in chain.iter().rev() {
        let own: Vec<Map<String, Value>> = serde_json::from_slice(&response.input).map_err(|_| refusal::internal())?;
        for (i, item) in own.into_iter().enumerate() {
            items.push(earlier.stands_for(&item).unwrap_or_else(|| listed(item, response, i)));
        }
        if response.id != last.id {
            items.extend(earlier.output(response)?);
        }
    }
    Ok(items)
}

/// Writes an item as answers have them: with a type, an id, and a message's content in parts.
fn listed(mut item: Map<String, Value>, response: &KeptResponse, index: usize) -> Value {
    let kind = item.get("type").and_then(Value::as_str).unwrap_or("message").to_owned();
    let prefix = match kind.as_str() {
        "message" => "msg",
        "function_call" => "fc",
        "function_call_output" => "fco",
        "custom_tool_call" => "ctc",
        "custom_tool_call_output" => "ctco",
        "reasoning" => "rs",
        _ => "item",
    };
    // The same in every list.
    let half = |n: u8| ids::hash(response.id.bytes().chain(index.to_le_bytes()).chain([n]));
    item.entry("id").or_insert_with(|| format!("{prefix}_{:016x}{:016x}", half(0), half(1)).into());
    if kind == "message" {
        let is_said = item.get("role").is_some_and(|role| role == "assistant");
        if let Some(Value::String(text)) = item.get("content") {
            let part = if is_said {
                json!({"type": "output_text", "text": text, "annotations": []})
            } else {
                json!({"type": "input_text", "text": text})
            };
            item.insert("content".to_owned(), json!([part]));
        }
    }
    item.entry("status").or_insert_with(|| "completed".into());
    item.insert("type".to_owned(), kind.into());
    Value::Object(item)
}
