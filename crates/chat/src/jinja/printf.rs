//! `'…%s…' % values`.

use super::{
    Result, filters,
    format::{self, Spec},
    machine::Machine,
    meter::Text,
    operators, repr,
    value::{Str, Value},
};
use crate::error::Error;

/// `template % values`; what goes into `Markup` is escaped.
pub(crate) fn format(template: &Str, values: &Value, machine: &Machine<'_>) -> Result<Value> {
    let mut out = Text::new(&machine.meter);
    let single = std::slice::from_ref(values);
    let mut places = match values {
        Value::Tuple(s) => s.items.iter(),
        _ => single.iter(),
    };
    let mut next = || places.next().ok_or_else(|| Error::render("not enough arguments for format string"));
    let mut rest = &*template.text;
    while let Some((before, after)) = rest.split_once('%') {
        machine.meter.steps(1)?;
        out.push_str(before)?;
        rest = after;
        let mut value = None;
        if let Some(named) = rest.strip_prefix('(') {
            let Some((name, after)) = named.split_once(')') else {
                return Err(Error::render("incomplete format key"));
            };
            let Value::Dict(dict) = values else { return Err(Error::render("format requires a mapping")) };
            let found = dict.get_str(name, &machine.meter)?;
            value = Some(found.ok_or_else(|| Error::render(format!("format has no value for '{name}'")))?);
            rest = after;
        }
        let (spec, after) = spec(rest, &mut next)?;
        rest = after;
        if spec.kind == Some('%') {
            out.push('%')?;
            continue;
        }
        let value = match value {
            Some(value) => value,
            None => next()?,
        };
        write(value, &spec, template.safe, machine, &mut out)?;
    }
    out.push_str(rest)?;
    // Python counts only tuples, texts and numbers: what could be a mapping may be left over.
    let may_stay = matches!(values, Value::Dict(_) | Value::List(_) | Value::Range(_) | Value::Undefined(_));
    if next().is_ok() && !may_stay {
        return Err(Error::render("not all arguments converted during string formatting"));
    }
    Ok(Value::text(out.into_string(), template.safe))
}

/// Flags, width, precision and kind at the front of `text`, and the rest.
fn spec<'t, 'v>(text: &'t str, next: &mut impl FnMut() -> Result<&'v Value>) -> Result<(Spec, &'t str)> {
    let mut spec = Spec { align: Some('>'), ..Spec::PLAIN };
    let mut rest = text;
    while let Some(flag) = rest.chars().next().filter(|c| matches!(c, '-' | '+' | ' ' | '#' | '0')) {
        match flag {
            '-' => spec.align = Some('<'),
            '+' => spec.sign = '+',
            ' ' if spec.sign != '+' => spec.sign = ' ',
            '#' => spec.alternate = true,
            '0' => spec.fill = '0',
            _ => {}
        }
        rest = rest.get(1..).unwrap_or("");
    }
    let mut number = |rest: &mut &'t str| -> Result<Option<usize>> {
        if let Some(after) = rest.strip_prefix('*') {
            *rest = after;
            let value = next()?;
            let n = value.as_int().ok_or_else(|| Error::render("* wants int"))?;
            return Ok(Some(usize::try_from(n.max(0)).unwrap_or(usize::MAX)));
        }
        let end = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
        let (digits, after) = rest.split_at(end);
        *rest = after;
        Ok(if digits.is_empty() { None } else { Some(digits.parse().unwrap_or(usize::MAX)) })
    };
    spec.width = number(&mut rest)?.unwrap_or(0);
    if let Some(after) = rest.strip_prefix('.') {
        rest = after;
        spec.precision = Some(number(&mut rest)?.unwrap_or(0));
    }
    rest = rest.trim_start_matches(['h', 'l', 'L']);
    let mut chars = rest.chars();
    spec.kind = chars.next();
    if spec.kind.is_none() {
        return Err(Error::render("incomplete format"));
    }
    Ok((spec, chars.as_str()))
}

fn write(value: &Value, spec: &Spec, escape: bool, machine: &Machine<'_>, out: &mut Text<'_>) -> Result<()> {
    let kind = spec.kind.unwrap_or('s');
    let wrong = || Error::render(format!("%{kind} format: a number is required, not {}", value.type_name()));
    match kind {
        's' | 'r' | 'a' => {
            let text = if kind == 's' {
                repr::to_str(value, machine)?
            } else {
                let mut text = Text::new(&machine.meter);
                repr::write_repr(value, machine, &mut text)?;
                Str { text: text.into_string().into(), safe: false }
            };
            let text = if escape { filters::escape_text(&text, machine)? } else { text };
            let align = if spec.align == Some('<') { '<' } else { '>' };
            format::write_text(&text.text, &Spec { fill: ' ', align: Some(align), ..spec.clone() }, out)
        }
        'd' | 'i' | 'u' => {
            let whole = operators::truncate(value).ok_or_else(wrong)?;
            number(&Value::Int(whole), 'd', spec, machine, out)
        }
        'x' | 'X' | 'o' => match value.as_int() {
            Some(i) => number(&Value::Int(i), kind, spec, machine, out),
            None => Err(wrong()),
        },
        'e' | 'E' | 'f' | 'F' | 'g' | 'G' => match value.as_float() {
            Some(f) => number(&Value::Float(f), kind, spec, machine, out),
            None => Err(wrong()),
        },
        'c' => match value {
            Value::Str(s) if s.text.chars().count() == 1 => format::write_text(&s.text, spec, out),
            _ if value.as_int().is_some() => number(value, 'c', spec, machine, out),
            _ => Err(Error::render("%c requires int or char")),
        },
        _ => Err(Error::render(format!("unsupported format character '{kind}'"))),
    }
}

fn number(value: &Value, kind: char, spec: &Spec, machine: &Machine<'_>, out: &mut Text<'_>) -> Result<()> {
    let mut spec = Spec { kind: Some(kind), ..spec.clone() };
    if kind == 'd' {
        // A precision means a least number of digits here.
        if let Some(digits) = spec.precision.take() {
            let negative = value.as_int().is_some_and(|i| i < 0);
            spec.width = spec.width.max(digits.saturating_add(usize::from(negative)));
            spec.fill = '0';
        }
    }
    if spec.align == Some('<') {
        spec.fill = ' ';
    } else if spec.fill == '0' {
        spec.align = Some('=');
    }
    format::write(value, &spec, machine, out)
}
