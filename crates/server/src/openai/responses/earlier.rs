//! What a request takes from answers that are kept: the conversation that `previous_response_id` goes on with, and
//! single items.

use std::{collections::HashMap, time::Instant};

use axum::body::Bytes;
use serde::Deserialize;
use serde_json::{Map, Value};

use super::input::{Conversation, Item};
use crate::{
    Caller,
    error::{ApiError, ErrorKind},
    kept::{KeptResponse, KeptResponses},
    log, refusal,
};

/// What is kept of a request along with its answer.
#[derive(Clone, Debug)]
pub(super) struct Keep {
    owner: u128,
    previous: Option<String>,
    input: Bytes,
}

impl Keep {
    /// Keeps the answer; returns whether it is small enough.
    pub(super) fn put(self, kept: &KeptResponses, id: String, response: &Value, item_ids: Vec<String>) -> bool {
        let Self { owner, previous, input } = self;
        let response = Bytes::from(response.to_string());
        kept.put(owner, KeptResponse { id, previous, input, response, item_ids }, Instant::now())
    }
}

/// Assembles the conversation: that of the answer `previous`, then `input`, with references to kept items resolved. The
/// second value is what is to be kept of the request, if it `is_kept` and the server keeps answers.
pub(super) fn resolve(
    input: Option<Vec<Item>>,
    previous: Option<String>,
    kept: &KeptResponses,
    caller: &Caller,
    is_kept: bool,
) -> Result<(Conversation, Option<Keep>), ApiError> {
    if input.is_none() && previous.is_none() {
        return Err(ApiError::invalid("input", "input: missing; there is no previous_response_id either"));
    }
    let own = input.unwrap_or_default();
    let keep = if is_kept && kept.is_on() {
        let input = serde_json::to_vec(&own).map_err(|_| refusal::internal())?;
        Some(Keep { owner: caller.owner, previous: previous.clone(), input: input.into() })
    } else {
        None
    };
    let mut earlier = Earlier::new(kept, caller.owner);
    let mut items = Vec::new();
    if let Some(id) = previous {
        let param = "previous_response_id";
        for response in kept.chain(caller.owner, &id, earlier.now).map_err(|id| {
            let error = gone(kept, param, &format!("response {}", shown(&id)));
            error.with_code("previous_response_not_found")
        })? {
            let input: Vec<Item> = serde_json::from_slice(&response.input).map_err(|_| refusal::internal())?;
            for item in input {
                items.push(earlier.resolved(item, param)?);
            }
            for item in earlier.output(&response)? {
                items.push(read(item)?);
            }
        }
    }
    let n_kept = items.len();
    for (i, item) in own.into_iter().enumerate() {
        items.push(earlier.resolved(item, &format!("input[{i}]"))?);
    }
    Ok((Conversation { items, n_kept }, keep))
}

/// The kept answers that one request looks at, each read once.
pub(super) struct Earlier<'a> {
    kept: &'a KeptResponses,
    owner: u128,
    outputs: HashMap<String, Vec<Value>>,
    now: Instant,
}

impl<'a> Earlier<'a> {
    pub(super) fn new(kept: &'a KeptResponses, owner: u128) -> Self {
        Self { kept, owner, outputs: HashMap::new(), now: Instant::now() }
    }

    /// Returns the item of an earlier answer that `item` refers to, if it is a reference to one that is still kept.
    pub(super) fn stands_for(&mut self, item: &Map<String, Value>) -> Option<Value> {
        let is_reference = match item.get("type").and_then(Value::as_str) {
            Some(kind) => kind == "item_reference",
            None => !item.contains_key("role") && !item.contains_key("content"),
        };
        let id = item.get("id")?.as_str().filter(|_| is_reference)?;
        let response = self.kept.with_item(self.owner, id, self.now)?;
        self.output(&response).ok()?.into_iter().find(|item| item.get("id").and_then(Value::as_str) == Some(id))
    }

    /// Returns the item itself where `item` is a reference.
    fn resolved(&mut self, item: Item, path: &str) -> Result<Item, ApiError> {
        let Some(id) = item.reference(path)? else { return Ok(item) };
        let missing = |kept: &KeptResponses| gone(kept, &format!("{path}.id"), &format!("item {}", shown(id)));
        let response = self.kept.with_item(self.owner, id, self.now).ok_or_else(|| missing(self.kept))?;
        let found = self.output(&response)?.into_iter().find(|item| item.get("id").and_then(Value::as_str) == Some(id));
        found.map_or_else(|| Err(missing(self.kept)), read)
    }

    /// Returns the items of a kept answer.
    pub(super) fn output(&mut self, response: &KeptResponse) -> Result<Vec<Value>, ApiError> {
        #[derive(Deserialize)]
        struct Output {
            output: Vec<Value>,
        }
        if let Some(output) = self.outputs.get(&response.id) {
            return Ok(output.clone());
        }
        let Output { output } = serde_json::from_slice(&response.response).map_err(|_| refusal::internal())?;
        self.outputs.insert(response.id.clone(), output.clone());
        Ok(output)
    }
}

/// Reads an item of an answer, as it would come back in a request.
fn read(item: Value) -> Result<Item, ApiError> {
    serde_json::from_value(item).map_err(|_| refusal::internal())
}

/// Shortens an id that a client made up, for a message.
pub(super) fn shown(id: &str) -> String {
    log::escape(&id.chars().take(128).collect::<String>())
}

/// Makes the refusal of an answer or item that is not kept; whether it ever was, nobody can tell.
pub(super) fn gone(kept: &KeptResponses, param: &str, what: &str) -> ApiError {
    let bounds = kept.bounds();
    let why = if kept.is_on() {
        let hours = bounds.age_max.as_secs() / 3600;
        format!("it keeps the last {} for {hours} hours, if they were not asked to be left out (store)", bounds.n_max)
    } else {
        "it keeps none (--responses-kept 0)".to_owned()
    };
    let message = format!("{param}: this server does not have the {what}; {why}");
    ApiError { param: Some(param.to_owned()), ..ApiError::new(ErrorKind::NotFound, message) }.with_code("not_found")
}
