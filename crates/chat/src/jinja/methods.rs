//! Methods of Python's built-in types.

pub(crate) mod string;

use std::borrow::Cow;

use super::{
    Result,
    arguments::{Args, required},
    compare,
    machine::{self, Machine},
    named::{self, Named, named},
    value::{Str, StreamKind, Value},
};
use crate::error::Error;

/// A method of the tables.
pub(crate) type Method = Named<Code>;

/// What a method does with its object, under its name.
#[derive(Clone, Copy)]
pub(crate) enum Code {
    /// Makes another text of a text, and takes no arguments.
    Rewrites(fn(&str) -> String),
    /// Asks something of a text, and takes no arguments.
    Asks(fn(&str) -> bool),
    /// Does anything else with a text.
    OfText(fn(&mut Machine<'_>, &'static str, &Str, Args) -> Result<Value>),
    /// Belongs to another type.
    Of(fn(&mut Machine<'_>, &'static str, &Value, Args) -> Result<Value>),
}

use Code::{Asks, Of, OfText, Rewrites};

static OF_DICT: &[Method] = &[
    named("get", Of(get)),
    named("items", Of(|machine, name, dict, args| view(machine, name, dict, args, StreamKind::Items))),
    named("keys", Of(|machine, name, dict, args| view(machine, name, dict, args, StreamKind::Keys))),
    named("values", Of(|machine, name, dict, args| view(machine, name, dict, args, StreamKind::Values))),
    named("copy", Of(copy)),
];
static OF_LIST: &[Method] = &[named("count", Of(count)), named("index", Of(index)), named("copy", Of(copy))];
static OF_TUPLE: &[Method] = &[named("count", Of(count)), named("index", Of(index))];
static OF_LOOP: &[Method] = &[named("cycle", Of(machine::cycle)), named("changed", Of(machine::changed))];
static OF_CYCLER: &[Method] = &[named("next", Of(next)), named("reset", Of(reset))];

/// The method `name` of `value`, if its type has one.
pub(crate) fn find(value: &Value, name: &str) -> Option<&'static Method> {
    let methods = match value {
        Value::Str(_) => string::METHODS,
        Value::Dict(_) => OF_DICT,
        Value::List(_) => OF_LIST,
        Value::Tuple(_) | Value::Range(_) => OF_TUPLE,
        Value::Loop(_) => OF_LOOP,
        Value::Cycler(_) => OF_CYCLER,
        _ => return None,
    };
    named::find(methods, name)
}

/// `object.method(args)`, for a method that [`find`] found.
pub(crate) fn call(machine: &mut Machine<'_>, object: &Value, method: &'static Method, args: Args) -> Result<Value> {
    machine.meter.steps(1)?;
    if let Value::Str(s) = object {
        machine.meter.scan(s.text.len())?;
    }
    let name = method.name;
    match (method.code, object) {
        (Rewrites(code), Value::Str(s)) => {
            args.none(name)?;
            string::rewritten(machine, s, code)
        }
        (Asks(code), Value::Str(s)) => {
            args.none(name)?;
            Ok(Value::Bool(code(&s.text)))
        }
        (OfText(code), Value::Str(s)) => code(machine, name, s, args),
        (Of(code), _) => code(machine, name, object, args),
        _ => Err(foreign(name, object)),
    }
}

/// The error of a method that the object does not have.
pub(crate) fn foreign(name: &str, object: &Value) -> Error {
    Error::render(format!("'{}' object has no method '{name}'", object.type_name()))
}

fn get(machine: &mut Machine<'_>, name: &'static str, object: &Value, args: Args) -> Result<Value> {
    let Value::Dict(dict) = object else { return Err(foreign(name, object)) };
    let [key, default] = args.bind(name, ["key", "default"])?;
    let key = required(key, name, "key")?;
    Ok(match dict.find(&key, &machine.meter)? {
        Some(value) => value.clone(),
        None => default.unwrap_or(Value::None),
    })
}

fn view(machine: &Machine<'_>, name: &'static str, object: &Value, args: Args, kind: StreamKind) -> Result<Value> {
    let Value::Dict(dict) = object else { return Err(foreign(name, object)) };
    args.none(name)?;
    let seen = match kind {
        StreamKind::Keys => dict.entries().iter().map(|(key, _)| key.clone()).collect(),
        StreamKind::Values => dict.entries().iter().map(|(_, value)| value.clone()).collect(),
        StreamKind::Items | StreamKind::Generator => items(object, machine)?,
    };
    Value::stream(kind, seen, &machine.meter)
}

fn copy(_: &mut Machine<'_>, name: &'static str, object: &Value, args: Args) -> Result<Value> {
    args.none(name).map(|()| object.clone())
}

fn next(_: &mut Machine<'_>, name: &'static str, object: &Value, args: Args) -> Result<Value> {
    let Value::Cycler(cycler) = object else { return Err(foreign(name, object)) };
    args.none(name)?;
    let at = cycler.at.get();
    cycler.at.set((at + 1) % cycler.items.len().max(1));
    Ok(cycler.items.get(at).cloned().unwrap_or(Value::None))
}

fn reset(_: &mut Machine<'_>, name: &'static str, object: &Value, args: Args) -> Result<Value> {
    let Value::Cycler(cycler) = object else { return Err(foreign(name, object)) };
    args.none(name)?;
    cycler.at.set(0);
    Ok(Value::None)
}

/// The `(key, value)` tuples of a dict.
pub(crate) fn items(dict: &Value, machine: &Machine<'_>) -> Result<Vec<Value>> {
    let Value::Dict(dict) = dict else { return Ok(Vec::new()) };
    dict.entries().iter().map(|(k, v)| Value::tuple(vec![k.clone(), v.clone()], &machine.meter)).collect()
}

fn count(machine: &mut Machine<'_>, name: &'static str, object: &Value, args: Args) -> Result<Value> {
    let items = sequence(machine, name, object)?;
    let wanted = args.one(name, "value")?;
    let mut count = 0;
    for item in items.iter() {
        count += i128::from(compare::equal(item, &wanted, &machine.meter)?);
    }
    Ok(Value::Int(count))
}

fn index(machine: &mut Machine<'_>, name: &'static str, object: &Value, args: Args) -> Result<Value> {
    let items = sequence(machine, name, object)?;
    let wanted = args.one(name, "value")?;
    for (at, item) in items.iter().enumerate() {
        if compare::equal(item, &wanted, &machine.meter)? {
            return Ok(Value::Int(at as i128));
        }
    }
    Err(Error::render("the value is not in the list"))
}

/// The items of a list, a tuple or a range.
fn sequence<'v>(machine: &Machine<'_>, name: &str, object: &'v Value) -> Result<Cow<'v, [Value]>> {
    match object {
        Value::List(s) | Value::Tuple(s) => Ok(Cow::Borrowed(&s.items)),
        Value::Range(r) => {
            machine.meter.slots(r.len)?;
            Ok(Cow::Owned((0..r.len).map(|i| r.item(i)).collect()))
        }
        _ => Err(foreign(name, object)),
    }
}
