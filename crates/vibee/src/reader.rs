//! The reader: the part of YAML 1.2 that specifications use, every comment and place kept.
//!
//! It reads block maps and lists, plain, quoted, `|` and `>` scalars, and lists and maps in brackets. What makes a text
//! say something else than what stands there (anchors, aliases, tags, merge and complex keys, further documents, tabs
//! as indentation) is refused by name. All mistakes of a file are reported, not the first alone, and time grows with
//! the file's length and no faster. A scalar stays text: its place in the schema gives it a type.
//!
//! A file with the top-level key `vibee` is read strictly. Others are old files, where seven kinds of mistakes that the
//! old tools let pass are warnings (`W0102`, `W0105`, `W0107`, `W0110`).
//!
//! Start reading at [`read`]; `block` has maps and lists by indentation, `scalar` and `text` the scalars, `flow`
//! brackets.

use std::sync::Arc;

use crate::{
    diagnostic::Diagnostic,
    limits::{FILE_BYTES_MAX, MESSAGES_MAX},
    source::{FileId, Sources, Span},
    tree::{Comment, Document, Entry, Node, NodeKind},
};

mod block;
mod characters;
mod flow;
mod foreign;
mod scalar;
mod scan;
mod text;

pub use characters::add_bytes;

/// Reads a file; what cannot be read is left out of the tree and said.
pub fn read(sources: &Sources, file: FileId) -> (Document, Vec<Diagnostic>) {
    let text = &sources.file(file).text;
    let mut reader = Reader::new(text, file);
    let root = reader.document();
    let document = Document { file, root, comments: reader.comments, is_versioned: reader.is_strict };
    (document, reader.diagnostics)
}

/// The state of reading one file.
struct Reader<'a> {
    text: &'a Arc<str>,
    bytes: &'a [u8],
    file: FileId,
    /// The next byte.
    pos: usize,
    /// The first byte of the line in which `pos` stands.
    line_start: usize,
    is_strict: bool,
    /// Whether a key, item or value was read already, so that a document cannot begin here.
    has_content: bool,
    /// Set by a mistake between brackets until all of them are left.
    has_failed_in_flow: bool,
    /// The first tab that indents, and how many lines more.
    tab: Option<(Span, usize)>,
    /// What was left out because there were too many messages.
    n_unsaid: usize,
    /// Entries of the maps that are open, and items of the lists: each gets what is its own when it closes.
    entries: Vec<Entry>,
    items: Vec<Node>,
    comments: Vec<Comment>,
    diagnostics: Vec<Diagnostic>,
}

impl<'a> Reader<'a> {
    fn new(text: &'a Arc<str>, file: FileId) -> Self {
        Self {
            text,
            bytes: text.as_bytes(),
            file,
            pos: 0,
            line_start: 0,
            is_strict: foreign::has_version_key(text),
            has_content: false,
            has_failed_in_flow: false,
            tab: None,
            n_unsaid: 0,
            entries: Vec::new(),
            items: Vec::new(),
            comments: Vec::new(),
            diagnostics: Vec::new(),
        }
    }

    fn document(&mut self) -> Node {
        let nothing = Node { span: self.span(0, 0), kind: NodeKind::Absent };
        if self.bytes.len() > FILE_BYTES_MAX {
            let message =
                format!("the file has {} bytes, more than FILE_BYTES_MAX = {FILE_BYTES_MAX}", self.bytes.len());
            self.say(Diagnostic::new("E0140", self.span(0, 0), message));
            return nothing;
        }
        if let Some(foreign) = foreign::foreign(self.text, self.file) {
            self.say(foreign);
            return nothing;
        }
        if !self.check_characters() {
            return nothing;
        }
        let root = self.root();
        if let Some((span, n_more)) = self.tab {
            let and_more = if n_more == 0 { String::new() } else { format!(", and {n_more} lines more") };
            let tab = Diagnostic::new("E0101", span, format!("a tab as indentation{and_more}"));
            self.say(tab.label(format!("byte 0x09 at offset {}", span.start)).help("indent by spaces"));
        }
        if self.n_unsaid > 0 {
            let message = format!("{} messages more; MESSAGES_MAX = {MESSAGES_MAX} are shown", self.n_unsaid);
            self.diagnostics.push(Diagnostic::new("E0140", self.span(0, 0), message));
        }
        root
    }

    /// Adds a message, up to the limit.
    fn say(&mut self, mut diagnostic: Diagnostic) {
        // A mark of one byte covers the whole letter.
        while !self.text.is_char_boundary(diagnostic.primary.span.end as usize)
            && (diagnostic.primary.span.end as usize) < self.text.len()
        {
            diagnostic.primary.span.end += 1;
        }
        if self.diagnostics.len() < MESSAGES_MAX {
            self.diagnostics.push(diagnostic);
        } else {
            self.n_unsaid += 1;
        }
    }

    fn span(&self, start: usize, end: usize) -> Span {
        Span::new(self.file, start, end)
    }
}
