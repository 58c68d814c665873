//! What the reader gives: nodes with their places. A scalar stays text until its place in the schema gives it a type.

use std::{fmt, ops::Deref, sync::Arc};

use crate::source::{FileId, Span};

/// A value of a file.
#[derive(Clone, Debug)]
pub struct Node {
    /// Where it stands, quotes and block marks included.
    pub span: Span,
    /// What it is.
    pub kind: NodeKind,
}

/// Kinds of values.
#[allow(missing_docs, reason = "cases that their names and types say")]
#[derive(Clone, Debug)]
pub enum NodeKind {
    /// A key without a value.
    Absent,
    Scalar(Scalar),
    /// `- a` or `[a, b]`.
    List(Vec<Node>),
    /// `a: b` or `{ a: b }`, in the file's order; keys may repeat only in legacy files.
    Map(Vec<Entry>),
}

/// A key and its value.
#[allow(missing_docs, reason = "fields that their names and types say")]
#[derive(Clone, Debug)]
pub struct Entry {
    pub key: Scalar,
    pub value: Node,
}

/// How a scalar is written.
#[allow(missing_docs, reason = "cases that their names and types say")]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Style {
    /// Without quotes, perhaps over several lines.
    Plain,
    Single,
    Double,
    Literal,
    Folded,
}

/// A text that shares its bytes: most scalars are a part of their file, and have no copy of it.
#[derive(Clone)]
pub struct Text {
    whole: Arc<str>,
    start: u32,
    end: u32,
}

impl Text {
    /// Gives bytes `start..end` of `whole`; an empty text where they are no text of it.
    pub(crate) fn part(whole: &Arc<str>, start: usize, end: usize) -> Self {
        Self { whole: Arc::clone(whole), start: start as u32, end: end as u32 }
    }

    /// Gives the letters.
    pub fn as_str(&self) -> &str {
        self.whole.get(self.start as usize..self.end as usize).unwrap_or_default()
    }
}

impl Deref for Text {
    type Target = str;

    fn deref(&self) -> &str {
        self.as_str()
    }
}

impl<T: Into<Arc<str>>> From<T> for Text {
    fn from(text: T) -> Self {
        let whole = text.into();
        let end = whole.len() as u32;
        Self { whole, start: 0, end }
    }
}

impl PartialEq for Text {
    fn eq(&self, other: &Self) -> bool {
        self.as_str() == other.as_str()
    }
}

impl PartialEq<str> for Text {
    fn eq(&self, other: &str) -> bool {
        self.as_str() == other
    }
}

impl PartialEq<&str> for Text {
    fn eq(&self, other: &&str) -> bool {
        self.as_str() == *other
    }
}

impl fmt::Debug for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.as_str(), f)
    }
}

impl fmt::Display for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self.as_str(), f)
    }
}

/// A scalar: its text as decoded, and where each part of that came from.
#[derive(Clone, Debug)]
pub struct Scalar {
    /// Where it stands, quotes and block marks included.
    pub span: Span,
    /// The decoded text.
    pub text: Text,
    /// How it is written.
    pub style: Style,
    /// Pairs (byte of `text`, byte of the file), ascending in both: from there on both run in step until the next pair.
    /// The first pair is `(0, …)`. Empty where text and file run in step throughout: from the span's start, behind the
    /// quote if there is one.
    pub origins: Vec<(u32, u32)>,
}

impl Scalar {
    /// Gives the place in the file of bytes `start..end` of the text.
    pub fn span_of(&self, start: usize, end: usize) -> Span {
        let (start, end) = (start as u32, end.max(start) as u32);
        let n_quotes = u32::from(matches!(self.style, Style::Single | Style::Double));
        let origin = |i: usize| self.origins.get(i).copied().unwrap_or((0, self.span.start + n_quotes));
        let file_byte = |(text, file): (u32, u32), at: u32| file + (at - text);
        let i = self.origins.partition_point(|(text, _)| *text <= start).max(1) - 1;
        let first = file_byte(origin(i), start);
        // The last byte's place and one more, so that a span does not swallow the next line's indentation.
        let last = if end > start {
            // Most often it is on the same line.
            let rest = self.origins.get(i + 1..).unwrap_or_default();
            let is_same_line = rest.first().is_none_or(|(text, _)| *text >= end);
            let n_more = if is_same_line { 0 } else { rest.partition_point(|(text, _)| *text < end) };
            file_byte(origin(i + n_more), end - 1) + 1
        } else {
            first
        };
        Span { file: self.span.file, start: first, end: last.max(first) }
    }
}

impl Node {
    /// Gives the scalar, if it is one.
    pub fn as_scalar(&self) -> Option<&Scalar> {
        if let NodeKind::Scalar(scalar) = &self.kind { Some(scalar) } else { None }
    }

    /// Gives the value of `key`, the first where there are several.
    pub fn get(&self, key: &str) -> Option<&Node> {
        let NodeKind::Map(entries) = &self.kind else { return None };
        entries.iter().find(|entry| entry.key.text == key).map(|entry| &entry.value)
    }
}

impl Node {
    /// Gives the items of a list; none of anything else.
    pub fn items(&self) -> &[Self] {
        if let NodeKind::List(items) = &self.kind { items } else { &[] }
    }

    /// Gives the entries of a map; none of anything else.
    pub fn entries(&self) -> &[Entry] {
        if let NodeKind::Map(entries) = &self.kind { entries } else { &[] }
    }

    /// Counts the items of a list or the entries of a map.
    #[expect(clippy::len_without_is_empty, reason = "nobody asks a text whether it is empty")]
    pub fn len(&self) -> usize {
        self.items().len() + self.entries().len()
    }
}

/// A comment, for `fmt`: from `#` to the end of the line.
#[derive(Clone, Debug)]
pub struct Comment {
    /// Where it stands.
    pub span: Span,
    /// Whether nothing but spaces stands before it on its line.
    pub is_alone: bool,
}

/// A file, read.
#[allow(missing_docs, reason = "fields that their names and types say")]
#[derive(Clone, Debug)]
pub struct Document {
    pub file: FileId,
    /// The top of it: a map in every specification.
    pub root: Node,
    /// All comments, in order.
    pub comments: Vec<Comment>,
    /// Whether it is a version 3 file (it has the key `vibee`) rather than a legacy one.
    pub is_versioned: bool,
}
