//! What is done with whole files: reading and checking old ones, the cases of a table, code in four languages.

use std::{
    collections::BTreeMap,
    fmt::Write as _,
    fs,
    io::Write as _,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::Instant,
};

use serde_json::{Map, Value as Json, json};
use vibee::{
    check, compile,
    diagnostic::Severity,
    generate::{self, Generated, TARGETS, Target},
    legacy,
    limits::Limits,
    load::{self, LoadError, Loader},
    render,
    run::{self, Options},
    source::Sources,
    typed::Program,
    vm::Vm,
};

use crate::{Result, checked, median, processor_seconds};

/// Rows of the table whose cases are timed.
const CASES: i64 = 1_000;

/// Files in memory.
struct Memory(BTreeMap<String, Vec<u8>>);

impl Loader for Memory {
    fn load(&mut self, _: Option<&str>, path: &str) -> std::result::Result<Vec<u8>, LoadError> {
        self.0.get(path).cloned().ok_or(LoadError::Missing)
    }
}

/// Seconds of a round, by what takes them.
#[derive(Default)]
struct Times(BTreeMap<&'static str, Vec<f64>>);

impl Times {
    fn add(&mut self, what: &'static str, seconds: f64) {
        self.0.entry(what).or_default().push(seconds);
    }

    fn timed<T>(&mut self, what: &'static str, run: impl FnOnce() -> T) -> T {
        let begin = processor_seconds();
        let result = run();
        self.add(what, processor_seconds() - begin);
        result
    }

    /// Of a child, by the clock.
    fn waited<T>(&mut self, what: &'static str, run: impl FnOnce() -> T) -> T {
        let begin = Instant::now();
        let result = run();
        self.add(what, begin.elapsed().as_secs_f64());
        result
    }

    fn of(&self, what: &str) -> f64 {
        self.0.get(what).map_or(f64::NAN, |times| median(times.clone()))
    }
}

/// What is measured: `None` of what no wanted row needs.
struct Subjects {
    old: Option<Old>,
    table: Option<Table>,
    specs: Option<BTreeMap<String, Vec<u8>>>,
}

/// Runs the rows whose names hold `only`, all of them where it is `files`; prints them and adds them to `rows`.
pub(crate) fn run(rounds: usize, only: &str, rows: &mut Map<String, Json>) -> Result<()> {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let scratch = here.join("target/files");
    let wants = |keys: &[&str]| only == "files" || keys.iter().any(|key| key.contains(only));
    let subjects = Subjects {
        old: if wants(&OLD_ROWS) {
            Some(Old::unpack(&here.join("../../testdata/vibee-legacy/specs.tar.xz"), &scratch.join("legacy"))?)
        } else {
            None
        },
        table: if wants(&CASE_ROWS) { Some(Table::make(&scratch)?) } else { None },
        specs: if wants(&["four_targets"]) { Some(specs(&here.join("../../specs"))?) } else { None },
    };
    if subjects.old.is_none() && subjects.table.is_none() && subjects.specs.is_none() {
        return Ok(());
    }
    let times = subjects.measure(here, rounds)?;
    println!("\n{:<52} {:>12} {:>12} {:>8}", "", "vibee", "other", "times");
    let mut row = |key: &str, what: &str, unit: &str, ours: f64, theirs: Option<f64>| {
        if !wants(&[key]) {
            return;
        }
        let ratio = theirs.map(|theirs| theirs / ours);
        let shown = |x: Option<f64>, unit: &str| x.map_or(String::new(), |x| format!("{x:.2}{unit}"));
        let ours_shown = shown(Some(ours), unit);
        println!("{what:<52} {ours_shown:>12} {:>12} {:>8}", shown(theirs, unit), shown(ratio, ""));
        rows.insert(
            key.to_owned(),
            json!({ "kind": "files", "what": what, "unit": unit.trim(), "vibee": ours, "other": theirs }),
        );
    };
    if let Some(old) = &subjects.old {
        let bytes: u64 = old.yaml.iter().map(|path| fs::metadata(old.folder.join(path)).map_or(0, |of| of.len())).sum();
        let per_byte = |what: &str| times.of(what) * 1e9 / bytes as f64;
        let what = "a byte of old files; PyYAML + jsonschema";
        row("legacy_byte", what, " ns", per_byte("read"), Some(per_byte("python")));
        let what = format!("all {} old files, with their messages", old.all.len());
        row("legacy_all", &what, " ms", times.of("all") * 1e3, None);
    }
    if let Some(table) = &subjects.table {
        let ours = |what: &str| times.of(what) * 1e6 / CASES as f64;
        let theirs = |what: &str| Some(times.of(what) * 1e6 / table.n_python as f64);
        let [alone, whole] = ["table_only", "table"].map(ours);
        row("case_python", "a case; generated Python, its tests alone", " µs", alone, theirs("python_tests"));
        row("case_python_suite", "a case, reading included; python3 FILE", " µs", whole, theirs("python_suite"));
        if table.has_node {
            row("case_node", "a case; generated TypeScript, its tests alone", " µs", alone, theirs("node_tests"));
            row("case_node_suite", "a case, reading included; node --test FILE", " µs", whole, theirs("node_suite"));
        } else {
            println!("no row of node: TSC names no TypeScript compiler");
        }
    }
    if let Some(specs) = &subjects.specs {
        let what = format!("four targets from {} specs", specs.len());
        row("four_targets", &what, " ms", times.of("four") * 1e3, None);
    }
    Ok(())
}

const OLD_ROWS: [&str; 2] = ["legacy_byte", "legacy_all"];
const CASE_ROWS: [&str; 4] = ["case_python", "case_python_suite", "case_node", "case_node_suite"];

impl Subjects {
    fn measure(&self, here: &Path, rounds: usize) -> Result<Times> {
        // What each counts is compared before anything is timed.
        if let Some(old) = &self.old {
            let counts = old.check(&old.yaml, &old.folder, false)?;
            let (theirs, _) = old.python(here)?;
            if counts != theirs {
                let of = "[files, behaviors, types, constants]";
                return Err(format!("old files: {of} {counts:?} here, {theirs:?} there").into());
            }
        }
        if let Some(table) = &self.table {
            table.test()?;
        }
        let mut times = Times::default();
        for _ in 0..rounds {
            if let Some(old) = &self.old {
                times.timed("read", || old.check(&old.yaml, &old.folder, false))?;
                times.add("python", old.python(here)?.1);
                times.timed("all", || old.check(&old.all, &old.folder, true))?;
            }
            if let Some(table) = &self.table {
                times.timed("table", || table.test())?;
                let tester = table.tester()?;
                times.add("table_only", tester);
                times.waited("python_suite", || table.python())?;
                times.add("python_tests", table.python()?);
                if table.has_node {
                    times.waited("node_suite", || table.node())?;
                    times.add("node_tests", table.node()?);
                }
            }
            if let Some(specs) = &self.specs {
                times.timed("four", || four(specs))?;
            }
        }
        Ok(times)
    }
}

/// The old corpus.
struct Old {
    folder: PathBuf,
    /// Paths of the files that both can read.
    yaml: Vec<String>,
    /// Paths of all that are specifications.
    all: Vec<String>,
}

impl Old {
    fn unpack(archive: &Path, folder: &Path) -> Result<Self> {
        fs::create_dir_all(folder)?;
        let status = Command::new("tar").arg("-xJf").arg(archive).arg("-C").arg(folder).status()?;
        if !status.success() {
            return Err(format!("tar: {status}").into());
        }
        let census: Json = serde_json::from_slice(&fs::read(folder.join("census.json"))?)?;
        let of = |verdicts: &[&str]| -> Vec<String> {
            let files = census["files"].as_array().into_iter().flatten();
            let files =
                files.filter(|file| file["verdict"].as_str().is_some_and(|verdict| verdicts.contains(&verdict)));
            files.filter_map(|file| file["path"].as_str().map(str::to_owned)).collect()
        };
        Ok(Self { folder: folder.to_owned(), yaml: of(&["yaml"]), all: of(&["yaml", "tolerated"]) })
    }

    /// Reads, checks and counts files, behaviours, types and constants, as `vibee check` does.
    fn check(&self, paths: &[String], folder: &Path, is_rendered: bool) -> Result<[usize; 4]> {
        let mut files = BTreeMap::new();
        for path in paths {
            files.insert(path.clone(), fs::read(folder.join(path))?);
        }
        let asked: Vec<&str> = paths.iter().map(String::as_str).collect();
        let mut sources = Sources::default();
        let loaded = load::load(&mut sources, &asked, &mut Memory(files));
        let (_, more) = check::check(&sources, &loaded.specs, loaded.n_asked);
        let mut diagnostics = loaded.diagnostics;
        diagnostics.extend(more);
        if let Some(error) = diagnostics.iter().find(|d| d.severity() == Severity::Error) {
            return Err(format!("old files: {} {}", error.code, error.message).into());
        }
        if is_rendered && render::render(&diagnostics, &sources, render::Style::Plain).is_empty() {
            return Err("old files: no messages".into());
        }
        let mut counts = [0; 4];
        for of in loaded.old.iter().map(legacy::census) {
            let more = [1, of.behaviors, of.types, of.constants];
            counts.iter_mut().zip(more).for_each(|(count, more)| *count += more);
        }
        Ok(counts)
    }

    /// Counts the same in Python; gives its seconds too.
    fn python(&self, here: &Path) -> Result<([usize; 4], f64)> {
        let mut command = Command::new("python3");
        command.arg(here.join("scripts/legacy.py")).arg(&self.folder).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn()?;
        child.stdin.take().ok_or("no stdin")?.write_all(self.yaml.join("\n").as_bytes())?;
        let output = child.wait_with_output()?;
        let text = String::from_utf8(output.stdout)?;
        let words: Vec<&str> = text.split_whitespace().collect();
        let [counts @ .., seconds] = words.as_slice() else { return Err(format!("python3: {}", output.status).into()) };
        let counts: Vec<usize> = counts.iter().map(|word| word.parse()).collect::<std::result::Result<_, _>>()?;
        Ok((counts.try_into().map_err(|_| "python3: not four counts")?, seconds.parse()?))
    }
}

/// A function with a table of examples, and its generated tests.
struct Table {
    text: String,
    folder: PathBuf,
    has_node: bool,
    /// Number of generated cases: the rows, and some that are drawn.
    n_python: usize,
}

impl Table {
    fn make(scratch: &Path) -> Result<Self> {
        let mut text = String::from(
            "vibee: 3\nname: table\nversion: 1.0.0\ndescription: A table of examples.\nfunctions:\n  - name: gcd\n    \
             params: { a: Int, b: Int }\n    returns: Int\n    given: a >= 0 and b >= 0\n    decreases: b\n    \
             body: if b == 0 { a } else { gcd(b, a mod b) }\n    examples: |\n      a | b | result\n",
        );
        for i in 1..=CASES {
            let (a, b) = (i * 7919 % 100_003, i * 104_729 % 99_991);
            let (mut x, mut y) = (a, b);
            while y != 0 {
                (x, y) = (y, x % y);
            }
            let _ = writeln!(text, "      {a} | {b} | {x}");
        }
        let folder = scratch.join("table");
        fs::create_dir_all(&folder)?;
        let mut table = Self { text, folder, has_node: false, n_python: 0 };
        let program = table.program()?;
        let cases = generate::cases(&program, Limits::default());
        table.n_python = cases.len();
        for name in ["python", "typescript"] {
            let target = Target::from_name(name).ok_or("no such target")?;
            write(&table.folder, &generate::generate(&program, &cases, target))?;
        }
        if let Ok(compiler) = std::env::var("TSC") {
            let words = ["--strict", "--target", "es2022", "--module", "nodenext", "table.ts", "table.test.ts"];
            fs::write(table.folder.join("package.json"), "{ \"type\": \"module\" }\n")?;
            let status = Command::new(compiler).args(words).current_dir(&table.folder).status()?;
            if !status.success() {
                return Err(format!("TypeScript: {status}").into());
            }
            table.has_node = true;
        }
        Ok(table)
    }

    fn program(&self) -> Result<Program> {
        let files = BTreeMap::from([("table.vibee".to_owned(), self.text.clone().into_bytes())]);
        checked("table.vibee", &mut Memory(files))
    }

    /// Reads, checks, compiles and runs it.
    fn test(&self) -> Result<()> {
        self.judge(&self.program()?).map(drop)
    }

    /// Seconds of the cases alone, compared.
    fn tester(&self) -> Result<f64> {
        self.judge(&self.program()?)
    }

    fn judge(&self, program: &Program) -> Result<f64> {
        let options = compile::Options { cover: false, rows: false };
        let code = compile::compile_with(program, options).map_err(|d| d.message.clone())?;
        let mut vm = Vm::new(&code, Limits::default())?;
        let begin = processor_seconds();
        let report = run::test(program, &mut vm, &Options::default());
        let seconds = processor_seconds() - begin;
        match (report.n_passed(), report.n_failed()) {
            (passed, 0) if passed as i64 == CASES => Ok(seconds),
            (passed, failed) => Err(format!("the table: {passed} passed, {failed} failed").into()),
        }
    }

    /// Seconds that `unittest` says.
    fn python(&self) -> Result<f64> {
        let output = Command::new("python3").arg("test_table.py").current_dir(&self.folder).output()?;
        let text = String::from_utf8(output.stderr)?;
        let seconds = text.split_once(" in ").and_then(|(_, rest)| rest.split_once('s')).map(|(seconds, _)| seconds);
        match seconds {
            Some(seconds) if text.contains("\nOK") => Ok(seconds.parse()?),
            _ => Err(format!("generated Python: {text}").into()),
        }
    }

    /// Seconds that `node --test` says of the test itself.
    fn node(&self) -> Result<f64> {
        let output = Command::new("node")
            .args(["--test", "--test-reporter=tap", "table.test.js"])
            .current_dir(&self.folder)
            .output()?;
        let text = String::from_utf8(output.stdout)?;
        let of = text.split("duration_ms: ").nth(1).and_then(|rest| rest.split_whitespace().next());
        match of {
            Some(of) if text.contains("\n# fail 0") => Ok(of.parse::<f64>()? / 1e3),
            _ => Err(format!("generated TypeScript: {text}").into()),
        }
    }
}

fn write(folder: &Path, generated: &Generated) -> Result<()> {
    for file in &generated.files {
        fs::write(folder.join(&file.path), &file.text)?;
    }
    Ok(())
}

/// The texts of the specifications of `specs/`.
fn specs(folder: &Path) -> Result<BTreeMap<String, Vec<u8>>> {
    let mut texts = BTreeMap::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.extension().is_some_and(|ending| ending == "vibee")
            && let Some(name) = path.file_name().and_then(|name| name.to_str())
        {
            texts.insert(name.to_owned(), fs::read(&path)?);
        }
    }
    Ok(texts)
}

/// Reads and checks each specification and generates code with its tests in every language; gives its bytes.
fn four(specs: &BTreeMap<String, Vec<u8>>) -> Result<usize> {
    let mut bytes = 0;
    for path in specs.keys() {
        let program = checked(path, &mut Memory(specs.clone()))?;
        let cases = generate::cases(&program, Limits::default());
        for target in TARGETS {
            let generated = generate::generate(&program, &cases, target.target);
            bytes += generated.files.iter().map(|file| file.text.len()).sum::<usize>();
        }
    }
    Ok(bytes)
}
