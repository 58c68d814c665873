//! The body of `/v1/chat/completions`.

use reply::Reply;
use serde_json::{Map, Value};
use tokenizer::TokenId;

use super::{
    message::{Message, Role, to_json},
    thinking::{ReasoningFormat, ReasoningWire, Thinking, ThinkingWire, thoughts},
};
use crate::{
    blocking::Asked,
    error::ApiError,
    generation::{GenerationRequest, Output},
    ignored::{self, Api},
    limits,
    models::Lease,
    openai::{
        constraint::ResponseFormat,
        fields::{Ignored, ServiceTier, StreamOptions, common_fields, count, request_type, unsupported},
        logprobs::check_prompt_logprobs,
        tool_choice::{ToolChoiceWire, choose, parallel},
        values::Refused,
    },
    wire::{ToolWire, first_tokens_max, function_tools},
};

common_fields!(request_type! {
    /// The body of `/v1/chat/completions`; a field that is not listed is refused by name.
    struct ChatRequest {
        model: Option<String>,
        messages: Vec<Message>,
        stream: Option<bool>,
        stream_options: Option<StreamOptions>,
        max_tokens: Option<i64>,
        max_completion_tokens: Option<i64>,
        /// Largest number of tokens by llama.cpp's name of it.
        n_predict: Option<i64>,
        logprobs: Option<bool>,
        top_logprobs: Option<i64>,
        /// Number of tokens reported beside each of the prompt; vLLM's field.
        prompt_logprobs: Option<i64>,
        response_format: Option<ResponseFormat>,
        tools: Option<Vec<ToolWire>>,
        tool_choice: Option<ToolChoiceWire>,
        parallel_tool_calls: Option<bool>,
        /// Effort of thinking, for templates that know it; `none` also switches thinking off.
        reasoning_effort: Option<String>,
        // The same in the words of OpenRouter, Ollama, Qwen and Anthropic.
        reasoning: Option<ReasoningWire>,
        think: Option<Value>,
        enable_thinking: Option<bool>,
        thinking: Option<ThinkingWire>,
        include_reasoning: Option<bool>,
        reasoning_format: Option<ReasoningFormat>,
        chat_template_kwargs: Option<Map<String, Value>>,
        add_generation_prompt: Option<bool>,
        /// Whether the last message, of the assistant, is the beginning of the answer; vLLM's field.
        continue_final_message: Option<bool>,
        #[serde(rename = "service_tier")]
        _service_tier: Option<ServiceTier>,
        #[serde(rename = "modalities")]
        _modalities: Option<Vec<Modality>>,
        #[serde(rename = "verbosity")]
        _verbosity: Option<Verbosity>,
        store: Option<bool>,
        #[serde(rename = "user")]
        _user: Ignored,
        #[serde(rename = "metadata")]
        _metadata: Ignored,
        #[serde(rename = "safety_identifier")]
        _safety_identifier: Ignored,
        #[serde(rename = "prompt_cache_key")]
        _prompt_cache_key: Ignored,
        #[serde(rename = "prompt_cache_retention")]
        _prompt_cache_retention: Ignored,
        #[serde(rename = "audio")]
        _audio: Option<Refused>,
        #[serde(rename = "prediction")]
        _prediction: Option<Refused>,
        #[serde(rename = "web_search_options")]
        _web_search_options: Option<Refused>,
        #[serde(rename = "functions")]
        _functions: Option<Refused>,
        #[serde(rename = "function_call")]
        _function_call: Option<Refused>,
    }
});

/// A kind of output that is asked for.
#[derive(serde::Deserialize, Clone, Copy, PartialEq, Eq, Debug)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Modality {
    Text,
}

/// A wish how long the answer should be, which nothing here could make a model fulfil.
#[derive(serde::Deserialize, Clone, Copy, PartialEq, Eq, Debug)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Verbosity {
    Low,
    Medium,
    High,
}

/// The way in which the answer is to be written.
#[derive(Clone, Debug, Default)]
pub(crate) struct Answer {
    pub(crate) is_stream: bool,
    pub(crate) include_usage: bool,
    /// Prompt, and how many tokens are reported beside each of it, where that is wanted.
    pub(crate) prompt_logprobs: Option<(Vec<TokenId>, usize)>,
}

impl ChatRequest {
    /// Checks all fields and turns the conversation into ids. Takes long, so it must not run on the threads that serve.
    pub(crate) fn prepare(mut self, asked: Asked<'_>) -> Result<(GenerationRequest, Answer), ApiError> {
        let Asked { lease, caller, .. } = asked;
        if self.store == Some(true) {
            // Kept for the client's own statistics, which nothing here shows.
            ignored::note(Api::OpenAi, "store");
        }
        let is_stream = self.stream.unwrap_or(false);
        let include_usage = StreamOptions::include_usage(self.stream_options.take(), is_stream)?;
        let all_tools = function_tools(self.tools.take())?;
        let (tools, choice) = choose(&all_tools, self.tool_choice.take())?;
        let mut request = GenerationRequest::new(Vec::new(), "messages");
        self.take_common().apply(&mut request, lease, caller)?;
        request.engine.max_tokens = self.max_tokens()?;
        request.engine.top_logprobs = self.top_logprobs()?.or(request.engine.top_logprobs);
        request.thoughts = thoughts(self.include_reasoning, self.reasoning.as_ref(), self.reasoning_format)?;
        if let Some(source) = self.response_format.take().map(ResponseFormat::source).transpose()?.flatten() {
            if let Some((_, other)) = &request.grammar {
                let message = format!("response_format: {other} already says what the output must look like");
                return Err(ApiError::invalid("response_format", message));
            }
            request.grammar = Some((source, "response_format"));
        }
        let segments = self.render(lease, &all_tools)?;
        request.engine.prompt = prompt::encode_segments(lease.handle.tokenizer(), &segments);
        let prompt_logprobs = self.prompt_logprobs(&mut request, is_stream)?;
        let format = lease.format.after_prompt(&prompt::text_of(&segments));
        let parallel = parallel(self.parallel_tool_calls, &choice);
        request.output = Output::Chat(Reply { format, tools, choice, parallel });
        Ok((request, Answer { is_stream, include_usage, prompt_logprobs }))
    }

    /// Writes the conversation by the model's template.
    fn render(&self, lease: &Lease, tools: &[chat::Tool]) -> Result<Vec<chat::Segment>, ApiError> {
        let extra = Thinking::default()
            .effort("reasoning_effort", self.reasoning_effort.as_deref())?
            .reasoning(self.reasoning.as_ref())?
            .think(self.think.as_ref())?
            .switched("enable_thinking", self.enable_thinking)?
            .thinking(self.thinking.as_ref())?
            .variables(self.chat_template_kwargs.as_ref())?;
        let Some((messages, begun)) = self.begun_answer()? else {
            let add_generation_prompt = self.add_generation_prompt.unwrap_or(true);
            return render(lease, &self.messages, tools, &extra, add_generation_prompt, "messages");
        };
        let mut segments = render(lease, messages, tools, &extra, true, "messages")?;
        segments.push(chat::Segment::Text(begun));
        Ok(segments)
    }

    /// Splits off the last message, where the model shall go on with it; returns the messages before it, and its text.
    fn begun_answer(&self) -> Result<Option<(&[Message], String)>, ApiError> {
        if self.continue_final_message != Some(true) {
            return Ok(None);
        }
        let param = "continue_final_message";
        if self.add_generation_prompt == Some(true) {
            let message = "continue_final_message: not together with add_generation_prompt: true";
            return Err(ApiError::invalid(param, message));
        }
        let last = self.messages.last().filter(|message| says_only_text(message)).ok_or_else(|| {
            ApiError::invalid(param, "continue_final_message: the last message is no text of the assistant")
        })?;
        let before = self.messages.split_last().map_or(&[][..], |(_, before)| before);
        let path = format!("messages[{}].content", before.len());
        let begun = last.content.as_ref().map_or_else(|| Ok(String::new()), |content| content.text(&path))?;
        Ok(Some((before, begun)))
    }

    /// Reads the request as llama.cpp's server does: a last message of the assistant, even an empty one, is the
    /// beginning of the answer, unless the request says otherwise.
    pub(crate) fn continuing(mut self) -> Self {
        let is_open = self.continue_final_message.is_none() && self.add_generation_prompt != Some(false);
        if is_open && self.messages.last().is_some_and(says_only_text) {
            (self.continue_final_message, self.add_generation_prompt) = (Some(true), None);
        }
        self
    }

    fn max_tokens(&self) -> Result<Option<usize>, ApiError> {
        let given = [
            ("max_completion_tokens", self.max_completion_tokens),
            ("max_tokens", self.max_tokens),
            ("n_predict", self.n_predict),
        ];
        first_tokens_max(&given, 1, None)
    }

    fn top_logprobs(&self) -> Result<Option<usize>, ApiError> {
        match (self.logprobs.unwrap_or(false), self.top_logprobs) {
            (true, n) => Ok(Some(n.map_or(Ok(0), |n| count("top_logprobs", n, 0, limits::TOP_LOGPROBS_MAX))?)),
            (false, None) => Ok(None),
            (false, Some(_)) => Err(ApiError::invalid("top_logprobs", "top_logprobs: only with logprobs: true")),
        }
    }

    fn prompt_logprobs(
        &self,
        request: &mut GenerationRequest,
        is_stream: bool,
    ) -> Result<Option<(Vec<TokenId>, usize)>, ApiError> {
        const NAME: &str = "prompt_logprobs";
        let Some(n) = self.prompt_logprobs else { return Ok(None) };
        let n_top = count(NAME, n, 0, limits::TOP_LOGPROBS_MAX)?;
        if is_stream {
            return Err(unsupported(NAME, "not in a stream"));
        }
        check_prompt_logprobs(NAME, request.engine.prompt.len(), n_top)?;
        request.engine.prompt_logprobs = Some(n_top);
        Ok(Some((request.engine.prompt.clone(), n_top)))
    }

    /// Returns the prompt as text and ids, for `/v1/chat/completions/render`.
    pub(crate) fn into_rendered(mut self, asked: Asked<'_>) -> Result<(String, Vec<u32>), ApiError> {
        let tools = function_tools(self.tools.clone())?;
        choose(&tools, self.tool_choice.clone())?;
        let segments = self.render(asked.lease, &tools)?;
        self.stream = None;
        self.stream_options = None;
        let (request, _) = self.prepare(asked)?;
        Ok((prompt::text_of(&segments), request.engine.prompt.iter().map(|id| id.0).collect()))
    }
}

/// Whether a message of the assistant is one that an answer can go on from.
fn says_only_text(message: &Message) -> bool {
    message.role == Role::Assistant
        && message.tool_calls.is_none()
        && message.reasoning_content.is_none()
        && message.function_call.is_none()
        && message.content.is_some()
}

/// Writes the messages by the model's template; `param` is the field they came from.
pub(crate) fn render(
    lease: &Lease,
    messages: &[Message],
    tools: &[chat::Tool],
    extra: &Map<String, Value>,
    add_generation_prompt: bool,
    param: &str,
) -> Result<Vec<chat::Segment>, ApiError> {
    lease.render(&to_json(messages)?, tools, extra, add_generation_prompt, param)
}
