//! What must hold for every input, called by the fuzz targets and by tests.

use crate::{
    diagnostic::{Diagnostic, Severity},
    fmt,
    load::misspelt_version,
    reader, render,
    source::{FileId, Sources, Span},
    tree::{Node, NodeKind, Scalar},
    upgrade,
};

/// Reads bytes as a file: places lie inside it, every message can be shown; what is read without an error keeps its
/// meaning and comments when it is laid out anew, and an old file's successor is read without an error or would be over
/// a limit.
///
/// # Panics
///
/// If that does not hold.
#[doc(hidden)]
pub fn reader(data: &[u8]) {
    let mut sources = Sources::default();
    let (file, refused) = reader::add_bytes(&mut sources, "fuzz", data);
    let (document, mut diagnostics) = reader::read(&sources, file);
    diagnostics.extend(refused);
    check_places(&sources, file, &document.root);
    for diagnostic in &diagnostics {
        check_span(&sources, diagnostic.primary.span);
        diagnostic.secondary.iter().for_each(|label| check_span(&sources, label.span));
        diagnostic.fix.iter().for_each(|fix| check_span(&sources, fix.span));
    }
    render::sort(&mut diagnostics);
    let _ = render::render(&diagnostics, &sources, render::Style::Plain);
    let _ = fmt::apply_fixes(&sources, file, &diagnostics);
    if is_refused(&diagnostics) {
        return;
    }
    let once = fmt::format(&sources, &document);
    let (again, comments) = without_errors(&once);
    assert_eq!(meaning(&again), meaning(&document.root), "meaning changed:\n{once}");
    assert_eq!(comments, document.comments.len(), "comments were lost:\n{once}");
    let mut others = Sources::default();
    let file = others.add("again", once.as_str());
    assert_eq!(fmt::format(&others, &reader::read(&others, file).0), once, "formatting again changes it");
    if !document.is_versioned && misspelt_version(&document).is_none() {
        match upgrade::upgrade(&sources, &document) {
            Ok(new) => drop(without_errors(&new.text)),
            Err(refusal) => assert_eq!(refusal.code, "E0140", "{}", refusal.message),
        }
    }
}

fn is_refused(diagnostics: &[Diagnostic]) -> bool {
    diagnostics.iter().any(|d| d.severity() == Severity::Error)
}

/// Reads a text that must be read without errors; gives its tree and the number of comments.
fn without_errors(text: &str) -> (Node, usize) {
    let mut sources = Sources::default();
    let file = sources.add("again", text);
    let (document, diagnostics) = reader::read(&sources, file);
    let shown = render::render(&diagnostics, &sources, render::Style::Plain);
    assert!(!is_refused(&diagnostics), "{shown}\n{text}");
    (document.root, document.comments.len())
}

/// Shapes and texts, without places and styles.
fn meaning(node: &Node) -> String {
    match &node.kind {
        NodeKind::Absent => "-".to_owned(),
        NodeKind::Scalar(scalar) => format!("{:?}", scalar.text),
        NodeKind::List(items) => format!("[{}]", items.iter().map(meaning).collect::<Vec<_>>().join(",")),
        NodeKind::Map(entries) => {
            let entry = |entry: &crate::tree::Entry| format!("{:?}:{}", entry.key.text, meaning(&entry.value));
            format!("{{{}}}", entries.iter().map(entry).collect::<Vec<_>>().join(","))
        }
    }
}

fn check_span(sources: &Sources, span: Span) {
    let text = &sources.file(span.file).text;
    let is_place = text.get(span.start as usize..span.end as usize).is_some();
    assert!(is_place || text.is_empty(), "{span:?} of {} bytes", text.len());
}

fn check_places(sources: &Sources, file: FileId, node: &Node) {
    check_span(sources, node.span);
    match &node.kind {
        NodeKind::Absent => {}
        NodeKind::Scalar(scalar) => check_scalar(sources, file, scalar),
        NodeKind::List(items) => items.iter().for_each(|item| check_places(sources, file, item)),
        NodeKind::Map(entries) => {
            for entry in entries {
                check_scalar(sources, file, &entry.key);
                check_places(sources, file, &entry.value);
            }
        }
    }
}

/// Each letter stands where its origin says.
fn check_scalar(sources: &Sources, file: FileId, scalar: &Scalar) {
    check_span(sources, scalar.span);
    for (at, letter) in scalar.text.char_indices() {
        let span = scalar.span_of(at, at + letter.len_utf8());
        let found = sources.file(file).text.get(span.start as usize..);
        let is_found =
            found.is_some_and(|found| found.starts_with([letter, '\\', '\n', ' ', '\t', '\r']) || found.is_empty());
        assert!(is_found, "{letter:?}, byte {at} of {scalar:?}, is not at {span:?}");
    }
}
