//! Filters that write or read HTML and addresses.

use htmlize::ENTITIES;

use super::{
    super::{
        Result,
        arguments::{Args, flag},
        machine::Machine,
        meter::Text,
        repr,
        text::is_space,
        value::Value,
    },
    escape,
};
use crate::error::Error;

/// Characters between `&` and `;` of a named entity; what is longer is none.
const ENTITY_CHARS_MAX: usize = 32;

/// Text without tags and comments, white space as single blanks, entities as what they stand for.
pub(super) fn strip_tags(machine: &mut Machine<'_>, value: &Value) -> Result<Value> {
    let s = repr::to_str(value, machine)?;
    machine.meter.bytes(s.text.len().saturating_mul(3))?;
    let mut kept = String::new();
    let mut rest = &*s.text;
    while let Some(at) = rest.find('<') {
        let (before, tag) = rest.split_at(at);
        let behind = match tag.strip_prefix("<!--") {
            Some(comment) => comment.split_once("-->"),
            None => tag.split_once('>'),
        };
        // What is never closed is text.
        let Some((_, behind)) = behind else { break };
        kept.push_str(before);
        rest = behind;
    }
    kept.push_str(rest);
    let words: Vec<&str> = kept.split(is_space).filter(|word| !word.is_empty()).collect();
    Ok(Value::str(unescape(&words.join(" "))))
}

/// Entities as Python's `html.unescape` reads them: the semicolon may be missing where HTML lets it.
fn unescape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('&') {
        out.push_str(before);
        rest = match after.strip_prefix('#') {
            Some(number) => unescape_number(number, &mut out),
            None => unescape_name(after, &mut out),
        };
    }
    out + rest
}

/// Writes what the number stands for; gives what is behind it.
fn unescape_number<'t>(number: &'t str, out: &mut String) -> &'t str {
    let (radix, digits) = match number.strip_prefix(['x', 'X']) {
        Some(hex) => (16, hex),
        None => (10, number),
    };
    let end = digits.find(|c: char| !c.is_digit(radix)).unwrap_or(digits.len());
    let (digits, behind) = digits.split_at(end);
    if digits.is_empty() {
        out.push_str("&#");
        return number;
    }
    let code = digits
        .chars()
        .fold(0u32, |code, c| code.saturating_mul(radix).saturating_add(c.to_digit(radix).unwrap_or(0)).min(0x11_0000));
    out.extend(character(code));
    behind.strip_prefix(';').unwrap_or(behind)
}

/// The character of a numeric reference: Windows' for the codes that it uses where Unicode has controls, none for what
/// HTML forbids.
fn character(code: u32) -> Option<char> {
    const WINDOWS_1252: [char; 32] = [
        '\u{20ac}', '\u{81}', '\u{201a}', '\u{192}', '\u{201e}', '\u{2026}', '\u{2020}', '\u{2021}', '\u{2c6}',
        '\u{2030}', '\u{160}', '\u{2039}', '\u{152}', '\u{8d}', '\u{17d}', '\u{8f}', '\u{90}', '\u{2018}', '\u{2019}',
        '\u{201c}', '\u{201d}', '\u{2022}', '\u{2013}', '\u{2014}', '\u{2dc}', '\u{2122}', '\u{161}', '\u{203a}',
        '\u{153}', '\u{9d}', '\u{17e}', '\u{178}',
    ];
    match code {
        0 => Some('\u{fffd}'),
        0x80..=0x9f => WINDOWS_1252.get(code as usize - 0x80).copied(),
        0x1..=0x8 | 0xb | 0xe..=0x1f | 0x7f | 0xfdd0..=0xfdef => None,
        0x10_ffff.. if code > 0x10_ffff => Some('\u{fffd}'),
        _ if code & 0xfffe == 0xfffe => None,
        _ => Some(char::from_u32(code).unwrap_or('\u{fffd}')),
    }
}

/// Writes what the longest name at the front of `after` stands for, or the `&` that stood before it; gives what is
/// behind.
fn unescape_name<'t>(after: &'t str, out: &mut String) -> &'t str {
    let mut ends: Vec<usize> = Vec::new();
    for (at, c) in after.char_indices().take(ENTITY_CHARS_MAX + 1) {
        if c == ';' {
            ends.push(at + 1);
        }
        if "\t\n\u{c} <&#;".contains(c) || ends.len() >= ENTITY_CHARS_MAX {
            break;
        }
        ends.push(at + c.len_utf8());
    }
    for end in ends.into_iter().rev() {
        let (name, behind) = after.split_at(end);
        let found = ENTITIES.get(format!("&{name}").as_bytes()).and_then(|text| std::str::from_utf8(text).ok());
        if let Some(text) = found {
            out.push_str(text);
            return behind;
        }
    }
    out.push('&');
    after
}

/// A dict as attributes of a tag.
pub(super) fn xml_attributes(
    machine: &mut Machine<'_>,
    name: &'static str,
    value: &Value,
    args: Args,
) -> Result<Value> {
    let [autospace] = args.bind(name, ["autospace"])?;
    let Value::Dict(dict) = value else {
        super::require(value)?;
        return Err(Error::render(format!("xmlattr needs a dict, got {}", value.type_name())));
    };
    let mut out = Text::new(&machine.meter);
    let has_space = autospace.is_none() || flag(autospace.as_ref());
    let mut is_first = true;
    for (key, value) in dict.entries() {
        machine.meter.steps(1)?;
        if let Value::None | Value::Undefined(_) = value {
            continue;
        }
        let name = super::super::arguments::text(key, "xmlattr")?;
        if name.contains([' ', '\t', '\n', '\u{b}', '\u{c}', '\r', '/', '>', '=']) {
            return Err(Error::render(format!("Invalid character in attribute name: '{name}'")));
        }
        if !std::mem::take(&mut is_first) || has_space {
            out.push(' ')?;
        }
        out.push_str(&escape(key, machine)?.text)?;
        out.push_str("=\"")?;
        out.push_str(&escape(value, machine)?.text)?;
        out.push('"')?;
    }
    Ok(Value::str(out.into_string()))
}

/// Text as part of a path, or names and values (a dict, or pairs) as a query.
pub(super) fn url_encode(machine: &mut Machine<'_>, value: &Value) -> Result<Value> {
    let pairs = match value {
        Value::Dict(_) => super::super::methods::items(value, machine)?,
        Value::List(_) | Value::Tuple(_) | Value::Range(_) | Value::Stream(_) | Value::Loop(_) => {
            machine.iterate(value)?
        }
        _ => {
            let mut out = Text::new(&machine.meter);
            quote(machine, value, false, &mut out)?;
            return Ok(Value::str(out.into_string()));
        }
    };
    let mut text = String::new();
    for pair in pairs {
        let pair = machine.iterate(&pair)?;
        let [name, value] = pair.as_slice() else {
            return Err(Error::render(format!(
                "urlencode needs pairs of a name and a value, got {} values",
                pair.len()
            )));
        };
        let mut out = Text::new(&machine.meter);
        out.push_str(if text.is_empty() { "" } else { "&" })?;
        quote(machine, name, true, &mut out)?;
        out.push('=')?;
        quote(machine, value, true, &mut out)?;
        text += &out.into_string();
    }
    Ok(Value::str(text))
}

/// Appends `str(value)` percent-encoded.
fn quote(machine: &Machine<'_>, value: &Value, is_query: bool, out: &mut Text<'_>) -> Result<()> {
    let s = repr::to_str(value, machine)?;
    for byte in s.text.bytes() {
        match byte {
            b' ' if is_query => out.push('+')?,
            b'/' if !is_query => out.push('/')?,
            _ if byte.is_ascii_alphanumeric() || b"_.-~".contains(&byte) => out.push(char::from(byte))?,
            _ => out.push_str(&format!("%{byte:02X}"))?,
        }
    }
    Ok(())
}
