//! Messages as Ollama's clients send them, and as templates want them.

use std::collections::VecDeque;

use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::generate::check_images;
use crate::{
    error::ApiError,
    wire::{Ignored, check_messages},
};

/// One message.
#[derive(Deserialize, Debug)]
pub(super) struct MessageWire {
    role: Role,
    #[serde(default)]
    content: Option<String>,
    /// What a model thought before an earlier answer.
    #[serde(default)]
    thinking: Option<String>,
    #[serde(default)]
    images: Option<Vec<Value>>,
    #[serde(default)]
    tool_calls: Option<Vec<CallWire>>,
    /// Whose result it is.
    #[serde(default, alias = "name")]
    tool_name: Option<String>,
    #[serde(default)]
    tool_call_id: Option<String>,
}

#[derive(Deserialize, Clone, Copy, PartialEq, Eq, Debug)]
#[serde(rename_all = "lowercase")]
enum Role {
    System,
    User,
    Assistant,
    Tool,
}

/// A call that the model made earlier.
#[derive(Deserialize, Debug)]
struct CallWire {
    #[serde(default)]
    id: Option<String>,
    #[serde(default, rename = "type")]
    _kind: Ignored,
    function: FunctionWire,
}

#[derive(Deserialize, Debug)]
struct FunctionWire {
    name: String,
    arguments: Map<String, Value>,
    #[serde(default, rename = "index")]
    _index: Ignored,
}

/// A conversation, checked.
#[derive(Debug)]
pub(super) struct Conversation {
    /// In the shape of OpenAI's API.
    pub(super) messages: Vec<Value>,
    /// The beginning of the answer, which the client wrote.
    pub(super) prefill: Option<String>,
}

/// Calls without a result yet: their ids and names.
type Pending = VecDeque<(String, String)>;

impl Conversation {
    /// Reads everything.
    pub(super) fn read(messages: &[MessageWire]) -> Result<Self, ApiError> {
        check_messages(messages.len())?;
        let mut pending = Pending::new();
        let (rest, prefill) = match messages.split_last() {
            // A last message of the assistant is the beginning of the answer.
            Some((last, rest))
                if last.role == Role::Assistant && last.calls().is_empty() && last.thinking.is_none() =>
            {
                last.check(&format!("messages[{}]", rest.len()))?;
                (rest, last.content.clone())
            }
            _ => (messages, None),
        };
        let read = |(i, message): (usize, &MessageWire)| message.to_json(i, &mut pending);
        Ok(Self { messages: rest.iter().enumerate().map(read).collect::<Result<_, _>>()?, prefill })
    }
}

impl MessageWire {
    fn calls(&self) -> &[CallWire] {
        self.tool_calls.as_deref().unwrap_or_default()
    }

    fn check(&self, path: &str) -> Result<(), ApiError> {
        let refused = |field: &str, why: &str| {
            let param = format!("{path}.{field}");
            Err(ApiError::invalid(param.clone(), format!("{param}: {why}")))
        };
        check_images(self.images.as_ref(), &format!("{path}.images"))?;
        if !self.calls().is_empty() && self.role != Role::Assistant {
            return refused("tool_calls", "only in a message of the assistant");
        }
        if self.thinking.is_some() && self.role != Role::Assistant {
            return refused("thinking", "only in a message of the assistant");
        }
        // The calls, or the thought, are what the message says.
        let is_said = self.content.is_some() || !self.calls().is_empty() || self.thinking.is_some();
        if is_said { Ok(()) } else { refused("content", "missing") }
    }

    fn to_json(&self, index: usize, pending: &mut Pending) -> Result<Value, ApiError> {
        self.check(&format!("messages[{index}]"))?;
        let mut message = Map::new();
        let role = match self.role {
            Role::System => "system",
            Role::User => "user",
            Role::Assistant => "assistant",
            Role::Tool => "tool",
        };
        message.insert("role".to_owned(), role.into());
        message.insert("content".to_owned(), self.content.as_deref().unwrap_or_default().into());
        if let Some(thinking) = &self.thinking {
            message.insert("reasoning_content".to_owned(), thinking.as_str().into());
        }
        if let Some(name) = &self.tool_name {
            message.insert("name".to_owned(), name.as_str().into());
        }
        if self.role == Role::Tool {
            message.insert("tool_call_id".to_owned(), self.call_id(index, pending).into());
        } else {
            pending.clear();
        }
        if !self.calls().is_empty() {
            let call = |(i, call): (usize, &CallWire)| {
                let id = call.id.clone().unwrap_or_else(|| format!("call_{index}_{i}"));
                pending.push_back((id.clone(), call.function.name.clone()));
                let arguments = Value::Object(call.function.arguments.clone()).to_string();
                json!({"id": id, "type": "function", "function": {"name": call.function.name, "arguments": arguments}})
            };
            let calls: Vec<Value> = self.calls().iter().enumerate().map(call).collect();
            message.insert("tool_calls".to_owned(), calls.into());
        }
        Ok(Value::Object(message))
    }

    /// Which call this is the result of: the one that it names, else the first one of that tool, else the first one.
    fn call_id(&self, index: usize, pending: &mut Pending) -> String {
        let is_it = |(id, name): &(String, String)| match (&self.tool_call_id, &self.tool_name) {
            (Some(wanted), _) => id == wanted,
            (None, Some(wanted)) => name == wanted,
            (None, None) => true,
        };
        let found = pending.iter().position(is_it).and_then(|i| pending.remove(i));
        found.map(|(id, _)| id).or_else(|| self.tool_call_id.clone()).unwrap_or_else(|| format!("call_{index}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_find_their_calls() {
        let call = |name: &str| json!({"function": {"name": name, "arguments": {"a": 1}}});
        let wire: Vec<MessageWire> = serde_json::from_value(json!([
            {"role": "user", "content": "?"},
            {"role": "assistant", "tool_calls": [call("one"), call("two"), {"id": "x", "function": {"name": "two", "arguments": {}}}]},
            {"role": "tool", "content": "2", "tool_name": "two"},
            {"role": "tool", "content": "x", "tool_call_id": "x"},
            {"role": "tool", "content": "1"},
            {"role": "assistant", "content": "So"},
        ]))
        .unwrap();
        let Conversation { messages, prefill } = Conversation::read(&wire).unwrap();
        let ids: Vec<&Value> = messages[2..].iter().map(|m| &m["tool_call_id"]).collect();
        assert_eq!(ids, ["call_1_1", "x", "call_1_0"]);
        assert_eq!(messages[1]["tool_calls"][0]["function"]["arguments"], "{\"a\":1}");
        assert_eq!(prefill.as_deref(), Some("So"));
    }
}
