//! What the wire types of several APIs share: values that are spelled in more than one way, ranges of numbers,
//! refusals.

mod calls;
mod forms;
mod logprobs;
pub(crate) mod lora;
pub(crate) mod neutral;
pub(crate) mod repetition;
mod samplers;
mod timings;
mod tools;

pub(crate) use calls::{Arguments, OpenCalls};
pub(crate) use forms::{list_of, no_token_id, text_or_id, text_or_list, token_id};
pub(crate) use logprobs::{ContentLogprob, content, finite, text_of};
pub(crate) use repetition::RepetitionDetection;
pub(crate) use samplers::Samplers;
pub(crate) use timings::Timings;
pub(crate) use tools::{ToolWire, function_tools, named_tool, tool, tools_of};

use std::fmt;

use axum::{
    body::Body,
    http::{HeaderValue, header},
    response::Response,
};
use engine::{CacheScope, grammar::GrammarSource, limits::Range};
use serde::{Deserialize, Deserializer, Serialize, de::Error};
use serde_json::Value;

use crate::{
    Caller,
    error::{ApiError, ErrorKind},
    ids, limits,
};

/// `metadata`, `user` and their like, which have no effect on the output: read, and forgotten.
pub(crate) type Ignored = Option<Value>;

/// A field that an API's documents have and this server has not: null is fine, anything else is refused by name.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Refused {}

impl<'de> Deserialize<'de> for Refused {
    fn deserialize<D: Deserializer<'de>>(_: D) -> Result<Self, D::Error> {
        Err(D::Error::custom(crate::json::UNSUPPORTED))
    }
}

/// A string, or a list of strings.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum StringOrList {
    One(String),
    List(Vec<String>),
}

impl StringOrList {
    pub(crate) fn into_vec(self) -> Vec<String> {
        match self {
            Self::One(text) => vec![text],
            Self::List(list) => list,
        }
    }
}

impl<'de> Deserialize<'de> for StringOrList {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        text_or_list(deserializer, "a string or a list of strings", Self::One, Self::List)
    }
}

/// A refusal of a number out of its range.
pub(crate) fn out_of_range(param: &str, value: impl fmt::Display, expected: &str) -> ApiError {
    ApiError::invalid(param, format!("{param}: {value}, expected {expected}")).with_code("out_of_range")
}

/// A refusal of what this server does not have.
pub(crate) fn unsupported(param: &str, why: &str) -> ApiError {
    ApiError::invalid(param, format!("{param}: {why}")).with_code("unsupported_parameter")
}

/// Reads a number of things from `min` to `max`.
pub(crate) fn count(param: &str, value: i64, min: usize, max: usize) -> Result<usize, ApiError> {
    let count = usize::try_from(value).ok().filter(|n| (min..=max).contains(n));
    let expected = || if max == usize::MAX { format!("at least {min}") } else { format!("{min} to {max}") };
    count.ok_or_else(|| out_of_range(param, value, &expected()))
}

/// Reads a limit of tokens to generate, at least `min`. Minus one and minus two, which are llama.cpp's, set none: to
/// the end of the context.
pub(crate) fn tokens_max(param: &str, value: i64, min: usize) -> Result<Option<usize>, ApiError> {
    if value == -1 || value == -2 { Ok(None) } else { count(param, value, min, usize::MAX).map(Some) }
}

/// Reads a limit of tokens to generate from fields that are names of one thing. All are checked; the first that is
/// there counts, else `default`.
pub(crate) fn first_tokens_max(
    given: &[(&str, Option<i64>)],
    min: usize,
    default: Option<usize>,
) -> Result<Option<usize>, ApiError> {
    let mut first = None;
    for (param, value) in given {
        let most = value.map(|value| tokens_max(param, value, min)).transpose()?;
        first = first.or(most);
    }
    Ok(first.unwrap_or(default))
}

/// Reads a number within `range`.
pub(crate) fn number(param: &str, value: f64, range: Range<f64>) -> Result<f32, ApiError> {
    if range.contains(value) { Ok(value as f32) } else { Err(out_of_range(param, value, &range.to_string())) }
}

/// Checks stop strings: their number, their lengths, and that none is empty. `param` is the field they came from.
pub(crate) fn stops(param: &str, stops: Vec<String>) -> Result<Vec<String>, ApiError> {
    let (n, max) = (stops.len(), limits::STOP_STRINGS_MAX);
    if n > max {
        return Err(out_of_range(param, format!("{n} strings"), &format!("at most {max}")));
    }
    if let Some(long) = stops.iter().find(|s| s.len() > limits::STOP_BYTES_MAX) {
        let got = format!("a string of {} bytes", long.len());
        return Err(out_of_range(param, got, &format!("at most {}", limits::STOP_BYTES_MAX)));
    }
    if stops.iter().any(String::is_empty) {
        return Err(ApiError::invalid(param, format!("{param}: an empty string would end every output")));
    }
    Ok(stops)
}

/// Checks the number of messages of a conversation: some, and not too many.
pub(crate) fn check_messages(n: usize) -> Result<(), ApiError> {
    let max = limits::MESSAGES_MAX;
    match n {
        0 => Err(ApiError::invalid("messages", "messages: empty, expected at least one")),
        n if n > max => Err(out_of_range("messages", format!("{n} messages"), &format!("at most {max}"))),
        _ => Ok(()),
    }
}

/// A response whose body is `value` as JSON.
pub(crate) fn json_response(value: &impl Serialize) -> Result<Response, ApiError> {
    let text = serde_json::to_string(value)
        .map_err(|e| ApiError::new(ErrorKind::Internal, format!("the answer could not be written: {e}")))?;
    let mut response = Response::new(Body::from(text));
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    Ok(response)
}

/// Reads a JSON schema, which clients of vLLM may also send as the text of its JSON; `param` is the field it came from.
pub(crate) fn schema(value: Value, param: &'static str) -> Result<GrammarSource, ApiError> {
    let value = match value {
        Value::String(text) => crate::json::decode(text.as_bytes())
            .map_err(|e| ApiError::invalid(param, format!("{param}: the text is no JSON: {e}")))?,
        value => value,
    };
    match value {
        Value::Object(_) | Value::Bool(_) => Ok(GrammarSource::JsonSchema(value)),
        _ => Err(ApiError::invalid(param, format!("{param}: a schema is an object"))),
    }
}

/// The scope in which a request shares cached prefixes: that of callers of one scope who also know the same salt.
pub(crate) fn cache_scope(caller: &Caller, salt: Option<&str>) -> CacheScope {
    let Some(salt) = salt else { return CacheScope(caller.scope) };
    // The upper half stays: it says whose it is.
    let owner = caller.scope >> 64;
    let salted = ids::hash(caller.scope.to_le_bytes().into_iter().chain([0]).chain(salt.bytes()));
    CacheScope(owner << 64 | u128::from(salted))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refused_field_may_be_null() {
        assert_eq!(serde_json::from_str::<Option<Refused>>("null").unwrap(), None);
        assert!(serde_json::from_str::<Option<Refused>>("1").unwrap_err().to_string().starts_with("unsupported"));
    }
}
