//! The canonical layout: meaning and comments are kept, and a second time changes nothing.

use vibee::{
    diagnostic::Severity,
    fmt::{apply_fixes, format},
    reader,
    source::Sources,
};

use crate::{
    oracle::{corpus, events, theirs},
    trees::for_each_document,
};

/// Formats a text that is read without errors.
fn formatted(text: &str) -> String {
    let mut sources = Sources::default();
    let file = sources.add("a.vibee", text);
    let (document, diagnostics) = reader::read(&sources, file);
    assert!(diagnostics.iter().all(|d| d.severity() == Severity::Warning), "{diagnostics:?}\n{text}");
    format(&sources, &document)
}

/// Texts and shapes, without styles; and the comments.
fn meaning(text: &str) -> (String, Vec<String>) {
    let mut sources = Sources::default();
    let file = sources.add("a.vibee", text);
    let (document, diagnostics) = reader::read(&sources, file);
    assert!(diagnostics.iter().all(|d| d.severity() == Severity::Warning), "{diagnostics:?}\n{text}");
    let bare = events(&document.root)
        .lines()
        .map(|l| l.split_once(' ').map_or(l, |(_, text)| text).to_owned() + "\n")
        .collect();
    (bare, document.comments.iter().map(|c| sources.text(c.span).trim_end().to_owned()).collect())
}

fn check(name: &str, text: &str) {
    let once = formatted(text);
    assert_eq!(meaning(&once), meaning(text), "{name}: meaning changed\n{once}");
    let twice = formatted(&once);
    assert_eq!(twice, once, "{name}: formatting again changes it");
    let is_tidy = once.lines().all(|line| line.trim_end() == line) || text.contains(['|', '>']);
    assert!(is_tidy, "{name}: blanks at line ends\n{once}");
}

#[test]
fn the_old_corpus_is_kept() {
    let mut n = 0;
    for (path, text) in corpus() {
        let mut sources = Sources::default();
        let file = sources.add(path.as_str(), text.as_str());
        let (document, diagnostics) = reader::read(&sources, file);
        if diagnostics.iter().any(|d| d.code == "E0100") {
            continue;
        }
        check(&path, &text);
        // What comes out is YAML to others as well, with equal events.
        let once = format(&sources, &document);
        let read_back = theirs(&once).unwrap_or_else(|| panic!("{path} is no YAML:\n{once}"));
        assert_eq!(crate::oracle::ours(&once).unwrap(), read_back, "{path}");
        n += 1;
    }
    assert_eq!(n, 253);
}

#[test]
fn generated_files_are_kept() {
    for_each_document(1_000, |_, text| check("generated", text));
}

#[test]
fn the_layout_is_this() {
    let ragged = "\
# head


vibee:   3
name: a # trailing
version: 1.0.0
types:
    # of Point
    Point: {fields: {x: Int,y: Int}}
    # after Point
    # and more
  # of functions
functions:
- name:   f
  params: {}
  returns: Int
  body: |
      1 +
        2


  # of g
- name: g
  say: words
    over lines
  params: { aaaaaaaaaaaaaaaaaaaaaaaaaa: Int(0..100), bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb: Int(0..100), cccccccccccccccccccc: Int }
x-list:
- - 1
  -   2
-
  - [a, # one
     b]
# end
";
    let tidy = "\
# head

vibee: 3
name: a  # trailing
version: 1.0.0
types:
  # of Point
  Point: { fields: { x: Int, y: Int } }
  # after Point
  # and more
# of functions
functions:
  - name: f
    params: {}
    returns: Int
    body: |
      1 +
        2

    # of g
  - name: g
    say: words
      over lines
    params: { aaaaaaaaaaaaaaaaaaaaaaaaaa: Int(0..100), bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb: Int(0..100),
      cccccccccccccccccccc: Int }
x-list:
  - - 1
    - 2
  - - [a,  # one
      b]
# end
";
    assert_eq!(formatted(ragged), tidy);
    check("ragged", ragged);
}

#[test]
fn blanks_at_the_end_of_a_line_change_no_meaning() {
    for blanks in ["", " ", "   ", "\t", " \t ", "\r", " \r"] {
        let text = format!("C: D,<<:{blanks}\n\n  n\n");
        assert_eq!(formatted(&text), "C:\n  D,<<: n\n", "{blanks:?}");
        check("blanks", &text);
    }
}

#[test]
fn fixes_are_applied_where_they_do_not_overlap() {
    let text = "---\nvibee: 3\nname: a\nversion: 1.0.0\nx-a: \"b\" c\nx-d: e: 'f'\nx-g = 1\nx-h: > 2\n";
    let mut sources = Sources::default();
    let file = sources.add("a.vibee", text);
    let (_, diagnostics) = reader::read(&sources, file);
    let (fixed, n_applied) = apply_fixes(&sources, file, &diagnostics);
    let expected = "vibee: 3\nname: a\nversion: 1.0.0\nx-a: '\"b\" c'\nx-d: \"e: 'f'\"\nx-g: 1\nx-h: \"> 2\"\n";
    assert_eq!((fixed.as_str(), n_applied), (expected, 5));
    let again: Vec<_> = diagnostics.iter().chain(&diagnostics).cloned().collect();
    assert_eq!(apply_fixes(&sources, file, &again), (fixed.clone(), 5), "what overlaps waits");
    assert_eq!(formatted(&fixed), fixed);
}

#[test]
fn the_specifications_of_the_design_are_laid_out_already() {
    let keep_alive = include_str!("../../testdata/specs/keep_alive.vibee");
    assert_eq!(formatted(keep_alive), keep_alive);
    let lifecycle = include_str!("../../testdata/specs/lifecycle.vibee");
    let long = "    steps: { forwards: old.phase <= phase, none_new";
    let broken = "    steps: { forwards: old.phase <= phase,\n      none_new";
    assert_eq!(formatted(lifecycle), lifecycle.replace(long, broken), "one line is longer than others");
}
