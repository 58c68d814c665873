//! `value is name(args)`: jinja2's tests.

use super::{
    Result,
    arguments::Args,
    ast::CompareOp,
    compare, filters,
    machine::Machine,
    operators,
    value::{StreamKind, Value},
};
use crate::error::Error;

const NAMES: [&str; 38] = [
    "odd",
    "even",
    "divisibleby",
    "defined",
    "undefined",
    "filter",
    "test",
    "none",
    "boolean",
    "false",
    "true",
    "integer",
    "float",
    "lower",
    "upper",
    "string",
    "mapping",
    "number",
    "sequence",
    "iterable",
    "callable",
    "sameas",
    "escaped",
    "in",
    "==",
    "eq",
    "equalto",
    "!=",
    "ne",
    ">",
    "gt",
    "greaterthan",
    ">=",
    "ge",
    "<",
    "lt",
    "lessthan",
    "le",
];

/// Whether `value` passes test `name`.
pub(crate) fn holds(machine: &mut Machine<'_>, name: &str, value: &Value, args: Args) -> Result<bool> {
    machine.meter.steps(1)?;
    if let Some(op) = comparison(name) {
        return machine.compare(op, value, &args.one(name, "other")?);
    }
    match name {
        "divisibleby" => {
            let n = args.one(name, "num")?;
            let rest = operators::binary(super::ast::BinaryOp::Mod, value, &n, machine)?;
            return Ok(!rest.is_true());
        }
        "sameas" => {
            let other = args.one(name, "other")?;
            return same(value, &other, machine);
        }
        _ => args.none(name)?,
    }
    Ok(match name {
        "defined" => !matches!(value, Value::Undefined(_)),
        "undefined" => matches!(value, Value::Undefined(_)),
        "none" => matches!(value, Value::None),
        "boolean" => matches!(value, Value::Bool(_)),
        "true" => matches!(value, Value::Bool(true)),
        "false" => matches!(value, Value::Bool(false)),
        "integer" => matches!(value, Value::Int(_)),
        "float" => matches!(value, Value::Float(_)),
        "number" => matches!(value, Value::Int(_) | Value::Float(_) | Value::Bool(_)),
        "string" => matches!(value, Value::Str(_)),
        "mapping" => matches!(value, Value::Dict(_)),
        "escaped" => matches!(value, Value::Str(s) if s.safe),
        // jinja2's Undefined has the methods that these three look for.
        "sequence" => matches!(
            value,
            Value::Str(_) | Value::List(_) | Value::Tuple(_) | Value::Dict(_) | Value::Range(_) | Value::Undefined(_)
        ),
        "iterable" => matches!(
            value,
            Value::Str(_)
                | Value::List(_)
                | Value::Tuple(_)
                | Value::Dict(_)
                | Value::Range(_)
                | Value::Undefined(_)
                | Value::Stream(_)
                | Value::Loop(_)
        ),
        "callable" => matches!(
            value,
            Value::Function(_)
                | Value::Method(_)
                | Value::Macro(_)
                | Value::Joiner(_)
                | Value::Undefined(_)
                | Value::Loop(_)
        ),
        "odd" | "even" => {
            let rest = operators::binary(super::ast::BinaryOp::Mod, value, &Value::Int(2), machine)?;
            compare::equal(&rest, &Value::Int(i128::from(name == "odd")), &machine.meter)?
        }
        "lower" | "upper" => {
            let text = super::repr::to_str(value, machine)?.text;
            machine.meter.scan(text.len())?;
            let is_lower = name == "lower";
            let right = |c: char| if is_lower { c.is_lowercase() } else { c.is_uppercase() };
            let wrong = |c: char| if is_lower { c.is_uppercase() } else { c.is_lowercase() };
            text.chars().any(right) && !text.chars().any(wrong)
        }
        "filter" | "test" if matches!(value, Value::List(_) | Value::Dict(_)) => {
            return Err(Error::render(format!("unhashable type: '{}'", value.type_name())));
        }
        "filter" => value.as_str().is_some_and(filters::exists),
        "test" => value.as_str().is_some_and(|name| name == "<=" || NAMES.contains(&name)),
        _ => return Err(Error::render(format!("no test is called '{name}'"))),
    })
}

fn comparison(name: &str) -> Option<CompareOp> {
    Some(match name {
        "eq" | "equalto" | "==" => CompareOp::Eq,
        "ne" | "!=" => CompareOp::Ne,
        "lt" | "lessthan" | "<" => CompareOp::Lt,
        "le" | "<=" => CompareOp::Le,
        "gt" | "greaterthan" | ">" => CompareOp::Gt,
        "ge" | ">=" => CompareOp::Ge,
        "in" => CompareOp::In,
        _ => return None,
    })
}

/// Python's `is`: for what is shared, the same object; for the rest, the same type and value.
fn same(a: &Value, b: &Value, machine: &Machine<'_>) -> Result<bool> {
    use std::rc::Rc;
    Ok(match (a, b) {
        (Value::List(a), Value::List(b)) | (Value::Tuple(a), Value::Tuple(b)) => Rc::ptr_eq(a, b),
        (Value::Dict(a), Value::Dict(b)) => Rc::ptr_eq(a, b),
        (Value::Stream(a), Value::Stream(b)) => Rc::ptr_eq(a, b) && a.kind == StreamKind::Generator,
        _ => a.type_name() == b.type_name() && compare::equal(a, b, &machine.meter)?,
    })
}
