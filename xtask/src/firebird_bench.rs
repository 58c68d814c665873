//! `cargo xtask firebird-bench [--receipt]`: what fingerprinting libraries, probes and averaging scripts see of a
//! browser with FIREBIRD, on loopback, in Chromium and Firefox (`web/firebird/bench`).

use std::{fs, path::Path, process::Command};

use serde_json::Value;

use crate::{
    Outcome,
    beside::store_with,
    command::{root, target},
    firebird, install,
    test::run_counted,
};

const RECEIPT: &str = "docs/receipts/firebird.json";
const DOCUMENT: &str = "docs/firebird.md";
/// Sessions of Chromium and of Firefox, sites more on which the noise is read, loads of the page with thirty frames.
const ALONE: [&str; 3] = ["100,100", "100", "7"];
const STORED: [&str; 3] = ["200,100", "1000", "15"];

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

/// Sees to it that the libraries' client is there.
fn need() -> Outcome {
    install::need(&["npm"], &["npm"])
}

fn measure([sessions, sites, rounds]: [&str; 3], figures: Option<&Path>, each_line: impl FnMut(&str)) -> Outcome {
    firebird::need()?;
    need()?;
    firebird::run(&[])?;
    let folder = root().join("web/firebird");
    let mut python = Command::new("python3");
    python.arg(folder.join("bench/run.py")).env("PYTHONDONTWRITEBYTECODE", "1");
    python.arg("--extensions").arg(folder.join("dist")).arg("--libraries").arg(target().join("firebird-bench"));
    python.arg("--document").arg(root().join(DOCUMENT));
    python.args(["--sessions", sessions, "--sites", sites, "--rounds", rounds]);
    if let Some(figures) = figures {
        python.arg("--out").arg(figures);
    }
    run_counted(&mut python, each_line)
}
