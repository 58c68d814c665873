//! `pprint`, with the results of Python's `pprint.pformat`.

use super::super::{Result, machine::Machine, meter::Text, methods::string, repr, text::is_space, value::Value};

/// Columns that a line has if it can.
const WIDTH: usize = 80;

/// `value` over several lines where one does not hold it.
pub(super) fn pretty(machine: &mut Machine<'_>, value: &Value) -> Result<Value> {
    let mut out = Text::new(&machine.meter);
    let printer = Printer { machine };
    printer.write(value, Place { indent: 0, allowance: 0, level: 0 }, &mut out)?;
    Ok(Value::str(out.into_string()))
}

/// Where a value stands.
#[derive(Clone, Copy)]
struct Place {
    /// Columns before it.
    indent: usize,
    /// Characters that follow it on its last line.
    allowance: usize,
    /// Containers around it.
    level: usize,
}

impl Place {
    /// Columns that are left between what stands before and behind.
    fn width(self) -> usize {
        WIDTH.saturating_sub(self.indent + self.allowance)
    }
}

struct Printer<'m, 't> {
    machine: &'m Machine<'t>,
}

impl Printer<'_, '_> {
    fn write(&self, value: &Value, place: Place, out: &mut Text<'_>) -> Result<()> {
        let flat = self.flat(value)?;
        if flat.chars().count() <= place.width() {
            return out.push_str(&flat);
        }
        let inner =
            |end: usize| Place { indent: place.indent + 1, allowance: place.allowance + end, level: place.level + 1 };
        self.machine.meter.enter()?;
        match value {
            Value::List(s) => self.items(&s.items, ["[", "]"], inner(1), out)?,
            Value::Tuple(s) if s.items.len() == 1 => self.items(&s.items, ["(", ",)"], inner(2), out)?,
            Value::Tuple(s) => self.items(&s.items, ["(", ")"], inner(1), out)?,
            Value::Dict(d) => self.entries(d.entries(), inner(1), out)?,
            Value::Str(s) if !s.safe => self.text(&s.text, place, out)?,
            _ => out.push_str(&flat)?,
        }
        self.machine.meter.leave();
        Ok(())
    }

    fn items(&self, items: &[Value], brackets: [&str; 2], place: Place, out: &mut Text<'_>) -> Result<()> {
        out.push_str(brackets[0])?;
        for (i, item) in items.iter().enumerate() {
            if i > 0 {
                new_line(place.indent, out)?;
            }
            let allowance = if i + 1 == items.len() { place.allowance } else { 1 };
            self.write(item, Place { allowance, ..place }, out)?;
        }
        out.push_str(brackets[1])
    }

    fn entries(&self, entries: &[(Value, Value)], place: Place, out: &mut Text<'_>) -> Result<()> {
        out.push('{')?;
        for (i, (key, value)) in self.sorted(entries)?.into_iter().enumerate() {
            if i > 0 {
                new_line(place.indent, out)?;
            }
            let key = self.flat(key)?;
            out.push_str(&key)?;
            out.push_str(": ")?;
            let allowance = if i + 1 == entries.len() { place.allowance } else { 1 };
            let indent = place.indent + key.chars().count() + 2;
            self.write(value, Place { indent, allowance, ..place }, out)?;
        }
        out.push('}')
    }

    /// A long text as literals under each other, which Python joins; in brackets where it stands alone.
    fn text(&self, text: &str, place: Place, out: &mut Text<'_>) -> Result<()> {
        let is_alone = place.level == 0;
        let indent = place.indent + usize::from(is_alone);
        let allowance = place.allowance + usize::from(is_alone);
        let width = WIDTH.saturating_sub(indent);
        let last_width = width.saturating_sub(allowance);
        let quoted = |text: &str| {
            let mut literal = Text::new(&self.machine.meter);
            repr::quoted(text, &mut literal)?;
            let literal = literal.into_string();
            Ok::<_, crate::Error>((literal.chars().count(), literal))
        };
        let mut literals = Vec::new();
        let mut lines = string::split_lines(text, true).peekable();
        while let Some(line) = lines.next() {
            let is_last_line = lines.peek().is_none();
            let (n, literal) = quoted(line)?;
            if n <= if is_last_line { last_width } else { width } {
                literals.push(literal);
                continue;
            }
            let mut current = String::new();
            let mut words = words(line).peekable();
            while let Some(word) = words.next() {
                let fits = if is_last_line && words.peek().is_none() { last_width } else { width };
                let (n, _) = quoted(&[&current, word].concat())?;
                if n > fits && !current.is_empty() {
                    literals.push(quoted(&current)?.1);
                    current.clear();
                }
                if n > fits {
                    word.clone_into(&mut current);
                } else {
                    current.push_str(word);
                }
            }
            if !current.is_empty() {
                literals.push(quoted(&current)?.1);
            }
        }
        let has_brackets = is_alone && literals.len() > 1;
        out.push_str(if has_brackets { "(" } else { "" })?;
        for (i, literal) in literals.iter().enumerate() {
            if i > 0 {
                out.push('\n')?;
                out.repeat(' ', indent)?;
            }
            out.push_str(literal)?;
        }
        out.push_str(if has_brackets { ")" } else { "" })
    }

    /// The value on one line, keys in order.
    fn flat(&self, value: &Value) -> Result<String> {
        let mut out = Text::new(&self.machine.meter);
        self.write_flat(value, &mut out)?;
        Ok(out.into_string())
    }

    fn write_flat(&self, value: &Value, out: &mut Text<'_>) -> Result<()> {
        let list = |items: &[Value], brackets: [&str; 2], out: &mut Text<'_>| {
            out.push_str(brackets[0])?;
            for (i, item) in items.iter().enumerate() {
                out.push_str(if i > 0 { ", " } else { "" })?;
                self.write_flat(item, out)?;
            }
            out.push_str(brackets[1])
        };
        self.machine.meter.steps(1)?;
        self.machine.meter.enter()?;
        match value {
            Value::List(s) => list(&s.items, ["[", "]"], out)?,
            Value::Tuple(s) if s.items.len() == 1 => list(&s.items, ["(", ",)"], out)?,
            Value::Tuple(s) => list(&s.items, ["(", ")"], out)?,
            Value::Dict(d) => {
                out.push('{')?;
                for (i, (key, value)) in self.sorted(d.entries())?.into_iter().enumerate() {
                    out.push_str(if i > 0 { ", " } else { "" })?;
                    self.write_flat(key, out)?;
                    out.push_str(": ")?;
                    self.write_flat(value, out)?;
                }
                out.push('}')?;
            }
            _ => repr::write_repr(value, self.machine, out)?,
        }
        self.machine.meter.leave();
        Ok(())
    }

    /// Returns the entries of a dict in the order of their keys.
    fn sorted<'v>(&self, entries: &'v [(Value, Value)]) -> Result<Vec<(&'v Value, &'v Value)>> {
        let meter = &self.machine.meter;
        meter.slots(entries.len().saturating_mul(2))?;
        // A comparison may look through a whole key.
        let key_bytes: usize = entries.iter().map(|(key, _)| key.as_str().map_or(1, str::len)).sum();
        meter.scan(key_bytes.saturating_mul(entries.len().max(2).ilog2() as usize))?;
        let mut sorted: Vec<_> = entries.iter().map(|(key, value)| (key, value)).collect();
        sorted.sort_by_key(|(key, _)| Rank::of(key));
        Ok(sorted)
    }
}

/// Where a key stands among others. Python compares what it can and orders the rest by the names of the types: these
/// are those of keys.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
enum Rank<'v> {
    None,
    /// The bits of the nearest float, so turned that they have its order, then the exact integer.
    Number(i64, i128),
    Text(&'v str),
}

impl<'v> Rank<'v> {
    fn of(key: &'v Value) -> Self {
        if let Some(text) = key.as_str() {
            return Self::Text(text);
        }
        let Some(number) = key.as_float() else { return Self::None };
        let bits = number.to_bits() as i64;
        Self::Number(bits ^ (((bits >> 63) as u64) >> 1) as i64, key.as_int().unwrap_or(number as i128))
    }
}

fn new_line(indent: usize, out: &mut Text<'_>) -> Result<()> {
    out.push_str(",\n")?;
    out.repeat(' ', indent)
}

/// Pieces of `line`, each with the white space behind it.
fn words(line: &str) -> impl Iterator<Item = &str> {
    let mut rest = line;
    std::iter::from_fn(move || {
        let space = rest.find(is_space).unwrap_or(rest.len());
        let behind = rest.get(space..)?;
        let end = space + behind.find(|c| !is_space(c)).unwrap_or(behind.len());
        let (word, after) = rest.split_at(end);
        rest = after;
        (!word.is_empty()).then_some(word)
    })
}

#[cfg(test)]
mod tests {
    #[test]
    fn words_keep_what_is_behind_them() {
        assert_eq!(super::words(" a  b\n").collect::<Vec<_>>(), [" ", "a  ", "b\n"]);
        assert_eq!(super::words("").count(), 0);
    }
}
