//! What a template sees.

use jiff::civil::DateTime;
use serde_json::{Value, json};

/// One message of a conversation, as the command line writes them.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Message {
    /// `system`, `user`, `assistant`, `tool`
    pub role: String,
    /// Text.
    pub content: String,
}

impl Message {
    /// Role and text.
    pub fn new(role: &str, content: &str) -> Self {
        Self { role: role.to_owned(), content: content.to_owned() }
    }

    /// As a template sees it.
    pub fn to_json(&self) -> Value {
        json!({"role": self.role, "content": self.content})
    }
}

/// The inputs of one rendering.
#[derive(Clone, PartialEq, Debug)]
pub struct Inputs {
    /// Messages as JSON objects: `role`, `content` and whatever else a client sent.
    pub messages: Vec<Value>,
    /// Tool definitions as JSON objects; `None` if there are none.
    pub tools: Option<Vec<Value>>,
    /// End with the opening of the assistant's reply.
    pub add_generation_prompt: bool,
    /// Spelling of the beginning token.
    pub bos_token: String,
    /// Spelling of the end token.
    pub eos_token: String,
    /// What `strftime_now` tells: the clock is the caller's.
    pub now: DateTime,
}

impl Inputs {
    /// Messages, and the opening of the reply.
    pub fn new(messages: &[Message], bos_token: &str, eos_token: &str, now: DateTime) -> Self {
        Self {
            messages: messages.iter().map(Message::to_json).collect(),
            tools: None,
            add_generation_prompt: true,
            bos_token: bos_token.to_owned(),
            eos_token: eos_token.to_owned(),
            now,
        }
    }
}
