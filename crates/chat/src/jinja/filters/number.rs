//! Filters that give numbers.

use super::super::{
    Result,
    arguments::{Args, int},
    machine::Machine,
    number, operators,
    value::Value,
};
use crate::error::Error;

pub(super) fn apply(machine: &Machine<'_>, name: &str, value: &Value, args: Args) -> Result<Value> {
    operators::require(value)?;
    match name {
        "abs" => {
            args.none(name)?;
            operators::abs(value)
        }
        "int" => {
            let [default, base] = args.bind(name, ["default", "base"])?;
            let base = u32::try_from(int(base.as_ref(), 10, name)?).unwrap_or(99);
            let found = match value {
                Value::Str(s) => number::parse_int(&s.text, base)
                    .or_else(|| number::parse_float(&s.text).and_then(number::float_as_int)),
                _ => operators::truncate(value),
            };
            Ok(found.map_or_else(|| default.unwrap_or(Value::Int(0)), Value::Int))
        }
        "float" => {
            let [default] = args.bind(name, ["default"])?;
            let found = match value {
                Value::Str(s) => number::parse_float(&s.text),
                _ => value.as_float(),
            };
            Ok(found.map_or_else(|| default.unwrap_or(Value::Float(0.0)), Value::Float))
        }
        _ => round(machine, value, args),
    }
}

fn round(machine: &Machine<'_>, value: &Value, args: Args) -> Result<Value> {
    machine.meter.steps(1)?;
    let [precision, method] = args.bind("round", ["precision", "method"])?;
    let digits = int(precision.as_ref(), 0, "round")?.clamp(-400, 400) as i32;
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
