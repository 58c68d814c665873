//! `value|name(args)`: jinja2's filters. Not here: `urlize`, which no chat template was seen to use. `random` leaves
//! nothing to chance: what it picks depends on how the conversation begins and on how often it was asked before.

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
    methods,
    named::{self, Known, Named, named},
    operators, repr,
    value::{Str, StreamKind, Value},
};
use crate::error::Error;

/// A filter of the table.
pub(crate) type Filter = Named<Code>;

/// What a filter does with a value, under its name.
#[derive(Clone, Copy)]
pub(crate) enum Code {
    /// Takes no arguments.
    Plain(fn(&mut Machine<'_>, &Value) -> Result<Value>),
    /// Takes arguments, which it binds to its parameters.
    With(fn(&mut Machine<'_>, &'static str, &Value, Args) -> Result<Value>),
}

use Code::{Plain, With};

static FILTERS: &[Filter] = &[
    named("abs", With(number::abs)),
    named("attr", With(attr)),
    named("batch", With(sequence::batch)),
    named("capitalize", Plain(text::capitalize)),
    named("center", With(text::center)),
    named("count", Plain(length)),
    named("d", With(default)),
    named("default", With(default)),
    named("dictsort", With(sequence::dict_sort)),
    named("e", Plain(text::escape)),
    named("escape", Plain(text::escape)),
    named("filesizeformat", With(number::file_size_format)),
    named("first", Plain(sequence::first)),
    named("float", With(number::float)),
    named("forceescape", Plain(text::force_escape)),
    named("format", With(text::format)),
    named("from_json", With(from_json)),
    named("fromjson", With(from_json)),
    named("groupby", With(sequence::group_by)),
    named("indent", With(text::indent)),
    named("int", With(number::int)),
    named("items", Plain(items)),
    named("join", With(sequence::join)),
    named("last", Plain(sequence::last)),
    named("length", Plain(length)),
    named("list", Plain(sequence::list)),
    named("lower", Plain(text::lower)),
    named("map", With(sequence::map)),
    named("max", With(sequence::max)),
    named("min", With(sequence::min)),
    named("pprint", Plain(pretty::pretty)),
    named("random", Plain(sequence::random)),
    named("reject", With(sequence::reject)),
    named("rejectattr", With(sequence::reject_attr)),
    named("replace", With(text::replace)),
    named("reverse", Plain(sequence::reverse)),
    named("round", With(number::round)),
    named("safe", Plain(text::safe)),
    named("select", With(sequence::select)),
    named("selectattr", With(sequence::select_attr)),
    named("slice", With(sequence::slice)),
    named("sort", With(sequence::sort)),
    named("string", Plain(text::string)),
    named("striptags", Plain(markup::strip_tags)),
    named("sum", With(sequence::sum)),
    named("title", Plain(text::title)),
    named("tojson", With(to_json)),
    named("trim", With(text::trim)),
    named("truncate", With(text::truncate)),
    named("unique", With(sequence::unique)),
    named("upper", Plain(text::upper)),
    named("urlencode", Plain(markup::url_encode)),
    named("wordcount", Plain(text::word_count)),
    named("wordwrap", With(wrap::word_wrap)),
    named("xmlattr", With(markup::xml_attributes)),
];

/// The filter of this name.
pub(crate) fn find(name: &str) -> Known<Code> {
    named::known(FILTERS, name)
}

/// Says that there is no filter of this name.
pub(crate) fn unknown(name: &str) -> String {
    format!("no filter is called '{name}'")
}

/// Applies a filter; one that does not exist fails here, where a condition let it be reached.
pub(crate) fn apply(machine: &mut Machine<'_>, filter: &Known<Code>, value: &Value, args: Args) -> Result<Value> {
    machine.meter.steps(1)?;
    machine.meter.scan(value.as_str().map_or(0, str::len))?;
    let filter = filter.as_ref().map_err(|name| Error::render(unknown(name)))?;
    match filter.code {
        Plain(code) => {
            args.none(filter.name)?;
            code(machine, value)
        }
        With(code) => code(machine, filter.name, value, args),
    }
}

fn default(_: &mut Machine<'_>, name: &'static str, value: &Value, args: Args) -> Result<Value> {
    let [default, boolean] = args.bind(name, ["default_value", "boolean"])?;
    let replace = matches!(value, Value::Undefined(_)) || (flag(boolean.as_ref()) && !value.is_true());
    Ok(if replace { default.unwrap_or_else(|| Value::str("")) } else { value.clone() })
}

fn length(machine: &mut Machine<'_>, value: &Value) -> Result<Value> {
    machine.length(value).map(|n| Value::Int(n as i128))
}

fn items(machine: &mut Machine<'_>, value: &Value) -> Result<Value> {
    let items = match value {
        Value::Undefined(_) => Vec::new(),
        Value::Dict(_) => methods::items(value, machine)?,
        _ => return Err(Error::render("can only get item pairs from a mapping")),
    };
    Value::stream(StreamKind::Generator, items, &machine.meter)
}

fn attr(machine: &mut Machine<'_>, name: &'static str, value: &Value, args: Args) -> Result<Value> {
    let name = super::arguments::text(&args.one(name, "name")?, name)?;
    if let Value::Dict(_) = value {
        // Only what Python calls an attribute: a key is none.
        return Ok(match methods::find(value, &name) {
            Some(method) => Value::method(value.clone(), method, &machine.meter)?,
            None => Value::undefined("'dict object' has no such attribute"),
        });
    }
    attribute::attribute(value, &name, machine)
}

fn to_json(machine: &mut Machine<'_>, _: &'static str, value: &Value, args: Args) -> Result<Value> {
    json::to_json(value, args, machine)
}

fn from_json(machine: &mut Machine<'_>, name: &'static str, value: &Value, args: Args) -> Result<Value> {
    args.none(name)?;
    let text = super::arguments::text(value, name)?;
    // A parsed value takes up to this many times its text.
    machine.meter.bytes(text.len().saturating_mul(size_of::<serde_json::Value>()))?;
    let parsed: serde_json::Value = serde_json::from_str(&text).map_err(|e| Error::render(format!("{name}: {e}")))?;
    json::from_json(&parsed, &machine.meter)
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

/// Returns a value as Jinja's `ignore_case` compares it: text in lower case, anything else as it is.
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
