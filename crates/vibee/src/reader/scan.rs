//! The cursor: blanks, line ends, comments, and where text without quotes ends on its line.

use super::Reader;
use crate::{diagnostic::Diagnostic, tree::Comment};

/// Where text without quotes ends on its line, and what stands there.
#[derive(Clone, Copy, Debug)]
pub(super) struct PlainLine {
    /// The byte behind the last that is no blank.
    pub(super) end: usize,
    /// The byte at which reading stopped.
    pub(super) at: usize,
    pub(super) stop: Stop,
}

/// What ends text without quotes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stop {
    LineEnd,
    Comment,
    /// A colon with a blank or the line's end behind it.
    Colon,
    /// `,`, `[`, `]`, `{` or `}` between brackets.
    Bracket,
}

/// Bytes at which reading of plain text has to look: 1 everywhere, 2 between brackets alone.
const STOPS: [u8; 256] = {
    let mut stops = [0; 256];
    stops[b'\n' as usize] = 1;
    stops[b'#' as usize] = 1;
    stops[b':' as usize] = 1;
    stops[b',' as usize] = 2;
    stops[b'[' as usize] = 2;
    stops[b']' as usize] = 2;
    stops[b'{' as usize] = 2;
    stops[b'}' as usize] = 2;
    stops
};

impl Reader<'_> {
    /// Gives the byte at `at`; 0 at the end, which no file has inside.
    pub(super) fn at(&self, at: usize) -> u8 {
        self.bytes.get(at).copied().unwrap_or(0)
    }

    pub(super) fn byte(&self) -> u8 {
        self.at(self.pos)
    }

    pub(super) fn column(&self) -> usize {
        self.pos - self.line_start
    }

    /// Tells whether the line ends at `at`.
    pub(super) fn is_break(&self, at: usize) -> bool {
        match self.at(at) {
            b'\n' => true,
            b'\r' => self.at(at + 1) == b'\n',
            0 => at >= self.bytes.len(),
            _ => false,
        }
    }

    /// Tells whether a blank stands at `at` or the line ends there.
    pub(super) fn is_blank(&self, at: usize) -> bool {
        matches!(self.at(at), b' ' | b'\t') || self.is_break(at)
    }

    /// Tells whether nothing but blanks stands from `at` to the end of its line.
    pub(super) fn is_blank_to_end(&self, mut at: usize) -> bool {
        while matches!(self.at(at), b' ' | b'\t') {
            at += 1;
        }
        self.is_break(at)
    }

    pub(super) fn skip_spaces(&mut self) {
        while matches!(self.byte(), b' ' | b'\t') {
            self.pos += 1;
        }
    }

    /// Tells whether a comment begins at the cursor.
    pub(super) fn is_comment(&self) -> bool {
        self.byte() == b'#' && (self.pos == self.line_start || matches!(self.at(self.pos - 1), b' ' | b'\t'))
    }

    /// Reads a comment up to the end of its line.
    pub(super) fn comment(&mut self) {
        let start = self.pos;
        self.pos = self.line_end(start);
        let before = self.bytes.get(self.line_start..start).unwrap_or_default();
        let is_alone = before.iter().all(|b| matches!(b, b' ' | b'\t'));
        self.comments.push(Comment { span: self.span(start, self.pos), is_alone });
    }

    /// Gives the end of the line of `at`, without its line feed.
    pub(super) fn line_end(&self, at: usize) -> usize {
        let rest = self.bytes.get(at..).unwrap_or_default();
        let end = at + memchr::memchr(b'\n', rest).unwrap_or(rest.len());
        if end > at && self.at(end) == b'\n' && self.at(end - 1) == b'\r' { end - 1 } else { end }
    }

    /// Goes behind the line feed of the cursor's line; `false` at the end of the file.
    pub(super) fn next_line(&mut self) -> bool {
        self.pos = self.line_end(self.pos);
        if self.at(self.pos) == b'\r' {
            self.pos += 1;
        }
        if self.pos >= self.bytes.len() {
            return false;
        }
        self.pos += 1;
        self.line_start = self.pos;
        true
    }

    /// Goes to the next byte that is neither blank nor comment, and gives its column; `None` at the end of the file.
    pub(super) fn skip_to_content(&mut self) -> Option<usize> {
        let mut is_indentation = self.pos == self.line_start;
        loop {
            let from = self.pos;
            while self.byte() == b' ' {
                self.pos += 1;
            }
            match self.byte() {
                b'\n' => {
                    self.pos += 1;
                    self.line_start = self.pos;
                    is_indentation = true;
                }
                b'\r' if self.is_break(self.pos) => self.pos += 1,
                b'\t' => {
                    self.skip_spaces();
                    if is_indentation && !self.is_break(self.pos) && self.byte() != b'#' {
                        self.tab_line(from);
                    }
                }
                b'#' if self.is_comment() => self.comment(),
                0 if self.pos >= self.bytes.len() => return None,
                _ if self.pos == self.line_start && self.is_marker() => {
                    if !self.marker() {
                        return None;
                    }
                }
                _ => {
                    self.has_content = true;
                    return Some(self.column());
                }
            }
        }
    }

    /// Leaves a line out that a tab indents.
    fn tab_line(&mut self, from: usize) {
        let tab = from + self.bytes.get(from..).unwrap_or_default().iter().position(|b| *b == b'\t').unwrap_or(0);
        let span = self.span(tab, tab + 1);
        match &mut self.tab {
            Some((_, n_more)) => *n_more += 1,
            None => self.tab = Some((span, 0)),
        }
        self.pos = self.line_end(self.pos);
    }

    /// Tells whether `---`, `...` or a directive stands at the beginning of the cursor's line.
    pub(super) fn is_marker(&self) -> bool {
        match self.byte() {
            b'%' => !self.has_content,
            first @ (b'-' | b'.') => {
                self.at(self.pos + 1) == first && self.at(self.pos + 2) == first && self.is_blank(self.pos + 3)
            }
            _ => false,
        }
    }

    /// Refuses a marker; `false` if the file ends here because another document would begin.
    fn marker(&mut self) -> bool {
        let start = self.pos;
        let is_directive = self.byte() == b'%';
        let is_first = !self.has_content;
        let end = self.line_end(start);
        let name = if is_directive { "a directive" } else { "a mark between documents" };
        let message = format!("{name}: a specification is one document and has no marks");
        let mut refusal = Diagnostic::new("E0120", self.span(start, end), message);
        if is_first {
            self.next_line();
            refusal = refusal.help("leave the line out").fix(self.span(start, self.pos), "");
        } else {
            refusal = refusal.help("what follows is not read");
            self.pos = self.bytes.len();
        }
        self.say(refusal);
        is_first
    }

    /// Finds where text without quotes ends on its line.
    pub(super) fn plain_line(&self, from: usize, is_flow: bool) -> PlainLine {
        let mut at = from;
        let level = u8::from(is_flow) + 1;
        let stop = loop {
            let Some(&byte) = self.bytes.get(at) else { break Stop::LineEnd };
            let kind = STOPS[byte as usize];
            if kind == 0 || kind > level {
                at += 1;
                continue;
            }
            match byte {
                b'\n' => break Stop::LineEnd,
                b'#' if at > self.line_start && matches!(self.at(at - 1), b' ' | b'\t') => break Stop::Comment,
                b':' if self.is_blank(at + 1) => break Stop::Colon,
                b':' if is_flow && STOPS[self.at(at + 1) as usize] == 2 => break Stop::Colon,
                b'#' | b':' => at += 1,
                _ => break Stop::Bracket,
            }
        };
        let mut end = at;
        while end > from && matches!(self.at(end - 1), b' ' | b'\t' | b'\r') {
            end -= 1;
        }
        PlainLine { end, at, stop }
    }

    /// Finds where the rest of a line ends before its comment, whatever stands in it.
    pub(super) fn rest_of_line(&self, from: usize) -> PlainLine {
        let mut line = self.plain_line(from, false);
        while line.stop == Stop::Colon {
            line = self.plain_line(line.at + 1, false);
        }
        line
    }

    /// Gives the column of the next line with something on it, the byte there, and how many lines lie between.
    pub(super) fn peek_line(&self) -> Option<NextLine> {
        let mut at = self.line_end(self.pos);
        let mut n_breaks = 0;
        loop {
            if self.at(at) == b'\r' {
                at += 1;
            }
            if at >= self.bytes.len() {
                return None;
            }
            at += 1;
            n_breaks += 1;
            let line_start = at;
            while self.at(at) == b' ' {
                at += 1;
            }
            let indent = at - line_start;
            while matches!(self.at(at), b' ' | b'\t') {
                at += 1;
            }
            if !self.is_break(at) {
                return Some(NextLine { line_start, at, indent, n_breaks });
            }
        }
    }
}

/// The next line that is not blank.
#[derive(Clone, Copy, Debug)]
pub(super) struct NextLine {
    pub(super) line_start: usize,
    /// Its first byte that is no blank.
    pub(super) at: usize,
    /// How many spaces it begins with.
    pub(super) indent: usize,
    /// Line ends between the cursor and it.
    pub(super) n_breaks: usize,
}
