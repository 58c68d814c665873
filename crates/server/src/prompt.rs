//! From messages or text to token ids. What a user typed stays text, whatever it spells.

mod fill;
mod guard;
mod thinking;

pub use fill::{FillParts, can_fill, encode_fill};
pub(crate) use fill::{encode_fill_within, missing_fill_tokens};
pub use guard::Guard;
pub use thinking::Thinking;

use chat::{Inputs, Messages, Now, Segment, Template, segments};
use serde_json::{Map, Value};
use tokenizer::{ControlTokens, TokenId, Tokenizer};

use crate::{
    error::{ApiError, ErrorKind},
    models::LoadedModel,
};

/// A conversation to be rendered.
#[derive(Clone, Copy, Debug)]
pub struct Conversation<'a> {
    /// The messages, guarded.
    pub messages: Messages<'a>,
    /// The tools that the model may call, guarded.
    pub tools: Option<&'a [Value]>,
    /// End with the words that make the model answer.
    pub add_generation_prompt: bool,
    /// More variables of the template.
    pub extra: Option<&'a Map<String, Value>>,
    /// The local time.
    pub now: Now,
}

impl<'a> Conversation<'a> {
    /// Messages that the model shall answer.
    pub fn new(messages: impl Into<Messages<'a>>, now: Now) -> Self {
        Self { messages: messages.into(), tools: None, add_generation_prompt: true, extra: None, now }
    }
}

/// The local time, for templates that ask.
pub fn now() -> Now {
    jiff::ZonedDateTime::now().into()
}

/// Text as in training: the beginning token if the model has one, then the text, in which nothing is a control token. What is to spell some
/// is a [`Segment::Template`] for [`encode_segments`].
pub fn encode_text(tokenizer: &Tokenizer, text: &str) -> Vec<TokenId> {
    let mut ids: Vec<TokenId> = tokenizer.added_first().into_iter().collect();
    tokenizer.encode(text, ControlTokens::AsText, false, &mut ids);
    ids
}

/// The conversation rendered by `template`; its messages and tools went through a [`Guard`].
pub fn render(
    tokenizer: &Tokenizer,
    template: &Template,
    conversation: &Conversation<'_>,
) -> Result<Vec<Segment>, chat::Error> {
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

/// Messages in the shape of OpenAI's API as the model's own template writes them, with what they and the tools say guarded; `param` is the
/// field they came from.
pub(crate) fn render_messages(
    model: &LoadedModel,
    messages: &[Value],
    tools: &[chat::Tool],
    variables: &Map<String, Value>,
    add_generation_prompt: bool,
    param: &str,
) -> Result<Vec<Segment>, ApiError> {
    let template = model.template.as_ref().ok_or_else(|| {
        let has_none = match &model.template_error {
            Some(error) => format!("the model {} has no chat template that can be used ({error})", model.id),
            None => format!("the model {} has no chat template", model.id),
        };
        let message = format!("{has_none}: it can only complete text");
        ApiError::new(ErrorKind::Invalid, message).with_code("no_chat_template")
    })?;
    let shaped = model.format.conversation(messages, tools, &model.guard.spellings());
    let conversation = Conversation {
        tools: shaped.tools.as_deref(),
        add_generation_prompt,
        extra: Some(variables),
        ..Conversation::new(&shaped.messages, now())
    };
    render(model.handle.tokenizer(), template, &conversation)
        .map_err(|e| ApiError::invalid(param, format!("{param}: the model's chat template refuses them: {e}")))
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

/// Typed messages to ids, ready for the reply; `extra`: more variables of the template.
pub fn encode_messages(
    tokenizer: &Tokenizer,
    template: &Template,
    messages: &[chat::Message],
    extra: Option<&Map<String, Value>>,
    now: Now,
) -> Result<Vec<TokenId>, chat::Error> {
    let guard = Guard::new(tokenizer);
    let guarded: Vec<chat::Message> = messages.iter().map(|m| guard.message(m)).collect();
    let segments = render(tokenizer, template, &Conversation { extra, ..Conversation::new(&guarded, now) })?;
    Ok(encode_segments(tokenizer, &segments))
}
