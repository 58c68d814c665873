//! `/api/chat`

use std::time::Instant;

use ::chat::{Segment, ToolChoice};
use axum::{Extension, extract::State, response::Response};
use engine::CacheScope;
use serde::Deserialize;
use serde_json::Value;

use super::{
    generate::check_cuts,
    load,
    message::{Conversation, MessageWire},
    names,
    options::{self, KeepAliveWire, Options},
    output::{self, Form, Head},
};
use crate::{
    App, Caller, Json, blocking,
    error::ApiError,
    generation::{ChatOutput, Generation, GenerationRequest, Output},
    models::LoadedModel,
    openai::tools::{self, ToolWire},
    prompt,
    wire::unsupported,
};

/// Everything that can be asked; what is not listed is refused by name.
#[derive(Deserialize, Debug)]
#[serde(deny_unknown_fields)]
pub(super) struct ChatRequest {
    model: String,
    messages: Option<Vec<MessageWire>>,
    /// In OpenAI's form.
    tools: Option<Vec<ToolWire>>,
    format: Option<Value>,
    options: Option<Options>,
    stream: Option<bool>,
    keep_alive: Option<KeepAliveWire>,
    think: Option<Value>,
    logprobs: Option<bool>,
    top_logprobs: Option<i64>,
    truncate: Option<bool>,
    shift: Option<bool>,
}

/// `POST /api/chat`
pub(super) async fn chat(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    Json(request): Json<ChatRequest>,
) -> Result<Response, ApiError> {
    let started = Instant::now();
    check_cuts(request.truncate, request.shift)?;
    options::top_logprobs(request.logprobs, request.top_logprobs)?;
    if request.messages.as_ref().is_none_or(Vec::is_empty) {
        options::check(request.options.as_ref(), request.format.as_ref(), request.think.as_ref())?;
        tools::tools(request.tools)?;
        return load::respond(&app, Form::Chat, request.model, request.keep_alive).await;
    }
    let lease = names::acquire(&app, &request.model, request.keep_alive).await?;
    let load_time = started.elapsed();
    let (model, is_stream) = (request.model.clone(), request.stream.unwrap_or(true));
    let request = {
        let (lease, caller) = (lease.clone(), caller.clone());
        blocking::run(&app, move || request.prepare(&lease, &caller)).await?
    };
    let generation = Generation::start(&app, &caller, lease, request).await?;
    let head = Head { form: Form::Chat, model, started, load_time, context: None };
    output::respond(&app, head, generation, is_stream).await
}

impl ChatRequest {
    /// Checks everything and turns the conversation into ids. Long work: not for the threads that serve.
    fn prepare(mut self, model: &LoadedModel, caller: &Caller) -> Result<GenerationRequest, ApiError> {
        let conversation = Conversation::read(&self.messages.take().unwrap_or_default())?;
        let tools = tools::tools(self.tools.take())?;
        let mut request = GenerationRequest::new(Vec::new(), "messages");
        request.scope = CacheScope(caller.scope);
        request.grammar = options::grammar(self.format.take())?;
        request.top_logprobs = options::top_logprobs(self.logprobs, self.top_logprobs)?;
        if request.grammar.is_some() && !tools.is_empty() {
            return Err(unsupported("format", "not together with tools"));
        }
        let variables = options::thinking(self.think.as_ref(), model)?;
        let mut segments =
            prompt::render_messages(model, &conversation.messages, &tools, &variables, true, "messages")?;
        segments.extend(conversation.prefill.map(Segment::Text));
        request.prompt = prompt::encode_segments(model.handle.tokenizer(), &segments);
        let format = model.format.after_prompt(&prompt::text_of(&segments));
        let choice = if tools.is_empty() { ToolChoice::None } else { ToolChoice::Auto };
        request.output = Output::Chat(ChatOutput { format, tools, choice, parallel: true });
        self.options.take().unwrap_or_default().apply(&mut request, model.handle.context_len_max())?;
        Ok(request)
    }
}
