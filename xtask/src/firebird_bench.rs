//! `cargo xtask firebird-bench [--receipt]`: what fingerprinting libraries, probes and averaging scripts see of a
//! browser with FIREBIRD, on loopback, in Chromium and Firefox (`web/firebird/bench`).

use std::{ffi::OsString, fs, path::Path, process::Command};

use serde_json::Value;

use crate::{
    Outcome,
    beside::store_with,
    clients,
    command::{root, target},
    firebird, install,
    test::run_counted,
};

const RECEIPT: &str = "docs/receipts/firebird.json";
const DOCUMENT: &str = "docs/firebird.md";
/// Sessions of Chromium and of Firefox, sites more on which the noise is read, loads of the page with thirty frames.
const ALONE: [&str; 3] = ["100,25", "100", "7"];
const STORED: [&str; 3] = ["200,40", "300", "11"];

/// Builds the extension and measures it; with `--receipt`, more often, and stores the figures.
pub(crate) fn run(arguments: &[String]) -> Outcome {
    match arguments {
        [] => measure(ALONE, None, |_| ()),
        [option] if option == "--receipt" => {
            let figures = target().join("firebird-bench/figures.json");
            // A row that misses its target stands in the receipt, too.
            let outcome = measure(STORED, Some(&figures), |_| ());
            let text = fs::read_to_string(&figures).map_err(|e| format!("{}: {e}", figures.display()))?;
            let mut found: Value = serde_json::from_str(&text).map_err(|e| format!("{}: {e}", figures.display()))?;
            let found = found.as_object_mut().ok_or("the figures are no object")?;
            let versions = found.remove("versions").ok_or("the figures have no versions")?;
            fs::remove_file(&figures).map_err(|e| format!("{}: {e}", figures.display()))?;
            store_with(RECEIPT, "firebird-bench", &versions, found).and(outcome)
        }
        _ => Err(format!("firebird-bench takes --receipt or nothing, not {arguments:?}")),
    }
}

/// A search path on which npm is, by which the libraries come.
fn path_with_npm() -> Result<OsString, String> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    if install::is_there("npm") {
        return Ok(path);
    }
    let folders = [clients::programs()?].into_iter().chain(std::env::split_paths(&path));
    std::env::join_paths(folders).map_err(|e| format!("PATH: {e}"))
}

fn measure([sessions, sites, rounds]: [&str; 3], figures: Option<&Path>, each_line: impl FnMut(&str)) -> Outcome {
    firebird::need()?;
    firebird::run(&[])?;
    let folder = root().join("web/firebird");
    let mut python = Command::new("python3");
    python.arg(folder.join("bench/run.py")).env("PYTHONDONTWRITEBYTECODE", "1").env("PATH", path_with_npm()?);
    python.arg("--extensions").arg(folder.join("dist")).arg("--libraries").arg(target().join("firebird-bench"));
    python.arg("--document").arg(root().join(DOCUMENT));
    python.args(["--sessions", sessions, "--sites", sites, "--rounds", rounds]);
    if let Some(figures) = figures {
        python.arg("--out").arg(figures);
    }
    run_counted(&mut python, each_line)
}
