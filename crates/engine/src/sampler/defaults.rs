//! [`SamplingDefaults`]: what a model's file or an operator prefers, where a request says nothing.

use gguf::Metadata;

use super::Sampling;
use crate::Error;

/// The settings of [`Sampling`] that a model or an operator prefers; a field that is `None` leaves the one of the same
/// name to others.
#[allow(missing_docs, reason = "the comment says what each field is")]
#[derive(Clone, Copy, PartialEq, Debug, Default)]
pub struct SamplingDefaults {
    pub temperature: Option<f32>,
    pub top_k: Option<usize>,
    pub top_p: Option<f32>,
    pub min_p: Option<f32>,
    pub repeat_penalty: Option<f32>,
    pub repeat_last_n: Option<usize>,
}

/// Samplers that files can ask for and that are not here: the key, and the value that asks for nothing.
const NOT_HERE: &[(&str, Option<f32>)] = &[
    ("general.sampling.sequence", None),
    ("general.sampling.xtc_probability", Some(0.0)),
    ("general.sampling.mirostat", Some(0.0)),
];

impl SamplingDefaults {
    /// Reads a model's own settings, the keys `general.sampling.*` of its file. The returned lines say what is read as
    /// absent: a value out of its range, or a sampler that is not here. A model is no worse for them.
    pub fn of_model(metadata: &Metadata) -> (Self, Vec<String>) {
        let mut warnings = Vec::new();
        let mut own = Self::default();
        let mut float = |name: &str, put: fn(&mut Self, f32)| {
            let key = format!("general.sampling.{name}");
            match metadata.f32(&key) {
                Ok(None) => {}
                Ok(Some(value)) => {
                    let mut alone = Self::default();
                    put(&mut alone, value);
                    match alone.check() {
                        Ok(()) => put(&mut own, value),
                        Err(error) => warnings.push(format!("{key}: {error}: read as absent")),
                    }
                }
                Err(error) => warnings.push(format!("{error}: read as absent")),
            }
        };
        float("temp", |d, value| d.temperature = Some(value));
        float("top_p", |d, value| d.top_p = Some(value));
        float("min_p", |d, value| d.min_p = Some(value));
        float("penalty_repeat", |d, value| d.repeat_penalty = Some(value));
        let mut count = |name: &str, below_zero: usize| {
            let key = format!("general.sampling.{name}");
            metadata
                .integer(&key)
                .unwrap_or_else(|error| {
                    warnings.push(format!("{error}: read as absent"));
                    None
                })
                .map(|n| if n < 0 { below_zero } else { usize::try_from(n).unwrap_or(usize::MAX) })
        };
        // Zero and less keep all tokens; below zero the penalty looks at the whole context.
        own.top_k = count("top_k", 0);
        own.repeat_last_n = count("penalty_last_n", usize::MAX);
        for (key, off) in NOT_HERE {
            let asks = match (metadata.get(key), off) {
                (None, _) => false,
                (Some(_), None) => true,
                (Some(_), Some(off)) => {
                    let value = metadata.f32(key).ok().flatten();
                    value.or_else(|| metadata.integer(key).ok().flatten().map(|n| n as f32)) != Some(*off)
                }
            };
            if asks {
                warnings.push(format!("{key}: this program has no such sampler: read as absent"));
            }
        }
        (own, warnings)
    }

    /// Fills what these settings leave open from `others`.
    #[must_use]
    pub fn or(self, others: Self) -> Self {
        Self {
            temperature: self.temperature.or(others.temperature),
            top_k: self.top_k.or(others.top_k),
            top_p: self.top_p.or(others.top_p),
            min_p: self.min_p.or(others.min_p),
            repeat_penalty: self.repeat_penalty.or(others.repeat_penalty),
            repeat_last_n: self.repeat_last_n.or(others.repeat_last_n),
        }
    }

    /// Returns `base` with these settings in it.
    pub fn over(self, base: Sampling) -> Sampling {
        Sampling {
            temperature: self.temperature.unwrap_or(base.temperature),
            top_k: self.top_k.unwrap_or(base.top_k),
            top_p: self.top_p.unwrap_or(base.top_p),
            min_p: self.min_p.unwrap_or(base.min_p),
            repeat_penalty: self.repeat_penalty.unwrap_or(base.repeat_penalty),
            repeat_last_n: self.repeat_last_n.unwrap_or(base.repeat_last_n),
            ..base
        }
    }

    /// Checks that each setting is within its range.
    pub fn check(self) -> Result<(), Error> {
        self.over(Sampling::default()).check()
    }
}

#[cfg(test)]
mod tests {
    use gguf::Value;

    use super::*;

    fn metadata(pairs: &[(&str, Value)]) -> Metadata {
        let mut metadata = Metadata::default();
        for (name, value) in pairs {
            metadata.set(format!("general.sampling.{name}"), value.clone());
        }
        metadata
    }

    #[test]
    fn a_model_says_what_it_prefers() {
        let (own, warnings) = SamplingDefaults::of_model(&metadata(&[
            ("temp", Value::F32(0.6)),
            ("top_k", Value::I32(20)),
            ("top_p", Value::F32(0.8)),
            ("min_p", Value::F32(0.0)),
            ("penalty_repeat", Value::F32(1.05)),
            ("penalty_last_n", Value::I32(-1)),
            ("mirostat", Value::I32(0)),
            ("xtc_probability", Value::F32(0.0)),
            ("xtc_threshold", Value::F32(0.1)),
        ]));
        assert_eq!(warnings, Vec::<String>::new());
        let picked = own.over(Sampling::unchanged());
        assert_eq!((picked.temperature, picked.top_k, picked.top_p, picked.min_p), (0.6, 20, 0.8, 0.0));
        assert_eq!((picked.repeat_penalty, picked.repeat_last_n), (1.05, usize::MAX));
        let operator = SamplingDefaults { temperature: Some(0.1), ..SamplingDefaults::default() };
        let both = operator.or(own);
        assert_eq!((both.temperature, both.top_k), (Some(0.1), Some(20)));
        assert_eq!(SamplingDefaults::of_model(&Metadata::default()), (SamplingDefaults::default(), Vec::new()));
    }

    #[test]
    fn what_cannot_be_is_named_and_costs_nothing_else() {
        let (own, warnings) = SamplingDefaults::of_model(&metadata(&[
            ("temp", Value::F32(-3.0)),
            ("top_p", Value::String("much".to_owned())),
            ("min_p", Value::F32(f32::NAN)),
            ("top_k", Value::I32(-1)),
            ("mirostat", Value::I32(2)),
            ("sequence", Value::String("top_k;temperature".to_owned())),
        ]));
        assert_eq!(own, SamplingDefaults { top_k: Some(0), ..SamplingDefaults::default() });
        for (key, says) in [
            ("temp", "-3"),
            ("top_p", "expected"),
            ("min_p", "NaN"),
            ("mirostat", "no such sampler"),
            ("sequence", "no such sampler"),
        ] {
            let key = format!("general.sampling.{key}");
            assert!(warnings.iter().any(|w| w.contains(&key) && w.contains(says)), "{key}: {warnings:?}");
        }
        assert_eq!(warnings.len(), 5, "{warnings:?}");
    }
}
