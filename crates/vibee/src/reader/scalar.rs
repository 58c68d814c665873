//! Plain and quoted scalars, over one line or several, and what to do with text that needs quotes.

use super::{
    Reader,
    scan::{NextLine, PlainLine, Stop},
    text::Chomp,
};
use crate::{
    diagnostic::Diagnostic,
    source::Span,
    tree::{Node, NodeKind, Scalar, Style, Text},
};

/// Notes that byte `text` of a scalar is byte `file` of the file, where that does not follow from the pair before.
pub(super) fn origin(origins: &mut Vec<(u32, u32)>, text: usize, file: usize) {
    let (text, file) = (text as u32, file as u32);
    match origins.last_mut() {
        Some((last_text, last_file)) if *last_text == text => *last_file = file,
        Some((last_text, last_file)) if file.checked_sub(*last_file) == Some(text - *last_text) => {}
        _ => origins.push((text, file)),
    }
}

/// A scalar whose text is written, because it is no part of the file as it stands there.
pub(super) struct Draft {
    pub(super) span: Span,
    pub(super) text: String,
    style: Style,
    pub(super) origins: Vec<(u32, u32)>,
}

impl Draft {
    /// Goes on with a scalar that stood on one line, without quotes, from byte `start` of the file.
    pub(super) fn of(scalar: &Scalar, start: usize) -> Self {
        let origins = vec![(0, start as u32)];
        Self { span: scalar.span, text: scalar.text.to_string(), style: scalar.style, origins }
    }

    pub(super) fn scalar(self) -> Scalar {
        Scalar { span: self.span, text: self.text.into(), style: self.style, origins: self.origins }
    }
}

/// Joins lines: one line end becomes a space, each further one a line feed. `end` is where the line's text ended.
pub(super) fn fold(scalar: &mut Draft, end: usize, n_breaks: usize) {
    origin(&mut scalar.origins, scalar.text.len(), end);
    if n_breaks == 1 {
        scalar.text.push(' ');
    } else {
        scalar.text.extend(std::iter::repeat_n('\n', n_breaks - 1));
    }
}

/// A repair as long as this is shown in the message.
const SHOWN_BYTES_MAX: usize = 80;

fn node(scalar: Scalar) -> Node {
    Node { span: scalar.span, kind: NodeKind::Scalar(scalar) }
}

/// Quotes a text that stands on one line, in the style that needs no escapes where one does.
fn in_quotes(text: &str) -> String {
    if text.contains(['"', '\\']) { format!("'{}'", text.replace('\'', "''")) } else { format!("\"{text}\"") }
}

impl Reader<'_> {
    /// Reads a plain scalar whose first line is known; `is_beside_key` tells whether it began on the line of its key.
    pub(super) fn plain(&mut self, start: usize, first: PlainLine, parent: isize, is_beside_key: bool) -> Node {
        let mut line = first;
        if line.stop == Stop::Colon {
            line = self.colon_in_plain(start, line);
        }
        self.pos = line.at;
        if line.stop == Stop::Comment {
            return node(self.bare(start, line.end));
        }
        let Some(mut next) = self.continuation(parent) else { return node(self.bare(start, line.end)) };
        let mut scalar = Draft::of(&self.bare(start, line.end), start);
        loop {
            let mut more = self.plain_line_of(next);
            if more.stop == Stop::Colon {
                if !self.is_strict && !is_beside_key && self.is_first_on_line(start) {
                    return self.steps(start, more.at);
                }
                more = self.colon_below(next.at, more);
                if self.is_strict {
                    self.leave_deeper(parent);
                    break;
                }
            }
            fold(&mut scalar, line.end, next.n_breaks);
            self.line_start = next.line_start;
            origin(&mut scalar.origins, scalar.text.len(), next.at);
            scalar.text.push_str(self.text.get(next.at..more.end).unwrap_or_default());
            scalar.span.end = more.end as u32;
            line = more;
            self.pos = line.at;
            if line.stop == Stop::Comment {
                break;
            }
            match self.continuation(parent) {
                Some(another) => next = another,
                None => break,
            }
        }
        node(scalar.scalar())
    }

    /// Finds the next line if it goes on with a plain scalar.
    fn continuation(&self, parent: isize) -> Option<NextLine> {
        let next = self.peek_line()?;
        let is_text =
            next.indent as isize > parent && next.line_start + next.indent == next.at && self.at(next.at) != b'#';
        (is_text && !(next.indent == 0 && self.is_marker_at(next.at))).then_some(next)
    }

    fn is_marker_at(&self, at: usize) -> bool {
        let first = self.at(at);
        matches!(first, b'-' | b'.') && self.at(at + 1) == first && self.at(at + 2) == first && self.is_blank(at + 3)
    }

    fn plain_line_of(&mut self, next: NextLine) -> PlainLine {
        // Whether `#` begins a comment depends on the line it stands in.
        let line_start = std::mem::replace(&mut self.line_start, next.line_start);
        let line = self.plain_line(next.at, false);
        self.line_start = line_start;
        line
    }

    /// Adds the repair that puts bytes of one line in quotes.
    pub(super) fn fix_by_quotes(&self, found: Diagnostic, start: usize, end: usize) -> Diagnostic {
        let quoted = in_quotes(self.text.get(start..end).unwrap_or_default());
        let is_short = quoted.len() <= SHOWN_BYTES_MAX;
        let shown =
            if is_short { format!("the value in quotes: {quoted}") } else { "put the value in quotes".to_owned() };
        found.help(shown).fix(self.span(start, end), quoted)
    }

    /// Says that plain text has a colon and a space in it; the whole line is text all the same.
    fn colon_in_plain(&mut self, start: usize, line: PlainLine) -> PlainLine {
        let colon = self.span(line.at, line.at + 1);
        let line = self.rest_of_line(line.at + 1);
        let code = if self.is_strict { "E0107" } else { "W0107" };
        let found =
            Diagnostic::new(code, colon, "a colon and a space inside plain text").label("reads as a key's colon");
        self.say(self.fix_by_quotes(found, start, line.end));
        line
    }

    /// Says that a further line of plain text reads like an entry.
    fn colon_below(&mut self, start: usize, line: PlainLine) -> PlainLine {
        let code = if self.is_strict { "E0107" } else { "W0107" };
        let name = self.text.get(start..line.end).unwrap_or_default().to_owned();
        let found = Diagnostic::new(code, self.span(line.at, line.at + 1), "a colon and a space inside plain text");
        let found = found.label("the lines above are text, and this one goes on with it");
        self.say(
            found.help(format!("if `{name}` is a key, it belongs in the column of the keys; text goes below `|`")),
        );
        self.rest_of_line(line.at + 1)
    }

    fn start_of_line(&self, at: usize) -> usize {
        self.bytes.get(..at).unwrap_or_default().iter().rposition(|b| *b == b'\n').map_or(0, |at| at + 1)
    }

    fn is_first_on_line(&self, at: usize) -> bool {
        self.bytes.get(self.start_of_line(at)..at).is_some_and(|before| before.iter().all(|b| *b == b' '))
    }

    /// Reads lines of an old file as after `|`, because one of them has a colon and a space.
    fn steps(&mut self, start: usize, colon: usize) -> Node {
        let found = Diagnostic::new("W0102", self.span(colon, colon + 1), "lines of text without `|` before them");
        self.say(found.label("reads as a key's colon"));
        self.line_start = self.start_of_line(start);
        self.pos = self.line_start;
        let mut scalar = self.lines_of_text(Style::Literal, start - self.line_start, Chomp::Clip, start);
        scalar.span.start = start as u32;
        node(scalar)
    }

    /// Makes one plain text of a line that begins in a way that means something else, and says so.
    pub(super) fn needs_quotes(&mut self, start: usize, end: usize, parent: isize) -> Node {
        let line = self.rest_of_line(start + 1);
        let sign = self.text.get(start..end).unwrap_or_default();
        let is_tolerated = !self.is_strict && sign == ">";
        let code = if is_tolerated { "W0107" } else { "E0107" };
        let message = format!("a value that begins with `{sign}` is not read as text");
        let found = Diagnostic::new(code, self.span(start, end), message);
        self.say(self.fix_by_quotes(found, start, line.end));
        self.pos = line.at;
        if !is_tolerated {
            self.leave_deeper(parent);
        }
        node(self.bare(start, line.end))
    }

    /// Leaves out the lines below that are deeper than `parent`, because the value they belong to is wrong already.
    pub(super) fn leave_deeper(&mut self, parent: isize) {
        if self.peek_line().is_some_and(|next| next.indent as isize > parent) {
            self.skip_deeper(parent);
        }
    }

    /// Ends a value in quotes or brackets: nothing but a comment may follow on its line. Gives the text of the whole
    /// line where something does.
    pub(super) fn after_closing(
        &mut self,
        start: usize,
        is_one_line: bool,
        closing: &str,
        parent: isize,
    ) -> Option<Node> {
        self.skip_spaces();
        if self.is_break(self.pos) || self.is_comment() {
            return None;
        }
        let after = self.pos;
        let line = self.rest_of_line(after);
        let is_tolerated = !self.is_strict && is_one_line;
        let code = if is_tolerated { "W0107" } else { "E0107" };
        let message = format!("text after the closing {closing}");
        let mut found = Diagnostic::new(code, self.span(after, line.end), message);
        if is_one_line {
            found = self.fix_by_quotes(found, start, line.end);
        }
        self.say(found);
        self.pos = line.at;
        if !is_tolerated {
            self.leave_deeper(parent);
        }
        is_one_line.then(|| node(self.bare(start, line.end)))
    }

    /// Ends a quoted value.
    pub(super) fn after_quoted(&mut self, scalar: Scalar, parent: isize) -> Node {
        let start = scalar.span.start as usize;
        let is_one_line = self.line_start <= start;
        self.after_closing(start, is_one_line, "quote", parent).unwrap_or_else(|| node(scalar))
    }

    /// Reads a quoted scalar at the cursor; lines after the first are deeper than `parent`.
    pub(super) fn quoted(&mut self, parent: isize) -> Scalar {
        let start = self.pos;
        let quote = self.byte();
        let style = if quote == b'"' { Style::Double } else { Style::Single };
        let mut at = start + 1;
        while !matches!(self.at(at), b'\n' | b'\\' | 0) && self.at(at) != quote {
            at += 1;
        }
        if self.at(at) == quote && (quote == b'"' || self.at(at + 1) != quote) {
            self.pos = at + 1;
            let text = Text::part(self.text, start + 1, at);
            return Scalar { span: self.span(start, at + 1), text, style, origins: Vec::new() };
        }
        let span = self.span(start, start + 1);
        let mut scalar = Draft { span, text: String::new(), style, origins: vec![(0, start as u32 + 1)] };
        self.pos = start + 1;
        self.quoted_text(&mut scalar, quote, parent);
        scalar.span.end = self.pos as u32;
        scalar.scalar()
    }

    /// Reads up to the closing quote and goes behind it.
    fn quoted_text(&mut self, scalar: &mut Draft, quote: u8, parent: isize) {
        // Blanks before this byte of the text were escaped, and stay at the end of a line.
        let mut n_fixed = 0;
        loop {
            let from = self.pos;
            while !matches!(self.byte(), b'\n' | b'\\' | 0) && self.byte() != quote {
                self.pos += 1;
            }
            origin(&mut scalar.origins, scalar.text.len(), from);
            scalar.text.push_str(self.text.get(from..self.pos).unwrap_or_default());
            match self.byte() {
                byte if byte == quote => {
                    if quote == b'\'' && self.at(self.pos + 1) == quote {
                        origin(&mut scalar.origins, scalar.text.len(), self.pos);
                        scalar.text.push('\'');
                        self.pos += 2;
                        continue;
                    }
                    self.pos += 1;
                    return;
                }
                b'\\' if quote == b'\'' => {
                    scalar.text.push('\\');
                    self.pos += 1;
                }
                b'\\' if self.is_break(self.pos + 1) => {
                    n_fixed = scalar.text.len();
                    self.pos += 1;
                    if !self.next_quoted_line(scalar, n_fixed, parent, true) {
                        return;
                    }
                }
                b'\\' => {
                    self.escape(scalar);
                    n_fixed = scalar.text.len();
                }
                _ => {
                    if !self.next_quoted_line(scalar, n_fixed, parent, false) {
                        return;
                    }
                    n_fixed = scalar.text.len();
                }
            }
        }
    }

    /// Folds a line end inside quotes; `false` if the text ends without a quote.
    fn next_quoted_line(&mut self, scalar: &mut Draft, n_fixed: usize, parent: isize, is_escaped: bool) -> bool {
        let fixed = scalar.text.get(..n_fixed).map_or(0, str::len);
        let trimmed = scalar.text.trim_end_matches([' ', '\t', '\r']).len().max(fixed);
        scalar.text.truncate(trimmed);
        while scalar.origins.len() > 1 && scalar.origins.last().is_some_and(|(text, _)| *text as usize > trimmed) {
            scalar.origins.pop();
        }
        let next = self.peek_line().filter(|next| next.indent as isize > parent);
        let Some(next) = next else {
            let start = scalar.span.start as usize;
            let message = "a quoted text that is not closed";
            let found = Diagnostic::new("E0103", self.span(start, start + 1), message).label("opened here");
            self.say(found.help("further lines of a quoted text stand deeper than its key"));
            self.pos = self.line_end(self.pos);
            return false;
        };
        let end = self.pos;
        if !is_escaped {
            fold(scalar, end, next.n_breaks);
        } else if next.n_breaks > 1 {
            origin(&mut scalar.origins, scalar.text.len(), end);
            scalar.text.extend(std::iter::repeat_n('\n', next.n_breaks - 1));
        }
        self.pos = next.at;
        self.line_start = next.line_start;
        true
    }

    /// Reads an escape of double quotes.
    fn escape(&mut self, scalar: &mut Draft) {
        let start = self.pos;
        let n_digits = match self.at(start + 1) {
            b'x' => 2,
            b'u' => 4,
            b'U' => 8,
            _ => 0,
        };
        let digits = self.text.get(start + 2..start + 2 + n_digits).unwrap_or_default();
        let decoded = match self.at(start + 1) {
            b'0' => Some('\0'),
            b'a' => Some('\x07'),
            b'b' => Some('\x08'),
            b't' | b'\t' => Some('\t'),
            b'n' => Some('\n'),
            b'v' => Some('\x0b'),
            b'f' => Some('\x0c'),
            b'r' => Some('\r'),
            b'e' => Some('\x1b'),
            byte @ (b' ' | b'"' | b'/' | b'\\') => Some(byte as char),
            b'N' => Some('\u{85}'),
            b'_' => Some('\u{A0}'),
            b'L' => Some('\u{2028}'),
            b'P' => Some('\u{2029}'),
            _ if n_digits > 0 && digits.bytes().all(|b| b.is_ascii_hexdigit()) => {
                u32::from_str_radix(digits, 16).ok().and_then(char::from_u32)
            }
            _ => None,
        };
        let rest = self.text.get(start + 1..).unwrap_or_default();
        let n_bytes = if decoded.is_some() { 2 + n_digits } else { 1 + rest.chars().next().map_or(0, char::len_utf8) };
        if decoded.is_none() {
            let shown = self.text.get(start..start + n_bytes).unwrap_or_default();
            let found = Diagnostic::new("E0104", self.span(start, start + n_bytes), format!("`{shown}` is no escape"));
            self.say(found.help("a backslash itself is `\\\\`; in single quotes it is a letter like others"));
        }
        origin(&mut scalar.origins, scalar.text.len(), start);
        scalar.text.push(decoded.unwrap_or('\u{FFFD}'));
        self.pos = start + n_bytes;
    }
}
