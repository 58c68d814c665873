//! The body of `/v1/responses`.

use reply::Reply;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::{
    earlier::{self, Keep},
    input::Input,
    response::Head,
    tools::{self, FlatToolWire, Spellings},
    truncation::{Rendered, render_fitting},
};
use crate::{
    blocking::Asked,
    error::ApiError,
    generation::{GenerationRequest, Output},
    ids, limits,
    models::Lease,
    openai::{
        chat::{Message, Thinking, Verbosity, render_messages},
        constraint::TextFormat,
        fields::{Ignored, ServiceTier, StreamOptions, common_fields, count, request_type, unsupported},
        tool_choice::{ToolChoiceWire, choose, parallel},
        unix_seconds,
        values::Refused,
    },
};

common_fields!(request_type! {
    /// The body of `/v1/responses`; a field that is not listed is refused by name.
    struct ResponsesRequest {
        model: Option<String>,
        input: Option<Input>,
        instructions: Option<String>,
        max_output_tokens: Option<i64>,
        stream: Option<bool>,
        stream_options: Option<StreamOptions>,
        text: Option<TextConfig>,
        tools: Option<Vec<FlatToolWire>>,
        tool_choice: Option<ToolChoiceWire>,
        parallel_tool_calls: Option<bool>,
        reasoning: Option<Reasoning>,
        include: Option<Vec<Include>>,
        top_logprobs: Option<i64>,
        truncation: Option<Truncation>,
        background: Option<bool>,
        store: Option<bool>,
        #[serde(rename = "service_tier")]
        _service_tier: Option<ServiceTier>,
        chat_template_kwargs: Option<Map<String, Value>>,
        metadata: Option<Map<String, Value>>,
        #[serde(rename = "user")]
        _user: Ignored,
        #[serde(rename = "safety_identifier")]
        _safety_identifier: Ignored,
        #[serde(rename = "prompt_cache_key")]
        _prompt_cache_key: Ignored,
        #[serde(rename = "prompt_cache_retention")]
        _prompt_cache_retention: Ignored,
        previous_response_id: Option<String>,
        #[serde(rename = "conversation")]
        _conversation: Option<Refused>,
        #[serde(rename = "prompt")]
        _prompt: Option<Refused>,
        #[serde(rename = "max_tool_calls")]
        _max_tool_calls: Option<Refused>,
        #[serde(rename = "context_management")]
        _context_management: Option<Refused>,
    }
});

/// The object `text` of a request.
#[derive(Deserialize, Debug, Default)]
#[serde(deny_unknown_fields)]
pub(crate) struct TextConfig {
    #[serde(default)]
    format: Option<TextFormat>,
    #[serde(default, rename = "verbosity")]
    _verbosity: Option<Verbosity>,
}

/// The object `reasoning` of a request.
#[derive(Deserialize, Debug, Default)]
#[serde(deny_unknown_fields)]
pub(crate) struct Reasoning {
    #[serde(default)]
    effort: Option<String>,
    // A wish: what was thought is answered in full, and its summary is an empty list.
    #[serde(default, rename = "summary")]
    _summary: Ignored,
    #[serde(default, rename = "generate_summary")]
    _generate_summary: Ignored,
}

/// An addition to the answer that a request may ask for.
#[derive(Deserialize, Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Include {
    #[serde(rename = "message.output_text.logprobs")]
    Logprobs,
    /// Reasoning in encrypted form. Nothing is hidden here: it is answered in clear, and is read in clear when it comes
    /// back.
    #[serde(rename = "reasoning.encrypted_content")]
    EncryptedReasoning,
    /// Results of tools that this server does not have.
    #[serde(
        rename = "file_search_call.results",
        alias = "web_search_call.results",
        alias = "web_search_call.action.sources",
        alias = "message.input_image.image_url",
        alias = "computer_call_output.output.image_url",
        alias = "code_interpreter_call.outputs"
    )]
    OfHostedTools,
}

/// Treatment of a conversation that is longer than the context.
#[derive(Deserialize, Clone, Copy, PartialEq, Eq, Debug)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Truncation {
    /// The conversation is refused.
    Disabled,
    /// The conversation loses its oldest turns.
    Auto,
}

pub(super) struct Prepared {
    pub(super) request: GenerationRequest,
    pub(super) head: Head,
    pub(super) is_stream: bool,
    pub(super) spellings: Spellings,
    /// What is kept with the answer; `None` where it is not to be kept.
    pub(super) keep: Option<Keep>,
}

impl ResponsesRequest {
    /// Checks all fields and turns the conversation into ids. Takes long, so it must not run on the threads that serve.
    pub(super) fn prepare(mut self, asked: Asked<'_>) -> Result<Prepared, ApiError> {
        let Asked { app, lease, caller } = asked;
        if self.background == Some(true) {
            return Err(unsupported("background", "this server answers while the client waits"));
        }
        let is_stream = self.stream.unwrap_or(false);
        if StreamOptions::include_usage(self.stream_options.take(), is_stream)? {
            return Err(unsupported("stream_options.include_usage", "the last event always has it"));
        }
        let mut head = self.head(lease);
        let (all_tools, spellings) = tools::offer(self.tools.take().unwrap_or_default())?;
        let choice = self.tool_choice.take().map(|choice| spellings.choice(choice));
        let (tools, choice) = choose(&all_tools, choice)?;
        let mut request = GenerationRequest::new(Vec::new(), "input");
        self.take_common().apply(&mut request, lease, caller)?;
        if request.engine.n_choices != 1 {
            return Err(unsupported("n", "a response is one"));
        }
        request.engine.max_tokens =
            self.max_output_tokens.map(|n| count("max_output_tokens", n, 1, usize::MAX)).transpose()?;
        request.engine.top_logprobs = self.top_logprobs()?.or(request.engine.top_logprobs);
        if let Some(source) = self.text.take().and_then(|t| t.format).map(TextFormat::source).transpose()?.flatten() {
            if let Some((_, other)) = &request.grammar {
                let message = format!("text.format: {other} already says what the output must look like");
                return Err(ApiError::invalid("text.format", message));
            }
            request.grammar = Some((source, "text.format"));
        }
        let effort = self.reasoning.as_ref().and_then(|r| r.effort.as_deref());
        let extra =
            Thinking::default().effort("reasoning.effort", effort)?.variables(self.chat_template_kwargs.as_ref())?;
        let input = self.input.take().map(Input::into_items);
        let is_kept = self.store.unwrap_or(true);
        let earlier = self.previous_response_id.take();
        let (conversation, keep) = earlier::resolve(input, earlier, app.kept(), caller, is_kept)?;
        let messages = conversation.into_messages(self.instructions, &spellings)?;
        let render = |messages: &[Message]| -> Result<Rendered, ApiError> {
            let segments = render_messages(lease, messages, &all_tools, &extra, true, "input")?;
            let ids = prompt::encode_segments(lease.handle.tokenizer(), &segments);
            Ok(Rendered { segments, ids })
        };
        let Rendered { segments, ids } = if self.truncation == Some(Truncation::Auto) {
            render_fitting(&messages, lease.handle.context_len_max(), request.engine.max_tokens, render)?
        } else {
            render(&messages)?
        };
        request.engine.prompt = ids;
        let format = lease.format.after_prompt(&prompt::text_of(&segments));
        let parallel = parallel(self.parallel_tool_calls, &choice);
        request.output = Output::Chat(Reply { format, tools, choice, parallel });
        head.temperature = request.engine.sampling.temperature;
        head.top_p = request.engine.sampling.top_p;
        head.frequency_penalty = request.engine.sampling.frequency_penalty;
        head.presence_penalty = request.engine.sampling.presence_penalty;
        head.store = keep.is_some();
        Ok(Prepared { request, head, is_stream, spellings, keep })
    }

    fn top_logprobs(&self) -> Result<Option<usize>, ApiError> {
        let n = self.top_logprobs.map(|n| count("top_logprobs", n, 0, limits::TOP_LOGPROBS_MAX)).transpose()?;
        let is_asked = self.include.iter().flatten().any(|i| *i == Include::Logprobs);
        Ok(if is_asked || n.is_some_and(|n| n > 0) { Some(n.unwrap_or(0)) } else { None })
    }

    /// Returns what the answer repeats of the request.
    fn head(&self, lease: &Lease) -> Head {
        let tool_choice = match &self.tool_choice {
            Some(ToolChoiceWire::Word(word)) => json!(word),
            Some(ToolChoiceWire::Named(name)) => json!({"type": "function", "name": name}),
            Some(ToolChoiceWire::Allowed { mode, names }) => {
                let tools: Vec<Value> = names.iter().map(|name| json!({"type": "function", "name": name})).collect();
                json!({"type": "allowed_tools", "mode": mode, "tools": tools})
            }
            None => json!("auto"),
        };
        let format =
            self.text.as_ref().and_then(|t| t.format.as_ref()).map_or(json!({"type": "text"}), TextFormat::echo);
        Head {
            id: ids::random_id("resp_"),
            created_at: unix_seconds(),
            model: lease.id.clone(),
            instructions: self.instructions.clone(),
            max_output_tokens: self.max_output_tokens,
            metadata: self.metadata.clone().unwrap_or_default(),
            parallel_tool_calls: self.parallel_tool_calls.unwrap_or(false),
            effort: self.reasoning.as_ref().and_then(|r| r.effort.clone()),
            temperature: 1.0,
            top_p: 1.0,
            frequency_penalty: 0.0,
            presence_penalty: 0.0,
            format,
            tool_choice,
            tools: self.tools.iter().flatten().filter_map(FlatToolWire::echo).collect(),
            previous_response_id: self.previous_response_id.clone(),
            store: false,
            truncation: if self.truncation == Some(Truncation::Auto) { "auto" } else { "disabled" },
            top_logprobs: self.top_logprobs.unwrap_or(0),
        }
    }
}
