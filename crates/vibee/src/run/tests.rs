use super::*;
use crate::{reader, schema, source::Sources};

fn program(text: &str) -> Program {
    let mut sources = Sources::default();
    let file = sources.add("t.vibee", format!("vibee: 3\nname: t\nversion: 1.0.0\n{text}"));
    let (document, mut diagnostics) = reader::read(&sources, file);
    let spec = schema::spec(&document, &mut diagnostics);
    let (program, more) = crate::check::check(&sources, spec.as_slice(), 1);
    diagnostics.extend(more);
    let shown = crate::render::render(&diagnostics, &sources, crate::render::Style::Plain);
    assert!(diagnostics.iter().all(|d| d.severity() != crate::diagnostic::Severity::Error), "{shown}");
    program
}

fn report(text: &str) -> Report {
    let program = program(text);
    let mut report = test(&program, &mut Evaluator::new(&program, Limits::default()), &Options::default());
    // The VM says the same; where a fault came up, the evaluator is asked.
    let bytecode =
        crate::compile::compile_with(&program, crate::compile::Options { cover: true, rows: false }).unwrap();
    let mut by_vm = test(&program, &mut Vm::new(&bytecode, Limits::default()).unwrap(), &Options::default());
    // Where there is no place, the VM says that it does not count.
    for report in [&mut by_vm, &mut report] {
        report.unreached = Some(report.unreached.take().unwrap_or_default());
    }
    assert_eq!(format!("{by_vm:#?}"), format!("{report:#?}"));
    report
}

/// The cases that generated tests get.
fn drawn(program: &Program, function: FunctionId, n: u32) -> Vec<Vec<Value>> {
    let mut engine = Evaluator::new(program, Limits::default());
    draw::cases(&mut Definition::new(program, &mut engine, Limits::default()), function, n)
}

/// The verdict of the one property, its variables as text.
fn property(text: &str) -> (String, u64) {
    let report = report(text);
    assert_eq!(report.properties.len(), 1);
    let property = &report.properties[0];
    let verdict = match &property.verdict {
        PropertyVerdict::Failed(example) => {
            let vars: Vec<_> = example.vars.iter().map(|(name, value)| format!("{name} = {value}")).collect();
            format!("{}: {}", example.found, vars.join(", "))
        }
        verdict => format!("{verdict:?}"),
    };
    (verdict, property.cases)
}

const HALF: &str = r#"
behaviors:
  - name: half
    params: { x: Int }
    returns: Result<Int, String>
    given: x >= 0
    when: "if x mod 2 == 0 { Ok(x div 2) } else if x == 99 { Ok(1 div (x - 99)) } else { Err(\"odd\") }"
    then: { small: "match result { Ok(y) => y <= x, Err(_) => true }" }
    examples: |
      x  | result
      4  | Ok(2)
      3  | Err("odd")
      2 + 2 | Ok(3)
      6  | Ok(7)
      -2 | Ok(-1)
      99 | Ok(0)
      100 - 1 | fault(div_zero)
      -1 | fault(given)
      1 div 0 | Ok(0)
"#;

#[test]
fn rows_are_judged_and_the_false_part_is_named() {
    let report = report(HALF);
    let found: Vec<_> = report
        .cases
        .iter()
        .map(|case| match &case.verdict {
            Verdict::Failed { part, expected, found, .. } => format!("{part:?} {expected} {found}"),
            verdict => format!("{verdict:?}"),
        })
        .collect();
    let expected = [
        "Passed",
        "Passed",
        "Result Ok(3) Ok(2)",
        "Then(Some(\"small\")) true false where result = Ok(7)",
        "Given true false",
        "Result Ok(0) fault(div_zero)",
        "Passed",
        "Passed",
        "Cell(\"x\") a value fault(div_zero)",
    ];
    assert_eq!(found, expected);
    assert_eq!((report.n_passed(), report.n_failed()), (4, 5));
    let codes: Vec<_> = report.diagnostics.iter().map(|d| d.code).collect();
    assert_eq!(codes, ["E0401", "E0401", "E0402", "E0402", "E0402", "E0402", "E0402"], "{:?}", report.diagnostics);
    let Verdict::Failed { origin: Some(origin), .. } = &report.cases[5].verdict else { panic!() };
    assert_eq!(origin.notes, ["fault(div_zero) came from t.half"]);
    assert_eq!(report.cases[0].shown_args(&program(HALF)), [("x".to_owned(), "4".to_owned())]);
    assert_eq!(report.behaviors[0].status, Status::Tested);
}

#[test]
fn rows_can_be_filtered() {
    let program = program(HALF);
    let options = Options { filter: Some("nothing".to_owned()), ..Options::default() };
    let report = test(&program, &mut Evaluator::new(&program, Limits::default()), &options);
    assert!(report.cases.is_empty() && report.diagnostics.is_empty());
}

fn forall(vars: &str, condition: &str, holds: &str) -> String {
    format!(
        "functions:\n  - {{ name: same_one, params: {{ x: Int }}, returns: Int, body: x }}\nbehaviors:\n  - name: f\n    \
         params: {{ x: Int }}\n    returns: Int\n    when: same_one(x)\n    forall:\n      - name: p\n        \
         vars: {{ {vars} }}\n{condition}        holds: '{holds}'\n"
    )
}

#[test]
fn small_domains_are_exhausted_and_that_is_a_proof() {
    assert_eq!(property(&forall("a: Int(0..99), b: Bool", "", "f(a) == a or b")), ("Proved".to_owned(), 200));
    let where_odd = "        where: 'a mod 2 == 1'\n";
    assert_eq!(property(&forall("a: Int(0..99)", where_odd, "f(a) mod 2 == 1")), ("Proved".to_owned(), 50));
    let (verdict, _) = property(&forall("a: Int(0..99), b: Int(0..99)", "", "f(a) + b < 150"));
    let [a, b] = [0, 1].map(|n| verdict.split(" = ").nth(n + 1).unwrap().split(',').next().unwrap().parse::<i64>());
    assert_eq!(a.unwrap() + b.unwrap(), 150, "the simplest of all that fail: {verdict}");
    let nothing = "        where: 'a > 99'\n";
    assert_eq!(property(&forall("a: Int(0..99)", nothing, "f(a) == a")).0, "HardlyTested");
}

#[test]
fn large_domains_are_drawn() {
    assert_eq!(property(&forall("a: Int, s: String", "", "f(a) == a and s == s")), ("Held".to_owned(), 1_000));
    let cases = "        cases: 17\n";
    assert_eq!(property(&forall("a: Int", cases, "f(a) == a")), ("Held".to_owned(), 17));
}

/// A fault is planted; what is shown is the smallest case that has it.
#[test]
fn failures_shrink_to_the_smallest() {
    let check = |vars: &str, holds: &str, expected: &str| {
        assert_eq!(property(&forall(vars, "", holds)).0, expected, "{holds}");
    };
    check("a: Int", "f(a) < 1000", "false: a = 1000");
    check("a: Int", "f(a) > -1000", "false: a = -1000");
    check("a: Int", "f(a) + 1 > a", &format!("fault(overflow): a = {}", i64::MAX));
    check("a: Int(5..1_000_000)", "f(a) < 5", "false: a = 5");
    check("a: List<Int>", "a.len() < 3", "false: a = [0, 0, 0]");
    check("a: List<Int>", "a.all(x => f(x) < 70)", "false: a = [70]");
    check("a: List<Int>, b: List<Int>", "a ++ b == b ++ a", "false: a = [1], b = [0]");
    check("s: String", "s.find(\"é\") == None", "false: s = \"é\"");
    check("s: String", "s.len() < 2", "false: s = \"aa\"");
    check("x: Float", "x == x", "false: x = nan");
    check("x: Float", "x < 1000.5", "false: x = 1001.0");
    check("x: U64", "x < u64(77)", "false: x = 77");
    check("m: 'Map<Int, String>'", "m.len() < 2", "false: m = map_of([(0, \"\"), (1, \"\")])");
    check(
        "o: 'Option<Result<Int, String>>'",
        "match o { Some(Err(s)) => s == \"\", _ => true }",
        "false: o = Some(Err(\"a\"))",
    );
    check("t: Tryte<20>", "t < tryte<20>(500)", "false: t = 0t0000000000000+-0+---");
    check("a: '(Int, Bytes)'", "a.1.len() < 1 or a.0 < 5", "false: a = (5, b\"00\")");
}

const TREE: &str = r#"
types:
  Even: { base: Int, where: value mod 2 == 0 }
  Tree: { enum: [{ leaf: { value: Even } }, { node: { left: Tree, right: Tree } }] }
functions:
  - name: least
    params: { tree: Tree }
    returns: Int
    decreases: size(tree)
    body: "match tree { Tree.leaf(v) => v, Tree.node(l, r) => let a = least(l); let b = least(r); if a < b { a } else { b } }"
  - name: size
    params: { tree: Tree }
    returns: Int
    decreases: 1
    body: "match tree { _ => 1 }"
"#;

#[test]
fn constrained_and_recursive_types_are_drawn_and_shrink() {
    let text = format!(
        "{TREE}behaviors:\n  - name: f\n    params: {{ t: Tree }}\n    returns: Bool\n    when: \"match t {{ Tree.leaf(v) => v mod 2 == 0, Tree.node(_, Tree.leaf(v)) => v < 101, _ => true }}\"\n    forall:\n      - {{ name: p, vars: {{ t: Tree }}, holds: f(t) }}\n"
    );
    let (verdict, _) = property(&text);
    let expected = "false: t = Tree.node(left = Tree.leaf(value = 0), right = Tree.leaf(value = 102))";
    assert_eq!(verdict, expected);
}

#[test]
fn what_is_hardly_tested_is_an_error() {
    let report = report(&forall("a: Int", "        where: 'a == 12345'\n", "f(a) == a"));
    assert_eq!(report.properties[0].verdict, PropertyVerdict::HardlyTested);
    assert_eq!(report.diagnostics.iter().map(|d| d.code).collect::<Vec<_>>(), ["E0410"]);
    assert_eq!(report.n_failed(), 1);
}

#[test]
fn runs_repeat_and_another_seed_draws_others() {
    let program = program(&forall("a: Int, s: String", "", "f(a) == a and s == s"));
    let function = program.properties[0].of;
    let cases = drawn(&program, function, 50);
    assert_eq!(cases, drawn(&program, function, 50));
    assert_eq!(cases.len(), 50);
    let mut drawn = [None, Some(1)].map(|seed| draw::seed("t", "f.p", "1.0.0", seed).next_u64());
    drawn.sort_unstable();
    assert!(drawn[0] != drawn[1]);
    assert_eq!(draw::seed("t", "f.p", "1.0.0", None).next_u64(), draw::seed("t", "f.p", "1.0.0", Some(0)).next_u64());
    assert_ne!(draw::seed("t", "f.p", "1.0.0", None).next_u64(), draw::seed("t", "f.p", "1.0.1", None).next_u64());
}

#[test]
fn arguments_keep_given() {
    let program = program(HALF);
    let cases = drawn(&program, program.examples[0].function, 200);
    assert_eq!(cases.len(), 200);
    assert!(cases.iter().all(|args| args[0] >= Value::Int(0)), "{cases:?}");
}

const BEHAVIORS: &str = r#"
types:
  E: { enum: [bad, worse] }
behaviors:
  - name: proved
    params: { x: Bool }
    returns: Bool
    when: not x
    forall: [{ name: p, vars: { x: Bool }, holds: proved(proved(x)) == x }]
  - name: untested
    params: { x: Bool }
    returns: Bool
    when: x
  - name: raises
    params: { x: Int }
    returns: Result<Int, E>
    raises: [bad, worse]
    when: "if x == 0 { Err(E.bad) } else if x < 0 { Err(E.worse) } else { Ok(x) }"
    examples: |
      x | result
      0 | if 1 > 0 { Err(E.bad) } else { Ok(1) }
extern:
  - name: asked
    params: { x: Int }
    returns: Int
    given: x > 0
    examples: |
      x | result
      1 | 2
      0 | 1
"#;

#[test]
fn behaviours_have_a_status() {
    let report = report(BEHAVIORS);
    let statuses: Vec<_> = report.behaviors.iter().map(|b| (b.name.as_str(), b.status.name())).collect();
    let expected = [("proved", "proved"), ("untested", "untested"), ("raises", "tested"), ("asked", "external")];
    assert_eq!(statuses, expected);
    let said: Vec<_> = report.diagnostics.iter().map(|d| (d.code, d.message.as_str())).collect();
    let expected = [
        ("E0402", "the row breaks `given`"),
        ("W0412", "`worse` stands in `raises` of `raises` and no example raises it"),
    ];
    assert_eq!(said, expected);
    let verdicts: Vec<_> = report.cases.iter().map(|case| case.verdict.clone()).collect();
    assert_eq!(verdicts[1], Verdict::External);
    assert!(matches!(verdicts[2], Verdict::Failed { part: Part::Given, .. }));
}

#[test]
fn places_that_no_case_reaches_are_listed() {
    let program = program(BEHAVIORS);
    let report = test(&program, &mut Evaluator::new(&program, Limits::default()), &Options::default());
    let unreached = report.unreached.unwrap();
    assert!(!unreached.is_empty() && unreached.len() < program.cover.len());
    let functions: std::collections::BTreeSet<_> =
        unreached.iter().map(|at| program.function(program.cover[*at as usize].function).name.as_str()).collect();
    assert_eq!(functions.into_iter().collect::<Vec<_>>(), ["raises"]);
}

/// An implementation that answers by a table.
struct Impl {
    answers: Vec<Answer>,
    asked: Vec<Vec<Value>>,
    is_pending: bool,
}

impl Engine for Impl {
    fn call(&mut self, _function: FunctionId, args: &[Value]) -> Answer {
        self.asked.push(args.to_vec());
        let at = self.asked.len().min(self.answers.len()) - 1;
        self.answers[at].clone()
    }

    fn is_external(&self) -> bool {
        true
    }

    fn pending(&self, _function: FunctionId) -> Option<String> {
        self.is_pending.then(|| "#41".to_owned())
    }
}

fn judged(text: &str, answers: Vec<Answer>, is_pending: bool) -> (Report, Vec<Vec<Value>>) {
    let program = program(text);
    let mut engine = Impl { answers, asked: Vec::new(), is_pending };
    let report = test(&program, &mut engine, &Options::default());
    (report, engine.asked)
}

const TWICE: &str = r"
types:
  Small: { base: Int, where: value < 100 }
behaviors:
  - name: twice
    params: { x: Int(0..40) }
    returns: Small
    when: x * 2
    then: [result mod 2 == 0]
    examples: |
      x | result
      3 | 6
";

#[test]
fn implementations_are_judged_by_the_definition() {
    let int = |i| Answer::Value(Value::Int(i));
    let check = |answer: Answer, is_pending, expected: &str| {
        let (report, asked) = judged(TWICE, vec![answer], is_pending);
        assert_eq!(asked, [[Value::Int(3)]]);
        let found = match &report.cases[0].verdict {
            Verdict::Failed { part, expected, found, .. } => format!("{part:?} {expected} {found}"),
            verdict => format!("{verdict:?}"),
        };
        assert_eq!(found, expected);
        assert!(report.diagnostics.is_empty(), "the specification is right");
    };
    check(int(6), false, "Passed");
    check(int(8), false, "Result 6 8");
    check(int(100), false, "Type a value of Small 100");
    check(Answer::Fault(Fault::Overflow), false, "Result 6 fault(overflow)");
    check(Answer::Unsupported, false, "Unsupported");
    check(int(8), true, "Pending { why: \"#41\" }");
    check(int(6), true, "Pending pending (#41) it passes");
    let broken = Answer::Broken { code: "E0604", message: "silence".to_owned() };
    check(broken, false, "Broken { code: \"E0604\", message: \"silence\" }");
}

#[test]
fn properties_ask_implementations_for_the_behaviour_alone() {
    let text = TWICE.replace("    examples: |\n      x | result\n      3 | 6\n", "")
        + "    forall:\n      - { name: p, vars: { x: Int(0..3) }, holds: twice(x) == x + x }\n";
    let answers = [0, 2, 5, 6].map(|i| Answer::Value(Value::Int(i)));
    let (report, asked) = judged(&text, answers.to_vec(), false);
    assert_eq!(asked.len(), 4);
    let PropertyVerdict::Failed(example) = &report.properties[0].verdict else { panic!() };
    assert_eq!(example.vars, [("x".to_owned(), "2".to_owned())]);
    assert_eq!(example.row.as_deref(), Some(["2".to_owned(), "4".to_owned()].as_slice()), "the definition's result");
    let (report, _) = judged(&text, vec![Answer::Unsupported], false);
    assert_eq!(report.properties[0].verdict, PropertyVerdict::Unsupported);
}
