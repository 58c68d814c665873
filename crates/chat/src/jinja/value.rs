//! Values as a Python template sees them. Lists, tuples and dicts never change once made, as in Jinja's immutable
//! sandbox; what can change (namespaces, loops, macros) is an index into the machine, so values form no cycles.

use std::{cell::Cell, collections::BTreeMap, rc::Rc, sync::Arc};

use super::{Result, machine::Function, meter::Meter, methods::Method};
use crate::{
    error::{Error, Limit},
    limits::VALUE_DEPTH_MAX,
};

/// A value of the language, as Python has it.
#[derive(Clone)]
pub(crate) enum Value {
    /// A name or key that does not exist: empty when printed, an error when used.
    Undefined(Rc<Missing>),
    None,
    Bool(bool),
    Int(i128),
    Float(f64),
    Str(Str),
    List(Rc<Seq>),
    Tuple(Rc<Seq>),
    Dict(Rc<Dict>),
    Range(Rc<Range>),
    Stream(Rc<Stream>),
    Namespace(usize),
    Loop(usize),
    Macro(usize),
    Function(&'static Function),
    Method(Rc<BoundMethod>),
    Cycler(Rc<Cycler>),
    Joiner(Rc<Joiner>),
}

/// Why a value is undefined: the words of the error.
pub(crate) struct Missing {
    pub(crate) message: Box<str>,
}

/// Text; `safe` is Jinja's `Markup`, which escapes what is added to it. Shared with the parsed template, which threads
/// may share: hence `Arc`.
#[derive(Clone)]
pub(crate) struct Str {
    pub(crate) text: Arc<str>,
    pub(crate) safe: bool,
}

/// The items of a list or tuple.
pub(crate) struct Seq {
    pub(crate) items: Vec<Value>,
    depth: u16,
}

/// What `range` gives.
pub(crate) struct Range {
    pub(crate) start: i128,
    pub(crate) step: i128,
    pub(crate) len: usize,
}

/// Something to iterate over: a generator (once), or a view of a dict (always, with a length).
pub(crate) struct Stream {
    pub(crate) items: Vec<Value>,
    pub(crate) kind: StreamKind,
    spent: Cell<bool>,
    depth: u16,
}

/// What Python would call a [`Stream`].
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum StreamKind {
    Generator,
    Keys,
    Values,
    Items,
}

/// A method with its object: `x.strip` without the call.
pub(crate) struct BoundMethod {
    pub(crate) object: Value,
    pub(crate) method: &'static Method,
    depth: u16,
}

/// What `cycler(…)` gives: items, one after the other, and from the beginning again.
pub(crate) struct Cycler {
    pub(crate) items: Vec<Value>,
    pub(crate) at: Cell<usize>,
    depth: u16,
}

/// What `joiner(…)` gives: nothing at first, then a separator.
pub(crate) struct Joiner {
    pub(crate) separator: Str,
    pub(crate) used: Cell<bool>,
}

/// The depth of something that holds `items`, or the refusal to nest deeper.
fn depth_over<'a>(items: impl Iterator<Item = &'a Value>) -> Result<u16> {
    let depth = items.map(Value::depth).max().unwrap_or(0) + 1;
    if usize::from(depth) > VALUE_DEPTH_MAX { Err(Error::limit(Limit::ValueDepth)) } else { Ok(depth) }
}

impl Value {
    pub(crate) fn str(text: impl Into<Arc<str>>) -> Self {
        Self::Str(Str { text: text.into(), safe: false })
    }

    pub(crate) fn text(text: impl Into<Arc<str>>, safe: bool) -> Self {
        Self::Str(Str { text: text.into(), safe })
    }

    pub(crate) fn undefined(message: impl Into<Box<str>>) -> Self {
        Self::Undefined(Rc::new(Missing { message: message.into() }))
    }

    pub(crate) fn list(items: Vec<Self>, meter: &Meter) -> Result<Self> {
        Ok(Self::List(Rc::new(Seq::new(items, meter)?)))
    }

    pub(crate) fn tuple(items: Vec<Self>, meter: &Meter) -> Result<Self> {
        Ok(Self::Tuple(Rc::new(Seq::new(items, meter)?)))
    }

    pub(crate) fn stream(kind: StreamKind, items: Vec<Self>, meter: &Meter) -> Result<Self> {
        meter.slots(items.len())?;
        let depth = depth_over(items.iter())?;
        Ok(Self::Stream(Rc::new(Stream { items, kind, spent: Cell::new(false), depth })))
    }

    pub(crate) fn method(object: Self, method: &'static Method, meter: &Meter) -> Result<Self> {
        meter.slots(2)?;
        let depth = depth_over(std::iter::once(&object))?;
        Ok(Self::Method(Rc::new(BoundMethod { object, method, depth })))
    }

    pub(crate) fn cycler(items: Vec<Self>, meter: &Meter) -> Result<Self> {
        meter.slots(items.len())?;
        let depth = depth_over(items.iter())?;
        Ok(Self::Cycler(Rc::new(Cycler { items, at: Cell::new(0), depth })))
    }

    /// Levels of containers in this value, itself included.
    fn depth(&self) -> u16 {
        match self {
            Self::List(s) | Self::Tuple(s) => s.depth,
            Self::Dict(d) => d.depth,
            Self::Stream(s) => s.depth,
            Self::Method(m) => m.depth,
            Self::Cycler(c) => c.depth,
            _ => 0,
        }
    }

    /// Python's name of the type.
    pub(crate) fn type_name(&self) -> &'static str {
        match self {
            Self::Undefined(_) => "Undefined",
            Self::None => "None",
            Self::Bool(_) => "bool",
            Self::Int(_) => "int",
            Self::Float(_) => "float",
            Self::Str(s) if s.safe => "Markup",
            Self::Str(_) => "str",
            Self::List(_) => "list",
            Self::Tuple(_) => "tuple",
            Self::Dict(_) => "dict",
            Self::Range(_) => "range",
            Self::Stream(s) => match s.kind {
                StreamKind::Generator => "generator",
                StreamKind::Keys => "dict_keys",
                StreamKind::Values => "dict_values",
                StreamKind::Items => "dict_items",
            },
            Self::Namespace(_) => "Namespace",
            Self::Loop(_) => "LoopContext",
            Self::Macro(_) => "Macro",
            Self::Function(_) => "function",
            Self::Method(_) => "method",
            Self::Cycler(_) => "Cycler",
            Self::Joiner(_) => "Joiner",
        }
    }

    /// Whether Python takes the value for true.
    pub(crate) fn is_true(&self) -> bool {
        match self {
            Self::Undefined(_) | Self::None => false,
            Self::Bool(b) => *b,
            Self::Int(i) => *i != 0,
            Self::Float(f) => *f != 0.0,
            Self::Str(s) => !s.text.is_empty(),
            Self::List(s) | Self::Tuple(s) => !s.items.is_empty(),
            Self::Dict(d) => !d.entries().is_empty(),
            Self::Range(r) => r.len != 0,
            Self::Stream(s) => s.kind == StreamKind::Generator || !s.items.is_empty(),
            _ => true,
        }
    }

    pub(crate) fn as_str(&self) -> Option<&str> {
        match self {
            Self::Str(s) => Some(&s.text),
            _ => None,
        }
    }

    /// The number as an integer: Python's bool is one.
    pub(crate) fn as_int(&self) -> Option<i128> {
        match self {
            Self::Int(i) => Some(*i),
            Self::Bool(b) => Some(i128::from(*b)),
            _ => None,
        }
    }

    pub(crate) fn as_float(&self) -> Option<f64> {
        match self {
            Self::Float(f) => Some(*f),
            _ => self.as_int().map(|i| i as f64),
        }
    }
}

impl Seq {
    fn new(items: Vec<Value>, meter: &Meter) -> Result<Self> {
        meter.slots(items.len() + 1)?;
        let depth = depth_over(items.iter())?;
        Ok(Self { items, depth })
    }
}

impl Range {
    /// The item at `i`, which is below `len`.
    pub(crate) fn item(&self, i: usize) -> Value {
        Value::Int(self.start + self.step * i as i128)
    }
}

impl Stream {
    /// The items, unless this is a generator that has given them already.
    pub(crate) fn take(&self) -> &[Value] {
        if self.kind == StreamKind::Generator && self.spent.replace(true) { &[] } else { &self.items }
    }
}

/// A dict in insertion order.
pub(crate) struct Dict {
    entries: Vec<(Value, Value)>,
    /// Present from [`INDEX_FROM`] entries on.
    index: BTreeMap<Key, usize>,
    depth: u16,
}

/// Entries from which looking at each in turn is slower than an index.
const INDEX_FROM: usize = 9;

/// What makes two keys the same: `1`, `1.0` and `True` are.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
enum Key {
    None,
    Int(i128),
    Float(u64),
    Str(Arc<str>),
}

impl Key {
    fn of(value: &Value) -> Option<Self> {
        Some(match value {
            Value::None => Self::None,
            Value::Str(s) => Self::Str(s.text.clone()),
            Value::Float(f) if f.fract() == 0.0 && f.abs() < 1e30 => Self::Int(*f as i128),
            Value::Float(f) => Self::Float(f.to_bits()),
            _ => Self::Int(value.as_int()?),
        })
    }
}

impl Dict {
    /// A dict of `pairs`; a later pair replaces the value of an earlier one with the same key.
    pub(crate) fn new(pairs: Vec<(Value, Value)>, meter: &Meter) -> Result<Self> {
        meter.slots(pairs.len().saturating_mul(3) + 1)?;
        let mut dict = Self { entries: Vec::with_capacity(pairs.len()), index: BTreeMap::new(), depth: 1 };
        let indexed = pairs.len() >= INDEX_FROM;
        for (name, value) in pairs {
            meter.scan(name.as_str().map_or(0, str::len))?;
            let Some(key) = Key::of(&name) else {
                return Err(Error::render(format!(
                    "a dict key must be text, a number or none, not {}",
                    name.type_name()
                )));
            };
            let at = if indexed { dict.index.get(&key).copied() } else { dict.position(&key) };
            if let Some(entry) = at.and_then(|at| dict.entries.get_mut(at)) {
                entry.1 = value;
                continue;
            }
            if indexed {
                dict.index.insert(key, dict.entries.len());
            }
            dict.entries.push((name, value));
        }
        dict.depth = depth_over(dict.entries.iter().map(|(_, value)| value))?;
        Ok(dict)
    }

    pub(crate) fn entries(&self) -> &[(Value, Value)] {
        &self.entries
    }

    /// The value of `key`; none too for what cannot be a key.
    pub(crate) fn get(&self, key: &Value, meter: &Meter) -> Result<Option<&Value>> {
        meter.scan(key.as_str().map_or(0, str::len))?;
        let Some(key) = Key::of(key) else { return Ok(None) };
        let at = if self.entries.len() >= INDEX_FROM && !self.index.is_empty() {
            self.index.get(&key).copied()
        } else {
            self.position(&key)
        };
        Ok(at.and_then(|at| self.entries.get(at)).map(|(_, value)| value))
    }

    /// [`Self::get`], refusing what cannot be a key.
    pub(crate) fn find(&self, key: &Value, meter: &Meter) -> Result<Option<&Value>> {
        if let Value::List(_) | Value::Dict(_) = key {
            return Err(Error::render(format!("unhashable type: '{}'", key.type_name())));
        }
        self.get(key, meter)
    }

    /// [`Self::get`] by a name.
    pub(crate) fn get_str(&self, name: &str, meter: &Meter) -> Result<Option<&Value>> {
        if self.index.is_empty() {
            meter.scan(name.len())?;
            return Ok(self.entries.iter().find(|(k, _)| k.as_str() == Some(name)).map(|(_, value)| value));
        }
        self.get(&Value::str(name), meter)
    }

    fn position(&self, key: &Key) -> Option<usize> {
        self.entries.iter().position(|(k, _)| match (k, key) {
            (Value::Str(s), Key::Str(name)) => s.text == *name,
            (Value::Str(_), _) | (_, Key::Str(_)) => false,
            _ => Key::of(k).as_ref() == Some(key),
        })
    }
}
