//! The schema on whole files.

use vibee::{
    ast::ExprKind,
    reader, render, schema,
    source::Sources,
    spec::{Section, Spec, TypeShape},
};

/// Reads a text; gives the specification and the rendered messages.
fn read(text: &str) -> (Option<Spec>, String) {
    let mut sources = Sources::default();
    let file = sources.add("a.vibee", text);
    let (document, mut diagnostics) = reader::read(&sources, file);
    let spec = schema::spec(&document, &mut diagnostics);
    render::sort(&mut diagnostics);
    (spec, render::render(&diagnostics, &sources, render::Style::Plain))
}

/// A whole specification with `rest` behind its head.
fn with_head(rest: &str) -> String {
    format!("vibee: 3\nname: a\nversion: 1.0.0\n{rest}")
}

#[test]
fn reads_the_specifications_of_the_design() {
    let (spec, messages) = read(include_str!("../../testdata/specs/keep_alive.vibee"));
    assert_eq!(messages, "");
    let spec = spec.unwrap();
    assert_eq!((spec.name.name.as_str(), spec.version.as_str()), ("keep_alive", "1.0.0"));
    assert_eq!(spec.description.as_deref(), Some("How long a model stays loaded, from the text of `keep_alive`."));
    let names: Vec<&str> = spec.functions.iter().map(|f| f.name.name.as_str()).collect();
    assert_eq!(names, ["unit_seconds", "sum_of_parts", "of_text"]);
    let TypeShape::Enum { cases, is_ordered } = &spec.types[0].shape else { panic!("{:?}", spec.types[0]) };
    let cases: Vec<(&str, usize)> = cases.iter().map(|(name, fields)| (name.name.as_str(), fields.len())).collect();
    assert_eq!((cases, *is_ordered), (vec![("forever", 0), ("for", 1)], false));
    let behavior = &spec.functions[2];
    assert_eq!(behavior.section, Section::Behaviors);
    assert!(behavior.given.is_some() && behavior.body.is_some() && behavior.decreases.is_none());
    assert_eq!(behavior.raises.as_ref().unwrap().len(), 2);
    let table = behavior.examples.as_ref().unwrap();
    assert_eq!((table.header.len(), table.rows.len()), (2, 6));
    assert_eq!(behavior.forall[0].vars.len(), 2);

    let (spec, messages) = read(include_str!("../../testdata/specs/lifecycle.vibee"));
    let spec = spec.unwrap();
    assert_eq!(spec.machines[0].name, "server");
    assert!(messages.contains("W0133") && !messages.contains("error"), "{messages}");
}

#[test]
fn reads_every_way_to_write_examples_and_conditions() {
    let (spec, messages) = read(&with_head(
        r#"behaviors:
  - name: table
    params: { a: Int, b: "Map<Int, Int>" }
    returns: Int
    when: a
    then: result >= a
    examples: |
      a | b                | result within 2 ulp
      1 | map_of([(1, 2)]) | fault(overflow)   # why
      # a line of words
      2 | map_of([])       | 2
  - name: maps
    params: { a: String }
    returns: Int
    then: [result > 0, { small: result < 9 }]
    examples:
      - { a: '"x|y"', result: 1 }
      - a: '""'
        result: fault(range)
  - name: named
    returns: (Int, Int)
    when: (1, 2)
    then:
      first: result.0 == 1
      second: result.1 == 2
"#,
    ));
    assert_eq!(messages, "");
    let spec = spec.unwrap();
    let [table, maps, named] = spec.functions.as_slice() else { panic!("{}", spec.functions.len()) };
    let rows = &table.examples.as_ref().unwrap().rows;
    assert!(matches!(&rows[0].cells[2].kind, ExprKind::Fault(name) if name.name == "overflow"));
    assert_eq!(rows.len(), 2);
    let examples = maps.examples.as_ref().unwrap();
    assert!(matches!(&examples.rows[0].cells[0].kind, ExprKind::String(text) if text == "x|y"));
    assert!(matches!(&examples.rows[1].cells[1].kind, ExprKind::Fault(_)));
    let names = |f: &vibee::spec::FunctionItem| -> Vec<Option<String>> {
        f.then.iter().map(|(name, _)| name.as_ref().map(|name| name.name.clone())).collect()
    };
    assert_eq!(names(table), [None]);
    assert_eq!(names(maps), [None, Some("small".to_owned())]);
    assert_eq!(names(named), [Some("first".to_owned()), Some("second".to_owned())]);
}

#[test]
fn places_are_in_the_file_whatever_the_quotes() {
    for (written, marked) in [("1 + wrong", "wrong"), ("'1 + wrong'", "wrong"), ("\"1 + \\x77rong\"", "\\x77rong")] {
        let text = with_head(&format!("constants:\n  A: {written}\n"));
        let mut sources = Sources::default();
        let file = sources.add("a.vibee", text);
        let (document, mut diagnostics) = reader::read(&sources, file);
        let spec = schema::spec(&document, &mut diagnostics).unwrap();
        let ExprKind::Binary(_, _, _, right) = &spec.constants[0].value.kind else { panic!("{:?}", spec.constants[0]) };
        assert_eq!(sources.text(right.span), marked);
    }
    let text = with_head("constants:\n  A: |\n    let a = 1;\n    a + wrong\n");
    let mut sources = Sources::default();
    let file = sources.add("a.vibee", text);
    let (document, mut diagnostics) = reader::read(&sources, file);
    let spec = schema::spec(&document, &mut diagnostics).unwrap();
    assert_eq!(sources.text(spec.constants[0].value.span), "let a = 1;\n    a + wrong");
}

#[test]
fn nothing_is_left_out_without_a_word() {
    for (rest, code) in [
        ("x-mine: [anything]\n", ""),
        ("functions:\n  - { name: f, returns: Int, body: 1, x-mine: 1 }\n", "E0111"),
        ("functions:\n  - { name: f, returns: Int, body: 1, then: true }\n", "E0111"),
        ("functions:\n  - { name: f, generics: [T], returns: Int, body: 1 }\n", "E0131"),
        ("extern:\n  - { name: f, returns: Int, when: 1 }\n", "E0111"),
        ("types:\n  A: { fields: { a: Int }, where: true }\n", "E0111"),
        ("types:\n  A: { enum: [a, b], ordered: yes }\n", "E0131"),
        ("types:\n  A: [Int]\n", "E0131"),
        ("types:\n  A:\n", "E0131"),
        ("constants:\n  A:\n", "E0131"),
        ("constants:\n  A: [1, 2]\n", "E0107"),
        ("constants:\n  A: { b: 1 }\n", "E0107"),
        ("description: [a]\n", "E0131"),
        ("functions: { f: 1 }\n", "E0131"),
        ("functions: none\n", "E0131"),
        ("imports: [{ name: a.B }]\n", "E0132"),
        ("imports: [{ name: std.list, path: a.vibee }]\n", "E0202"),
    ] {
        let (_, messages) = read(&with_head(rest));
        assert!(messages.contains(code) && (messages.is_empty() == code.is_empty()), "{rest}: {messages}");
    }
}

#[test]
fn an_old_file_is_sent_to_upgrade() {
    let (spec, messages) = read("name: a\ntypes: {}\n");
    assert!(spec.is_none() && messages.contains("vibee upgrade"), "{messages}");
}
