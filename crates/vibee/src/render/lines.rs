//! Where the lines of a text begin, found once.

use std::ops::Range;

/// The first byte of each line.
pub(crate) struct Lines {
    starts: Vec<usize>,
    n_bytes: usize,
}

impl Lines {
    /// Finds the lines of a text; the empty text has one.
    pub(crate) fn new(text: &str) -> Self {
        let mut starts = vec![0];
        starts.extend(text.bytes().enumerate().filter(|(_, b)| *b == b'\n').map(|(at, _)| at + 1));
        if starts.len() > 1 && starts.last() == Some(&text.len()) {
            starts.pop();
        }
        Self { starts, n_bytes: text.len() }
    }

    /// Gives the line, from 0, in which a byte stands; the last one for bytes behind the text.
    pub(crate) fn line_of(&self, byte: usize) -> usize {
        self.starts.partition_point(|start| *start <= byte).max(1) - 1
    }

    /// Gives the first byte of a line, from 0.
    pub(crate) fn start_of(&self, line: usize) -> usize {
        self.starts.get(line).copied().unwrap_or(self.n_bytes)
    }

    /// Gives the bytes of some lines, with their line feeds.
    pub(crate) fn bytes_of(&self, lines: Range<usize>) -> Range<usize> {
        let start = self.start_of(lines.start);
        start..self.start_of(lines.end).max(start)
    }
}
