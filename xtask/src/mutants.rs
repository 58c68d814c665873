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

/// Paths in the diff begin with what the tool takes away, whatever the user's configuration says.
const DIFF: [&str; 5] = ["diff", "--no-ext-diff", "--no-color", "--src-prefix=a/", "--dst-prefix=b/"];

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
    let changes = output(Command::new("git").args(DIFF).args([since, "--", "*.rs"]).current_dir(root()))?;
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
    let missed = folder.join("mutants.out/missed.txt");
    let list = fs::read_to_string(&missed).unwrap_or_default();
    match verdict(status.code(), &list) {
        Some(0) => Ok(()),
        Some(n) => Err(format!("{n} changes that no test notices are listed in {}", missed.display())),
        None => Err(format!("cargo mutants: {status}")),
    }
}

/// How many changes no test noticed, by the tool's exit code and its list of them; none if the tool itself failed.
fn verdict(code: Option<i32>, missed: &str) -> Option<usize> {
    match code {
        // The list may be that of an earlier run, for there may have been nothing to try.
        Some(0) => Some(0),
        Some(MISSED) => Some(missed.lines().count().max(1)),
        // Of changes missed and tests that took long, the code tells the latter alone.
        Some(TIMED_OUT) => Some(missed.lines().count()),
        _ => None,
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_missed_counts_beside_what_takes_long() {
        assert_eq!(verdict(Some(0), "a.rs:1:1: of before\n"), Some(0));
        assert_eq!(verdict(Some(TIMED_OUT), ""), Some(0));
        assert_eq!(verdict(Some(TIMED_OUT), "a.rs:1:1: one\n"), Some(1));
        assert_eq!(verdict(Some(MISSED), "a.rs:1:1: one\nb.rs:2:2: two\n"), Some(2));
        // The tests fail without any change; a signal ended it.
        assert_eq!(verdict(Some(4), ""), None);
        assert_eq!(verdict(None, ""), None);
    }
}
