//! Specifications as people write them, in Rust, Python and C: the generated tests pass, and fail when a body is
//! changed.

use std::path::Path;

use vibee::{
    check,
    diagnostic::Severity,
    eval::Evaluator,
    generate::{Case, Generated, Target, generate},
    intrinsic::Intrinsic,
    limits::Limits,
    load::{self, LoadError, Loader},
    random::SplitMix64,
    source::Sources,
    testing::values,
    typed::{Expr, FunctionId, Kind, Program, Role},
};

use crate::toolchains;

/// Specifications that code is generated from.
const FILES: &[&str] = &["check/language.vibee", "check/keep_alive.vibee"];

/// Files of `testdata`.
struct Folder;

impl Loader for Folder {
    fn load(&mut self, _: Option<&str>, path: &str) -> Result<Vec<u8>, LoadError> {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata");
        std::fs::read(folder.join(path)).map_err(|_| LoadError::Missing)
    }
}

/// One file in memory.
struct Text(&'static str);

impl Loader for Text {
    fn load(&mut self, _: Option<&str>, _: &str) -> Result<Vec<u8>, LoadError> {
        Ok(self.0.into())
    }
}

fn program(file: &str) -> Program {
    checked(file, &mut Folder)
}

fn checked(file: &str, loader: &mut dyn Loader) -> Program {
    let mut sources = Sources::default();
    let loaded = load::load(&mut sources, &[file], loader);
    let (program, more) = check::check(&sources, &loaded.specs, loaded.n_asked);
    let errors: Vec<_> = loaded.diagnostics.iter().chain(&more).filter(|d| d.severity() == Severity::Error).collect();
    assert!(errors.is_empty(), "{file}: {errors:?}");
    program
}

/// The rows of examples, with what the evaluator gives for their arguments.
fn cases(program: &Program) -> Vec<Case> {
    let mut evaluator = Evaluator::new(program, Limits::default());
    let mut cases = Vec::new();
    for example in &program.examples {
        // A cell that is no value of its column's type has no argument to call with.
        let args: Result<Vec<_>, _> = example.args.iter().map(|arg| evaluator.call(*arg, &[])).collect();
        let Ok(args) = args else { continue };
        let outcome = evaluator.call(example.function, &args);
        cases.push(Case { function: example.function, args, outcome, origin: format!("row {}", example.row) });
    }
    cases
}

fn generated(file: &str, target: Target) -> Generated {
    let program = program(file);
    let cases = cases(&program);
    generate(&program, &cases, target)
}

#[test]
fn specifications_in_rust() {
    toolchains::rust("specs-rust-keep-alive", &generated("check/keep_alive.vibee", Target::Rust));
    let mut program = checked("unread.vibee", &mut Text(UNREAD));
    let cases = cases(&program);
    let generated = generate(&program, &cases, Target::Rust);
    toolchains::rust("specs-rust-unread", &generated);
    // A changed body fails the tests.
    let function = program.find("unread", "first").unwrap();
    assert!(mutate(program.functions[function.0 as usize].body.as_mut().unwrap()), "there is a sum in it");
    let folder = toolchains::write("mutant-rust", &generate(&program, &cases, Target::Rust));
    toolchains::succeed(&folder, "rustc", &["--edition", "2024", "--test", "-o", "tests", "unread_test.rs"]);
    let (is_ok, said) = toolchains::run(&folder, "./tests", &[]);
    assert!(!is_ok && said.contains("test result: FAILED"), "{said}");
}

/// An argument whose items are checked, by a name that no text mentions.
const UNREAD: &str = "vibee: 3
name: unread
version: 1.0.0
functions:
  - name: first
    params: { digits: List<Int(0..9)> }
    returns: Int
    body: digits[0] + 1
    examples: |
      digits | result
      []     | fault(index)
      [4, 9] | 5
";

#[test]
fn what_nothing_reads_has_no_name() {
    let program = checked("unread.vibee", &mut Text(UNREAD));
    let cases = cases(&program);
    for target in [Target::Rust, Target::TypeScript, Target::Python, Target::C] {
        let files = generate(&program, &cases, target).files;
        let code = files.iter().find(|file| !file.path.contains("test")).unwrap();
        assert!(!code.text.contains("acc") && !code.text.contains("entered"), "{target:?}\n{}", code.text);
    }
}

#[test]
fn typescript_tests_have_what_they_use() {
    let program = checked("unread.vibee", &mut Text(UNREAD));
    let mut cases = cases(&program);
    let tests = |cases: &[Case]| {
        let files = generate(&program, cases, Target::TypeScript).files;
        files.into_iter().find(|file| file.path.contains("test")).unwrap().text
    };
    let all = tests(&cases);
    assert!(all.contains("function faults") && all.contains("function gives") && !all.contains("await"), "{all}");
    cases.retain(|case| case.outcome.is_ok());
    assert!(!tests(&cases).contains("function faults"));
    assert!(!tests(&[]).contains("import"));
}

#[test]
fn specifications_in_python() {
    FILES
        .iter()
        .for_each(|file| toolchains::python(&format!("specs-python-{}", file.len()), &generated(file, Target::Python)));
}

#[test]
fn specifications_in_c() {
    FILES.iter().for_each(|file| toolchains::c(&format!("specs-c-{}", file.len()), &generated(file, Target::C)));
}

/// Makes the first sum below an expression a difference; tells whether there was one.
fn mutate(expr: &mut Expr) -> bool {
    match &mut expr.kind {
        Kind::Intrinsic { op, .. } if *op == Intrinsic::IntAdd => {
            *op = Intrinsic::IntSub;
            true
        }
        Kind::Intrinsic { args, .. } | Kind::Call { args, .. } | Kind::Tuple(args) => args.iter_mut().any(mutate),
        Kind::Let { value, body, .. } => mutate(value) || mutate(body),
        Kind::If { condition, then, otherwise } => mutate(condition) || mutate(then) || mutate(otherwise),
        Kind::Cover(_, inner) | Kind::InRange { value: inner, .. } => mutate(inner),
        Kind::Assert { body, .. } => mutate(body),
        _ => false,
    }
}

#[test]
fn a_changed_body_fails_the_generated_tests() {
    let mut program = program("check/language.vibee");
    let cases = cases(&program);
    let function = program.find("language", "digit").unwrap();
    assert!(mutate(program.functions[function.0 as usize].body.as_mut().unwrap()), "there is a sum in it");
    let python = toolchains::write("mutant-python", &generate(&program, &cases, Target::Python));
    let (is_ok, said) = toolchains::run(&python, "python3", &["test_language.py"]);
    assert!(!is_ok && said.contains("FAILED (failures=") && said.contains("test_digit"), "{said}");
    let c = toolchains::write("mutant-c", &generate(&program, &cases, Target::C));
    toolchains::succeed(&c, "gcc", &["-std=c11", "test_language.c", "-o", "tests", "-lm"]);
    let (is_ok, said) = toolchains::run(&c, "./tests", &[]);
    assert!(!is_ok && said.contains("language_digit, row 0: another result"), "{said}");
}

/// Calls of every public function with drawn values, the edges of their types among them.
fn drawn(program: &Program, calls: usize) -> Vec<Case> {
    let mut random = SplitMix64::new(7);
    let mut evaluator = Evaluator::new(program, Limits::default());
    let mut cases = Vec::new();
    for (at, function) in program.functions.iter().enumerate() {
        if function.module != "standard" || function.role != Role::Function {
            continue;
        }
        for call in 0..calls {
            let params = function.locals.iter().take(function.n_params);
            let args: Vec<_> = params.map(|local| values::value(program, &local.declared, 2, &mut random)).collect();
            let outcome = evaluator.call(FunctionId(at as u32), &args);
            cases.push(Case { function: FunctionId(at as u32), args, outcome, origin: format!("call {call}") });
        }
    }
    cases
}

#[test]
fn the_standard_library_has_the_same_bits_in_python_and_c() {
    let program = program("generate/standard.vibee");
    let cases = drawn(&program, 60);
    toolchains::python("standard-python", &generate(&program, &cases, Target::Python));
    toolchains::c("standard-c", &generate(&program, &cases, Target::C));
}

/// Names that are words of a language or of its runtime, and a recursion that is deeper than any stack.
const NAMES: &str = "vibee: 3
name: int
version: 1.0.0
types:
  Class: { enum: [for, { while: { def: Int, struct: String } }] }
  Exception: { fields: { self: Int, lambda: Bool, class: Class } }
functions:
  - name: main
    params: { arena: Int, char: Int, len: Int }
    returns: Int
    body: let malloc = arena + char; let tuple = malloc * len; tuple - arena
    examples: |
      arena | char | len | result
      1     | 2    | 3   | 8
  - name: print
    say: Ends in a quote\" and */ and \"\"\" and a backslash \\
    params: { class: Class, while: Bool }
    returns: Exception
    body: Exception(self = 1, lambda = while, class = class)
    examples: |
      class                        | while | result
      Class.while(def = 1, struct = \"?\" ) | true | Exception(self = 1, lambda = true, class = Class.while(1, \"?\"))
  - name: deep
    params: { n: Int }
    returns: Int
    decreases: n
    body: if n == 0 { 0 } else { 1 + deep(n - 1) }
    examples: |
      n   | result
      900 | 900
";

#[test]
fn names_of_other_languages_and_deep_calls_do_no_harm() {
    let program = checked("names.vibee", &mut Text(NAMES));
    let cases = cases(&program);
    assert_eq!(cases.len(), 3, "{cases:?}");
    let python = generate(&program, &cases, Target::Python);
    let c = generate(&program, &cases, Target::C);
    assert!(!python.renames.is_empty() && !c.renames.is_empty());
    toolchains::python("names-python", &python);
    toolchains::c("names-c", &c);
    let folder = toolchains::write("deep-c", &c);
    let main = "#include \"int.h\"\nint main(void) {\n    vibee_arena arena = {0};\n    int_deep(&arena, 100000000);\n    \
                return arena.fault == VIBEE_DEPTH && arena.depth == 0 ? 0 : 1;\n}\n";
    std::fs::write(folder.join("deep.c"), main).unwrap();
    toolchains::succeed(&folder, "gcc", &["-std=c11", "int.c", "deep.c", "-o", "deep", "-lm"]);
    toolchains::succeed(&folder, "./deep", &[]);
}
