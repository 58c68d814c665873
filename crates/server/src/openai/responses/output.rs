//! The items of a response as they are written, and the events that tell of them, in their documented order.

use std::sync::Arc;

use serde_json::{Value, json};
use tokenizer::Tokenizer;

use super::{
    earlier::Keep,
    response::{Head, Status, response},
    tools::{Spellings, free_text},
};
use crate::{
    App,
    error::ApiError,
    generation::{EndReason, Piece, TokenReport, TokensUsed},
    ids,
    openai::logprobs::{self, ContentLogprob},
};

/// An item of the answer as it is written.
#[derive(Debug)]
enum Item {
    Reasoning {
        id: String,
        text: String,
    },
    Message {
        id: String,
        text: String,
        logprobs: Vec<ContentLogprob>,
    },
    Call {
        id: String,
        call_id: String,
        namespace: Option<String>,
        name: String,
        arguments: String,
    },
    /// A call of a tool that takes free text, which the model writes as arguments.
    TextCall {
        id: String,
        call_id: String,
        name: String,
        arguments: String,
    },
}

impl Item {
    fn id(&self) -> &str {
        match self {
            Self::Reasoning { id, .. }
            | Self::Message { id, .. }
            | Self::Call { id, .. }
            | Self::TextCall { id, .. } => id,
        }
    }

    /// Returns the one part of a message or of reasoning.
    fn part(&self) -> Option<Value> {
        match self {
            Self::Reasoning { text, .. } => Some(json!({"type": "reasoning_text", "text": text})),
            Self::Message { text, logprobs, .. } => {
                Some(json!({"type": "output_text", "text": text, "annotations": [], "logprobs": logprobs}))
            }
            Self::Call { .. } | Self::TextCall { .. } => None,
        }
    }

    fn to_json(&self, status: &str, has_part: bool) -> Value {
        let content: Vec<Value> = if has_part { self.part().into_iter().collect() } else { Vec::new() };
        match self {
            Self::Reasoning { id, .. } => {
                json!({"id": id, "type": "reasoning", "status": status, "summary": [], "content": content, "encrypted_content": null})
            }
            Self::Message { id, .. } => {
                json!({"id": id, "type": "message", "status": status, "role": "assistant", "content": content})
            }
            Self::Call { id, call_id, namespace, name, arguments } => {
                let mut item = json!({
                    "id": id, "type": "function_call", "status": status, "call_id": call_id, "name": name,
                    "arguments": arguments,
                });
                if let Some(namespace) = namespace {
                    item["namespace"] = namespace.as_str().into();
                }
                item
            }
            Self::TextCall { id, call_id, name, arguments } => {
                let input = if arguments.is_empty() { String::new() } else { free_text(arguments) };
                json!({
                    "id": id, "type": "custom_tool_call", "status": status, "call_id": call_id, "name": name,
                    "input": input,
                })
            }
        }
    }
}

/// A response that is being written, and the events that tell of it.
pub(super) struct Output {
    head: Head,
    tokenizer: Arc<Tokenizer>,
    spellings: Spellings,
    keep: Option<(Keep, App)>,
    items: Vec<Item>,
    status: Status,
    /// Log-probabilities of the tokens whose text is still held back.
    logprobs: Vec<ContentLogprob>,
    n_events: u64,
}

impl Output {
    pub(super) fn new(head: Head, tokenizer: Arc<Tokenizer>, spellings: Spellings, keep: Option<(Keep, App)>) -> Self {
        let (status, items, logprobs) = (Status::InProgress, Vec::new(), Vec::new());
        Self { head, tokenizer, spellings, keep, items, status, logprobs, n_events: 0 }
    }

    /// Returns the response as far as it is written.
    pub(super) fn response(&self) -> Value {
        let n = self.items.len();
        let item = |(i, item): (usize, &Item)| {
            let is_last = i + 1 == n;
            item.to_json(if is_last { self.status.word() } else { "completed" }, true)
        };
        let items: Vec<Value> = self.items.iter().enumerate().map(item).collect();
        response(&self.head, &self.status, &items)
    }

    /// Returns the events that begin a response.
    pub(super) fn begin(&mut self) -> Vec<Value> {
        let response = self.response();
        let events = vec![
            json!({"type": "response.created", "response": response}),
            json!({"type": "response.in_progress", "response": response}),
        ];
        self.numbered(events)
    }

    /// Adds output to the response; returns the events of it.
    pub(super) fn progress(&mut self, token: Option<&TokenReport>, pieces: Vec<Piece>) -> Vec<Value> {
        self.logprobs.extend(token.and_then(|token| logprobs::content(&self.tokenizer, token)));
        let mut events = Vec::new();
        for piece in pieces {
            self.piece(piece, &mut events);
        }
        self.numbered(events)
    }

    fn piece(&mut self, piece: Piece, events: &mut Vec<Value>) {
        let goes_on = matches!(
            (self.items.last(), &piece),
            (Some(Item::Message { .. }), Piece::Text(_))
                | (Some(Item::Reasoning { .. }), Piece::Reasoning(_))
                | (Some(Item::Call { .. } | Item::TextCall { .. }), Piece::ToolCallArguments { .. })
        );
        if !goes_on {
            self.close("completed", events);
            let item = match &piece {
                Piece::Text(_) => {
                    Item::Message { id: ids::random_id("msg_"), text: String::new(), logprobs: Vec::new() }
                }
                Piece::Reasoning(_) => Item::Reasoning { id: ids::random_id("rs_"), text: String::new() },
                Piece::ToolCallStart { id, name, .. } => self.call(id.clone(), name),
                // Arguments only follow their own call.
                Piece::ToolCallArguments { .. } => return,
            };
            self.open(item, events);
        }
        let output_index = self.items.len() - 1;
        let Some(item) = self.items.last_mut() else { return };
        let item_id = item.id().to_owned();
        match (item, piece) {
            (Item::Message { text, logprobs, .. }, Piece::Text(delta)) => {
                let new = std::mem::take(&mut self.logprobs);
                text.push_str(&delta);
                events.push(json!({
                    "type": "response.output_text.delta", "item_id": item_id, "output_index": output_index,
                    "content_index": 0, "delta": delta, "logprobs": new,
                }));
                logprobs.extend(new);
            }
            (Item::Reasoning { text, .. }, Piece::Reasoning(delta)) => {
                self.logprobs.clear();
                text.push_str(&delta);
                events.push(json!({
                    "type": "response.reasoning_text.delta", "item_id": item_id, "output_index": output_index,
                    "content_index": 0, "delta": delta,
                }));
            }
            (Item::Call { arguments, .. }, Piece::ToolCallArguments { text: delta, .. }) => {
                self.logprobs.clear();
                arguments.push_str(&delta);
                events.push(json!({
                    "type": "response.function_call_arguments.delta", "item_id": item_id, "output_index": output_index,
                    "delta": delta,
                }));
            }
            // What the text is can be said when all of the arguments are there.
            (Item::TextCall { arguments, .. }, Piece::ToolCallArguments { text: delta, .. }) => {
                self.logprobs.clear();
                arguments.push_str(&delta);
            }
            _ => {}
        }
    }

    /// Begins a call of the tool that the model knows as `offered`.
    fn call(&self, call_id: String, offered: &str) -> Item {
        let call = self.spellings.call_of(offered);
        let (name, arguments) = (call.name.to_owned(), String::new());
        if call.is_free_text {
            return Item::TextCall { id: ids::random_id("ctc_"), call_id, name, arguments };
        }
        Item::Call { id: ids::random_id("fc_"), call_id, namespace: call.namespace.map(str::to_owned), name, arguments }
    }

    fn open(&mut self, item: Item, events: &mut Vec<Value>) {
        let output_index = self.items.len();
        let value = item.to_json("in_progress", false);
        events.push(json!({"type": "response.output_item.added", "output_index": output_index, "item": value}));
        if let Some(part) = item.part() {
            events.push(json!({
                "type": "response.content_part.added", "item_id": item.id(), "output_index": output_index,
                "content_index": 0, "part": part,
            }));
        }
        self.items.push(item);
    }

    /// Appends the events that end the item that was being written.
    fn close(&self, status: &str, events: &mut Vec<Value>) {
        let Some(item) = self.items.last() else { return };
        let (item_id, output_index) = (item.id(), self.items.len() - 1);
        match item {
            Item::Message { text, logprobs, .. } => events.push(json!({
                "type": "response.output_text.done", "item_id": item_id, "output_index": output_index,
                "content_index": 0, "text": text, "logprobs": logprobs,
            })),
            Item::Reasoning { text, .. } => events.push(json!({
                "type": "response.reasoning_text.done", "item_id": item_id, "output_index": output_index,
                "content_index": 0, "text": text,
            })),
            Item::Call { name, arguments, .. } => events.push(json!({
                "type": "response.function_call_arguments.done", "item_id": item_id, "output_index": output_index,
                "name": name, "arguments": arguments,
            })),
            Item::TextCall { arguments, .. } => {
                let input = free_text(arguments);
                events.push(json!({
                    "type": "response.custom_tool_call_input.delta", "item_id": item_id, "output_index": output_index,
                    "delta": input,
                }));
                events.push(json!({
                    "type": "response.custom_tool_call_input.done", "item_id": item_id, "output_index": output_index,
                    "input": input,
                }));
            }
        }
        if let Some(part) = item.part() {
            events.push(json!({
                "type": "response.content_part.done", "item_id": item_id, "output_index": output_index,
                "content_index": 0, "part": part,
            }));
        }
        let value = item.to_json(status, true);
        events.push(json!({"type": "response.output_item.done", "output_index": output_index, "item": value}));
    }

    /// Ends the response; returns the last events.
    pub(super) fn finish(&mut self, reason: EndReason, used: TokensUsed) -> Vec<Value> {
        self.status = match reason {
            EndReason::Length | EndReason::Repetition | EndReason::TimedOut => Status::Incomplete(used.into()),
            EndReason::EndOfGeneration | EndReason::StopString(_) | EndReason::ToolCalls => {
                Status::Completed(used.into())
            }
        };
        let mut events = Vec::new();
        if self.items.is_empty() {
            // A response that says nothing is still a message.
            self.open(
                Item::Message { id: ids::random_id("msg_"), text: String::new(), logprobs: Vec::new() },
                &mut events,
            );
        }
        if let Some(Item::Message { logprobs, .. }) = self.items.last_mut() {
            logprobs.append(&mut self.logprobs);
        }
        self.close(self.status.word(), &mut events);
        let name = format!("response.{}", self.status.word());
        let response = self.keep();
        events.push(json!({"type": name, "response": response}));
        self.numbered(events)
    }

    /// Returns the complete response, and keeps it if that is wanted; it says that it is kept only if it is.
    fn keep(&mut self) -> Value {
        let response = self.response();
        let Some((keep, app)) = self.keep.take() else { return response };
        let ids = self.items.iter().map(|item| item.id().to_owned()).collect();
        if keep.put(app.kept(), self.head.id.clone(), &response, ids) {
            return response;
        }
        self.head.store = false;
        self.response()
    }

    /// Ends the response with an error in the middle; returns the event of it.
    pub(super) fn error(&mut self, error: &ApiError) -> Value {
        let event = json!({
            "type": "error", "code": error.code.unwrap_or("server_error"), "message": error.message, "param": error.param,
        });
        self.numbered(vec![event]).remove(0)
    }

    /// Returns the response after an error.
    pub(super) fn failed(&mut self, error: &ApiError) -> Value {
        let code = error.code.unwrap_or("server_error").to_owned();
        let status = Status::Failed { code, message: error.message.clone() };
        let value = response(&self.head, &status, &[]);
        self.numbered(vec![json!({"type": "response.failed", "response": value})]).remove(0)
    }

    fn numbered(&mut self, mut events: Vec<Value>) -> Vec<Value> {
        for event in &mut events {
            if let Some(entries) = event.as_object_mut() {
                entries.insert("sequence_number".to_owned(), self.n_events.into());
            }
            self.n_events += 1;
        }
        events
    }
}
