//! `value|name(args)`: jinja2's filters. Not here: `urlize`, which no chat template was seen to use. `random` leaves nothing to chance:
//! what it picks depends on how the conversation begins and on how often it was asked before.

mod markup;
mod number;
mod pretty;
mod sequence;
mod text;
mod wrap;

use super::{
    Result,
    arguments::{Args, flag},
    attribute, json,
    machine::Machine,
    meter::Text,
    operators, repr,
    value::{Str, StreamKind, Value},
};
use crate::error::Error;

/// Whether there is a filter of this name.
pub(crate) fn exists(name: &str) -> bool {
    NAMES.contains(&name)
}

const NAMES: [&str; 55] = [
    "abs",
    "attr",
    "batch",
    "capitalize",
    "center",
    "count",
    "d",
    "default",
    "dictsort",
    "e",
    "escape",
    "filesizeformat",
    "first",
    "float",
    "forceescape",
    "format",
    "from_json",
    "fromjson",
    "groupby",
    "indent",
    "int",
    "items",
    "join",
    "last",
    "length",
    "list",
    "lower",
    "map",
    "max",
    "min",
    "pprint",
    "random",
    "reject",
    "rejectattr",
    "replace",
    "reverse",
    "round",
    "safe",
    "select",
    "selectattr",
    "slice",
    "sort",
    "string",
    "striptags",
    "sum",
    "title",
    "tojson",
    "trim",
    "truncate",
    "unique",
    "upper",
    "urlencode",
    "wordcount",
    "wordwrap",
    "xmlattr",
];

/// Applies filter `name`.
pub(crate) fn apply(machine: &mut Machine<'_>, name: &str, value: Value, args: Args) -> Result<Value> {
    machine.meter.steps(1)?;
    machine.meter.scan(value.as_str().map_or(0, str::len))?;
    match name {
        "default" | "d" => {
            let [default, boolean] = args.bind(name, ["default_value", "boolean"])?;
            let replace = matches!(value, Value::Undefined(_)) || (flag(boolean.as_ref()) && !value.is_true());
            Ok(if replace { default.unwrap_or_else(|| Value::str("")) } else { value })
        }
        "length" | "count" => {
            args.none(name)?;
            machine.length(&value).map(|n| Value::Int(n as i128))
        }
        "items" => {
            args.none(name)?;
            let items = match &value {
                Value::Undefined(_) => Vec::new(),
                Value::Dict(_) => super::methods::items(&value, machine)?,
                _ => return Err(Error::render("can only get item pairs from a mapping")),
            };
            Value::stream(StreamKind::Generator, items, &machine.meter)
        }
        "attr" => {
            let name = super::arguments::text(&args.one(name, "name")?, name)?;
            if let Value::Dict(_) = value {
                // Only what Python calls an attribute: a key is none.
                return Ok(match attribute::method(&value, &name) {
                    Some(method) => Value::method(value, method, &machine.meter)?,
                    None => Value::undefined("'dict object' has no such attribute"),
                });
            }
            attribute::attribute(&value, &name, machine)
        }
        "tojson" => json::to_json(&value, args, machine),
        "from_json" | "fromjson" => {
            args.none(name)?;
            let text = super::arguments::text(&value, name)?;
            // A parsed value takes up to this many times its text.
            machine.meter.bytes(text.len().saturating_mul(size_of::<serde_json::Value>()))?;
            let parsed: serde_json::Value =
                serde_json::from_str(&text).map_err(|e| Error::render(format!("{name}: {e}")))?;
            json::from_json(&parsed, &machine.meter)
        }
        "abs" | "filesizeformat" | "float" | "int" | "round" => number::apply(machine, name, &value, args),
        "wordwrap" => wrap::word_wrap(machine, &value, args),
        "xmlattr" => markup::xml_attributes(machine, &value, args),
        "pprint" | "striptags" | "urlencode" => {
            args.none(name)?;
            match name {
                "pprint" => pretty::pretty(machine, &value),
                "striptags" => markup::strip_tags(machine, &value),
                _ => markup::url_encode(machine, &value),
            }
        }
        "capitalize" | "center" | "e" | "escape" | "forceescape" | "format" | "indent" | "lower" | "replace"
        | "safe" | "string" | "title" | "trim" | "truncate" | "upper" | "wordcount" => {
            text::apply(machine, name, &value, args)
        }
        _ if exists(name) => sequence::apply(machine, name, &value, args),
        _ => Err(Error::render(format!("no filter is called '{name}'"))),
    }
}

/// `text` with the characters that HTML gives a meaning replaced, as `Markup`.
pub(crate) fn escape_text(s: &Str, machine: &Machine<'_>) -> Result<Str> {
    if s.safe {
        return Ok(s.clone());
    }
    let mut out = Text::new(&machine.meter);
    machine.meter.scan(s.text.len())?;
    for c in s.text.chars() {
        match c {
            '&' => out.push_str("&amp;")?,
            '<' => out.push_str("&lt;")?,
            '>' => out.push_str("&gt;")?,
            '"' => out.push_str("&#34;")?,
            '\'' => out.push_str("&#39;")?,
            c => out.push(c)?,
        }
    }
    Ok(Str { text: out.into_string().into(), safe: true })
}

/// Jinja's `escape` of any value.
pub(crate) fn escape(value: &Value, machine: &Machine<'_>) -> Result<Str> {
    escape_text(&repr::to_str(value, machine)?, machine)
}

/// The value of attribute `path` in `item`, or `item` itself without one; `default` where there is none.
pub(crate) fn keyed(
    item: &Value,
    path: Option<&Value>,
    default: Option<&Value>,
    machine: &Machine<'_>,
) -> Result<Value> {
    match path {
        None | Some(Value::None) => Ok(item.clone()),
        Some(path) => attribute::path(item, path, default, machine),
    }
}

/// Jinja's `ignore_case`.
pub(crate) fn fold(value: Value, machine: &Machine<'_>) -> Result<Value> {
    match &value {
        Value::Str(s) => {
            machine.meter.bytes(s.text.len())?;
            Ok(Value::text(s.text.to_lowercase(), s.safe))
        }
        _ => Ok(value),
    }
}

/// The error of an operand that does not exist.
pub(crate) fn require(value: &Value) -> Result<()> {
    operators::require(value)
}
