//! The functions a template can name.

use std::{cell::Cell, rc::Rc};

use super::{
    super::{
        Result,
        arguments::{self, Args, int, required},
        clock, repr,
        value::{Dict, Joiner, Range, Str, Value},
    },
    Machine,
};
use crate::{
    error::{Error, Limit},
    limits::RANGE_MAX,
};

/// A function.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Function {
    Range,
    Dict,
    Namespace,
    Cycler,
    Joiner,
    RaiseException,
    StrftimeNow,
}

const ALL: [Function; 7] = [
    Function::Range,
    Function::Dict,
    Function::Namespace,
    Function::Cycler,
    Function::Joiner,
    Function::RaiseException,
    Function::StrftimeNow,
];

impl Function {
    pub(super) fn named(name: &str) -> Option<Self> {
        ALL.into_iter().find(|f| f.name() == name)
    }

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Range => "range",
            Self::Dict => "dict",
            Self::Namespace => "namespace",
            Self::Cycler => "cycler",
            Self::Joiner => "joiner",
            Self::RaiseException => "raise_exception",
            Self::StrftimeNow => "strftime_now",
        }
    }
}

impl Machine<'_> {
    pub(super) fn call_function(&mut self, function: Function, args: Args) -> Result<Value> {
        let name = function.name();
        match function {
            Function::Range => range(args),
            Function::Dict => Ok(Value::Dict(Rc::new(Dict::new(self.pairs(args, name)?, &self.meter)?))),
            Function::Namespace => {
                let pairs = self.pairs(args, name)?;
                self.meter.slots(pairs.len() + 2)?;
                let id = self.namespaces.len();
                self.namespaces.push(Vec::new());
                for (key, value) in pairs {
                    self.set_attribute(id, &arguments::text(&key, name)?, value)?;
                }
                Ok(Value::Namespace(id))
            }
            Function::Cycler => {
                if args.positional.is_empty() {
                    return Err(Error::render("cycler needs at least one item"));
                }
                Value::cycler(args.positional, &self.meter)
            }
            Function::Joiner => {
                let [separator] = args.bind(name, ["sep"])?;
                let separator = match separator {
                    Some(separator) => repr::to_str(&separator, self)?,
                    None => Str { text: ", ".into(), safe: false },
                };
                Ok(Value::Joiner(Rc::new(Joiner { separator, used: Cell::new(false) })))
            }
            Function::RaiseException => {
                let message = args.one(name, "message")?;
                Err(Error::refused(&repr::to_str(&message, self)?.text))
            }
            Function::StrftimeNow => {
                let format = arguments::text(&args.one(name, "format")?, name)?;
                Ok(Value::str(clock::strftime(&self.now, &format)?))
            }
        }
    }

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

fn range(args: Args) -> Result<Value> {
    let [first, second, step] = args.bind("range", ["start", "stop", "step"])?;
    let first = int(Some(&required(first, "range", "stop")?), 0, "range")?;
    let (start, stop) = match &second {
        Some(stop) => (first, int(Some(stop), 0, "range")?),
        None => (0, first),
    };
    let step = int(step.as_ref(), 1, "range")?;
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
