//! Maps and lists by indentation.

use std::collections::HashMap;

use super::{Reader, scan::Stop};
use crate::{
    diagnostic::Diagnostic,
    limits::{ITEMS_MAX, NESTING_MAX},
    tree::{Entry, Node, NodeKind, Scalar, Style, Text},
};

/// Maps of so many entries are searched for repeated keys without a table.
const FEW: usize = 8;

impl Reader<'_> {
    /// Reads the whole file.
    pub(super) fn root(&mut self) -> Node {
        let Some(column) = self.skip_to_content() else {
            return Node { span: self.span(0, 0), kind: NodeKind::Absent };
        };
        let start = self.pos;
        if column > 0 {
            let message = "the first key stands in the first column";
            self.say(Diagnostic::new("E0102", self.span(start, start + 1), message));
        }
        let root = self.block(-1, 1);
        if self.skip_to_content().is_some() {
            self.misplaced();
        }
        let what = match root.kind {
            NodeKind::Map(_) | NodeKind::Absent => return root,
            NodeKind::List(_) => "a list",
            NodeKind::Scalar(_) => "text",
        };
        let end = self.rest_of_line(start).end;
        let message = format!("this is {what}, and a specification is a map of keys");
        self.say(Diagnostic::new("E0100", self.span(start, end), message).help("it begins with `vibee: 3`"));
        root
    }

    fn absent(&self, at: usize) -> Node {
        Node { span: self.span(at, at), kind: NodeKind::Absent }
    }

    /// Reads what begins at the cursor, the first thing on its line but for `- `; `parent` is the column it is deeper
    /// than.
    pub(super) fn block(&mut self, parent: isize, depth: usize) -> Node {
        let start = self.pos;
        if depth > NESTING_MAX {
            self.too_deep(start);
            self.skip_deeper(parent);
            return self.absent(start);
        }
        match self.byte() {
            b'-' if self.is_blank(start + 1) => self.list(depth),
            b'?' if self.is_blank(start + 1) => {
                let column = self.column();
                self.question_mark(column);
                self.leave_deeper(parent);
                self.absent(start)
            }
            b'"' | b'\'' => {
                let line_start = self.line_start;
                let scalar = self.quoted(parent);
                let after = self.pos;
                self.skip_spaces();
                if self.byte() == b':' && self.is_blank(self.pos + 1) && self.line_start == line_start {
                    return self.map(scalar, start - line_start, depth);
                }
                self.pos = after;
                self.after_quoted(scalar, parent)
            }
            b'|' | b'>' | b'[' | b'{' | b']' | b'}' | b',' | b'&' | b'*' | b'!' | b'%' | b'@' | b'`' => {
                self.value(parent, depth)
            }
            b':' if self.is_blank(start + 1) => {
                self.say(Diagnostic::new("E0105", self.span(start, start + 1), "a colon without a key before it"));
                self.skip_deeper(parent);
                self.absent(start)
            }
            _ => {
                let line = self.plain_line(start, false);
                if line.stop == Stop::Colon {
                    let key = self.bare(start, line.end);
                    self.pos = line.at;
                    return self.map(key, start - self.line_start, depth);
                }
                if let Some(node) = self.equals_for_colon(start, depth, parent) {
                    return node;
                }
                self.plain(start, line, parent, false)
            }
        }
    }

    /// Reads `key = value` of an old file as a map, where it is the first of its lines.
    fn equals_for_colon(&mut self, start: usize, depth: usize, parent: isize) -> Option<Node> {
        // Only where entries follow in the same column; else it is text with an equals sign in it.
        let column = start - self.line_start;
        let next = self.peek_line().filter(|next| next.indent == column && column as isize > parent)?;
        if self.is_strict || self.plain_line(next.at, false).stop != Stop::Colon {
            return None;
        }
        let key = self.key_before_equals()?;
        Some(self.map(key, column, depth))
    }

    /// A scalar without quotes on one line.
    pub(super) fn bare(&self, start: usize, end: usize) -> Scalar {
        let text = Text::part(self.text, start, end);
        Scalar { span: self.span(start, end), text, style: Style::Plain, origins: Vec::new() }
    }

    /// Reads a list whose first `-` stands at the cursor.
    fn list(&mut self, depth: usize) -> Node {
        let (start, column) = (self.pos, self.column());
        let n_before = self.items.len();
        let mut n_items = 0;
        loop {
            let dash = self.pos;
            let line_start = self.line_start;
            self.pos += 1;
            let item = match self.skip_to_content() {
                Some(next) if self.line_start == line_start || next > column => self.block(column as isize, depth + 1),
                _ => self.absent(dash + 1),
            };
            n_items += 1;
            if n_items <= ITEMS_MAX {
                self.items.push(item);
            }
            match self.skip_to_content() {
                Some(next) if next == column && self.byte() == b'-' && self.is_blank(self.pos + 1) => {}
                Some(next) if next > column => {
                    self.misplaced();
                    self.skip_deeper(column as isize);
                    let is_item =
                        self.skip_to_content() == Some(column) && self.byte() == b'-' && self.is_blank(self.pos + 1);
                    if !is_item {
                        break;
                    }
                }
                _ => break,
            }
        }
        self.check_items(n_items, start, "list");
        let items = self.items.split_off(n_before);
        let end = items.last().map_or(start + 1, |item| item.span.end as usize);
        Node { span: self.span(start, end), kind: NodeKind::List(items) }
    }

    /// Reads a map whose first key was read, with the cursor at its colon.
    pub(super) fn map(&mut self, key: Scalar, column: usize, depth: usize) -> Node {
        let start = key.span.start as usize;
        let n_before = self.entries.len();
        let mut n_entries = 0;
        let mut key = Some(key);
        loop {
            if let Some(key) = key.take() {
                let is_merge = self.is_merge_key(&key);
                self.pos += 1;
                let value = self.after_colon(column, depth);
                n_entries += 1;
                if n_entries <= ITEMS_MAX && !is_merge {
                    self.entries.push(Entry { key, value });
                }
            }
            match self.skip_to_content() {
                Some(next) if next == column => key = self.key(column),
                Some(next) if next > column => {
                    self.misplaced();
                    self.skip_deeper(column as isize);
                }
                _ => break,
            }
        }
        self.check_items(n_entries, start, "map");
        let entries = self.entries.split_off(n_before);
        self.check_repeated(&entries, depth);
        let end = entries.last().map_or(start, |entry| entry.value.span.end as usize);
        Node { span: self.span(start, end), kind: NodeKind::Map(entries) }
    }

    /// Reads the key of a further entry and stops at its colon; says what is wrong and goes on where none stands.
    fn key(&mut self, column: usize) -> Option<Scalar> {
        let start = self.pos;
        match self.byte() {
            b'"' | b'\'' => {
                let line_start = self.line_start;
                let scalar = self.quoted(column as isize);
                self.skip_spaces();
                if self.byte() == b':' && self.is_blank(self.pos + 1) && self.line_start == line_start {
                    return Some(scalar);
                }
            }
            b'?' if self.is_blank(start + 1) => {
                self.question_mark(column);
                return None;
            }
            b'[' | b'{' => {
                self.refuse(start, 1, "a complex key (a list or map in brackets)");
                self.skip_deeper(column as isize);
                return None;
            }
            b'&' | b'*' | b'!' => {
                self.refuse_property();
                self.skip_spaces();
                let line = self.plain_line(self.pos, false);
                if line.stop == Stop::Colon && line.end > self.pos {
                    let key = self.bare(self.pos, line.end);
                    self.pos = line.at;
                    return Some(key);
                }
                self.skip_deeper(column as isize);
                return None;
            }
            b'-' if self.is_blank(start + 1) => {
                self.misplaced();
                self.skip_deeper(column as isize);
                return None;
            }
            _ => {
                let line = self.plain_line(start, false);
                if line.stop == Stop::Colon && line.end > start {
                    self.pos = line.at;
                    return Some(self.bare(start, line.end));
                }
                if let Some(key) = self.key_before_equals() {
                    return Some(key);
                }
            }
        }
        let end = self.rest_of_line(start).end.max(start + 1);
        let message = "an entry of a map is `key: value`, and here stands no colon";
        self.say(Diagnostic::new("E0105", self.span(start, end), message));
        self.skip_deeper(column as isize);
        None
    }

    /// Reads `key =`, stops at the equals sign; an error in a strict file.
    fn key_before_equals(&mut self) -> Option<Scalar> {
        let start = self.pos;
        let mut end = start;
        while self.at(end).is_ascii_alphanumeric() || matches!(self.at(end), b'_' | b'-' | b'.') {
            end += 1;
        }
        let mut equals = end;
        while self.at(equals) == b' ' {
            equals += 1;
        }
        if end == start || self.at(equals) != b'=' || !self.is_blank(equals + 1) {
            return None;
        }
        let code = if self.is_strict { "E0105" } else { "W0105" };
        let message = "`=` stands where a colon belongs";
        let found = Diagnostic::new(code, self.span(equals, equals + 1), message);
        self.say(found.fix(self.span(end, equals + 1), ":"));
        self.pos = equals;
        Some(self.bare(start, end))
    }

    /// Reads the value of a key in `column`, with the cursor behind the colon.
    fn after_colon(&mut self, column: usize, depth: usize) -> Node {
        let colon = self.pos;
        self.skip_spaces();
        if !self.is_break(self.pos) && !self.is_comment() {
            return self.value(column as isize, depth);
        }
        match self.skip_to_content() {
            Some(next) if next > column => self.block(column as isize, depth + 1),
            Some(next) if next == column && self.byte() == b'-' && self.is_blank(self.pos + 1) => {
                if depth >= NESTING_MAX {
                    return self.block(column as isize - 1, depth + 1);
                }
                self.list(depth + 1)
            }
            _ => self.absent(colon),
        }
    }

    /// Reads a key's value that begins on the key's line, or another value that is no block map or list.
    pub(super) fn value(&mut self, parent: isize, depth: usize) -> Node {
        let start = self.pos;
        match self.byte() {
            b'"' | b'\'' => {
                let scalar = self.quoted(parent);
                self.after_quoted(scalar, parent)
            }
            b'[' | b'{' => self.flow(parent, depth + 1),
            b'|' | b'>' => match self.block_text(parent) {
                Some(scalar) => Node { span: scalar.span, kind: NodeKind::Scalar(scalar) },
                None => self.needs_quotes(start, start + 1, parent),
            },
            b'&' | b'!' => {
                self.refuse_property();
                self.skip_spaces();
                if self.is_break(self.pos) || self.is_comment() {
                    return match self.skip_to_content() {
                        Some(next) if next as isize > parent => self.block(parent, depth + 1),
                        _ => self.absent(start),
                    };
                }
                if matches!(self.byte(), b'&' | b'!' | b'*') {
                    self.skip_deeper(parent);
                    return self.absent(start);
                }
                self.value(parent, depth)
            }
            b'*' => {
                self.refuse_property();
                let alias = self.bare(start, self.rest_of_line(self.pos).end);
                self.pos = self.line_end(self.pos);
                self.leave_deeper(parent);
                Node { span: alias.span, kind: NodeKind::Scalar(alias) }
            }
            b'%' | b'@' | b'`' | b']' | b'}' | b',' => self.needs_quotes(start, start + 1, parent),
            b'-' | b'?' | b':' if self.is_blank(start + 1) => self.needs_quotes(start, start + 1, parent),
            _ => {
                let line = self.plain_line(start, false);
                if line.stop == Stop::Colon
                    && let Some(node) = self.value_then_nested(start, line.end, line.at, parent, depth)
                {
                    return node;
                }
                self.plain(start, line, parent, true)
            }
        }
    }

    /// Reads `key: name:` with deeper lines of an old file: a map of `name` and what those lines say.
    fn value_then_nested(&mut self, start: usize, end: usize, at: usize, parent: isize, depth: usize) -> Option<Node> {
        if self.is_strict
            || !self.is_blank_to_end(at + 1)
            || self.peek_line().is_none_or(|next| next.indent as isize <= parent)
        {
            return None;
        }
        let message = "lines nested below a value";
        let found = Diagnostic::new("W0102", self.span(start, at + 1), message);
        self.say(found.label("taken as the key of the deeper lines"));
        let key = self.bare(start, end);
        let is_merge = self.is_merge_key(&key);
        self.pos = at + 1;
        self.skip_to_content();
        let value = self.block(parent, depth + 1);
        let span = self.span(start, value.span.end as usize);
        let entries = if is_merge { Vec::new() } else { vec![Entry { key, value }] };
        Some(Node { span, kind: NodeKind::Map(entries) })
    }

    /// Says that what stands at the cursor fits no column that is open.
    fn misplaced(&mut self) {
        let start = self.pos;
        let end = self.rest_of_line(start).end.max(start + 1);
        let message = "this line stands in a column where nothing that is open begins";
        self.say(Diagnostic::new("E0102", self.span(start, end), message).label("fits no map or list above"));
    }

    /// Leaves out this line and all that are deeper than `parent`.
    pub(super) fn skip_deeper(&mut self, parent: isize) {
        loop {
            if !self.next_line() {
                return;
            }
            let mut at = self.pos;
            while self.at(at) == b' ' {
                at += 1;
            }
            let is_deeper = (at - self.pos) as isize > parent;
            if !is_deeper && !self.is_blank(at) && self.at(at) != b'#' {
                return;
            }
        }
    }

    /// Refuses a key after `?`, and leaves its value out.
    fn question_mark(&mut self, column: usize) {
        self.refuse(self.pos, 1, "a complex key (`? …`)");
        self.skip_deeper(column as isize);
        let value = self.pos + column;
        if self.pos == self.line_start && self.at(value) == b':' && self.is_blank(value + 1) {
            self.skip_deeper(column as isize);
        }
    }

    fn refuse(&mut self, start: usize, n_bytes: usize, what: &str) {
        let message = format!("{what}: specifications do without");
        self.say(Diagnostic::new("E0120", self.span(start, start + n_bytes), message));
    }

    /// Refuses an anchor, alias or tag and goes behind it.
    pub(super) fn refuse_property(&mut self) {
        let start = self.pos;
        let what = match self.byte() {
            b'&' => "an anchor (`&name`)",
            b'*' => "an alias (`*name`)",
            _ => "a tag (`!name`)",
        };
        while !self.is_blank(self.pos) && !matches!(self.byte(), b',' | b'[' | b']' | b'{' | b'}') {
            self.pos += 1;
        }
        let message = format!("{what}: specifications do without");
        let found = Diagnostic::new("E0120", self.span(start, self.pos.max(start + 1)), message);
        self.say(if self.at(start) == b'*' {
            self.fix_by_quotes(found, start, self.rest_of_line(self.pos).end)
        } else {
            found.help("if it is text, put the value in quotes")
        });
    }

    pub(super) fn too_deep(&mut self, start: usize) {
        let message = format!("nested more than NESTING_MAX = {NESTING_MAX} levels deep");
        self.say(Diagnostic::new("E0140", self.span(start, start + 1), message));
    }

    pub(super) fn check_items(&mut self, n_items: usize, start: usize, what: &str) {
        if n_items > ITEMS_MAX {
            let message = format!("a {what} of {n_items} items, more than ITEMS_MAX = {ITEMS_MAX}");
            self.say(Diagnostic::new("E0140", self.span(start, start + 1), message));
        }
    }

    /// Refuses `<<`, which other readers replace by the entries of its value.
    pub(super) fn is_merge_key(&mut self, key: &Scalar) -> bool {
        let is_merge = key.style == Style::Plain && key.text == "<<";
        if is_merge {
            self.refuse(key.span.start as usize, 2, "a merge key (`<<`)");
        }
        is_merge
    }

    /// Finds keys that stand twice.
    pub(super) fn check_repeated(&mut self, entries: &[Entry], depth: usize) {
        let mut repeated = Vec::new();
        if entries.len() <= FEW {
            for (i, entry) in entries.iter().enumerate() {
                let first = entries.iter().take(i).position(|other| other.key.text == entry.key.text);
                repeated.extend(first.map(|first| (first, i)));
            }
        } else {
            let mut places = HashMap::with_capacity(entries.len());
            for (i, entry) in entries.iter().enumerate() {
                let first = *places.entry(entry.key.text.as_str()).or_insert(i);
                if first != i {
                    repeated.push((first, i));
                }
            }
        }
        for (first, again) in repeated {
            let (Some(first), Some(again)) = (entries.get(first), entries.get(again)) else { continue };
            let is_tolerated = !self.is_strict && depth == 1;
            let code = if is_tolerated { "W0110" } else { "E0110" };
            let message = format!("the key `{}` stands twice", again.key.text);
            let found =
                Diagnostic::new(code, again.key.span, message).label("again").also(first.key.span, "first here");
            self.say(if is_tolerated { found.help("both are kept, one after the other") } else { found });
        }
    }
}
