//! Constants: numbers, Bools and texts; what is a list or map is left below `x-legacy`.

use std::collections::BTreeSet;

use super::{Upgrade, names, prose};
use crate::{
    fmt::quoted,
    legacy::{Plain, plain},
    tree::{Entry, NodeKind, Scalar},
};

impl Upgrade<'_> {
    pub(super) fn constants(&mut self, section: &Entry) {
        self.writer.begin(section.key.span.start, 0, false);
        self.writer.out.push_str("constants:");
        self.writer.comment_behind(section.key.span.end);
        self.writer.end_line();
        let mut left = String::new();
        let mut seen = BTreeSet::new();
        let before = self.writer.out.len();
        for (i, entry) in section.value.entries().iter().enumerate() {
            let name = names::constant(&entry.key.text).filter(|name| !seen.contains(name));
            let value = constant(entry);
            let (Some(name), Some((value, say))) = (name, value) else {
                left.push_str(&self.writer.bare(entry, 4));
                self.omit(entry.key.span, format!("the constant `{}` is no number, Bool or text", entry.key.text));
                continue;
            };
            if entry.key.text != name.as_str() {
                self.omit(entry.key.span, format!("the constant `{}` is named `{name}`", entry.key.text));
            }
            self.writer.begin(entry.key.span.start, 2, i == 0);
            match say {
                None => self.writer.out.push_str(&format!("{name}: {}", quoted(&value))),
                Some(say) => {
                    self.writer.out.push_str(&format!(
                        "{name}:\n    value: {}\n    say: {}",
                        quoted(&value),
                        prose(say)
                    ));
                }
            }
            self.writer.comment_behind(entry.value.span.end);
            self.writer.end_line();
            seen.insert(name);
        }
        if self.writer.out.len() == before {
            // No constant was taken over; its comments, if any, are before it.
            let empty = self.writer.out.rfind("constants:").unwrap_or(before);
            self.writer.out.truncate(empty);
        }
        if !left.is_empty() {
            self.turn_to(true);
            self.writer.out.push_str("  constants:\n");
            self.writer.out.push_str(&left);
            self.turn_to(false);
        }
    }
}

/// Gives the expression of a constant's value, and what is said of it.
fn constant(entry: &Entry) -> Option<(String, Option<&Scalar>)> {
    match &entry.value.kind {
        NodeKind::Scalar(scalar) => Some((literal(scalar), None)),
        NodeKind::Map(entries) => {
            let value = entry.value.get("value")?.as_scalar()?;
            let say = entry.value.get("description").or_else(|| entry.value.get("say"));
            let is_all = entries.len() == 1 + usize::from(say.is_some());
            Some((literal(value), say.and_then(|say| say.as_scalar()))).filter(|_| is_all)
        }
        _ => None,
    }
}

/// Writes a scalar as an expression.
fn literal(scalar: &Scalar) -> String {
    match plain(scalar) {
        Plain::Bool(value) => value.to_string(),
        Plain::Int(value) => value.to_string(),
        Plain::Float(value) => format!("{value:?}"),
        Plain::Text => {
            let mut literal = String::from("\"");
            for letter in scalar.text.chars() {
                match letter {
                    '"' | '\\' => literal.extend(['\\', letter]),
                    '\n' => literal.push_str("\\n"),
                    '\r' => literal.push_str("\\r"),
                    '\t' => literal.push_str("\\t"),
                    letter if letter.is_control() => literal.push_str(&format!("\\u{{{:x}}}", u32::from(letter))),
                    letter => literal.push(letter),
                }
            }
            literal + "\""
        }
    }
}
