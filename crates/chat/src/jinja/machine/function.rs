//! The functions a template can name.

use std::{cell::Cell, rc::Rc};

use super::{
    super::{
        Result,
        arguments::{self, Args, int, required},
        clock,
        named::{self, Named, named},
        repr,
        value::{Dict, Joiner, Range, Str, Value},
    },
    Machine,
};
use crate::{
    error::{Error, Limit},
    limits::RANGE_MAX,
};

/// A function of the table.
pub(crate) type Function = Named<Code>;

/// What a function does, under its name.
pub(crate) type Code = fn(&mut Machine<'_>, &'static str, Args) -> Result<Value>;

static FUNCTIONS: &[Function] = &[
    named("range", range),
    named("dict", dict),
    named("namespace", namespace),
    named("cycler", cycler),
    named("joiner", joiner),
    named("raise_exception", raise_exception),
    named("strftime_now", strftime_now),
];

/// The function of this name.
pub(super) fn find(name: &str) -> Option<&'static Function> {
    named::find(FUNCTIONS, name)
}

fn dict(machine: &mut Machine<'_>, name: &'static str, args: Args) -> Result<Value> {
    Ok(Value::Dict(Rc::new(Dict::new(machine.pairs(args, name)?, &machine.meter)?)))
}

fn namespace(machine: &mut Machine<'_>, name: &'static str, args: Args) -> Result<Value> {
    let pairs = machine.pairs(args, name)?;
    machine.meter.slots(pairs.len() + 2)?;
    let id = machine.namespaces.len();
    machine.namespaces.push(Vec::new());
    for (key, value) in pairs {
        machine.set_attribute(id, &arguments::text(&key, name)?, value)?;
    }
    Ok(Value::Namespace(id))
}

fn cycler(machine: &mut Machine<'_>, _: &'static str, args: Args) -> Result<Value> {
    if args.positional.is_empty() {
        return Err(Error::render("cycler needs at least one item"));
    }
    Value::cycler(args.positional, &machine.meter)
}

fn joiner(machine: &mut Machine<'_>, name: &'static str, args: Args) -> Result<Value> {
    let [separator] = args.bind(name, ["sep"])?;
    let separator = match separator {
        Some(separator) => repr::to_str(&separator, machine)?,
        None => Str { text: ", ".into(), safe: false },
    };
    Ok(Value::Joiner(Rc::new(Joiner { separator, used: Cell::new(false) })))
}

fn raise_exception(machine: &mut Machine<'_>, name: &'static str, args: Args) -> Result<Value> {
    let message = args.one(name, "message")?;
    Err(Error::refused(&repr::to_str(&message, machine)?.text))
}

fn strftime_now(machine: &mut Machine<'_>, name: &'static str, args: Args) -> Result<Value> {
    let format = arguments::text(&args.one(name, "format")?, name)?;
    Ok(Value::str(clock::strftime(&machine.now, &format)?))
}

impl Machine<'_> {
    /// `(mapping or pairs, name=value…)` as `dict` takes it.
    fn pairs(&mut self, args: Args, name: &str) -> Result<Vec<(Value, Value)>> {
        let mut pairs = Vec::new();
        if args.positional.len() > 1 {
            return Err(Error::render(format!("{name} takes at most 1 positional argument")));
        }
        match args.positional.first() {
            None => {}
            Some(Value::Dict(dict)) => {
                self.meter.slots(dict.entries().len() * 2)?;
                pairs.extend_from_slice(dict.entries());
            }
            Some(other) => {
                for pair in self.iterate(other)? {
                    let mut pair = self.iterate(&pair)?.into_iter();
                    match (pair.next(), pair.next(), pair.next()) {
                        (Some(key), Some(value), None) => pairs.push((key, value)),
                        _ => return Err(Error::render(format!("{name} needs pairs"))),
                    }
                }
            }
        }
        pairs.extend(args.named.into_iter().map(|(key, value)| (Value::str(key), value)));
        Ok(pairs)
    }
}

fn range(_: &mut Machine<'_>, name: &'static str, args: Args) -> Result<Value> {
    let [first, second, step] = args.bind(name, ["start", "stop", "step"])?;
    let first = int(Some(&required(first, name, "stop")?), 0, name)?;
    let (start, stop) = match &second {
        Some(stop) => (first, int(Some(stop), 0, name)?),
        None => (0, first),
    };
    let step = int(step.as_ref(), 1, name)?;
    if step == 0 {
        return Err(Error::render("range() arg 3 must not be zero"));
    }
    // Numbers of this size leave room for any sum of them.
    if [start, stop, step].iter().any(|n| i64::try_from(*n).is_err()) {
        return Err(Error::limit(Limit::Range));
    }
    let distance = if step > 0 { stop - start } else { start - stop };
    let len = if distance > 0 { (distance - 1) / step.abs() + 1 } else { 0 };
    match u64::try_from(len).ok().filter(|len| *len <= RANGE_MAX) {
        Some(len) => Ok(Value::Range(Rc::new(Range { start, step, len: len as usize }))),
        None => Err(Error::limit(Limit::Range)),
    }
}
