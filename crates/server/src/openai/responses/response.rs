//! The response object.

use serde_json::{Map, Value, json};

use crate::openai::{unix_seconds, usage::ResponseUsage};

/// The fields that the answer repeats of the request.
#[derive(Clone, Debug)]
pub(super) struct Head {
    pub(super) id: String,
    pub(super) created_at: u64,
    pub(super) model: String,
    pub(super) instructions: Option<String>,
    pub(super) max_output_tokens: Option<i64>,
    pub(super) metadata: Map<String, Value>,
    pub(super) parallel_tool_calls: bool,
    pub(super) effort: Option<String>,
    pub(super) temperature: f32,
    pub(super) top_p: f32,
    pub(super) frequency_penalty: f32,
    pub(super) presence_penalty: f32,
    pub(super) format: Value,
    pub(super) tool_choice: Value,
    pub(super) tools: Vec<Value>,
    pub(super) top_logprobs: i64,
    pub(super) previous_response_id: Option<String>,
    /// Whether the response is kept.
    pub(super) store: bool,
    pub(super) truncation: &'static str,
}

/// The status of a response.
#[derive(Clone, PartialEq, Debug)]
pub(super) enum Status {
    InProgress,
    Completed(ResponseUsage),
    /// The limit of tokens has cut the response off.
    Incomplete(ResponseUsage),
    Failed {
        code: String,
        message: String,
    },
}

impl Status {
    /// Returns the word for the status of the response, and of the item that was being written.
    pub(super) fn word(&self) -> &'static str {
        match self {
            Self::InProgress => "in_progress",
            Self::Completed(_) => "completed",
            Self::Incomplete(_) => "incomplete",
            Self::Failed { .. } => "failed",
        }
    }
}

/// Makes the response object.
pub(super) fn response(head: &Head, status: &Status, output: &[Value]) -> Value {
    let usage = match status {
        Status::Completed(usage) | Status::Incomplete(usage) => Some(usage),
        Status::InProgress | Status::Failed { .. } => None,
    };
    let error = match status {
        Status::Failed { code, message } => json!({"code": code, "message": message}),
        _ => Value::Null,
    };
    let completed_at = matches!(status, Status::Completed(_)).then(unix_seconds);
    let incomplete = match status {
        Status::Incomplete(_) => json!({"reason": "max_output_tokens"}),
        _ => Value::Null,
    };
    json!({
        "id": head.id,
        "object": "response",
        "created_at": head.created_at,
        "completed_at": completed_at,
        "status": status.word(),
        "background": false,
        "error": error,
        "frequency_penalty": head.frequency_penalty,
        "incomplete_details": incomplete,
        "instructions": head.instructions,
        "max_output_tokens": head.max_output_tokens,
        "max_tool_calls": null,
        "metadata": head.metadata,
        "model": head.model,
        "output": output,
        "parallel_tool_calls": head.parallel_tool_calls,
        "presence_penalty": head.presence_penalty,
        "previous_response_id": head.previous_response_id,
        "prompt_cache_key": null,
        "reasoning": {"effort": head.effort, "summary": null},
        "safety_identifier": null,
        "service_tier": "default",
        "store": head.store,
        "temperature": head.temperature,
        "text": {"format": head.format, "verbosity": "medium"},
        "tool_choice": head.tool_choice,
        "tools": head.tools,
        "top_logprobs": head.top_logprobs,
        "top_p": head.top_p,
        "truncation": head.truncation,
        "usage": usage,
        "user": null,
    })
}
