//! Python's format specifications and `str.format`.

use super::{
    Result,
    arguments::Args,
    attribute, filters,
    machine::Machine,
    meter::Text,
    number, repr,
    value::{Str, Value},
};
use crate::error::Error;

/// A format specification: `[[fill]align][sign][#][0][width][,][.precision][kind]`.
#[derive(Clone)]
pub(crate) struct Spec {
    pub(crate) fill: char,
    /// `<`, `>`, `^`, `=`; none: left for text, right for numbers.
    pub(crate) align: Option<char>,
    /// `+`, `-` or a blank.
    pub(crate) sign: char,
    pub(crate) alternate: bool,
    pub(crate) width: usize,
    pub(crate) grouping: Option<char>,
    pub(crate) precision: Option<usize>,
    pub(crate) kind: Option<char>,
}

/// Digits after the point that are worth anything; more are refused.
const PRECISION_MAX: usize = 400;

impl Spec {
    pub(crate) const PLAIN: Self = Self {
        fill: ' ',
        align: None,
        sign: '-',
        alternate: false,
        width: 0,
        grouping: None,
        precision: None,
        kind: None,
    };

    fn parse(text: &str) -> Result<Self> {
        let mut spec = Self::PLAIN;
        let mut rest = text.chars().peekable();
        let is_align = |c: &char| matches!(c, '<' | '>' | '^' | '=');
        let mut ahead = text.chars();
        let (first, second) = (ahead.next(), ahead.next());
        if let (Some(fill), Some(align)) = (first, second.filter(is_align)) {
            spec.fill = fill;
            spec.align = Some(align);
            rest.next();
            rest.next();
        } else if let Some(align) = rest.next_if(is_align) {
            spec.align = Some(align);
        }
        if let Some(sign) = rest.next_if(|c| matches!(c, '+' | '-' | ' ')) {
            spec.sign = sign;
        }
        spec.alternate = rest.next_if_eq(&'#').is_some();
        if rest.next_if_eq(&'0').is_some() && spec.align.is_none() {
            spec.fill = '0';
            spec.align = Some('=');
        }
        let digits = |rest: &mut std::iter::Peekable<std::str::Chars<'_>>| {
            let mut number = None;
            while let Some(digit) = rest.peek().and_then(|c| c.to_digit(10)) {
                rest.next();
                number = Some(number.unwrap_or(0usize).saturating_mul(10).saturating_add(digit as usize));
            }
            number
        };
        spec.width = digits(&mut rest).unwrap_or(0);
        spec.grouping = rest.next_if(|c| matches!(c, ',' | '_'));
        if rest.next_if_eq(&'.').is_some() {
            spec.precision =
                Some(digits(&mut rest).ok_or_else(|| Error::render("format specifier missing precision"))?);
        }
        spec.kind = rest.next();
        if rest.next().is_some() {
            return Err(Error::render(format!("invalid format specifier '{text}'")));
        }
        Ok(spec)
    }
}

/// Appends `format(value, spec)`.
pub(crate) fn write(value: &Value, spec: &Spec, machine: &Machine<'_>, out: &mut Text<'_>) -> Result<()> {
    if let Value::Str(_) | Value::Undefined(_) | Value::None = value {
        if !matches!(spec.kind, None | Some('s')) {
            return Err(Error::render(format!(
                "unknown format code '{}' for an object of type '{}'",
                spec.kind.unwrap_or(' '),
                value.type_name()
            )));
        }
        return write_text(&repr::to_str(value, machine)?.text, spec, out);
    }
    let plain = matches!(value, Value::Bool(_)) && spec.kind.is_none() && spec.width == 0;
    let Some((negative, digits, prefix)) = (if plain { None } else { digits(value, spec)? }) else {
        let text = repr::to_str(value, machine)?.text;
        return write_text(&text, spec, out);
    };
    let sign = match (negative, spec.sign) {
        (true, _) => "-",
        (false, '+') => "+",
        (false, ' ') => " ",
        _ => "",
    };
    let digits = match spec.grouping {
        Some(comma) => grouped(&digits, comma, if matches!(spec.kind, Some('x' | 'X' | 'o' | 'b')) { 4 } else { 3 }),
        None => digits,
    };
    let space = spec.width.saturating_sub(sign.len() + prefix.len() + digits.chars().count());
    let (left, inner, right) = match spec.align.unwrap_or('>') {
        '<' => (0, 0, space),
        '^' => (space / 2, 0, space - space / 2),
        '=' => (0, space, 0),
        _ => (space, 0, 0),
    };
    out.repeat(spec.fill, left)?;
    out.push_str(sign)?;
    out.push_str(prefix)?;
    out.repeat(spec.fill, inner)?;
    out.push_str(&digits)?;
    out.repeat(spec.fill, right)
}

/// Appends `text`, cut to the precision, in its width.
pub(crate) fn write_text(text: &str, spec: &Spec, out: &mut Text<'_>) -> Result<()> {
    let cut = spec.precision.and_then(|n| text.char_indices().nth(n)).map_or(text.len(), |(at, _)| at);
    let (text, _) = text.split_at(cut);
    let space = spec.width.saturating_sub(text.chars().count());
    let (left, right) = match spec.align {
        Some('>') => (space, 0),
        Some('^') => (space / 2, space - space / 2),
        _ => (0, space),
    };
    out.repeat(spec.fill, left)?;
    out.push_str(text)?;
    out.repeat(spec.fill, right)
}

/// Whether a number is negative, its digits, and what goes before them; none for what is no number.
fn digits(value: &Value, spec: &Spec) -> Result<Option<(bool, String, &'static str)>> {
    if spec.precision.is_some_and(|p| p > PRECISION_MAX) {
        return Err(Error::render(format!("a precision of more than {PRECISION_MAX}")));
    }
    let kind = spec.kind;
    let precision = spec.precision.unwrap_or(6);
    if let (Some(i), None | Some('d' | 'n' | 'x' | 'X' | 'o' | 'b' | 'c')) = (value.as_int(), kind) {
        let n = i.unsigned_abs();
        let prefix = |p| if spec.alternate { p } else { "" };
        return Ok(Some(match kind {
            Some('x') => (i < 0, format!("{n:x}"), prefix("0x")),
            Some('X') => (i < 0, format!("{n:X}"), prefix("0X")),
            Some('o') => (i < 0, format!("{n:o}"), prefix("0o")),
            Some('b') => (i < 0, format!("{n:b}"), prefix("0b")),
            Some('c') => {
                let c = u32::try_from(i).ok().and_then(char::from_u32);
                (false, c.ok_or_else(|| Error::render("%c arg not in range(0x110000)"))?.to_string(), "")
            }
            _ => (i < 0, n.to_string(), ""),
        }));
    }
    let Some(f) = value.as_float() else { return Ok(None) };
    let (negative, f) = (f.is_sign_negative() && !f.is_nan(), f.abs());
    let upper = kind.is_some_and(char::is_uppercase);
    let text = match kind {
        _ if !f.is_finite() => number::float_repr(f) + if kind == Some('%') { "%" } else { "" },
        Some('f' | 'F') => format!("{f:.precision$}"),
        Some('%') => format!("{:.precision$}%", f * 100.0),
        Some('e' | 'E') => exponent(f, precision),
        Some('g' | 'G' | 'n') => general(f, precision, spec.alternate),
        None if spec.precision.is_none() => number::float_repr(f),
        None => {
            let text = general(f, precision, false);
            if text.contains(['.', 'e']) { text } else { text + ".0" }
        }
        Some(kind) => {
            return Err(Error::render(format!(
                "unknown format code '{kind}' for an object of type '{}'",
                value.type_name()
            )));
        }
    };
    Ok(Some((negative, if upper { text.to_uppercase() } else { text }, "")))
}

/// Writes `f` with an exponent, as `1.5e+07`.
fn exponent(f: f64, precision: usize) -> String {
    let text = format!("{f:.precision$e}");
    let (mantissa, power) = text.split_once('e').unwrap_or((&text, "0"));
    let (sign, power) = match power.strip_prefix('-') {
        Some(power) => ('-', power),
        None => ('+', power),
    };
    format!("{mantissa}e{sign}{power:0>2}")
}

/// `%g`: `precision` significant digits, with an exponent where the number is very large or small.
fn general(f: f64, precision: usize, keep_zeros: bool) -> String {
    let precision = precision.max(1);
    let rounded = format!("{f:.*e}", precision - 1);
    let power: i32 = rounded.split_once('e').and_then(|(_, p)| p.parse().ok()).unwrap_or(0);
    let strip = |text: &str| {
        if keep_zeros || !text.contains('.') {
            text.to_owned()
        } else {
            text.trim_end_matches('0').trim_end_matches('.').to_owned()
        }
    };
    if power < -4 || power >= precision as i32 {
        let text = exponent(f, precision - 1);
        let (mantissa, power) = text.split_once('e').unwrap_or((&text, "+00"));
        return format!("{}e{power}", strip(mantissa));
    }
    let after = usize::try_from(precision as i32 - 1 - power).unwrap_or(0);
    strip(&format!("{f:.after$}"))
}

/// `digits` with `comma` between groups of the integer part.
fn grouped(digits: &str, comma: char, every: usize) -> String {
    let end = digits.find(|c: char| !c.is_ascii_hexdigit()).unwrap_or(digits.len());
    let (whole, rest) = digits.split_at(end);
    let mut text = String::with_capacity(digits.len() * 2);
    for (i, c) in whole.chars().enumerate() {
        if i > 0 && (whole.len() - i).is_multiple_of(every) {
            text.push(comma);
        }
        text.push(c);
    }
    text + rest
}

/// `format.format(args)`; the fields of `Markup` are escaped.
pub(crate) fn str_format(format: &Str, args: &Args, machine: &Machine<'_>) -> Result<Value> {
    let mut out = Text::new(&machine.meter);
    let mut fields = Fields { args, next: 0, escape: format.safe };
    fields.write(&format.text, machine, &mut out, 0)?;
    Ok(Value::text(out.into_string(), format.safe))
}

struct Fields<'a> {
    args: &'a Args,
    next: usize,
    escape: bool,
}

impl Fields<'_> {
    /// Appends `format` with its fields filled in. `level` is 1 inside a specification.
    fn write(&mut self, format: &str, machine: &Machine<'_>, out: &mut Text<'_>, level: usize) -> Result<()> {
        let mut rest = format;
        while let Some(at) = rest.find(['{', '}']) {
            machine.meter.steps(1)?;
            let (before, brace) = rest.split_at(at);
            out.push_str(before)?;
            let doubled = brace.strip_prefix("{{").map(|r| ('{', r)).or(brace.strip_prefix("}}").map(|r| ('}', r)));
            if let Some((brace, after)) = doubled {
                out.push(brace)?;
                rest = after;
                continue;
            }
            let Some(inside) = brace.strip_prefix('{') else {
                return Err(Error::render("single '}' encountered in format string"));
            };
            let mut open = 1usize;
            let end = inside.find(|c| {
                open = match c {
                    '{' => open + 1,
                    '}' => open - 1,
                    _ => open,
                };
                open == 0
            });
            let Some(end) = end else { return Err(Error::render("expected '}' before end of string")) };
            let (field, after) = inside.split_at(end);
            self.field(field, machine, out, level)?;
            rest = after.strip_prefix('}').unwrap_or("");
        }
        out.push_str(rest)
    }

    fn field(&mut self, field: &str, machine: &Machine<'_>, out: &mut Text<'_>, level: usize) -> Result<()> {
        if level > 1 {
            return Err(Error::render("max string recursion exceeded"));
        }
        let name_end = field.find(['!', ':']).unwrap_or(field.len());
        let (name, rest) = field.split_at(name_end);
        let (conversion, rest) = match rest.strip_prefix('!') {
            Some(rest) => rest.split_at(rest.find(':').unwrap_or(rest.len())),
            None => ("", rest),
        };
        let mut value = self.value(name, machine)?;
        match conversion {
            "" => {}
            "s" => value = Value::Str(repr::to_str(&value, machine)?),
            "r" | "a" => {
                let mut text = Text::new(&machine.meter);
                repr::write_repr(&value, machine, &mut text)?;
                value = Value::str(text.into_string());
            }
            other => return Err(Error::render(format!("unknown conversion specifier '{other}'"))),
        }
        let spec_text = rest.strip_prefix(':').unwrap_or("");
        let mut spec = Text::new(&machine.meter);
        self.write(spec_text, machine, &mut spec, level + 1)?;
        let spec = Spec::parse(&spec.into_string())?;
        if self.escape {
            let mut text = Text::new(&machine.meter);
            write(&value, &spec, machine, &mut text)?;
            let safe = matches!(&value, Value::Str(s) if s.safe);
            let text = filters::escape_text(&Str { text: text.into_string().into(), safe }, machine)?;
            return out.push_str(&text.text);
        }
        if let Value::List(_) | Value::Tuple(_) | Value::Dict(_) = value
            && !spec_text.is_empty()
        {
            return Err(Error::render(format!("unsupported format string passed to {}", value.type_name())));
        }
        write(&value, &spec, machine, out)
    }

    /// `name.attribute[item]…`, where `name` is a place, a name, or the next place.
    fn value(&mut self, path: &str, machine: &Machine<'_>) -> Result<Value> {
        let end = path.find(['.', '[']).unwrap_or(path.len());
        let (name, mut rest) = path.split_at(end);
        let mut value = if name.is_empty() {
            self.next += 1;
            self.args.positional.get(self.next - 1).cloned()
        } else if let Ok(place) = name.parse::<usize>() {
            self.args.positional.get(place).cloned()
        } else {
            self.args.named.iter().find(|(n, _)| **n == *name).map(|(_, v)| v.clone())
        }
        .ok_or_else(|| Error::render(format!("format: no argument for '{{{name}}}'")))?;
        while !rest.is_empty() {
            machine.meter.steps(1)?;
            if let Some(after) = rest.strip_prefix('.') {
                let (name, after) = after.split_at(after.find(['.', '[']).unwrap_or(after.len()));
                value = attribute::attribute(&value, name, machine)?;
                rest = after;
            } else {
                let inside = rest.strip_prefix('[').unwrap_or(rest);
                let Some((key, after)) = inside.split_once(']') else {
                    return Err(Error::render("format: missing ']' in a field"));
                };
                let key = key.parse::<u32>().map_or_else(|_| Value::str(key), |i| Value::Int(i.into()));
                value = attribute::item(&value, &key, machine)?;
                rest = after;
            }
        }
        Ok(value)
    }
}
