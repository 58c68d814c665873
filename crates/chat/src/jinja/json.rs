//! JSON in and out, as Python's `json.dumps(…, ensure_ascii=False)` writes it.

use std::{rc::Rc, sync::Arc};

use super::{
    Result,
    arguments::{Args, flag},
    machine::Machine,
    meter::{Meter, Text},
    number,
    value::{Dict, Value},
};
use crate::{
    error::{Error, Limit},
    limits::VALUE_DEPTH_MAX,
};

/// A JSON value as a template sees it.
pub(crate) fn from_json(json: &serde_json::Value, meter: &Meter) -> Result<Value> {
    from_json_at(json, meter, 0)
}

fn from_json_at(json: &serde_json::Value, meter: &Meter, depth: usize) -> Result<Value> {
    use serde_json::Value as J;
    if depth > VALUE_DEPTH_MAX {
        return Err(Error::limit(Limit::ValueDepth));
    }
    Ok(match json {
        J::Null => Value::None,
        J::Bool(b) => Value::Bool(*b),
        J::Number(n) => match (n.as_i64(), n.as_u64()) {
            (Some(i), _) => Value::Int(i.into()),
            (_, Some(u)) => Value::Int(u.into()),
            _ => Value::Float(n.as_f64().unwrap_or(f64::NAN)),
        },
        J::String(s) => {
            meter.bytes(s.len())?;
            Value::str(s.as_str())
        }
        J::Array(items) => {
            meter.slots(items.len())?;
            let items: Result<Vec<_>> = items.iter().map(|item| from_json_at(item, meter, depth + 1)).collect();
            Value::list(items?, meter)?
        }
        J::Object(entries) => {
            meter.slots(entries.len() * 2)?;
            let pairs: Result<Vec<_>> = entries
                .iter()
                .map(|(key, value)| {
                    meter.bytes(key.len())?;
                    Ok((Value::str(key.as_str()), from_json_at(value, meter, depth + 1)?))
                })
                .collect();
            Value::Dict(Rc::new(Dict::new(pairs?, meter)?))
        }
    })
}

/// `value|tojson(ensure_ascii, indent, separators, sort_keys)`, with Hugging Face's defaults.
pub(crate) fn to_json(value: &Value, args: Args, machine: &Machine<'_>) -> Result<Value> {
    let [ascii, indent, separators, sort] =
        args.bind("tojson", ["ensure_ascii", "indent", "separators", "sort_keys"])?;
    let indent = match &indent {
        None | Some(Value::None) => None,
        Some(Value::Str(s)) => Some(s.text.to_string()),
        width => {
            let width = super::arguments::size(width.as_ref(), 0, "tojson")?;
            machine.meter.bytes(width)?;
            Some(" ".repeat(width))
        }
    };
    let mut between = (if indent.is_some() { "," } else { ", " }).to_owned();
    let mut colon = ": ".to_owned();
    match &separators {
        None | Some(Value::None) => {}
        Some(Value::List(pair) | Value::Tuple(pair)) => match pair.items.as_slice() {
            [Value::Str(item), Value::Str(key)] => {
                between = item.text.to_string();
                colon = key.text.to_string();
            }
            _ => return Err(Error::render("tojson: separators must be two texts")),
        },
        Some(other) => {
            return Err(Error::render(format!("tojson: separators must be two texts, got {}", other.type_name())));
        }
    }
    let mut writer = Writer {
        out: Text::new(&machine.meter),
        ascii: flag(ascii.as_ref()),
        sort: flag(sort.as_ref()),
        indent,
        between,
        colon,
        level: 0,
    };
    writer.value(value)?;
    Ok(Value::str(writer.out.into_string()))
}

struct Writer<'m> {
    out: Text<'m>,
    ascii: bool,
    sort: bool,
    indent: Option<String>,
    between: String,
    colon: String,
    level: usize,
}

impl Writer<'_> {
    fn value(&mut self, value: &Value) -> Result<()> {
        self.out.meter().steps(1)?;
        match value {
            Value::None => self.out.push_str("null"),
            Value::Bool(true) => self.out.push_str("true"),
            Value::Bool(false) => self.out.push_str("false"),
            Value::Int(i) => self.out.push_str(&i.to_string()),
            Value::Float(f) => self.out.push_str(&float(*f)),
            Value::Str(s) => self.string(&s.text),
            Value::List(s) | Value::Tuple(s) => self.items(['[', ']'], s.items.iter(), Self::value),
            Value::Dict(dict) => {
                let mut entries = Vec::new();
                for (key, value) in dict.entries() {
                    entries.push((name(key)?, key, value));
                }
                if self.sort {
                    self.out.meter().steps(entries.len().saturating_mul(4))?;
                    if entries.iter().any(|(_, key, _)| !matches!(key, Value::Str(_))) {
                        return Err(Error::render("tojson: sort_keys needs text keys"));
                    }
                    entries.sort_by(|(a, ..), (b, ..)| a.cmp(b));
                }
                self.items(['{', '}'], entries.iter(), |w, (name, _, value)| {
                    w.string(name)?;
                    let colon = std::mem::take(&mut w.colon);
                    w.out.push_str(&colon)?;
                    w.colon = colon;
                    w.value(value)
                })
            }
            other => Err(Error::render(format!("Object of type {} is not JSON serializable", other.type_name()))),
        }
    }

    fn items<T>(
        &mut self,
        brackets: [char; 2],
        items: impl ExactSizeIterator<Item = T>,
        mut write: impl FnMut(&mut Self, T) -> Result<()>,
    ) -> Result<()> {
        let empty = items.len() == 0;
        self.out.push(brackets[0])?;
        self.level += 1;
        for (i, item) in items.enumerate() {
            if i > 0 {
                let between = std::mem::take(&mut self.between);
                self.out.push_str(&between)?;
                self.between = between;
            }
            self.new_line()?;
            write(self, item)?;
        }
        self.level -= 1;
        if !empty {
            self.new_line()?;
        }
        self.out.push(brackets[1])
    }

    fn new_line(&mut self) -> Result<()> {
        let Some(indent) = &self.indent else { return Ok(()) };
        self.out.push('\n')?;
        for _ in 0..self.level {
            self.out.push_str(indent)?;
        }
        Ok(())
    }

    fn string(&mut self, text: &str) -> Result<()> {
        self.out.push('"')?;
        let mut plain = text;
        while let Some(at) =
            plain.find(|c: char| matches!(c, '"' | '\\' | '\0'..='\x1f') || (self.ascii && c >= '\x7f'))
        {
            let (before, rest) = plain.split_at(at);
            self.out.push_str(before)?;
            let mut chars = rest.chars();
            match chars.next() {
                Some('"') => self.out.push_str("\\\"")?,
                Some('\\') => self.out.push_str("\\\\")?,
                Some('\n') => self.out.push_str("\\n")?,
                Some('\r') => self.out.push_str("\\r")?,
                Some('\t') => self.out.push_str("\\t")?,
                Some('\u{8}') => self.out.push_str("\\b")?,
                Some('\u{c}') => self.out.push_str("\\f")?,
                // Python leaves DEL as it is.
                Some('\x7f') => self.out.push('\x7f')?,
                Some(c) => {
                    for unit in c.encode_utf16(&mut [0; 2]) {
                        self.out.push_str(&format!("\\u{unit:04x}"))?;
                    }
                }
                None => {}
            }
            plain = chars.as_str();
        }
        self.out.push_str(plain)?;
        self.out.push('"')
    }
}

fn float(value: f64) -> String {
    if value.is_nan() {
        "NaN".into()
    } else if value.is_infinite() {
        if value > 0.0 { "Infinity".into() } else { "-Infinity".into() }
    } else {
        number::float_repr(value)
    }
}

/// A key as JSON writes it: numbers and constants become text.
fn name(key: &Value) -> Result<Arc<str>> {
    Ok(match key {
        Value::Str(s) => s.text.clone(),
        Value::None => "null".into(),
        Value::Bool(b) => if *b { "true" } else { "false" }.into(),
        Value::Int(i) => i.to_string().into(),
        Value::Float(f) => float(*f).into(),
        other => {
            return Err(Error::render(format!(
                "keys must be str, int, float, bool or None, not {}",
                other.type_name()
            )));
        }
    })
}
