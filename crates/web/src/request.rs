//! The JSON of a request → what the engine computes, and how its output is read. A field that is not listed is refused
//! by name; names and limits are those of the server's `/v1/chat/completions`.

mod messages;
mod response_format;
mod sampling;
mod tools;

use std::{collections::BTreeMap, time::Duration};

use chat::{OutputFormat, Segment, ToolChoice};
use engine::{
    Request,
    grammar::GrammarSource,
    limits::{CHOICES_MAX, PROMPT_TOP_LOGPROBS_MAX, Range, STOP_BYTES_MAX, STOP_STRINGS_MAX, STOP_TOKENS_MAX},
};
use reply::{Compiler, Reply};
use serde::{Deserialize, Deserializer};
use serde_json::{Map, Value};
use tokenizer::{ControlTokens, TokenId};

use self::{
    messages::Message,
    response_format::ResponseFormat,
    tools::{ToolChoiceWire, ToolWire},
};
use crate::{Error, loaded::Loaded};

/// Messages of a conversation.
const MESSAGES_MAX: usize = 4096;
/// `time_limit`, in seconds.
const TIME_LIMIT: Range<f64> = Range { min: 0.001, max: 86_400.0 };

/// A string, or a list of strings.
#[derive(Deserialize, Clone, Debug)]
#[serde(untagged, expecting = "expected a string or a list of strings")]
pub(crate) enum Texts {
    One(String),
    List(Vec<String>),
}

impl Texts {
    pub(crate) fn into_vec(self) -> Vec<String> {
        match self {
            Self::One(text) => vec![text],
            Self::List(list) => list,
        }
    }
}

/// A schema: an object, or true or false. `null` is none.
fn schema<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Value>, D::Error> {
    match Option::<Value>::deserialize(deserializer)? {
        None | Some(Value::Null) => Ok(None),
        Some(schema @ (Value::Object(_) | Value::Bool(_))) => Ok(Some(schema)),
        Some(_) => Err(serde::de::Error::custom("a schema is an object")),
    }
}

/// A request for completions.
#[derive(Deserialize, Clone, Debug, Default)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Wire {
    messages: Option<Vec<Message>>,
    prompt: Option<String>,
    tokens: Option<Vec<u32>>,
    max_tokens: Option<usize>,
    temperature: Option<f64>,
    top_p: Option<f64>,
    top_k: Option<usize>,
    min_p: Option<f64>,
    typical_p: Option<f64>,
    repeat_penalty: Option<f64>,
    repeat_last_n: Option<i64>,
    frequency_penalty: Option<f64>,
    presence_penalty: Option<f64>,
    logit_bias: Option<BTreeMap<String, f64>>,
    seed: Option<i64>,
    n: Option<usize>,
    stop: Option<Texts>,
    stop_token_ids: Option<Vec<u32>>,
    ignore_eos: Option<bool>,
    logprobs: Option<bool>,
    top_logprobs: Option<usize>,
    time_limit: Option<f64>,
    #[serde(deserialize_with = "schema")]
    json_schema: Option<Value>,
    response_format: Option<ResponseFormat>,
    guided_regex: Option<String>,
    guided_choice: Option<Vec<String>>,
    grammar: Option<String>,
    tools: Option<Vec<ToolWire>>,
    tool_choice: Option<ToolChoiceWire>,
    parallel_tool_calls: Option<bool>,
    reasoning_effort: Option<String>,
    enable_thinking: Option<bool>,
    chat_template_kwargs: Option<Map<String, Value>>,
    add_generation_prompt: Option<bool>,
    continue_final_message: Option<bool>,
    /// Tools of `tools`, once they are read.
    #[serde(skip)]
    declared: Vec<chat::Tool>,
}

/// A request that the engine can be given.
pub(crate) struct Prepared {
    pub(crate) engine: Request,
    pub(crate) reply: Option<Reply>,
    /// Whether a grammar says what the answer is.
    pub(crate) is_constrained: bool,
}

impl Wire {
    /// Checks all fields and turns the prompt into ids; `seed` is that of a request that names none, `now` the
    /// session's time.
    pub(crate) fn prepare(mut self, loaded: &Loaded, seed: u64, now: Duration) -> Result<Prepared, Error> {
        let reply = self.reply(loaded)?;
        let (segments, mut engine) = match self.prompt_ids(loaded, now)? {
            Prompt::Ids(ids) => (None, Request::new(ids)),
            Prompt::Chat(segments) => {
                let ids = prompt::encode_segments(&loaded.tokenizer, &segments);
                (Some(segments), Request::new(ids))
            }
        };
        self.apply(&mut engine, loaded, seed)?;
        let asked = self.constraint()?;
        let reply = segments
            .zip(reply)
            .map(|(segments, reply)| Reply { format: reply.format.after_prompt(&prompt::text_of(&segments)), ..reply });
        let (grammars, tokenizer) = (&loaded.grammars, &loaded.tokenizer);
        let compiler = Compiler { grammars, tokenizer, not_enforced: &|_, _| {} };
        engine.grammar = compiler.output(asked.as_ref(), reply.as_ref())?;
        engine.spelled = reply.as_ref().map(|reply| reply.spelled(tokenizer)).unwrap_or_default();
        Ok(Prepared { engine, reply, is_constrained: asked.is_some() })
    }

    /// The conversation as text and ids, without anything else of the request.
    pub(crate) fn render(mut self, loaded: &Loaded, now: Duration) -> Result<(String, Vec<TokenId>), Error> {
        self.reply(loaded)?;
        match self.prompt_ids(loaded, now)? {
            Prompt::Ids(ids) => Ok((String::from_utf8_lossy(&loaded.tokenizer.decode(&ids, true)).into_owned(), ids)),
            Prompt::Chat(segments) => {
                Ok((prompt::text_of(&segments), prompt::encode_segments(&loaded.tokenizer, &segments)))
            }
        }
    }

    /// How the reply to messages is read, before its prompt is known; `None` where there are none.
    fn reply(&mut self, loaded: &Loaded) -> Result<Option<Reply>, Error> {
        if self.messages.is_none() {
            return self.refuse_chat_fields().map(|()| None);
        }
        // The template is told of all, whichever may be called now.
        self.declared = tools::read(self.tools.take().unwrap_or_default())?;
        let (tools, choice) = tools::choose(&self.declared, self.tool_choice.take())?;
        let parallel = if matches!(choice, ToolChoice::Named(_)) { Some(false) } else { self.parallel_tool_calls };
        Ok(Some(Reply { format: OutputFormat::clone(&loaded.format), tools, choice, parallel }))
    }

    /// Refuses what only a conversation can have.
    fn refuse_chat_fields(&self) -> Result<(), Error> {
        let given = [
            ("tools", self.tools.is_some()),
            ("tool_choice", self.tool_choice.is_some()),
            ("parallel_tool_calls", self.parallel_tool_calls.is_some()),
            ("reasoning_effort", self.reasoning_effort.is_some()),
            ("enable_thinking", self.enable_thinking.is_some()),
            ("chat_template_kwargs", self.chat_template_kwargs.is_some()),
            ("add_generation_prompt", self.add_generation_prompt.is_some()),
            ("continue_final_message", self.continue_final_message.is_some()),
        ];
        match given.iter().find(|(_, is_given)| *is_given) {
            Some((field, _)) => Err(Error::field(*field, "only together with messages")),
            None => Ok(()),
        }
    }

    fn prompt_ids(&mut self, loaded: &Loaded, now: Duration) -> Result<Prompt, Error> {
        let given = [self.messages.is_some(), self.prompt.is_some(), self.tokens.is_some()];
        if given.iter().filter(|is_given| **is_given).count() != 1 {
            return Err(Error::input("expected one of messages, prompt and tokens"));
        }
        if let Some(text) = &self.prompt {
            return Ok(Prompt::Ids(prompt::encode_text(&loaded.tokenizer, text)));
        }
        if let Some(ids) = self.tokens.take() {
            return Ok(Prompt::Ids(ids.into_iter().map(TokenId).collect()));
        }
        let mut messages = self.messages.take().unwrap_or_default();
        if messages.is_empty() || messages.len() > MESSAGES_MAX {
            return Err(Error::range("messages", messages.len(), format_args!("1 to {MESSAGES_MAX}")));
        }
        let begun = self.begun_answer(&mut messages)?;
        let json = messages::to_json(&messages)?;
        let add = begun.is_some() || self.add_generation_prompt.unwrap_or(true);
        let mut segments = loaded.render(&json, &self.declared, &self.variables()?, add, now)?;
        segments.extend(begun.map(Segment::Text));
        Ok(Prompt::Chat(segments))
    }

    /// Takes the last message off, where the model shall go on with it.
    fn begun_answer(&self, messages: &mut Vec<Message>) -> Result<Option<String>, Error> {
        const FIELD: &str = "continue_final_message";
        if self.continue_final_message != Some(true) {
            return Ok(None);
        }
        if self.add_generation_prompt == Some(true) {
            return Err(Error::field(FIELD, "not together with add_generation_prompt: true"));
        }
        let text = messages.pop().and_then(|message| message.text_of_assistant());
        text.map(Some).ok_or_else(|| Error::field(FIELD, "the last message is no text of the assistant"))
    }

    /// The variables of the template beside the usual ones.
    fn variables(&self) -> Result<Map<String, Value>, Error> {
        const EFFORTS: &[&str] = &["none", "minimal", "low", "medium", "high", "xhigh", "max"];
        const TAKEN: &[&str] = &["messages", "tools", "add_generation_prompt", "bos_token", "eos_token"];
        let mut variables = Map::new();
        let mut is_on = self.enable_thinking;
        if let Some(effort) = &self.reasoning_effort {
            if !EFFORTS.contains(&effort.as_str()) {
                return Err(Error::field("reasoning_effort", &format!("expected one of {}", EFFORTS.join(", "))));
            }
            let is_none = effort == "none";
            if is_on.is_some_and(|is_on| is_on == is_none) {
                return Err(Error::field("reasoning_effort", &format!("{effort}, but enable_thinking says otherwise")));
            }
            is_on = if is_none { Some(false) } else { is_on };
            variables.insert("reasoning_effort".to_owned(), effort.as_str().into());
        }
        if let Some(is_on) = is_on {
            variables.insert("enable_thinking".to_owned(), is_on.into());
        }
        for (name, value) in self.chat_template_kwargs.iter().flatten() {
            if TAKEN.contains(&name.as_str()) {
                return Err(Error::field(format!("chat_template_kwargs.{name}"), "has a field of its own"));
            }
            variables.insert(name.clone(), value.clone());
        }
        Ok(variables)
    }

    fn apply(&mut self, engine: &mut Request, loaded: &Loaded, seed: u64) -> Result<(), Error> {
        engine.sampling = self.sampling(loaded.sampling)?;
        engine.sampling.seed = self.seed.map_or(seed, i64::cast_unsigned);
        if self.max_tokens == Some(0) {
            return Err(Error::range("max_tokens", 0, "at least 1"));
        }
        engine.max_tokens = self.max_tokens;
        engine.n_choices = self.n.unwrap_or(1);
        if !(1..=CHOICES_MAX).contains(&engine.n_choices) {
            return Err(Error::range("n", engine.n_choices, format_args!("1 to {CHOICES_MAX}")));
        }
        engine.stop = stops(self.stop.take().map(Texts::into_vec).unwrap_or_default())?;
        engine.stop_tokens = self.stop_tokens(loaded)?;
        engine.ignore_eos = self.ignore_eos.unwrap_or(false);
        engine.top_logprobs = match (self.logprobs.unwrap_or(false), self.top_logprobs) {
            (true, Some(n)) if n > PROMPT_TOP_LOGPROBS_MAX => {
                return Err(Error::range("top_logprobs", n, format_args!("0 to {PROMPT_TOP_LOGPROBS_MAX}")));
            }
            (true, n) => Some(n.unwrap_or(0)),
            (false, Some(_)) => return Err(Error::field("top_logprobs", "only with logprobs: true")),
            (false, None) => None,
        };
        engine.time_limit = match self.time_limit {
            Some(seconds) if !TIME_LIMIT.contains(seconds) => {
                return Err(Error::range("time_limit", seconds, TIME_LIMIT));
            }
            seconds => seconds.map(Duration::from_secs_f64),
        };
        Ok(())
    }

    fn stop_tokens(&self, loaded: &Loaded) -> Result<Vec<TokenId>, Error> {
        const FIELD: &str = "stop_token_ids";
        let ids = self.stop_token_ids.as_deref().unwrap_or_default();
        if ids.len() > STOP_TOKENS_MAX {
            return Err(Error::range(FIELD, ids.len(), format_args!("at most {STOP_TOKENS_MAX}")));
        }
        let n_vocab = loaded.tokenizer.n_vocab();
        match ids.iter().find(|id| **id as usize >= n_vocab) {
            Some(id) => Err(Error::range(FIELD, id, format_args!("less than {n_vocab}, the model's tokens"))),
            None => Ok(ids.iter().copied().map(TokenId).collect()),
        }
    }

    /// The grammar of the output, which at most one of the fields may set, and that field.
    fn constraint(&mut self) -> Result<Option<(GrammarSource, &'static str)>, Error> {
        let format = self.response_format.take().map(ResponseFormat::source).transpose()?.flatten();
        let mut given = [
            self.json_schema.take().map(|schema| (GrammarSource::JsonSchema(schema), "json_schema")),
            format.map(|source| (source, "response_format")),
            self.guided_regex.take().map(|regex| (GrammarSource::Regex(regex), "guided_regex")),
            self.guided_choice.take().map(|choices| (GrammarSource::Choice(choices), "guided_choice")),
            self.grammar.take().map(|gbnf| (GrammarSource::Gbnf(gbnf), "grammar")),
        ]
        .into_iter()
        .flatten();
        let first = given.next();
        match (&first, given.next()) {
            (Some((_, one)), Some((_, other))) => {
                Err(Error::field(other, &format!("{one} already says what the output must look like")))
            }
            _ => Ok(first),
        }
    }
}

/// A prompt, as it was given.
enum Prompt {
    Ids(Vec<TokenId>),
    Chat(Vec<Segment>),
}

/// Checks stop strings: their number, their lengths, and that none is empty.
fn stops(stops: Vec<String>) -> Result<Vec<String>, Error> {
    if stops.len() > STOP_STRINGS_MAX {
        let got = format_args!("{} strings", stops.len());
        return Err(Error::range("stop", got, format_args!("at most {STOP_STRINGS_MAX}")));
    }
    if let Some(long) = stops.iter().find(|s| s.len() > STOP_BYTES_MAX) {
        let got = format_args!("a string of {} bytes", long.len());
        return Err(Error::range("stop", got, format_args!("at most {STOP_BYTES_MAX}")));
    }
    if stops.iter().any(String::is_empty) {
        return Err(Error::field("stop", "an empty string would end every output"));
    }
    Ok(stops)
}

/// The texts of `tokenize`.
#[derive(Deserialize, Debug)]
#[serde(deny_unknown_fields)]
pub(crate) struct TokenizeWire {
    content: String,
    #[serde(default)]
    add_special: bool,
    #[serde(default)]
    parse_special: bool,
}

impl TokenizeWire {
    pub(crate) fn ids(&self, tokenizer: &tokenizer::Tokenizer) -> Vec<TokenId> {
        let mut ids = Vec::new();
        let control = if self.parse_special { ControlTokens::Parse } else { ControlTokens::AsText };
        tokenizer.encode(&self.content, control, self.add_special, &mut ids);
        ids
    }
}
