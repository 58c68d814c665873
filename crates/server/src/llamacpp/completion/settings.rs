//! `generation_settings`: what a request came to, defaults included.

use engine::{Request, SamplingDefaults};
use serde_json::{Value, json};
use tokenizer::TokenId;

use super::request::Options;
use crate::wire::Samplers;

/// The settings of a request, as they are told.
pub(super) struct Settings<'a> {
    /// Options as they were sent: what has no effect is told as it came.
    pub(super) options: &'a Options,
    pub(super) request: &'a Request,
    pub(super) samplers: &'a Samplers,
}

/// Returns the settings of a request that says nothing; `seed` and `defaults` are the operator's, or the model's.
pub(crate) fn default_settings(defaults: SamplingDefaults, seed: Option<u64>) -> Value {
    let mut request = Request::new(Vec::new());
    request.sampling = defaults.over(request.sampling);
    let settings = Settings { options: &Options::default(), request: &request, samplers: &Samplers::default() };
    let mut settings = settings.to_json();
    // What llama.cpp's server says where every request gets a new one.
    settings["seed"] = json!(seed.unwrap_or(u32::MAX.into()));
    settings
}

/// Returns the double with the shortest spelling that is `number` in f32.
fn short(number: f32) -> f64 {
    number.to_string().parse().unwrap_or_else(|_| f64::from(number))
}

fn bias((id, bias): &(TokenId, f32)) -> Value {
    // Minus infinity, which JSON cannot say, is null there too.
    json!({"bias": bias.is_finite().then(|| short(*bias)), "token": id.0})
}

impl Settings<'_> {
    pub(super) fn to_json(&self) -> Value {
        let Self { options, request, samplers } = *self;
        let sampling = &request.sampling;
        let n_predict = request.max_tokens.map_or(-1, |n| i64::try_from(n).unwrap_or(i64::MAX));
        let repeat_last_n = i64::try_from(sampling.repeat_last_n).unwrap_or(-1);
        let breakers = || ["\n", ":", "\"", "*"].map(str::to_owned).to_vec();
        json!({
            "seed": sampling.seed,
            "temperature": short(sampling.temperature),
            "dynatemp_range": 0.0,
            "dynatemp_exponent": options.dynatemp_exponent.unwrap_or(1.0),
            "top_k": sampling.top_k,
            "top_p": short(sampling.top_p),
            "min_p": short(sampling.min_p),
            "top_n_sigma": -1.0,
            "xtc_probability": 0.0,
            "xtc_threshold": options.xtc_threshold.unwrap_or(0.1),
            "typical_p": short(sampling.typical_p),
            "repeat_last_n": repeat_last_n,
            "repeat_penalty": short(sampling.repeat_penalty),
            "presence_penalty": short(sampling.presence_penalty),
            "frequency_penalty": short(sampling.frequency_penalty),
            "dry_multiplier": 0.0,
            "dry_base": options.dry_base.unwrap_or(1.75),
            "dry_allowed_length": options.dry_allowed_length.unwrap_or(2),
            "dry_penalty_last_n": options.dry_penalty_last_n.unwrap_or(64),
            "dry_sequence_breakers": options.dry_sequence_breakers.clone().unwrap_or_else(breakers),
            "mirostat": 0,
            "mirostat_tau": options.mirostat_tau.unwrap_or(5.0),
            "mirostat_eta": options.mirostat_eta.unwrap_or(0.1),
            "adaptive_target": -1.0,
            "adaptive_decay": options.adaptive_decay.unwrap_or(0.9),
            "stop": request.stop,
            "max_tokens": n_predict,
            "n_predict": n_predict,
            "n_keep": options.n_keep.unwrap_or(0),
            "n_discard": options.n_discard.unwrap_or(0),
            "ignore_eos": request.ignore_eos,
            "stream": options.stream.unwrap_or(false),
            "logit_bias": sampling.logit_bias.iter().map(bias).collect::<Vec<_>>(),
            "n_probs": request.top_logprobs.unwrap_or(0),
            "min_keep": 0,
            "n_indent": options.n_indent.unwrap_or(0),
            "grammar": options.grammar.as_deref().unwrap_or_default(),
            "samplers": samplers.names(),
            "timings_per_token": options.timings_per_token.unwrap_or(false),
            "post_sampling_probs": false,
            "lora": options.lora.as_deref().unwrap_or_default(),
        })
    }
}
