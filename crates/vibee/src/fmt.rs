//! The canonical layout of a file: what `vibee fmt` writes.
//!
//! Two spaces a level, lists under their key one level deeper, one blank line where there were some, two spaces before
//! a comment behind a value. Comments stay where they belong, keys and scalars as they were written, order as it was;
//! lists and maps in brackets stay in brackets and are broken behind commas where a line would grow over [`WIDTH`]
//! columns. What old files have without quotes gets them. The text that results reads back to an equal tree, and
//! formatting it again changes nothing.

use crate::{
    diagnostic::Diagnostic,
    source::{FileId, Sources},
    tree::{Comment, Document, Entry, Node, NodeKind, Scalar, Style},
};

mod flow;
mod scalar;

pub(crate) use scalar::{double_quoted, quoted};

/// Columns of a line before lists and maps in brackets are broken.
pub const WIDTH: usize = 120;

/// Lays a file out anew; it is one that the reader took without an error.
pub fn format(sources: &Sources, document: &Document) -> String {
    let mut writer = Writer::new(sources, document);
    writer.root(&document.root);
    writer.out
}

/// Applies the repairs of messages to a file's text; gives it with their number. Of two that overlap the first is
/// applied, the other waits for the next reading.
pub fn apply_fixes(sources: &Sources, file: FileId, diagnostics: &[Diagnostic]) -> (String, usize) {
    let text = sources.file(file).text.as_ref();
    let mut fixes: Vec<_> =
        diagnostics.iter().filter_map(|d| d.fix.as_ref()).filter(|fix| fix.span.file == file).collect();
    fixes.sort_by_key(|fix| fix.span);
    let mut fixed = String::with_capacity(text.len());
    let mut at = 0;
    let mut n_applied = 0;
    for fix in fixes {
        let (start, end) = (fix.span.start as usize, fix.span.end as usize);
        let Some(between) = text.get(at..start) else { continue };
        if text.get(start..end).is_none() {
            continue;
        }
        fixed.push_str(between);
        fixed.push_str(&fix.replacement);
        at = end;
        n_applied += 1;
    }
    fixed.push_str(text.get(at..).unwrap_or_default());
    (fixed, n_applied)
}

/// What is written so far, and how far the comments are.
pub(crate) struct Writer<'a> {
    text: &'a str,
    pub(crate) out: String,
    comments: &'a [Comment],
    /// How many of `comments` were written.
    n_written: usize,
    /// Whether the last thing was a text whose blank lines at the end count, so that none may be added.
    is_after_kept_lines: bool,
}

impl<'a> Writer<'a> {
    pub(crate) fn new(sources: &'a Sources, document: &'a Document) -> Self {
        let text = sources.file(document.file).text.as_ref();
        let out = String::with_capacity(text.len() + text.len() / 8);
        Self { text, out, comments: &document.comments, n_written: 0, is_after_kept_lines: false }
    }

    /// Gives an entry's lines, without comments.
    pub(crate) fn bare(&self, entry: &Entry, indent: usize) -> String {
        let text = self.text;
        let mut writer = Writer { text, out: String::new(), comments: &[], n_written: 0, is_after_kept_lines: false };
        writer.map(std::slice::from_ref(entry), indent, false, text.len());
        writer.out
    }

    fn root(&mut self, root: &Node) {
        match &root.kind {
            NodeKind::Absent => {}
            NodeKind::Map(entries) if !self.is_flow(root) => self.map(entries, 0, false, self.text.len()),
            NodeKind::List(items) if !self.is_flow(root) => self.list(items, 0, false, self.text.len()),
            _ => self.value(root, 0, 0, self.text.len()),
        }
        self.comments_before(self.text.len(), 0, 0, false);
    }

    fn source(&self, start: u32, end: u32) -> &'a str {
        self.text.get(start as usize..end as usize).unwrap_or_default()
    }

    fn byte(&self, at: u32) -> u8 {
        self.text.as_bytes().get(at as usize).copied().unwrap_or(0)
    }

    fn is_flow(&self, node: &Node) -> bool {
        matches!(self.byte(node.span.start), b'[' | b'{')
    }

    /// Gives the first byte of the line of `at`.
    fn line_start(&self, at: u32) -> usize {
        self.text
            .as_bytes()
            .get(..at as usize)
            .unwrap_or_default()
            .iter()
            .rposition(|b| *b == b'\n')
            .map_or(0, |n| n + 1)
    }

    fn column(&self, at: u32) -> usize {
        at as usize - self.line_start(at)
    }

    fn indent(&mut self, indent: usize) {
        self.out.extend(std::iter::repeat_n(' ', indent));
    }

    pub(crate) fn end_line(&mut self) {
        self.out.push('\n');
    }

    /// Gives the next comment that is not written yet and begins before `end`.
    fn next_comment(&self, end: usize) -> Option<&'a Comment> {
        self.comments.get(self.n_written).filter(|comment| (comment.span.start as usize) < end)
    }

    /// Writes comments that begin before `end` on lines of their own, as long as they stand in `column` or further
    /// right.
    pub(crate) fn comments_before(&mut self, end: usize, column: usize, indent: usize, is_first: bool) {
        let mut is_first = is_first;
        while let Some(comment) = self.next_comment(end) {
            if comment.is_alone && self.column(comment.span.start) < column {
                break;
            }
            self.blank_line_before(comment.span.start, is_first);
            self.indent(indent);
            self.out.push_str(self.source(comment.span.start, comment.span.end).trim_end());
            self.end_line();
            self.n_written += 1;
            is_first = false;
        }
    }

    /// Writes a comment that stands behind `at` on its line.
    pub(crate) fn comment_behind(&mut self, at: u32) {
        let Some(comment) = self.comments.get(self.n_written) else { return };
        let between = self.source(at, comment.span.start);
        if comment.span.start >= at && !comment.is_alone && !between.contains('\n') {
            self.out.push_str("  ");
            self.out.push_str(self.source(comment.span.start, comment.span.end).trim_end());
            self.n_written += 1;
        }
    }

    /// Writes a blank line where one stands before the line of `at`.
    fn blank_line_before(&mut self, at: u32, is_first: bool) {
        let line_start = self.line_start(at);
        let before = self.text.get(..line_start.saturating_sub(1)).unwrap_or_default();
        let is_blank = line_start > 0 && before.rsplit('\n').next().is_some_and(|line| line.trim().is_empty());
        if is_blank && !is_first && !self.out.is_empty() && !self.is_after_kept_lines {
            self.end_line();
        }
        self.is_after_kept_lines = false;
    }

    /// Begins the line of an entry or item at `start`.
    pub(crate) fn begin(&mut self, start: u32, indent: usize, is_first: bool) {
        let n_written = self.n_written;
        self.comments_before(start as usize, 0, indent, is_first);
        self.blank_line_before(start, is_first && n_written == self.n_written);
        self.indent(indent);
    }

    fn map(&mut self, entries: &[Entry], indent: usize, is_beside_dash: bool, end: usize) {
        for (i, entry) in entries.iter().enumerate() {
            if i > 0 || !is_beside_dash {
                self.begin(entry.key.span.start, indent, i == 0 && indent > 0);
            }
            self.key(&entry.key);
            self.out.push(':');
            let end = entries.get(i + 1).map_or(end, |next| next.key.span.start as usize);
            self.value(&entry.value, entry.key.span.end, indent, end);
        }
        self.comments_of(entries.first().map(|entry| entry.key.span.start), indent, end);
    }

    fn list(&mut self, items: &[Node], indent: usize, is_beside_dash: bool, end: usize) {
        let mut dash = None;
        for (i, item) in items.iter().enumerate() {
            let start = self.dash(item);
            dash = dash.or(Some(start));
            if i > 0 || !is_beside_dash {
                self.begin(start, indent, i == 0 && indent > 0);
            }
            self.out.push('-');
            let end = items.get(i + 1).map_or(end, |next| self.dash(next) as usize);
            let is_compact = !self.is_flow(item) && self.next_comment(item.span.start as usize).is_none();
            match &item.kind {
                NodeKind::Map(entries) if is_compact => {
                    self.out.push(' ');
                    self.map(entries, indent + 2, true, end);
                }
                NodeKind::List(items) if is_compact => {
                    self.out.push(' ');
                    self.list(items, indent + 2, true, end);
                }
                _ => self.value(item, start + 1, indent, end),
            }
        }
        self.comments_of(dash, indent, end);
    }

    /// Finds the `-` of an item.
    fn dash(&self, item: &Node) -> u32 {
        if matches!(item.kind, NodeKind::Absent) {
            return item.span.start.saturating_sub(1);
        }
        let mut end = item.span.start as usize;
        // Between the dash and its item stand blanks, line ends and comments; comments are known by their places.
        loop {
            let before = self.text.get(..end).unwrap_or_default().trim_end_matches([' ', '\t', '\n', '\r']);
            let at = self.comments.partition_point(|comment| (comment.span.end as usize) < before.len());
            match self.comments.get(at) {
                Some(comment) if comment.span.end as usize == before.len() => end = comment.span.start as usize,
                Some(comment) if (comment.span.start as usize) < before.len() => end = comment.span.start as usize,
                _ => return before.len().saturating_sub(1) as u32,
            }
        }
    }

    /// Writes comments behind the last entry that stand as far right as the entries.
    fn comments_of(&mut self, first: Option<u32>, indent: usize, end: usize) {
        if let Some(first) = first {
            let column = self.column(first);
            self.comments_before(end, column.max(1), indent, false);
        }
    }

    fn key(&mut self, key: &Scalar) {
        let written = self.source(key.span.start, key.span.end);
        self.out.push_str(written);
    }

    /// Writes what stands behind a colon or dash that ends at `behind`.
    pub(crate) fn value(&mut self, node: &Node, behind: u32, indent: usize, end: usize) {
        let is_block = matches!(node.kind, NodeKind::List(_) | NodeKind::Map(_)) && !self.is_flow(node);
        if matches!(node.kind, NodeKind::Absent) {
            self.comment_behind(behind);
            return self.end_line();
        }
        // A comment between a key and its value puts the value on a line of its own.
        let is_apart = self.next_comment(node.span.start as usize).is_some();
        if is_block || is_apart {
            self.comment_behind(behind);
            self.end_line();
        }
        match &node.kind {
            NodeKind::Map(entries) if is_block => return self.map(entries, indent + 2, false, end),
            NodeKind::List(items) if is_block => return self.list(items, indent + 2, false, end),
            _ => {}
        }
        if is_apart {
            self.begin(node.span.start, indent + 2, true);
        } else if !self.out.is_empty() {
            self.out.push(' ');
        }
        match &node.kind {
            NodeKind::Scalar(scalar) if matches!(scalar.style, Style::Literal | Style::Folded) => {
                self.text_block(scalar, indent + 2);
            }
            NodeKind::Scalar(scalar) => {
                self.scalar(scalar, indent + 2);
                self.comment_behind(node.span.end);
                self.end_line();
            }
            _ => {
                self.flow(node, indent + 2);
                self.comment_behind(node.span.end);
                self.end_line();
            }
        }
    }
}
