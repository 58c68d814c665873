//! Texts of specifications, and places in them.

use std::sync::Arc;

/// A file of a [`Sources`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct FileId(pub u32);

/// A range of bytes of a file, `start <= end`.
#[allow(missing_docs, reason = "fields that their names and types say")]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Span {
    pub file: FileId,
    /// The first byte.
    pub start: u32,
    /// The byte behind the last.
    pub end: u32,
}

impl Span {
    /// Creates the span of bytes `start..end` of `file`.
    pub fn new(file: FileId, start: usize, end: usize) -> Self {
        Self { file, start: start as u32, end: end as u32 }
    }

    /// Spans both: from this one's start to the end of `last`.
    #[must_use]
    pub fn to(self, last: Self) -> Self {
        Self { end: last.end.max(self.start), ..self }
    }
}

/// One file: the path that messages show, and its text.
#[derive(Clone, Debug)]
pub struct SourceFile {
    /// The path, as messages show it.
    pub path: String,
    /// The text, at most [`crate::limits::FILE_BYTES_MAX`] bytes.
    pub text: Arc<str>,
}

/// All files of a check, std's included.
#[derive(Clone, Debug, Default)]
pub struct Sources {
    files: Vec<SourceFile>,
}

/// Line and column for people: both from 1, the column in Unicode scalar values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// The line, from 1.
    pub line: usize,
    /// The column in scalar values, from 1.
    pub column: usize,
}

impl Sources {
    /// Adds a file.
    pub fn add(&mut self, path: impl Into<String>, text: impl Into<Arc<str>>) -> FileId {
        self.files.push(SourceFile { path: path.into(), text: text.into() });
        FileId(self.files.len() as u32 - 1)
    }

    /// Number of files.
    pub fn len(&self) -> usize {
        self.files.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.files.is_empty()
    }

    /// Gives a file.
    ///
    /// # Panics
    ///
    /// If `id` is another `Sources`'.
    pub fn file(&self, id: FileId) -> &SourceFile {
        &self.files[id.0 as usize]
    }

    /// Whether there is a file of that number.
    pub fn has(&self, id: FileId) -> bool {
        (id.0 as usize) < self.files.len()
    }

    /// Gives the text of a span; empty where the span does not fit the text.
    pub fn text(&self, span: Span) -> &str {
        self.file(span.file).text.get(span.start as usize..span.end as usize).unwrap_or_default()
    }

    /// Computes line and column of a span's start.
    pub fn place(&self, span: Span) -> Place {
        let before = self.file(span.file).text.as_bytes();
        let before = before.get(..span.start as usize).unwrap_or(before);
        let line_start = before.iter().rposition(|b| *b == b'\n').map_or(0, |at| at + 1);
        let line = before.split(|b| *b == b'\n').count();
        let is_first_byte = |b: &&u8| (**b & 0xC0) != 0x80;
        Place { line, column: before[line_start..].iter().filter(is_first_byte).count() + 1 }
    }
}
