//! `cargo xtask mutants [SINCE]`: `cargo-mutants` over the lines that changed since a commit, in a copy of the tracked
//! files: each function is replaced and each operator turned by itself, and the tests of its crate are asked whether
//! they notice.

use std::{fs, path::PathBuf, process::Command};

use crate::{
    Outcome, checkout,
    command::{cargo, output, root, succeed, target},
    models,
};

const VERSION: &str = "27.1.0";

/// What has changed since the last commit but one: what is not committed yet, and what was committed last.
const SINCE_DEFAULT: &str = "HEAD~1";

/// What the tool ends with where tests took much longer than without the change: that is noticed, too.
const TIMED_OUT: i32 = 3;
/// And where a change was noticed by no test.
const MISSED: i32 = 2;

/// `arguments`: the commit, then what `cargo mutants` is to be told besides.
pub(crate) fn run(arguments: &[String]) -> Outcome {
    let (since, more) = match arguments.split_first() {
        Some((first, more)) if !first.starts_with('-') => (first.as_str(), more),
        _ => (SINCE_DEFAULT, arguments),
    };
    let tool = tool()?;
    let model = models::fetch()?;
    let folder = target().join("mutants");
    let copy = checkout::update(&folder.join("trinity"))?;
    let diff = folder.join("since.diff");
    let changes = output(Command::new("git").args(["diff", since, "--", "*.rs"]).current_dir(root()))?;
    fs::write(&diff, changes).map_err(|e| format!("{}: {e}", diff.display()))?;
    let mut command = Command::new(tool);
    command
        .args(["mutants", "--workspace", "--in-place", "--no-shuffle"])
        .arg("--in-diff")
        .arg(&diff)
        .arg("--output")
        .arg(&folder)
        .args(more)
        .current_dir(copy)
        .env("CARGO_TARGET_DIR", folder.join("target"))
        .env("TRINITY_SMOLLM2", model);
    let status = command.status().map_err(|e| format!("cargo mutants: {e}"))?;
    match status.code() {
        Some(0 | TIMED_OUT) => Ok(()),
        Some(MISSED) => Err(format!("no test notices what {} lists", folder.join("mutants.out/missed.txt").display())),
        _ => Err(format!("cargo mutants: {status}")),
    }
}

/// The program, built once for each version.
fn tool() -> Result<PathBuf, String> {
    let folder = target().join("mutants").join(format!("cargo-mutants-{VERSION}"));
    let program = folder.join("bin/cargo-mutants");
    if !program.exists() {
        let mut install = cargo(&["install", "cargo-mutants", "--version", VERSION, "--locked", "--quiet"]);
        succeed(install.arg("--root").arg(&folder))?;
    }
    Ok(program)
}
