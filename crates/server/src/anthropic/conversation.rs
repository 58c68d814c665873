//! From Anthropic's turns to messages in the shape that templates know.

use std::collections::HashSet;

use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::content::{Block, Content, Skipped};
use crate::{
    error::ApiError,
    wire::{OpenCalls, check_messages},
};

/// A message of a conversation. It may be an answer, of this server or another, so what is not known in it is skipped.
#[derive(Deserialize, Debug)]
pub(super) struct MessageWire {
    role: Role,
    content: Content,
}

#[derive(Deserialize, Clone, Copy, PartialEq, Eq, Debug)]
#[serde(rename_all = "lowercase")]
enum Role {
    User,
    Assistant,
    System,
    /// The result of a tool; not a role of the wire.
    #[serde(skip)]
    Tool,
}

/// A conversation that was checked.
#[derive(Debug)]
pub(super) struct Conversation {
    /// Messages in the shape of OpenAI's API, as templates want them.
    pub(super) messages: Vec<Value>,
    /// Beginning of the answer, which the client wrote.
    pub(super) prefill: Option<String>,
}

/// The part of the thinking of earlier answers that is shown again.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum KeptThinking {
    All,
    /// The thinking of so many answers, the last ones that have some.
    Turns(usize),
}

#[derive(Debug)]
struct Turn {
    role: Role,
    text: Option<String>,
    reasoning: Option<String>,
    calls: Vec<Value>,
    /// Id of the call whose result this turn is.
    call_id: Option<String>,
}

impl Turn {
    fn new(role: Role) -> Self {
        Self { role, text: None, reasoning: None, calls: Vec::new(), call_id: None }
    }

    fn into_json(self) -> Value {
        let role = match self.role {
            Role::User => "user",
            Role::Assistant => "assistant",
            Role::System => "system",
            Role::Tool => "tool",
        };
        let mut message = Map::new();
        message.insert("role".to_owned(), role.into());
        message.insert("content".to_owned(), self.text.unwrap_or_default().into());
        if let Some(reasoning) = self.reasoning {
            message.insert("reasoning_content".to_owned(), reasoning.into());
        }
        if let Some(id) = self.call_id {
            message.insert("tool_call_id".to_owned(), id.into());
        }
        if !self.calls.is_empty() {
            message.insert("tool_calls".to_owned(), self.calls.into());
        }
        Value::Object(message)
    }
}

/// Appends `more` to a text, on a line of its own.
fn add(text: &mut Option<String>, more: &str) {
    match text {
        Some(text) => {
            text.push('\n');
            text.push_str(more);
        }
        None => *text = Some(more.to_owned()),
    }
}

impl Conversation {
    /// Reads a conversation; consecutive messages of one role become one, as Anthropic has it.
    pub(super) fn read(
        system: Option<&Content>,
        messages: &[MessageWire],
        kept: KeptThinking,
        skipped: Skipped<'_>,
    ) -> Result<Self, ApiError> {
        check_messages(messages.len())?;
        let mut turns = Turns::default();
        if let Some(system) = system {
            let text = system.text("system", skipped)?;
            if !text.is_empty() {
                add(&mut turns.of(Role::System).text, &text);
            }
        }
        for (i, message) in messages.iter().enumerate() {
            let path = format!("messages[{i}].content");
            for (j, block) in message.content.blocks(&path, skipped)?.into_iter().enumerate() {
                let place = match message.content {
                    Content::Text(_) => path.clone(),
                    Content::Blocks(_) => format!("{path}[{j}]"),
                };
                turns.push(message.role, block, &place)?;
            }
        }
        turns.forget_thinking(kept);
        let prefill = turns.take_prefill()?;
        Ok(Self { messages: turns.list.into_iter().map(Turn::into_json).collect(), prefill })
    }
}

#[derive(Default)]
struct Turns {
    list: Vec<Turn>,
    call_ids: HashSet<String>,
    open: OpenCalls,
}

impl Turns {
    /// Returns the last turn if it is of `role`, else a new one.
    fn of(&mut self, role: Role) -> &mut Turn {
        let is_last = self.list.last().is_some_and(|turn| turn.role == role) && role != Role::Tool;
        if !is_last {
            self.list.push(Turn::new(role));
        }
        let last = self.list.len() - 1;
        &mut self.list[last]
    }

    fn push(&mut self, role: Role, block: Block, path: &str) -> Result<(), ApiError> {
        let only = |whose: &str| {
            let param = format!("{path}.type");
            Err(ApiError::invalid(param.clone(), format!("{param}: only in a message of the {whose}")))
        };
        match (block, role) {
            (Block::Text(text), role) => add(&mut self.of(role).text, &text),
            (Block::Thinking(text), Role::Assistant) => add(&mut self.of(role).reasoning, &text),
            (Block::RedactedThinking, Role::Assistant) => {}
            (Block::ToolUse { id, name, input }, Role::Assistant) => {
                let id = id.unwrap_or_else(|| format!("toolu_{}", self.call_ids.len()));
                let function = json!({"name": name, "arguments": input});
                self.open.made(id.clone(), name);
                self.of(role).calls.push(json!({"id": id, "type": "function", "function": function}));
                self.call_ids.insert(id);
            }
            (Block::ToolResult { tool_use_id, text }, Role::User) => {
                let param = format!("{path}.tool_use_id");
                let refused = |why: String| ApiError::invalid(param.clone(), format!("{param}: {why}"));
                let id = self.open.answered(tool_use_id.as_deref(), None);
                let id =
                    id.ok_or_else(|| refused("missing, and no tool_use before it waits for a result".to_owned()))?;
                if !self.call_ids.contains(&id) {
                    let shown: String = id.chars().take(64).collect();
                    return Err(refused(format!("no tool_use before it has the id {shown:?}")));
                }
                let turn = self.of(Role::Tool);
                turn.text = Some(text);
                turn.call_id = Some(id);
            }
            (Block::Thinking(_) | Block::RedactedThinking | Block::ToolUse { .. }, _) => return only("assistant"),
            (Block::ToolResult { .. }, _) => return only("user"),
        }
        Ok(())
    }

    fn forget_thinking(&mut self, kept: KeptThinking) {
        let KeptThinking::Turns(kept) = kept else { return };
        for turn in self.list.iter_mut().rev().filter(|turn| turn.reasoning.is_some()).skip(kept) {
            turn.reasoning = None;
        }
    }

    /// Takes the beginning of the answer: a last message of the assistant.
    fn take_prefill(&mut self) -> Result<Option<String>, ApiError> {
        let refused = |why: &str| Err(ApiError::invalid("messages", format!("messages: {why}")));
        let Some(last) = self.list.pop_if(|turn| turn.role == Role::Assistant) else {
            return if self.list.is_empty() { refused("nothing in them") } else { Ok(None) };
        };
        if !last.calls.is_empty() {
            return refused("the last one calls a tool; its tool_result has to follow");
        }
        if last.reasoning.is_some() {
            return refused("the last one, which the answer goes on from, cannot hold thinking");
        }
        let text = last.text.unwrap_or_default();
        if text.ends_with(char::is_whitespace) {
            return refused("the last one, which the answer goes on from, cannot end with white space");
        }
        Ok(Some(text))
    }
}
