//! `cargo xtask test`: stages in order, each with its time, and the totals of all tests last.
//!
//! Without an argument it runs what needs only Rust, a C and C++ compiler and Python; `extra` is what needs more,
//! `quick` what answers in minutes. All stages build in the same two profiles of one target folder, so each thing is
//! compiled once.

use std::{
    io::{BufRead, BufReader},
    process::{Command, Stdio},
    time::Instant,
};

use crate::{
    Outcome, browser, checkout, clients,
    command::{cargo, succeed},
    first_command, fuzz, load, models, serve_bench, siege, tidy, wasm,
};

/// Seconds for each fuzz target within `test`.
const FUZZ_SECONDS: &str = "15";
/// The release binary may not be larger.
/// With server, grammars, TLS and chat page (12.3 MB without them), tenants, encoders of every type and split files.
const BINARY_BYTES_MAX: u64 = 24_000_000;
/// What `quick` leaves out: the parts of test names that took longest together (as `-Z unstable-options --report-time`
/// measures).
const SLOW: &[&str] = &["every_golden_model", "random_files_of_every_format", "smollm2", "simulation", "quality"];

/// When a stage runs without being named.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Set {
    /// `cargo xtask test`, and `quick`.
    Quick,
    /// `cargo xtask test`.
    Standard,
    /// `cargo xtask test extra`: installs what it needs, or says what is missing.
    Extra,
}

struct Stage {
    name: &'static str,
    set: Set,
    run: fn(&mut Totals) -> Outcome,
}

const fn stage(set: Set, name: &'static str, run: fn(&mut Totals) -> Outcome) -> Stage {
    Stage { name, set, run }
}

const STAGES: &[Stage] = &[
    stage(Set::Quick, "fmt", |_| succeed(&mut cargo(&["fmt", "--all", "--check"]))),
    stage(Set::Quick, "tidy", |_| tidy::run()),
    stage(Set::Quick, "clippy", |_| {
        succeed(&mut cargo(&["clippy", "--workspace", "--all-targets", "--quiet", "--", "-D", "warnings"]))
    }),
    stage(Set::Standard, "doc", |_| {
        succeed(cargo(&["doc", "--workspace", "--no-deps", "--quiet"]).env("RUSTDOCFLAGS", "-D warnings"))
    }),
    stage(Set::Standard, "readme", |totals| {
        first_command::run()?;
        totals.passed += 1;
        Ok(())
    }),
    stage(Set::Quick, "models", |_| models::fetch().map(drop)),
    stage(Set::Standard, "tests", |totals| run_tests(&[], totals)),
    stage(Set::Standard, "release", |_| release_binary()),
    stage(Set::Standard, "load", |_| load::run(&["--quick".to_owned()])),
    stage(Set::Extra, "loom", loom),
    stage(Set::Extra, "wasm", |_| wasm::run()),
    stage(Set::Extra, "fuzz", |totals| {
        totals.passed += fuzz::run(Some(FUZZ_SECONDS))?;
        Ok(())
    }),
    stage(Set::Extra, "siege", |totals| {
        let program = checkout::release_binary()?.to_string_lossy().into_owned();
        let arguments = ["--quick", "--only", "company,soak,burst", "--trinity", &program].map(str::to_owned);
        serve_bench::run(&siege::SUITE, &arguments)?;
        totals.passed += 1;
        Ok(())
    }),
    // Last: these install a browser, and half a gigabyte of other people's clients.
    stage(Set::Extra, "browser", |totals| browser::run(&[], |line| totals.add(line))),
    stage(Set::Extra, "clients", run_clients),
];

/// The last stage of `quick`.
const QUICK_TESTS: Stage = stage(Set::Quick, "quick tests", |totals| {
    let skips: Vec<&str> = SLOW.iter().flat_map(|name| ["--skip", name]).collect();
    run_tests(&skips, totals)
});

/// Sums over all stages.
#[derive(Default)]
pub(crate) struct Totals {
    passed: u64,
    failed: u64,
}

impl Totals {
    /// Counts a line such as `test result: ok. 12 passed; 0 failed; …`.
    fn add(&mut self, line: &str) {
        if let Some(counts) = line.strip_prefix("test result: ") {
            self.passed += count(counts, "passed");
            self.failed += count(counts, "failed");
        }
    }
}

/// Runs a set of stages (`quick`, `extra`, else the standard one), or those that are named; `stages` lists them.
pub(crate) fn run(arguments: &[String]) -> Outcome {
    if arguments.iter().any(|name| name == "stages") {
        for (set, title) in [(Set::Extra, false), (Set::Extra, true)] {
            println!("{}", if title { "cargo xtask test extra:" } else { "cargo xtask test:" });
            STAGES.iter().filter(|stage| (stage.set == set) == title).for_each(|stage| println!("  {}", stage.name));
        }
        return Ok(());
    }
    run_stages(&chosen(arguments)?)
}

/// The stages of a command line, in their order.
fn chosen(arguments: &[String]) -> Result<Vec<&'static Stage>, String> {
    let is_set = |name: &str| ["quick", "extra"].contains(&name);
    let is_known = |name: &str| is_set(name) || STAGES.iter().any(|stage| stage.name == name);
    if let Some(unknown) = arguments.iter().find(|name| !is_known(name)) {
        return Err(format!(
            "unknown stage {unknown:?} (cargo xtask test stages lists them; quick and extra are sets)"
        ));
    }
    let has = |name: &str| arguments.iter().any(|a| a == name);
    let is_wanted = |stage: &&Stage| match stage.set {
        _ if has(stage.name) => true,
        Set::Quick => arguments.is_empty() || has("quick"),
        Set::Standard => arguments.is_empty(),
        Set::Extra => has("extra"),
    };
    let quick_tests = [&QUICK_TESTS].into_iter().filter(|_| has("quick") && !has("tests"));
    Ok(STAGES.iter().filter(is_wanted).chain(quick_tests).collect())
}

/// All of them, even if one fails: the reader sees everything that is wrong.
fn run_stages(stages: &[&Stage]) -> Outcome {
    let mut totals = Totals::default();
    let (mut times, mut failures) = (Vec::new(), Vec::new());
    for Stage { name, run, .. } in stages {
        println!("==> {name}");
        let start = Instant::now();
        if let Err(e) = run(&mut totals) {
            println!("stage {name}: {e}");
            failures.push(format!("stage {name}: {e}"));
        }
        times.push(format!("{name} {:.0} s", start.elapsed().as_secs_f64()));
        println!("<== {}", times.last().map_or("", String::as_str));
    }
    // A stage that fails without a failed test of its own counts as one.
    totals.failed = totals.failed.max(failures.len() as u64);
    println!("\nstages: {}", times.join(", "));
    failures.iter().for_each(|failure| println!("{failure}"));
    println!("{} passed, {} failed", totals.passed, totals.failed);
    if failures.is_empty() { Ok(()) } else { Err(failures.join("; ")) }
}

/// All unit, golden, property, simulation and end-to-end tests; `filter` goes to each binary.
fn run_tests(filter: &[&str], totals: &mut Totals) -> Outcome {
    let mut command = cargo(&["test", "--workspace", "--no-fail-fast", "--"]);
    command.args(filter).env("TRINITY_SMOLLM2", models::fetch()?);
    run_counted(&mut command, |line| totals.add(line))
}

/// Runs tests and hands on each line that they print; that none ran is an error, too.
pub(crate) fn run_counted(command: &mut Command, mut each_line: impl FnMut(&str)) -> Outcome {
    let program = command.get_program().to_string_lossy().into_owned();
    let mut child = command.stdout(Stdio::piped()).spawn().map_err(|e| format!("{program}: {e}"))?;
    let mut counted = Totals::default();
    for line in child.stdout.take().map(BufReader::new).into_iter().flat_map(BufRead::lines) {
        let line = line.map_err(|e| format!("{program}: {e}"))?;
        println!("{line}");
        counted.add(&line);
        each_line(&line);
    }
    let status = child.wait().map_err(|e| format!("{program}: {e}"))?;
    match (status.success(), counted.passed) {
        (true, 0) => Err("no test ran".to_owned()),
        (true, _) => Ok(()),
        (false, _) => Err(format!("{program}: {status}, {} tests failed", counted.failed)),
    }
}

/// The clients' tests; what fails is counted with all others.
fn run_clients(totals: &mut Totals) -> Outcome {
    let counts = clients::run(&[])?;
    totals.passed += counts.passed;
    totals.failed += counts.failed;
    if counts.failed == 0 { Ok(()) } else { Err(format!("{} tests of clients failed", counts.failed)) }
}

/// The pool's synchronisation in every order that loom finds (`loom/`).
pub(crate) fn loom(totals: &mut Totals) -> Outcome {
    let mut command = cargo(&["test", "--release", "--quiet", "--manifest-path", "loom/Cargo.toml"]);
    run_counted(&mut command, |line| totals.add(line))
}

/// The number before `word` in `ok. 12 passed; 0 failed; …`.
fn count(counts: &str, word: &str) -> u64 {
    let before = counts.split(word).next().unwrap_or_default();
    before.split_whitespace().next_back().and_then(|n| n.parse().ok()).unwrap_or(0)
}

/// Builds the release binary and holds it to its size.
fn release_binary() -> Outcome {
    let path = checkout::release_binary()?;
    let bytes = path.metadata().map_err(|e| format!("{}: {e}", path.display()))?.len();
    println!("release binary: {:.1} MB", bytes as f64 / 1e6);
    if bytes > BINARY_BYTES_MAX {
        return Err(format!("the release binary has {bytes} bytes, the limit is {BINARY_BYTES_MAX}"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(arguments: &[&str], expected: &[&str]) {
        let arguments: Vec<String> = arguments.iter().map(|&a| a.to_owned()).collect();
        let names: Vec<&str> = chosen(&arguments).unwrap().iter().map(|stage| stage.name).collect();
        assert_eq!(names, expected, "{arguments:?}");
    }

    #[test]
    fn stages_are_chosen_by_set_and_by_name() {
        check(&[], &["fmt", "tidy", "clippy", "doc", "readme", "models", "tests", "release", "load"]);
        check(&["extra"], &["loom", "wasm", "fuzz", "siege", "browser", "clients"]);
        check(&["quick"], &["fmt", "tidy", "clippy", "models", "quick tests"]);
        check(&["clients", "fmt"], &["fmt", "clients"]);
        check(&["quick", "load"], &["fmt", "tidy", "clippy", "models", "load", "quick tests"]);
        assert!(chosen(&["nothing".to_owned()]).is_err());
    }
}
