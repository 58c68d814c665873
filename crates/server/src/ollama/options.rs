//! `options`, `keep_alive`, `format` and `think`: what several routes take.

use std::{fmt, time::Duration};

use engine::{
    Sampling, SamplingDefaults,
    grammar::GrammarSource,
    limits::{PENALTY, PROBABILITY, REPEAT_PENALTY, Range, TEMPERATURE},
};
use prompt::Thinking;
use serde::{
    Deserialize, Deserializer,
    de::{Error, Visitor},
};
use serde_json::{Map, Value};

use crate::{
    error::{ApiError, ContextExceeded},
    generation::GenerationRequest,
    ids,
    models::{KeepAlive, LoadedModel},
    notices::Notices,
    wire::{Ignored, StringOrList, count, number, stops, unsupported},
};

/// The `options` of a request, with Ollama's defaults where neither the operator nor the model has others; an option
/// that is not listed is skipped, like those that Ollama once had (`mirostat`, `tfs_z`, `penalize_newline`).
#[derive(Deserialize, Debug, Default)]
#[serde(default)]
pub(super) struct Options {
    temperature: Option<f64>,
    top_k: Option<i64>,
    top_p: Option<f64>,
    min_p: Option<f64>,
    typical_p: Option<f64>,
    repeat_penalty: Option<f64>,
    repeat_last_n: Option<i64>,
    presence_penalty: Option<f64>,
    frequency_penalty: Option<f64>,
    seed: Option<i64>,
    stop: Option<StringOrList>,
    num_predict: Option<i64>,
    num_ctx: Option<i64>,
    // What has no effect on the output: how a machine is used, and what to keep of a context that is never shifted
    // here.
    #[serde(rename = "num_keep")]
    _num_keep: Ignored,
    #[serde(rename = "num_batch")]
    _num_batch: Ignored,
    #[serde(rename = "num_gpu")]
    _num_gpu: Ignored,
    #[serde(rename = "main_gpu")]
    _main_gpu: Ignored,
    #[serde(rename = "num_thread")]
    _num_thread: Ignored,
    #[serde(rename = "numa")]
    _numa: Ignored,
    #[serde(rename = "low_vram")]
    _low_vram: Ignored,
    #[serde(rename = "f16_kv")]
    _f16_kv: Ignored,
    #[serde(rename = "logits_all")]
    _logits_all: Ignored,
    #[serde(rename = "vocab_only")]
    _vocab_only: Ignored,
    #[serde(rename = "use_mmap")]
    _use_mmap: Ignored,
    #[serde(rename = "use_mlock")]
    _use_mlock: Ignored,
    #[serde(rename = "embedding_only")]
    _embedding_only: Ignored,
}

impl Options {
    /// Checks every range, for requests that generate nothing.
    pub(super) fn check(&self) -> Result<(), ApiError> {
        self.sampling(SamplingDefaults::default())?;
        self.stops()?;
        self.num_predict()?;
        self.num_ctx(usize::MAX)?;
        Ok(())
    }

    fn stops(&self) -> Result<Vec<String>, ApiError> {
        stops("options.stop", self.stop.clone().map_or_else(Vec::new, StringOrList::into_vec))
    }

    fn num_predict(&self) -> Result<Option<usize>, ApiError> {
        match self.num_predict {
            // Until the model ends, or until the context is full: the same here.
            None | Some(-1 | -2) => Ok(None),
            Some(n) => count("options.num_predict", n, 0, usize::MAX).map(Some),
        }
    }

    /// Puts all options into `request`, whose prompt is there already, each within its range.
    pub(super) fn apply(&self, request: &mut GenerationRequest, model: &LoadedModel) -> Result<(), ApiError> {
        let context_len_max = model.handle.context_len_max();
        request.engine.sampling = self.sampling(model.sampling)?;
        // Minus one asks for a new one every time.
        request.seed = self.seed.map(|seed| if seed == -1 { ids::random_u64() } else { seed.cast_unsigned() });
        request.engine.stop = self.stops()?;
        request.engine.max_tokens = self.num_predict()?;
        if let Some(num_ctx) = self.num_ctx(context_len_max)? {
            let n_prompt = request.engine.prompt.len();
            if n_prompt >= num_ctx {
                let message = format!("the prompt has {n_prompt} tokens, but options.num_ctx is {num_ctx}");
                let context = ContextExceeded { n_prompt, n_context: num_ctx };
                return Err(ApiError::too_long("options.num_ctx", message, context));
            }
            let room = num_ctx - n_prompt;
            request.engine.max_tokens = Some(request.engine.max_tokens.map_or(room, |n| n.min(room)));
        }
        Ok(())
    }

    /// Returns the context that is asked for, at most the one there is: clients have a setting of their own for it,
    /// which knows nothing of the server's.
    pub(super) fn num_ctx(&self, context_len_max: usize) -> Result<Option<usize>, ApiError> {
        let asked = self.num_ctx.map(|n| count("options.num_ctx", n, 1, usize::MAX)).transpose()?;
        Ok(asked.map(|n| n.min(context_len_max)))
    }

    /// Tells the operator of clients that ask for more context than there is, and get what there is.
    pub(super) fn note_context(&self, notices: &Notices, model: &LoadedModel) {
        let served = model.handle.context_len_max();
        if let Some(asked) = self.num_ctx.filter(|n| usize::try_from(*n).is_ok_and(|n| n > served)) {
            notices.context_cut(&model.id, asked, served);
        }
    }

    fn sampling(&self, defaults: SamplingDefaults) -> Result<Sampling, ApiError> {
        let ollama = Sampling { top_p: 0.9, min_p: 0.0, repeat_penalty: 1.1, ..Sampling::default() };
        let base = defaults.over(ollama);
        let or = |name: &str, value: Option<f64>, default: f32, range: Range<f64>| {
            value.map_or(Ok(default), |v| number(&format!("options.{name}"), v, range))
        };
        Ok(Sampling {
            temperature: or("temperature", self.temperature, base.temperature, TEMPERATURE)?,
            top_k: self.top_k.map_or(Ok(base.top_k), |k| count("options.top_k", k, 0, usize::MAX))?,
            top_p: or("top_p", self.top_p, base.top_p, PROBABILITY)?,
            min_p: or("min_p", self.min_p, base.min_p, PROBABILITY)?,
            typical_p: or("typical_p", self.typical_p, base.typical_p, PROBABILITY)?,
            repeat_penalty: or("repeat_penalty", self.repeat_penalty, base.repeat_penalty, REPEAT_PENALTY)?,
            presence_penalty: or("presence_penalty", self.presence_penalty, 0.0, PENALTY)?,
            frequency_penalty: or("frequency_penalty", self.frequency_penalty, 0.0, PENALTY)?,
            repeat_last_n: match self.repeat_last_n {
                None => base.repeat_last_n,
                Some(-1) => usize::MAX,
                Some(n) => count("options.repeat_last_n", n, 0, usize::MAX)?,
            },
            ..base
        })
    }
}

/// A `keep_alive`: seconds, or a duration as Go writes them (`5m`, `1h30m`); below zero for ever.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct KeepAliveWire(pub(super) KeepAlive);

impl KeepAliveWire {
    fn of_seconds(seconds: f64) -> Self {
        // Longer than can be told is for ever.
        let time = Duration::try_from_secs_f64(seconds).ok();
        Self(time.map_or(KeepAlive::Forever, KeepAlive::For))
    }
}

impl<'de> Deserialize<'de> for KeepAliveWire {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Form;
        impl Visitor<'_> for Form {
            type Value = KeepAliveWire;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("seconds, or a duration like \"5m\"")
            }

            fn visit_u64<E: Error>(self, seconds: u64) -> Result<KeepAliveWire, E> {
                Ok(KeepAliveWire::of_seconds(seconds as f64))
            }

            fn visit_i64<E: Error>(self, seconds: i64) -> Result<KeepAliveWire, E> {
                Ok(KeepAliveWire::of_seconds(seconds as f64))
            }

            fn visit_f64<E: Error>(self, seconds: f64) -> Result<KeepAliveWire, E> {
                Ok(KeepAliveWire::of_seconds(seconds))
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<KeepAliveWire, E> {
                let seconds = seconds_of(text).ok_or_else(|| {
                    let shown: String = text.chars().take(64).collect();
                    E::custom(format_args!("{shown:?} is no duration; expected one like \"5m\""))
                })?;
                Ok(KeepAliveWire::of_seconds(seconds))
            }
        }
        deserializer.deserialize_any(Form)
    }
}

/// Parses a duration as Go writes them; a number without a unit counts seconds.
fn seconds_of(text: &str) -> Option<f64> {
    if let Some(seconds) = text.parse().ok().filter(|s: &f64| s.is_finite()) {
        return Some(seconds);
    }
    let (sign, mut rest) = match text.strip_prefix('-') {
        Some(rest) => (-1.0, rest),
        None => (1.0, text.strip_prefix('+').unwrap_or(text)),
    };
    if rest.is_empty() {
        return None;
    }
    let mut seconds = 0.0;
    while !rest.is_empty() {
        let end = rest.find(|c: char| !c.is_ascii_digit() && c != '.')?;
        let (digits, tail) = rest.split_at(end);
        let end = tail.find(|c: char| c.is_ascii_digit() || c == '.').unwrap_or(tail.len());
        let (unit, tail) = tail.split_at(end);
        let unit = match unit {
            "h" => 3600.0,
            "m" => 60.0,
            "s" => 1.0,
            "ms" => 1e-3,
            // The micro sign and the Greek letter, as Go has them.
            "us" | "\u{b5}s" | "\u{3bc}s" => 1e-6,
            "ns" => 1e-9,
            _ => return None,
        };
        seconds += digits.parse::<f64>().ok()? * unit;
        rest = tail;
    }
    Some(sign * seconds)
}

/// Reads a `keep_alive` by itself.
pub(crate) fn keep_alive_of(value: Value) -> Option<KeepAlive> {
    serde_json::from_value(value).ok().map(|KeepAliveWire(of)| of)
}

/// Returns the grammar of a `format`: nothing, `"json"`, or a schema.
pub(super) fn grammar(format: Option<Value>) -> Result<Option<(GrammarSource, &'static str)>, ApiError> {
    let source = match format {
        None => None,
        Some(Value::String(word)) if word.is_empty() => None,
        Some(Value::String(word)) if word == "json" => Some(GrammarSource::JsonObject),
        Some(schema @ Value::Object(_)) => Some(GrammarSource::JsonSchema(schema)),
        Some(_) => return Err(ApiError::invalid("format", "format: expected \"json\" or a JSON schema")),
    };
    Ok(source.map(|source| (source, "format")))
}

/// Checks what can be said of `format`, `think` and `options` without a model.
pub(super) fn check(options: Option<&Options>, format: Option<&Value>, think: Option<&Value>) -> Result<(), ApiError> {
    options.map_or(Ok(()), Options::check)?;
    grammar(format.cloned())?;
    check_thinking(think)
}

fn check_thinking(think: Option<&Value>) -> Result<(), ApiError> {
    match think {
        None | Some(Value::Bool(_)) => Ok(()),
        Some(Value::String(effort)) if Thinking::from_effort(effort).is_some() => Ok(()),
        Some(_) => Err(ApiError::invalid("think", "think: expected true, false, \"low\", \"medium\" or \"high\"")),
    }
}

/// Turns a `think` (whether, or how much) into variables for the template.
pub(super) fn thinking(think: Option<&Value>, model: &LoadedModel) -> Result<Map<String, Value>, ApiError> {
    check_thinking(think)?;
    let thinking = match think {
        Some(Value::Bool(false)) => Thinking::Off,
        Some(Value::Bool(true)) => Thinking::On,
        Some(Value::String(effort)) => Thinking::from_effort(effort).unwrap_or(Thinking::On),
        // Nothing else comes through the check.
        _ => return Ok(Map::new()),
    };
    if thinking != Thinking::Off && !model.format.has_reasoning() {
        return Err(unsupported("think", &format!("the model {} does not think", model.id)));
    }
    Ok(thinking.variables())
}

/// Reads `logprobs` and `top_logprobs`: how many tokens are reported beside each.
pub(super) fn top_logprobs(logprobs: Option<bool>, top: Option<i64>) -> Result<Option<usize>, ApiError> {
    match (logprobs.unwrap_or(false), top) {
        (true, n) => Ok(Some(n.map_or(Ok(0), |n| count("top_logprobs", n, 0, crate::limits::TOP_LOGPROBS_MAX))?)),
        (false, None | Some(0)) => Ok(None),
        (false, Some(_)) => Err(ApiError::invalid("top_logprobs", "top_logprobs: only with logprobs: true")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_as_go_and_numbers_as_json_write_them() {
        let check = |json: &str, expected: Option<KeepAlive>| {
            assert_eq!(serde_json::from_str::<KeepAliveWire>(json).ok().map(|k| k.0), expected, "{json}");
        };
        let seconds = |s: f64| Some(KeepAlive::For(Duration::from_secs_f64(s)));
        check("0", seconds(0.0));
        check("\"0\"", seconds(0.0));
        check("300", seconds(300.0));
        check("1.5", seconds(1.5));
        check("\"5m\"", seconds(300.0));
        check("\"1h30m\"", seconds(5400.0));
        check("\"1.5s\"", seconds(1.5));
        check("\"250ms\"", seconds(0.25));
        check("\"90\"", seconds(90.0));
        check("\"+5m\"", seconds(300.0));
        for micro in ["u", "\u{b5}", "\u{3bc}"] {
            check(&format!("\"1500{micro}s\""), seconds(0.0015));
        }
        for forever in ["-1", "\"-1\"", "\"-1s\"", "-0.5", "1e300"] {
            check(forever, Some(KeepAlive::Forever));
        }
        for bad in
            ["\"\"", "\"m\"", "\"5x\"", "\"5 m\"", "\"-\"", "\"inf\"", "\"1.2.3s\"", "\"+\"", "\"+-5m\"", "true", "[]"]
        {
            check(bad, None);
        }
    }
}
