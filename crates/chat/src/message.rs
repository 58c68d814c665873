//! A conversation, typed for a program that holds one, or as the JSON a client sent.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// The speaker of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum Role {
    /// Instructions for the whole conversation.
    System,
    /// The person who asks.
    User,
    /// The model that answers.
    Assistant,
    /// The result of a tool call.
    Tool,
}

impl Role {
    /// The word that templates compare with.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::System => "system",
            Self::User => "user",
            Self::Assistant => "assistant",
            Self::Tool => "tool",
        }
    }
}

/// What is said: text, or a list of parts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Content {
    /// The message is one text.
    Text(String),
    /// Parts in order.
    Parts(Vec<Part>),
}

/// One part of a message.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "lowercase")]
#[non_exhaustive]
pub enum Part {
    /// A part that is text.
    Text {
        /// The text of the part.
        text: String,
    },
}

/// One message of a conversation. As JSON (for files): `{"role": "user", "content": "Hello"}`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Message {
    /// The speaker of the message.
    pub role: Role,
    /// What is said.
    pub content: Content,
}

impl Message {
    /// A text message.
    pub fn new(role: Role, text: impl Into<String>) -> Self {
        Self { role, content: Content::Text(text.into()) }
    }

    /// A system message.
    pub fn system(text: impl Into<String>) -> Self {
        Self::new(Role::System, text)
    }

    /// A message of the person.
    pub fn user(text: impl Into<String>) -> Self {
        Self::new(Role::User, text)
    }

    /// A message of the model.
    pub fn assistant(text: impl Into<String>) -> Self {
        Self::new(Role::Assistant, text)
    }

    /// The message as templates see it.
    pub fn to_json(&self) -> Value {
        let content = match &self.content {
            Content::Text(text) => Value::from(text.as_str()),
            Content::Parts(parts) => parts
                .iter()
                .map(|Part::Text { text }| {
                    Value::Object(Map::from_iter([
                        ("type".into(), "text".into()),
                        ("text".into(), text.as_str().into()),
                    ]))
                })
                .collect(),
        };
        Value::Object(Map::from_iter([("role".into(), self.role.as_str().into()), ("content".into(), content)]))
    }
}

/// The messages of one conversation.
#[derive(Clone, Copy, Debug)]
pub enum Messages<'a> {
    /// Messages of this crate's type.
    Typed(&'a [Message]),
    /// As a client sent them: objects with `role` and `content`, and whatever else the template knows.
    Json(&'a [Value]),
}

impl<'a> From<&'a [Message]> for Messages<'a> {
    fn from(messages: &'a [Message]) -> Self {
        Self::Typed(messages)
    }
}

impl<'a> From<&'a [Value]> for Messages<'a> {
    fn from(messages: &'a [Value]) -> Self {
        Self::Json(messages)
    }
}

impl<'a, const N: usize> From<&'a [Message; N]> for Messages<'a> {
    fn from(messages: &'a [Message; N]) -> Self {
        Self::Typed(messages)
    }
}

impl<'a, const N: usize> From<&'a [Value; N]> for Messages<'a> {
    fn from(messages: &'a [Value; N]) -> Self {
        Self::Json(messages)
    }
}

impl<'a> From<&'a Vec<Message>> for Messages<'a> {
    fn from(messages: &'a Vec<Message>) -> Self {
        Self::Typed(messages)
    }
}

impl<'a> From<&'a Vec<Value>> for Messages<'a> {
    fn from(messages: &'a Vec<Value>) -> Self {
        Self::Json(messages)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_goes_to_a_file_and_back() {
        let parts = Content::Parts(vec![Part::Text { text: "a \"b\"".into() }]);
        for message in [Message::user("Hello\n"), Message { role: Role::Assistant, content: parts }] {
            let json = serde_json::to_value(&message).unwrap();
            assert_eq!(json, message.to_json());
            assert_eq!(serde_json::from_value::<Message>(json).unwrap(), message);
        }
    }
}
