//! [`Loaded`]: a model that is ready, with its requests.

use std::{sync::Arc, time::Duration};

use chat::{DateTime, Now, OutputFormat, OwnTemplate, Segment, Template, Tool};
use engine::{Progress, Runner, SamplingDefaults, Task, grammar::GrammarCompiler};
use gguf::Container;
use kernels::Kernels;
use model::{Forward, KvTypes, LoadOptions, Model, Pooling};
use prompt::{Conversation, Guard};
use serde_json::{Map, Value, json};
use tokenizer::Tokenizer;

use crate::{
    Error,
    events::{Mailbox, Open},
    options::Options,
    plan::Planned,
    request::{Texts, Wire},
};

/// Texts of one call of `embed`: the server's limit.
const INPUTS_MAX: usize = 2048;

/// A loaded model.
pub(crate) struct Loaded {
    pub(crate) tokenizer: Arc<Tokenizer>,
    pub(crate) format: OutputFormat,
    pub(crate) grammars: GrammarCompiler,
    pub(crate) sampling: SamplingDefaults,
    pub(crate) kv_types: KvTypes,
    runner: Runner,
    template: Option<Template>,
    template_error: Option<String>,
    guard: Guard,
    pooling: Pooling,
    wall: Wall,
    mailbox: Mailbox,
    open: Vec<Open>,
    n_slots: u64,
    info: Value,
}

/// What the clocks on the wall show, as the page said when it loaded the model.
struct Wall {
    unix_ms: f64,
    offset_minutes: i32,
    /// The session's time of that moment.
    at: Duration,
}

impl Wall {
    fn now(&self, now: Duration) -> Now {
        let ms = self.unix_ms + f64::from(self.offset_minutes) * 60e3 + now.saturating_sub(self.at).as_secs_f64() * 1e3;
        let epoch = DateTime::constant(1970, 1, 1, 0, 0, 0, 0);
        // A float is cast to the nearest in range; what no calendar has is read as its beginning.
        let local = epoch.checked_add(Duration::from_millis(ms as u64)).unwrap_or(epoch);
        Now { local, utc_offset_seconds: self.offset_minutes * 60 }
    }
}

impl Loaded {
    /// Loads the weights of `container`, for whose plan there is memory; `about` is what is already known of it.
    pub(crate) fn new(
        container: &Container,
        options: &Options,
        about: (&Planned, &str),
        clock: fn() -> Duration,
    ) -> Result<Self, Error> {
        let metadata = container.metadata();
        model::check_kind(container).map_err(Error::input)?;
        let tokenizer = Arc::new(Tokenizer::from_gguf(metadata).map_err(Error::input)?);
        let own = OwnTemplate::read(metadata).map_err(Error::input)?;
        let template = match &options.chat_template {
            Some(text) if text.contains("{{") || text.contains("{%") => Some(Template::new(text)),
            Some(name) => Some(Template::builtin(name)),
            None => None,
        };
        let template = template.transpose().map_err(|e| Error::field("chat_template", &e.to_string()))?;
        let template_error = own.error.filter(|_| template.is_none() && own.template.is_none());
        let template = template.or(own.template);
        let (sampling, of_sampling) = SamplingDefaults::of_model(metadata);
        let kernels = Kernels::new(None, 1).map_err(Error::input)?;
        let isa = kernels.isa().name();
        let load = options.load(container, None)?;
        let LoadOptions { kv_types, .. } = load;
        let model = Model::load(container, kernels, &load).map_err(Error::input)?;
        let pooling = model.spec().pooling.filter(|pooling| *pooling != Pooling::Rank).unwrap_or(Pooling::Mean);
        let format = OutputFormat::detect(template.as_ref());
        let warnings: Vec<&String> = tokenizer.warnings().iter().chain(&of_sampling).collect();
        let info = json!({
            "abi": crate::session::ABI,
            "name": container.name(),
            "architecture": metadata.str("general.architecture").ok().flatten(),
            "file_type": most_common_type(container),
            "n_parameters": container.tensors().iter().map(|t| (t.cols() * t.n_rows()) as u64).sum::<u64>(),
            "n_vocab": model.n_vocab(),
            "context_length": model.context_len_max(),
            "context_length_trained": model.spec().context_len,
            "n_layers": model.n_layers(),
            "width": model.width(),
            "sha256": about.1,
            "has_chat_template": template.is_some(),
            "chat_template_error": template_error,
            "has_reasoning": format.has_reasoning(),
            "tool_calls": format.name(),
            "grammars": true,
            "isa": isa,
            "bos_token_id": tokenizer.bos().map(|id| id.0),
            "eos_token_ids": tokenizer.end_of_generation().map(|id| id.0).collect::<Vec<_>>(),
            "sampling": {
                "temperature": sampling.temperature,
                "top_k": sampling.top_k,
                "top_p": sampling.top_p,
                "min_p": sampling.min_p,
                "repeat_penalty": sampling.repeat_penalty,
                "repeat_last_n": sampling.repeat_last_n,
            },
            "warnings": warnings,
            "plan": about.0.to_json(container),
        });
        let wall = Wall {
            unix_ms: options.unix_ms.unwrap_or(0.0),
            offset_minutes: options.utc_offset_minutes.unwrap_or(0),
            at: clock(),
        };
        let grammars = GrammarCompiler::new(&tokenizer).map_err(Error::input)?;
        let runner = Runner::new(Box::new(model), Arc::clone(&tokenizer), options.engine(), Box::new(clock));
        Ok(Self {
            guard: Guard::new(&tokenizer),
            grammars,
            runner: runner.map_err(Error::input)?,
            tokenizer,
            format,
            sampling,
            kv_types,
            template,
            template_error,
            pooling,
            wall,
            mailbox: Mailbox::default(),
            open: Vec::new(),
            n_slots: 0,
            info,
        })
    }

    pub(crate) fn info(&self) -> &Value {
        &self.info
    }

    /// Messages in the shape of OpenAI's API as the model's template writes them, with what they and the tools say
    /// guarded; `now` is the session's time.
    pub(crate) fn render(
        &self,
        messages: &[Value],
        tools: &[Tool],
        variables: &Map<String, Value>,
        add_generation_prompt: bool,
        now: Duration,
    ) -> Result<Vec<Segment>, Error> {
        let template = self.template.as_ref().ok_or_else(|| {
            let why = self.template_error.as_ref().map_or_else(String::new, |e| format!(" that can be used ({e})"));
            Error::field("messages", &format!("the model has no chat template{why}: it can only complete text"))
        })?;
        let shaped = self.format.conversation(messages, tools, &self.guard.spellings());
        let conversation = Conversation {
            tools: shaped.tools.as_deref(),
            add_generation_prompt,
            extra: Some(variables),
            ..Conversation::new(&shaped.messages, self.wall.now(now))
        };
        prompt::render(&self.tokenizer, template, &conversation)
            .map_err(|e| Error::field("messages", &format!("the model's chat template refuses them: {e}")))
    }

    fn slot(&mut self) -> u64 {
        self.n_slots += 1;
        self.n_slots
    }

    /// Submits a request under the page's name `id`; `seed` is that of one that names none.
    pub(crate) fn submit(&mut self, id: u32, wire: Wire, seed: u64, now: Duration) -> Result<(), Error> {
        let prepared = wire.prepare(self, seed, now)?;
        let slot = self.slot();
        let engine = self.runner.submit(&prepared.engine, self.mailbox.sink(slot))?;
        let n = prepared.engine.n_choices;
        let reply = prepared.reply.as_ref().map(|reply| (reply, prepared.is_constrained));
        self.open.push(Open::completion((id, slot), engine, n, reply, &prepared.engine));
        Ok(())
    }

    /// Submits texts of which embeddings are wanted.
    pub(crate) fn embed(&mut self, id: u32, input: Texts) -> Result<(), Error> {
        let texts = input.into_vec();
        if texts.is_empty() || texts.len() > INPUTS_MAX {
            return Err(Error::range("input", texts.len(), format_args!("1 to {INPUTS_MAX} texts")));
        }
        if self.pooling == Pooling::None {
            return Err(Error::field("input", "the model's pooling is \"none\": it has no one vector of a text"));
        }
        for (index, text) in texts.iter().enumerate() {
            let ids = prompt::encode_text(&self.tokenizer, text);
            let request = engine::Request { task: Task::Embed(self.pooling), ..engine::Request::new(ids) };
            let slot = self.slot();
            match self.runner.submit(&request, self.mailbox.sink(slot)) {
                Ok(engine) => self.open.push(Open::embedding((id, slot), engine, index)),
                Err(error) => {
                    // All or none; what the others tell is nobody's.
                    self.cancel(id);
                    self.open.retain(|open| open.id != id);
                    return Err(Error { field: Some(format!("input[{index}]")), ..Error::from(error) });
                }
            }
        }
        Ok(())
    }

    /// Cancels all that is called `id`; returns whether there was any.
    pub(crate) fn cancel(&mut self, id: u32) -> bool {
        let running: Vec<_> = self.open.iter().filter(|open| open.id == id).map(|open| open.engine).collect();
        running.iter().for_each(|engine| self.runner.cancel(*engine));
        !running.is_empty()
    }

    /// Whether there is something to be told.
    pub(crate) fn has_events(&self) -> bool {
        !self.mailbox.is_empty()
    }

    /// Computes a step; returns whether there may be another.
    pub(crate) fn step(&mut self) -> bool {
        self.runner.step() != Progress::Idle
    }

    /// Whether nothing runs and nothing waits.
    pub(crate) fn is_idle(&self) -> bool {
        self.runner.is_idle()
    }

    /// All that is to be told, as lines of JSON, and how many they are.
    pub(crate) fn events(&mut self) -> (String, i32) {
        self.mailbox.lines(&mut self.open, &self.tokenizer)
    }

    pub(crate) fn stats(&mut self) -> Value {
        let stats = self.runner.stats();
        json!({
            "n_running": stats.n_running,
            "n_waiting": stats.n_waiting,
            "n_active": stats.n_active,
            "n_submitted": stats.n_submitted,
            "n_finished": stats.n_finished,
            "n_cancelled": stats.n_cancelled,
            "n_failed": stats.n_failed,
            "pages_total": stats.pages_total,
            "pages_free": stats.pages_free,
            "pages_cached": stats.pages_cached,
            "page_bytes": stats.page_bytes,
            "page_len": stats.page_len,
            "n_prompt_tokens": stats.n_prompt_tokens,
            "n_cached_tokens": stats.n_cached_tokens,
            "n_computed_prompt_tokens": stats.n_computed_prompt_tokens,
            "n_completion_tokens": stats.n_completion_tokens,
            "n_sampled": stats.n_sampled,
            "n_steps": stats.n_steps,
            "n_rows": stats.n_rows,
            "step_us": stats.step_us,
            "n_preempted": stats.n_preempted,
            "n_evicted": stats.n_evicted,
        })
    }
}

/// The type that most weights are held in.
fn most_common_type(container: &Container) -> &'static str {
    let mut counts: Vec<(&'static str, usize)> = Vec::new();
    for tensor in container.tensors() {
        let n = tensor.cols() * tensor.n_rows();
        match counts.iter_mut().find(|(name, _)| *name == tensor.type_name()) {
            Some((_, count)) => *count += n,
            None => counts.push((tensor.type_name(), n)),
        }
    }
    counts.iter().max_by_key(|(_, n)| *n).map_or("", |(name, _)| *name)
}
