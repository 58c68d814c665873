//! Files that are something else, told apart before reading, so that one message says so instead of a hundred.

use memchr::memmem;

use crate::{
    diagnostic::Diagnostic,
    source::{FileId, Span},
};

/// What programs write at the beginning of their files.
const MAGICS: &[&[u8]] = &[b"\x7fELF", b"PK\x03\x04", b"\x89PNG", b"\x1f\x8b", b"GGUF", b"%PDF", b"VBC3", b"\xfd7zXZ"];

/// Tells whether a file has the top-level key `vibee`.
pub(super) fn has_version_key(text: &str) -> bool {
    let is_key = |line: &str| {
        let rest = ["vibee", "\"vibee\"", "'vibee'"].iter().find_map(|key| line.strip_prefix(key));
        let rest = rest.map(|rest| rest.trim_start_matches([' ', '\t']));
        rest.and_then(|rest| rest.strip_prefix(':'))
            .is_some_and(|rest| rest.is_empty() || rest.starts_with([' ', '\t', '\r', '\n']))
    };
    let text = text.trim_start_matches('\u{FEFF}');
    let at = |at: usize| text.as_bytes().get(at).copied();
    memmem::find_iter(text.as_bytes(), "vibee").any(|found| {
        let before = found.checked_sub(1);
        let start = before.filter(|before| matches!(at(*before), Some(b'"' | b'\''))).unwrap_or(found);
        start.checked_sub(1).is_none_or(|before| at(before) == Some(b'\n')) && text.get(start..).is_some_and(is_key)
    })
}

/// Tells whether bytes are no text at all.
pub(super) fn is_binary(bytes: &[u8]) -> bool {
    let head = bytes.get(..8192).unwrap_or(bytes);
    // Few enough bytes for a counter of one byte, which becomes vector code.
    let n_control_of = |row: &[u8]| row.iter().map(|b| u8::from(*b < 9 || matches!(*b, 14..=31))).sum::<u8>();
    let n_control: usize = head.chunks(128).map(|row| usize::from(n_control_of(row))).sum();
    MAGICS.iter().any(|magic| bytes.starts_with(magic)) || n_control * 20 > head.len()
}

/// The message for a file that is no text.
pub(super) fn binary(file: FileId) -> Diagnostic {
    Diagnostic::new("E0100", Span::new(file, 0, 0), "this is a binary file, not a specification")
}

/// Finds out whether a text is no specification, and what it looks like.
pub(super) fn foreign(text: &str, file: FileId) -> Option<Diagnostic> {
    if is_binary(text.as_bytes()) {
        return Some(binary(file));
    }
    let mut at = 0;
    let mut first = None;
    for line in text.split_inclusive('\n') {
        let bare = line.trim_start_matches('\u{FEFF}').trim();
        let is_silent = bare.is_empty()
            || bare.starts_with('#')
            || bare.starts_with("//")
            || bare.starts_with('%')
            || bare == "---";
        if !is_silent {
            first = Some((at, line, bare));
            break;
        }
        at += line.len();
    }
    let Some((at, line, bare)) = first else {
        let is_bare = text.trim_start_matches('\u{FEFF}').trim().is_empty();
        let message = if is_bare { "the file is empty" } else { "the file has comments and nothing else" };
        return Some(
            Diagnostic::new("E0100", Span::new(file, 0, 0), message).help("a specification begins with `vibee: 3`"),
        );
    };
    let start = at + line.len() - line.trim_start_matches('\u{FEFF}').trim_start().len();
    let span = Span::new(file, start, start + bare.len());
    let looks = |what: &str| {
        let message = format!("this looks like {what}, not like a specification");
        Some(
            Diagnostic::new("E0100", span, message).help("a specification is a map of keys and begins with `vibee: 3`"),
        )
    };
    if bare.starts_with('@') {
        return looks("a notation of `@word name { … }`");
    }
    if bare.starts_with('{') {
        return looks("JSON");
    }
    if bare.starts_with('<') {
        return looks("HTML or XML");
    }
    let is_key = bare.starts_with(['"', '\'', '?', '&', '!', '*'])
        || bare.ends_with(':')
        || bare.contains(": ")
        || bare.contains(":\t")
        || bare.contains(" #");
    let is_markdown = |line: &str| line.starts_with("```") || line.starts_with("##") || line.starts_with("**");
    if bare.starts_with("```") || (!is_key && text.lines().any(is_markdown)) {
        return looks("Markdown");
    }
    None
}
