//! The arguments of a call, and how they meet parameters.

use std::sync::Arc;

use super::{Result, value::Value};
use crate::error::Error;

/// The values of a call's arguments: `(positional…, name=value…)`.
#[derive(Default)]
pub(crate) struct Args {
    pub(crate) positional: Vec<Value>,
    pub(crate) named: Vec<(Arc<str>, Value)>,
}

impl Args {
    /// The value of each of `names`, by place or by name; more than these is an error.
    pub(crate) fn bind<const N: usize>(self, what: &str, names: [&str; N]) -> Result<[Option<Value>; N]> {
        if self.positional.len() > N {
            return Err(Error::render(format!("{what} takes at most {N} argument(s), got {}", self.positional.len())));
        }
        let mut bound = [const { None }; N];
        for (place, value) in bound.iter_mut().zip(self.positional) {
            *place = Some(value);
        }
        for (name, value) in self.named {
            let Some(place) = names.iter().position(|n| **n == *name).and_then(|at| bound.get_mut(at)) else {
                return Err(Error::render(format!("{what} has no argument called '{name}'")));
            };
            if place.replace(value).is_some() {
                return Err(Error::render(format!("{what} got two values for '{name}'")));
            }
        }
        Ok(bound)
    }

    /// [`Self::bind`] where nothing may be passed.
    pub(crate) fn none(self, what: &str) -> Result<()> {
        self.bind(what, [])?;
        Ok(())
    }

    /// [`Self::bind`] where exactly one thing must be passed.
    pub(crate) fn one(self, what: &str, name: &str) -> Result<Value> {
        let [value] = self.bind(what, [name])?;
        required(value, what, name)
    }
}

/// The argument, or the error that it is missing.
pub(crate) fn required(value: Option<Value>, what: &str, name: &str) -> Result<Value> {
    value.ok_or_else(|| Error::render(format!("{what} needs the argument '{name}'")))
}

/// The argument as text.
pub(crate) fn text(value: &Value, what: &str) -> Result<Arc<str>> {
    match value {
        Value::Str(s) => Ok(s.text.clone()),
        Value::Undefined(missing) => Err(Error::render(&missing.message)),
        _ => Err(Error::render(format!("{what} needs text, got {}", value.type_name()))),
    }
}

/// The argument as text; none where it is absent or `None`.
pub(crate) fn optional_text(value: Option<&Value>, what: &str) -> Result<Option<Arc<str>>> {
    match value {
        None | Some(Value::None) => Ok(None),
        Some(value) => text(value, what).map(Some),
    }
}

/// The argument as an integer, or `default` where it is absent.
pub(crate) fn int(value: Option<&Value>, default: i128, what: &str) -> Result<i128> {
    let Some(value) = value else { return Ok(default) };
    match value {
        Value::Undefined(missing) => Err(Error::render(&missing.message)),
        _ => value.as_int().ok_or_else(|| Error::render(format!("{what} needs an integer, got {}", value.type_name()))),
    }
}

/// The argument as a width or count: what is negative is 0, what is beyond memory stays so.
pub(crate) fn size(value: Option<&Value>, default: usize, what: &str) -> Result<usize> {
    let n = int(value, default as i128, what)?;
    Ok(usize::try_from(n.max(0)).unwrap_or(usize::MAX))
}

/// Whether the argument is there and true.
pub(crate) fn flag(value: Option<&Value>) -> bool {
    value.is_some_and(Value::is_true)
}
