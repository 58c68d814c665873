//! What a fuzzer calls.

use std::fmt::Debug;

use super::{parse_expr, parse_table, parse_type, print, whole};
use crate::{diagnostic::Diagnostic, limits::MESSAGES_MAX, source::FileId};

/// Reads any bytes as an expression, a type or a table (the first byte says which). Never panics; checks that every
/// place is one of the text, that nothing is broken without a message, and that what has no message reads back as it is
/// printed.
#[doc(hidden)]
pub fn oracle(data: &[u8]) {
    let [kind, text @ ..] = data else { return };
    let text = String::from_utf8_lossy(text);
    let scalar = whole(FileId(0), &text);
    let mut diagnostics = Vec::new();
    match kind % 3 {
        0 => {
            let expr = parse_expr(&scalar, &mut diagnostics);
            check_messages(&text, &diagnostics, &expr);
            if diagnostics.is_empty() {
                let printed = print::expr(&expr);
                let again = parse_expr(&whole(FileId(0), &printed), &mut diagnostics);
                assert!(diagnostics.is_empty(), "{printed:?} of {text:?}: {diagnostics:?}");
                assert_eq!(without_places(&again), without_places(&expr), "{printed:?} of {text:?}");
            }
        }
        1 => {
            let ty = parse_type(&scalar, &mut diagnostics);
            check_messages(&text, &diagnostics, &ty);
            if diagnostics.is_empty() {
                let printed = print::type_expr(&ty);
                let again = parse_type(&whole(FileId(0), &printed), &mut diagnostics);
                assert!(diagnostics.is_empty(), "{printed:?} of {text:?}: {diagnostics:?}");
                assert_eq!(without_places(&again), without_places(&ty), "{printed:?} of {text:?}");
            }
        }
        _ => {
            let table = parse_table(&scalar, &mut diagnostics);
            check_messages(&text, &diagnostics, &table);
            for row in table.iter().flat_map(|table| &table.rows) {
                assert_eq!(row.cells.len(), table.as_ref().map_or(0, |table| table.header.len()), "{text:?}");
            }
        }
    }
}

fn check_messages(text: &str, diagnostics: &[Diagnostic], tree: &impl Debug) {
    let tree = format!("{tree:?}");
    assert!(!diagnostics.is_empty() || !tree.contains("Broken"), "broken without a message: {text:?}");
    // A table has them for each cell.
    assert!(
        diagnostics.len() <= MESSAGES_MAX * (1 + text.matches(['|', '\n']).count()),
        "{} messages",
        diagnostics.len()
    );
    for d in diagnostics {
        for span in d.secondary.iter().map(|label| label.span).chain([d.primary.span]) {
            let marked = text.get(span.start as usize..span.end as usize);
            assert!(marked.is_some(), "a place that is none: {text:?}: {d:?}");
        }
    }
}

/// A tree's debugging text, places left out.
pub(super) fn without_places(tree: &impl Debug) -> String {
    let text = format!("{tree:?}");
    let mut parts = text.split("Span {");
    let mut bare = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        bare.push_str(part.split_once('}').map_or(part, |(_, rest)| rest));
    }
    bare
}
