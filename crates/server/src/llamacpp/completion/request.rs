//! The bodies of `/completion` and `/infill`.

use std::time::Duration;

use engine::{
    Request, SamplerKind, Sampling,
    grammar::GrammarSource,
    limits::{PENALTY, PROBABILITY, REPEAT_PENALTY, Range},
};
use prompt::FillParts;
use serde::Deserialize;
use serde_json::Value;
use tokenizer::ControlTokens;

use super::{bias::Biases, settings::Settings};
use crate::{
    blocking::Asked,
    error::{ApiError, ErrorKind},
    generation::GenerationRequest,
    ids, limits,
    llamacpp::{prompt::Prompts, text_of},
    models::Lease,
    wire::{
        self, Samplers, StringOrList, count,
        lora::{self, AdapterScale},
        neutral, number, out_of_range, stops, unsupported,
    },
};

/// Hands the list of common fields to another macro, before that macro's own input.
macro_rules! options {
    ($next:ident ! { $($input:tt)* }) => {
        $next! {
            {
                stream: bool,
                #[serde(alias = "max_tokens")]
                n_predict: i64,
                #[serde(alias = "n")]
                n_cmpl: i64,
                stop: StringOrList, temperature: f64, dynatemp_range: f64, dynatemp_exponent: f64,
                top_k: i64, top_p: f64, min_p: f64, top_n_sigma: f64, xtc_probability: f64, xtc_threshold: f64,
                typical_p: f64,
                repeat_last_n: i64, repeat_penalty: f64, presence_penalty: f64, frequency_penalty: f64,
                dry_multiplier: f64, dry_base: f64, dry_allowed_length: i64, dry_penalty_last_n: i64,
                dry_sequence_breakers: Vec<String>,
                mirostat: i64, mirostat_tau: f64, mirostat_eta: f64, adaptive_target: f64, adaptive_decay: f64,
                grammar: String, json_schema: Value, seed: i64, ignore_eos: bool, logit_bias: Biases, n_probs: i64,
                min_keep: i64, n_keep: i64, n_discard: i64, n_indent: i64,
                t_max_predict_ms: i64, id_slot: i64, cache_prompt: bool, cache_salt: String,
                priority: i64, return_tokens: bool, samplers: StringOrList, timings_per_token: bool,
                return_progress: bool, post_sampling_probs: bool, response_fields: Vec<String>, lora: Vec<AdapterScale>,
            }
            $($input)*
        }
    };
}

macro_rules! request_type {
    (
        { $($(#[$common_meta:meta])* $common:ident: $common_type:ty,)* }
        $(#[$meta:meta])*
        struct $name:ident { $($field:ident: $type:ty,)* }
    ) => {
        $(#[$meta])*
        #[derive(Deserialize, Debug)]
        pub(crate) struct $name {
            $(pub(crate) $field: $type,)*
            $($(#[$common_meta])* #[serde(default)] $common: Option<$common_type>,)*
        }

        impl $name {
            fn take_options(&mut self) -> Options {
                Options { $($common: self.$common.take(),)* }
            }
        }
    };
}

macro_rules! options_type {
    ({ $($(#[$common_meta:meta])* $common:ident: $common_type:ty,)* }) => {
        /// The fields that `/completion` and `/infill` have in common.
        #[derive(Debug, Default)]
        pub(super) struct Options { $(pub(super) $common: Option<$common_type>,)* }
    };
}

options!(options_type! {});

options!(request_type! {
    /// The body of `/completion`; a field that is not listed is skipped, as by llama.cpp's server, and the log says so.
    struct CompletionRequest {
        model: Option<String>,
        prompt: Prompts,
    }
});

options!(request_type! {
    /// The body of `/infill`, which fills a gap in a text; a field that is not listed is skipped, and the log says so.
    struct InfillRequest {
        model: Option<String>,
        input_prefix: Option<String>,
        input_suffix: Option<String>,
        input_extra: Option<Vec<InputFile>>,
        prompt: Option<Prompts>,
    }
});

/// A further file of the project. Editors add fields of their own, such as when it was last changed.
#[derive(Deserialize, Debug)]
pub(crate) struct InputFile {
    #[serde(default)]
    filename: Option<String>,
    text: String,
}

/// The way in which the answer is to be written.
#[derive(Clone, Debug)]
pub(super) struct Answer {
    pub(super) is_stream: bool,
    /// Number of results of each prompt.
    pub(super) n_choices: usize,
    pub(super) return_tokens: bool,
    pub(super) has_probs: bool,
    pub(super) timings_per_token: bool,
    pub(super) response_fields: Option<Vec<String>>,
    /// Longest time to write after the first token.
    pub(super) predict_limit: Option<Duration>,
    /// Least indentation of lines.
    pub(super) n_indent: usize,
    pub(super) id_slot: i64,
    pub(super) stop: Vec<String>,
    /// Settings of the request, told as `generation_settings`.
    pub(super) settings: Value,
    /// Prompts as text.
    pub(super) prompts: Vec<String>,
}

pub(super) struct Prepared {
    pub(super) requests: Vec<GenerationRequest>,
    pub(super) answer: Answer,
}

impl CompletionRequest {
    /// Checks all fields and turns the prompts into ids. Takes long, so it must not run on the threads that serve.
    pub(super) fn prepare(mut self, asked: Asked<'_>) -> Result<Prepared, ApiError> {
        let lease = asked.lease;
        let mut request = GenerationRequest::new(Vec::new(), "prompt");
        let n_prompts = self.prompt.list.len();
        let mut answer = self.take_options().apply(&mut request, asked, n_prompts)?;
        if n_prompts == 0 || n_prompts > limits::PROMPTS_MAX {
            let expected = format!("1 to {}", limits::PROMPTS_MAX);
            return Err(out_of_range("prompt", format!("{n_prompts} prompts"), &expected));
        }
        let mut requests = Vec::with_capacity(n_prompts);
        for parts in self.prompt.list {
            let ids = parts.encode(lease, "prompt", ControlTokens::Parse, true)?;
            answer.prompts.push(text_of(lease.handle.tokenizer(), &ids));
            requests.push(request.with_prompt(ids));
        }
        Ok(Prepared { requests, answer })
    }
}

impl InfillRequest {
    /// Checks all fields and turns the gap into a prompt of ids. Takes long, so it must not run on the threads that
    /// serve.
    pub(super) fn prepare(mut self, asked: Asked<'_>) -> Result<Prepared, ApiError> {
        let lease = asked.lease;
        let mut request = GenerationRequest::new(Vec::new(), "input_prefix");
        let mut answer = self.take_options().apply(&mut request, asked, 1)?;
        let tokenizer = lease.handle.tokenizer();
        let missing = prompt::missing_fill_tokens(tokenizer);
        if !missing.is_empty() {
            let message = format!("this server fills no gaps with the model {}: its file names {missing}", lease.id);
            return Err(ApiError::new(ErrorKind::NotImplemented, message).with_code("not_supported"));
        }
        let (Some(prefix), Some(suffix)) = (self.input_prefix, self.input_suffix) else {
            return Err(ApiError::invalid("input_prefix", "input_prefix and input_suffix: both are needed"));
        };
        let middle = match self.prompt.map(|prompt| prompt.list) {
            None => String::new(),
            Some(list) => {
                let text = <[_; 1]>::try_from(list).ok().and_then(|[parts]| parts.into_text());
                text.ok_or_else(|| unsupported("prompt", "only one text"))?
            }
        };
        let extra = self.input_extra.unwrap_or_default();
        if extra.len() > limits::INPUT_FILES_MAX {
            let expected = format!("at most {}", limits::INPUT_FILES_MAX);
            return Err(out_of_range("input_extra", format!("{} files", extra.len()), &expected));
        }
        let files: Vec<(String, String)> =
            extra.into_iter().map(|f| (f.filename.unwrap_or_else(|| "tmp".to_owned()), f.text)).collect();
        let parts = FillParts { prefix: &prefix, suffix: &suffix, middle: &middle, files: &files };
        // Other files have the room that the gap leaves.
        let context = lease.handle.context_len_max();
        let room = context.saturating_sub(request.engine.max_tokens.unwrap_or(context / 4));
        request.engine.prompt = lease.fill(&parts, room)?;
        answer.prompts.push(text_of(tokenizer, &request.engine.prompt));
        Ok(Prepared { requests: vec![request], answer })
    }
}

/// Checks the number of alternatives for each token. More than other APIs allow are bounded by what is kept of them,
/// over all tokens that may be written, of all results.
fn check_n_probs(n_probs: usize, request: &Request, asked: Asked<'_>, n_prompts: usize) -> Result<(), ApiError> {
    let context = asked.lease.handle.context_len_max();
    let n_tokens = request.max_tokens.map_or(context, |n| n.min(context));
    let n_tokens = n_tokens.saturating_mul(request.n_choices).saturating_mul(n_prompts);
    // Never more than there are.
    let n_told = n_probs.min(asked.lease.handle.n_vocab());
    if n_told <= limits::TOP_LOGPROBS_MAX || n_tokens.saturating_mul(n_told + 1) <= limits::LOGPROBS_MAX {
        return Ok(());
    }
    let most = (limits::LOGPROBS_MAX / n_tokens.max(1)).saturating_sub(1).max(limits::TOP_LOGPROBS_MAX);
    let expected = format!(
        "at most {most} of each of the {n_tokens} tokens that may be written (n_predict), so that there are at most {} numbers",
        limits::LOGPROBS_MAX
    );
    Err(out_of_range("n_probs", n_probs, &expected))
}

impl Options {
    /// Puts all fields into `request`, each within its range.
    fn apply(self, request: &mut GenerationRequest, asked: Asked<'_>, n_prompts: usize) -> Result<Answer, ApiError> {
        let lease = asked.lease;
        neutral::check(&neutral::neutral_of!(self))?;
        if self.return_progress == Some(true) {
            return Err(unsupported("return_progress", "true; this server has none, so only false"));
        }
        let samplers = Samplers::read(self.samplers.as_ref())?;
        let engine = &mut request.engine;
        engine.sampling = self.sampling(&samplers, lease)?;
        // Settled here, because the answer tells it.
        engine.sampling.seed = self.seed(asked.app.options().seed)?;
        request.seed = Some(engine.sampling.seed);
        engine.max_tokens = wire::tokens_max("n_predict", self.n_predict.unwrap_or(-1), 0)?;
        engine.n_choices = self.n_cmpl.map_or(Ok(1), |n| count("n_cmpl", n, 1, limits::CHOICES_MAX))?;
        engine.stop = self.stop.clone().map_or_else(|| Ok(Vec::new()), |s| stops("stop", s.into_vec()))?;
        engine.ignore_eos = self.ignore_eos.unwrap_or(false);
        let n_probs = self.n_probs.map_or(Ok(0), |n| count("n_probs", n, 0, limits::LOGPROBS_MAX))?;
        check_n_probs(n_probs, engine, asked, n_prompts)?;
        engine.top_logprobs = (n_probs > 0).then_some(n_probs);
        engine.priority = asked.caller.rights.check_priority(self.priority)?;
        engine.use_cache = self.cache_prompt.unwrap_or(true);
        engine.scope = wire::cache_scope(asked.caller, self.cache_salt.as_deref());
        engine.adapters = lora::of_request(self.lora.as_ref(), lease.handle.n_adapters())?;
        request.grammar = self.constraint()?;
        let id_slot = self.id_slot.unwrap_or(-1);
        let n_slots = lease.handle.n_running_max();
        if id_slot < -1 || usize::try_from(id_slot).is_ok_and(|slot| slot >= n_slots) {
            return Err(out_of_range("id_slot", id_slot, &format!("-1 to {}", n_slots.saturating_sub(1))));
        }
        let predict_ms = self.t_max_predict_ms.filter(|ms| *ms > 0);
        let predict_ms = predict_ms.map(|ms| count("t_max_predict_ms", ms, 0, limits::PREDICT_MS_MAX)).transpose()?;
        if let Some(fields) = self.response_fields.as_ref().filter(|f| f.len() > limits::RESPONSE_FIELDS_MAX) {
            let expected = format!("at most {}", limits::RESPONSE_FIELDS_MAX);
            return Err(out_of_range("response_fields", format!("{} fields", fields.len()), &expected));
        }
        let engine = &request.engine;
        let settings = Settings { options: &self, request: engine, samplers: &samplers }.to_json();
        Ok(Answer {
            is_stream: self.stream.unwrap_or(false),
            n_choices: engine.n_choices,
            return_tokens: self.return_tokens.unwrap_or(false),
            has_probs: n_probs > 0,
            timings_per_token: self.timings_per_token.unwrap_or(false),
            n_indent: self.n_indent.map_or(Ok(0), |n| count("n_indent", n, 0, limits::INDENT_MAX))?,
            predict_limit: predict_ms.map(|ms| Duration::from_millis(ms as u64)),
            id_slot,
            stop: engine.stop.clone(),
            settings,
            prompts: Vec::new(),
            response_fields: self.response_fields,
        })
    }

    fn sampling(&self, samplers: &Samplers, lease: &Lease) -> Result<Sampling, ApiError> {
        let default = lease.sampling.over(Sampling::default());
        let or = |kind: SamplerKind, param: &str, value: Option<f64>, default: f32, off: f32, range: Range<f64>| {
            let value = value.map_or(Ok(default), |v| number(param, v, range))?;
            Ok::<f32, ApiError>(if samplers.has(kind) { value } else { off })
        };
        // Below zero is greedy, as zero is.
        let temperature = or(
            SamplerKind::Temperature,
            "temperature",
            self.temperature,
            default.temperature,
            1.0,
            limits::LLAMACPP_TEMPERATURE,
        )?;
        // Zero and less keep all.
        let top_k = self.top_k.map_or(Ok(default.top_k), |k| count("top_k", k.max(0), 0, usize::MAX))?;
        let repeat_last_n = match self.repeat_last_n {
            None => default.repeat_last_n,
            // The whole context.
            Some(-1) => usize::MAX,
            Some(n) => count("repeat_last_n", n, 0, usize::MAX)?,
        };
        let repeat = default.repeat_penalty;
        let repeat_penalty =
            or(SamplerKind::Penalties, "repeat_penalty", self.repeat_penalty, repeat, 1.0, REPEAT_PENALTY)?;
        let penalty = |param: &str, value: Option<f64>| or(SamplerKind::Penalties, param, value, 0.0, 0.0, PENALTY);
        Ok(Sampling {
            temperature: temperature.max(0.0),
            top_k: if samplers.has(SamplerKind::TopK) { top_k } else { 0 },
            top_p: or(SamplerKind::TopP, "top_p", self.top_p, default.top_p, 1.0, PROBABILITY)?,
            min_p: or(SamplerKind::MinP, "min_p", self.min_p, default.min_p, 0.0, PROBABILITY)?,
            typical_p: or(SamplerKind::Typical, "typical_p", self.typical_p, 1.0, 1.0, PROBABILITY)?,
            repeat_penalty,
            presence_penalty: penalty("presence_penalty", self.presence_penalty)?,
            frequency_penalty: penalty("frequency_penalty", self.frequency_penalty)?,
            repeat_last_n,
            logit_bias: self.logit_bias.as_ref().map_or_else(|| Ok(Vec::new()), |b| b.of_tokens(lease))?,
            chain: samplers.chain(),
            ..default
        })
    }

    /// Returns the seed, that of the operator where none is named. Minus one, and the same in 32 bits, mean a new one,
    /// which the answer tells; it is small enough that every JSON reader keeps it whole.
    fn seed(&self, default: Option<u64>) -> Result<u64, ApiError> {
        let drawn = || ids::random_u64() >> 33;
        match self.seed {
            None => Ok(default.unwrap_or_else(drawn)),
            Some(-1 | 0xffff_ffff) => Ok(drawn()),
            Some(seed) => u64::try_from(seed).map_err(|_| out_of_range("seed", seed, "-1 or more")),
        }
    }

    fn constraint(&self) -> Result<Option<(GrammarSource, &'static str)>, ApiError> {
        let grammar = self.grammar.as_ref().filter(|g| !g.is_empty());
        match (grammar, &self.json_schema) {
            (Some(_), Some(_)) => {
                let message = "json_schema: grammar already says what the output must look like";
                Err(ApiError::invalid("json_schema", message))
            }
            (Some(grammar), None) => Ok(Some((GrammarSource::Gbnf(grammar.clone()), "grammar"))),
            (None, Some(schema)) => Ok(Some((wire::schema(schema.clone(), "json_schema")?, "json_schema"))),
            (None, None) => Ok(None),
        }
    }
}
