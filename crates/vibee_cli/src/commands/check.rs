//! `vibee check`: what is wrong with specifications, and what of them can be executed.

use std::{fmt::Write, path::PathBuf};

use clap::{Args, ValueEnum};
use vibee::{
    legacy, render,
    run::{self, Status},
};

use crate::{
    failure::Failure,
    files::{self, Checked},
    terminal,
};

/// Arguments of `check`.
#[derive(Args)]
pub(crate) struct CheckArgs {
    /// Files, or folders with all specifications below; without any, what vibee.toml names, else all below this folder
    files: Vec<PathBuf>,
    /// How messages are printed
    #[arg(long, value_enum, default_value_t)]
    format: Format,
    /// Fail on these as well
    #[arg(long, value_enum)]
    deny: Vec<Deny>,
}

#[derive(Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
enum Format {
    /// With the lines that are meant
    #[default]
    Human,
    /// One JSON document
    Json,
    /// SARIF 2.1.0, which code hosts show beside the lines
    Sarif,
}

/// What else fails a check.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Deny {
    /// Warnings
    Warnings,
    /// Behaviours that nothing executes
    Prose,
}

/// Prints messages and counts.
pub(crate) fn run(args: &CheckArgs) -> Result<(), Failure> {
    let checked = files::asked(&args.files)?.check();
    let (diagnostics, sources) = (&checked.diagnostics, &checked.sources);
    let n_errors = checked.n_errors();
    let n_warnings = diagnostics.len() - n_errors;
    let n_prose = run::statuses(&checked.program).iter().filter(|(_, status)| *status == Status::Prose).count()
        + checked.old.iter().map(|document| legacy::census(document).behaviors).sum::<usize>();
    match args.format {
        Format::Human => {
            let style = terminal::style();
            terminal::say(&render::render(diagnostics, sources, style));
            terminal::put(&summary(&checked))?;
        }
        Format::Json => terminal::put(&format!("{:#}\n", render::to_json(diagnostics, sources)))?,
        Format::Sarif => {
            terminal::put(&format!("{:#}\n", render::to_sarif(diagnostics, sources, env!("CARGO_PKG_VERSION"))))?;
        }
    }
    let is_denied = |what: Deny, n: usize| n > 0 && args.deny.contains(&what);
    if n_errors > 0 || is_denied(Deny::Warnings, n_warnings) || is_denied(Deny::Prose, n_prose) {
        return Err(Failure::findings());
    }
    Ok(())
}

/// Gives the counts, a line for specifications and one for old files.
fn summary(checked: &Checked) -> String {
    let program = &checked.program;
    let mut text = String::new();
    let n_modules = program.modules.iter().filter(|module| module.is_asked_for).count();
    if n_modules > 0 {
        let statuses = run::statuses(program);
        // Whether something is answered, an implementation shows.
        let seen = Status::ALL.iter().filter(|(status, _)| *status != Status::Unanswered);
        let counts = seen.map(|(status, word)| {
            let n = statuses.iter().filter(|(_, of)| of == status).count();
            format!("{n} {word}")
        });
        let counts: Vec<String> = counts.collect();
        let _ = writeln!(text, "{}; behaviors: {}", counted(n_modules, "specification"), counts.join(", "));
    }
    if !checked.old.is_empty() {
        let (mut types, mut fields, mut behaviors, mut tests, mut readable) = (0, 0, 0, 0, 0);
        for census in checked.old.iter().map(legacy::census) {
            types += census.types;
            fields += census.fields;
            behaviors += census.behaviors;
            tests += census.all_tests();
            readable += census.machine_readable();
        }
        let files = counted(checked.old.len(), "old file");
        let _ = writeln!(
            text,
            "{files}: {types} types with {fields} fields, {behaviors} behaviors (all prose), {tests} tests, of which \
             {readable} could run; `vibee upgrade FILE` makes a version 3 file"
        );
    }
    let n_errors = checked.n_errors();
    let n_warnings = checked.diagnostics.len() - n_errors;
    let _ = writeln!(text, "{}, {}", counted(n_errors, "error"), counted(n_warnings, "warning"));
    text
}

fn counted(n: usize, what: &str) -> String {
    if n == 1 { format!("1 {what}") } else { format!("{n} {what}s") }
}
