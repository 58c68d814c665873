//! Lists and maps in brackets: on one line where they fit, else broken behind commas.

use super::{WIDTH, Writer, double_quoted};
use crate::tree::{Node, NodeKind, Scalar, Style};

/// A piece that is not broken.
struct Piece {
    text: String,
    /// Whether a space or a line end follows.
    is_break: bool,
    /// A comment that ends the line behind it, or stands on a line of its own.
    comment: Option<(String, bool)>,
}

impl Writer<'_> {
    /// Writes a list or map; further lines are indented by `indent`.
    pub(super) fn flow(&mut self, node: &Node, indent: usize) {
        let mut pieces = Vec::new();
        self.pieces(node, &mut pieces);
        self.flow_comments(node.span.end as usize - 1, &mut pieces);
        let line_start = self.out.rfind('\n').map_or(0, |at| at + 1);
        let mut column = self.out.get(line_start..).unwrap_or_default().chars().count();
        let mut rest = pieces.iter().peekable();
        let mut is_line_begun = true;
        while let Some(piece) = rest.next() {
            let mut width = piece.text.chars().count();
            // What follows without a break belongs to the same word.
            if let Some(next) = rest.peek()
                && !piece.is_break
            {
                width += next.text.chars().count();
            }
            if !is_line_begun || column + width > WIDTH && column > indent {
                self.out.truncate(self.out.trim_end_matches(' ').len());
                self.end_line();
                self.indent(indent);
                column = indent;
            }
            is_line_begun = true;
            self.out.push_str(&piece.text);
            column += piece.text.chars().count();
            if let Some((comment, is_alone)) = &piece.comment {
                if *is_alone && column > indent {
                    self.out.truncate(self.out.trim_end_matches(' ').len());
                    self.end_line();
                    self.indent(indent);
                } else if column > indent {
                    self.out.truncate(self.out.trim_end_matches(' ').len());
                    self.out.push_str("  ");
                }
                self.out.push_str(comment);
                is_line_begun = false;
            } else if piece.is_break && rest.peek().is_some() {
                self.out.push(' ');
                column += 1;
            }
        }
    }

    /// Takes the comments that begin before `end`.
    fn flow_comments(&mut self, end: usize, pieces: &mut Vec<Piece>) {
        while let Some(comment) = self.next_comment(end) {
            let text = self.source(comment.span.start, comment.span.end).trim_end().to_owned();
            self.n_written += 1;
            let comment = Some((text, comment.is_alone));
            match pieces.last_mut() {
                Some(last) if last.comment.is_none() => last.comment = comment,
                _ => pieces.push(Piece { text: String::new(), is_break: true, comment }),
            }
        }
    }

    fn push(&mut self, start: u32, text: String, is_break: bool, pieces: &mut Vec<Piece>) {
        self.flow_comments(start as usize, pieces);
        pieces.push(Piece { text, is_break, comment: None });
    }

    fn pieces(&mut self, node: &Node, pieces: &mut Vec<Piece>) {
        match &node.kind {
            NodeKind::Absent => {}
            NodeKind::Scalar(scalar) => self.push(node.span.start, self.flow_scalar(scalar), false, pieces),
            NodeKind::List(items) => {
                self.push(node.span.start, "[".to_owned(), false, pieces);
                for (i, item) in items.iter().enumerate() {
                    self.pieces(item, pieces);
                    comma(i + 1 < items.len(), pieces);
                }
                self.flow_comments(node.span.end as usize - 1, pieces);
                close("]", pieces);
            }
            NodeKind::Map(entries) => {
                // One entry among a list's items has no braces of its own.
                let has_braces = self.is_flow(node);
                if has_braces {
                    self.push(node.span.start, "{".to_owned(), !entries.is_empty(), pieces);
                }
                for (i, entry) in entries.iter().enumerate() {
                    let key = self.flow_scalar(&entry.key);
                    let is_absent = matches!(entry.value.kind, NodeKind::Absent);
                    self.push(entry.key.span.start, key + ":", !is_absent, pieces);
                    self.pieces(&entry.value, pieces);
                    comma(i + 1 < entries.len(), pieces);
                }
                if has_braces {
                    self.flow_comments(node.span.end as usize - 1, pieces);
                    if let Some(last) = pieces.last_mut() {
                        last.is_break = !entries.is_empty();
                    }
                    close("}", pieces);
                }
            }
        }
    }

    /// Writes a scalar between brackets, on one line.
    fn flow_scalar(&self, scalar: &Scalar) -> String {
        let written = self.source(scalar.span.start, scalar.span.end);
        if !written.contains('\n') {
            return written.to_owned();
        }
        match scalar.style {
            Style::Plain if !scalar.text.contains('\n') => scalar.text.clone(),
            Style::Single if !scalar.text.contains('\n') => format!("'{}'", scalar.text.replace('\'', "''")),
            _ => double_quoted(&scalar.text),
        }
    }
}

/// Puts a comma behind the last piece; a space may follow.
fn comma(is_more: bool, pieces: &mut [Piece]) {
    if let Some(last) = pieces.last_mut()
        && is_more
    {
        last.text.push(',');
        last.is_break = true;
    }
}

fn close(text: &str, pieces: &mut Vec<Piece>) {
    pieces.push(Piece { text: text.to_owned(), is_break: false, comment: None });
}
