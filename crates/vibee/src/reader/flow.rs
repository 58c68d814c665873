//! Lists and maps in brackets and braces.

use super::{
    Reader,
    scalar::{Draft, fold, origin},
    scan::Stop,
};
use crate::{
    diagnostic::Diagnostic,
    limits::{ITEMS_MAX, NESTING_MAX},
    tree::{Entry, Node, NodeKind, Scalar},
};

impl Reader<'_> {
    /// Reads a list or map at the cursor that stands outside of others; its further lines are deeper than `parent`.
    pub(super) fn flow(&mut self, parent: isize, depth: usize) -> Node {
        let (start, line_start) = (self.pos, self.line_start);
        let closing = if self.byte() == b'[' { "bracket" } else { "brace" };
        self.has_failed_in_flow = false;
        let node = self.collection(parent, depth);
        if self.has_failed_in_flow {
            self.has_failed_in_flow = false;
            self.leave_flow(parent);
            return node;
        }
        let is_one_line = self.line_start == line_start;
        let end = self.pos;
        self.skip_spaces();
        if self.byte() == b':' && self.is_blank(self.pos + 1) {
            let message = "a complex key (a list or map in brackets): specifications do without";
            self.say(Diagnostic::new("E0120", self.span(start, end), message));
            self.skip_deeper(parent);
            return node;
        }
        self.after_closing(start, is_one_line, closing, parent).unwrap_or(node)
    }

    /// Goes on after a mistake: behind the lines that belong to the brackets.
    fn leave_flow(&mut self, parent: isize) {
        self.skip_deeper(parent);
        while self.pos < self.bytes.len()
            && matches!(self.at(self.pos + usize::try_from(parent).unwrap_or(0)), b']' | b'}')
        {
            self.skip_deeper(parent);
        }
    }

    /// Says what is wrong; the brackets are left without another word.
    fn fail(&mut self, found: Diagnostic) {
        if !self.has_failed_in_flow {
            self.has_failed_in_flow = true;
            self.say(found);
        }
    }

    /// Goes to the next byte between brackets that is neither blank nor comment; `false` if none is left.
    fn skip_in_flow(&mut self, parent: isize, open: usize) -> bool {
        let line_start = self.line_start;
        let found = self.skip_to_content();
        let is_inside = match found {
            None => false,
            Some(_) if self.line_start == line_start => true,
            Some(column) if column as isize > parent => true,
            Some(column) => column as isize == parent && matches!(self.byte(), b']' | b'}'),
        };
        if !is_inside {
            let sign = char::from(self.at(open));
            let found = Diagnostic::new("E0103", self.span(open, open + 1), format!("`{sign}` is not closed"));
            // The line at which the brackets were given up is read again, as what it is.
            if found_line(self.line_start, line_start) {
                self.pos = self.bytes.get(..self.line_start - 1).map_or(0, <[u8]>::len);
                self.line_start = line_start;
            }
            self.fail(found.label("opened here").help("further lines stand deeper than the key"));
        }
        is_inside
    }

    fn collection(&mut self, parent: isize, depth: usize) -> Node {
        let start = self.pos;
        let is_list = self.byte() == b'[';
        let close = if is_list { b']' } else { b'}' };
        let mut items = Vec::new();
        let mut entries = Vec::new();
        let mut n_items = 0;
        if depth > NESTING_MAX {
            self.too_deep(start);
            self.has_failed_in_flow = true;
        }
        self.pos += 1;
        while !self.has_failed_in_flow && self.skip_in_flow(parent, start) {
            if self.byte() == close {
                self.pos += 1;
                break;
            }
            n_items += 1;
            if is_list {
                let item = self.item(parent, depth, start);
                if n_items <= ITEMS_MAX {
                    items.push(item);
                }
            } else if let Some(entry) = self.entry(parent, depth, start)
                && n_items <= ITEMS_MAX
            {
                entries.push(entry);
            }
            if self.has_failed_in_flow || !self.skip_in_flow(parent, start) {
                break;
            }
            match self.byte() {
                b',' => self.pos += 1,
                byte if byte == close => {}
                _ => {
                    let here = self.span(self.pos, self.pos + 1);
                    let end = if is_list { "`,` or `]`" } else { "`,` or `}`" };
                    self.fail(Diagnostic::new("E0106", here, format!("{end} belongs here")));
                }
            }
        }
        self.check_items(n_items, start, if is_list { "list" } else { "map" });
        self.check_repeated(&entries, depth);
        let kind = if is_list { NodeKind::List(items) } else { NodeKind::Map(entries) };
        Node { span: self.span(start, self.pos), kind }
    }

    /// Reads an item of a list; `key: value` is a map of one entry.
    fn item(&mut self, parent: isize, depth: usize, open: usize) -> Node {
        let (start, line_start) = (self.pos, self.line_start);
        let node = self.flow_value(parent, depth);
        if self.has_failed_in_flow || self.line_start != line_start {
            return node;
        }
        let end = self.pos;
        self.skip_spaces();
        let is_quoted = matches!(self.at(start), b'"' | b'\'');
        let is_pair = self.byte() == b':' && (is_quoted || self.is_end_in_flow(self.pos + 1));
        let NodeKind::Scalar(key) = node.kind else {
            if is_pair {
                self.complex_key(start, end);
            }
            return node;
        };
        if !is_pair {
            return Node { span: node.span, kind: NodeKind::Scalar(key) };
        }
        let value = self.flow_after_colon(parent, depth + 1, open);
        let span = self.span(start, value.span.end as usize);
        Node { span, kind: NodeKind::Map(vec![Entry { key, value }]) }
    }

    fn complex_key(&mut self, start: usize, end: usize) {
        let message = "a complex key (a list or map in brackets): specifications do without";
        self.fail(Diagnostic::new("E0120", self.span(start, end), message));
    }

    fn is_end_in_flow(&self, at: usize) -> bool {
        self.is_blank(at) || matches!(self.at(at), b',' | b'[' | b']' | b'{' | b'}')
    }

    /// Reads an entry of a map.
    fn entry(&mut self, parent: isize, depth: usize, open: usize) -> Option<Entry> {
        let start = self.pos;
        let node = self.flow_value(parent, depth);
        let end = self.pos;
        if self.has_failed_in_flow {
            return None;
        }
        let NodeKind::Scalar(key) = node.kind else {
            self.complex_key(start, end);
            return None;
        };
        let is_merge = self.is_merge_key(&key);
        if !self.skip_in_flow(parent, open) {
            return None;
        }
        if self.byte() != b':' {
            let value = Node { span: self.span(end, end), kind: NodeKind::Absent };
            return Some(Entry { key, value });
        }
        let value = self.flow_after_colon(parent, depth, open);
        (!is_merge).then_some(Entry { key, value })
    }

    fn flow_after_colon(&mut self, parent: isize, depth: usize, open: usize) -> Node {
        self.pos += 1;
        let colon = self.pos;
        if self.skip_in_flow(parent, open) && !matches!(self.byte(), b',' | b']' | b'}') {
            return self.flow_value(parent, depth);
        }
        Node { span: self.span(colon, colon), kind: NodeKind::Absent }
    }

    /// Reads a scalar, list or map between brackets.
    fn flow_value(&mut self, parent: isize, depth: usize) -> Node {
        let start = self.pos;
        let is_end = self.is_end_in_flow(start + 1);
        match self.byte() {
            b'[' | b'{' => return self.collection(parent, depth + 1),
            b'"' | b'\'' => {
                let n_said = self.diagnostics.len() + self.n_unsaid;
                let scalar = self.quoted(parent);
                let is_closed = self.pos > start + 1 && self.at(self.pos - 1) == self.at(start);
                self.has_failed_in_flow |= !is_closed && self.diagnostics.len() + self.n_unsaid > n_said;
                return Node { span: scalar.span, kind: NodeKind::Scalar(scalar) };
            }
            b'&' | b'*' | b'!' => {
                self.refuse_property();
                self.has_failed_in_flow = true;
            }
            b'?' if is_end => {
                let message = "a complex key (`? …`): specifications do without";
                self.fail(Diagnostic::new("E0120", self.span(start, start + 1), message));
            }
            b',' => {
                self.fail(Diagnostic::new("E0106", self.span(start, start + 1), "nothing stands before this comma"));
            }
            b':' if is_end => {
                self.fail(Diagnostic::new("E0106", self.span(start, start + 1), "a colon without a key before it"));
            }
            b']' | b'}' => {
                let message = "this closes what was not opened";
                self.fail(Diagnostic::new("E0106", self.span(start, start + 1), message));
            }
            // A comment stands behind a blank: this one does not, and no plain value begins so.
            sign @ (b'|' | b'>' | b'%' | b'@' | b'`' | b'#') => {
                let message = format!("a value that begins with `{}` is not read as text", char::from(sign));
                let found = Diagnostic::new("E0107", self.span(start, start + 1), message);
                self.fail(found.help("put the value in quotes"));
            }
            b'-' if is_end => {
                let message = "`-` between brackets is no list and no number";
                self.fail(
                    Diagnostic::new("E0107", self.span(start, start + 1), message).help("put the value in quotes"),
                );
            }
            _ => {
                let scalar = self.flow_plain(start, parent);
                return Node { span: scalar.span, kind: NodeKind::Scalar(scalar) };
            }
        }
        Node { span: self.span(start, start), kind: NodeKind::Absent }
    }

    /// Reads text without quotes between brackets, perhaps over several lines.
    fn flow_plain(&mut self, start: usize, parent: isize) -> Scalar {
        let mut line = self.plain_line(start, true);
        let first = self.bare(start, line.end);
        let mut draft = None;
        self.pos = line.at;
        while line.stop == Stop::LineEnd {
            let Some(next) = self.peek_line() else { break };
            let is_text = next.indent as isize > parent
                && next.line_start + next.indent == next.at
                && !matches!(self.at(next.at), b'#' | b',' | b'[' | b']' | b'{' | b'}')
                && !(self.at(next.at) == b':' && self.is_end_in_flow(next.at + 1));
            if !is_text {
                break;
            }
            let scalar = draft.get_or_insert_with(|| Draft::of(&first, start));
            fold(scalar, line.end, next.n_breaks);
            self.line_start = next.line_start;
            line = self.plain_line(next.at, true);
            origin(&mut scalar.origins, scalar.text.len(), next.at);
            scalar.text.push_str(self.text.get(next.at..line.end).unwrap_or_default());
            scalar.span.end = line.end as u32;
            self.pos = line.at;
        }
        draft.map_or(first, Draft::scalar)
    }
}

/// Tells whether the cursor went to another line.
fn found_line(now: usize, before: usize) -> bool {
    now > before
}
