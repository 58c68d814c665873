//! `cargo xtask browser`: the tests of the chat page (`crates/server/tests/browser`), in a real Chromium against the real `trinity serve`.
//!
//! Python drives the browser over its own protocol, so the machine needs Chromium and nothing else; where it has none, Debian's is installed.

use std::process::Command;

use crate::{Outcome, checkout, command::root, install, models, test::run_counted};

/// Names under which distributions install it.
const PROGRAMS: &[&str] = &["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"];

/// Chromium is there, or comes.
pub(crate) fn need() -> Outcome {
    install::need(PROGRAMS, &["chromium"])
}

/// Runs all tests, or those whose names hold one of the words; hands on each line that they print.
pub(crate) fn run(only: &[String], each_line: impl FnMut(&str)) -> Outcome {
    need()?;
    let program = checkout::release_binary()?;
    let mut command = Command::new("python3");
    command.arg(root().join("crates/server/tests/browser/run.py")).args(only);
    // No compiled Python beside the sources.
    command.env("PYTHONDONTWRITEBYTECODE", "1").env("TRINITY_BINARY", program).env("TRINITY_SMOLLM2", models::fetch()?);
    run_counted(&mut command, each_line)
}
