//! Several modules, and std's generic functions.

use super::{checked, examples_hold, well_typed::assert_well_typed};

const LISTS: &str = r#"
vibee: 3
name: std.list
version: 1.0.0
functions:
  - { name: first, generics: [T], params: { list: List<T> }, returns: Option<T>, body: "if list.len() == 0 { None } else { Some(list[0]) }" }
  - { name: reverse, generics: [T], params: { list: List<T> }, returns: List<T>, body: "reverse_to(list, [])" }
  - name: reverse_to
    generics: [T]
    params: { list: List<T>, so_far: List<T> }
    returns: List<T>
    decreases: list.len()
    body: "if list.len() == 0 { so_far } else { reverse_to(list.slice(0, list.len() - 1), so_far.push(list[list.len() - 1])) }"
  - { name: size, generics: [T], params: { list: List<T> }, returns: Int, body: list.len() }
  - { name: size, params: { text: String }, returns: Int, body: text.len() }
  - name: zip
    generics: [T, U]
    params: { a: List<T>, b: List<U> }
    returns: "List<(T, U)>"
    body: "map i in 0..(if a.len() < b.len() { a.len() } else { b.len() }) - 1 { (a[i], b[i]) }"
  - { name: unwrap_or, generics: [T], params: { o: Option<T>, default: T }, returns: T, body: "match o { Some(x) => x, None => default }" }
  - { name: widened, params: { t: Tryte }, returns: Int, body: t.int() + t.digits().len() }
"#;

const MATH: &str = "
vibee: 3
name: std.math
version: 1.0.0
constants:
  TWO: 2
functions:
  - { name: double, params: { x: Int }, returns: Int, body: x * TWO }
";

const SHAPES: &str = "
vibee: 3
name: shapes
version: 1.0.0
types:
  Size: Int(0..9)
  Shape: { enum: [dot, { square: { side: Size } }] }
  Box: { fields: { size: Size } }
constants:
  MOST: 9
functions:
  - { name: area, params: { s: Shape }, returns: Int, body: 'match s { dot => 0, square(side) => side * side }' }
  - { name: hidden, params: { n: Int }, returns: Int, body: n }
";

/// A module that imports the three others.
fn using(imports: &str, functions: &str) -> String {
    format!("vibee: 3\nname: using\nversion: 1.0.0\nimports:\n  {imports}\nfunctions:\n{functions}")
}

fn codes(imports: &str, functions: &str) -> Vec<String> {
    let text = using(imports, functions);
    let (sources, program, diagnostics) = checked(&[LISTS, MATH, SHAPES, OTHER, &text]);
    if diagnostics.is_empty() {
        assert_well_typed(&program);
    }
    diagnostics.iter().map(|d| format!("{} {}", d.code, sources.text(d.primary.span))).collect()
}

const OTHER: &str = "
vibee: 3
name: other
version: 1.0.0
functions:
  - { name: area, params: { n: Int }, returns: Int, body: n }
";

#[test]
fn functions_of_std_are_made_for_the_types_that_they_are_used_with() {
    let text = using(
        "- { name: std.math }",
        r#"  - name: f
    params: { xs: List<Int>, s: String }
    returns: "(Option<Int>, List<String>, Int, Int, List<(Int, String)>, String, Int)"
    body: |
      (xs.first(), reverse([s, "b"]), [true].size(), s.size(), xs.reverse().zip([s]), None.unwrap_or(s),
       0t+-0.widened() + widened(0t++))
    examples: |
      xs        | s   | result
      [1, 2, 3] | "a" | (Some(1), ["b", "a"], 1, 1, [(3, "a")], "a", 15)
      []        | ""  | (None, ["b", ""], 1, 0, [], "", 15)
  - name: g
    params: { n: Int }
    returns: Int
    body: math.double(n) + std.math.double(1) + n.double() + math.TWO
    examples: |
      n | result
      3 | 16
"#,
    );
    examples_hold(&[LISTS, MATH, &text]);
    let (_, program, _) = checked(&[LISTS, MATH, &text]);
    assert_well_typed(&program);
    let instances = |name: &str| program.functions.iter().filter(|f| f.name == name).count();
    assert_eq!(instances("reverse"), 2, "for Int and for String");
    assert_eq!(instances("reverse_to"), 2);
    assert_eq!(instances("widened"), 2, "for two widths");
    let modules: Vec<&str> = program.modules.iter().map(|m| m.name.as_str()).collect();
    assert_eq!(modules, ["std.list", "std.math", "using"]);
}

#[test]
fn modules_of_std_that_nothing_uses_are_left_out() {
    let text =
        "vibee: 3\nname: t\nversion: 1.0.0\nfunctions:\n  - { name: f, params: { a: Int }, returns: Int, body: a }\n";
    let (_, program, diagnostics) = checked(&[LISTS, MATH, text]);
    assert!(diagnostics.is_empty());
    assert_eq!(program.modules.len(), 1);
    assert_eq!(program.functions.len(), 1);
}

#[test]
fn names_of_other_modules() {
    let f = |body: &str| format!("  - {{ name: f, params: {{ s: shapes.Shape }}, returns: Int, body: \"{body}\" }}\n");
    assert!(codes("- { name: shapes }", &f("shapes.area(s) + shapes.MOST + shapes.area(shapes.Shape.dot)")).is_empty());
    assert!(codes("- { name: shapes }", &f("s.area() + shapes.Box(size = 3).size")).is_empty());
    assert!(
        codes("- { name: shapes }", &f("match s { shapes.Shape.dot => 1, shapes.Shape.square(n) => n }")).is_empty()
    );
    assert!(
        codes(
            "- { name: shapes, only: [area, Shape, MOST] }",
            "  - { name: f, params: { s: Shape }, returns: Int, body: area(s) + MOST }\n"
        )
        .is_empty()
    );
    assert_eq!(codes("- { name: shapes }", &f("area(s)")), ["E0301 area"]);
    assert_eq!(codes("- { name: shapes }", &f("shapes.nothing(s)")), ["E0301 nothing"]);
    assert_eq!(codes("- { name: shapes }", &f("shapes.LEAST + shapes.area(s)")), ["E0301 LEAST"]);
    assert_eq!(codes("- { name: shapes, only: [areas] }", &f("shapes.area(s)")), ["E0301 areas"]);
    assert_eq!(
        codes("- { name: shapes, only: [area] }\n  - { name: other, only: [area] }", &f("area(s)")),
        ["E0303 area"]
    );
    assert_eq!(codes("- { name: shapes }\n  - { name: other }", &f("shapes.area(s)")), ["W0351 other"]);
    let own = "  - { name: area, params: { n: Int }, returns: Int, body: n }\n";
    assert_eq!(codes("- { name: shapes, only: [area] }", own), ["E0322 area"]);
}

#[test]
fn rows_of_a_generic_function_choose_its_types() {
    let text = LISTS.replace(
        "  - { name: size, params: { text",
        r#"  - name: pair
    generics: [T, U]
    params: { a: T, b: U }
    returns: "(T, U)"
    body: (a, b)
    examples: |
      a | b    | result
      1 | "a"  | (1, "a")
      2 | true | (2, true)
      0 | None | (0, None)
  - name: negated
    params: { t: Tryte }
    returns: Tryte
    body: -t
    examples: |
      t     | result
      0t+-  | 0t-+
      0t+0- | 0t-0+
  - { name: size, params: { text"#,
    );
    examples_hold(&[&text]);
    let wrong = text.replace("(2, true)\n", "(2, 3)\n");
    assert_ne!(text, wrong);
    let (sources, _, diagnostics) = checked(&[&wrong]);
    let found: Vec<_> = diagnostics.iter().map(|d| (d.code, sources.text(d.primary.span))).collect();
    assert_eq!(found, [("E0310", "3")]);
}
