//! Messages or text → the token ids that a model reads. What a user typed stays text, whatever it spells.
//!
//! Two invariants: only what a template wrote may become a control token ([`Guard`] marks the rest before it is
//! rendered), and the time that a template is told is an argument. Nothing here knows HTTP, an engine or a clock; who
//! has those converts [`Error`] at its edge.
//!
//! Start reading at [`encode_messages`], which is every step of the way for typed messages.

mod error;
mod fill;
mod guard;
mod pair;
mod thinking;

pub use error::Error;
pub use fill::{FillParts, can_fill, encode_fill, encode_fill_within, missing_fill_tokens};
pub use guard::Guard;
pub use pair::encode_pair;
pub use thinking::Thinking;

use chat::{Inputs, Message, Messages, Now, Segment, Template, segments};
use serde_json::{Map, Value};
use tokenizer::{ControlTokens, TokenId, Tokenizer};

/// A conversation, as a template is given it.
#[derive(Clone, Copy, Debug)]
pub struct Conversation<'a> {
    /// Messages, which went through a [`Guard`].
    pub messages: Messages<'a>,
    /// Tools that the model may call, which went through a [`Guard`].
    pub tools: Option<&'a [Value]>,
    /// Ends with the words that make the model answer.
    pub add_generation_prompt: bool,
    /// Variables of the template beside the usual ones.
    pub extra: Option<&'a Map<String, Value>>,
    /// Local time that the template is told.
    pub now: Now,
}

impl<'a> Conversation<'a> {
    /// The conversation of these messages alone, which the model shall answer.
    pub fn new(messages: impl Into<Messages<'a>>, now: Now) -> Self {
        Self { messages: messages.into(), tools: None, add_generation_prompt: true, extra: None, now }
    }
}

/// The ids of text as in training: the beginning token if the model has one, then the text, in which nothing is a
/// control token ([`encode_special`] reads them).
pub fn encode_text(tokenizer: &Tokenizer, text: &str) -> Vec<TokenId> {
    let mut ids: Vec<TokenId> = tokenizer.added_first().into_iter().collect();
    tokenizer.encode(text, ControlTokens::AsText, false, &mut ids);
    ids
}

/// The ids of text in which control tokens may be spelled, behind the beginning token if the model has one.
pub fn encode_special(tokenizer: &Tokenizer, text: &str) -> Vec<TokenId> {
    encode_segments(tokenizer, &[Segment::Template(text.to_owned())])
}

/// The conversation rendered by `template`; its messages and tools went through a [`Guard`].
pub fn render(
    tokenizer: &Tokenizer,
    template: &Template,
    conversation: &Conversation<'_>,
) -> Result<Vec<Segment>, Error> {
    let piece = |id: Option<TokenId>| id.and_then(|id| tokenizer.piece(id));
    let rendered = template.render(&Inputs {
        messages: conversation.messages,
        tools: conversation.tools,
        add_generation_prompt: conversation.add_generation_prompt,
        bos_token: piece(tokenizer.bos()),
        eos_token: piece(tokenizer.eos()),
        now: conversation.now,
        extra: conversation.extra,
    })?;
    Ok(segments(&rendered))
}

/// The ids of a rendered conversation: control tokens count only where the template wrote them.
pub fn encode_segments(tokenizer: &Tokenizer, segments: &[Segment]) -> Vec<TokenId> {
    let mut ids = Vec::new();
    for segment in segments {
        match segment {
            Segment::Template(text) => tokenizer.encode(text, ControlTokens::Parse, false, &mut ids),
            Segment::Text(text) => tokenizer.encode(text, ControlTokens::AsText, false, &mut ids),
        }
    }
    // Most templates write the beginning token themselves; a model that wants it gets it exactly once.
    if let Some(first) = tokenizer.added_first().filter(|first| ids.first() != Some(first)) {
        ids.insert(0, first);
    }
    ids
}

/// A rendered conversation as text.
pub fn text_of(segments: &[Segment]) -> String {
    segments.iter().map(|(Segment::Template(text) | Segment::Text(text))| text.as_str()).collect()
}

/// The ids of typed messages, guarded and rendered by `template`, ready for the reply; `extra` are variables of the
/// template beside the usual ones.
pub fn encode_messages(
    tokenizer: &Tokenizer,
    template: &Template,
    messages: &[Message],
    extra: Option<&Map<String, Value>>,
    now: Now,
) -> Result<Vec<TokenId>, Error> {
    let guard = Guard::new(tokenizer);
    let guarded: Vec<Message> = messages.iter().map(|m| guard.message(m)).collect();
    let segments = render(tokenizer, template, &Conversation { extra, ..Conversation::new(&guarded, now) })?;
    Ok(encode_segments(tokenizer, &segments))
}
