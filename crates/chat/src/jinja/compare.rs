//! Equality, order and containment, paid for item by item: nested lists that share their parts can be far
//! larger to compare than to build.

use std::{cmp::Ordering, rc::Rc, sync::Arc};

use super::{
    Result,
    meter::Meter,
    value::{Dict, Stream, StreamKind, Value},
};
use crate::error::Error;

/// Python's `a == b`.
pub(crate) fn equal(a: &Value, b: &Value, meter: &Meter) -> Result<bool> {
    meter.steps(1)?;
    Ok(match (a, b) {
        (Value::Undefined(_), Value::Undefined(_)) | (Value::None, Value::None) => true,
        (Value::Str(a), Value::Str(b)) => {
            if a.text.len() == b.text.len() && !Arc::ptr_eq(&a.text, &b.text) {
                meter.scan(a.text.len())?;
            }
            a.text == b.text
        }
        (Value::List(a), Value::List(b)) | (Value::Tuple(a), Value::Tuple(b)) => {
            Rc::ptr_eq(a, b) || equal_items(&a.items, &b.items, meter)?
        }
        (Value::Dict(a), Value::Dict(b)) => Rc::ptr_eq(a, b) || equal_dicts(a, b, meter)?,
        (Value::Range(a), Value::Range(b)) => {
            a.len == b.len && (a.len == 0 || (a.start == b.start && (a.len == 1 || a.step == b.step)))
        }
        (Value::Stream(a), Value::Stream(b)) => Rc::ptr_eq(a, b) || equal_views(a, b, meter)?,
        (Value::Namespace(a), Value::Namespace(b))
        | (Value::Loop(a), Value::Loop(b))
        | (Value::Macro(a), Value::Macro(b)) => a == b,
        (Value::Function(a), Value::Function(b)) => a.name == b.name,
        (Value::Method(a), Value::Method(b)) => {
            // Strings compare by value here where Python compares identity: nothing depends on it.
            a.method.name == b.method.name && equal(&a.object, &b.object, meter)?
        }
        (Value::Cycler(a), Value::Cycler(b)) => Rc::ptr_eq(a, b),
        (Value::Joiner(a), Value::Joiner(b)) => Rc::ptr_eq(a, b),
        _ => numbers(a, b) == Some(Ordering::Equal),
    })
}

fn equal_items(a: &[Value], b: &[Value], meter: &Meter) -> Result<bool> {
    if a.len() != b.len() {
        return Ok(false);
    }
    for (a, b) in a.iter().zip(b) {
        if !equal(a, b, meter)? {
            return Ok(false);
        }
    }
    Ok(true)
}

fn equal_dicts(a: &Dict, b: &Dict, meter: &Meter) -> Result<bool> {
    if a.entries().len() != b.entries().len() {
        return Ok(false);
    }
    for (key, a) in a.entries() {
        match b.get(key, meter)? {
            Some(b) if equal(a, b, meter)? => {}
            _ => return Ok(false),
        }
    }
    Ok(true)
}

/// Views of keys and items compare like sets; here, in order. Generators and values are only themselves.
fn equal_views(a: &Stream, b: &Stream, meter: &Meter) -> Result<bool> {
    let like_sets = matches!(a.kind, StreamKind::Keys | StreamKind::Items) && a.kind == b.kind;
    Ok(like_sets && equal_items(&a.items, &b.items, meter)?)
}

/// Whether both are numbers.
fn are_numbers(a: &Value, b: &Value) -> bool {
    a.as_float().is_some() && b.as_float().is_some()
}

/// The order of two numbers; with a NaN or something else, none.
fn numbers(a: &Value, b: &Value) -> Option<Ordering> {
    if let (Some(a), Some(b)) = (a.as_int(), b.as_int()) {
        return Some(a.cmp(&b));
    }
    a.as_float()?.partial_cmp(&b.as_float()?)
}

/// Python's order of two values; an error where it has none. With a NaN, none.
pub(crate) fn order(a: &Value, b: &Value, sign: &str, meter: &Meter) -> Result<Option<Ordering>> {
    meter.steps(1)?;
    if are_numbers(a, b) {
        return Ok(numbers(a, b));
    }
    match (a, b) {
        (Value::Str(a), Value::Str(b)) => {
            meter.scan(a.text.len().min(b.text.len()))?;
            Ok(Some(a.text.cmp(&b.text)))
        }
        (Value::List(x), Value::List(y)) | (Value::Tuple(x), Value::Tuple(y)) => {
            for (a, b) in x.items.iter().zip(&y.items) {
                if !equal(a, b, meter)? {
                    return order(a, b, sign, meter);
                }
            }
            Ok(Some(x.items.len().cmp(&y.items.len())))
        }
        (Value::Undefined(missing), _) | (_, Value::Undefined(missing)) => Err(Error::render(&missing.message)),
        _ => Err(Error::render(format!(
            "'{sign}' not supported between instances of '{}' and '{}'",
            a.type_name(),
            b.type_name()
        ))),
    }
}

/// Python's `item in container`.
pub(crate) fn contains(container: &Value, item: &Value, meter: &Meter) -> Result<bool> {
    let among = |items: &[Value]| {
        for x in items {
            if equal(x, item, meter)? {
                return Ok(true);
            }
        }
        Ok(false)
    };
    match container {
        Value::Undefined(_) => Ok(false),
        Value::Str(text) => {
            let Some(part) = item.as_str() else {
                return Err(match item {
                    Value::Undefined(missing) => Error::render(&missing.message),
                    _ => Error::render(format!(
                        "'in <string>' requires string as left operand, not {}",
                        item.type_name()
                    )),
                });
            };
            meter.scan(text.text.len().saturating_add(part.len()))?;
            Ok(text.text.contains(part))
        }
        Value::List(s) | Value::Tuple(s) => among(&s.items),
        Value::Stream(s) => among(s.take()),
        Value::Dict(d) => Ok(d.find(item, meter)?.is_some()),
        Value::Range(r) => Ok(match item.as_float() {
            Some(x) if r.len > 0 => {
                let at = (x - r.start as f64) / r.step as f64;
                at >= 0.0 && at < r.len as f64 && at.fract() == 0.0
            }
            _ => false,
        }),
        _ => Err(Error::render(format!("argument of type '{}' is not iterable", container.type_name()))),
    }
}
