//! Lists and maps in brackets: on one line where they fit, else broken behind commas.

use super::{WIDTH, Writer, double_quoted};
use crate::tree::{Node, NodeKind, Scalar, Style};

/// What stands between two pieces.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Gap {
    None,
    Space,
    /// A space, or a line's end where the next piece does not fit.
    Break,
}

/// A piece that is not broken.
struct Piece {
    text: String,
    /// What follows it.
    gap: Gap,
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
        let mut is_line_begun = true;
        let mut may_break = false;
        for (i, piece) in pieces.iter().enumerate() {
            // What follows up to the next place for a break stays together.
            let width = || {
                let mut width = 0;
                for piece in pieces.iter().skip(i) {
                    width += piece.text.chars().count() + usize::from(piece.gap == Gap::Space);
                    if piece.gap == Gap::Break || piece.comment.is_some() {
                        break;
                    }
                }
                width
            };
            if !is_line_begun || may_break && column > indent && column + width() > WIDTH {
                self.new_line(indent);
                column = indent;
            }
            is_line_begun = true;
            self.out.push_str(&piece.text);
            column += piece.text.chars().count();
            may_break = piece.gap == Gap::Break;
            if let Some((comment, is_alone)) = &piece.comment {
                if *is_alone && column > indent {
                    self.new_line(indent);
                } else if column > indent {
                    self.out.truncate(self.out.trim_end_matches(' ').len());
                    self.out.push_str("  ");
                }
                self.out.push_str(comment);
                is_line_begun = false;
            } else if piece.gap != Gap::None && i + 1 < pieces.len() {
                self.out.push(' ');
                column += 1;
            }
        }
    }

    fn new_line(&mut self, indent: usize) {
        self.out.truncate(self.out.trim_end_matches(' ').len());
        self.end_line();
        self.indent(indent);
    }

    /// Takes the comments that begin before `end`.
    fn flow_comments(&mut self, end: usize, pieces: &mut Vec<Piece>) {
        while let Some(comment) = self.next_comment(end) {
            let text = self.source(comment.span.start, comment.span.end).trim_end().to_owned();
            self.n_written += 1;
            let comment = Some((text, comment.is_alone));
            match pieces.last_mut() {
                Some(last) if last.comment.is_none() => last.comment = comment,
                _ => pieces.push(Piece { text: String::new(), gap: Gap::Break, comment }),
            }
        }
    }

    fn push(&mut self, start: u32, text: String, gap: Gap, pieces: &mut Vec<Piece>) {
        self.flow_comments(start as usize, pieces);
        pieces.push(Piece { text, gap, comment: None });
    }

    fn pieces(&mut self, node: &Node, pieces: &mut Vec<Piece>) {
        match &node.kind {
            NodeKind::Absent => {}
            NodeKind::Scalar(scalar) => self.push(node.span.start, self.flow_scalar(scalar), Gap::None, pieces),
            NodeKind::List(items) => {
                self.push(node.span.start, "[".to_owned(), Gap::None, pieces);
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
                let within = if entries.is_empty() { Gap::None } else { Gap::Space };
                if has_braces {
                    self.push(node.span.start, "{".to_owned(), within, pieces);
                }
                for (i, entry) in entries.iter().enumerate() {
                    let key = self.flow_scalar(&entry.key);
                    let is_absent = matches!(entry.value.kind, NodeKind::Absent);
                    self.push(entry.key.span.start, key + ":", if is_absent { Gap::None } else { Gap::Space }, pieces);
                    self.pieces(&entry.value, pieces);
                    comma(i + 1 < entries.len(), pieces);
                }
                if has_braces {
                    self.flow_comments(node.span.end as usize - 1, pieces);
                    if let Some(last) = pieces.last_mut() {
                        last.gap = within;
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
            Style::Plain if !scalar.text.contains('\n') => scalar.text.to_string(),
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
        last.gap = Gap::Break;
    }
}

fn close(text: &str, pieces: &mut Vec<Piece>) {
    pieces.push(Piece { text: text.to_owned(), gap: Gap::None, comment: None });
}
