//! `vibee test`: examples and properties, on the specification itself or on an implementation.

use std::{
    fs,
    path::PathBuf,
    thread,
    time::{Duration, SystemTime},
};

use clap::{Args, builder::RangedU64ValueParser};
use vibee::{
    limits::{CALL_SECONDS, Limits, START_SECONDS},
    run::{self, PropertyVerdict, Report, Status, Verdict},
};

use super::check::Deny;
use crate::{
    engine::{self, EngineName, External},
    failure::Failure,
    files::{self, Checked},
    report::{human, json, junit},
    session::{Implementation, Patience},
    terminal,
};

/// Interval at which `--watch` looks at sizes and times.
const WATCH: Duration = Duration::from_millis(200);

/// Arguments of `test`.
#[derive(Args)]
pub(crate) struct TestArgs {
    /// Files, or folders with all specifications below; without any, what vibee.toml names, else all below this folder
    files: Vec<PathBuf>,
    /// Judge this program instead of the specification: a shell command that speaks the runner protocol
    #[arg(long, value_name = "COMMAND")]
    r#impl: Option<String>,
    /// Seconds that a call of the implementation may take
    #[arg(long, value_name = "SECONDS", default_value_t = CALL_SECONDS, value_parser = seconds(), requires = "impl")]
    timeout: u64,
    /// Seconds that the implementation may take to start and greet
    #[arg(long, value_name = "SECONDS", default_value_t = START_SECONDS, value_parser = seconds(), requires = "impl")]
    start_timeout: u64,
    /// What runs the specification
    #[arg(long, value_enum, default_value_t, conflicts_with = "impl")]
    engine: EngineName,
    /// Only rows and properties whose `module.function.property` holds this
    #[arg(long, value_name = "TEXT")]
    filter: Option<String>,
    /// Cases that a property draws where it does not say [default: 1000]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    cases: Option<u32>,
    /// Draw other cases than usual
    #[arg(long, value_name = "N")]
    seed: Option<u64>,
    /// Name the arms, branches and cases that no row or property reaches
    #[arg(long, conflicts_with = "impl")]
    coverage: bool,
    /// Write the smallest failing case of each property into its table
    #[arg(long)]
    save: bool,
    /// Run again whenever a file changes, until Ctrl-C
    #[arg(long)]
    watch: bool,
    /// Print the report as JSON
    #[arg(long)]
    json: bool,
    /// Write the report as JUnit XML as well
    #[arg(long, value_name = "FILE")]
    junit: Option<PathBuf>,
    /// Fail on these as well
    #[arg(long, value_enum)]
    deny: Vec<Deny>,
}

/// Seconds that an option may say: up to a day.
fn seconds() -> RangedU64ValueParser {
    clap::value_parser!(u64).range(1..=86_400)
}

impl TestArgs {
    fn patience(&self) -> Patience {
        Patience { start: Duration::from_secs(self.start_timeout), call: Duration::from_secs(self.timeout) }
    }
}

/// Tests once, or again and again.
pub(crate) fn run(args: &TestArgs) -> Result<(), Failure> {
    if !args.watch {
        return once(args);
    }
    loop {
        let before = stamps(args);
        match once(args) {
            Ok(()) => {}
            Err(failure) if failure.is_findings() => {}
            Err(failure) => terminal::say(&failure.line()),
        }
        terminal::say("waiting for changes; Ctrl-C ends\n");
        while stamps(args) == before {
            thread::sleep(WATCH);
        }
    }
}

/// A file, its size and its time; neither where it is gone.
type Stamp = (PathBuf, Option<(u64, Option<SystemTime>)>);

/// Sizes and times of the files.
fn stamps(args: &TestArgs) -> Vec<Stamp> {
    let Ok(asked) = files::asked(&args.files) else { return Vec::new() };
    let stamp = |path: PathBuf| {
        let of = fs::metadata(&path).ok().map(|of| (of.len(), of.modified().ok()));
        (path, of)
    };
    asked.read_files().map(stamp).collect()
}

fn once(args: &TestArgs) -> Result<(), Failure> {
    let checked = files::asked(&args.files)?.check().or_findings()?.or_old()?;
    let program = &checked.program;
    let options =
        run::Options { cases: args.cases, seed: args.seed, filter: args.filter.clone(), limits: Limits::default() };
    let mut modules = Vec::new();
    let (report, about) = if let Some(command) = &args.r#impl {
        let implementation = Implementation::start(command, program, args.patience())
            .map_err(|complaint| Failure::failed(format!("{command}: {complaint}")))?;
        let about = format!("{} {}", implementation.hello.implementation, implementation.hello.version);
        let mut engine = External::new(implementation);
        let report = run::test(program, &mut engine, &options);
        modules = engine.bye();
        (report, Some(about))
    } else {
        (engine::with(args.engine, program, |engine| run::test(program, engine, &options))?, None)
    };
    if let Some(filter) = args.filter.as_ref().filter(|_| report.cases.is_empty() && report.properties.is_empty()) {
        return Err(Failure::usage(format!("no row and no property has {filter} in its name")));
    }
    print(args, &checked, &report, about.as_deref())?;
    if args.save {
        save(&checked, &report)?;
    }
    if let Some(path) = &args.junit {
        let text = junit::text(&checked, &report);
        fs::write(path, text).map_err(|e| Failure::failed(format!("{}: {e}", path.display())))?;
    }
    if args.r#impl.is_some() && is_unanswered(&report) {
        let names = if modules.is_empty() { "no module".to_owned() } else { modules.join(", ") };
        return Err(Failure::failed("the implementation answers to no function that was asked for")
            .with_hint(format!("it says that it has {names}; functions are asked for as module.function")));
    }
    if is_failed(args, &checked, &report) { Err(Failure::findings()) } else { Ok(()) }
}

fn print(args: &TestArgs, checked: &Checked, report: &Report, about: Option<&str>) -> Result<(), Failure> {
    if args.json {
        return terminal::put(&format!("{:#}\n", json::of(checked, report, about)));
    }
    if let Some(about) = about {
        terminal::put(&format!("judging {about}\n"))?;
    }
    terminal::put(&human::text(checked, report, args.coverage))
}

/// Whether there was something to judge and nothing of it was there.
fn is_unanswered(report: &Report) -> bool {
    let n = report.cases.len() + report.properties.len();
    n > 0
        && report.cases.iter().all(|case| case.verdict == Verdict::Unsupported)
        && report.properties.iter().all(|property| property.verdict == PropertyVerdict::Unsupported)
}

/// Whether the command ends with 1.
fn is_failed(args: &TestArgs, checked: &Checked, report: &Report) -> bool {
    let is_denied = |what: Deny| args.deny.contains(&what);
    let has_error = |code: &str| code.starts_with('E');
    let has_warnings = !checked.diagnostics.is_empty() || !report.diagnostics.is_empty();
    report.n_failed() > 0
        || report.diagnostics.iter().any(|diagnostic| has_error(diagnostic.code))
        || is_denied(Deny::Warnings) && has_warnings
        || is_denied(Deny::Prose) && n_prose(report) > 0
}

/// Number of behaviours that nothing executes.
fn n_prose(report: &Report) -> usize {
    report.behaviors.iter().filter(|behavior| behavior.status == Status::Prose).count()
}

/// Writes the smallest failing case of each property below the last row of its function's table.
fn save(checked: &Checked, report: &Report) -> Result<(), Failure> {
    for property in &report.properties {
        let PropertyVerdict::Failed(found) = &property.verdict else { continue };
        let name = format!("{}.{}", property.module, property.of);
        let Some(row) = &found.row else {
            terminal::say(&format!("{name}: the case calls nothing that a row could say\n"));
            continue;
        };
        // What a fault's place would be is for a person to say: a row that expects it would pass from now on.
        if row.last().is_some_and(|result| result.starts_with("fault(")) {
            terminal::say(&format!("{name}: not saved, because its result is a fault now: {}\n", row.join(" | ")));
            continue;
        }
        let rows = checked.program.examples.iter().filter(|example| example.function == property.function);
        let Some(last) = rows.map(|example| example.span).max() else {
            terminal::say(&format!("{name} has no table of examples; the row is {}\n", row.join(" | ")));
            continue;
        };
        let file = checked.sources.file(last.file);
        // The file as it is now: earlier rows may have gone in.
        let text = fs::read_to_string(&file.path).map_err(|e| Failure::failed(format!("{}: {e}", file.path)))?;
        let shown = checked.sources.text(last);
        let line = file.text.lines().nth(checked.sources.place(last).line - 1).unwrap_or_default();
        let indent: String = line.chars().take_while(|c| *c == ' ').collect();
        let row = row.join(" | ");
        let added = text.match_indices(line).next().map(|(at, _)| at + line.len());
        let Some(at) = added.filter(|_| line.contains(shown)) else {
            terminal::say(&format!("{name}: the table has changed; the row is {row}\n"));
            continue;
        };
        let (before, after) = text.split_at(at);
        fs::write(&file.path, format!("{before}\n{indent}{row}{after}"))
            .map_err(|e| Failure::failed(format!("{}: {e}", file.path)))?;
        terminal::say(&format!("saved in {}: {row}\n", file.path));
    }
    Ok(())
}
