//! Methods of `str`. On `Markup` they give `Markup`, and escape what they put in.

use unicode_properties::{GeneralCategory, UnicodeGeneralCategory};

use super::super::{
    Result,
    arguments::{self, Args, flag, int, optional_text, required, size},
    filters, format,
    machine::Machine,
    meter::Text,
    text,
    value::{Str, Value},
};
use crate::error::Error;

/// `text.name(args)`.
// tidy: long function, a table: one arm a method.
pub(super) fn call(machine: &mut Machine<'_>, s: &Str, name: &'static str, args: Args) -> Result<Value> {
    machine.meter.scan(s.text.len())?;
    let t = &*s.text;
    match name {
        "format" => format::str_format(s, &args, machine),
        "join" => join(machine, s, &args.one(name, "iterable")?),
        "split" | "rsplit" => split(machine, s, name, args),
        "splitlines" => {
            let [keep] = args.bind(name, ["keepends"])?;
            list(machine, s, split_lines(t, flag(keep.as_ref())))
        }
        "strip" | "lstrip" | "rstrip" => {
            let [chars] = args.bind(name, ["chars"])?;
            let chars = optional_text(chars.as_ref(), name)?;
            made(machine, s, strip(t, chars.as_deref(), name != "rstrip", name != "lstrip", machine)?)
        }
        "startswith" | "endswith" => {
            let [affix, start, end] = args.bind(name, ["prefix", "start", "end"])?;
            let window = window(t, start.as_ref(), end.as_ref(), name, machine)?.unwrap_or("");
            let affix = required(affix, name, "prefix")?;
            let fits = |affix: &Value| {
                let affix = arguments::text(affix, name)?;
                machine.meter.steps(1)?;
                Ok(if name == "startswith" { window.starts_with(&*affix) } else { window.ends_with(&*affix) })
            };
            if let Value::Tuple(all) = &affix {
                for affix in &all.items {
                    if fits(affix)? {
                        return Ok(Value::Bool(true));
                    }
                }
                return Ok(Value::Bool(false));
            }
            fits(&affix).map(Value::Bool)
        }
        "replace" => {
            let [old, new, count] = args.bind(name, ["old", "new", "count"])?;
            let old = arguments::text(&required(old, name, "old")?, name)?;
            let new = required(new, name, "new")?;
            arguments::text(&new, name)?;
            replace(machine, s, &old, &new, int(count.as_ref(), -1, name)?)
        }
        "removeprefix" => {
            let affix = arguments::text(&args.one(name, "prefix")?, name)?;
            made(machine, s, t.strip_prefix(&*affix).unwrap_or(t))
        }
        "removesuffix" => {
            let affix = arguments::text(&args.one(name, "suffix")?, name)?;
            made(machine, s, t.strip_suffix(&*affix).unwrap_or(t))
        }
        "find" | "rfind" | "index" | "rindex" | "count" => find(machine, s, name, args),
        "partition" | "rpartition" => {
            let separator = arguments::text(&args.one(name, "sep")?, name)?;
            if separator.is_empty() {
                return Err(Error::render("empty separator"));
            }
            let found = if name == "partition" { t.split_once(&*separator) } else { t.rsplit_once(&*separator) };
            let parts = match found {
                Some((a, b)) => [a, &*separator, b],
                None if name == "partition" => [t, "", ""],
                None => ["", "", t],
            };
            let parts: Result<Vec<_>> = parts.into_iter().map(|part| made(machine, s, part)).collect();
            Value::tuple(parts?, &machine.meter)
        }
        "center" | "ljust" | "rjust" => {
            let [width, fill] = args.bind(name, ["width", "fillchar"])?;
            let width = size(Some(&required(width, name, "width")?), 0, name)?;
            let fill = optional_text(fill.as_ref(), name)?;
            let mut fill = fill.as_deref().unwrap_or(" ").chars();
            let (Some(c), None) = (fill.next(), fill.next()) else {
                return Err(Error::render("the fill character must be exactly one character long"));
            };
            let (left, right) = margins(t, width, name);
            let mut out = Text::new(&machine.meter);
            out.repeat(c, left)?;
            out.push_str(t)?;
            out.repeat(c, right)?;
            Ok(Value::text(out.into_string(), s.safe))
        }
        "zfill" => {
            let width = size(Some(&args.one(name, "width")?), 0, name)?;
            let (sign, digits) = match t.strip_prefix(['+', '-']) {
                Some(digits) => (t.strip_suffix(digits).unwrap_or(""), digits),
                None => ("", t),
            };
            let mut out = Text::new(&machine.meter);
            out.push_str(sign)?;
            out.repeat('0', width.saturating_sub(t.chars().count()))?;
            out.push_str(digits)?;
            Ok(Value::text(out.into_string(), s.safe))
        }
        "expandtabs" => {
            let [width] = args.bind(name, ["tabsize"])?;
            expand_tabs(machine, s, size(width.as_ref(), 8, name)?)
        }
        _ => {
            args.none(name)?;
            if let Some(answer) = is(t, name) {
                return Ok(Value::Bool(answer));
            }
            machine.meter.bytes(t.len())?;
            made(machine, s, &cased(t, name))
        }
    }
}

/// A string made from `s`: paid for, and `Markup` if `s` is.
fn made(machine: &Machine<'_>, s: &Str, text: &str) -> Result<Value> {
    machine.meter.bytes(text.len() + size_of::<Value>())?;
    Ok(Value::text(text, s.safe))
}

fn list<'t>(machine: &Machine<'_>, s: &Str, parts: impl Iterator<Item = &'t str>) -> Result<Value> {
    let mut items = Vec::new();
    for part in parts {
        machine.meter.steps(1)?;
        items.push(made(machine, s, part)?);
    }
    Value::list(items, &machine.meter)
}

/// `text` without `chars` (white space if none) at its ends.
pub(crate) fn strip<'t>(
    text: &'t str,
    chars: Option<&str>,
    left: bool,
    right: bool,
    machine: &Machine<'_>,
) -> Result<&'t str> {
    // Each character is looked for among all of `chars`.
    machine.meter.steps((text.len() / 64).saturating_mul(chars.map_or(1, str::len)))?;
    let goes = |c: char| chars.map_or_else(|| text::is_space(c), |set| set.contains(c));
    let text = if left { text.trim_start_matches(goes) } else { text };
    Ok(if right { text.trim_end_matches(goes) } else { text })
}

/// Python's `str.splitlines`.
pub(crate) fn split_lines(text: &str, keep_ends: bool) -> impl Iterator<Item = &str> {
    let mut rest = text;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let line = rest;
        let Some((at, c)) = line.char_indices().find(|(_, c)| text::is_line_break(*c)) else {
            rest = "";
            return Some(line);
        };
        let mut end = at + c.len_utf8();
        if c == '\r' && line.get(end..).is_some_and(|r| r.starts_with('\n')) {
            end += 1;
        }
        rest = line.get(end..).unwrap_or("");
        line.get(..if keep_ends { end } else { at })
    })
}

fn split(machine: &Machine<'_>, s: &Str, name: &'static str, args: Args) -> Result<Value> {
    let [separator, limit] = args.bind(name, ["sep", "maxsplit"])?;
    let separator = optional_text(separator.as_ref(), name)?;
    let limit = usize::try_from(int(limit.as_ref(), -1, name)?).unwrap_or(usize::MAX - 1).saturating_add(1);
    let t = &*s.text;
    match (separator, name) {
        (Some(separator), _) if separator.is_empty() => Err(Error::render("empty separator")),
        (Some(separator), "split") => list(machine, s, t.splitn(limit, &*separator)),
        (Some(separator), _) => {
            machine.meter.slots(t.matches(&*separator).count())?;
            let mut parts: Vec<_> = t.rsplitn(limit, &*separator).collect();
            parts.reverse();
            list(machine, s, parts.into_iter())
        }
        (None, "split") => {
            let mut rest = t.trim_start_matches(text::is_space);
            let mut left = limit;
            let words = std::iter::from_fn(|| {
                if rest.is_empty() {
                    return None;
                }
                left = left.saturating_sub(1);
                let end = if left == 0 { None } else { rest.find(text::is_space) };
                let (word, after) = rest.split_at(end.unwrap_or(rest.len()));
                rest = after.trim_start_matches(text::is_space);
                Some(word)
            });
            list(machine, s, words)
        }
        (None, _) => {
            machine.meter.slots(t.len() / 2)?;
            let mut rest = t.trim_end_matches(text::is_space);
            let mut words = Vec::new();
            while !rest.is_empty() {
                let word = rest.rfind(text::is_space).filter(|_| words.len() + 1 < limit);
                let start =
                    word.map_or(0, |at| at + rest.get(at..).and_then(|r| r.chars().next()).map_or(1, char::len_utf8));
                let (before, word) = rest.split_at(start);
                words.push(word);
                rest = before.trim_end_matches(text::is_space);
            }
            words.reverse();
            list(machine, s, words.into_iter())
        }
    }
}

fn join(machine: &mut Machine<'_>, s: &Str, iterable: &Value) -> Result<Value> {
    let items = machine.iterate(iterable)?;
    let mut out = Text::new(&machine.meter);
    for (i, item) in items.iter().enumerate() {
        machine.meter.steps(1)?;
        if i > 0 {
            out.push_str(&s.text)?;
        }
        match item {
            item if s.safe => out.push_str(&filters::escape(item, machine)?.text)?,
            Value::Str(item) => out.push_str(&item.text)?,
            Value::Undefined(missing) => return Err(Error::render(&missing.message)),
            _ => {
                return Err(Error::render(format!(
                    "sequence item {i}: expected str instance, {} found",
                    item.type_name()
                )));
            }
        }
    }
    Ok(Value::text(out.into_string(), s.safe))
}

/// `old` → `new`, at most `count` times (all if negative).
pub(crate) fn replace(machine: &Machine<'_>, s: &Str, old: &str, new: &Value, count: i128) -> Result<Value> {
    let new = match new {
        Value::Str(new) if s.safe => filters::escape_text(new, machine)?.text,
        new => new.as_str().unwrap_or("").into(),
    };
    let limit = usize::try_from(count).unwrap_or(usize::MAX);
    machine.meter.scan(s.text.len())?;
    let matches = if old.is_empty() { s.text.chars().count() + 1 } else { s.text.matches(old).count() }.min(limit);
    machine.meter.steps(matches / 8)?;
    machine.meter.bytes(s.text.len().saturating_add(matches.saturating_mul(new.len())))?;
    Ok(Value::text(s.text.replacen(old, &new, limit), s.safe))
}

/// The part from `start` to `end`, in characters; none where `start` lies beyond the end.
fn window<'t>(
    text: &'t str,
    start: Option<&Value>,
    end: Option<&Value>,
    name: &str,
    machine: &Machine<'_>,
) -> Result<Option<&'t str>> {
    let none = |v: Option<&Value>| v.is_none_or(|v| matches!(v, Value::None));
    if none(start) && none(end) {
        return Ok(Some(text));
    }
    machine.meter.scan(text.len())?;
    let n = text.chars().count() as i128;
    let place = |value: Option<&Value>, default: i128| -> Result<i128> {
        let at = if none(value) { default } else { int(value, default, name)? };
        Ok(if at < 0 { at.saturating_add(n).max(0) } else { at })
    };
    let (start, end) = (place(start, 0)?, place(end, n)?.min(n));
    if start > end {
        return Ok(None);
    }
    let offset = |at: i128| {
        usize::try_from(at).ok().and_then(|at| text.char_indices().nth(at)).map_or(text.len(), |(offset, _)| offset)
    };
    Ok(text.get(offset(start)..offset(end)))
}

fn find(machine: &Machine<'_>, s: &Str, name: &'static str, args: Args) -> Result<Value> {
    let [part, start, end] = args.bind(name, ["sub", "start", "end"])?;
    let part = arguments::text(&required(part, name, "sub")?, name)?;
    let window = window(&s.text, start.as_ref(), end.as_ref(), name, machine)?;
    if name == "count" {
        let count =
            window.map_or(0, |w| if part.is_empty() { w.chars().count() + 1 } else { w.matches(&*part).count() });
        return Ok(Value::Int(count as i128));
    }
    let found = window.and_then(|w| {
        let at = if name.starts_with('r') { w.rfind(&*part) } else { w.find(&*part) }?;
        // The window is a part of the whole: count the characters before it too.
        let before = w.as_ptr().addr() - s.text.as_ptr().addr();
        Some(s.text.get(..before + at)?.chars().count())
    });
    match found {
        Some(at) => Ok(Value::Int(at as i128)),
        None if name.ends_with("find") => Ok(Value::Int(-1)),
        None => Err(Error::render("substring not found")),
    }
}

/// The space left and right of `text` in `width` columns.
fn margins(text: &str, width: usize, name: &str) -> (usize, usize) {
    let n = text.chars().count();
    let space = width.saturating_sub(n);
    match name {
        "ljust" => (0, space),
        "rjust" => (space, 0),
        // Python puts the odd column left where the width is odd too.
        _ => {
            let left = space / 2 + (space & width & 1);
            (left, space - left)
        }
    }
}

/// `text` in the middle of `width` columns.
pub(crate) fn center(text: &str, width: usize, out: &mut Text<'_>) -> Result<()> {
    let (left, right) = margins(text, width, "center");
    out.repeat(' ', left)?;
    out.push_str(text)?;
    out.repeat(' ', right)
}

fn expand_tabs(machine: &Machine<'_>, s: &Str, width: usize) -> Result<Value> {
    let mut out = Text::new(&machine.meter);
    let mut column = 0usize;
    for c in s.text.chars() {
        match c {
            '\t' if width == 0 => {}
            '\t' => {
                let n = width - column % width;
                out.repeat(' ', n)?;
                column = column.saturating_add(n);
            }
            _ => {
                column = if matches!(c, '\n' | '\r') { 0 } else { column.saturating_add(1) };
                out.push(c)?;
            }
        }
    }
    Ok(Value::text(out.into_string(), s.safe))
}

/// Python's `str.is…` questions.
fn is(text: &str, name: &str) -> Option<bool> {
    let all = |test: fn(char) -> bool| !text.is_empty() && text.chars().all(test);
    let cased = |c: char| c.is_lowercase() || c.is_uppercase();
    Some(match name {
        "isalnum" => all(char::is_alphanumeric),
        "isalpha" => all(char::is_alphabetic),
        "isascii" => text.is_ascii(),
        "isdecimal" => all(|c| c.general_category() == GeneralCategory::DecimalNumber),
        "isdigit" | "isnumeric" => all(char::is_numeric),
        "isspace" => all(text::is_space),
        "isprintable" => text.chars().all(super::super::repr::is_printable),
        "islower" => text.chars().any(cased) && !text.chars().any(char::is_uppercase),
        "isupper" => text.chars().any(cased) && !text.chars().any(char::is_lowercase),
        "istitle" => {
            let mut in_word = false;
            let mut any = false;
            for c in text.chars() {
                if (c.is_uppercase() && in_word) || (c.is_lowercase() && !in_word) {
                    return Some(false);
                }
                in_word = cased(c);
                any |= in_word;
            }
            any
        }
        _ => return None,
    })
}

/// Python's changes of case.
pub(crate) fn cased(text: &str, name: &str) -> String {
    match name {
        "upper" => text.to_uppercase(),
        "lower" => text.to_lowercase(),
        "casefold" => text.to_lowercase().replace('ß', "ss").replace('ς', "σ"),
        "swapcase" => text
            .chars()
            .map(|c| if c.is_uppercase() { c.to_lowercase().to_string() } else { c.to_uppercase().to_string() })
            .collect(),
        "title" => {
            let mut in_word = false;
            let mut titled = String::with_capacity(text.len());
            for c in text.chars() {
                if in_word {
                    titled.extend(c.to_lowercase());
                } else {
                    push_title_case(c, &mut titled);
                }
                in_word = c.is_lowercase() || c.is_uppercase();
            }
            titled
        }
        _ => {
            let mut chars = text.chars();
            let Some(first) = chars.next() else { return String::new() };
            let mut capitalized = String::with_capacity(text.len());
            push_title_case(first, &mut capitalized);
            capitalized.push_str(&chars.as_str().to_lowercase());
            capitalized
        }
    }
}

/// Appends `c` as the first letter of a word: `ß` is `Ss`.
fn push_title_case(c: char, to: &mut String) {
    let mut upper = c.to_uppercase();
    to.extend(upper.next());
    to.extend(upper.flat_map(char::to_lowercase));
}
