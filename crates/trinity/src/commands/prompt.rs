//! From what a user typed to token ids: plain text, or messages through the model's own chat template.

use chat::{Inputs, Message, Segment, Template, protect, segments};
use tokenizer::{ControlTokens, TokenId, Tokenizer};

use crate::{failure::{Failure, Kind}, terminal};

/// Text as the model's training text: its beginning token, then the text, in which nothing is a control token.
pub(super) fn encode_text(tokenizer: &Tokenizer, text: &str) -> Vec<TokenId> {
    let mut ids = Vec::new();
    tokenizer.encode(text, ControlTokens::AsText, true, &mut ids);
    ids
}

/// The messages rendered by `template`, ready for the reply. What the messages hold stays text, whatever it spells.
pub(super) fn encode_messages(tokenizer: &Tokenizer, template: &Template, messages: &[Message]) -> Result<Vec<TokenId>, Failure> {
    let spellings: Vec<&str> = tokenizer.control_pieces().collect();
    let guarded: Vec<Message> = messages.iter().map(|m| Message::new(&m.role, &protect(&m.content, &spellings))).collect();
    let piece = |id: Option<TokenId>| id.and_then(|id| tokenizer.piece(id)).unwrap_or_default();
    let inputs = Inputs {
        messages: &guarded,
        add_generation_prompt: true,
        bos_token: piece(tokenizer.bos()),
        eos_token: piece(tokenizer.eos()),
        now: terminal::now(),
    };
    let rendered = template.render(&inputs).map_err(|e| Failure::new(Kind::Failure, format!("chat template: {e}")))?;
    let mut ids = Vec::new();
    for segment in segments(&rendered) {
        match segment {
            Segment::Template(text) => tokenizer.encode(&text, ControlTokens::Parse, false, &mut ids),
            Segment::Text(text) => tokenizer.encode(&text, ControlTokens::AsText, false, &mut ids),
        }
    }
    // Most templates write the beginning token themselves; a model that wants it gets it exactly once.
    if let Some(bos) = tokenizer.bos().filter(|bos| tokenizer.adds_bos() && ids.first() != Some(bos)) {
        ids.insert(0, bos);
    }
    Ok(ids)
}
