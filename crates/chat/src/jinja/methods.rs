//! Methods of Python's built-in types.

pub(crate) mod string;

use super::{
    Result,
    arguments::{Args, required},
    compare,
    machine::Machine,
    value::{StreamKind, Value},
};
use crate::error::Error;

/// `object.name(args)`, for a `name` that [`attribute::method`](super::attribute::method) found.
pub(crate) fn call(machine: &mut Machine<'_>, object: &Value, name: &'static str, args: Args) -> Result<Value> {
    machine.meter.steps(1)?;
    match object {
        Value::Str(s) => string::call(machine, s, name, args),
        Value::Dict(dict) => match name {
            "get" => {
                let [key, default] = args.bind("get", ["key", "default"])?;
                let key = required(key, "get", "key")?;
                Ok(match dict.find(&key, &machine.meter)? {
                    Some(value) => value.clone(),
                    None => default.unwrap_or(Value::None),
                })
            }
            "copy" => args.none(name).map(|()| object.clone()),
            "keys" => {
                args.none(name)?;
                let keys = dict.entries().iter().map(|(k, _)| k.clone()).collect();
                Value::stream(StreamKind::Keys, keys, &machine.meter)
            }
            "values" => {
                args.none(name)?;
                let values = dict.entries().iter().map(|(_, v)| v.clone()).collect();
                Value::stream(StreamKind::Values, values, &machine.meter)
            }
            _ => {
                args.none(name)?;
                let items = items(object, machine)?;
                Value::stream(StreamKind::Items, items, &machine.meter)
            }
        },
        Value::List(s) | Value::Tuple(s) => in_sequence(machine, object, &s.items, name, args),
        Value::Range(r) => {
            machine.meter.slots(r.len)?;
            let items: Vec<_> = (0..r.len).map(|i| r.item(i)).collect();
            in_sequence(machine, object, &items, name, args)
        }
        Value::Loop(id) => machine.loop_method(*id, name, args),
        Value::Cycler(cycler) => {
            args.none(name)?;
            let at = cycler.at.get();
            cycler.at.set(if name == "reset" { 0 } else { (at + 1) % cycler.items.len().max(1) });
            Ok(if name == "reset" { Value::None } else { cycler.items.get(at).cloned().unwrap_or(Value::None) })
        }
        _ => Err(Error::render(format!("'{}' object has no method '{name}'", object.type_name()))),
    }
}

/// The `(key, value)` tuples of a dict.
pub(crate) fn items(dict: &Value, machine: &Machine<'_>) -> Result<Vec<Value>> {
    let Value::Dict(dict) = dict else { return Ok(Vec::new()) };
    dict.entries().iter().map(|(k, v)| Value::tuple(vec![k.clone(), v.clone()], &machine.meter)).collect()
}

/// `copy`, `count` and `index` of a list or tuple.
fn in_sequence(
    machine: &Machine<'_>,
    object: &Value,
    items: &[Value],
    name: &'static str,
    args: Args,
) -> Result<Value> {
    if name == "copy" {
        return args.none(name).map(|()| object.clone());
    }
    let wanted = args.one(name, "value")?;
    let mut count = 0;
    for (at, item) in items.iter().enumerate() {
        if compare::equal(item, &wanted, &machine.meter)? {
            if name == "index" {
                return Ok(Value::Int(at as i128));
            }
            count += 1;
        }
    }
    if name == "index" { Err(Error::render("the value is not in the list")) } else { Ok(Value::Int(count)) }
}
