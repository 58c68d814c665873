//! Old files as version 3 files: the reader, the schema and the checker take what comes out.

use vibee::{
    check,
    diagnostic::Severity,
    fmt, legacy,
    limits::{LINE_BYTES_MAX, NESTING_MAX},
    load::{LoadError, Loader, load},
    reader,
    render::{Style, render, sort},
    source::Sources,
    spec::TypeShape,
    tree::{Entry, Node},
    typed::Program,
    upgrade::{Upgraded, upgrade},
};

use crate::oracle::corpus;

struct One<'a>(&'a str);

impl Loader for One<'_> {
    fn load(&mut self, _: Option<&str>, path: &str) -> Result<Vec<u8>, LoadError> {
        if path == "upgraded.vibee" { Ok(self.0.as_bytes().to_vec()) } else { Err(LoadError::Missing) }
    }
}

/// Upgrades an old file; `None` if it is no specification.
fn upgraded(path: &str, text: &str) -> Option<(Upgraded, legacy::Census)> {
    let mut sources = Sources::default();
    let file = sources.add(path, text);
    let (document, diagnostics) = reader::read(&sources, file);
    let is_read = diagnostics.iter().all(|d| d.severity() == Severity::Warning);
    is_read.then(|| (upgrade(&sources, &document).unwrap(), legacy::census(&document)))
}

#[test]
fn the_whole_corpus_becomes_version_3() {
    let mut total = legacy::Census::default();
    let (mut n_files, mut n_types, mut n_fields, mut n_cases, mut n_constants) = (0, 0, 0, 0, 0);
    let (mut n_types_left, mut n_fields_left, mut n_constants_left, mut n_behaviors) = (0, 0, 0, 0);
    for (path, text) in corpus() {
        let Some((new, census)) = upgraded(&path, &text) else { continue };
        let mut sources = Sources::default();
        let loaded = load(&mut sources, &["upgraded.vibee"], &mut One(&new.text));
        let mut diagnostics = loaded.diagnostics;
        let (_, checked): (Program, _) = check::check(&sources, &loaded.specs, loaded.n_asked);
        diagnostics.extend(checked);
        diagnostics.retain(|d| d.severity() == Severity::Error);
        sort(&mut diagnostics);
        assert!(diagnostics.is_empty(), "{path}\n{}\n{}", render(&diagnostics, &sources, Style::Plain), new.text);
        let file = sources.add("again", new.text.as_str());
        assert_eq!(fmt::format(&sources, &reader::read(&sources, file).0), new.text, "{path}");
        let spec = loaded.specs.last().unwrap();
        n_constants += spec.constants.len();
        for item in &spec.types {
            match &item.shape {
                TypeShape::Record(fields) => n_fields += fields.len(),
                TypeShape::Enum { cases, .. } => n_cases += cases.len(),
                _ => continue,
            }
            n_types += 1;
        }
        n_files += 1;
        let (document, _) = reader::read(&sources, file);
        let left = document.root.get("x-legacy").map_or(&[][..], Node::entries);
        for Entry { key, value } in left {
            match key.text.as_str() {
                "types" => {
                    n_types_left += new.omissions.iter().filter(|o| o.what.starts_with("the type `")).count();
                    let fields = value.entries().iter().filter_map(|entry| entry.value.get("fields"));
                    n_fields_left += fields.map(Node::len).sum::<usize>();
                }
                "constants" => n_constants_left += value.len(),
                key if key.starts_with("behaviors") => n_behaviors += value.len(),
                _ => {}
            }
        }
        total.types += census.types;
        total.fields += census.fields;
        total.enum_cases += census.enum_cases;
        total.constants += census.constants;
        total.behaviors += census.behaviors;
    }
    assert_eq!(n_files, 253);
    // Of 1,777 types, 7,596 fields, 2,500 cases and 1,526 constants; what is missing is listed.
    assert_eq!((n_types, n_fields, n_cases, n_constants), (1_758, 7_248, 2_477, 1_470));
    assert_eq!(n_types + n_types_left, total.types, "every type is taken over or listed");
    assert_eq!(n_fields + n_fields_left, total.fields, "every field is taken over or left below x-legacy");
    assert_eq!(n_constants + n_constants_left, total.constants);
    assert_eq!(n_behaviors, total.behaviors);
}

// tidy: long function, a file, and what becomes of it
#[test]
fn what_is_taken_over_and_what_is_listed() {
    let old = "\
# A point.
name: Geo-Point
version: 1.0
language: zig
description: Points
constants:
  PI: 3.14159  # roughly
  MASK: 0xFF
  GREETING: say \"hi\"
  SIZES: [1, 2]
types:
  # Where.
  Point:
    description: A place
    fields:
      x: Float  # right
      y: f32
      label: String[64]
      owner: Ptr<Point>
      in: usize
      others: Map<String, List<Point>>
    width: 8
  Color:
    enum: [Red, DarkBlue]
  Odd:
    fields:
      a: Allocator
behaviors:
  - name: move
    given: A point
    when: It is moved
    then: It is elsewhere
    impl: later
tests:
  - name: t
";
    let expected = "\
# A point.
vibee: 3
name: geo_point
version: 0.1.0
description: Points
constants:
  PI: 3.14159  # roughly
  MASK: 255
  GREETING: '\"say \\\"hi\\\"\"'
types:
  # Where.
  Point:
    say: A place
    fields:
      x: Float  # right
      y: F32
      label: String64
      in_: Int(0..9223372036854775807)
      others: Map<String, List<Point>>
  Color:
    enum:
      - red
      - dark_blue
  String64: { base: String, where: value.len() <= 64 }
x-legacy:
  language: zig
  constants:
    SIZES: [1, 2]
  behaviors:
    - name: move
      say: |
        Given A point
        When It is moved
        Then It is elsewhere
      impl: later
  tests:
    - name: t
  types:
    Point:
      width: 8
      fields:
        owner: Ptr<Point>
    Odd:
      fields:
        a: Allocator
";
    let (new, _) = upgraded("old.vibee", old).unwrap();
    assert_eq!(new.text, expected);
    let omissions: Vec<&str> = new.omissions.iter().map(|omission| omission.what.as_str()).collect();
    assert_eq!(
        omissions,
        [
            "the name `Geo-Point` is written `geo_point`",
            "`version` is no semantic version: it is 0.1.0",
            "the constant `SIZES` is no number, Bool or text",
            "the field `owner: Ptr<Point>` of `Point` has no type that this file declares",
            "the field `in` is named `in_`",
            "`width` of `Point` stands below `x-legacy`",
            "this case is named `red`",
            "this case is named `dark_blue`",
            "the type `Odd` stands below `x-legacy` as it was",
            "1 behaviours are prose: they need `returns`, `when` and examples to run",
            "`tests`: 1 entries stand below `x-legacy` as they were",
        ]
    );
}

/// What is kept below `x-legacy` stands one level deeper: a file at the limit is refused by name, not made into one
/// that the reader refuses.
#[test]
fn an_old_file_whose_successor_would_be_over_a_limit_is_refused() {
    let refusal = |text: &str| {
        let mut sources = Sources::default();
        let file = sources.add("old.vibee", text);
        let (document, diagnostics) = reader::read(&sources, file);
        assert!(diagnostics.is_empty(), "{}", render(&diagnostics, &sources, Style::Plain));
        upgrade(&sources, &document).err().map(|refusal| (refusal.code, refusal.message))
    };
    let deep = |n: usize| format!("name: old\nodd: {}1{}\n", "[".repeat(n), "]".repeat(n));
    let message = "the new file would be over a limit: ";
    assert_eq!(refusal(&deep(NESTING_MAX - 2)), None);
    let nesting = format!("{message}nested more than NESTING_MAX = {NESTING_MAX} levels deep");
    assert_eq!(refusal(&deep(NESTING_MAX - 1)), Some(("E0140", nesting)));
    let long = |n: usize| format!("name: old\nodd: {}\n", "x".repeat(n));
    assert_eq!(refusal(&long(LINE_BYTES_MAX - 7)), None);
    let (code, of_line) = refusal(&long(LINE_BYTES_MAX - 5)).unwrap();
    assert!(code == "E0140" && of_line.starts_with(message) && of_line.contains("LINE_BYTES_MAX"), "{of_line}");
}
