//! What the wire types of several APIs share: values that are spelled in more than one way, ranges and their refusals, answers as JSON.

mod range;
mod timings;
pub(crate) mod values;

use axum::{
    body::Body,
    http::{HeaderValue, header},
    response::Response,
};
use engine::{CacheScope, grammar::GrammarSource};
use serde::Serialize;
use serde_json::Value;

use crate::{
    Caller,
    error::{ApiError, ErrorKind},
    ids,
};
pub(crate) use range::{count, number, out_of_range, stops, unsupported};
pub(crate) use timings::Timings;

/// A body of JSON.
pub(crate) fn json_response(value: &impl Serialize) -> Result<Response, ApiError> {
    let text = serde_json::to_string(value)
        .map_err(|e| ApiError::new(ErrorKind::Internal, format!("the answer could not be written: {e}")))?;
    let mut response = Response::new(Body::from(text));
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    Ok(response)
}

/// A JSON schema as JSON, or (from clients of vLLM) as the text of JSON.
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

/// Whom a request shares cached prefixes with: callers of one scope who also know the same salt.
pub(crate) fn cache_scope(caller: &Caller, salt: Option<&str>) -> CacheScope {
    let Some(salt) = salt else { return CacheScope(caller.scope) };
    let half = |n: u8| ids::hash(caller.scope.to_le_bytes().into_iter().chain([n]).chain(salt.bytes()));
    CacheScope(u128::from(half(0)) << 64 | u128::from(half(1)))
}
