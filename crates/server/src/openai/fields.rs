//! Fields that several routes share, and what OpenAI's documents and ours say of their ranges.

use std::{collections::BTreeMap, time::Duration};

use engine::{
    SamplerKind, Sampling, SamplingDefaults,
    grammar::GrammarSource,
    limits::{PENALTY, PROBABILITY, REPEAT_PENALTY, Range},
};
use serde::Deserialize;
use tokenizer::TokenId;

use super::constraint::StructuredOutputs;
pub(super) use crate::wire::{Ignored, count, out_of_range, unsupported};
use crate::{
    Caller,
    error::ApiError,
    generation::GenerationRequest,
    ignored::{self, Api},
    limits,
    models::Lease,
    wire::{RepetitionDetection, Samplers, cache_scope, lora, neutral, number, stops},
};

/// Hands the list of common fields to another macro, before that macro's own input.
macro_rules! common_fields {
    ($next:ident ! { $($input:tt)* }) => {
        $next! {
            {
                temperature: f64, top_p: f64, top_k: i64, min_p: f64,
                #[serde(alias = "typ_p")]
                typical_p: f64,
                repeat_penalty: f64, repetition_penalty: f64, repeat_last_n: i64,
                frequency_penalty: f64, presence_penalty: f64, logit_bias: std::collections::BTreeMap<String, f64>,
                seed: i64, n: i64, stop: $crate::wire::StringOrList, stop_token_ids: Vec<u32>, ignore_eos: bool,
                min_tokens: i64,
                repetition_detection: $crate::wire::RepetitionDetection,
                priority: i64, cache_prompt: bool, cache_salt: String, time_limit: f64,
                n_probs: i64, samplers: $crate::wire::StringOrList, dynatemp_range: f64, xtc_probability: f64,
                dry_multiplier: f64, mirostat: i64,
                min_keep: i64, n_indent: i64, t_max_predict_ms: i64, top_n_sigma: f64,
                adaptive_target: f64, post_sampling_probs: bool, lora: Vec<$crate::wire::lora::AdapterScale>,
                grammar: String, json_schema: serde_json::Value, guided_json: serde_json::Value, guided_regex: String,
                guided_choice: Vec<String>,
                guided_grammar: String, structured_outputs: $crate::openai::constraint::StructuredOutputs,
            }
            $($input)*
        }
    };
}
pub(super) use common_fields;

/// Defines a request type: its own fields, and all common ones.
macro_rules! request_type {
    (
        { $($(#[$common_meta:meta])* $common:ident: $common_type:ty,)* }
        $(#[$meta:meta])*
        struct $name:ident { $($(#[$field_meta:meta])* $field:ident: $type:ty,)* }
    ) => {
        $(#[$meta])*
        #[derive(serde::Deserialize, Debug)]
        #[serde(deny_unknown_fields)]
        pub(crate) struct $name {
            $($(#[$field_meta])* pub(crate) $field: $type,)*
            $($(#[$common_meta])* #[serde(default)] $common: Option<$common_type>,)*
        }

        impl $name {
            /// Takes the common fields out of the request.
            pub(crate) fn take_common(&mut self) -> $crate::openai::fields::Common {
                $crate::openai::fields::Common { $($common: self.$common.take(),)* }
            }
        }

        impl $crate::ignored::Dialect for $name {
            const API: $crate::ignored::Api = $crate::ignored::Api::OpenAi;
        }
    };
}
pub(super) use request_type;

macro_rules! common_type {
    ({ $($(#[$common_meta:meta])* $common:ident: $common_type:ty,)* }) => {
        /// The common fields of a request, taken out of it.
        #[derive(Debug, Default)]
        pub(crate) struct Common { $(pub(crate) $common: Option<$common_type>,)* }
    };
}
common_fields!(common_type! {});

impl Common {
    /// Puts all fields into `request`, each within its range. A field that is not set is as the operator or the model
    /// has it, else as OpenAI's documents do: temperature 1, nothing cut off; a new seed every time.
    pub(super) fn apply(self, request: &mut GenerationRequest, lease: &Lease, caller: &Caller) -> Result<(), ApiError> {
        neutral::check(&neutral::neutral_of!(self))?;
        if let Some(ms) = self.t_max_predict_ms.filter(|ms| *ms > 0) {
            return Err(unsupported("t_max_predict_ms", &format!("{ms}; time_limit sets a time here")));
        }
        if let Some(n) = self.n_indent.filter(|n| *n != 0) {
            return Err(unsupported("n_indent", &format!("{n}; only /completion and /infill have it")));
        }
        request.seed = self.seed.map(i64::cast_unsigned);
        let engine = &mut request.engine;
        engine.sampling = self.sampling(lease.sampling)?;
        let n_probs = self.n_probs.map_or(Ok(0), |n| count("n_probs", n, 0, limits::TOP_LOGPROBS_MAX))?;
        engine.top_logprobs = (n_probs > 0).then_some(n_probs);
        engine.n_choices = self.n.map_or(Ok(1), |n| count("n", n, 1, limits::CHOICES_MAX))?;
        engine.stop = self.stop.clone().map_or_else(|| Ok(Vec::new()), |s| stops("stop", s.into_vec()))?;
        engine.stop_tokens = self.stop_tokens(lease)?;
        engine.ignore_eos = self.ignore_eos.unwrap_or(false);
        engine.repetition = self.repetition_detection.map_or(Ok(None), RepetitionDetection::bounds)?;
        if self.min_tokens.is_some_and(|n| n != 0) {
            return Err(unsupported("min_tokens", "this server cannot hold back a model's end"));
        }
        engine.priority = caller.rights.check_priority(self.priority)?;
        engine.use_cache = self.cache_prompt.unwrap_or(true);
        engine.scope = cache_scope(caller, self.cache_salt.as_deref());
        engine.adapters = lora::of_request(self.lora.as_ref(), lease.handle.n_adapters())?;
        engine.time_limit = self.time_limit.map(time_limit).transpose()?;
        request.grammar = self.constraint()?;
        Ok(())
    }

    fn stop_tokens(&self, lease: &Lease) -> Result<Vec<TokenId>, ApiError> {
        let ids = self.stop_token_ids.as_deref().unwrap_or_default();
        if ids.len() > limits::STOP_TOKENS_MAX {
            let expected = format!("at most {}", limits::STOP_TOKENS_MAX);
            return Err(out_of_range("stop_token_ids", format!("{} tokens", ids.len()), &expected));
        }
        let n_vocab = lease.handle.n_vocab();
        if let Some(id) = ids.iter().find(|id| **id as usize >= n_vocab) {
            return Err(out_of_range("stop_token_ids", id, &format!("less than {n_vocab}, the model's tokens")));
        }
        Ok(ids.iter().copied().map(TokenId).collect())
    }

    /// Returns the sampling that the fields ask for. A list of `samplers`, llama.cpp's field, leaves out what it does
    /// not name.
    fn sampling(&self, defaults: SamplingDefaults) -> Result<Sampling, ApiError> {
        // OpenAI's penalties look at the whole text, llama.cpp's at the last tokens.
        let base = defaults.over(Sampling { repeat_last_n: usize::MAX, ..Sampling::unchanged() });
        let samplers = Samplers::read(self.samplers.as_ref())?;
        let or = |name: &str, value: Option<f64>, default: f32, range: Range<f64>| {
            value.map_or(Ok(default), |v| number(name, v, range))
        };
        if let (Some(_), Some(_)) = (self.repeat_penalty, self.repetition_penalty) {
            return Err(ApiError::invalid(
                "repetition_penalty",
                "repetition_penalty and repeat_penalty are one parameter",
            ));
        }
        let repeat = or("repeat_penalty", self.repeat_penalty, base.repeat_penalty, REPEAT_PENALTY)?;
        let temperature = or("temperature", self.temperature, base.temperature, limits::OPENAI_TEMPERATURE)?;
        let has_temperature = samplers.has(SamplerKind::Temperature);
        Ok(Sampling {
            temperature: if has_temperature { temperature } else { 1.0 },
            top_p: or("top_p", self.top_p, base.top_p, PROBABILITY)?,
            // Minus one is what vLLM's clients say for "all".
            top_k: match self.top_k {
                None => base.top_k,
                Some(-1) => 0,
                Some(k) => count("top_k", k, 0, usize::MAX)?,
            },
            min_p: or("min_p", self.min_p, base.min_p, PROBABILITY)?,
            typical_p: or("typical_p", self.typical_p, 1.0, PROBABILITY)?,
            repeat_penalty: or("repetition_penalty", self.repetition_penalty, repeat, REPEAT_PENALTY)?,
            frequency_penalty: or("frequency_penalty", self.frequency_penalty, 0.0, PENALTY)?,
            presence_penalty: or("presence_penalty", self.presence_penalty, 0.0, PENALTY)?,
            repeat_last_n: match self.repeat_last_n {
                None => base.repeat_last_n,
                Some(-1) => usize::MAX,
                Some(n) => count("repeat_last_n", n, 0, usize::MAX)?,
            },
            logit_bias: self.logit_bias.as_ref().map_or_else(|| Ok(Vec::new()), biases)?,
            chain: samplers.chain(),
            ..base
        })
    }

    /// Returns the grammar of the output, which at most one of the fields may set.
    fn constraint(self) -> Result<Option<(GrammarSource, &'static str)>, ApiError> {
        let structured = self.structured_outputs.map(StructuredOutputs::source).transpose()?.flatten();
        let mut given = [
            self.grammar.map(|g| (GrammarSource::Gbnf(g), "grammar")),
            self.json_schema
                .map(|schema| Ok((crate::wire::schema(schema, "json_schema")?, "json_schema")))
                .transpose()?,
            self.guided_json
                .map(|schema| Ok((crate::wire::schema(schema, "guided_json")?, "guided_json")))
                .transpose()?,
            self.guided_regex.map(|r| (GrammarSource::Regex(r), "guided_regex")),
            self.guided_choice.map(|c| (GrammarSource::Choice(c), "guided_choice")),
            self.guided_grammar.map(|g| (GrammarSource::Lark(g), "guided_grammar")),
            structured.map(|s| (s, "structured_outputs")),
        ]
        .into_iter()
        .flatten();
        let first = given.next();
        match (&first, given.next()) {
            (Some((_, one)), Some((_, other))) => {
                Err(ApiError::invalid(other, format!("{other}: {one} already says what the output must look like")))
            }
            _ => Ok(first),
        }
    }
}

fn time_limit(seconds: f64) -> Result<Duration, ApiError> {
    if !limits::TIME_LIMIT.contains(seconds) {
        return Err(out_of_range("time_limit", seconds, &limits::TIME_LIMIT.to_string()));
    }
    Ok(Duration::from_secs_f64(seconds))
}

/// Reads biases, whose keys are token ids as text.
fn biases(biases: &BTreeMap<String, f64>) -> Result<Vec<(TokenId, f32)>, ApiError> {
    if biases.len() > limits::LOGIT_BIAS_MAX {
        let got = format!("{} entries", biases.len());
        return Err(out_of_range("logit_bias", got, &format!("at most {}", limits::LOGIT_BIAS_MAX)));
    }
    let entry = |(key, bias): (&String, &f64)| {
        let id =
            key.parse().map_err(|_| ApiError::invalid("logit_bias", format!("logit_bias: {key:?} is no token id")))?;
        Ok((TokenId(id), number("logit_bias", *bias, limits::OPENAI_LOGIT_BIAS)?))
    };
    biases.iter().map(entry).collect()
}

/// The `stream_options` of a request.
#[derive(Deserialize, Debug, Default)]
#[serde(deny_unknown_fields)]
pub(crate) struct StreamOptions {
    /// Whether a last chunk holds the counts of tokens.
    #[serde(default)]
    pub(crate) include_usage: Option<bool>,
    /// Whether chunks are padded against eavesdroppers who measure lengths: a wish, and this server pads no events.
    #[serde(default)]
    pub(crate) include_obfuscation: Option<bool>,
}

impl StreamOptions {
    /// Refuses options that are not supported; returns whether usage is wanted.
    pub(super) fn include_usage(options: Option<Self>, is_stream: bool) -> Result<bool, ApiError> {
        let Some(options) = options else { return Ok(false) };
        if !is_stream {
            return Err(ApiError::invalid("stream_options", "stream_options: only with stream: true"));
        }
        if options.include_obfuscation == Some(true) {
            ignored::note(Api::OpenAi, "stream_options.include_obfuscation");
        }
        Ok(options.include_usage.unwrap_or(false))
    }
}

/// The `service_tier` of a request, which has no effect on the output: any value is fine where it promises nothing.
#[derive(Deserialize, Clone, Copy, PartialEq, Eq, Debug)]
#[serde(rename_all = "lowercase")]
pub(crate) enum ServiceTier {
    /// The tier is the server's choice.
    Auto,
    /// The only tier that there is.
    Default,
    // What they cost and how fast they are is not for a server to say that has one.
    Flex,
    Priority,
    Scale,
}
