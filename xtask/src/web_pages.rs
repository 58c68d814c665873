//! `cargo xtask web-pages`: the tests of the package `@trinity/web` (`web/test/browser`) in a real Chromium, a real
//! Firefox and Node.js, on the module that `cargo xtask web` builds.
//!
//! Python serves the pages and drives the browsers, as for the chat page; OpenAI's client and the compiler that checks
//! the types come from npm, once for each list of them.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use crate::{
    Outcome, browser,
    command::{root, succeed, target},
    install, models,
    test::run_counted,
    web,
};

/// Folder of the tests.
const TESTS: &str = "web/test/browser";

/// Sees to it that browsers and packages are there, and installs them where it may.
pub(crate) fn need() -> Outcome {
    browser::chromium()?;
    browser::firefox()?;
    npm("web", &format!("{TESTS}/npm")).map(drop)
}

/// What the stage runs: parts of the names of tests that need no package of others; how a file is loaded, in Chromium
/// alone, as Firefox takes twice as long.
const OF_STAGE: &[&str] = &["answers_test", "Demo", "Document", "Isolated", "LoadingInChromium", "Quota"];

/// Sees to it that the browsers of the stage are there, and installs them where it may.
pub(crate) fn need_of_stage() -> Outcome {
    browser::chromium()?;
    browser::firefox()
}

/// Runs the tests of the stage; hands on each line that they print.
pub(crate) fn run_stage(each_line: impl FnMut(&str)) -> Outcome {
    let words: Vec<String> = OF_STAGE.iter().map(|&word| word.to_owned()).collect();
    run_counted(&mut tests(&words)?, each_line)
}

/// Builds the package and runs all tests, or those whose names hold one of the words; hands on each line that they
/// print.
pub(crate) fn run(only: &[String], each_line: impl FnMut(&str)) -> Outcome {
    need()?;
    let mut command = tests(only)?;
    command.env("TRINITY_WEB_NPM", npm("web", &format!("{TESTS}/npm"))?);
    run_counted(&mut command, each_line)
}

/// The tests whose names hold one of the words, on the package as it is now.
fn tests(only: &[String]) -> Result<Command, String> {
    web::build(false)?;
    let mut command = Command::new("python3");
    command.arg(root().join("crates/server/tests/browser/run.py")).arg(root().join(TESTS)).args(only);
    // No compiled Python beside the sources.
    command.env("PYTHONDONTWRITEBYTECODE", "1").env("TRINITY_SMOLLM2", models::fetch()?);
    Ok(command)
}

/// Returns the folder `target/npm/NAME` with the packages that the lists in `folder` name, installed when they change.
pub(crate) fn npm(name: &str, folder: &str) -> Result<PathBuf, String> {
    install::need(&["node"], &["nodejs"])?;
    install::need(&["npm"], &["npm"])?;
    let at = |path: &Path, e: std::io::Error| format!("{}: {e}", path.display());
    let (from, to) = (root().join(folder), target().join("npm").join(name));
    let lock = from.join("package-lock.json");
    let wanted = fs::read(&lock).map_err(|e| at(&lock, e))?;
    let complete = to.join("complete");
    if fs::read(&complete).is_ok_and(|had| had == wanted) {
        return Ok(to);
    }
    fs::create_dir_all(&to).map_err(|e| at(&to, e))?;
    for file in ["package.json", "package-lock.json"] {
        fs::copy(from.join(file), to.join(file)).map_err(|e| at(&from.join(file), e))?;
    }
    succeed(Command::new("npm").args(["ci", "--no-audit", "--no-fund", "--loglevel=error"]).current_dir(&to))?;
    fs::write(&complete, wanted).map_err(|e| at(&complete, e))?;
    Ok(to)
}
