//! Messages of a conversation, checked, and in the shape that templates are given.

use serde::Deserialize;
use serde_json::{Map, Value, json};

use crate::Error;

/// A message of a conversation.
#[derive(Deserialize, Clone, Debug)]
#[serde(deny_unknown_fields)]
pub(super) struct Message {
    role: Role,
    #[serde(default)]
    content: Option<Content>,
    #[serde(default)]
    name: Option<String>,
    #[serde(default)]
    tool_calls: Option<Vec<Call>>,
    #[serde(default)]
    tool_call_id: Option<String>,
    #[serde(default)]
    reasoning_content: Option<String>,
}

#[derive(Deserialize, Clone, Copy, PartialEq, Eq, Debug)]
#[serde(rename_all = "lowercase")]
enum Role {
    System,
    /// The newer word of OpenAI for system.
    Developer,
    User,
    Assistant,
    Tool,
}

#[derive(Deserialize, Clone, Debug)]
#[serde(untagged, expecting = "expected a string or a list of parts of type text")]
enum Content {
    Text(String),
    Parts(Vec<Part>),
}

#[derive(Deserialize, Clone, Debug)]
#[serde(tag = "type", rename_all = "lowercase", deny_unknown_fields)]
enum Part {
    Text { text: String },
}

/// A call of a tool that the model made earlier.
#[derive(Deserialize, Clone, Debug)]
#[serde(deny_unknown_fields)]
struct Call {
    #[serde(default)]
    id: Option<String>,
    #[serde(default, rename = "type")]
    _kind: Option<FunctionWord>,
    function: Function,
}

#[derive(Deserialize, Clone, Copy, PartialEq, Eq, Debug)]
#[serde(rename_all = "lowercase")]
pub(super) enum FunctionWord {
    Function,
}

#[derive(Deserialize, Clone, Debug)]
#[serde(deny_unknown_fields)]
struct Function {
    name: String,
    #[serde(default)]
    arguments: Option<String>,
}

impl Role {
    /// The word that templates know.
    fn template_word(self) -> &'static str {
        match self {
            Self::System | Self::Developer => "system",
            Self::User => "user",
            Self::Assistant => "assistant",
            Self::Tool => "tool",
        }
    }
}

impl Content {
    /// The text; parts stand on lines of their own.
    fn text(&self) -> String {
        match self {
            Self::Text(text) => text.clone(),
            Self::Parts(parts) => {
                let texts: Vec<&str> = parts.iter().map(|Part::Text { text }| text.as_str()).collect();
                texts.join("\n")
            }
        }
    }
}

/// Checks the messages and writes them in OpenAI's own shape.
pub(super) fn to_json(messages: &[Message]) -> Result<Vec<Value>, Error> {
    messages.iter().enumerate().map(|(i, message)| message.to_json(i)).collect()
}

impl Message {
    /// The text of a message of the assistant that says nothing else.
    pub(super) fn text_of_assistant(&self) -> Option<String> {
        let is_plain = self.role == Role::Assistant && self.tool_calls.is_none() && self.reasoning_content.is_none();
        self.content.as_ref().filter(|_| is_plain).map(Content::text)
    }

    fn to_json(&self, index: usize) -> Result<Value, Error> {
        let only = |field: &str, role: &str| {
            Err(Error::field(format!("messages[{index}].{field}"), &format!("only in a message of the {role}")))
        };
        let calls = self.tool_calls.as_deref().unwrap_or_default();
        if !calls.is_empty() && self.role != Role::Assistant {
            return only("tool_calls", "assistant");
        }
        if self.tool_call_id.is_some() && self.role != Role::Tool {
            return only("tool_call_id", "tool");
        }
        let may_be_silent = !calls.is_empty()
            || self.role == Role::Tool
            || self.role == Role::Assistant && self.reasoning_content.is_some();
        let content = match &self.content {
            Some(content) => content.text(),
            None if may_be_silent => String::new(),
            None => return Err(Error::field(format!("messages[{index}].content"), "missing")),
        };
        let mut message = Map::new();
        message.insert("role".to_owned(), self.role.template_word().into());
        message.insert("content".to_owned(), content.into());
        let optional = [
            ("name", &self.name),
            ("tool_call_id", &self.tool_call_id),
            ("reasoning_content", &self.reasoning_content),
        ];
        for (key, value) in optional {
            if let Some(value) = value {
                message.insert(key.to_owned(), value.as_str().into());
            }
        }
        if !calls.is_empty() {
            let call = |(i, call): (usize, &Call)| {
                let id = call.id.clone().unwrap_or_else(|| format!("call_{index}_{i}"));
                let arguments = call.function.arguments.as_deref().unwrap_or("{}");
                let function = json!({"name": call.function.name, "arguments": arguments});
                json!({"id": id, "type": "function", "function": function})
            };
            message.insert("tool_calls".to_owned(), calls.iter().enumerate().map(call).collect());
        }
        Ok(Value::Object(message))
    }
}
