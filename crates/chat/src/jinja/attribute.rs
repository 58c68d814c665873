//! `x.name` and `x[item]`: Python's attributes first or items first, and what Jinja's immutable sandbox forbids.

use super::{
    Result,
    machine::Machine,
    methods, operators,
    value::{Missing, Value},
};
use crate::error::Error;

/// Methods that would change a list or dict: the sandbox has none of them.
const LIST_CHANGERS: [&str; 8] = ["append", "clear", "pop", "reverse", "insert", "sort", "extend", "remove"];
const DICT_CHANGERS: [&str; 5] = ["clear", "pop", "popitem", "setdefault", "update"];

/// Characters of a key that an error repeats.
const KEY_CHARS_MAX: usize = 80;

fn is_forbidden(value: &Value, name: &str) -> bool {
    match value {
        Value::List(_) => LIST_CHANGERS.contains(&name),
        Value::Dict(_) => DICT_CHANGERS.contains(&name),
        _ => false,
    }
}

/// What the sandbox gives for an attribute it forbids.
fn forbidden(value: &Value, name: &str) -> Value {
    Value::undefined(format!("access to attribute '{name}' of '{}' object is unsafe", value.type_name()))
}

fn missing(value: &Value, what: std::fmt::Arguments<'_>) -> Value {
    let object = if let Value::None = value { String::new() } else { " object".into() };
    Value::undefined(format!("'{}{object}' has no {what}", value.type_name()))
}

fn missing_attribute(value: &Value, name: &str, machine: &Machine<'_>) -> Result<Value> {
    machine.meter.bytes(size_of::<Missing>() + KEY_CHARS_MAX)?;
    let name: String = name.chars().take(KEY_CHARS_MAX).collect();
    Ok(missing(value, format_args!("attribute '{name}'")))
}

/// What `value[…]` gives where there is nothing.
fn missing_item(value: &Value, item: &str) -> Value {
    missing(value, format_args!("element {item}"))
}

/// What a Python object of this type has under this name, other than methods.
fn property(value: &Value, name: &str, machine: &Machine<'_>) -> Result<Option<Value>> {
    Ok(match value {
        Value::Namespace(id) => {
            let names = machine.namespace(*id);
            machine.meter.steps(names.len() / 16)?;
            names.iter().find(|(n, _)| **n == *name).map(|(_, v)| v.clone())
        }
        Value::Loop(id) => machine.loop_property(*id, name)?,
        Value::Macro(id) if name == "name" => Some(Value::str(machine.macro_name(*id))),
        Value::Cycler(c) if name == "current" => c.items.get(c.at.get()).cloned(),
        Value::Range(r) => match name {
            "start" => Some(Value::Int(r.start)),
            "step" => Some(Value::Int(r.step)),
            "stop" => Some(Value::Int(r.start + r.step * r.len as i128)),
            _ => None,
        },
        _ => None,
    })
}

/// `value.name`: the attribute, else the item.
pub(crate) fn attribute(value: &Value, name: &str, machine: &Machine<'_>) -> Result<Value> {
    operators::require(value)?;
    if let Some(method) = methods::find(value, name) {
        return Value::method(value.clone(), method, &machine.meter);
    }
    if is_forbidden(value, name) {
        return Ok(forbidden(value, name));
    }
    if let Some(found) = property(value, name, machine)? {
        return Ok(found);
    }
    if let Value::Dict(dict) = value
        && let Some(found) = dict.get_str(name, &machine.meter)?
    {
        return Ok(found.clone());
    }
    if name.starts_with("__") {
        return Ok(forbidden(value, name));
    }
    missing_attribute(value, name, machine)
}

/// `value[key]`: the item, else the attribute.
pub(crate) fn item(value: &Value, key: &Value, machine: &Machine<'_>) -> Result<Value> {
    operators::require(value)?;
    if let Value::Dict(dict) = value {
        if let Some(found) = dict.get(key, &machine.meter)? {
            return Ok(found.clone());
        }
    } else if let Some(i) = key.as_int() {
        let found = match value {
            Value::List(s) | Value::Tuple(s) => {
                operators::index(i, s.items.len()).and_then(|at| s.items.get(at)).cloned()
            }
            Value::Range(r) => operators::index(i, r.len).map(|at| r.item(at)),
            Value::Str(s) => {
                machine.meter.scan(s.text.len())?;
                let n = if i < 0 { s.text.chars().count() } else { usize::MAX };
                operators::index(i, n).and_then(|at| s.text.chars().nth(at)).map(|c| {
                    let mut buffer = [0; 4];
                    Value::text(&*c.encode_utf8(&mut buffer), s.safe)
                })
            }
            _ => None,
        };
        if let Some(found) = found {
            return Ok(found);
        }
    }
    if let Value::Str(name) = key {
        let name = &*name.text;
        if let Some(method) = methods::find(value, name) {
            return Value::method(value.clone(), method, &machine.meter);
        }
        if is_forbidden(value, name) {
            return Ok(forbidden(value, name));
        }
        if let Some(found) = property(value, name, machine)? {
            return Ok(found);
        }
        return missing_attribute(value, name, machine);
    }
    machine.meter.bytes(size_of::<Missing>() + KEY_CHARS_MAX)?;
    Ok(missing_item(value, &key.as_int().map_or_else(|| key.type_name().into(), |i| i.to_string())))
}

/// An attribute path of the filters: `a.b.0`, or a number. `default` stands in for any part that is missing.
pub(crate) fn path(value: &Value, path: &Value, default: Option<&Value>, machine: &Machine<'_>) -> Result<Value> {
    let or_default = |found: Value| match (&found, default) {
        (Value::Undefined(_), Some(default)) if !matches!(default, Value::None) => default.clone(),
        _ => found,
    };
    let Some(text) = path.as_str() else {
        return match path.as_int() {
            Some(_) => item(value, path, machine).map(or_default),
            None => Err(Error::render(format!("an attribute must be text or a number, not {}", path.type_name()))),
        };
    };
    let mut found = value.clone();
    for part in text.split('.') {
        machine.meter.steps(1)?;
        let key = match part.parse::<u32>() {
            Ok(i) if part.bytes().all(|b| b.is_ascii_digit()) => Value::Int(i128::from(i)),
            _ => Value::str(part),
        };
        found = or_default(item(&found, &key, machine)?);
    }
    Ok(found)
}
