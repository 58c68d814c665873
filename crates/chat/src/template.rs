//! A parsed template and what it is given.

use serde_json::{Map, Value as Json};

use crate::{
    Error, Messages, Now, Support, builtin,
    jinja::{self, Machine, Value, ast::Node, from_json},
    message::Message,
};

/// A chat template, parsed.
pub struct Template {
    source: Box<str>,
    nodes: Vec<Node>,
    /// Takes its place where there are tools.
    tool_use: Option<Box<Template>>,
}

/// What a template is rendered with. The names that templates know these by are those of the fields.
#[derive(Clone, Debug)]
pub struct Inputs<'a> {
    /// The messages of the conversation.
    pub messages: Messages<'a>,
    /// The tools the model may call, as JSON; without any, `tools` is `none` in the template.
    pub tools: Option<&'a [Json]>,
    /// End with the words that make the model answer.
    pub add_generation_prompt: bool,
    /// The text of the token that begins a sequence; undefined in the template if the model has none.
    pub bos_token: Option<&'a str>,
    /// The text of the token that ends a sequence; undefined in the template if the model has none.
    pub eos_token: Option<&'a str>,
    /// The time that `strftime_now` tells: the local time of the caller.
    pub now: Now,
    /// More variables (`enable_thinking`, `documents`, …). They replace the ones above of the same name.
    pub extra: Option<&'a Map<String, Json>>,
}

impl<'a> Inputs<'a> {
    /// A conversation that the model shall answer, without tools and special tokens.
    pub fn new(messages: impl Into<Messages<'a>>, now: impl Into<Now>) -> Self {
        Self {
            messages: messages.into(),
            tools: None,
            add_generation_prompt: true,
            bos_token: None,
            eos_token: None,
            now: now.into(),
            extra: None,
        }
    }
}

impl Template {
    /// Parses `source`, as a model file has it under `tokenizer.chat_template`.
    ///
    /// The `{% generation %}` tag of Hugging Face's templates (it marks what is trained on) is accepted and its
    /// body rendered.
    pub fn new(source: &str) -> Result<Self, Error> {
        Self::parse(source, jinja::Dialect { generation: true })
    }

    /// [`Self::new`], refusing what jinja2 alone refuses: the `{% generation %}` tag.
    pub fn plain_jinja(source: &str) -> Result<Self, Error> {
        Self::parse(source, jinja::Dialect { generation: false })
    }

    /// The template of a well-known format: one of [`BUILTIN_NAMES`](crate::BUILTIN_NAMES).
    pub fn builtin(name: &str) -> Result<Self, Error> {
        Self::new(builtin::source(name)?)
    }

    fn parse(source: &str, dialect: jinja::Dialect) -> Result<Self, Error> {
        let nodes = jinja::parse(source, dialect)?;
        Ok(Self { source: source.into(), nodes, tool_use: None })
    }

    /// Returns the template with `tool_use` beside it, which takes its place where there are tools, as with
    /// transformers: models that have several templates call it so.
    #[must_use]
    pub fn with_tool_use(self, tool_use: Self) -> Self {
        Self { tool_use: Some(Box::new(tool_use)), ..self }
    }

    /// What renders conversations with tools, or those without.
    pub(crate) fn for_tools(&self, has_tools: bool) -> &Self {
        self.tool_use.as_deref().filter(|_| has_tools).unwrap_or(self)
    }

    /// The source of what renders conversations without tools.
    pub fn source(&self) -> &str {
        &self.source
    }

    /// The source of what renders conversations with tools, where that is another.
    pub fn tool_use_source(&self) -> Option<&str> {
        self.tool_use.as_ref().map(|template| template.source())
    }

    /// The text of a conversation.
    pub fn render(&self, inputs: &Inputs<'_>) -> Result<String, Error> {
        let nodes = &self.for_tools(inputs.tools.is_some()).nodes;
        let mut machine = Machine::new(inputs.now);
        define(&mut machine, inputs).map_err(|e| e.at(1)).and_then(|()| machine.run(nodes))
    }

    /// What kinds of conversation the template can express, found by trying.
    pub fn support(&self) -> Support {
        Support::of(self)
    }
}

/// Key of a model file for its template.
const KEY: &str = "tokenizer.chat_template";
/// Name of the template that takes the place of the model's own where there are tools, as with transformers.
const TOOL_USE: &str = "tool_use";

/// The chat template that a model file brings, or why there is none.
#[derive(Debug, Default)]
pub struct OwnTemplate {
    /// The template, with the one for tools beside it, ready to render.
    pub template: Option<Template>,
    /// Fault of a template of the file; who does not need it goes on.
    pub error: Option<String>,
}

impl OwnTemplate {
    /// Reads what a model file says; the error is about the type of a key.
    pub fn read(metadata: &gguf::Metadata) -> Result<Self, gguf::Error> {
        let parse = |key: &str| {
            let source = metadata.str(key)?;
            // Some files name a format, as llama.cpp does (`rwkv-world`).
            let source = source.map(|source| builtin::source(source).unwrap_or(source));
            Ok(source.map(|source| Template::new(source).map_err(|e| e.to_string())))
        };
        let with_tools = parse(&format!("{KEY}.{TOOL_USE}"))?;
        let (template, error) = match (parse(KEY)?, with_tools) {
            (Some(Ok(own)), Some(Ok(tool_use))) => (Some(own.with_tool_use(tool_use)), None),
            (Some(Ok(own)), Some(Err(error))) => (Some(own), Some(format!("{TOOL_USE}: {error}"))),
            (Some(Ok(only)), None) | (None, Some(Ok(only))) => (Some(only), None),
            (Some(Err(error)), _) => (None, Some(error)),
            (None, Some(Err(error))) => (None, Some(format!("{TOOL_USE}: {error}"))),
            (None, None) => (None, None),
        };
        Ok(Self { template, error })
    }
}

impl std::fmt::Debug for Template {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Template").field("source_bytes", &self.source.len()).finish_non_exhaustive()
    }
}

/// Gives the template its variables.
fn define(machine: &mut Machine<'_>, inputs: &Inputs<'_>) -> jinja::Result<()> {
    let list = |values: &[Json], machine: &Machine<'_>| {
        let items: jinja::Result<Vec<_>> = values.iter().map(|v| from_json(v, &machine.meter)).collect();
        Value::list(items?, &machine.meter)
    };
    let messages = match inputs.messages {
        Messages::Json(messages) => list(messages, machine)?,
        Messages::Typed(messages) => list(&messages.iter().map(Message::to_json).collect::<Vec<_>>(), machine)?,
    };
    machine.define("messages", messages);
    let tools = match inputs.tools {
        Some(tools) => list(tools, machine)?,
        None => Value::None,
    };
    machine.define("tools", tools);
    machine.define("add_generation_prompt", Value::Bool(inputs.add_generation_prompt));
    for (name, token) in [("bos_token", inputs.bos_token), ("eos_token", inputs.eos_token)] {
        if let Some(token) = token {
            machine.meter.bytes(token.len())?;
            machine.define(name, Value::str(token));
        }
    }
    for (name, value) in inputs.extra.into_iter().flatten() {
        machine.meter.steps(1)?;
        let value = from_json(value, &machine.meter)?;
        machine.define(name, value);
    }
    Ok(())
}
