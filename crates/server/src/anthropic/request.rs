//! The body of `/v1/messages` and of `/v1/messages/count_tokens`.

use chat::{OutputFormat, Segment, Tool, ToolChoice};
use engine::{
    CacheScope, Sampling, SamplingDefaults,
    grammar::GrammarSource,
    limits::{PROBABILITY, Range},
};
use reply::Reply;
use serde::Deserialize;
use serde_json::{Map, Value};
use tokenizer::TokenId;

use super::{
    choice::{self, ChoiceWire},
    content::{Content, Skipped},
    conversation::{Conversation, KeptThinking, MessageWire},
};
use crate::{
    Caller,
    error::{ApiError, ErrorKind, THREAD_NOT_FOUND},
    generation::{GenerationRequest, Output},
    limits,
    models::Lease,
    wire::{Ignored, Refused, count, number, out_of_range, stops, unsupported},
};

/// The body of `/v1/messages`; a field that is not listed is refused by name.
#[derive(Deserialize, Debug)]
#[serde(deny_unknown_fields)]
pub(super) struct MessagesRequest {
    pub(super) model: String,
    messages: Vec<MessageWire>,
    system: Option<Content>,
    max_tokens: Option<i64>,
    stream: Option<bool>,
    temperature: Option<f64>,
    top_p: Option<f64>,
    top_k: Option<i64>,
    stop_sequences: Option<Vec<String>>,
    tools: Option<Vec<Value>>,
    tool_choice: Option<ChoiceWire>,
    thinking: Option<Thinking>,
    output_config: Option<OutputConfig>,
    /// Format of the output, in the older place of `output_config.format`.
    output_format: Option<FormatWire>,
    context_management: Option<ContextManagement>,
    #[serde(rename = "metadata")]
    _metadata: Option<Metadata>,
    #[serde(rename = "service_tier")]
    _service_tier: Option<ServiceTier>,
    #[serde(rename = "speed")]
    _speed: Option<Speed>,
    #[serde(rename = "cache_control")]
    _cache_control: Ignored,
    #[serde(rename = "container")]
    _container: Option<Refused>,
    #[serde(rename = "mcp_servers")]
    _mcp_servers: Option<Refused>,
    #[serde(rename = "inference_geo")]
    _inference_geo: Option<Refused>,
    #[serde(rename = "diagnostics")]
    _diagnostics: Option<Refused>,
    #[serde(rename = "fallbacks")]
    _fallbacks: Option<Refused>,
    #[serde(rename = "fallback_credit_token")]
    _fallback_credit_token: Option<Refused>,
    #[serde(rename = "compaction")]
    _compaction: Option<Refused>,
    thread: Option<Thread>,
    #[serde(rename = "billing_policy")]
    _billing_policy: Option<Refused>,
    #[serde(rename = "user_profile_id")]
    _user_profile_id: Option<Refused>,
    #[serde(rename = "workspace_id")]
    _workspace_id: Option<Refused>,
}

#[derive(Deserialize, Debug)]
#[serde(deny_unknown_fields)]
struct Metadata {
    #[serde(default, rename = "user_id")]
    _user_id: Option<String>,
}

/// A conversation that the server is asked to hold from here on, so that later requests need not repeat it. Nothing is
/// held, so beginning one promises nothing, and going on from one is answered by what makes clients send the whole
/// conversation.
#[derive(Deserialize, Debug)]
#[serde(tag = "type", rename_all = "snake_case", deny_unknown_fields)]
enum Thread {
    Create,
    Continue { previous_message_id: String },
}

#[derive(Deserialize, Debug)]
#[serde(rename_all = "snake_case")]
enum ServiceTier {
    Auto,
    StandardOnly,
}

/// The speed that a request asks for, of which there is one.
#[derive(Deserialize, Debug)]
#[serde(rename_all = "snake_case")]
enum Speed {
    Standard,
}

#[derive(Deserialize, Debug)]
#[serde(deny_unknown_fields)]
struct Thinking {
    #[serde(rename = "type")]
    kind: ThinkingWord,
    #[serde(default)]
    budget_tokens: Option<i64>,
    #[serde(default)]
    display: Option<Display>,
}

#[derive(Deserialize, Clone, Copy, PartialEq, Eq, Debug)]
#[serde(rename_all = "snake_case")]
enum ThinkingWord {
    Enabled,
    Disabled,
    Adaptive,
}

#[derive(Deserialize, Clone, Copy, PartialEq, Eq, Debug)]
#[serde(rename_all = "snake_case")]
enum Display {
    /// A summary of the thinking; here the thinking in full.
    Summarized,
    Omitted,
}

#[derive(Deserialize, Debug)]
#[serde(deny_unknown_fields)]
struct OutputConfig {
    #[serde(default)]
    effort: Option<Effort>,
    #[serde(default)]
    format: Option<FormatWire>,
}

#[derive(Deserialize, Clone, Copy, PartialEq, Eq, Debug)]
#[serde(rename_all = "snake_case")]
enum Effort {
    Low,
    Medium,
    High,
    Xhigh,
    Max,
}

impl Effort {
    /// Returns the word that templates know.
    fn word(self) -> &'static str {
        match self {
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High | Self::Xhigh | Self::Max => "high",
        }
    }
}

#[derive(Deserialize, Debug)]
#[serde(deny_unknown_fields)]
struct FormatWire {
    #[serde(rename = "type")]
    _kind: FormatWord,
    schema: Map<String, Value>,
}

#[derive(Deserialize, Debug)]
#[serde(rename_all = "snake_case")]
enum FormatWord {
    JsonSchema,
}

/// Edits of the context, of which only the one is known that every client can send: which earlier thinking is shown
/// again.
#[derive(Deserialize, Debug)]
#[serde(deny_unknown_fields)]
struct ContextManagement {
    #[serde(default)]
    edits: Vec<Edit>,
}

#[derive(Deserialize, Debug)]
#[serde(deny_unknown_fields)]
struct Edit {
    #[serde(rename = "type")]
    kind: String,
    #[serde(default)]
    keep: Option<Value>,
}

/// The way in which the answer is to be written.
#[derive(Clone, Debug)]
pub(super) struct Answer {
    pub(super) is_stream: bool,
    /// Stop sequences in the order of their numbers.
    pub(super) stop_sequences: Vec<String>,
    pub(super) max_tokens: usize,
    /// Whether blocks of thinking are left empty.
    pub(super) omits_thinking: bool,
}

/// A prompt, and how the model writes after it.
struct Rendered {
    prompt: Vec<TokenId>,
    format: OutputFormat,
}

impl MessagesRequest {
    /// Checks all fields and turns the conversation into ids. Takes long, so it must not run on the threads that serve.
    pub(super) fn prepare(
        mut self,
        lease: &Lease,
        caller: &Caller,
        skipped: Skipped<'_>,
    ) -> Result<(GenerationRequest, Answer), ApiError> {
        self.check_thread()?;
        let max_tokens = self.max_tokens.ok_or_else(|| ApiError::invalid("max_tokens", "max_tokens: missing"))?;
        let max_tokens = count("max_tokens", max_tokens, 1, usize::MAX)?;
        self.check_budget(max_tokens)?;
        let tools = choice::tools(self.tools.take())?;
        let chosen = choice::choose(&tools, self.tool_choice.take())?;
        let mut request = GenerationRequest::new(Vec::new(), "messages");
        request.engine.sampling = self.sampling(lease.sampling)?;
        request.engine.max_tokens = Some(max_tokens);
        request.engine.stop = stops("stop_sequences", self.stop_sequences.take().unwrap_or_default())?;
        request.engine.scope = CacheScope(caller.scope);
        request.grammar = self.grammar()?;
        let answer = Answer {
            is_stream: self.stream.unwrap_or(false),
            stop_sequences: request.engine.stop.clone(),
            max_tokens,
            omits_thinking: self.thinking.as_ref().is_some_and(|t| t.display == Some(Display::Omitted)),
        };
        let Rendered { prompt, format } = self.render(lease, &tools, skipped)?;
        request.engine.prompt = prompt;
        let choice::Chosen { tools, choice, parallel } = chosen;
        // A model that calls because it likes to may call as often as it likes, if nobody says otherwise.
        let is_free = choice == ToolChoice::Auto && request.grammar.is_none();
        let parallel = parallel.or(is_free.then_some(true));
        request.output = Output::Chat(Reply { format, tools, choice, parallel });
        Ok((request, answer))
    }

    /// Returns the number of tokens of the prompt.
    pub(super) fn count(mut self, lease: &Lease, skipped: Skipped<'_>) -> Result<usize, ApiError> {
        self.check_thread()?;
        let tools = choice::tools(self.tools.take())?;
        choice::choose(&tools, self.tool_choice.take())?;
        Ok(self.render(lease, &tools, skipped)?.prompt.len())
    }

    fn render(&self, lease: &Lease, tools: &[Tool], skipped: Skipped<'_>) -> Result<Rendered, ApiError> {
        let conversation = Conversation::read(self.system.as_ref(), &self.messages, self.kept_thinking()?, skipped)?;
        let variables = self.variables();
        let mut segments = lease.render(&conversation.messages, tools, &variables, true, "messages")?;
        segments.extend(conversation.prefill.map(Segment::Text));
        let format = lease.format.after_prompt(&prompt::text_of(&segments));
        Ok(Rendered { prompt: prompt::encode_segments(lease.handle.tokenizer(), &segments), format })
    }

    /// Returns the variables that templates may ask for.
    fn variables(&self) -> Map<String, Value> {
        let mut variables = Map::new();
        let thinks = self.thinking.as_ref().is_some_and(|t| t.kind != ThinkingWord::Disabled);
        variables.insert("enable_thinking".to_owned(), thinks.into());
        if let Some(effort) = self.output_config.as_ref().and_then(|c| c.effort) {
            variables.insert("reasoning_effort".to_owned(), effort.word().into());
        }
        variables
    }

    fn check_thread(&self) -> Result<(), ApiError> {
        let Some(Thread::Continue { previous_message_id: id }) = &self.thread else { return Ok(()) };
        let id: String = id.chars().take(64).collect();
        let param = "thread.previous_message_id";
        let message = format!("{param}: {id:?} is not held by this server; send the whole conversation");
        Err(ApiError { param: Some(param.to_owned()), ..ApiError::new(ErrorKind::NotFound, message) }
            .with_code(THREAD_NOT_FOUND))
    }

    /// Checks the budget of thinking. A model cannot be made to stop thinking there; `max_tokens`, which must be
    /// larger, ends an answer that thinks too long.
    fn check_budget(&self, max_tokens: usize) -> Result<(), ApiError> {
        let Some(Thinking { kind, budget_tokens, .. }) = &self.thinking else { return Ok(()) };
        let param = "thinking.budget_tokens";
        match (kind, budget_tokens) {
            (ThinkingWord::Enabled, None) => Err(ApiError::invalid(param, format!("{param}: missing"))),
            (ThinkingWord::Enabled, Some(budget)) => {
                let budget = count(param, *budget, limits::THINKING_BUDGET_MIN, usize::MAX)?;
                if budget < max_tokens {
                    return Ok(());
                }
                Err(out_of_range(param, budget, &format!("less than max_tokens, which is {max_tokens}")))
            }
            (_, None) => Ok(()),
            (_, Some(_)) => Err(ApiError::invalid(param, format!("{param}: only with the type enabled"))),
        }
    }

    /// Returns the sampling, within Anthropic's ranges; its defaults (temperature 1, nothing cut off) hold where
    /// neither the operator nor the model has others.
    fn sampling(&self, defaults: SamplingDefaults) -> Result<Sampling, ApiError> {
        let base = defaults.over(Sampling::unchanged());
        let or = |param: &str, value: Option<f64>, base: f32, range: Range<f64>| {
            value.map_or(Ok(base), |v| number(param, v, range))
        };
        Ok(Sampling {
            temperature: or("temperature", self.temperature, base.temperature, limits::ANTHROPIC_TEMPERATURE)?,
            top_p: or("top_p", self.top_p, base.top_p, PROBABILITY)?,
            top_k: self.top_k.map_or(Ok(base.top_k), |k| count("top_k", k, 0, usize::MAX))?,
            ..base
        })
    }

    fn grammar(&mut self) -> Result<Option<(GrammarSource, &'static str)>, ApiError> {
        let source = |format: FormatWire| GrammarSource::JsonSchema(Value::Object(format.schema));
        match (self.output_config.as_mut().and_then(|c| c.format.take()), self.output_format.take()) {
            (Some(format), None) => Ok(Some((source(format), "output_config.format.schema"))),
            (None, Some(format)) => Ok(Some((source(format), "output_format.schema"))),
            (None, None) => Ok(None),
            (Some(_), Some(_)) => {
                Err(ApiError::invalid("output_format", "output_format and output_config.format are one parameter"))
            }
        }
    }

    fn kept_thinking(&self) -> Result<KeptThinking, ApiError> {
        let mut kept = KeptThinking::All;
        for (i, edit) in self.context_management.iter().flat_map(|c| &c.edits).enumerate() {
            let path = format!("context_management.edits[{i}]");
            if !edit.kind.starts_with("clear_thinking_") {
                let kind: String = edit.kind.chars().take(64).collect();
                return Err(unsupported(&format!("{path}.type"), &format!("{kind:?} is not supported")));
            }
            kept = keep(edit.keep.as_ref(), &format!("{path}.keep"))?;
        }
        Ok(kept)
    }
}

/// Reads which thinking is kept: `"all"`, `{"type": "all"}` or `{"type": "thinking_turns", "value": 2}`; one turn if
/// nothing is said.
fn keep(value: Option<&Value>, path: &str) -> Result<KeptThinking, ApiError> {
    let Some(value) = value else { return Ok(KeptThinking::Turns(1)) };
    let kind = value.as_str().or_else(|| value.get("type").and_then(Value::as_str));
    match (kind, value.get("value")) {
        (Some("all"), None) => Ok(KeptThinking::All),
        (Some("thinking_turns"), Some(Value::Number(turns))) => {
            let turns = turns.as_i64().unwrap_or(-1);
            Ok(KeptThinking::Turns(count(&format!("{path}.value"), turns, 1, usize::MAX)?))
        }
        _ => Err(ApiError::invalid(path, format!("{path}: expected all, or the type thinking_turns with a value"))),
    }
}
