//! The route `/api/generate`.

use std::time::Instant;

use axum::{Extension, extract::State, response::Response};
use engine::CacheScope;
use prompt::FillParts;
use reply::Reply;
use serde::Deserialize;
use serde_json::{Map, Value, json};
use tokenizer::TokenId;

use super::{
    load, names,
    options::{self, KeepAliveWire, Options},
    output::{self, Form, Head},
};
use crate::{
    App, Caller, Json,
    blocking::{self, Asked},
    error::ApiError,
    generation::{Generation, GenerationRequest, Output},
    models::LoadedModel,
    wire::{Refused, unsupported},
};

/// The body of `/api/generate`; a field that is not listed is skipped.
#[derive(Deserialize, Debug)]
pub(super) struct GenerateRequest {
    model: String,
    prompt: Option<String>,
    suffix: Option<String>,
    system: Option<String>,
    template: Option<String>,
    context: Option<Vec<u32>>,
    raw: Option<bool>,
    images: Option<Vec<Value>>,
    format: Option<Value>,
    options: Option<Options>,
    stream: Option<bool>,
    keep_alive: Option<KeepAliveWire>,
    think: Option<Value>,
    logprobs: Option<bool>,
    top_logprobs: Option<i64>,
    /// Whether older messages may be left out. One message has none.
    #[serde(rename = "truncate")]
    _truncate: Option<bool>,
    /// Whether an answer goes on beyond the context. Nothing of a context is forgotten here: an answer ends with it.
    #[serde(rename = "shift")]
    _shift: Option<bool>,
    // Of models that draw.
    #[serde(rename = "width")]
    _width: Option<Refused>,
    #[serde(rename = "height")]
    _height: Option<Refused>,
    #[serde(rename = "steps")]
    _steps: Option<Refused>,
}

/// Refuses images, which are for models that see.
pub(super) fn check_images(images: Option<&Vec<Value>>, param: &str) -> Result<(), ApiError> {
    match images {
        Some(images) if !images.is_empty() => Err(unsupported(param, "this server reads text only")),
        _ => Ok(()),
    }
}

/// Answers `POST /api/generate`, in lines or in one piece.
pub(super) async fn generate(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    Json(request): Json<GenerateRequest>,
) -> Result<Response, ApiError> {
    let started = Instant::now();
    request.check()?;
    options::top_logprobs(request.logprobs, request.top_logprobs)?;
    if request.is_empty() {
        options::check(request.options.as_ref(), request.format.as_ref(), request.think.as_ref())?;
        return load::respond(
            &app,
            &caller,
            Form::Generate,
            request.model,
            request.keep_alive,
            request.options.as_ref(),
        )
        .await;
    }
    let lease = names::acquire(&app, &caller, &request.model, request.keep_alive, request.options.as_ref()).await?;
    let load_time = started.elapsed();
    let (model, is_stream) = (request.model.clone(), request.stream.unwrap_or(true));
    let is_raw = request.raw == Some(true);
    let request = blocking::prepare(&app, &lease, &caller, |asked| request.prepare(asked)).await?;
    let context = (!is_raw).then(|| request.engine.prompt.iter().map(|id| id.0).collect());
    let generation = Generation::start(&app, &caller, lease, request).await?;
    let head = Head { form: Form::Generate, model, started, load_time, context };
    output::respond(&app, head, generation, is_stream).await
}

impl GenerateRequest {
    /// Whether the request has no prompt, so that it is about the model alone.
    fn is_empty(&self) -> bool {
        let is_empty = |text: &Option<String>| text.as_ref().is_none_or(String::is_empty);
        is_empty(&self.prompt) && is_empty(&self.suffix)
    }

    /// Checks what needs no model to be refused.
    fn check(&self) -> Result<(), ApiError> {
        check_images(self.images.as_ref(), "images")?;
        if self.template.as_ref().is_some_and(|t| !t.is_empty()) {
            return Err(unsupported("template", "this server writes prompts by the model's own template, or raw"));
        }
        let given = |text: &Option<String>| text.as_ref().is_some_and(|t| !t.is_empty());
        let has_context = self.context.as_ref().is_some_and(|c| !c.is_empty());
        let is_bare = self.raw == Some(true) || given(&self.suffix);
        for (param, is_given) in [("system", given(&self.system)), ("context", has_context)] {
            if is_bare && is_given {
                return Err(unsupported(param, "not with raw or suffix, which use no template"));
            }
        }
        Ok(())
    }

    /// Checks the rest and turns the prompt into ids. Takes long, so it must not run on the threads that serve.
    fn prepare(mut self, asked: Asked<'_>) -> Result<GenerationRequest, ApiError> {
        let model: &LoadedModel = asked.lease;
        let mut request = GenerationRequest::new(Vec::new(), "prompt");
        self.write_prompt(model, &mut request)?;
        self.options.take().unwrap_or_default().apply(&mut request, model)?;
        request.engine.scope = CacheScope(asked.caller.scope);
        request.grammar = options::grammar(self.format.take())?;
        request.engine.top_logprobs = options::top_logprobs(self.logprobs, self.top_logprobs)?;
        Ok(request)
    }

    /// Writes the prompt into `request`, and how the model writes after it.
    fn write_prompt(&self, model: &LoadedModel, request: &mut GenerationRequest) -> Result<(), ApiError> {
        let (tokenizer, text) = (model.handle.tokenizer(), self.prompt.as_deref().unwrap_or_default());
        let variables = options::thinking(self.think.as_ref(), model)?;
        if let Some(suffix) = self.suffix.as_deref().filter(|s| !s.is_empty()) {
            let parts = FillParts { prefix: text, suffix, ..FillParts::default() };
            request.engine.prompt = model.fill(&parts, usize::MAX)?;
            return Ok(());
        }
        if self.raw == Some(true) {
            // Whoever asks for it writes the template's part too, control tokens included.
            request.engine.prompt = prompt::encode_special(tokenizer, text);
            return Ok(());
        }
        let n_vocab = model.handle.n_vocab();
        if let Some(id) = self.context.iter().flatten().find(|id| **id as usize >= n_vocab) {
            return Err(ApiError::invalid("context", format!("context: token id {id}: the vocabulary has {n_vocab}")));
        }
        request.engine.prompt = self.context.iter().flatten().copied().map(TokenId).collect();
        let turn = if model.template.is_some() {
            self.render(model, text, &variables, request)?
        } else if self.system.as_ref().is_some_and(|s| !s.is_empty()) {
            return Err(unsupported("system", &format!("the model {} has no chat template", model.id)));
        } else {
            prompt::encode_text(tokenizer, text)
        };
        // A conversation begins once.
        let first =
            tokenizer.added_first().filter(|first| !request.engine.prompt.is_empty() && turn.first() == Some(first));
        request.engine.prompt.extend(&turn[usize::from(first.is_some())..]);
        Ok(())
    }

    /// Renders the prompt as a message of the user.
    fn render(
        &self,
        model: &LoadedModel,
        text: &str,
        variables: &Map<String, Value>,
        request: &mut GenerationRequest,
    ) -> Result<Vec<TokenId>, ApiError> {
        let system = self.system.as_deref().filter(|s| !s.is_empty());
        let system = system.map(|system| json!({"role": "system", "content": system}));
        let messages: Vec<Value> = system.into_iter().chain([json!({"role": "user", "content": text})]).collect();
        let segments = model.render(&messages, &[], variables, true, "prompt")?;
        let format = model.format.after_prompt(&prompt::text_of(&segments));
        let choice = ::chat::ToolChoice::None;
        request.output = Output::Chat(Reply { format, tools: Vec::new(), choice, parallel: None });
        Ok(prompt::encode_segments(model.handle.tokenizer(), &segments))
    }
}
