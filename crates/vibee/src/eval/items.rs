//! What a loop goes over, item by item.

use std::rc::Rc;

use super::bug;
use crate::value::Value;

/// Items that are still to come.
pub(super) enum Items {
    /// Of a List, a Set or a Map, from a place on; the value they are of is kept.
    List(Value, Rc<Vec<Value>>, usize),
    /// Of a String, from a byte on.
    Text(Rc<str>, usize),
    /// Of Bytes, from a place on.
    Bytes(Rc<[u8]>, usize),
    /// From the first to the last, both included.
    Range(i64, i64),
    Over,
}

impl Items {
    /// Items of a value.
    pub(super) fn of(value: Value) -> Self {
        match &value {
            Value::List(items) => Self::List(value.clone(), items.clone(), 0),
            Value::Set(members) => {
                let items = Rc::new(members.iter().cloned().collect());
                Self::List(value, items, 0)
            }
            Value::Map(entries) => {
                let pair = |(key, of): (&Value, &Value)| Value::Tuple(Rc::new([key.clone(), of.clone()]));
                let items = Rc::new(entries.iter().map(pair).collect());
                Self::List(value, items, 0)
            }
            Value::String(text) => Self::Text(text.clone(), 0),
            Value::Bytes(bytes) => Self::Bytes(bytes.clone(), 0),
            _ => bug("something to go over"),
        }
    }

    /// Ints of a range.
    pub(super) fn range(first: i64, last: i64) -> Self {
        if first <= last { Self::Range(first, last) } else { Self::Over }
    }

    /// What it costs to begin.
    pub(super) fn cost(&self) -> u64 {
        match self {
            Self::List(Value::Set(_) | Value::Map(_), items, _) => items.len() as u64 / 8,
            _ => 0,
        }
    }

    /// What the loop keeps alive.
    pub(super) fn source(&self) -> Option<Value> {
        match self {
            Self::List(value, ..) => Some(value.clone()),
            Self::Text(text, _) => Some(Value::String(text.clone())),
            Self::Bytes(bytes, _) => Some(Value::Bytes(bytes.clone())),
            Self::Range(..) | Self::Over => None,
        }
    }
}

impl Iterator for Items {
    type Item = Value;

    fn next(&mut self) -> Option<Value> {
        match self {
            Self::List(_, items, at) => {
                *at += 1;
                items.get(*at - 1).cloned()
            }
            Self::Text(text, at) => {
                let c = text.get(*at..)?.chars().next()?;
                *at += c.len_utf8();
                Some(Value::String(c.encode_utf8(&mut [0; 4]).into()))
            }
            Self::Bytes(bytes, at) => {
                *at += 1;
                bytes.get(*at - 1).map(|byte| Value::Int(i64::from(*byte)))
            }
            Self::Range(first, last) => {
                let item = Value::Int(*first);
                *self = match first.checked_add(1) {
                    Some(next) => Self::range(next, *last),
                    None => Self::Over,
                };
                Some(item)
            }
            Self::Over => None,
        }
    }
}
