//! Filters that give numbers.

use super::super::{
    Result,
    arguments::{self, Args, flag},
    machine::Machine,
    number, operators,
    value::Value,
};
use crate::error::Error;

pub(super) fn abs(_: &mut Machine<'_>, name: &'static str, value: &Value, args: Args) -> Result<Value> {
    operators::require(value)?;
    args.none(name)?;
    operators::abs(value)
}

pub(super) fn int(_: &mut Machine<'_>, name: &'static str, value: &Value, args: Args) -> Result<Value> {
    operators::require(value)?;
    let [default, base] = args.bind(name, ["default", "base"])?;
    let base = u32::try_from(arguments::int(base.as_ref(), 10, name)?).unwrap_or(99);
    let found = match value {
        Value::Str(s) => {
            number::parse_int(&s.text, base).or_else(|| number::parse_float(&s.text).and_then(number::float_as_int))
        }
        _ => operators::truncate(value),
    };
    Ok(found.map_or_else(|| default.unwrap_or(Value::Int(0)), Value::Int))
}

pub(super) fn float(_: &mut Machine<'_>, name: &'static str, value: &Value, args: Args) -> Result<Value> {
    operators::require(value)?;
    let [default] = args.bind(name, ["default"])?;
    let found = match value {
        Value::Str(s) => number::parse_float(&s.text),
        _ => value.as_float(),
    };
    Ok(found.map_or_else(|| default.unwrap_or(Value::Float(0.0)), Value::Float))
}

pub(super) fn file_size_format(_: &mut Machine<'_>, name: &'static str, value: &Value, args: Args) -> Result<Value> {
    operators::require(value)?;
    let [binary] = args.bind(name, ["binary"])?;
    file_size(value, flag(binary.as_ref())).map(Value::str)
}

pub(super) fn round(machine: &mut Machine<'_>, name: &'static str, value: &Value, args: Args) -> Result<Value> {
    operators::require(value)?;
    machine.meter.steps(1)?;
    let [precision, method] = args.bind(name, ["precision", "method"])?;
    let digits = arguments::int(precision.as_ref(), 0, name)?.clamp(-400, 400) as i32;
    let Some(number) = value.as_float() else {
        return Err(Error::render(format!("round needs a number, got {}", value.type_name())));
    };
    let unit = 10f64.powi(digits);
    match method.as_ref().map_or(Some("common"), Value::as_str) {
        Some("common") => match value {
            Value::Float(_) => Ok(Value::Float(number::round(number, digits))),
            _ if digits >= 0 => Ok(Value::Int(value.as_int().unwrap_or(0))),
            _ => Ok(Value::Int(number::round_int(value.as_int().unwrap_or(0), digits.unsigned_abs()))),
        },
        Some("ceil") => Ok(Value::Float((number * unit).ceil() / unit)),
        Some("floor") => Ok(Value::Float((number * unit).floor() / unit)),
        _ => Err(Error::render("the method of round must be common, ceil or floor")),
    }
}

/// A number of bytes for people.
fn file_size(value: &Value, is_binary: bool) -> Result<String> {
    const PREFIXES: [char; 8] = ['k', 'M', 'G', 'T', 'P', 'E', 'Z', 'Y'];
    let bytes = match value {
        Value::Str(s) => number::parse_float(&s.text),
        _ => value.as_float(),
    };
    let Some(bytes) = bytes else {
        return Err(Error::render(format!("filesizeformat needs a number, got {}", value.type_name())));
    };
    let base: i128 = if is_binary { 1024 } else { 1000 };
    if bytes == 1.0 {
        return Ok("1 Byte".to_owned());
    }
    if bytes < base as f64 {
        let whole = number::float_as_int(bytes);
        return whole
            .map(|n| format!("{n} Bytes"))
            .ok_or_else(|| Error::render("cannot convert float infinity to integer"));
    }
    let (mut unit, mut prefix) = (base * base, 'k');
    for next in PREFIXES.into_iter().skip(1) {
        // Exactly: as a float 10^24 is less than it should be.
        if !bytes.is_nan() && (bytes as i128) < unit {
            break;
        }
        unit *= base;
        prefix = next;
    }
    let value = base as f64 * bytes / unit as f64;
    let value = if value.is_finite() { format!("{value:.1}") } else { number::float_repr(value) };
    Ok(match (is_binary, prefix) {
        (true, 'k') => format!("{value} KiB"),
        (true, prefix) => format!("{value} {prefix}iB"),
        (false, prefix) => format!("{value} {prefix}B"),
    })
}
