//! `vibee fmt`: canonical layout, and repairs.

use std::{fs, path::PathBuf};

use clap::Args;
use vibee::{
    diagnostic::Severity,
    fmt, reader, render,
    source::{FileId, Sources},
};

use crate::{
    failure::Failure,
    files::{self, written_whole},
    terminal,
};

/// Arguments of `fmt`.
#[derive(Args)]
pub(crate) struct FmtArgs {
    /// Files, or folders with all specifications below; without any, what vibee.toml names, else all below this folder
    files: Vec<PathBuf>,
    /// Write nothing; name the files that would change, and fail if there are any
    #[arg(long, conflicts_with = "fix")]
    check: bool,
    /// Apply the repairs that messages of `check` offer, too
    #[arg(long)]
    fix: bool,
}

/// Rewrites the files that are not in canonical layout.
pub(crate) fn run(args: &FmtArgs) -> Result<(), Failure> {
    let asked = files::asked(&args.files)?;
    let fixed = if args.fix { fixes(&asked) } else { Vec::new() };
    let mut is_failed = false;
    for (at, path) in asked.read_files().enumerate() {
        let shown = asked.shown(at);
        let there = fs::read(&path).map_err(|e| Failure::failed(format!("{shown}: {e}")))?;
        let mut sources = Sources::default();
        let Ok(text) = String::from_utf8(there.clone()) else {
            terminal::say(&format!("error: {shown}: no UTF-8\n"));
            is_failed = true;
            continue;
        };
        let repaired = fixed.iter().find(|(of, _, _)| of == &path);
        let n_fixes = repaired.map_or(0, |(_, _, n)| *n);
        let file = sources.add(shown.as_str(), repaired.map_or(text, |(_, text, _)| text.clone()));
        let (document, diagnostics) = reader::read(&sources, file);
        if diagnostics.iter().any(|diagnostic| diagnostic.severity() == Severity::Error) {
            let style = terminal::style();
            terminal::say(&render::render(&diagnostics, &sources, style));
            is_failed = true;
            continue;
        }
        let text = fmt::format(&sources, &document);
        if text.as_bytes() == there {
            continue;
        }
        if args.check {
            terminal::put(&format!("{shown}\n"))?;
            is_failed = true;
            continue;
        }
        written_whole(&path, text.as_bytes())?;
        let repairs = if n_fixes > 0 { format!(": {n_fixes} repairs") } else { String::new() };
        terminal::put(&format!("{shown}{repairs}\n"))?;
    }
    if is_failed { Err(Failure::findings()) } else { Ok(()) }
}

/// Applies the repairs that messages offer: paths, their new texts, and how many repairs each got.
fn fixes(asked: &files::Asked) -> Vec<(PathBuf, String, usize)> {
    let checked = asked.check();
    let mut fixed = Vec::new();
    for (at, path) in asked.read_files().enumerate() {
        let Some(file) = checked.file_of(&asked.shown(at)) else { continue };
        let (text, n) = apply(&checked, file);
        if n > 0 {
            fixed.push((path, text, n));
        }
    }
    fixed
}

fn apply(checked: &files::Checked, file: FileId) -> (String, usize) {
    fmt::apply_fixes(&checked.sources, file, &checked.diagnostics)
}
