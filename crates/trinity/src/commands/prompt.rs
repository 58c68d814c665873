//! From what a user typed to token ids, as the server does it.

use chat::{Message, Template};
use tokenizer::{TokenId, Tokenizer};

use crate::{
    failure::{Failure, Kind},
    terminal,
};

pub(super) use server::prompt::encode_text;

/// A system message, if there is one, and what the user says.
pub(super) fn single(system: Option<&str>, text: &str) -> Vec<Message> {
    system.map(Message::system).into_iter().chain([Message::user(text)]).collect()
}

/// The messages rendered by `template`, ready for the reply. What the messages hold stays text, whatever it spells.
pub(super) fn encode_messages(
    tokenizer: &Tokenizer,
    template: &Template,
    messages: &[Message],
) -> Result<Vec<TokenId>, Failure> {
    server::prompt::encode_messages(tokenizer, template, messages, terminal::now())
        .map_err(|e| Failure::new(Kind::Failure, format!("chat template: {e}")))
}
