//! Prompts of a loaded model: crate `prompt` with this model's parts, and what it refuses as an [`ApiError`].

use chat::Segment;
use prompt::{Conversation, FillParts};
use serde_json::{Map, Value};
use tokenizer::TokenId;

use super::LoadedModel;
use crate::error::{ApiError, ErrorKind};

impl LoadedModel {
    /// Messages in the shape of OpenAI's API as the model's own template writes them, with what they and the tools say
    /// guarded; `param` is the field they came from.
    pub(crate) fn render(
        &self,
        messages: &[Value],
        tools: &[chat::Tool],
        variables: &Map<String, Value>,
        add_generation_prompt: bool,
        param: &str,
    ) -> Result<Vec<Segment>, ApiError> {
        self.check_generates()?;
        let template = self.template.as_ref().ok_or_else(|| {
            let has_none = match &self.template_error {
                Some(error) => format!("the model {} has no chat template that can be used ({error})", self.id),
                None => format!("the model {} has no chat template", self.id),
            };
            let message = format!("{has_none}: it can only complete text");
            ApiError::new(ErrorKind::Invalid, message).with_code("no_chat_template")
        })?;
        let shaped = self.format.conversation(messages, tools, &self.guard.spellings());
        let conversation = Conversation {
            tools: shaped.tools.as_deref(),
            add_generation_prompt,
            extra: Some(variables),
            ..Conversation::new(&shaped.messages, jiff::ZonedDateTime::now().into())
        };
        prompt::render(self.handle.tokenizer(), template, &conversation).map_err(|e| refusal(&e, param))
    }

    /// The ids of a fill-in-the-middle prompt of at most `room` tokens, if the gap itself leaves that much.
    pub(crate) fn fill(&self, parts: &FillParts<'_>, room: usize) -> Result<Vec<TokenId>, ApiError> {
        prompt::encode_fill_within(self.handle.tokenizer(), parts, room).map_err(|e| refusal(&e, "suffix"))
    }
}

/// A prompt's error for the client that sent `param`.
fn refusal(error: &prompt::Error, param: &str) -> ApiError {
    match error {
        prompt::Error::NoFillTokens { .. } => {
            let message = "this model has no fill-in-the-middle tokens, so it takes no suffix";
            ApiError::invalid(param, message).with_code("unsupported_parameter")
        }
        _ => ApiError::invalid(param, format!("{param}: the model's chat template refuses them: {error}")),
    }
}
