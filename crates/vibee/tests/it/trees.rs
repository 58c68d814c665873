//! Trees made by chance and written in every style: they read back as they were, to both readers.

use std::fmt::Write as _;

use proptest::{
    collection::vec,
    prop_oneof,
    sample::select,
    strategy::{BoxedStrategy, Strategy as _},
    test_runner::{Config, TestRunner},
};
use vibee::tree::Style;

use crate::oracle;

/// A value, and how it is to be written where that is possible.
#[derive(Clone, Debug)]
pub(crate) enum Tree {
    Text(String, Style),
    /// Items, and whether in brackets.
    List(Vec<Tree>, bool),
    /// Entries, and whether in braces.
    Map(Vec<(String, Tree)>, bool),
}

const STYLES: &[Style] = &[Style::Plain, Style::Single, Style::Double, Style::Literal, Style::Folded];
const WORDS: &[&str] =
    &["a", "word", "1.5", "é", "日本", "\"", "'", "\\", "#", ":", "-", ",", "[", "}", "|", ">", "%", "=", "~", "??"];
const GLUE: &[&str] = &["", "", " ", " ", "  ", "\n", "\n\n", "\t", ": ", " #", "\n ", " \n", "\u{85}", "\0"];
const KEYS: &[&str] = &["a", "b", "long key", "x-y", "1", "k:v", "é", "#no", "a: b", "-", "", "'", "<", "@"];

fn text() -> BoxedStrategy<String> {
    let pieces = vec((select(WORDS), select(GLUE)), 0..6);
    pieces.prop_map(|pieces| pieces.iter().map(|(word, glue)| format!("{word}{glue}")).collect()).boxed()
}

fn tree() -> BoxedStrategy<Tree> {
    let leaf = (text(), select(STYLES)).prop_map(|(text, style)| Tree::Text(text, style));
    leaf.prop_recursive(5, 40, 5, |inner| {
        let key = prop_oneof![3 => select(KEYS).prop_map(str::to_owned), 1 => text()];
        let entries = vec((key, inner.clone()), 1..5);
        prop_oneof![
            (vec(inner, 1..5), select(&[true, false][..])).prop_map(|(items, flow)| Tree::List(items, flow)),
            (entries, select(&[true, false][..])).prop_map(|(entries, flow)| Tree::Map(entries, flow)),
        ]
    })
    .boxed()
}

/// A map whose keys differ, as the top of a file is.
pub(crate) fn document() -> BoxedStrategy<Tree> {
    let top = vec(tree(), 1..5);
    top.prop_map(|entries| {
        Tree::Map(
            entries.into_iter().enumerate().map(|(i, tree)| (format!("top{i}"), unrepeated(tree))).collect(),
            false,
        )
    })
    .boxed()
}

fn unrepeated(tree: Tree) -> Tree {
    match tree {
        Tree::Text(..) => tree,
        Tree::List(items, flow) => Tree::List(items.into_iter().map(unrepeated).collect(), flow),
        Tree::Map(entries, flow) => {
            let mut kept: Vec<(String, Tree)> = Vec::new();
            for (key, value) in entries {
                if kept.iter().all(|(other, _)| *other != key) {
                    kept.push((key, unrepeated(value)));
                }
            }
            Tree::Map(kept, flow)
        }
    }
}

/// Writes the top map as a version 3 file, with comments on the way.
pub(crate) fn write(tree: &Tree) -> String {
    let mut out = String::from("# first\nvibee: 3\n");
    let Tree::Map(entries, _) = tree else { panic!("the top is a map") };
    write_entries(entries, 0, false, &mut out);
    out.push_str("# last\n");
    out
}

fn write_entries(entries: &[(String, Tree)], indent: usize, is_beside: bool, out: &mut String) {
    for (i, (key, value)) in entries.iter().enumerate() {
        let pad = if i == 0 && is_beside { 0 } else { indent };
        write!(out, "{:pad$}{}:", "", quoted(key, Style::Plain, false)).unwrap();
        write_value(value, indent, out);
    }
}

/// Writes what stands behind `key:` or `-` of a line that is indented by `indent`.
fn write_value(tree: &Tree, indent: usize, out: &mut String) {
    match tree {
        Tree::Text(text, style @ (Style::Literal | Style::Folded)) if can_be_block(text, *style) => {
            let sign = if *style == Style::Literal { '|' } else { '>' };
            let body = text.trim_end_matches('\n');
            let n_feeds = text.len() - body.len();
            let chomp = match n_feeds {
                0 => "-",
                1 => "",
                _ => "+",
            };
            writeln!(out, " {sign}{chomp} # about it").unwrap();
            for line in body.split('\n') {
                let pad = if line.is_empty() { 0 } else { indent + 3 };
                writeln!(out, "{:pad$}{line}", "").unwrap();
            }
            out.push_str(&"\n".repeat(n_feeds.saturating_sub(1)));
        }
        Tree::Text(text, style) => writeln!(out, " {}", quoted(text, *style, false)).unwrap(),
        Tree::List(_, true) | Tree::Map(_, true) => {
            out.push(' ');
            write_flow(tree, indent, out);
            out.push_str(" # flow\n");
        }
        Tree::List(items, false) => {
            out.push('\n');
            for item in items {
                write!(out, "{:indent$}  -", "").unwrap();
                if let Tree::Map(entries, false) = item {
                    out.push(' ');
                    write_entries(entries, indent + 4, true, out);
                } else {
                    write_value(item, indent + 2, out);
                }
            }
        }
        Tree::Map(entries, false) => {
            write!(out, " # map\n{:indent$}  # alone\n", "").unwrap();
            write_entries(entries, indent + 2, false, out);
        }
    }
}

fn write_flow(tree: &Tree, indent: usize, out: &mut String) {
    let (open, close) = if matches!(tree, Tree::List(..)) { ('[', ']') } else { ('{', '}') };
    match tree {
        Tree::Text(text, style) => out.push_str(&quoted(text, *style, true)),
        Tree::List(items, _) => {
            out.push(open);
            for (i, item) in items.iter().enumerate() {
                if i == 1 {
                    write!(out, ", # in it\n{:indent$}  ", "").unwrap();
                } else if i > 1 {
                    out.push_str(", ");
                }
                write_flow(item, indent, out);
            }
            out.push(close);
        }
        Tree::Map(entries, _) => {
            out.push(open);
            for (i, (key, value)) in entries.iter().enumerate() {
                out.push_str(if i == 0 { " " } else { ", " });
                write!(out, "{}: ", quoted(key, Style::Plain, true)).unwrap();
                write_flow(value, indent, out);
            }
            out.push(close);
        }
    }
}

fn can_be_block(text: &str, style: Style) -> bool {
    let is_printable = |c: char| c == '\n' || c == '\t' || !c.is_control();
    let starts_well = !text.starts_with([' ', '\n', '\t']) && !text.trim_end_matches('\n').is_empty();
    let folds = style == Style::Folded && text.trim_end_matches('\n').contains('\n');
    text.chars().all(is_printable) && starts_well && !folds
}

/// Writes a text on one line, in the style wanted or in the nearest that can say it.
fn quoted(text: &str, style: Style, is_flow: bool) -> String {
    let is_plain = !text.is_empty()
        && text.chars().all(|c| c.is_alphanumeric() || " .=?#:-".contains(c))
        && text.starts_with(|c: char| c.is_alphanumeric())
        && !text.ends_with([' ', ':'])
        && !text.contains(": ")
        && !text.contains(" #");
    let is_single = !text.contains(|c: char| c.is_control());
    match style {
        Style::Plain if is_plain && !(is_flow && text.contains(':')) => text.to_owned(),
        Style::Single | Style::Literal | Style::Plain if is_single => format!("'{}'", text.replace('\'', "''")),
        _ => {
            let mut quoted = String::from("\"");
            for c in text.chars() {
                match c {
                    '"' | '\\' => quoted.extend(['\\', c]),
                    '\n' => quoted.push_str("\\n"),
                    c if c.is_control() => write!(quoted, "\\x{:02x}", c as u32).unwrap(),
                    c => quoted.push(c),
                }
            }
            quoted + "\""
        }
    }
}

/// The texts and shapes of a tree, without styles.
fn meaning(tree: &Tree, out: &mut String) {
    match tree {
        Tree::Text(text, _) => writeln!(out, "{text:?}").unwrap(),
        Tree::List(items, _) => {
            out.push_str("[\n");
            items.iter().for_each(|item| meaning(item, out));
            out.push_str("]\n");
        }
        Tree::Map(entries, _) => {
            out.push_str("{\n");
            for (key, value) in entries {
                writeln!(out, "{key:?}").unwrap();
                meaning(value, out);
            }
            out.push_str("}\n");
        }
    }
}

/// Runs a test on many generated files.
pub(crate) fn for_each_document(cases: u32, test: impl Fn(&Tree, &str)) {
    let config = Config { cases, failure_persistence: None, ..Config::default() };
    let result = TestRunner::new(config).run(&document(), |tree| {
        test(&tree, &write(&tree));
        Ok(())
    });
    if let Err(error) = result {
        panic!("{error}");
    }
}

#[test]
fn what_was_written_is_read() {
    for_each_document(2_000, |tree, text| {
        let mut expected = String::from("{\n\"vibee\"\n\"3\"\n");
        let mut body = String::new();
        meaning(tree, &mut body);
        expected.push_str(body.strip_prefix("{\n").unwrap());
        let read = oracle::ours(text).unwrap_or_else(|| panic!("refused:\n{text}"));
        let bare: String =
            read.lines().map(|l| l.split_once(' ').map_or(l, |(_, text)| text).to_owned() + "\n").collect();
        assert_eq!(bare, expected, "{text}");
        if let Some(theirs) = oracle::theirs(text) {
            assert_eq!(read, theirs, "{text}");
        }
    });
}
