//! Methods of `str`. On `Markup` they give `Markup`, and escape what they put in.

use std::sync::Arc;

use unicode_properties::{GeneralCategory, UnicodeGeneralCategory};

use super::{
    super::{
        Result,
        arguments::{self, Args, flag, int, optional_text, required, size},
        filters, format,
        machine::Machine,
        meter::Text,
        named::named,
        repr, text,
        value::{Str, Value},
    },
    Code::{Asks, OfText, Rewrites},
    Method,
};
use crate::error::Error;

pub(super) static METHODS: &[Method] = &[
    named("capitalize", Rewrites(capitalize)),
    named("casefold", Rewrites(case_fold)),
    named("center", OfText(centered)),
    named("count", OfText(count)),
    named("endswith", OfText(ends_with)),
    named("expandtabs", OfText(expand_tabs)),
    named("find", OfText(find)),
    named("format", OfText(|machine, _, s, args| format::str_format(s, &args, machine))),
    named("index", OfText(index)),
    named("isalnum", Asks(|text| all(text, char::is_alphanumeric))),
    named("isalpha", Asks(|text| all(text, char::is_alphabetic))),
    named("isascii", Asks(str::is_ascii)),
    named("isdecimal", Asks(|text| all(text, |c| c.general_category() == GeneralCategory::DecimalNumber))),
    named("isdigit", Asks(|text| all(text, char::is_numeric))),
    named("islower", Asks(|text| text.chars().any(is_cased) && !text.chars().any(char::is_uppercase))),
    named("isnumeric", Asks(|text| all(text, char::is_numeric))),
    named("isprintable", Asks(|text| text.chars().all(repr::is_printable))),
    named("isspace", Asks(|text| all(text, text::is_space))),
    named("istitle", Asks(is_title)),
    named("isupper", Asks(|text| text.chars().any(is_cased) && !text.chars().any(char::is_lowercase))),
    named("join", OfText(join)),
    named("ljust", OfText(left_justified)),
    named("lower", Rewrites(lower)),
    named("lstrip", OfText(strip_left)),
    named("partition", OfText(partition)),
    named("removeprefix", OfText(remove_prefix)),
    named("removesuffix", OfText(remove_suffix)),
    named("replace", OfText(replaced)),
    named("rfind", OfText(find_last)),
    named("rindex", OfText(index_last)),
    named("rjust", OfText(right_justified)),
    named("rpartition", OfText(partition_last)),
    named("rsplit", OfText(split_last)),
    named("rstrip", OfText(strip_right)),
    named("split", OfText(split)),
    named("splitlines", OfText(split_into_lines)),
    named("startswith", OfText(starts_with)),
    named("strip", OfText(strip_both)),
    named("swapcase", Rewrites(swap_case)),
    named("title", Rewrites(title)),
    named("upper", Rewrites(upper)),
    named("zfill", OfText(zero_fill)),
];

/// What `rewrite` makes of `s`.
pub(super) fn rewritten(machine: &Machine<'_>, s: &Str, rewrite: fn(&str) -> String) -> Result<Value> {
    machine.meter.bytes(s.text.len())?;
    made(machine, s, &rewrite(&s.text))
}

fn split_into_lines(machine: &mut Machine<'_>, name: &'static str, s: &Str, args: Args) -> Result<Value> {
    let [keep] = args.bind(name, ["keepends"])?;
    list(machine, s, split_lines(&s.text, flag(keep.as_ref())))
}

fn strip_both(machine: &mut Machine<'_>, name: &'static str, s: &Str, args: Args) -> Result<Value> {
    stripped(machine, name, s, args, Ends { left: true, right: true })
}

fn strip_left(machine: &mut Machine<'_>, name: &'static str, s: &Str, args: Args) -> Result<Value> {
    stripped(machine, name, s, args, Ends { left: true, right: false })
}

fn strip_right(machine: &mut Machine<'_>, name: &'static str, s: &Str, args: Args) -> Result<Value> {
    stripped(machine, name, s, args, Ends { left: false, right: true })
}

/// The ends of a text that [`strip`] looks at.
#[derive(Clone, Copy)]
pub(crate) struct Ends {
    pub(crate) left: bool,
    pub(crate) right: bool,
}

fn stripped(machine: &Machine<'_>, name: &str, s: &Str, args: Args, ends: Ends) -> Result<Value> {
    let [chars] = args.bind(name, ["chars"])?;
    let chars = optional_text(chars.as_ref(), name)?;
    made(machine, s, strip(&s.text, chars.as_deref(), ends, machine)?)
}

fn starts_with(machine: &mut Machine<'_>, name: &'static str, s: &Str, args: Args) -> Result<Value> {
    has_affix(machine, name, s, args, |text, affix| text.starts_with(affix))
}

fn ends_with(machine: &mut Machine<'_>, name: &'static str, s: &Str, args: Args) -> Result<Value> {
    has_affix(machine, name, s, args, |text, affix| text.ends_with(affix))
}

/// Whether a part of `s` begins or ends with an affix, or with one of several.
fn has_affix(machine: &Machine<'_>, name: &str, s: &Str, args: Args, has: fn(&str, &str) -> bool) -> Result<Value> {
    let [affix, start, end] = args.bind(name, ["prefix", "start", "end"])?;
    let window = window(&s.text, start.as_ref(), end.as_ref(), name, machine)?.unwrap_or("");
    let affix = required(affix, name, "prefix")?;
    let fits = |affix: &Value| {
        let affix = arguments::text(affix, name)?;
        machine.meter.steps(1)?;
        Ok(has(window, &affix))
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

fn replaced(machine: &mut Machine<'_>, name: &'static str, s: &Str, args: Args) -> Result<Value> {
    let [old, new, count] = args.bind(name, ["old", "new", "count"])?;
    let old = arguments::text(&required(old, name, "old")?, name)?;
    let new = required(new, name, "new")?;
    arguments::text(&new, name)?;
    replace(machine, s, &old, &new, int(count.as_ref(), -1, name)?)
}

fn remove_prefix(machine: &mut Machine<'_>, name: &'static str, s: &Str, args: Args) -> Result<Value> {
    let affix = arguments::text(&args.one(name, "prefix")?, name)?;
    made(machine, s, s.text.strip_prefix(&*affix).unwrap_or(&s.text))
}

fn remove_suffix(machine: &mut Machine<'_>, name: &'static str, s: &Str, args: Args) -> Result<Value> {
    let affix = arguments::text(&args.one(name, "suffix")?, name)?;
    made(machine, s, s.text.strip_suffix(&*affix).unwrap_or(&s.text))
}

fn partition(machine: &mut Machine<'_>, name: &'static str, s: &Str, args: Args) -> Result<Value> {
    let separator = separator(name, args)?;
    let [before, between, after] = match s.text.split_once(&*separator) {
        Some((before, after)) => [before, &*separator, after],
        None => [&*s.text, "", ""],
    };
    parts(machine, s, [before, between, after])
}

fn partition_last(machine: &mut Machine<'_>, name: &'static str, s: &Str, args: Args) -> Result<Value> {
    let separator = separator(name, args)?;
    let [before, between, after] = match s.text.rsplit_once(&*separator) {
        Some((before, after)) => [before, &*separator, after],
        None => ["", "", &*s.text],
    };
    parts(machine, s, [before, between, after])
}

fn separator(name: &str, args: Args) -> Result<Arc<str>> {
    let separator = arguments::text(&args.one(name, "sep")?, name)?;
    if separator.is_empty() { Err(Error::render("empty separator")) } else { Ok(separator) }
}

fn parts(machine: &Machine<'_>, s: &Str, parts: [&str; 3]) -> Result<Value> {
    let parts: Result<Vec<_>> = parts.into_iter().map(|part| made(machine, s, part)).collect();
    Value::tuple(parts?, &machine.meter)
}

fn centered(machine: &mut Machine<'_>, name: &'static str, s: &Str, args: Args) -> Result<Value> {
    justified(machine, name, s, args, center_margins)
}

fn left_justified(machine: &mut Machine<'_>, name: &'static str, s: &Str, args: Args) -> Result<Value> {
    justified(machine, name, s, args, |n, width| (0, width.saturating_sub(n)))
}

fn right_justified(machine: &mut Machine<'_>, name: &'static str, s: &Str, args: Args) -> Result<Value> {
    justified(machine, name, s, args, |n, width| (width.saturating_sub(n), 0))
}

/// `s` with the margins that a text of so many characters has in so many columns.
fn justified(
    machine: &Machine<'_>,
    name: &str,
    s: &Str,
    args: Args,
    margins: fn(usize, usize) -> (usize, usize),
) -> Result<Value> {
    let [width, fill] = args.bind(name, ["width", "fillchar"])?;
    let width = size(Some(&required(width, name, "width")?), 0, name)?;
    let fill = optional_text(fill.as_ref(), name)?;
    let mut fill = fill.as_deref().unwrap_or(" ").chars();
    let (Some(c), None) = (fill.next(), fill.next()) else {
        return Err(Error::render("the fill character must be exactly one character long"));
    };
    let (left, right) = margins(s.text.chars().count(), width);
    let mut out = Text::new(&machine.meter);
    out.repeat(c, left)?;
    out.push_str(&s.text)?;
    out.repeat(c, right)?;
    Ok(Value::text(out.into_string(), s.safe))
}

fn zero_fill(machine: &mut Machine<'_>, name: &'static str, s: &Str, args: Args) -> Result<Value> {
    let width = size(Some(&args.one(name, "width")?), 0, name)?;
    let t = &*s.text;
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

/// `text` without `chars` (white space if none) at those `ends`.
pub(crate) fn strip<'t>(text: &'t str, chars: Option<&str>, ends: Ends, machine: &Machine<'_>) -> Result<&'t str> {
    // Each character is looked for among all of `chars`.
    machine.meter.steps((text.len() / 64).saturating_mul(chars.map_or(1, str::len)))?;
    let goes = |c: char| chars.map_or_else(|| text::is_space(c), |set| set.contains(c));
    let text = if ends.left { text.trim_start_matches(goes) } else { text };
    Ok(if ends.right { text.trim_end_matches(goes) } else { text })
}

/// The lines of `text`, as Python's `str.splitlines` gives them.
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

fn split(machine: &mut Machine<'_>, name: &'static str, s: &Str, args: Args) -> Result<Value> {
    let (separator, limit) = split_arguments(name, args)?;
    if let Some(separator) = separator {
        return list(machine, s, s.text.splitn(limit, &*separator));
    }
    let mut rest = s.text.trim_start_matches(text::is_space);
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

/// Splits from the end, as Python's `str.rsplit`.
fn split_last(machine: &mut Machine<'_>, name: &'static str, s: &Str, args: Args) -> Result<Value> {
    let (separator, limit) = split_arguments(name, args)?;
    let t = &*s.text;
    if let Some(separator) = separator {
        machine.meter.slots(t.matches(&*separator).count())?;
        let mut parts: Vec<_> = t.rsplitn(limit, &*separator).collect();
        parts.reverse();
        return list(machine, s, parts.into_iter());
    }
    machine.meter.slots(t.len() / 2)?;
    let mut rest = t.trim_end_matches(text::is_space);
    let mut words = Vec::new();
    while !rest.is_empty() {
        let word = rest.rfind(text::is_space).filter(|_| words.len() + 1 < limit);
        let start = word.map_or(0, |at| at + rest.get(at..).and_then(|r| r.chars().next()).map_or(1, char::len_utf8));
        let (before, word) = rest.split_at(start);
        words.push(word);
        rest = before.trim_end_matches(text::is_space);
    }
    words.reverse();
    list(machine, s, words.into_iter())
}

/// The separator (none: white space) and the most parts of a split.
fn split_arguments(name: &str, args: Args) -> Result<(Option<Arc<str>>, usize)> {
    let [separator, limit] = args.bind(name, ["sep", "maxsplit"])?;
    let separator = optional_text(separator.as_ref(), name)?;
    let limit = usize::try_from(int(limit.as_ref(), -1, name)?).unwrap_or(usize::MAX - 1).saturating_add(1);
    if separator.as_deref() == Some("") { Err(Error::render("empty separator")) } else { Ok((separator, limit)) }
}

fn join(machine: &mut Machine<'_>, name: &'static str, s: &Str, args: Args) -> Result<Value> {
    let items = machine.iterate(&args.one(name, "iterable")?)?;
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

fn count(machine: &mut Machine<'_>, name: &'static str, s: &Str, args: Args) -> Result<Value> {
    let (part, window) = sought(machine, name, s, args)?;
    let count = window.map_or(0, |w| if part.is_empty() { w.chars().count() + 1 } else { w.matches(&*part).count() });
    Ok(Value::Int(count as i128))
}

fn find(machine: &mut Machine<'_>, name: &'static str, s: &Str, args: Args) -> Result<Value> {
    place(machine, name, s, args, |text, part| text.find(part)).map(|at| at.unwrap_or(Value::Int(-1)))
}

/// Finds the last place, as Python's `str.rfind`.
fn find_last(machine: &mut Machine<'_>, name: &'static str, s: &Str, args: Args) -> Result<Value> {
    place(machine, name, s, args, |text, part| text.rfind(part)).map(|at| at.unwrap_or(Value::Int(-1)))
}

fn index(machine: &mut Machine<'_>, name: &'static str, s: &Str, args: Args) -> Result<Value> {
    place(machine, name, s, args, |text, part| text.find(part))?.ok_or_else(not_found)
}

/// Finds the last place or fails, as Python's `str.rindex`.
fn index_last(machine: &mut Machine<'_>, name: &'static str, s: &Str, args: Args) -> Result<Value> {
    place(machine, name, s, args, |text, part| text.rfind(part))?.ok_or_else(not_found)
}

fn not_found() -> Error {
    Error::render("substring not found")
}

/// What is looked for, and the part of `s` to look in.
fn sought<'t>(machine: &Machine<'_>, name: &str, s: &'t Str, args: Args) -> Result<(Arc<str>, Option<&'t str>)> {
    let [part, start, end] = args.bind(name, ["sub", "start", "end"])?;
    let part = arguments::text(&required(part, name, "sub")?, name)?;
    let window = window(&s.text, start.as_ref(), end.as_ref(), name, machine)?;
    Ok((part, window))
}

/// Where `find` sees what is looked for, in characters of `s`.
fn place(
    machine: &Machine<'_>,
    name: &str,
    s: &Str,
    args: Args,
    find: fn(&str, &str) -> Option<usize>,
) -> Result<Option<Value>> {
    let (part, window) = sought(machine, name, s, args)?;
    let found = window.and_then(|w| {
        let at = find(w, &part)?;
        // The window is a part of the whole: count the characters before it too.
        let before = w.as_ptr().addr() - s.text.as_ptr().addr();
        Some(s.text.get(..before + at)?.chars().count())
    });
    Ok(found.map(|at| Value::Int(at as i128)))
}

/// The space left and right of a text of `n` characters in the middle of `width` columns.
fn center_margins(n: usize, width: usize) -> (usize, usize) {
    let space = width.saturating_sub(n);
    // Python puts the odd column left where the width is odd too.
    let left = space / 2 + (space & width & 1);
    (left, space - left)
}

/// `text` in the middle of `width` columns.
pub(crate) fn center(text: &str, width: usize, out: &mut Text<'_>) -> Result<()> {
    let (left, right) = center_margins(text.chars().count(), width);
    out.repeat(' ', left)?;
    out.push_str(text)?;
    out.repeat(' ', right)
}

fn expand_tabs(machine: &mut Machine<'_>, name: &'static str, s: &Str, args: Args) -> Result<Value> {
    let [width] = args.bind(name, ["tabsize"])?;
    let width = size(width.as_ref(), 8, name)?;
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

/// Whether `text` has characters, and all pass the test.
fn all(text: &str, test: fn(char) -> bool) -> bool {
    !text.is_empty() && text.chars().all(test)
}

fn is_cased(c: char) -> bool {
    c.is_lowercase() || c.is_uppercase()
}

/// Whether each word begins in upper case and goes on in lower case, as Python's `str.istitle`.
fn is_title(text: &str) -> bool {
    let mut in_word = false;
    let mut any = false;
    for c in text.chars() {
        if (c.is_uppercase() && in_word) || (c.is_lowercase() && !in_word) {
            return false;
        }
        in_word = is_cased(c);
        any |= in_word;
    }
    any
}

/// Returns `text` in upper case, as Python's `str.upper`.
pub(crate) fn upper(text: &str) -> String {
    text.to_uppercase()
}

/// Returns `text` in lower case, as Python's `str.lower`.
pub(crate) fn lower(text: &str) -> String {
    text.to_lowercase()
}

/// Returns `text` without differences of case, as Python's `str.casefold`.
fn case_fold(text: &str) -> String {
    text.to_lowercase().replace('ß', "ss").replace('ς', "σ")
}

/// Returns `text` with upper and lower case exchanged, as Python's `str.swapcase`.
fn swap_case(text: &str) -> String {
    text.chars()
        .map(|c| if c.is_uppercase() { c.to_lowercase().to_string() } else { c.to_uppercase().to_string() })
        .collect()
}

/// Returns `text` with each word in title case, as Python's `str.title`.
fn title(text: &str) -> String {
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

/// Returns `text` with its first letter in title case and the rest in lower case, as Python's `str.capitalize`.
pub(crate) fn capitalize(text: &str) -> String {
    let mut chars = text.chars();
    let Some(first) = chars.next() else { return String::new() };
    let mut capitalized = String::with_capacity(text.len());
    push_title_case(first, &mut capitalized);
    capitalized.push_str(&chars.as_str().to_lowercase());
    capitalized
}

/// Appends `c` as the first letter of a word: `ß` is `Ss`.
fn push_title_case(c: char, to: &mut String) {
    let mut upper = c.to_uppercase();
    to.extend(upper.next());
    to.extend(upper.flat_map(char::to_lowercase));
}
