//! `generation_settings`: what a request came to, defaults included.

use serde_json::{Value, json};
use tokenizer::TokenId;

use super::neutral::SAMPLERS;
use crate::generation::GenerationRequest;

/// What is told of a request.
pub(super) struct Settings<'a> {
    pub(super) request: &'a GenerationRequest,
    pub(super) samplers: &'a [&'static str],
    pub(super) is_stream: bool,
    pub(super) n_probs: usize,
    pub(super) n_keep: i64,
    pub(super) grammar: &'a str,
    pub(super) timings_per_token: bool,
}

/// Those of a request that says nothing.
pub(crate) fn default_settings() -> Value {
    let request = GenerationRequest::new(Vec::new(), "prompt");
    let settings = Settings {
        request: &request,
        samplers: SAMPLERS,
        is_stream: false,
        n_probs: 0,
        n_keep: 0,
        grammar: "",
        timings_per_token: false,
    };
    let mut settings = settings.to_json();
    // What llama.cpp's server says where every request gets a new one.
    settings["seed"] = json!(u32::MAX);
    settings
}

/// The shortest number that is this one, and not all digits of its double.
fn short(number: f32) -> f64 {
    number.to_string().parse().unwrap_or_else(|_| f64::from(number))
}

fn bias((id, bias): &(TokenId, f32)) -> Value {
    // Minus infinity, which JSON cannot say, is null there too.
    json!({"bias": bias.is_finite().then(|| short(*bias)), "token": id.0})
}

impl Settings<'_> {
    pub(super) fn to_json(&self) -> Value {
        let (request, sampling) = (self.request, &self.request.sampling);
        let n_predict = request.max_tokens.map_or(-1, |n| i64::try_from(n).unwrap_or(i64::MAX));
        let repeat_last_n = i64::try_from(sampling.repeat_last_n).unwrap_or(-1);
        json!({
            "seed": sampling.seed,
            "temperature": short(sampling.temperature),
            "dynatemp_range": 0.0,
            "dynatemp_exponent": 1.0,
            "top_k": sampling.top_k,
            "top_p": short(sampling.top_p),
            "min_p": short(sampling.min_p),
            "top_n_sigma": -1.0,
            "xtc_probability": 0.0,
            "xtc_threshold": 0.1,
            "typical_p": short(sampling.typical_p),
            "repeat_last_n": repeat_last_n,
            "repeat_penalty": short(sampling.repeat_penalty),
            "presence_penalty": short(sampling.presence_penalty),
            "frequency_penalty": short(sampling.frequency_penalty),
            "dry_multiplier": 0.0,
            "mirostat": 0,
            "stop": request.stop,
            "max_tokens": n_predict,
            "n_predict": n_predict,
            "n_keep": self.n_keep,
            "n_discard": 0,
            "ignore_eos": request.ignore_eos,
            "stream": self.is_stream,
            "logit_bias": sampling.logit_bias.iter().map(bias).collect::<Vec<_>>(),
            "n_probs": self.n_probs,
            "min_keep": 0,
            "grammar": self.grammar,
            "samplers": self.samplers,
            "timings_per_token": self.timings_per_token,
            "post_sampling_probs": false,
            "lora": [],
        })
    }
}
