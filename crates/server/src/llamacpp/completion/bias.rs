//! `logit_bias` in its three forms: `[[15043, 1.0]]`, `[["Hello", false]]`, `{"15043": -2.0}`.

use std::fmt;

use serde::{
    Deserialize, Deserializer,
    de::{Error, MapAccess, SeqAccess, Visitor},
};
use tokenizer::{ControlTokens, TokenId};

use crate::{
    error::ApiError,
    limits,
    llamacpp::prompt::known,
    models::LoadedModel,
    wire::{list_of, number, out_of_range, text_or_id},
};

/// The target of a bias: a token, or every token that a text is made of.
#[derive(Clone, PartialEq, Eq, Debug)]
enum Target {
    Id(u32),
    Text(String),
}

/// The amount of a bias; false is minus infinity.
#[derive(Clone, Copy, PartialEq, Debug)]
enum Amount {
    Never,
    By(f64),
}

/// The biases of a request.
#[derive(Clone, PartialEq, Debug, Default)]
pub(crate) struct Biases(Vec<(Target, Amount)>);

impl<'de> Deserialize<'de> for Target {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        text_or_id(deserializer, "a token id or a text", Self::Text, Self::Id)
    }
}

impl<'de> Deserialize<'de> for Amount {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Form;
        impl Visitor<'_> for Form {
            type Value = Amount;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a number or false")
            }

            fn visit_f64<E: Error>(self, bias: f64) -> Result<Amount, E> {
                Ok(Amount::By(bias))
            }

            fn visit_u64<E: Error>(self, bias: u64) -> Result<Amount, E> {
                Ok(Amount::By(bias as f64))
            }

            fn visit_i64<E: Error>(self, bias: i64) -> Result<Amount, E> {
                Ok(Amount::By(bias as f64))
            }

            fn visit_bool<E: Error>(self, is_allowed: bool) -> Result<Amount, E> {
                if is_allowed { Err(E::custom("true, expected a number or false")) } else { Ok(Amount::Never) }
            }
        }
        deserializer.deserialize_any(Form)
    }
}

impl<'de> Deserialize<'de> for Biases {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Form;
        impl<'de> Visitor<'de> for Form {
            type Value = Biases;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a list of pairs, or an object")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, items: A) -> Result<Biases, A::Error> {
                list_of(items).map(Biases)
            }

            fn visit_map<A: MapAccess<'de>>(self, mut fields: A) -> Result<Biases, A::Error> {
                let mut biases = Vec::new();
                while let Some((key, amount)) = fields.next_entry::<String, Amount>()? {
                    // A key can only be text: digits alone mean an id.
                    let target = key.parse().map_or(Target::Text(key), Target::Id);
                    biases.push((target, amount));
                }
                Ok(Biases(biases))
            }
        }
        deserializer.deserialize_any(Form)
    }
}

impl Biases {
    /// Returns the biases by token.
    pub(super) fn of_tokens(&self, model: &LoadedModel) -> Result<Vec<(TokenId, f32)>, ApiError> {
        let param = "logit_bias";
        let mut biases = Vec::new();
        for (target, amount) in &self.0 {
            let bias = match amount {
                Amount::Never => f32::NEG_INFINITY,
                Amount::By(bias) => number(param, *bias, limits::LLAMACPP_LOGIT_BIAS)?,
            };
            match target {
                Target::Id(id) => biases.push((known(model, *id, param)?, bias)),
                Target::Text(text) => {
                    let mut ids = Vec::new();
                    model.handle.tokenizer().encode(text, ControlTokens::Parse, false, &mut ids);
                    biases.extend(ids.into_iter().map(|id| (id, bias)));
                }
            }
            if biases.len() > limits::LOGIT_BIAS_MAX {
                let expected = format!("at most {}", limits::LOGIT_BIAS_MAX);
                return Err(out_of_range(param, format!("{} entries", self.0.len().max(biases.len())), &expected));
            }
        }
        Ok(biases)
    }
}
