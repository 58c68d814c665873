//! Trees as text: one canonical form on one line, which reads back as the same tree.
//!
//! Parentheses that were written are kept, as the tree has them; where a tree that nobody wrote needs some, they are
//! added.

use super::expression::{Level, QUANTIFIERS};
use crate::{
    ast::{Arg, BinaryOp, Expr, ExprKind, Ident, Pattern, PatternKind, TypeExpr, TypeExprKind, UnaryOp},
    decimal,
};

/// Writes an expression.
pub fn expr(expr: &Expr) -> String {
    let mut text = String::new();
    write_expr(&mut text, expr, OPEN);
    text
}

/// Writes a pattern.
pub fn pattern(pattern: &Pattern) -> String {
    let mut text = String::new();
    write_pattern(&mut text, pattern, true);
    text
}

/// Writes a type.
pub fn type_expr(ty: &TypeExpr) -> String {
    match &ty.kind {
        TypeExprKind::Name { path, args, width, bounds } => {
            let mut text = dotted(path);
            if let Some(width) = width {
                text += &format!("<{width}>");
            } else if !args.is_empty() {
                text += &format!("<{}>", types(args));
            }
            if let Some((lo, hi)) = bounds {
                text += &format!("({lo}..{hi})");
            }
            text
        }
        TypeExprKind::Tuple(of) => format!("({})", types(of)),
        TypeExprKind::Broken => "…".to_owned(),
    }
}

/// Writes a text with its quotes.
pub fn quoted(text: &str) -> String {
    let mut quoted = String::with_capacity(text.len() + 2);
    quoted.push('"');
    for c in text.chars() {
        match c {
            '"' => quoted.push_str("\\\""),
            '\\' => quoted.push_str("\\\\"),
            '\n' => quoted.push_str("\\n"),
            '\r' => quoted.push_str("\\r"),
            '\t' => quoted.push_str("\\t"),
            // Controls, and what is not seen or turns the line around.
            '\u{0}'..='\u{1f}'
            | '\u{7f}'..='\u{9f}'
            | '\u{200b}'..='\u{200f}'
            | '\u{2028}'..='\u{202e}'
            | '\u{2066}'..='\u{2069}'
            | '\u{feff}' => quoted.push_str(&format!("\\u{{{:x}}}", u32::from(c))),
            _ => quoted.push(c),
        }
    }
    quoted.push('"');
    quoted
}

fn types(of: &[TypeExpr]) -> String {
    of.iter().map(type_expr).collect::<Vec<_>>().join(", ")
}

fn dotted(path: &[Ident]) -> String {
    path.iter().map(|part| part.name.as_str()).collect::<Vec<_>>().join(".")
}

/// Of `let`, `if`, `match` and lambdas.
pub(super) const OPEN: u8 = 0;
/// Precedence of `with`.
pub(super) const WITH: u8 = 20;
/// Of what may stand before a `.`.
pub(super) const POSTFIX: u8 = 21;

pub(super) fn rank_of(level: Level) -> u8 {
    level as u8 + 1
}

/// How tightly an expression holds together.
fn rank(kind: &ExprKind) -> u8 {
    match kind {
        ExprKind::Let(..) | ExprKind::If(..) | ExprKind::Match(..) | ExprKind::Lambda(..) => OPEN,
        ExprKind::Binary(op, ..) => rank_of(Level::of(*op)),
        ExprKind::Unary(UnaryOp::Not, _) => rank_of(Level::Not),
        ExprKind::Unary(UnaryOp::Neg, _) => rank_of(Level::Unary),
        ExprKind::With(..) => WITH,
        _ => POSTFIX,
    }
}

/// How tightly the operands of an operator must hold together.
pub(super) fn operand_ranks(op: BinaryOp) -> (u8, u8) {
    let level = Level::of(op);
    let (same, above) = (rank_of(level), rank_of(level.above()));
    match level {
        Level::Implies => (above, same),
        Level::Compare | Level::Range => (above, above),
        _ => (same, above),
    }
}

fn write_expr(text: &mut String, expr: &Expr, least: u8) {
    if rank(&expr.kind) < least {
        text.push('(');
        write_expr(text, expr, OPEN);
        text.push(')');
        return;
    }
    match &expr.kind {
        ExprKind::Int(value) => *text += &value.to_string(),
        ExprKind::Float(value) => *text += &decimal::show_float(*value),
        ExprKind::String(value) => *text += &quoted(value),
        ExprKind::Bytes(value) => {
            let hex: String = value.iter().map(|byte| format!("{byte:02x}")).collect();
            *text += &format!("b\"{hex}\"");
        }
        ExprKind::Trits(digits) => {
            text.push_str("0t");
            text.extend(digits.iter().map(|digit| match digit {
                ..0 => '-',
                0 => '0',
                1.. => '+',
            }));
        }
        ExprKind::Bool(value) => *text += if *value { "true" } else { "false" },
        ExprKind::None => text.push_str("None"),
        ExprKind::Name(name) => text.push_str(name),
        ExprKind::Tuple(items) => write_items(text, '(', items, ')'),
        ExprKind::Paren(inner) => write_items(text, '(', std::slice::from_ref(inner), ')'),
        ExprKind::List(items) => write_items(text, '[', items, ']'),
        ExprKind::Field(of, name) => {
            write_expr(text, of, POSTFIX);
            *text += &format!(".{}", name.name);
        }
        ExprKind::Place(of, place, _) => {
            // `1.0` is a Float.
            let least = if matches!(of.kind, ExprKind::Int(_)) { u8::MAX } else { POSTFIX };
            write_expr(text, of, least);
            *text += &format!(".{place}");
        }
        ExprKind::Index(of, at) => {
            write_expr(text, of, POSTFIX);
            write_items(text, '[', std::slice::from_ref(at), ']');
        }
        ExprKind::Call { callee, widths, args } => {
            write_expr(text, callee, POSTFIX);
            if !widths.is_empty() {
                let widths: Vec<String> = widths.iter().map(u32::to_string).collect();
                *text += &format!("<{}>", widths.join(", "));
            }
            write_args(text, args);
        }
        ExprKind::With(of, fields) => {
            write_expr(text, of, WITH);
            text.push_str(" with (");
            for (i, (name, value)) in fields.iter().enumerate() {
                *text += if i == 0 { "" } else { ", " };
                *text += &format!("{} = ", name.name);
                write_expr(text, value, OPEN);
            }
            text.push(')');
        }
        ExprKind::Unary(op, of) => {
            let (mark, level) = match op {
                UnaryOp::Neg => ("-", Level::Unary),
                UnaryOp::Not => ("not ", Level::Not),
            };
            text.push_str(mark);
            write_expr(text, of, rank_of(level));
        }
        ExprKind::Binary(op, _, a, b) => {
            let (left, right) = operand_ranks(*op);
            write_expr(text, a, left);
            *text += &if *op == BinaryOp::Range { "..".to_owned() } else { format!(" {} ", op.text()) };
            write_expr(text, b, right);
        }
        ExprKind::Old(name) => *text += &format!("old.{}", name.name),
        ExprKind::Fault(name) => *text += &format!("fault({})", name.name),
        ExprKind::Broken => text.push('…'),
        _ => write_structure(text, &expr.kind),
    }
}

/// Writes what has blocks or arms.
fn write_structure(text: &mut String, kind: &ExprKind) {
    match kind {
        ExprKind::Let(pattern, value, body) => {
            text.push_str("let ");
            write_pattern(text, pattern, true);
            text.push_str(" = ");
            write_expr(text, value, OPEN);
            text.push_str("; ");
            write_expr(text, body, OPEN);
        }
        ExprKind::If(condition, then, otherwise) => {
            text.push_str("if ");
            write_expr(text, condition, OPEN);
            write_block(text, then);
            text.push_str(" else");
            if let ExprKind::If(..) = otherwise.kind {
                text.push(' ');
                write_expr(text, otherwise, OPEN);
            } else {
                write_block(text, otherwise);
            }
        }
        ExprKind::Match(subject, arms) => {
            text.push_str("match ");
            write_expr(text, subject, OPEN);
            text.push_str(" { ");
            for (i, arm) in arms.iter().enumerate() {
                *text += if i == 0 { "" } else { ", " };
                write_pattern(text, &arm.pattern, true);
                if let Some(guard) = &arm.guard {
                    text.push_str(" if ");
                    // The `=>` behind a `let` would make a lambda of its last part.
                    write_expr(text, guard, rank_of(Level::Implies));
                }
                text.push_str(" => ");
                write_expr(text, &arm.body, OPEN);
            }
            text.push_str(" }");
        }
        ExprKind::Lambda(names, body) => {
            if let [name] = names.as_slice() {
                text.push_str(&name.name);
            } else {
                let names: Vec<&str> = names.iter().map(|name| name.name.as_str()).collect();
                *text += &format!("({})", names.join(", "));
            }
            text.push_str(" => ");
            write_expr(text, body, OPEN);
        }
        ExprKind::Quantified { quantifier, name, over, filter, body } => {
            let word = QUANTIFIERS.iter().find(|(q, _)| q == quantifier).map_or("", |(_, word)| *word);
            *text += &format!("{word} {} in ", name.name);
            write_expr(text, over, OPEN);
            if let Some(filter) = filter {
                text.push_str(" where ");
                write_expr(text, filter, OPEN);
            }
            write_block(text, body);
        }
        _ => {}
    }
}

fn write_block(text: &mut String, body: &Expr) {
    text.push_str(" { ");
    write_expr(text, body, OPEN);
    text.push_str(" }");
}

fn write_items<E: std::borrow::Borrow<Expr>>(text: &mut String, open: char, items: &[E], close: char) {
    text.push(open);
    for (i, item) in items.iter().enumerate() {
        *text += if i == 0 { "" } else { ", " };
        write_expr(text, item.borrow(), OPEN);
    }
    text.push(close);
}

fn write_args(text: &mut String, args: &[Arg]) {
    text.push('(');
    for (i, arg) in args.iter().enumerate() {
        *text += if i == 0 { "" } else { ", " };
        if let Some(name) = &arg.name {
            *text += &format!("{} = ", name.name);
        }
        write_expr(text, &arg.value, OPEN);
    }
    text.push(')');
}

fn write_pattern(text: &mut String, pattern: &Pattern, may_be_or: bool) {
    match &pattern.kind {
        PatternKind::Any => text.push('_'),
        PatternKind::Literal(value) => write_expr(text, value, OPEN),
        PatternKind::Range(lo, hi) => {
            write_expr(text, lo, OPEN);
            text.push_str("..");
            write_expr(text, hi, OPEN);
        }
        PatternKind::Name(name) => text.push_str(&name.name),
        PatternKind::Case { of, name, fields } => {
            *text += &dotted(of);
            *text += if of.is_empty() { "" } else { "." };
            text.push_str(&name.name);
            if let Some(fields) = fields {
                text.push('(');
                for (i, (name, pattern)) in fields.iter().enumerate() {
                    *text += if i == 0 { "" } else { ", " };
                    if let Some(name) = name {
                        *text += &format!("{} = ", name.name);
                    }
                    write_pattern(text, pattern, true);
                }
                text.push(')');
            }
        }
        PatternKind::Tuple(parts) => write_patterns(text, '(', parts, ')'),
        PatternKind::List(parts) => write_patterns(text, '[', parts, ']'),
        PatternKind::Or(parts) => {
            *text += if may_be_or { "" } else { "(" };
            for (i, part) in parts.iter().enumerate() {
                *text += if i == 0 { "" } else { " or " };
                write_pattern(text, part, false);
            }
            *text += if may_be_or { "" } else { ")" };
        }
        PatternKind::Broken => text.push('…'),
    }
}

fn write_patterns(text: &mut String, open: char, parts: &[Pattern], close: char) {
    text.push(open);
    for (i, part) in parts.iter().enumerate() {
        *text += if i == 0 { "" } else { ", " };
        write_pattern(text, part, true);
    }
    text.push(close);
}
