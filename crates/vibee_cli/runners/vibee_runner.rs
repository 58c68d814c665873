//! Answers `vibee test SPEC --impl PROGRAM`: the runner protocol, version 1. Needs the crate `serde_json`.
//!
//! A function gets its arguments by name, as the JSON of the protocol, and returns a [`Reply`].

use std::io::{self, BufRead, Write};

use serde_json::{Map, Value, json};

/// What a function of the implementation gives.
#[derive(Clone, Debug, PartialEq)]
pub enum Reply {
    /// The value, or what is in `Ok` where the specification returns `Result`.
    Ok(Value),
    /// What is in `Err`, where the specification returns `Result`.
    Err(Value),
    /// A fault by its name: `overflow`, `div_zero`, `range`, `index`, …
    Fault(&'static str),
    /// There is no such function.
    Unsupported,
}

/// What an implementation says of itself.
#[allow(missing_docs, reason = "fields that their names and types say")]
#[derive(Clone, Copy, Debug)]
pub struct About<'a> {
    pub name: &'a str,
    pub version: &'a str,
    /// The modules that it knows.
    pub modules: &'a [&'a str],
    /// Functions that are not right yet, as `module.name`, with the reason.
    pub pending: &'a [(&'a str, &'a str)],
}

/// Writes a Float, also what JSON cannot say.
#[must_use]
pub fn float(value: f64) -> Value {
    if value.is_nan() {
        json!("NaN")
    } else if value.is_infinite() {
        json!(if value > 0.0 { "Infinity" } else { "-Infinity" })
    } else if value == 0.0 && value.is_sign_negative() {
        json!("-0")
    } else {
        json!(value)
    }
}

/// Writes an Int: as text from 2⁵³ on.
#[must_use]
pub fn int(value: i64) -> Value {
    if value.unsigned_abs() < 1 << 53 { json!(value) } else { json!(value.to_string()) }
}

/// Reads a Float.
#[must_use]
pub fn to_float(value: &Value) -> Option<f64> {
    match value.as_str() {
        Some("NaN") => Some(f64::NAN),
        Some("Infinity") => Some(f64::INFINITY),
        Some("-Infinity") => Some(f64::NEG_INFINITY),
        Some("-0") => Some(-0.0),
        Some(_) => None,
        None => value.as_f64(),
    }
}

/// Reads an Int of any size.
#[must_use]
pub fn to_int(value: &Value) -> Option<i64> {
    value.as_i64().or_else(|| value.as_str()?.parse().ok())
}

/// Answers requests on standard input until `bye`.
///
/// # Errors
///
/// Where standard input or output fails, or a line is no request.
pub fn serve(about: About<'_>, mut call: impl FnMut(&str, &Map<String, Value>) -> Reply) -> io::Result<()> {
    let (input, mut output) = (io::stdin().lock(), io::stdout().lock());
    for line in input.lines() {
        let request: Value = serde_json::from_str(&line?)?;
        let text = |key: &str| request.get(key).and_then(Value::as_str).unwrap_or_default();
        let pending = || -> Vec<Value> {
            about.pending.iter().map(|(function, why)| json!({ "fn": function, "why": why })).collect()
        };
        let mut answer = match text("do") {
            "bye" => return Ok(()),
            "hello" => json!({
                "impl": about.name, "version": about.version, "modules": about.modules, "pending": pending(),
            }),
            "call" => match call(text("fn"), request.get("args").and_then(Value::as_object).unwrap_or(&Map::new())) {
                Reply::Ok(value) => json!({ "ok": value }),
                Reply::Err(value) => json!({ "err": value }),
                Reply::Fault(name) => json!({ "fault": name }),
                Reply::Unsupported => json!({ "unsupported": true }),
            },
            _ => json!({ "unsupported": true }),
        };
        answer["id"] = request["id"].clone();
        writeln!(output, "{answer}")?;
        output.flush()?;
    }
    Ok(())
}
