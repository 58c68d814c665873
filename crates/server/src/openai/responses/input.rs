//! `input`: a text, or the items of a conversation.

use std::fmt;

use serde::{
    Deserialize, Deserializer,
    de::{Error, SeqAccess, Visitor},
};

use crate::{
    error::ApiError,
    openai::{
        chat::{Content, FunctionCall, Message, Role, ToolCallWire},
        fields::{Ignored, unsupported},
    },
};

/// A text of the user, or items.
#[derive(Debug)]
pub(crate) enum Input {
    Text(String),
    Items(Vec<Item>),
}

impl<'de> Deserialize<'de> for Input {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Form;
        impl<'de> Visitor<'de> for Form {
            type Value = Input;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a string or a list of items")
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<Input, E> {
                Ok(Input::Text(text.to_owned()))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Input, A::Error> {
                let mut list = Vec::new();
                while let Some(item) = items.next_element()? {
                    list.push(item);
                }
                Ok(Input::Items(list))
            }
        }
        deserializer.deserialize_any(Form)
    }
}

/// One item: which fields it has depends on its type.
#[derive(Deserialize, Debug)]
#[serde(deny_unknown_fields)]
pub(crate) struct Item {
    #[serde(default, rename = "type")]
    kind: Option<String>,
    #[serde(default)]
    role: Option<Role>,
    #[serde(default)]
    content: Option<ItemContent>,
    #[serde(default)]
    call_id: Option<String>,
    #[serde(default)]
    name: Option<String>,
    #[serde(default)]
    arguments: Option<String>,
    #[serde(default)]
    output: Option<Content>,
    // Parts of our own answers, sent back.
    #[serde(default, rename = "id")]
    _id: Ignored,
    #[serde(default, rename = "status")]
    _status: Ignored,
    #[serde(default, rename = "summary")]
    _summary: Ignored,
    #[serde(default, rename = "encrypted_content")]
    _encrypted_content: Ignored,
    #[serde(default, rename = "phase")]
    _phase: Ignored,
}

/// Of a message, or of reasoning.
type ItemContent = Content;

/// As messages: what the model thought, said and called in one turn is one message.
pub(super) fn messages(input: Input, instructions: Option<String>) -> Result<Vec<Message>, ApiError> {
    let instructions = instructions.map(|text| Message::text(Role::System, text));
    let items = match input {
        Input::Text(text) => {
            return Ok(instructions.into_iter().chain([Message::text(Role::User, text)]).collect());
        }
        Input::Items(items) => items,
    };
    if items.is_empty() {
        return Err(ApiError::invalid("input", "input: empty, expected at least one item"));
    }
    let mut messages: Vec<Message> = instructions.into_iter().collect();
    let mut thought: Option<String> = None;
    for (i, item) in items.into_iter().enumerate() {
        let path = format!("input[{i}]");
        match item.kind.as_deref().unwrap_or("message") {
            "message" => {
                let mut message = item.message(&path)?;
                if message.role == Role::Assistant {
                    message.reasoning_content = thought.take();
                }
                messages.push(message);
            }
            "reasoning" => thought = item.content.map(|c| c.text(&format!("{path}.content"))).transpose()?,
            "function_call" => {
                let call = item.call(&path)?;
                // Calls belong to what was said just before.
                match messages.last_mut().filter(|m| m.role == Role::Assistant && thought.is_none()) {
                    Some(last) => last.tool_calls.get_or_insert_default().push(call),
                    None => messages.push(Message {
                        tool_calls: Some(vec![call]),
                        reasoning_content: thought.take(),
                        ..Message::text(Role::Assistant, String::new())
                    }),
                }
            }
            "function_call_output" => messages.push(Message {
                tool_call_id: Some(required(item.call_id, &path, "call_id")?),
                content: Some(required(item.output, &path, "output")?),
                ..Message::text(Role::Tool, String::new())
            }),
            other => {
                let other: String = other.chars().take(64).collect();
                return Err(unsupported(&format!("{path}.type"), &format!("{other:?} is not supported")));
            }
        }
    }
    Ok(messages)
}

fn required<T>(value: Option<T>, path: &str, field: &str) -> Result<T, ApiError> {
    value.ok_or_else(|| ApiError::invalid(format!("{path}.{field}"), format!("{path}.{field}: missing")))
}

impl Item {
    fn message(self, path: &str) -> Result<Message, ApiError> {
        let role = required(self.role, path, "role")?;
        let content = required(self.content, path, "content")?;
        let text = content.text(&format!("{path}.content"))?;
        Ok(Message::text(role, text))
    }

    fn call(self, path: &str) -> Result<ToolCallWire, ApiError> {
        Ok(ToolCallWire {
            id: required(self.call_id, path, "call_id")?,
            _kind: None,
            function: FunctionCall {
                name: required(self.name, path, "name")?,
                arguments: required(self.arguments, path, "arguments")?,
            },
            _index: None,
        })
    }
}
