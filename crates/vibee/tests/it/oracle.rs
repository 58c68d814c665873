//! The reader beside another one: on every text that both accept, the events are equal.

use std::{cell::Cell, fmt::Write as _, fs, path::Path};

use proptest::{
    strategy::Strategy as _,
    test_runner::{Config, TestRunner},
};
use saphyr_parser::{Event, Parser, ScalarStyle};
use vibee::{
    diagnostic::Severity,
    limits::NESTING_MAX,
    source::Sources,
    tree::{Node, NodeKind, Scalar, Style},
};

/// Events of the other reader as lines; `None` if it refuses the text.
pub(crate) fn theirs(text: &str) -> Option<String> {
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

pub(crate) fn each_scalar(node: &Node, visit: &mut dyn FnMut(&Scalar)) {
    match &node.kind {
        NodeKind::Absent => {}
        NodeKind::Scalar(scalar) => visit(scalar),
        NodeKind::List(items) => items.iter().for_each(|item| each_scalar(item, visit)),
        NodeKind::Map(entries) => {
            for entry in entries {
                visit(&entry.key);
                each_scalar(&entry.value, visit);
            }
        }
    }
}

/// Our events; `None` if we refuse the text. That the top is a list is no matter here.
pub(crate) fn ours(text: &str) -> Option<String> {
    let mut sources = Sources::default();
    let file = sources.add("a.vibee", text);
    let (document, diagnostics) = vibee::reader::read(&sources, file);
    let is_refused = diagnostics.iter().any(|d| d.severity() == Severity::Error && d.code != "E0100")
        || matches!(document.root.kind, NodeKind::Absent | NodeKind::Scalar(_));
    let is_tolerated = diagnostics.iter().any(|d| d.severity() == Severity::Warning && d.code != "W0110");
    each_scalar(&document.root, &mut |scalar| check_origins(scalar, text));
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

/// Pieces of which texts are made that come close to what a reader has to tell apart.
const PIECES: &[&str] = &[
    "a", "key", "b c", "1", ": ", ":", ":\n", "\n", "\n", "\n  ", "\n    ", "\n\n", "\n ", "- ", "-", "-\n", "\"", "'",
    "''", "\\n", "\\", "\\\n", "|\n", ">\n", "|-\n", ">+\n", "|2\n", " ", "  ", " # c", "#", "[", "]", "{", "}", ", ",
    ",", "x: 1\n", "  y: 2\n", "- z\n", "  - w\n", "\"q\": ", "é", "\r\n", "? ", "~", "!t ", "&a ", "*a", "%", "@",
    "<<: ", "---\n", "...",
];

const LINES: &[&str] = &[
    "a: 1",
    "b:",
    "c: text of words",
    "- d",
    "- e: 2",
    "-",
    "- - f",
    "g: |",
    "h: >-",
    "- |+",
    "i: \"q",
    "j\"",
    "k: 'l",
    "m'",
    "n",
    "o p  q",
    "",
    "# r",
    "s: [t, u]",
    "v: {w: x}",
    "y: [",
    "]",
    "z: {",
    "}",
    "A, B",
    "C: D,",
    "\"E\": F",
    "'G': 'H'",
    " I",
    "\\",
];

#[test]
fn texts_that_both_accept_give_equal_events() {
    let config = Config { cases: 6_000, failure_persistence: None, ..Config::default() };
    let n_equal = Cell::new(0);
    let soup = proptest::collection::vec(0..PIECES.len(), 1..12)
        .prop_map(|pieces| pieces.iter().map(|i| PIECES[*i]).collect::<String>());
    let lines = proptest::collection::vec((0..4_usize, 0..LINES.len(), 0..PIECES.len() * 4), 1..9).prop_map(|lines| {
        let line = |(i, (indent, line, piece)): (usize, &(usize, usize, usize))| {
            // Further lines tend to go on with what stands above.
            let indent = if i == 0 { 0 } else { *indent };
            format!("{}{}{}\n", "  ".repeat(indent), LINES[*line], PIECES.get(*piece).unwrap_or(&""))
        };
        lines.iter().enumerate().map(line).collect::<String>()
    });
    let result = TestRunner::new(config).run(&proptest::prop_oneof![1 => soup, 3 => lines], |mut text| {
        // They count blanks before the file's end as a line that `|+` keeps.
        text.push_str(if text.ends_with('\n') { "" } else { "\n" });
        vibee::fuzzed::reader(text.as_bytes());
        n_equal.set(n_equal.get() + u32::from(check("generated", &text)));
        Ok(())
    });
    if let Err(error) = result {
        panic!("{error}");
    }
    assert!(n_equal.get() > 300, "only {} texts were accepted by both", n_equal.get());
}

/// Whether each letter of a scalar is found in the file where its origins say.
pub(crate) fn check_origins(scalar: &Scalar, text: &str) {
    let mut before = scalar.span.start;
    for (at, letter) in scalar.text.char_indices() {
        let span = scalar.span_of(at, at + letter.len_utf8());
        let found = text.get(span.start as usize..).unwrap();
        let is_there = found.starts_with(letter)
            || matches!(letter, ' ' | '\n') && found.trim_start_matches([' ', '\t', '\r']).starts_with('\n')
            || letter == '\n' && found.is_empty()
            || scalar.style == Style::Double && found.starts_with('\\');
        assert!(is_there, "{letter:?}, byte {at} of {scalar:?}, is said to be at {span:?} of\n{text}");
        assert!(before <= span.start && span.start <= scalar.span.end, "{scalar:?} in\n{text}");
        before = span.start;
    }
}

/// Texts that were once laid out with another meaning.
#[test]
fn texts_that_once_lost_something_do_not_any_more() {
    for text in [
        "\"q\": >+\n\n  ",
        "q: >+\n\n\n   \n",
        "q: |+\n\n  ",
        "q: >\n",
        "q: >-\n  \n",
        "a: [b,# c]\n",
        "a: {# b}\n",
        "name: a\nbehaviors:\n  - { name: b, say: c, when: d }\n",
    ] {
        vibee::fuzzed::reader(text.as_bytes());
    }
    // Below `x-legacy` it would be a level deeper than the reader allows.
    let (open, close) = ("[".repeat(NESTING_MAX - 1), "]".repeat(NESTING_MAX - 1));
    vibee::fuzzed::reader(format!("name: old\nodd: {open}1{close}\n").as_bytes());
}
