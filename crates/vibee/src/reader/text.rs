//! Texts over several lines, after `|` and `>`.

use super::{Reader, scalar::origin};
use crate::{
    diagnostic::Diagnostic,
    tree::{Scalar, Style, Text},
};

/// What becomes of line feeds at the end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Chomp {
    /// `-`: none stays.
    Strip,
    Clip,
    /// `+`: all stay.
    Keep,
}

impl Reader<'_> {
    /// Reads a text whose `|` or `>` stands at the cursor; `None` if what follows the sign shows that it is none.
    pub(super) fn block_text(&mut self, parent: isize) -> Option<Scalar> {
        let start = self.pos;
        let style = if self.byte() == b'|' { Style::Literal } else { Style::Folded };
        let mut chomp = None;
        let mut digit = None;
        let mut at = start + 1;
        loop {
            match self.at(at) {
                b'-' if chomp.is_none() => chomp = Some(Chomp::Strip),
                b'+' if chomp.is_none() => chomp = Some(Chomp::Keep),
                byte @ b'1'..=b'9' if digit.is_none() => digit = Some(usize::from(byte - b'0')),
                _ => break,
            }
            at += 1;
        }
        let header_end = at;
        while matches!(self.at(at), b' ' | b'\t') {
            at += 1;
        }
        let is_comment = self.at(at) == b'#' && at > header_end;
        if !self.is_break(at) && !is_comment {
            return None;
        }
        self.pos = at;
        if is_comment {
            self.comment();
        }
        let has_line = self.next_line();
        let least = usize::try_from(parent + 1).unwrap_or(0);
        let indent = match digit {
            Some(digit) => least.max(1) - 1 + digit,
            None => self.text_indent(least),
        };
        let chomp = chomp.unwrap_or(Chomp::Clip);
        if !has_line {
            let span = self.span(start, header_end);
            return Some(Scalar { span, text: Text::from(""), style, origins: vec![(0, self.pos as u32)] });
        }
        let mut scalar = self.lines_of_text(style, indent, chomp, header_end);
        scalar.span.start = start as u32;
        Some(scalar)
    }

    /// Finds the indentation of a text by its first line that is not blank.
    fn text_indent(&mut self, least: usize) -> usize {
        let mut at = self.pos;
        let (mut deepest, mut blank) = (0, at);
        loop {
            let line_start = at;
            while self.at(at) == b' ' {
                at += 1;
            }
            let indent = at - line_start;
            let is_end = at >= self.bytes.len();
            if !self.is_break(at) || is_end {
                if indent < least || is_end {
                    // No text follows; blank lines are all there is.
                    return indent.max(deepest).max(least);
                }
                if deepest > indent {
                    let message = "a blank line before the text is indented further than the text";
                    self.say(Diagnostic::new("E0102", self.span(blank, blank + deepest), message));
                }
                return indent;
            }
            if indent > deepest {
                (deepest, blank) = (indent, line_start);
            }
            at = self.line_end(at);
            at += if self.at(at) == b'\r' { 2 } else { 1 };
        }
    }

    /// Reads the lines of a text from the beginning of the first, down to the first that is less indented.
    pub(super) fn lines_of_text(&mut self, style: Style, indent: usize, chomp: Chomp, header_end: usize) -> Scalar {
        let mut text = String::new();
        let mut origins = Vec::new();
        let mut end = header_end;
        // Line feeds that stand for themselves only if text follows, each with its place.
        let mut pending: Option<usize> = None;
        let mut blanks: Vec<usize> = Vec::new();
        let mut was_blank_first = false;
        loop {
            let line_start = self.pos;
            let mut at = line_start;
            while at - line_start < indent && self.at(at) == b' ' {
                at += 1;
            }
            if at >= self.bytes.len() {
                self.pos = at;
                self.line_start = line_start;
                break;
            }
            let is_indented = at - line_start == indent;
            if self.is_break(at) {
                // An indented line of further spaces is text, this one has none.
                blanks.push(at);
            } else if is_indented {
                let is_blank_first = matches!(self.at(at), b' ' | b'\t');
                let is_folded = style == Style::Folded && !was_blank_first && !is_blank_first;
                if let Some(feed) = pending.take() {
                    if !is_folded {
                        origin(&mut origins, text.len(), feed);
                        text.push('\n');
                    } else if blanks.is_empty() {
                        origin(&mut origins, text.len(), feed);
                        text.push(' ');
                    }
                }
                for blank in blanks.drain(..) {
                    origin(&mut origins, text.len(), blank);
                    text.push('\n');
                }
                let line_end = self.line_end(at);
                origin(&mut origins, text.len(), at);
                text.push_str(self.text.get(at..line_end).unwrap_or_default());
                end = line_end;
                pending = Some(line_end);
                was_blank_first = is_blank_first;
            } else {
                break;
            }
            self.pos = at;
            if !self.next_line() {
                break;
            }
        }
        if chomp != Chomp::Strip
            && let Some(feed) = pending
        {
            origin(&mut origins, text.len(), feed);
            text.push('\n');
        }
        if chomp == Chomp::Keep {
            for blank in blanks {
                origin(&mut origins, text.len(), blank);
                text.push('\n');
                end = blank;
            }
        }
        if origins.first().is_none_or(|(first, _)| *first != 0) {
            origins.insert(0, (0, header_end as u32));
        }
        Scalar { span: self.span(header_end, end), text: text.into(), style, origins }
    }
}
