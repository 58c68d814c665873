//! What llama.cpp's server has and this one has not: taken at the value that switches it off, refused at any other.

use super::request::Options;
use crate::{error::ApiError, wire::unsupported};

/// The samplers by their names there, in the order of both chains.
pub(super) const SAMPLERS: &[&str] =
    &["penalties", "dry", "top_n_sigma", "top_k", "typ_p", "top_p", "min_p", "xtc", "temperature"];

/// Refuses what is not off.
pub(super) fn check(options: &Options) -> Result<(), ApiError> {
    let integer = |value: Option<i64>| value.map(|v| v as f64);
    for (param, value) in [
        ("dynatemp_range", options.dynatemp_range),
        ("xtc_probability", options.xtc_probability),
        ("dry_multiplier", options.dry_multiplier),
        ("mirostat", integer(options.mirostat)),
        ("min_keep", integer(options.min_keep)),
        ("n_indent", integer(options.n_indent)),
        ("n_cache_reuse", integer(options.n_cache_reuse)),
        ("t_max_prompt_ms", integer(options.t_max_prompt_ms)),
    ] {
        if let Some(value) = value.filter(|v| *v != 0.0) {
            return Err(unsupported(param, &format!("{value}; this server has none, so only 0")));
        }
    }
    for (param, value) in [("top_n_sigma", options.top_n_sigma), ("adaptive_target", options.adaptive_target)] {
        if let Some(value) = value.filter(|v| *v >= 0.0) {
            return Err(unsupported(param, &format!("{value}; this server has none, so only -1")));
        }
    }
    for (param, value) in
        [("post_sampling_probs", options.post_sampling_probs), ("return_progress", options.return_progress)]
    {
        if value == Some(true) {
            return Err(unsupported(param, "true; this server has none, so only false"));
        }
    }
    if options.lora.as_ref().is_some_and(|list| !list.is_empty()) {
        return Err(unsupported("lora", "this server has no adapters"));
    }
    Ok(())
}

/// Which samplers are used: those that are listed, which must stand in the order of the chain.
pub(super) fn samplers(wanted: Option<&[String]>) -> Result<Vec<&'static str>, ApiError> {
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
