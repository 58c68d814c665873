//! `input`: a text, or the items of a conversation.

use serde::{Deserialize, Deserializer, Serialize};

use super::tools::{Spellings, free_text_arguments};
use crate::{
    error::ApiError,
    ignored::{self, Api},
    openai::{
        chat::{Content, FunctionCall, Message, Role, ToolCallWire},
        fields::{Ignored, unsupported},
    },
    wire::{Arguments, text_or_list},
};

/// The `input` of a response: a text of the user, or items.
#[derive(Debug)]
pub(crate) enum Input {
    Text(String),
    Items(Vec<Item>),
}

impl<'de> Deserialize<'de> for Input {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        text_or_list(deserializer, "a string or a list of items", Self::Text, Self::Items)
    }
}

/// An item of a conversation, whose fields depend on its type. It may be a part of an answer, of this server or
/// another, so what is not known in it is skipped. It is written again as it was read, for conversations that are kept.
#[derive(Serialize, Deserialize, Debug)]
pub(crate) struct Item {
    #[serde(default, rename = "type", skip_serializing_if = "Option::is_none")]
    kind: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    id: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    role: Option<Role>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    content: Option<ItemContent>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    call_id: Option<String>,
    /// Namespace of a called function that is one of several under a name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    namespace: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    name: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    arguments: Option<Arguments>,
    /// Text that a free-text tool was called with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    input: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    output: Option<Content>,
    // Parts of our own answers and of OpenAI's, sent back.
    #[serde(default, rename = "status", skip_serializing)]
    _status: Ignored,
    #[serde(default, rename = "summary", skip_serializing)]
    _summary: Ignored,
    #[serde(default, rename = "encrypted_content", skip_serializing)]
    _encrypted_content: Ignored,
    #[serde(default, rename = "phase", skip_serializing)]
    _phase: Ignored,
    #[serde(default, rename = "action", skip_serializing)]
    _action: Ignored,
}

/// The content of a message, or of reasoning.
type ItemContent = Content;

impl Input {
    /// Returns the items; a text is a message of the user.
    pub(super) fn into_items(self) -> Vec<Item> {
        match self {
            Self::Text(text) => vec![Item::user(text)],
            Self::Items(items) => items,
        }
    }
}

/// The items of a conversation, and how many of them were kept from earlier responses.
pub(super) struct Conversation {
    pub(super) items: Vec<Item>,
    pub(super) n_kept: usize,
}

impl Conversation {
    /// Turns the items into messages: what the model thought, said and called in one turn is one message. Calls have
    /// the names that the model knows.
    pub(super) fn into_messages(
        self,
        instructions: Option<String>,
        spellings: &Spellings,
    ) -> Result<Vec<Message>, ApiError> {
        let Self { items, n_kept } = self;
        let mut messages: Vec<Message> =
            instructions.map(|text| Message::text(Role::System, text)).into_iter().collect();
        let mut thought: Option<String> = None;
        for (i, item) in items.into_iter().enumerate() {
            let path = i.checked_sub(n_kept).map_or("previous_response_id".to_owned(), |i| format!("input[{i}]"));
            match item.kind.as_deref().unwrap_or("message") {
                "message" => {
                    let mut message = item.message(&path)?;
                    if message.role == Role::Assistant {
                        message.reasoning_content = thought.take();
                    }
                    messages.push(message);
                }
                "reasoning" => thought = item.content.map(|c| c.text(&format!("{path}.content"))).transpose()?,
                "function_call" | "custom_tool_call" => {
                    let call = item.call(&path, spellings)?;
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
                "function_call_output" | "custom_tool_call_output" => messages.push(Message {
                    tool_call_id: item.call_id,
                    content: item.output,
                    ..Message::text(Role::Tool, String::new())
                }),
                // A search of another server's, in a conversation that was begun there: what it found is in the answer
                // that follows.
                "web_search_call" => {
                    ignored::note(Api::OpenAi, "input: web_search_call");
                }
                other => {
                    let other: String = other.chars().take(64).collect();
                    return Err(unsupported(&format!("{path}.type"), &format!("{other:?} is not supported")));
                }
            }
        }
        // An empty input is an empty message, as an empty text is; clients ask so whether a model is there.
        if messages.iter().all(|m| m.role == Role::System) {
            messages.push(Message::text(Role::User, String::new()));
        }
        Ok(messages)
    }
}

fn required<T>(value: Option<T>, path: &str, field: &str) -> Result<T, ApiError> {
    value.ok_or_else(|| missing(path, field))
}

fn missing(path: &str, field: &str) -> ApiError {
    ApiError::invalid(format!("{path}.{field}"), format!("{path}.{field}: missing"))
}

impl Item {
    fn user(text: String) -> Self {
        Self {
            kind: None,
            id: None,
            role: Some(Role::User),
            content: Some(Content::Text(text)),
            call_id: None,
            namespace: None,
            name: None,
            arguments: None,
            input: None,
            output: None,
            _status: None,
            _summary: None,
            _encrypted_content: None,
            _phase: None,
            _action: None,
        }
    }

    /// Returns the id of the item that this one stands for, if it is a reference.
    pub(super) fn reference(&self, path: &str) -> Result<Option<&str>, ApiError> {
        let id = self.id.as_deref();
        match self.kind.as_deref() {
            Some("item_reference") => id.map(Some).ok_or_else(|| missing(path, "id")),
            // The type may be left out where nothing else is there.
            None if self.role.is_none() && self.content.is_none() => Ok(id),
            _ => Ok(None),
        }
    }

    fn message(self, path: &str) -> Result<Message, ApiError> {
        let role = required(self.role, path, "role")?;
        let content = required(self.content, path, "content")?;
        let text = content.text(&format!("{path}.content"))?;
        Ok(Message::text(role, text))
    }

    fn call(self, path: &str, spellings: &Spellings) -> Result<ToolCallWire, ApiError> {
        let name = required(self.name, path, "name")?;
        let arguments = if self.kind.as_deref() == Some("custom_tool_call") {
            Some(Arguments(free_text_arguments(&required(self.input, path, "input")?)))
        } else {
            self.arguments
        };
        Ok(ToolCallWire {
            id: self.call_id,
            _kind: None,
            function: FunctionCall {
                name: spellings.offered(self.namespace.as_deref(), &name).into_owned(),
                arguments,
            },
            _index: None,
        })
    }
}
