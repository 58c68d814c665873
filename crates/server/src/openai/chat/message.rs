//! Messages as clients send them, checked, and as templates want them.

use serde::{Deserialize, Deserializer, Serialize};
use serde_json::{Map, Value, json};

use crate::{
    error::ApiError,
    openai::{
        fields::{Ignored, unsupported},
        values::Refused,
    },
    wire::{Arguments, OpenCalls, check_messages, text_or_list},
};

/// A message of a conversation. It may come from an answer of another server, so what is not known in it is skipped.
#[derive(Deserialize, Debug, Clone)]
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
    /// Thoughts of the model before an earlier answer, which templates may show again.
    #[serde(default)]
    pub(crate) reasoning_content: Option<String>,
    /// Thoughts of the model by their other name; some servers send both.
    #[serde(default)]
    pub(crate) reasoning: Option<Value>,
    #[serde(default)]
    pub(crate) refusal: Option<String>,
    // Parts of our own answers and of OpenAI's, sent back.
    #[serde(default, rename = "annotations")]
    pub(crate) _annotations: Ignored,
    #[serde(default, rename = "audio")]
    pub(crate) _audio: Option<Refused>,
    /// A call as it was spelled before there were tools; its result is a message of the role function.
    #[serde(default)]
    pub(crate) function_call: Option<FunctionCall>,
}

#[derive(Serialize, Deserialize, Clone, Copy, PartialEq, Eq, Debug)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Role {
    System,
    /// The newer word of OpenAI for system.
    Developer,
    User,
    Assistant,
    Tool,
    /// The older word of OpenAI for tool.
    Function,
}

impl Role {
    /// Returns the word that templates know.
    pub(crate) fn template_word(self) -> &'static str {
        match self {
            Self::System | Self::Developer => "system",
            Self::User => "user",
            Self::Assistant => "assistant",
            Self::Tool | Self::Function => "tool",
        }
    }
}

/// The content of a message: text, or parts, of which only text is understood.
#[derive(Serialize, Clone, PartialEq, Eq, Debug)]
#[serde(untagged)]
pub(crate) enum Content {
    Text(String),
    Parts(Vec<Part>),
}

/// A part of a content. Kinds other than text are read so that they can be refused by name; no address in them is ever
/// looked at.
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
        text_or_list(deserializer, "a string or a list of content parts", Self::Text, Self::Parts)
    }
}

impl Content {
    /// Returns the text; parts stand on lines of their own, as llama.cpp joins them.
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

/// A call of a tool that the model made earlier.
#[derive(Deserialize, Clone, Debug)]
pub(crate) struct ToolCallWire {
    #[serde(default)]
    pub(crate) id: Option<String>,
    #[serde(default, rename = "type")]
    pub(crate) _kind: Option<FunctionWord>,
    pub(crate) function: FunctionCall,
    /// Place of the call in a streamed answer, which clients send back.
    #[serde(default, rename = "index")]
    pub(crate) _index: Ignored,
}

#[derive(Deserialize, Clone, Copy, PartialEq, Eq, Debug)]
#[serde(rename_all = "lowercase")]
pub(crate) enum FunctionWord {
    Function,
}

#[derive(Deserialize, Clone, Debug)]
pub(crate) struct FunctionCall {
    pub(crate) name: String,
    #[serde(default)]
    pub(crate) arguments: Option<Arguments>,
}

/// Checks the messages and writes them in OpenAI's own shape, with nothing else in them.
pub(crate) fn to_json(messages: &[Message]) -> Result<Vec<Value>, ApiError> {
    check_messages(messages.len())?;
    let mut open = OpenCalls::default();
    messages.iter().enumerate().map(|(i, m)| m.to_json(i, &mut open)).collect()
}

impl Message {
    /// Makes a message that says `text`.
    pub(crate) fn text(role: Role, text: String) -> Self {
        Self {
            role,
            content: Some(Content::Text(text)),
            name: None,
            tool_calls: None,
            tool_call_id: None,
            reasoning_content: None,
            reasoning: None,
            refusal: None,
            _annotations: None,
            _audio: None,
            function_call: None,
        }
    }

    fn is_result(&self) -> bool {
        matches!(self.role, Role::Tool | Role::Function)
    }

    fn to_json(&self, index: usize, open: &mut OpenCalls) -> Result<Value, ApiError> {
        let path = format!("messages[{index}]");
        let only = |field: &str, role: &str| {
            let param = format!("{path}.{field}");
            Err(ApiError::invalid(param.clone(), format!("{param}: only in a message of the {role}")))
        };
        let calls = self.calls(index);
        if !calls.is_empty() && self.role != Role::Assistant {
            return only(if self.function_call.is_some() { "function_call" } else { "tool_calls" }, "assistant");
        }
        if self.tool_call_id.is_some() && !self.is_result() {
            return only("tool_call_id", "tool");
        }
        let reasoning = self.reasoning_content.as_deref().or(self.reasoning.as_ref().and_then(Value::as_str));
        let content = match (&self.content, &self.refusal) {
            (Some(content), _) => content.text(&format!("{path}.content"))?,
            (None, Some(refusal)) => refusal.clone(),
            // The calls, or the thought, are what the message says; a tool may have nothing to say.
            (None, None) if !calls.is_empty() || self.is_result() => String::new(),
            (None, None) if self.role == Role::Assistant && reasoning.is_some() => String::new(),
            (None, None) => {
                let param = format!("{path}.content");
                return Err(ApiError::invalid(param.clone(), format!("{param}: missing")));
            }
        };
        let call_id = if self.is_result() {
            // A result of the role function is named like its tool.
            let id = open.answered(self.tool_call_id.as_deref(), self.name.as_deref());
            Some(id.unwrap_or_else(|| format!("call_{index}")))
        } else {
            open.forget();
            None
        };
        let mut message = Map::new();
        message.insert("role".to_owned(), self.role.template_word().into());
        message.insert("content".to_owned(), content.into());
        let optional =
            [("name", self.name.as_deref()), ("tool_call_id", call_id.as_deref()), ("reasoning_content", reasoning)];
        for (key, value) in optional {
            if let Some(value) = value {
                message.insert(key.to_owned(), value.into());
            }
        }
        if !calls.is_empty() {
            let json = |(id, call): &(String, &FunctionCall)| {
                open.made(id.clone(), call.name.clone());
                call.to_json(id)
            };
            message.insert("tool_calls".to_owned(), calls.iter().map(json).collect());
        }
        Ok(Value::Object(message))
    }

    /// Returns the calls with their ids, which are made up where the client sent none.
    fn calls(&self, index: usize) -> Vec<(String, &FunctionCall)> {
        let listed = self.tool_calls.iter().flatten().map(|call| (call.id.clone(), &call.function));
        let all = listed.chain(self.function_call.iter().map(|call| (None, call)));
        all.enumerate().map(|(i, (id, call))| (id.unwrap_or_else(|| format!("call_{index}_{i}")), call)).collect()
    }
}

impl FunctionCall {
    fn to_json(&self, id: &str) -> Value {
        let arguments = self.arguments.as_ref().map_or("{}", |arguments| &arguments.0);
        json!({"id": id, "type": "function", "function": {"name": self.name, "arguments": arguments}})
    }
}
