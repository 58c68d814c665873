//! `cargo xtask test`: stages in order, each with its time, and the totals of all tests last.
//!
//! Without an argument it runs what needs only Rust, a C and C++ compiler and Python; `extra` is what needs more,
//! `quick` what answers in minutes. All stages build in the same two profiles of one target folder, so each thing is
//! compiled once. What a stage can do ahead (a build in a folder of its own, a download) begins with the first stage
//! and runs beside the others; a stage in which time counts waits until all of that is over.

use std::{
    io::{BufRead, BufReader},
    path::Path,
    process::{Command, Stdio},
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    thread::{self, ScopedJoinHandle},
    time::Instant,
};

use crate::{
    Outcome, aarch64, browser, checkout, clients,
    command::{cargo, succeed},
    firebird, first_command, fuzz, generated, load, models, serve_bench, siege, specs, tidy, wasm, web, web_pages,
};

/// Seconds for each fuzz target as a stage.
const FUZZ_SECONDS: &str = "10";
/// The release binary may not be larger: the engine with all its formats, the server with TLS and its page, grammars,
/// the embedded model, the knowledge graph (6 MB: SPARQL, the RDF formats, redb), layers with states and encoders, and
/// little room for what comes. Raise it only with the reason in the commit.
const BINARY_BYTES_MAX: u64 = 32_000_000;
/// The program `vibee` may not be larger: it is small enough to lie in a CI image unnoticed, and docs/vibee.md says so.
const VIBEE_BYTES_MAX: u64 = 4_000_000;
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
    /// By its name alone.
    Named,
}

struct Stage {
    name: &'static str,
    set: Set,
    /// Runs beside the stages before this one.
    ahead: Option<fn() -> Outcome>,
    /// Whether other work beside it could make it fail: such a stage waits for everything that runs ahead.
    is_timed: bool,
    /// Whether it waits more than it computes, for browsers and clients: neighbours of this kind run two at a time.
    is_waiting: bool,
    run: fn(&mut Totals) -> Outcome,
}

impl Stage {
    const fn new(set: Set, name: &'static str, run: fn(&mut Totals) -> Outcome) -> Self {
        Self { name, set, ahead: None, is_timed: false, is_waiting: false, run }
    }

    const fn ahead(self, work: fn() -> Outcome) -> Self {
        Self { ahead: Some(work), ..self }
    }

    const fn timed(self) -> Self {
        Self { is_timed: true, ..self }
    }

    const fn waiting(self) -> Self {
        Self { is_timed: true, is_waiting: true, ..self }
    }
}

const STAGES: &[Stage] = &[
    Stage::new(Set::Quick, "fmt", |_| succeed(&mut cargo(&["fmt", "--all", "--check"]))),
    Stage::new(Set::Quick, "tidy", |_| tidy::run()),
    Stage::new(Set::Quick, "clippy", |_| {
        succeed(&mut cargo(&["clippy", "--workspace", "--all-targets", "--quiet", "--", "-D", "warnings"]))
    }),
    Stage::new(Set::Standard, "doc", |_| {
        succeed(cargo(&["doc", "--workspace", "--no-deps", "--quiet"]).env("RUSTDOCFLAGS", "-D warnings"))
    }),
    Stage::new(Set::Standard, "build", |_| succeed(cargo(TESTS).args(["--quiet", "--no-run"]))),
    Stage::new(Set::Standard, "readme", |totals| {
        totals.passed += 1;
        Ok(())
    })
    .ahead(|| first_command::run().and_then(|()| models::fetch().map(drop))),
    Stage::new(Set::Quick, "models", |_| models::fetch().map(drop)),
    Stage::new(Set::Standard, "tests", |totals| run_tests(&[], totals)).timed(),
    Stage::new(Set::Standard, "specs", |totals| {
        totals.passed += specs::run(&[])?;
        Ok(())
    }),
    Stage::new(Set::Standard, "release", release_binaries),
    Stage::new(Set::Standard, "load", |_| load::run(&["--quick".to_owned()])).timed(),
    Stage::new(Set::Extra, "loom", loom),
    Stage::new(Set::Extra, "wasm", |totals| wasm::run(|line| totals.add(line))).ahead(wasm::build),
    Stage::new(Set::Extra, "web", |totals| {
        totals.passed += web::stage()?;
        Ok(())
    })
    .ahead(|| web::build(false).map(drop)),
    Stage::new(Set::Extra, "aarch64", |totals| aarch64::run_stage(|line| totals.add(line))).ahead(aarch64::build_stage),
    // Compiles all once more, with counters; the tests of crate `fuzzed` give the same functions changed inputs.
    Stage::new(Set::Named, "fuzz", |totals| {
        totals.passed += fuzz::run(Some(FUZZ_SECONDS))?;
        Ok(())
    })
    .ahead(|| fuzz::build().map(drop)),
    Stage::new(Set::Extra, "generated", |totals| {
        totals.passed += generated::run()?;
        Ok(())
    })
    .ahead(|| generated::need().map(drop)),
    Stage::new(Set::Extra, "siege", |totals| {
        let program = checkout::release_binary()?.to_string_lossy().into_owned();
        let arguments = ["--quick", "--only", "company,soak,burst", "--trinity", &program].map(str::to_owned);
        serve_bench::run(&siege::SUITE, &arguments)?;
        totals.passed += 1;
        Ok(())
    })
    .timed(),
    // These install browsers, and half a gigabyte of other people's clients, which all come ahead; the longest begins
    // first.
    Stage::new(Set::Extra, "agents", |totals| run_clients(&clients::these(clients::AGENTS), totals)).waiting(),
    Stage::new(Set::Extra, "browser", |totals| browser::run(&[], |line| totals.add(line)))
        .ahead(browser::need)
        .waiting(),
    Stage::new(Set::Extra, "clients", |totals| run_clients(&clients::but(clients::AGENTS), totals))
        .ahead(|| clients::need().map(drop))
        .waiting(),
    Stage::new(Set::Extra, "firebird", |totals| firebird::test(&[], |line| totals.add(line)))
        .ahead(firebird::need)
        .waiting(),
    Stage::new(Set::Extra, "web pages", |totals| web_pages::run_stage(|line| totals.add(line)))
        .ahead(web_pages::need_of_stage)
        .waiting(),
];

/// The last stage of `quick`.
const QUICK_TESTS: Stage = Stage::new(Set::Quick, "quick tests", |totals| {
    let skips: Vec<&str> = SLOW.iter().flat_map(|name| ["--skip", name]).collect();
    run_tests(&skips, totals)
})
.timed();

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
        let titles: [(&str, &[Set]); 3] = [
            ("cargo xtask test:", &[Set::Quick, Set::Standard]),
            ("cargo xtask test extra:", &[Set::Extra]),
            ("cargo xtask test NAME:", &[Set::Named]),
        ];
        for (title, sets) in titles {
            println!("{title}");
            STAGES.iter().filter(|stage| sets.contains(&stage.set)).for_each(|stage| println!("  {}", stage.name));
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
        Set::Named => false,
    };
    let quick_tests = [&QUICK_TESTS].into_iter().filter(|_| has("quick") && !has("tests"));
    Ok(STAGES.iter().filter(is_wanted).chain(quick_tests).collect())
}

/// All of them, even if one fails: the reader sees everything that is wrong.
fn run_stages(stages: &[&Stage]) -> Outcome {
    let mut totals = Totals::default();
    let (mut times, mut failures) = (Vec::new(), Vec::new());
    thread::scope(|scope| {
        let start_ahead = |stage: &&Stage| stage.ahead.map(|work| scope.spawn(move || timed(work)));
        let mut threads: Vec<Option<ScopedJoinHandle<'_, _>>> = stages.iter().map(start_ahead).collect();
        let mut ahead: Vec<Result<f64, String>> = vec![Ok(0.0); stages.len()];
        let mut i = 0;
        while i < stages.len() {
            let n_waiting = stages[i..].iter().take_while(|stage| stage.is_waiting).count();
            let group = i..i + n_waiting.max(1);
            for j in if stages[i].is_timed { 0..stages.len() } else { group.clone() } {
                if let Some(thread) = threads[j].take() {
                    ahead[j] = thread.join().unwrap_or_else(|_| Err("panicked".to_owned()));
                }
            }
            for done in run_group(&stages[group.clone()], &ahead[group.clone()]) {
                totals.passed += done.totals.passed;
                totals.failed += done.totals.failed;
                times.push(done.time);
                failures.extend(done.failure);
            }
            i = group.end;
        }
    });
    // A stage that fails without a failed test of its own counts as one.
    totals.failed = totals.failed.max(failures.len() as u64);
    println!("\nstages: {}", times.join(", "));
    failures.iter().for_each(|failure| println!("{failure}"));
    println!("{} passed, {} failed", totals.passed, totals.failed);
    if failures.is_empty() { Ok(()) } else { Err(failures.join("; ")) }
}

/// A stage that has run.
#[derive(Default)]
struct Done {
    totals: Totals,
    time: String,
    failure: Option<String>,
}

/// Runs stages two at a time, each after what it did `ahead`.
fn run_group(stages: &[&Stage], ahead: &[Result<f64, String>]) -> Vec<Done> {
    let all: Mutex<Vec<Done>> = Mutex::new(stages.iter().map(|_| Done::default()).collect());
    let next = AtomicUsize::new(0);
    let work = || {
        loop {
            let i = next.fetch_add(1, Ordering::Relaxed);
            let Some(stage) = stages.get(i) else { break };
            let done = run_stage(stage, &ahead[i]);
            all.lock().unwrap_or_else(PoisonError::into_inner)[i] = done;
        }
    };
    thread::scope(|scope| (0..stages.len().min(2)).for_each(|_| _ = scope.spawn(work)));
    all.into_inner().unwrap_or_else(PoisonError::into_inner)
}

fn run_stage(stage: &Stage, ahead: &Result<f64, String>) -> Done {
    println!("==> {}", stage.name);
    let start = Instant::now();
    let mut done = Done::default();
    if let Err(e) = ahead.clone().and_then(|_| (stage.run)(&mut done.totals)) {
        println!("stage {}: {e}", stage.name);
        done.failure = Some(format!("stage {}: {e}", stage.name));
    }
    done.time = format!("{} {:.0} s", stage.name, start.elapsed().as_secs_f64());
    if let Ok(seconds @ 1.0..) = ahead {
        done.time += &format!(" (ahead {seconds:.0} s)");
    }
    println!("<== {}", done.time);
    done
}

/// The seconds that `work` took.
fn timed(work: fn() -> Outcome) -> Result<f64, String> {
    let start = Instant::now();
    work().map(|()| start.elapsed().as_secs_f64())
}

/// What `cargo` is told for all unit, golden, property, simulation and end-to-end tests. Clippy compiles the examples.
const TESTS: &[&str] = &["test", "--workspace", "--lib", "--bins", "--tests"];

/// All of [`TESTS`] and those in documents; `filter` goes to each binary.
fn run_tests(filter: &[&str], totals: &mut Totals) -> Outcome {
    let model = models::fetch()?;
    let documents: &[&str] = &["test", "--workspace", "--doc"];
    let outcomes = [TESTS, documents].map(|tests| {
        let mut command = cargo(tests);
        command.args(["--no-fail-fast", "--"]).args(filter).env("TRINITY_SMOLLM2", &model);
        run_counted(&mut command, |line| totals.add(line))
    });
    outcomes.into_iter().collect()
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

/// Tests of clients, by pytest's arguments; what fails is counted with all others.
fn run_clients(arguments: &[String], totals: &mut Totals) -> Outcome {
    let counts = clients::run(arguments)?;
    totals.passed += counts.passed;
    totals.failed += counts.failed;
    if counts.failed == 0 { Ok(()) } else { Err(format!("{} tests of clients failed", counts.failed)) }
}

/// The pool's synchronisation in every order that loom finds (`crates/kernels/loom`).
pub(crate) fn loom(totals: &mut Totals) -> Outcome {
    let mut command = cargo(&["test", "--release", "--quiet", "--manifest-path", "crates/kernels/loom/Cargo.toml"]);
    run_counted(&mut command, |line| totals.add(line))
}

/// The number before `word` in `ok. 12 passed; 0 failed; …`.
fn count(counts: &str, word: &str) -> u64 {
    let before = counts.split(word).next().unwrap_or_default();
    before.split_whitespace().next_back().and_then(|n| n.parse().ok()).unwrap_or(0)
}

/// Builds the programs as people install them and holds each to its size.
fn release_binaries(totals: &mut Totals) -> Outcome {
    // Both, even if one is too large.
    let sizes = [
        held_to_size(&checkout::release_binary()?, BINARY_BYTES_MAX),
        held_to_size(&checkout::vibee_binary()?, VIBEE_BYTES_MAX),
    ];
    for size in sizes {
        println!("{}", size?);
        totals.passed += 1;
    }
    Ok(())
}

/// Says how large a program is, or that it is larger than it may be.
fn held_to_size(program: &Path, bytes_max: u64) -> Result<String, String> {
    let name = program.file_name().unwrap_or_default().to_string_lossy();
    let bytes = program.metadata().map_err(|e| format!("{}: {e}", program.display()))?.len();
    if bytes > bytes_max {
        return Err(format!("the program {name} has {bytes} bytes, the limit is {bytes_max}"));
    }
    Ok(format!("{name}: {:.2} MB of {:.2} MB", bytes as f64 / 1e6, bytes_max as f64 / 1e6))
}

#[cfg(test)]
mod tests {
    use std::sync::{Barrier, atomic::AtomicBool};

    use super::*;

    fn check(arguments: &[&str], expected: &[&str]) {
        let arguments: Vec<String> = arguments.iter().map(|&a| a.to_owned()).collect();
        let names: Vec<&str> = chosen(&arguments).unwrap().iter().map(|stage| stage.name).collect();
        assert_eq!(names, expected, "{arguments:?}");
    }

    #[test]
    fn stages_are_chosen_by_set_and_by_name() {
        check(&[], &["fmt", "tidy", "clippy", "doc", "build", "readme", "models", "tests", "specs", "release", "load"]);
        check(
            &["extra"],
            &[
                "loom",
                "wasm",
                "web",
                "aarch64",
                "generated",
                "siege",
                "agents",
                "browser",
                "clients",
                "firebird",
                "web pages",
            ],
        );
        check(&["quick"], &["fmt", "tidy", "clippy", "models", "quick tests"]);
        check(&["clients", "fmt"], &["fmt", "clients"]);
        check(&["fuzz"], &["fuzz"]);
        check(&["quick", "load"], &["fmt", "tidy", "clippy", "models", "load", "quick tests"]);
        assert!(chosen(&["nothing".to_owned()]).is_err());
    }

    #[test]
    fn a_program_over_its_size_fails() {
        let this = std::env::current_exe().unwrap();
        let bytes = this.metadata().unwrap().len();
        held_to_size(&this, bytes).unwrap();
        let error = held_to_size(&this, bytes - 1).unwrap_err();
        assert!(error.ends_with(&format!("has {bytes} bytes, the limit is {}", bytes - 1)), "{error}");
    }

    /// What the document tells people to type gives the program that is held to its size.
    #[test]
    fn the_document_of_vibee_names_the_profile_and_the_size() {
        let text = std::fs::read_to_string(crate::command::root().join("docs/vibee.md")).unwrap();
        assert!(text.contains("`cargo install --path crates/vibee_cli --profile vibee`"), "the command");
        assert!(text.contains(&format!("less than {} MB", VIBEE_BYTES_MAX / 1_000_000)), "the size");
    }

    #[test]
    fn a_timed_stage_waits_for_all_that_runs_ahead() {
        static IS_OVER: AtomicBool = AtomicBool::new(false);
        let early = Stage::new(Set::Extra, "early", |_| {
            if IS_OVER.swap(true, Ordering::SeqCst) {
                return Err("waited for work that is not its own".to_owned());
            }
            Ok(())
        });
        let timed = Stage::new(Set::Extra, "timed", |totals| {
            totals.passed += 1;
            Ok(())
        })
        .timed();
        let late = Stage::new(Set::Extra, "late", |_| Ok(())).ahead(|| {
            while !IS_OVER.load(Ordering::SeqCst) {
                thread::yield_now();
            }
            Ok(())
        });
        run_stages(&[&early, &timed, &late]).unwrap();
        let failed = Stage::new(Set::Extra, "failed", |_| panic!("runs without what it needs"));
        let error = run_stages(&[&timed, &failed.ahead(|| Err("no network".to_owned())), &late]).unwrap_err();
        assert_eq!(error, "stage failed: no network");
    }

    #[test]
    fn stages_that_wait_run_two_at_a_time_and_all_are_counted() {
        static BOTH: Barrier = Barrier::new(2);
        let meet = |totals: &mut Totals| {
            BOTH.wait();
            totals.passed += 1;
            Ok(())
        };
        let stages = ["a", "b", "c", "d"].map(|name| Stage::new(Set::Extra, name, meet).waiting());
        let stages: Vec<&Stage> = stages.iter().collect();
        let done = run_group(&stages, &[Ok(0.0), Ok(2.0), Ok(0.0), Ok(0.0)]);
        assert!(done.iter().all(|done| done.totals.passed == 1 && done.failure.is_none()));
        let times: Vec<&str> = done.iter().map(|done| done.time.as_str()).collect();
        assert_eq!(times, ["a 0 s", "b 0 s (ahead 2 s)", "c 0 s", "d 0 s"]);
        let failed = run_group(&stages[..1], &[Err("no network".to_owned())]);
        assert_eq!(failed[0].failure.as_deref(), Some("stage a: no network"));
    }
}
