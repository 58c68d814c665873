//! `cargo xtask browser`: the tests of the chat page (`crates/server/tests/browser`), in a real Chromium against the
//! real `trinity serve`; and where browsers come from.
//!
//! Python drives the browser over its own protocol (`web/driver`), so the machine needs Chromium and nothing else;
//! where it has none, Debian's is installed. axe-core, which looks for what shuts people out, is fetched by pip, once
//! for each version.

use std::{fs, path::PathBuf, process::Command};

use crate::{
    Outcome, checkout,
    command::{root, succeed, target},
    install, models,
    test::run_counted,
};

/// Folder of the tests.
const TESTS: &str = "crates/server/tests/browser";

/// Names under which distributions install Chromium.
const PROGRAMS: &[&str] = &["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"];

/// Sees to it that Chromium and axe-core are there, and installs them where it may.
pub(crate) fn need() -> Outcome {
    chromium()?;
    axe().map(drop)
}

/// Sees to it that Chromium is there, and installs it where it may.
pub(crate) fn chromium() -> Outcome {
    install::need(PROGRAMS, &["chromium"])
}

/// Sees to it that Firefox is there, and installs it where it may.
pub(crate) fn firefox() -> Outcome {
    install::need(&["firefox-esr", "firefox"], &["firefox-esr"])
}

/// Runs all tests, or those whose names hold one of the words; hands on each line that they print.
pub(crate) fn run(only: &[String], each_line: impl FnMut(&str)) -> Outcome {
    chromium()?;
    let program = checkout::release_binary()?;
    let mut command = Command::new("python3");
    command.arg(root().join(TESTS).join("run.py")).args(only).env("TRINITY_AXE", axe()?);
    // No compiled Python beside the sources.
    command.env("PYTHONDONTWRITEBYTECODE", "1").env("TRINITY_BINARY", program).env("TRINITY_SMOLLM2", models::fetch()?);
    run_counted(&mut command, each_line)
}

/// Returns the script of axe-core, out of the package that `requirements.txt` names with its hash.
fn axe() -> Result<PathBuf, String> {
    let list = root().join(TESTS).join("requirements.txt");
    let wanted = fs::read(&list).map_err(|e| format!("{}: {e}", list.display()))?;
    let folder = target().join("axe");
    let (script, of) = (folder.join("axe_playwright_python/axe.min.js"), folder.join("requirements.txt"));
    if fs::read(&of).is_ok_and(|had| had == wanted) && script.exists() {
        return Ok(script);
    }
    let pip =
        ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps", "--no-compile", "--upgrade"];
    let mut install = Command::new("python3");
    install.args(pip).args(["--only-binary=:all:", "--require-hashes", "--target"]).arg(&folder).arg("-r").arg(&list);
    succeed(&mut install)?;
    fs::write(&of, wanted).map_err(|e| format!("{}: {e}", of.display()))?;
    Ok(script)
}
