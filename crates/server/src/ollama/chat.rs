//! The route `/api/chat`.

use std::time::Instant;

use ::chat::{Segment, ToolChoice};
use axum::{Extension, extract::State, response::Response};
use engine::CacheScope;
use reply::Reply;
use serde::Deserialize;
use serde_json::Value;

use super::{
    history::{self, Rendered},
    load,
    message::{Conversation, MessageWire},
    names,
    options::{self, KeepAliveWire, Options},
    output::{self, Form, Head},
};
use crate::{
    App, Caller, Json,
    blocking::{self, Asked},
    error::ApiError,
    generation::{Generation, GenerationRequest, Output},
    models::LoadedModel,
    wire::{ToolWire, function_tools},
};

/// The body of `/api/chat`; a field that is not listed is skipped.
#[derive(Deserialize, Debug)]
pub(super) struct ChatRequest {
    model: String,
    messages: Option<Vec<MessageWire>>,
    /// Tools in OpenAI's form.
    tools: Option<Vec<ToolWire>>,
    format: Option<Value>,
    options: Option<Options>,
    stream: Option<bool>,
    keep_alive: Option<KeepAliveWire>,
    think: Option<Value>,
    logprobs: Option<bool>,
    top_logprobs: Option<i64>,
    /// Whether a conversation that is longer than the context loses its oldest messages, as it does by default.
    truncate: Option<bool>,
    /// Whether an answer goes on beyond the context. Nothing of a context is forgotten here: an answer ends with it.
    #[serde(rename = "shift")]
    _shift: Option<bool>,
}

/// Answers `POST /api/chat`, in lines or in one piece.
pub(super) async fn chat(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    Json(request): Json<ChatRequest>,
) -> Result<Response, ApiError> {
    let started = Instant::now();
    options::top_logprobs(request.logprobs, request.top_logprobs)?;
    if request.messages.as_ref().is_none_or(Vec::is_empty) {
        options::check(request.options.as_ref(), request.format.as_ref(), request.think.as_ref())?;
        function_tools(request.tools)?;
        return load::respond(&app, &caller, Form::Chat, request.model, request.keep_alive, request.options.as_ref())
            .await;
    }
    let lease = names::acquire(&app, &caller, &request.model, request.keep_alive, request.options.as_ref()).await?;
    let load_time = started.elapsed();
    let (model, is_stream) = (request.model.clone(), request.stream.unwrap_or(true));
    let request = blocking::prepare(&app, &lease, &caller, |asked| request.prepare(asked)).await?;
    let generation = Generation::start(&app, &caller, lease, request).await?;
    let head = Head { form: Form::Chat, model, started, load_time, context: None };
    output::respond(&app, head, generation, is_stream).await
}

impl ChatRequest {
    /// Checks all fields and turns the conversation into ids. Takes long, so it must not run on the threads that serve.
    fn prepare(mut self, asked: Asked<'_>) -> Result<GenerationRequest, ApiError> {
        let model: &LoadedModel = asked.lease;
        let options = self.options.take().unwrap_or_default();
        let context_len_max = model.handle.context_len_max();
        let room = options.num_ctx(context_len_max)?.unwrap_or(context_len_max);
        let conversation = Conversation::read(&self.messages.take().unwrap_or_default())?;
        let tools = function_tools(self.tools.take())?;
        let mut request = GenerationRequest::new(Vec::new(), "messages");
        request.engine.scope = CacheScope(asked.caller.scope);
        request.grammar = options::grammar(self.format.take())?;
        request.engine.top_logprobs = options::top_logprobs(self.logprobs, self.top_logprobs)?;
        let variables = options::thinking(self.think.as_ref(), model)?;
        let render = |messages: &[Value]| -> Result<Rendered, ApiError> {
            let mut segments = model.render(messages, &tools, &variables, true, "messages")?;
            segments.extend(conversation.prefill.clone().map(Segment::Text));
            Ok(Rendered { ids: prompt::encode_segments(model.handle.tokenizer(), &segments), segments })
        };
        let mut rendered = render(&conversation.messages)?;
        if rendered.ids.len() >= room
            && self.truncate != Some(false)
            && let Some((n_left_out, shorter)) = history::shorten(&conversation.messages, room, render)
        {
            asked.app.notices().history_cut(&model.id, n_left_out, room);
            rendered = shorter;
        }
        let Rendered { ids, segments } = rendered;
        request.engine.prompt = ids;
        let format = model.format.after_prompt(&prompt::text_of(&segments));
        let choice = if tools.is_empty() { ToolChoice::None } else { ToolChoice::Auto };
        // Nobody can say how many calls there may be: as many as the model likes, where it may as well say what it
        // likes.
        let parallel = request.grammar.is_none().then_some(true);
        request.output = Output::Chat(Reply { format, tools, choice, parallel });
        options.apply(&mut request, model)?;
        Ok(request)
    }
}
