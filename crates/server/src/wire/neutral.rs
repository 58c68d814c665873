//! What llama.cpp's server has and this one has not: taken at the value that switches it off, refused at any other. Its own routes and
//! OpenAI's share the rule, as they do there.

use super::unsupported;
use crate::error::ApiError;

/// What a request says of them.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Neutral {
    pub(crate) dynatemp_range: Option<f64>,
    pub(crate) xtc_probability: Option<f64>,
    pub(crate) dry_multiplier: Option<f64>,
    pub(crate) mirostat: Option<i64>,
    pub(crate) min_keep: Option<i64>,
    pub(crate) n_indent: Option<i64>,
    pub(crate) n_cache_reuse: Option<i64>,
    pub(crate) t_max_prompt_ms: Option<i64>,
    pub(crate) top_n_sigma: Option<f64>,
    pub(crate) adaptive_target: Option<f64>,
    pub(crate) post_sampling_probs: Option<bool>,
    /// Adapters that are listed.
    pub(crate) n_lora: usize,
}

/// What the fields of a request type say, by their names.
macro_rules! neutral_of {
    ($request:expr) => {
        $crate::wire::neutral::Neutral {
            dynatemp_range: $request.dynatemp_range,
            xtc_probability: $request.xtc_probability,
            dry_multiplier: $request.dry_multiplier,
            mirostat: $request.mirostat,
            min_keep: $request.min_keep,
            n_indent: $request.n_indent,
            n_cache_reuse: $request.n_cache_reuse,
            t_max_prompt_ms: $request.t_max_prompt_ms,
            top_n_sigma: $request.top_n_sigma,
            adaptive_target: $request.adaptive_target,
            post_sampling_probs: $request.post_sampling_probs,
            n_lora: $request.lora.as_ref().map_or(0, Vec::len),
        }
    };
}
pub(crate) use neutral_of;

/// The samplers by their names there, in the order of both chains.
pub(crate) const SAMPLERS: &[&str] =
    &["penalties", "dry", "top_n_sigma", "top_k", "typ_p", "top_p", "min_p", "xtc", "temperature"];

/// Refuses what is not off.
pub(crate) fn check(given: &Neutral) -> Result<(), ApiError> {
    let integer = |value: Option<i64>| value.map(|v| v as f64);
    for (param, value) in [
        ("dynatemp_range", given.dynatemp_range),
        ("xtc_probability", given.xtc_probability),
        ("dry_multiplier", given.dry_multiplier),
        ("mirostat", integer(given.mirostat)),
        ("min_keep", integer(given.min_keep)),
        ("n_indent", integer(given.n_indent)),
        ("n_cache_reuse", integer(given.n_cache_reuse)),
        ("t_max_prompt_ms", integer(given.t_max_prompt_ms)),
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
    if given.n_lora > 0 {
        return Err(unsupported("lora", "this server has no adapters"));
    }
    Ok(())
}

/// Which samplers are used: those that are listed, which must stand in the order of the chain.
pub(crate) fn samplers(wanted: Option<&[String]>) -> Result<Vec<&'static str>, ApiError> {
    let Some(wanted) = wanted else { return Ok(SAMPLERS.to_vec()) };
    let mut used = Vec::new();
    let mut left = SAMPLERS.iter();
    for name in wanted {
        let name = match name.as_str() {
            "temp" => "temperature",
            "typical_p" => "typ_p",
            name => name,
        };
        match left.find(|known| **known == name) {
            Some(known) => used.push(*known),
            None if SAMPLERS.contains(&name) => {
                let why = format!("{name:?} at this place; this server has them once and in the order {SAMPLERS:?}");
                return Err(unsupported("samplers", &why));
            }
            None => {
                let name: String = name.chars().take(32).collect();
                return Err(unsupported("samplers", &format!("{name:?}; this server has {SAMPLERS:?}")));
            }
        }
    }
    Ok(used)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(wanted: &[&str], expected: Result<&[&str], &str>) {
        let wanted: Vec<String> = wanted.iter().map(|&name| name.to_owned()).collect();
        match (samplers(Some(&wanted)), expected) {
            (Ok(got), Ok(expected)) => assert_eq!(got, expected),
            (Err(got), Err(expected)) => assert!(got.message.contains(expected), "{got}"),
            (got, expected) => panic!("{wanted:?}: {got:?}, expected {expected:?}"),
        }
    }

    #[test]
    fn samplers_stand_in_the_order_of_the_chain() {
        assert_eq!(samplers(None).unwrap(), SAMPLERS);
        check(&[], Ok(&[]));
        check(&["top_k", "temp"], Ok(&["top_k", "temperature"]));
        check(&["typical_p", "top_p"], Ok(&["typ_p", "top_p"]));
        check(&["top_p", "top_k"], Err("\"top_k\" at this place"));
        check(&["top_k", "top_k"], Err("\"top_k\" at this place"));
        check(&["infill"], Err("\"infill\"; this server has"));
    }
}
