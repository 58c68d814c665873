//! Ranges of numbers, and how what lies outside is refused.

use super::values::StringOrList;
use crate::{error::ApiError, limits};

/// A refusal of a number out of its range.
pub(crate) fn out_of_range(param: &str, value: impl std::fmt::Display, expected: &str) -> ApiError {
    ApiError::invalid(param, format!("{param}: {value}, expected {expected}")).with_code("out_of_range")
}

/// A refusal of what this server does not have.
pub(crate) fn unsupported(param: &str, why: &str) -> ApiError {
    ApiError::invalid(param, format!("{param}: {why}")).with_code("unsupported_parameter")
}

/// `value` as a number of things between `min` and `max`.
pub(crate) fn count(param: &str, value: i64, min: usize, max: usize) -> Result<usize, ApiError> {
    let count = usize::try_from(value).ok().filter(|n| (min..=max).contains(n));
    let expected = || if max == usize::MAX { format!("at least {min}") } else { format!("{min} to {max}") };
    count.ok_or_else(|| out_of_range(param, value, &expected()))
}

/// `value` if it lies between `min` and `max`.
pub(crate) fn number(param: &str, value: f64, min: f64, max: f64) -> Result<f32, ApiError> {
    if (min..=max).contains(&value) {
        return Ok(value as f32);
    }
    Err(out_of_range(param, value, &format!("{min} to {max}")))
}

/// Stop strings within the limits; empty ones say nothing.
pub(crate) fn stops(stop: StringOrList) -> Result<Vec<String>, ApiError> {
    let stops = stop.into_vec();
    if stops.len() > limits::STOP_STRINGS_MAX {
        return Err(out_of_range(
            "stop",
            format!("{} strings", stops.len()),
            &format!("at most {}", limits::STOP_STRINGS_MAX),
        ));
    }
    if let Some(long) = stops.iter().find(|s| s.len() > limits::STOP_BYTES_MAX) {
        let got = format!("a string of {} bytes", long.len());
        return Err(out_of_range("stop", got, &format!("at most {}", limits::STOP_BYTES_MAX)));
    }
    if stops.iter().any(String::is_empty) {
        return Err(ApiError::invalid("stop", "stop: an empty string would end every output"));
    }
    Ok(stops)
}
