//! Messages as clients send them, checked, and as templates want them.

use std::fmt;

use serde::{
    Deserialize, Deserializer, Serialize,
    de::{Error, SeqAccess, Visitor},
};
use serde_json::{Map, Value, json};

use crate::{
    error::ApiError,
    openai::{
        fields::{Ignored, unsupported},
        values::Refused,
    },
    wire::check_messages,
};

/// One message.
#[derive(Deserialize, Debug, Clone)]
#[serde(deny_unknown_fields)]
pub(crate) struct Message {
    pub(crate) role: Role,
    #[serde(default)]
    pub(crate) content: Option<Content>,
    #[serde(default)]
    pub(crate) name: Option<String>,
    #[serde(default)]
    pub(crate) tool_calls: Option<Vec<ToolCallWire>>,
    #[serde(default)]
    pub(crate) tool_call_id: Option<String>,
    /// What a model thought before an earlier answer; templates may show it again.
    #[serde(default, alias = "reasoning")]
    pub(crate) reasoning_content: Option<String>,
    #[serde(default)]
    pub(crate) refusal: Option<String>,
    // Parts of our own answers and of OpenAI's, sent back.
    #[serde(default, rename = "annotations")]
    pub(crate) _annotations: Ignored,
    #[serde(default, rename = "audio")]
    pub(crate) _audio: Option<Refused>,
    #[serde(default, rename = "function_call")]
    pub(crate) _function_call: Option<Refused>,
}

#[derive(Serialize, Deserialize, Clone, Copy, PartialEq, Eq, Debug)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Role {
    System,
    /// OpenAI's newer word for system.
    Developer,
    User,
    Assistant,
    Tool,
}

impl Role {
    /// The word that templates know.
    pub(crate) fn template_word(self) -> &'static str {
        match self {
            Self::System | Self::Developer => "system",
            Self::User => "user",
            Self::Assistant => "assistant",
            Self::Tool => "tool",
        }
    }
}

/// Text, or parts of which only text is understood.
#[derive(Serialize, Clone, PartialEq, Eq, Debug)]
#[serde(untagged)]
pub(crate) enum Content {
    Text(String),
    Parts(Vec<Part>),
}

/// A part of a content. Kinds other than text are read so that they can be refused by name; no address in them is ever looked at.
#[derive(Serialize, Deserialize, Clone, PartialEq, Eq, Debug)]
pub(crate) struct Part {
    #[serde(rename = "type")]
    pub(crate) kind: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) text: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) refusal: Option<String>,
}

impl<'de> Deserialize<'de> for Content {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Form;
        impl<'de> Visitor<'de> for Form {
            type Value = Content;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a string or a list of content parts")
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<Content, E> {
                Ok(Content::Text(text.to_owned()))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Content, A::Error> {
                let mut parts = Vec::new();
                while let Some(part) = items.next_element()? {
                    parts.push(part);
                }
                Ok(Content::Parts(parts))
            }
        }
        deserializer.deserialize_any(Form)
    }
}

impl Content {
    /// The text; parts stand on lines of their own, as llama.cpp joins them.
    pub(crate) fn text(&self, path: &str) -> Result<String, ApiError> {
        let parts = match self {
            Self::Text(text) => return Ok(text.clone()),
            Self::Parts(parts) => parts,
        };
        let mut texts = Vec::with_capacity(parts.len());
        for (i, part) in parts.iter().enumerate() {
            let text = match part.kind.as_str() {
                "text" | "input_text" | "output_text" | "reasoning_text" => part.text.as_deref(),
                "refusal" => part.refusal.as_deref(),
                kind => {
                    let kind: String = kind.chars().take(64).collect();
                    let why = format!("{kind:?} is not supported; this server reads text only");
                    return Err(unsupported(&format!("{path}[{i}].type"), &why));
                }
            };
            let missing = || ApiError::invalid(format!("{path}[{i}].text"), format!("{path}[{i}].text: missing"));
            texts.push(text.ok_or_else(missing)?);
        }
        Ok(texts.join("\n"))
    }
}

/// A call that the model made earlier.
#[derive(Deserialize, Clone, Debug)]
#[serde(deny_unknown_fields)]
pub(crate) struct ToolCallWire {
    pub(crate) id: String,
    #[serde(default, rename = "type")]
    pub(crate) _kind: Option<FunctionWord>,
    pub(crate) function: FunctionCall,
    /// In streamed answers, sent back.
    #[serde(default, rename = "index")]
    pub(crate) _index: Ignored,
}

#[derive(Deserialize, Clone, Copy, PartialEq, Eq, Debug)]
#[serde(rename_all = "lowercase")]
pub(crate) enum FunctionWord {
    Function,
}

#[derive(Deserialize, Clone, Debug)]
#[serde(deny_unknown_fields)]
pub(crate) struct FunctionCall {
    pub(crate) name: String,
    /// JSON, as text.
    pub(crate) arguments: String,
}

/// The messages, checked, in OpenAI's own shape and nothing else in them.
pub(crate) fn to_json(messages: &[Message]) -> Result<Vec<Value>, ApiError> {
    check_messages(messages.len())?;
    messages.iter().enumerate().map(|(i, m)| m.to_json(&format!("messages[{i}]"))).collect()
}

impl Message {
    /// A message that says `text`.
    pub(crate) fn text(role: Role, text: String) -> Self {
        Self {
            role,
            content: Some(Content::Text(text)),
            name: None,
            tool_calls: None,
            tool_call_id: None,
            reasoning_content: None,
            refusal: None,
            _annotations: None,
            _audio: None,
            _function_call: None,
        }
    }

    fn to_json(&self, path: &str) -> Result<Value, ApiError> {
        let missing = |field: &str| {
            let param = format!("{path}.{field}");
            ApiError::invalid(param.clone(), format!("{param}: missing"))
        };
        let only = |field: &str, role: &str| {
            let param = format!("{path}.{field}");
            ApiError::invalid(param.clone(), format!("{param}: only in a message of the {role}"))
        };
        let calls = self.tool_calls.as_deref().unwrap_or_default();
        if !calls.is_empty() && self.role != Role::Assistant {
            return Err(only("tool_calls", "assistant"));
        }
        if self.tool_call_id.is_some() && self.role != Role::Tool {
            return Err(only("tool_call_id", "tool"));
        }
        if self.role == Role::Tool && self.tool_call_id.is_none() {
            return Err(missing("tool_call_id"));
        }
        let content = match (&self.content, &self.refusal) {
            (Some(content), _) => content.text(&format!("{path}.content"))?,
            (None, Some(refusal)) => refusal.clone(),
            // The calls, or the thought, are what the message says.
            (None, None) if self.role == Role::Assistant && (!calls.is_empty() || self.reasoning_content.is_some()) => {
                String::new()
            }
            (None, None) => return Err(missing("content")),
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
            let calls = calls.iter().map(ToolCallWire::to_json).collect();
            message.insert("tool_calls".to_owned(), calls);
        }
        Ok(Value::Object(message))
    }
}

impl ToolCallWire {
    fn to_json(&self) -> Value {
        let function = json!({"name": self.function.name, "arguments": self.function.arguments});
        json!({"id": self.id, "type": "function", "function": function})
    }
}
