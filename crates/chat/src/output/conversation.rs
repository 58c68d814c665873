//! Conversations with tools, in the shape that a template can render.
//!
//! A template that knows tools gets them, and earlier calls and results as it wants them. For any other the same is
//! said in plain messages, so that tools work with every chat model.

use serde_json::{Map, Value};

use super::{OutputFormat, Tool, literals};
use crate::{protect_json, protect_messages};

/// What to render instead of what the client sent.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Conversation {
    /// The messages, for [`Inputs::messages`](crate::Inputs::messages).
    pub messages: Vec<Value>,
    /// The tools, for [`Inputs::tools`](crate::Inputs::tools); none where the messages hold their declaration.
    pub tools: Option<Vec<Value>>,
}

/// What the models are told that results are wrapped in.
const RESULT_OPEN: &str = "<tool_response>\n";
const RESULT_CLOSE: &str = "\n</tool_response>";

impl OutputFormat {
    /// `messages`, in the shape of OpenAI's API, and `tools` as this model's template can render them.
    ///
    /// Whatever they say is guarded against `spellings` of control tokens (see [`protect_messages`]), so the rendered
    /// prompt has to be cut by [`segments`](crate::segments); what this adds counts as the template's own text.
    pub fn conversation(&self, messages: &[Value], tools: &[Tool], spellings: &[&str]) -> Conversation {
        let mut messages = messages.to_vec();
        protect_messages(&mut messages, spellings);
        let mut tools: Vec<Value> = tools.iter().map(Tool::to_json).collect();
        tools.iter_mut().for_each(|tool| protect_json(tool, spellings));
        let mut out: Vec<Value> = Vec::with_capacity(messages.len() + 1);
        // Whether the last message stands for results of tools.
        let mut holds_results = false;
        for mut message in self.split_calls(&messages) {
            let role = message.get("role").and_then(Value::as_str).unwrap_or_default().to_owned();
            if message.get("content").is_some_and(Value::is_null)
                && let Some(content) = message.get_mut("content")
            {
                *content = Value::from("");
            }
            if message.get("tool_calls").is_some() {
                self.earlier_calls(&mut message);
            }
            let is_result = role == "tool" && !self.renders_results;
            if is_result {
                message = result_as_text(&message);
            }
            let joins = holds_results && (is_result || role == "user" && !self.renders_results);
            match out.last_mut().filter(|_| joins) {
                Some(last) => append(last, "\n", message.get("content")),
                None => out.push(message),
            }
            holds_results = is_result;
        }
        if tools.is_empty() {
            return Conversation { messages: out, tools: None };
        }
        if self.declares_tools {
            return Conversation { messages: out, tools: Some(tools) };
        }
        self.declare(&mut out, &self.instructions(&tools));
        Conversation { messages: out, tools: None }
    }

    /// The messages, each with as many calls as the template can render in one: a call then stands before its own
    /// result.
    fn split_calls(&self, messages: &[Value]) -> Vec<Value> {
        let n_calls = |message: &Value| message.get("tool_calls").and_then(Value::as_array).map_or(0, Vec::len);
        if !self.one_call_per_message || messages.iter().all(|m| n_calls(m) < 2) {
            return messages.to_vec();
        }
        let mut out = Vec::with_capacity(messages.len());
        let mut rest = messages.iter().peekable();
        while let Some(message) = rest.next() {
            let calls = message.get("tool_calls").and_then(Value::as_array).filter(|calls| calls.len() > 1);
            let Some(calls) = calls else {
                out.push(message.clone());
                continue;
            };
            let mut results = Vec::new();
            while let Some(result) = rest.next_if(|m| m.get("role").is_some_and(|role| role == "tool")) {
                results.push(result);
            }
            let mut message = message.clone();
            for call in calls {
                if let Some(entries) = message.as_object_mut() {
                    entries.insert("tool_calls".into(), Value::Array(vec![call.clone()]));
                }
                out.push(message.clone());
                let own = results
                    .iter()
                    .position(|r| r.get("tool_call_id").is_some() && r.get("tool_call_id") == call.get("id"));
                out.extend(own.map(|own| results.remove(own).clone()));
                if let Some(entries) = message.as_object_mut() {
                    entries.insert("content".into(), "".into());
                    entries.shift_remove("reasoning_content");
                }
            }
            out.extend(results.into_iter().cloned());
        }
        out
    }

    /// The text of a system message that declares `tools` and tells the model how to call them.
    pub fn tool_instructions(&self, tools: &[Tool]) -> String {
        self.instructions(&tools.iter().map(Tool::to_json).collect::<Vec<_>>())
    }

    fn instructions(&self, tools: &[Value]) -> String {
        let list: Vec<String> = tools.iter().map(literals::spaced).collect();
        let example = self.syntax.spell(&[("NAME".to_owned(), example_arguments())]);
        format!(
            "You can call these tools, each described as JSON with a schema of its arguments:\n<tools>\n{}\n</tools>\n\
             To call a tool, write this, with its name and your arguments in place:\n{example}\n\
             You may write several calls. Then stop: the results come in the next message, as {}…{}. \
             Call a tool only if it helps; otherwise answer in your own words.",
            list.join("\n"),
            RESULT_OPEN.trim(),
            RESULT_CLOSE.trim(),
        )
    }

    /// Puts the declaration of tools where the template has a place for it.
    fn declare(&self, messages: &mut Vec<Value>, instructions: &str) {
        let role = |message: &Value| message.get("role").and_then(Value::as_str).unwrap_or_default().to_owned();
        let is_system = |message: &Value| matches!(role(message).as_str(), "system" | "developer");
        if let Some(first) = messages.first_mut().filter(|first| is_system(first)) {
            return append(first, "\n\n", Some(&Value::from(instructions)));
        }
        let user = messages.iter_mut().find(|message| role(message) == "user").filter(|_| !self.has_system);
        match user {
            Some(user) => {
                let content = user.get("content").cloned();
                if let Some(entries) = user.as_object_mut() {
                    entries.insert("content".into(), instructions.into());
                }
                append(user, "\n\n", content.as_ref());
            }
            None => messages.insert(0, message("system", instructions)),
        }
    }

    /// Earlier calls as the template wants them, or as text where it has no place for them.
    fn earlier_calls(&self, message: &mut Value) {
        let Some(entries) = message.as_object_mut() else { return };
        let Some(Value::Array(mut calls)) = entries.remove("tool_calls") else { return };
        if calls.is_empty() {
            return;
        }
        let function = |call: &mut Value| call.get_mut("function").map(std::mem::take);
        if self.renders_calls {
            for call in &mut calls {
                if let Some(arguments) = call.pointer_mut("/function/arguments") {
                    *arguments = self.arguments_form(std::mem::take(arguments));
                }
            }
            entries.entry("content").or_insert_with(|| "".into());
            entries.insert("tool_calls".into(), Value::Array(calls));
            return;
        }
        let spelled: Vec<(String, Value)> = calls
            .iter_mut()
            .filter_map(function)
            .map(|function| {
                let name = function.get("name").and_then(Value::as_str).unwrap_or_default().to_owned();
                (name, parsed(function.get("arguments").cloned().unwrap_or_default()))
            })
            .collect();
        append(message, "\n", Some(&Value::from(self.syntax.spell(&spelled))));
    }

    fn arguments_form(&self, arguments: Value) -> Value {
        if !self.arguments_as_text {
            return parsed(arguments);
        }
        if arguments.is_string() { arguments } else { Value::from(literals::spaced(&arguments)) }
    }
}

/// Arguments as an object: clients send them as JSON text.
fn parsed(arguments: Value) -> Value {
    match &arguments {
        Value::String(text) if text.trim().is_empty() => Value::Object(Map::new()),
        Value::String(text) => match serde_json::from_str::<Value>(text) {
            Ok(object @ Value::Object(_)) => object,
            _ => arguments,
        },
        Value::Null => Value::Object(Map::new()),
        _ => arguments,
    }
}

fn example_arguments() -> Value {
    Value::Object(Map::from_iter([("ARGUMENT".into(), "VALUE".into())]))
}

fn message(role: &str, text: &str) -> Value {
    Value::Object(Map::from_iter([("role".into(), role.into()), ("content".into(), text.into())]))
}

fn result_as_text(result: &Value) -> Value {
    let text = text_of(result.get("content"));
    message("user", &format!("{RESULT_OPEN}{text}{RESULT_CLOSE}"))
}

/// The text of a content, whichever its shape.
fn text_of(content: Option<&Value>) -> String {
    match content {
        Some(Value::String(text)) => text.clone(),
        Some(Value::Array(parts)) => parts.iter().filter_map(|part| part.get("text").and_then(Value::as_str)).collect(),
        Some(Value::Null) | None => String::new(),
        Some(other) => literals::spaced(other),
    }
}

/// Adds `content` to the content of a message.
fn append(message: &mut Value, between: &str, content: Option<&Value>) {
    let Some(entries) = message.as_object_mut() else { return };
    let old = entries.entry("content").or_insert_with(|| "".into());
    let is_empty = old.as_str().is_some_and(str::is_empty) || old.is_null();
    match (&mut *old, content) {
        (_, None) => {}
        (_, Some(new)) if is_empty => *old = new.clone(),
        (Value::String(old), Some(Value::String(new))) => {
            old.push_str(between);
            old.push_str(new);
        }
        (old, Some(new)) => {
            let mut parts = as_parts(old, "");
            parts.extend(as_parts(new, between));
            *old = Value::Array(parts);
        }
    }
}

fn as_parts(content: &Value, before: &str) -> Vec<Value> {
    let text =
        |text: &str| Value::Object(Map::from_iter([("type".into(), "text".into()), ("text".into(), text.into())]));
    match content {
        Value::Array(parts) if before.is_empty() => parts.clone(),
        Value::Array(parts) => [text(before)].into_iter().chain(parts.iter().cloned()).collect(),
        other => vec![text(&format!("{before}{}", text_of(Some(other))))],
    }
}
