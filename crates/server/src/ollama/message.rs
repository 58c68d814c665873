//! Messages as Ollama's clients send them, and as templates want them.

use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::generate::check_images;
use crate::{
    error::ApiError,
    wire::{Arguments, Ignored, OpenCalls, check_messages},
};

/// A message of a conversation.
#[derive(Deserialize, Debug)]
pub(super) struct MessageWire {
    role: Role,
    #[serde(default)]
    content: Option<String>,
    /// Thoughts of the model before an earlier answer.
    #[serde(default)]
    thinking: Option<String>,
    #[serde(default)]
    images: Option<Vec<Value>>,
    #[serde(default)]
    tool_calls: Option<Vec<CallWire>>,
    /// Name of the tool whose result the message is.
    #[serde(default, alias = "name")]
    tool_name: Option<String>,
    #[serde(default)]
    tool_call_id: Option<String>,
}

#[derive(Deserialize, Clone, Copy, PartialEq, Eq, Debug)]
#[serde(rename_all = "lowercase")]
enum Role {
    #[serde(alias = "developer")]
    System,
    User,
    Assistant,
    #[serde(alias = "function")]
    Tool,
}

/// A call of a tool that the model made earlier.
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
    #[serde(default)]
    arguments: Option<Arguments>,
    #[serde(default, rename = "index")]
    _index: Ignored,
}

/// A conversation that was checked.
#[derive(Debug)]
pub(super) struct Conversation {
    /// Messages in the shape of OpenAI's API, as templates want them.
    pub(super) messages: Vec<Value>,
    /// Beginning of the answer, which the client wrote.
    pub(super) prefill: Option<String>,
}

impl Conversation {
    /// Reads and checks a conversation.
    pub(super) fn read(messages: &[MessageWire]) -> Result<Self, ApiError> {
        check_messages(messages.len())?;
        let mut open = OpenCalls::default();
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
        let read = |(i, message): (usize, &MessageWire)| message.to_json(i, &mut open);
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
        let is_said = is_said || self.role == Role::Tool;
        if is_said { Ok(()) } else { refused("content", "missing") }
    }

    fn to_json(&self, index: usize, open: &mut OpenCalls) -> Result<Value, ApiError> {
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
            let id = open.answered(self.tool_call_id.as_deref(), self.tool_name.as_deref());
            message.insert("tool_call_id".to_owned(), id.unwrap_or_else(|| format!("call_{index}")).into());
        } else {
            open.forget();
        }
        if !self.calls().is_empty() {
            let call = |(i, call): (usize, &CallWire)| {
                let id = call.id.clone().unwrap_or_else(|| format!("call_{index}_{i}"));
                open.made(id.clone(), call.function.name.clone());
                let arguments = call.function.arguments.as_ref().map_or("{}", |arguments| &arguments.0);
                json!({"id": id, "type": "function", "function": {"name": call.function.name, "arguments": arguments}})
            };
            let calls: Vec<Value> = self.calls().iter().enumerate().map(call).collect();
            message.insert("tool_calls".to_owned(), calls.into());
        }
        Ok(Value::Object(message))
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
