//! Tables of examples: a line of names, then a line for each example; cells between `|`.

use super::{
    lexer,
    parser::Parser,
    token::{Token, TokenKind},
};
use crate::{
    ast::{Column, Expr, ExprKind, Ident, Row, Table},
    diagnostic::Diagnostic,
    source::Span,
    tree::Scalar,
    typed::Tolerance,
};

/// A part of the scalar's text.
#[derive(Clone, Copy)]
struct Part {
    start: usize,
    end: usize,
}

/// Parses a table; `None` where it has no header.
pub fn parse_table(scalar: &Scalar, diagnostics: &mut Vec<Diagnostic>) -> Option<Table> {
    let mut lines = lines(&scalar.text);
    let Some(first) = lines.next() else {
        let message = Diagnostic::new("E0156", scalar.span, "a table begins with the names of its columns");
        diagnostics.push(message.help("such as `text | result`, and below it a line for each example"));
        return None;
    };
    let header: Vec<Column> =
        cells(scalar, first, 0, diagnostics).iter().filter_map(|cell| column(scalar, *cell, diagnostics)).collect();
    for (i, column) in header.iter().enumerate() {
        if let Some(before) = header.iter().take(i).find(|before| before.name.name == column.name.name) {
            let message = format!("two columns have the name `{}`", column.name.name);
            diagnostics
                .push(Diagnostic::new("E0403", column.name.span, message).also(before.name.span, "the first one"));
        }
    }
    let mut rows = Vec::new();
    // Rows that do not fit the header, with their numbers of cells.
    let mut odd: Vec<(usize, Diagnostic)> = Vec::new();
    for line in lines {
        let text = scalar.text.get(line.start..line.end).unwrap_or_default();
        if text.bytes().all(|b| matches!(b, b'-' | b'|' | b':' | b'+' | b' ')) && text.contains("--") {
            let message =
                Diagnostic::new("E0156", scalar.span_of(line.start, line.end), "no rule stands below the names");
            diagnostics.push(message.help("leave this line out"));
            continue;
        }
        let parts = cells(scalar, line, header.len(), diagnostics);
        let span = scalar.span_of(line.start, line.end);
        if parts.len() != header.len() {
            let (found, expected) = (parts.len(), header.len());
            let message =
                format!("this row has {found} {}, the table {expected} {}", cell_word(found), column_word(expected));
            let mut message = Diagnostic::new("E0403", span, message)
                .also(scalar.span_of(first.start, first.end), "the names of the columns");
            if text.contains("||") {
                message = message.help("between two `|` stands a cell; for `or` write `or`");
            }
            odd.push((found, message));
            continue;
        }
        let cells = parts.iter().zip(&header).map(|(part, column)| {
            if part.start == part.end {
                let message = Diagnostic::new("E0156", span, format!("the cell of `{}` is empty", column.name.name));
                diagnostics.push(message.help("each cell is an expression; an empty text is written `\"\"`"));
                return Expr { span, kind: ExprKind::Broken };
            }
            let parser = Parser::new(scalar, part.start, part.end, diagnostics);
            if column.name.name == "result" { parser.whole_result() } else { parser.whole_expr() }
        });
        let cells = cells.collect();
        rows.push(Row { span, cells });
    }
    say_odd(scalar.span_of(first.start, first.end), header.len(), rows.is_empty(), &odd, diagnostics);
    if rows.is_empty() && odd.is_empty() && !header.is_empty() {
        let message = Diagnostic::new("E0156", scalar.span_of(first.start, first.end), "this table has no rows");
        diagnostics.push(message.help("a line for each example stands below the names"));
    }
    Some(Table { header, rows })
}

/// Says which rows do not fit the header. Where no row does and all are alike, it is the header that does not fit.
fn say_odd(
    header: Span,
    n_columns: usize,
    is_all: bool,
    odd: &[(usize, Diagnostic)],
    diagnostics: &mut Vec<Diagnostic>,
) {
    if let [(n_cells, first), _, ..] = odd
        && is_all
        && odd.iter().all(|(n, _)| n == n_cells)
    {
        let message = format!(
            "the table has {n_columns} {}, its rows have {n_cells} {}",
            column_word(n_columns),
            cell_word(*n_cells)
        );
        let rows = format!("the first of {} rows", odd.len());
        let mut message = Diagnostic::new("E0403", header, message).also(first.primary.span, rows);
        message.help.clone_from(&first.help);
        diagnostics.push(message);
    } else {
        diagnostics.extend(odd.iter().map(|(_, message)| message.clone()));
    }
}

fn cell_word(n: usize) -> &'static str {
    if n == 1 { "cell" } else { "cells" }
}

fn column_word(n: usize) -> &'static str {
    if n == 1 { "column" } else { "columns" }
}

/// Parses the name of a column: what stands above it in a table, or as the key of an example that is a map.
pub fn parse_column(scalar: &Scalar, diagnostics: &mut Vec<Diagnostic>) -> Option<Column> {
    column(scalar, Part { start: 0, end: scalar.text.len() }, diagnostics)
}

/// Lines with something on them, trimmed.
fn lines(text: &str) -> impl Iterator<Item = Part> {
    let mut at = 0;
    text.split_inclusive('\n').filter_map(move |line| {
        let start = at + (line.len() - line.trim_start().len());
        at += line.len();
        let trimmed = line.trim();
        (!trimmed.is_empty() && !trimmed.starts_with('#')).then_some(Part { start, end: start + trimmed.len() })
    })
}

/// Splits a line at `|` outside of texts and brackets; `n_columns` cells are expected, of a header 0.
fn cells(scalar: &Scalar, line: Part, n_columns: usize, diagnostics: &mut Vec<Diagnostic>) -> Vec<Part> {
    let mut parts = split(&scalar.text, line, true).unwrap_or_default();
    if parts.is_empty() {
        // A bracket is open at the end of the line: it ends with its cell, and its own message comes from there.
        parts = split(&scalar.text, line, false).unwrap_or_default();
    }
    let is_empty = |part: Option<&Part>| part.is_some_and(|part| part.start == part.end);
    let edges = [(is_empty(parts.first()), 0), (parts.len() > 1 && is_empty(parts.last()), parts.len() - 1)];
    if parts.len() > 1 && parts.len() != n_columns && edges.iter().any(|(is_empty, _)| *is_empty) {
        let text = scalar.text.get(line.start..line.end).unwrap_or_default();
        let inner = text.strip_prefix('|').unwrap_or(text);
        let inner = inner.strip_suffix('|').unwrap_or(inner).trim();
        let span = scalar.span_of(line.start, line.end);
        let message = Diagnostic::new("E0156", span, "`|` stands between cells, not around a row");
        diagnostics.push(message.help(format!("write `{inner}`")).fix(span, inner));
        if edges[1].0 {
            parts.pop();
        }
        if edges[0].0 {
            parts.remove(0);
        }
    }
    parts
}

/// Gives the trimmed parts between `|`; nothing where a bracket stays open.
fn split(text: &str, line: Part, is_nested: bool) -> Option<Vec<Part>> {
    let bytes = text.as_bytes().get(line.start..line.end)?;
    let (mut parts, mut from, mut depth, mut at) = (Vec::new(), 0, 0_usize, 0);
    let part = |from: usize, to: usize| {
        let inner = text.get(line.start + from..line.start + to).unwrap_or_default();
        let start = line.start + from + (inner.len() - inner.trim_start().len());
        Part { start: start.min(line.start + to), end: start.min(line.start + to) + inner.trim().len() }
    };
    while let Some(byte) = bytes.get(at) {
        match byte {
            b'"' => {
                at += 1;
                while let Some(inner) = bytes.get(at).filter(|b| **b != b'"') {
                    at += if *inner == b'\\' { 2 } else { 1 };
                }
            }
            // The rest is a comment.
            b'#' if at > 0 && matches!(bytes.get(at - 1), Some(b' ' | b'\t')) => break,
            b'(' | b'[' | b'{' if is_nested => depth += 1,
            b')' | b']' | b'}' if is_nested => depth = depth.saturating_sub(1),
            b'|' if depth == 0 => {
                parts.push(part(from, at));
                from = at + 1;
            }
            _ => {}
        }
        at += 1;
    }
    parts.push(part(from, at.min(bytes.len())));
    (depth == 0).then_some(parts)
}

/// `name`, `name within 2 ulp`, `name within 1e-9`
fn column(scalar: &Scalar, part: Part, diagnostics: &mut Vec<Diagnostic>) -> Option<Column> {
    let tokens = lexer::tokens(scalar, part.start, part.end, diagnostics);
    let kind = |i: usize| tokens.get(i).map_or(&TokenKind::End, |token: &Token<'_>| &token.kind);
    let span = |i: usize| tokens.get(i).map_or(scalar.span, |token| scalar.span_of(token.start, token.end));
    let whole = scalar.span_of(part.start, part.end);
    let TokenKind::Word(name) = *kind(0) else {
        let message = Diagnostic::new("E0156", whole, "expected the name of a column");
        diagnostics.push(message.help("columns have the names of parameters; the last one is `result`"));
        return None;
    };
    let within = match (kind(1), kind(2), kind(3), kind(4)) {
        (TokenKind::End, ..) => Some(Tolerance::Exact),
        (TokenKind::Word("within"), TokenKind::Int(n), TokenKind::Word("ulp"), TokenKind::End) => {
            Some(Tolerance::Ulp(*n))
        }
        (TokenKind::Word("within"), TokenKind::Float(d), TokenKind::End, _) => Some(Tolerance::Absolute(*d)),
        (TokenKind::Word("within"), TokenKind::Int(d), TokenKind::End, _) => Some(Tolerance::Absolute(*d as f64)),
        _ => None,
    };
    let within = within.unwrap_or_else(|| {
        let message = Diagnostic::new("E0156", whole, "this is not the name of a column");
        diagnostics.push(message.help("write `result`, `result within 2 ulp` or `result within 1e-9`"));
        Tolerance::Exact
    });
    if within != Tolerance::Exact && name != "result" {
        let message = Diagnostic::new("E0156", whole, "only `result` may be near enough; an argument is what it is");
        diagnostics.push(message);
    }
    Some(Column { name: Ident { name: name.to_owned(), span: span(0) }, within })
}
