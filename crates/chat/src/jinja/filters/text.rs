//! Filters that give text.

use super::super::{
    Result,
    arguments::{self, Args, flag, int, optional_text, required, size},
    machine::Machine,
    meter::Text,
    methods::string::{self, Ends},
    printf, repr,
    text::is_space,
    value::{Dict, Str, Value},
};
use crate::error::Error;

pub(super) fn safe(machine: &mut Machine<'_>, value: &Value) -> Result<Value> {
    Ok(Value::text(repr::to_str(value, machine)?.text, true))
}

pub(super) fn escape(machine: &mut Machine<'_>, value: &Value) -> Result<Value> {
    super::escape(value, machine).map(Value::Str)
}

pub(super) fn force_escape(machine: &mut Machine<'_>, value: &Value) -> Result<Value> {
    let text = repr::to_str(value, machine)?.text;
    super::escape_text(&Str { text, safe: false }, machine).map(Value::Str)
}

pub(super) fn string(machine: &mut Machine<'_>, value: &Value) -> Result<Value> {
    repr::to_str(value, machine).map(Value::Str)
}

pub(super) fn upper(machine: &mut Machine<'_>, value: &Value) -> Result<Value> {
    rewritten(machine, value, string::upper)
}

pub(super) fn lower(machine: &mut Machine<'_>, value: &Value) -> Result<Value> {
    rewritten(machine, value, string::lower)
}

pub(super) fn capitalize(machine: &mut Machine<'_>, value: &Value) -> Result<Value> {
    rewritten(machine, value, string::capitalize)
}

pub(super) fn title(machine: &mut Machine<'_>, value: &Value) -> Result<Value> {
    rewritten(machine, value, title_case)
}

pub(super) fn word_count(machine: &mut Machine<'_>, value: &Value) -> Result<Value> {
    let s = repr::to_str(value, machine)?;
    let words = s.text.split(|c: char| !c.is_alphanumeric() && c != '_').filter(|w| !w.is_empty()).count();
    Ok(Value::Int(words as i128))
}

pub(super) fn trim(machine: &mut Machine<'_>, name: &'static str, value: &Value, args: Args) -> Result<Value> {
    let [chars] = args.bind(name, ["chars"])?;
    let chars = optional_text(chars.as_ref(), name)?;
    let s = repr::to_str(value, machine)?;
    made(machine, s.safe, string::strip(&s.text, chars.as_deref(), Ends { left: true, right: true }, machine)?)
}

pub(super) fn replace(machine: &mut Machine<'_>, name: &'static str, value: &Value, args: Args) -> Result<Value> {
    let [old, new, count] = args.bind(name, ["old", "new", "count"])?;
    let count = match &count {
        None | Some(Value::None) => -1,
        count => int(count.as_ref(), -1, name)?,
    };
    let old = repr::to_str(&required(old, name, "old")?, machine)?;
    let new = repr::to_str(&required(new, name, "new")?, machine)?;
    let s = Str { text: repr::to_str(value, machine)?.text, safe: false };
    string::replace(machine, &s, &old.text, &Value::Str(new), count)
}

pub(super) fn format(machine: &mut Machine<'_>, _: &'static str, value: &Value, args: Args) -> Result<Value> {
    let s = repr::to_str(value, machine)?;
    if args.named.is_empty() {
        let values = Value::tuple(args.positional, &machine.meter)?;
        return printf::format(&s, &values, machine);
    }
    if !args.positional.is_empty() {
        return Err(Error::render("format takes positional or named arguments, not both"));
    }
    let pairs = args.named.into_iter().map(|(k, v)| (Value::str(k), v)).collect();
    let values = Value::Dict(Dict::new(pairs, &machine.meter)?.into());
    printf::format(&s, &values, machine)
}

pub(super) fn center(machine: &mut Machine<'_>, name: &'static str, value: &Value, args: Args) -> Result<Value> {
    let [width] = args.bind(name, ["width"])?;
    let width = size(width.as_ref(), 80, name)?;
    let s = repr::to_str(value, machine)?;
    let mut out = Text::new(&machine.meter);
    string::center(&s.text, width, &mut out)?;
    Ok(Value::text(out.into_string(), s.safe))
}

/// What `rewrite` makes of a value's text.
fn rewritten(machine: &Machine<'_>, value: &Value, rewrite: fn(&str) -> String) -> Result<Value> {
    let s = repr::to_str(value, machine)?;
    made(machine, s.safe, &rewrite(&s.text))
}

fn made(machine: &Machine<'_>, safe: bool, text: &str) -> Result<Value> {
    machine.meter.bytes(text.len())?;
    Ok(Value::text(text, safe))
}

/// Jinja's title case: words begin after white space and `-({[<`.
fn title_case(text: &str) -> String {
    let mut titled = String::with_capacity(text.len());
    let mut in_word = false;
    for c in text.chars() {
        let between = is_space(c) || matches!(c, '-' | '(' | '{' | '[' | '<');
        if in_word && !between {
            titled.extend(c.to_lowercase());
        } else {
            titled.extend(c.to_uppercase());
        }
        in_word = !between;
    }
    titled
}

pub(super) fn indent(machine: &mut Machine<'_>, name: &'static str, value: &Value, args: Args) -> Result<Value> {
    let [width, first, blank] = args.bind(name, ["width", "first", "blank"])?;
    let indention = match &width {
        Some(Value::Str(s)) => s.text.to_string(),
        width => {
            let width = size(width.as_ref(), 4, name)?;
            machine.meter.bytes(width)?;
            " ".repeat(width)
        }
    };
    let Value::Str(s) = value else {
        super::require(value)?;
        return Err(Error::render(format!("indent needs text, got {}", value.type_name())));
    };
    let mut out = Text::new(&machine.meter);
    if flag(first.as_ref()) {
        out.push_str(&indention)?;
    }
    // The newline that is added makes a last empty line of a text that ends in one.
    let with_newline = [&*s.text, "\n"].concat();
    for (i, line) in string::split_lines(&with_newline, false).enumerate() {
        if i > 0 {
            out.push('\n')?;
            if !line.is_empty() || flag(blank.as_ref()) {
                out.push_str(&indention)?;
            }
        }
        out.push_str(line)?;
    }
    Ok(Value::text(out.into_string(), s.safe))
}

/// Cuts at `length` characters, at a word if `killwords` does not say otherwise, with `leeway`.
pub(super) fn truncate(machine: &mut Machine<'_>, name: &'static str, value: &Value, args: Args) -> Result<Value> {
    let [length, kill, end, leeway] = args.bind(name, ["length", "killwords", "end", "leeway"])?;
    let length = size(length.as_ref(), 255, name)?;
    let leeway = size(leeway.as_ref(), 5, name)?;
    let end = match &end {
        Some(end) => arguments::text(end, name)?,
        None => "...".into(),
    };
    let end_chars = end.chars().count();
    if length < end_chars {
        return Err(Error::render(format!("truncate: length {length} is below the {end_chars} of its end")));
    }
    if machine.length(value)? <= length.saturating_add(leeway) {
        return Ok(value.clone());
    }
    let Value::Str(s) = value else {
        return Err(Error::render(format!("truncate needs text, got {}", value.type_name())));
    };
    let cut = s.text.char_indices().nth(length - end_chars).map_or(s.text.len(), |(at, _)| at);
    let (mut kept, _) = s.text.split_at(cut);
    if !flag(kill.as_ref())
        && let Some((before, _)) = kept.rsplit_once(' ')
    {
        kept = before;
    }
    made(machine, s.safe, &[kept, &end].concat())
}
