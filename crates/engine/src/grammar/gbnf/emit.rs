//! A cut grammar as Lark text. Only one group deep: the parser of the automata's crate takes thirty.

use super::{
    plan::{Part, Plan},
    rules::{Grammar, Node},
};
use std::fmt::Write;

pub(super) fn lark(grammar: &Grammar, plan: &Plan<'_>) -> String {
    let mut emitter = Emitter { out: format!("start: r{}\n", grammar.root), n_groups: 0 };
    let mut rules: Vec<_> = plan.rules.iter().collect();
    rules.sort_unstable_by_key(|(rule, _)| **rule);
    for (rule, part) in rules {
        let body = emitter.alternatives(part);
        emitter.define(&format!("r{rule}"), &body);
    }
    for (terminal, items) in plan.terminals.iter().enumerate() {
        let mut regex = String::new();
        write_sequence(grammar, items, &mut regex);
        let body = if regex.is_empty() { "\"\"".to_owned() } else { format!("/{regex}/") };
        emitter.define(&format!("T{terminal}"), &body);
    }
    emitter.out
}

struct Emitter {
    out: String,
    /// Number of rules that were made up for groups.
    n_groups: usize,
}

impl Emitter {
    fn define(&mut self, name: &str, body: &str) {
        self.out.push_str(name);
        self.out.push_str(": ");
        self.out.push_str(body);
        self.out.push('\n');
    }

    fn alternatives(&mut self, part: &Part) -> String {
        match part {
            Part::Choice(parts) => {
                let parts: Vec<String> = parts.iter().map(|part| self.sequence(part)).collect();
                parts.join(" | ")
            }
            _ => self.sequence(part),
        }
    }

    fn sequence(&mut self, part: &Part) -> String {
        match part {
            Part::Sequence(parts) if parts.is_empty() => "\"\"".into(),
            Part::Sequence(parts) => {
                let parts: Vec<String> = parts.iter().map(|part| self.item(part)).collect();
                parts.join(" ")
            }
            _ => self.item(part),
        }
    }

    fn item(&mut self, part: &Part) -> String {
        match part {
            Part::Terminal(terminal) => format!("T{terminal}"),
            Part::Rule(rule) => format!("r{rule}"),
            Part::Repeat { max: Some(0), .. } => "\"\"".into(),
            Part::Repeat { part, min, max } => {
                let item = match **part {
                    // Two signs of repetition do not stand side by side.
                    Part::Repeat { .. } => self.group(part),
                    _ => self.item(part),
                };
                format!("{item}{}", repetition(*min, *max))
            }
            Part::Sequence(_) | Part::Choice(_) => self.group(part),
        }
    }

    fn group(&mut self, part: &Part) -> String {
        let body = self.alternatives(part);
        let name = format!("g{}", self.n_groups);
        self.n_groups += 1;
        self.define(&name, &body);
        name
    }
}

fn repetition(min: usize, max: Option<usize>) -> String {
    match (min, max) {
        (0, None) => "*".into(),
        (1, None) => "+".into(),
        (0, Some(1)) => "?".into(),
        (_, None) => format!("{{{min},}}"),
        (_, Some(max)) => format!("{{{min},{max}}}"),
    }
}

fn write_sequence(grammar: &Grammar, items: &[Node], out: &mut String) {
    items.iter().for_each(|item| write(grammar, item, out));
}

fn write(grammar: &Grammar, node: &Node, out: &mut String) {
    match node {
        Node::Class(characters) => characters.write(out),
        Node::Sequence(items) => write_sequence(grammar, items, out),
        Node::Choice(items) => {
            out.push_str("(?:");
            for (index, item) in items.iter().enumerate() {
                if index > 0 {
                    out.push('|');
                }
                write(grammar, item, out);
            }
            out.push(')');
        }
        Node::Repeat { max: Some(0), .. } => {}
        Node::Repeat { node, min, max } => {
            out.push_str("(?:");
            write(grammar, node, out);
            let _ = write!(out, "){}", repetition(*min, *max));
        }
        Node::Rule(rule) => write(grammar, grammar.body(*rule), out),
    }
}
