//! What templates expect of Python's Jinja and minijinja does otherwise or not at all.

use std::{borrow::Cow, fmt, sync::Arc};

use jiff::civil::DateTime;
use minijinja::{
    Environment, Error, ErrorKind, State, Value, filters,
    value::{Kwargs, Object, ObjectRepr, Rest, ValueKind, ValueOrKwargs},
};
use serde::Serialize;
use serde_json::ser::{Formatter, PrettyFormatter, Serializer};

/// Marks the error of `raise_exception`.
pub(crate) const REFUSAL: &str = "\u{0}refused\u{0}";

/// Functions and filters.
pub(crate) fn install(environment: &mut Environment<'static>) {
    environment.add_function("raise_exception", |message: String| -> Result<String, Error> {
        Err(Error::new(ErrorKind::InvalidOperation, format!("{REFUSAL}{message}")))
    });
    environment.add_filter("tojson", to_json);
    environment.add_test("none", |value: &Value| is_none(value));
    environment.add_filter("markup_escape", |text: Value| markup_escape(&text.to_string()));
    // Python gives generators, and takes None for an empty list.
    environment.add_filter("map", |state: &mut State<'_, '_>, value: Value, args: Rest<ValueOrKwargs>| {
        filters::map(state, listed(value), args).map(generator)
    });
    type Test<'a> = Option<Cow<'a, str>>;
    environment.add_filter(
        "select",
        |state: &mut State<'_, '_>, value: Value, test: Test<'_>, args: Rest<ValueOrKwargs>| {
            filters::select(state, listed(value), test, args).map(generator)
        },
    );
    environment.add_filter(
        "reject",
        |state: &mut State<'_, '_>, value: Value, test: Test<'_>, args: Rest<ValueOrKwargs>| {
            filters::reject(state, listed(value), test, args).map(generator)
        },
    );
    environment.add_filter(
        "selectattr",
        |state: &mut State<'_, '_>, value: Value, attr: Cow<'_, str>, test: Test<'_>, args: Rest<ValueOrKwargs>| {
            filters::selectattr(state, listed(value), attr, test, args).map(generator)
        },
    );
    environment.add_filter(
        "rejectattr",
        |state: &mut State<'_, '_>, value: Value, attr: Cow<'_, str>, test: Test<'_>, args: Rest<ValueOrKwargs>| {
            filters::rejectattr(state, listed(value), attr, test, args).map(generator)
        },
    );
}

/// `{% generation %}` only marks text for training: an `if true` keeps what the tag does to the white space around it.
pub(crate) fn without_generation_marks(source: &str) -> String {
    let mut text = source.to_owned();
    for (open, close) in [("{%-", "-%}"), ("{%-", "%}"), ("{%", "-%}"), ("{%", "%}")] {
        text = text.replace(&format!("{open} generation {close}"), &format!("{open} if true {close}"));
        text = text.replace(&format!("{open} endgeneration {close}"), &format!("{open} endif {close}"));
    }
    text
}

/// Python's `None` where a template may try to loop over it, which Python refuses and minijinja does not.
#[derive(Debug)]
pub(crate) struct PythonNone;

impl Object for PythonNone {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Plain
    }

    fn is_true(self: &Arc<Self>) -> bool {
        false
    }

    fn render(self: &Arc<Self>, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("None")
    }
}

/// An empty list for `None`.
fn listed(value: Value) -> Value {
    if is_none(&value) { Value::from(Vec::<Value>::new()) } else { value }
}

fn generator(values: Vec<Value>) -> Value {
    Value::make_iterable(move || values.clone().into_iter())
}

/// What Python's `markupsafe` does to text that is added to safe text.
fn markup_escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '\'' => out.push_str("&#39;"),
            '"' => out.push_str("&#34;"),
            other => out.push(other),
        }
    }
    out
}

/// In Python, adding plain text to safe text (`'a'|safe + b`) escapes the plain text. Says so in the source, where an expression begins
/// with a safe operand.
pub(crate) fn with_safe_sums_spelled_out(source: &str) -> String {
    let mut out = String::with_capacity(source.len());
    let mut rest = source;
    while let Some((before, expression, after)) = next_expression(rest) {
        out.push_str(before);
        let operands = summands(expression);
        let is_safe = |operand: &str| operand.replace(' ', "").ends_with("|safe");
        if operands.len() > 1 && operands.first().is_some_and(|first| is_safe(first)) {
            let escaped =
                operands.iter().map(|o| if is_safe(o) { (*o).to_owned() } else { format!(" ({o}) | markup_escape ") });
            out.push_str(&escaped.collect::<Vec<_>>().join("+"));
        } else {
            out.push_str(expression);
        }
        rest = after;
    }
    out + rest
}

/// Text up to and with the next `{{` (or `{{-`), the expression, the rest from its end on.
fn next_expression(source: &str) -> Option<(&str, &str, &str)> {
    let start = source.find("{{")? + 2;
    let start = start + usize::from(source.get(start..)?.starts_with('-'));
    let length = source.get(start..)?.find("}}")?;
    let end = start + length - usize::from(source.get(..start + length)?.ends_with('-'));
    Some((source.get(..start)?, source.get(start..end)?, source.get(end..)?))
}

/// The operands of the sums at the outermost level.
fn summands(expression: &str) -> Vec<&str> {
    let (mut operands, mut depth, mut quote, mut start) = (Vec::new(), 0usize, None, 0);
    for (at, c) in expression.char_indices() {
        match (quote, c) {
            (Some(open), c) if c == open => quote = None,
            (Some(_), _) => {}
            (None, '\'' | '"') => quote = Some(c),
            (None, '(' | '[' | '{') => depth += 1,
            (None, ')' | ']' | '}') => depth = depth.saturating_sub(1),
            (None, '+') if depth == 0 => {
                operands.extend(expression.get(start..at));
                start = at + 1;
            }
            _ => {}
        }
    }
    operands.extend(expression.get(start..));
    operands
}

fn is_none(value: &Value) -> bool {
    value.is_none() || value.downcast_object_ref::<PythonNone>().is_some()
}

/// A list of JSON values as a template sees them.
pub(crate) fn values(list: &[serde_json::Value]) -> Value {
    Value::from(list.iter().map(value).collect::<Vec<_>>())
}

fn value(json: &serde_json::Value) -> Value {
    use serde_json::Value as Json;
    match json {
        Json::Null => Value::from(()),
        Json::Bool(b) => Value::from(*b),
        Json::Number(n) => match (n.as_i64(), n.as_u64()) {
            (Some(n), _) => Value::from(n),
            (None, Some(n)) => Value::from(n),
            (None, None) => Value::from(n.as_f64().unwrap_or(f64::NAN)),
        },
        Json::String(s) => Value::from(s.as_str()),
        Json::Array(list) => values(list),
        Json::Object(map) => Value::from_pairs(map.iter().map(|(k, v)| (k.as_str(), value(v)))),
    }
}

/// C's `strftime` on the caller's clock.
pub(crate) fn strftime(now: DateTime, format: &str) -> Result<String, Error> {
    jiff::fmt::strtime::format(format, now)
        .map_err(|e| Error::new(ErrorKind::InvalidOperation, format!("strftime_now: {e}")))
}

/// Python's `json.dumps` as transformers calls it: `", "` and `": "`, no ASCII escaping, keys in order.
fn to_json(value: &Value, options: Kwargs) -> Result<Value, Error> {
    let indent: Option<usize> = options.get("indent")?;
    let sort_keys: Option<bool> = options.get("sort_keys")?;
    let _: Option<bool> = options.get("ensure_ascii")?;
    let _: Option<Value> = options.get("separators")?;
    options.assert_all_used()?;
    if value.kind() == ValueKind::Iterable {
        return Err(Error::new(ErrorKind::InvalidOperation, "tojson: a generator is no JSON value"));
    }
    if is_none(value) {
        return Ok(Value::from("null"));
    }
    let fail = |e: serde_json::Error| Error::new(ErrorKind::InvalidOperation, format!("tojson: {e}"));
    let mut json = serde_json::to_value(value).map_err(fail)?;
    if sort_keys == Some(true) {
        json.sort_all_objects();
    }
    let mut out = Vec::new();
    match indent {
        None => json.serialize(&mut Serializer::with_formatter(&mut out, Spaced)).map_err(fail)?,
        Some(n) => {
            let indent = " ".repeat(n.min(16));
            json.serialize(&mut Serializer::with_formatter(&mut out, PrettyFormatter::with_indent(indent.as_bytes())))
                .map_err(fail)?;
        }
    }
    Ok(Value::from(String::from_utf8_lossy(&out).into_owned()))
}

/// Python's default separators.
struct Spaced;

impl Formatter for Spaced {
    fn begin_array_value<W: ?Sized + std::io::Write>(&mut self, writer: &mut W, first: bool) -> std::io::Result<()> {
        if first { Ok(()) } else { writer.write_all(b", ") }
    }

    fn begin_object_key<W: ?Sized + std::io::Write>(&mut self, writer: &mut W, first: bool) -> std::io::Result<()> {
        if first { Ok(()) } else { writer.write_all(b", ") }
    }

    fn begin_object_value<W: ?Sized + std::io::Write>(&mut self, writer: &mut W) -> std::io::Result<()> {
        writer.write_all(b": ")
    }
}
