//! The reader beside another one: on every text that both accept, the events are equal.

use std::{fmt::Write as _, fs, path::Path};

use saphyr_parser::{Event, Parser, ScalarStyle};
use vibee::{
    diagnostic::Severity,
    source::Sources,
    tree::{Node, NodeKind, Scalar, Style},
};

/// Events of the other reader as lines; `None` if it refuses the text.
fn theirs(text: &str) -> Option<String> {
    let mut events = String::new();
    for event in Parser::new_from_str(text) {
        match event.ok()?.0 {
            Event::Scalar(text, style, ..) => {
                let style = match style {
                    ScalarStyle::Plain if text.is_empty() || text == "~" => "plain?",
                    ScalarStyle::Plain => "plain",
                    ScalarStyle::SingleQuoted => "single",
                    ScalarStyle::DoubleQuoted => "double",
                    ScalarStyle::Literal => "literal",
                    ScalarStyle::Folded => "folded",
                };
                let text = if style == "plain?" { "" } else { &text };
                writeln!(events, "{style} {text:?}").unwrap();
            }
            Event::SequenceStart(..) => events.push_str("[\n"),
            Event::SequenceEnd => events.push_str("]\n"),
            Event::MappingStart(..) => events.push_str("{\n"),
            Event::MappingEnd => events.push_str("}\n"),
            _ => {}
        }
    }
    Some(events)
}

/// A tree as the same lines.
pub(crate) fn events(node: &Node) -> String {
    let mut events = String::new();
    write_node(node, &mut events);
    events
}

fn write_node(node: &Node, events: &mut String) {
    match &node.kind {
        NodeKind::Absent => events.push_str("plain? \"\"\n"),
        NodeKind::Scalar(scalar) => write_scalar(scalar, events),
        NodeKind::List(items) => {
            events.push_str("[\n");
            items.iter().for_each(|item| write_node(item, events));
            events.push_str("]\n");
        }
        NodeKind::Map(entries) => {
            events.push_str("{\n");
            for entry in entries {
                write_scalar(&entry.key, events);
                write_node(&entry.value, events);
            }
            events.push_str("}\n");
        }
    }
}

fn write_scalar(scalar: &Scalar, events: &mut String) {
    let style = match scalar.style {
        Style::Plain if scalar.text == "~" => return events.push_str("plain? \"\"\n"),
        Style::Plain => "plain",
        Style::Single => "single",
        Style::Double => "double",
        Style::Literal => "literal",
        Style::Folded => "folded",
    };
    writeln!(events, "{style} {:?}", scalar.text).unwrap();
}

/// Our events; `None` if we refuse the text. That the top is no map is no matter here.
fn ours(text: &str) -> Option<String> {
    let mut sources = Sources::default();
    let file = sources.add("a.vibee", text);
    let (document, diagnostics) = vibee::reader::read(&sources, file);
    let is_refused = diagnostics.iter().any(|d| d.severity() == Severity::Error && d.code != "E0100");
    let is_tolerated = diagnostics.iter().any(|d| d.severity() == Severity::Warning && d.code != "W0110");
    (!is_refused && !is_tolerated).then(|| events(&document.root))
}

/// Compares where both accept; tells whether both did.
fn check(name: &str, text: &str) -> bool {
    let (Some(ours), Some(theirs)) = (ours(text), theirs(text)) else { return false };
    if ours != theirs {
        let line = ours
            .lines()
            .zip(theirs.lines())
            .position(|(a, b)| a != b)
            .unwrap_or(ours.lines().count().min(theirs.lines().count()));
        let show = |events: &str| events.lines().skip(line.saturating_sub(3)).take(6).collect::<Vec<_>>().join("\n");
        panic!("{name}: event {line} differs\nours:\n{}\ntheirs:\n{}\n{text}", show(&ours), show(&theirs));
    }
    true
}

/// All specs of the old corpus, with their paths.
pub(crate) fn corpus() -> Vec<(String, String)> {
    let census = testkit::read_json("vibee-legacy/census.json");
    let root = testkit::data("vibee-legacy");
    let files = census["files"].as_array().unwrap();
    assert_eq!(files.len(), 257);
    let read = |path: &str| fs::read_to_string(Path::new(&root).join(path)).unwrap();
    files.iter().map(|f| f["path"].as_str().unwrap()).map(|path| (path.to_owned(), read(path))).collect()
}

#[test]
fn the_old_corpus_gives_equal_events() {
    let n_equal = corpus().iter().filter(|(path, text)| check(path, text)).count();
    // Two more than the 232 read without a word: repeated top-level keys are no matter to the other reader.
    assert_eq!(n_equal, 234);
}
