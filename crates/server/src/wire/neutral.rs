//! What llama.cpp's server has and this one has not: taken at the value that switches it off, refused at any other. Its
//! own routes and OpenAI's share the rule, as they do there.

use super::unsupported;
use crate::error::ApiError;

/// What a request says of the fields of llama.cpp's server that this one has not.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Neutral {
    pub(crate) dynatemp_range: Option<f64>,
    pub(crate) xtc_probability: Option<f64>,
    pub(crate) dry_multiplier: Option<f64>,
    pub(crate) mirostat: Option<i64>,
    pub(crate) min_keep: Option<i64>,
    pub(crate) top_n_sigma: Option<f64>,
    pub(crate) adaptive_target: Option<f64>,
    pub(crate) post_sampling_probs: Option<bool>,
}

/// Makes a [`Neutral`] of the fields of that name in a request type.
macro_rules! neutral_of {
    ($request:expr) => {
        $crate::wire::neutral::Neutral {
            dynatemp_range: $request.dynatemp_range,
            xtc_probability: $request.xtc_probability,
            dry_multiplier: $request.dry_multiplier,
            mirostat: $request.mirostat,
            min_keep: $request.min_keep,
            top_n_sigma: $request.top_n_sigma,
            adaptive_target: $request.adaptive_target,
            post_sampling_probs: $request.post_sampling_probs,
        }
    };
}
pub(crate) use neutral_of;

/// Refuses every field that is not switched off.
pub(crate) fn check(given: &Neutral) -> Result<(), ApiError> {
    let integer = |value: Option<i64>| value.map(|v| v as f64);
    for (param, value) in [
        ("dynatemp_range", given.dynatemp_range),
        ("xtc_probability", given.xtc_probability),
        ("dry_multiplier", given.dry_multiplier),
        ("mirostat", integer(given.mirostat)),
        ("min_keep", integer(given.min_keep)),
    ] {
        if let Some(value) = value.filter(|v| *v != 0.0) {
            return Err(unsupported(param, &format!("{value}; this server has none, so only 0")));
        }
    }
    for (param, value) in [("top_n_sigma", given.top_n_sigma), ("adaptive_target", given.adaptive_target)] {
        if let Some(value) = value.filter(|v| *v >= 0.0) {
            return Err(unsupported(param, &format!("{value}; this server has none, so only -1")));
        }
    }
    if given.post_sampling_probs == Some(true) {
        return Err(unsupported("post_sampling_probs", "true; this server has none, so only false"));
    }
    Ok(())
}
