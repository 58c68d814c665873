//! Python's `str` and `repr`.

use unicode_properties::{GeneralCategory, UnicodeGeneralCategory};

use super::{
    Result,
    machine::Machine,
    meter::Text,
    number,
    value::{Str, StreamKind, Value},
};

/// `str(value)`, without a copy where it is text already.
pub(crate) fn to_str(value: &Value, machine: &Machine<'_>) -> Result<Str> {
    if let Value::Str(s) = value {
        return Ok(s.clone());
    }
    let mut out = Text::new(&machine.meter);
    write_str(value, machine, &mut out)?;
    Ok(Str { text: out.into_string().into(), safe: false })
}

/// Appends what Python's `str(value)` gives.
pub(crate) fn write_str(value: &Value, machine: &Machine<'_>, out: &mut Text<'_>) -> Result<()> {
    match value {
        Value::Undefined(_) => Ok(()),
        Value::Str(s) => out.push_str(&s.text),
        _ => write_repr(value, machine, out),
    }
}

/// Appends what Python's `repr(value)` gives.
pub(crate) fn write_repr(value: &Value, machine: &Machine<'_>, out: &mut Text<'_>) -> Result<()> {
    out.meter().steps(1)?;
    match value {
        Value::Undefined(_) => out.push_str("Undefined"),
        Value::None => out.push_str("None"),
        Value::Bool(true) => out.push_str("True"),
        Value::Bool(false) => out.push_str("False"),
        Value::Int(i) => out.push_str(&i.to_string()),
        Value::Float(f) => out.push_str(&number::float_repr(*f)),
        Value::Str(s) if s.safe => {
            out.push_str("Markup(")?;
            quoted(&s.text, out)?;
            out.push(')')
        }
        Value::Str(s) => quoted(&s.text, out),
        Value::List(s) => list(&s.items, ["[", "]"], machine, out),
        Value::Tuple(s) if s.items.len() == 1 => list(&s.items, ["(", ",)"], machine, out),
        Value::Tuple(s) => list(&s.items, ["(", ")"], machine, out),
        Value::Dict(d) => dict(d.entries(), machine, out),
        Value::Namespace(id) => namespace(*id, machine, out),
        Value::Stream(s) if s.kind != StreamKind::Generator => view(value.type_name(), &s.items, machine, out),
        _ => write_flat(value, machine, out),
    }
}

/// Appends `repr(value)` of what shows no other value.
fn write_flat(value: &Value, machine: &Machine<'_>, out: &mut Text<'_>) -> Result<()> {
    match value {
        Value::Range(r) => {
            let stop = r.start + r.step * r.len as i128;
            out.push_str(&if r.step == 1 {
                format!("range({}, {stop})", r.start)
            } else {
                format!("range({}, {stop}, {})", r.start, r.step)
            })
        }
        Value::Loop(id) => {
            let (index, length) = machine.loop_place(*id);
            out.push_str(&format!("<LoopContext {index}/{length}>"))
        }
        Value::Macro(id) => {
            out.push_str("<Macro ")?;
            quoted(machine.macro_name(*id), out)?;
            out.push('>')
        }
        Value::Function(f) => out.push_str(&format!("<function {}>", f.name)),
        Value::Method(m) => out.push_str(&format!("<method {}>", m.method.name)),
        Value::Cycler(_) => out.push_str("<Cycler>"),
        Value::Joiner(_) => out.push_str("<Joiner>"),
        // The rest is written before this is called.
        _ => out.push_str("<generator object>"),
    }
}

fn list(items: &[Value], brackets: [&str; 2], machine: &Machine<'_>, out: &mut Text<'_>) -> Result<()> {
    out.push_str(brackets[0])?;
    out.meter().enter()?;
    for (i, item) in items.iter().enumerate() {
        if i > 0 {
            out.push_str(", ")?;
        }
        write_repr(item, machine, out)?;
    }
    out.meter().leave();
    out.push_str(brackets[1])
}

fn dict(entries: &[(Value, Value)], machine: &Machine<'_>, out: &mut Text<'_>) -> Result<()> {
    out.meter().enter()?;
    out.push('{')?;
    for (i, (key, value)) in entries.iter().enumerate() {
        if i > 0 {
            out.push_str(", ")?;
        }
        write_repr(key, machine, out)?;
        out.push_str(": ")?;
        write_repr(value, machine, out)?;
    }
    out.meter().leave();
    out.push('}')
}

/// A namespace may hold itself: its repr then ends at the depth limit.
fn namespace(id: usize, machine: &Machine<'_>, out: &mut Text<'_>) -> Result<()> {
    out.push_str("<Namespace {")?;
    out.meter().enter()?;
    for (i, (name, value)) in machine.namespace(id).iter().enumerate() {
        if i > 0 {
            out.push_str(", ")?;
        }
        quoted(name, out)?;
        out.push_str(": ")?;
        write_repr(value, machine, out)?;
    }
    out.meter().leave();
    out.push_str("}>")
}

fn view(name: &str, items: &[Value], machine: &Machine<'_>, out: &mut Text<'_>) -> Result<()> {
    out.push_str(name)?;
    list(items, ["([", "])"], machine, out)
}

/// A string literal as Python writes it.
pub(crate) fn quoted(text: &str, out: &mut Text<'_>) -> Result<()> {
    let quote = if text.contains('\'') && !text.contains('"') { '"' } else { '\'' };
    out.push(quote)?;
    for c in text.chars() {
        match c {
            '\\' => out.push_str("\\\\")?,
            '\n' => out.push_str("\\n")?,
            '\r' => out.push_str("\\r")?,
            '\t' => out.push_str("\\t")?,
            c if c == quote => {
                out.push('\\')?;
                out.push(c)?;
            }
            ' '..='~' => out.push(c)?,
            c if is_printable(c) => out.push(c)?,
            c => {
                let code = u32::from(c);
                out.push_str(&match code {
                    0..=0xff => format!("\\x{code:02x}"),
                    0x100..=0xffff => format!("\\u{code:04x}"),
                    _ => format!("\\U{code:08x}"),
                })?;
            }
        }
    }
    out.push(quote)
}

/// Python's `str.isprintable` for one character.
pub(crate) fn is_printable(c: char) -> bool {
    use GeneralCategory as G;
    c == ' '
        || !matches!(
            c.general_category(),
            G::Control
                | G::Format
                | G::Surrogate
                | G::PrivateUse
                | G::Unassigned
                | G::LineSeparator
                | G::ParagraphSeparator
                | G::SpaceSeparator
        )
}
