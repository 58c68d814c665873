//! `cargo xtask test`: the stages of CI in order, each with its time, and the totals of all tests last.

use std::{
    io::{BufRead, BufReader},
    process::Stdio,
    time::Instant,
};

use crate::{
    Outcome, browser, clients,
    command::{cargo, root, succeed},
    fuzz, load, models, tidy, wasm,
};

/// Seconds for each fuzz target within `test`.
const FUZZ_SECONDS: &str = "15";
/// The release binary may not be larger.
/// With server, grammars, TLS and chat page; 12.3 MB without them.
const BINARY_BYTES_MAX: u64 = 22_000_000;

type Stage = (&'static str, fn(&mut Totals) -> Outcome);

const STAGES: &[Stage] = &[
    ("fmt", |_| succeed(&mut cargo(&["fmt", "--all", "--check"]))),
    ("tidy", |_| tidy::run()),
    ("clippy", |_| succeed(&mut cargo(&["clippy", "--workspace", "--all-targets", "--quiet", "--", "-D", "warnings"]))),
    ("doc", |_| succeed(cargo(&["doc", "--workspace", "--no-deps", "--quiet"]).env("RUSTDOCFLAGS", "-D warnings"))),
    ("models", |_| models::fetch().map(drop)),
    ("tests", run_tests),
    ("loom", |_| loom()),
    ("wasm", |_| wasm::run()),
    ("fuzz", |_| fuzz::run(Some(FUZZ_SECONDS))),
    ("release", |_| release_binary()),
    ("load", |_| load::run(&["--quick".to_owned()])),
    // Last: these install a browser, and half a gigabyte of other people's clients.
    ("browser", run_browser),
    ("clients", run_clients),
];

#[derive(Default)]
struct Totals {
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

/// Runs the stages named in `only` (all if none is).
pub(crate) fn run(only: &[String]) -> Outcome {
    if only.iter().any(|name| name == "stages") {
        for (name, _) in STAGES {
            println!("{name}");
        }
        return Ok(());
    }
    if let Some(unknown) = only.iter().find(|name| STAGES.iter().all(|(stage, _)| stage != name)) {
        return Err(format!("unknown stage {unknown:?}"));
    }
    let mut totals = Totals::default();
    let mut times = Vec::new();
    let mut outcome = Ok(());
    let is_wanted = |name: &str| only.is_empty() || only.iter().any(|o| o == name);
    for (name, stage) in STAGES.iter().filter(|(name, _)| is_wanted(name)) {
        println!("==> {name}");
        let start = Instant::now();
        outcome = stage(&mut totals).map_err(|e| format!("stage {name}: {e}"));
        times.push(format!("{name} {:.0} s", start.elapsed().as_secs_f64()));
        if outcome.is_err() {
            break;
        }
    }
    println!("\nstages: {}", times.join(", "));
    println!("{} passed, {} failed", totals.passed, totals.failed);
    outcome
}

/// All unit, golden, property and end-to-end tests; adds up what each binary reports.
fn run_tests(totals: &mut Totals) -> Outcome {
    let mut command = cargo(&["test", "--workspace", "--no-fail-fast"]);
    command.env("TRINITY_SMOLLM2", models::fetch()?).stdout(Stdio::piped());
    let mut child = command.spawn().map_err(|e| format!("cargo test: {e}"))?;
    for line in child.stdout.take().map(BufReader::new).into_iter().flat_map(BufRead::lines) {
        let line = line.map_err(|e| format!("cargo test: {e}"))?;
        println!("{line}");
        totals.add(&line);
    }
    let status = child.wait().map_err(|e| format!("cargo test: {e}"))?;
    match (status.success(), totals.passed) {
        (true, 0) => Err("no test ran".to_owned()),
        (true, _) => Ok(()),
        (false, _) => Err(format!("cargo test: {status}, {} failed", totals.failed)),
    }
}

/// The chat page in a browser.
fn run_browser(totals: &mut Totals) -> Outcome {
    browser::run(&[], |line| totals.add(line))
}

/// The clients' tests; what fails is counted with all others.
fn run_clients(totals: &mut Totals) -> Outcome {
    let counts = clients::run(&[])?;
    totals.passed += counts.passed;
    totals.failed += counts.failed;
    if counts.failed == 0 { Ok(()) } else { Err(format!("{} tests of clients failed", counts.failed)) }
}

/// The pool's synchronisation in every order that loom finds (`loom/`).
pub(crate) fn loom() -> Outcome {
    succeed(&mut cargo(&["test", "--release", "--quiet", "--manifest-path", "loom/Cargo.toml"]))
}

/// The number before `word` in `ok. 12 passed; 0 failed; …`.
fn count(counts: &str, word: &str) -> u64 {
    let before = counts.split(word).next().unwrap_or_default();
    before.split_whitespace().next_back().and_then(|n| n.parse().ok()).unwrap_or(0)
}

/// Builds the release binary and holds it to its size.
fn release_binary() -> Outcome {
    succeed(&mut cargo(&["build", "--release", "--package", "trinity", "--quiet"]))?;
    let path = root().join("target/release/trinity");
    let bytes = path.metadata().map_err(|e| format!("{}: {e}", path.display()))?.len();
    println!("release binary: {:.1} MB", bytes as f64 / 1e6);
    if bytes > BINARY_BYTES_MAX {
        return Err(format!("the release binary has {bytes} bytes, the limit is {BINARY_BYTES_MAX}"));
    }
    Ok(())
}
