//! Settings by which tokens are picked.

use engine::{
    Sampling, SamplingDefaults,
    limits::{LOGIT_BIAS_MAX, PENALTY, PROBABILITY, REPEAT_PENALTY, Range},
};
use tokenizer::TokenId;

use super::Wire;
use crate::Error;

/// Temperatures, as OpenAI's API has them.
const TEMPERATURE: Range<f64> = Range { min: 0.0, max: 2.0 };
/// Biases, as OpenAI's API has them.
const LOGIT_BIAS: Range<f64> = Range { min: -100.0, max: 100.0 };

impl Wire {
    /// The sampling that the fields ask for, over what the model's file says.
    pub(super) fn sampling(&self, defaults: SamplingDefaults) -> Result<Sampling, Error> {
        // Penalties look at the whole text, as OpenAI's do.
        let base = defaults.over(Sampling { repeat_last_n: usize::MAX, ..Sampling::unchanged() });
        let or = |field: &str, value: Option<f64>, default: f32, range: Range<f64>| match value {
            None => Ok(default),
            Some(value) => number(field, value, range),
        };
        Ok(Sampling {
            temperature: or("temperature", self.temperature, base.temperature, TEMPERATURE)?,
            top_p: or("top_p", self.top_p, base.top_p, PROBABILITY)?,
            top_k: self.top_k.unwrap_or(base.top_k),
            min_p: or("min_p", self.min_p, base.min_p, PROBABILITY)?,
            typical_p: or("typical_p", self.typical_p, base.typical_p, PROBABILITY)?,
            repeat_penalty: or("repeat_penalty", self.repeat_penalty, base.repeat_penalty, REPEAT_PENALTY)?,
            frequency_penalty: or("frequency_penalty", self.frequency_penalty, base.frequency_penalty, PENALTY)?,
            presence_penalty: or("presence_penalty", self.presence_penalty, base.presence_penalty, PENALTY)?,
            repeat_last_n: match self.repeat_last_n {
                None => base.repeat_last_n,
                Some(-1) => usize::MAX,
                Some(n) => usize::try_from(n).map_err(|_| Error::range("repeat_last_n", n, "at least 0, or -1"))?,
            },
            logit_bias: self.biases()?,
            ..base
        })
    }

    fn biases(&self) -> Result<Vec<(TokenId, f32)>, Error> {
        let Some(biases) = &self.logit_bias else { return Ok(Vec::new()) };
        if biases.len() > LOGIT_BIAS_MAX {
            let got = format_args!("{} entries", biases.len());
            return Err(Error::range("logit_bias", got, format_args!("at most {LOGIT_BIAS_MAX}")));
        }
        let entry = |(key, bias): (&String, &f64)| {
            let id = key.parse().map_err(|_| Error::field("logit_bias", &format!("{key:?} is no token id")))?;
            Ok((TokenId(id), number("logit_bias", *bias, LOGIT_BIAS)?))
        };
        biases.iter().map(entry).collect()
    }
}

/// Reads a number within `range`.
fn number(field: &str, value: f64, range: Range<f64>) -> Result<f32, Error> {
    if range.contains(value) { Ok(value as f32) } else { Err(Error::range(field, value, range)) }
}
