//! `cargo xtask firebird-bench [--receipt]`: what fingerprinting libraries, probes and averaging scripts see of a
//! browser with FIREBIRD, on loopback, in Chromium and Firefox (`web/firebird/bench`).

pub(crate) mod tables;

use std::{ffi::OsString, fs, path::Path, process::Command};

use serde_json::{Map, Value};

use crate::{
    Outcome,
    beside::store_with,
    clients,
    command::{output, root, target},
    firebird, install,
    test::run_counted,
};

const RECEIPT: &str = "docs/receipts/firebird.json";
const DOCUMENT: &str = "docs/firebird.md";
/// Sessions of Chromium and of Firefox, sites more on which the noise is read, loads of the page with thirty frames.
/// A session is a fresh browser; in few minutes there is time for few of them.
const QUICK: [&str; 3] = ["10,4", "24", "3"];
const ALONE: [&str; 3] = ["100,25", "100", "7"];
const STORED: [&str; 3] = ["200,40", "300", "11"];

/// Rows that can be measured again alone: the table realm × surface, and what the extension costs, which wants a quiet
/// machine.
const ALONE_ROWS: [&str; 2] = ["coverage", "cost"];

/// Builds the extension and measures it; with `--quick`, less often; with `--receipt`, more often, and stores and shows
/// the figures; a row of [`ALONE_ROWS`] behind that measures this row alone, and puts it into the receipt that is
/// there.
pub(crate) fn run(arguments: &[String]) -> Outcome {
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match words[..] {
        [] => measure(ALONE, &[], |_| ()),
        ["--quick"] => measure(QUICK, &[], |_| ()),
        ["--receipt"] => stored(None).and(shown()),
        ["--receipt", row] if ALONE_ROWS.contains(&row) => stored(Some(row)).and(shown()),
        _ => Err(format!(
            "firebird-bench takes --quick, --receipt, --receipt with one of {}, or nothing, not {arguments:?}",
            ALONE_ROWS.join(", ")
        )),
    }
}

/// Prints the tables of the receipt, as documents have them.
fn shown() -> Outcome {
    println!("{}\n{}", tables::measured()?, tables::coverage()?);
    Ok(())
}

/// Measures for the receipt, all or the row `only`. What misses its target stands in the receipt, too.
fn stored(only: Option<&str>) -> Outcome {
    let path = target().join("firebird-bench/figures.json");
    let mut options = vec!["--out".into(), path.clone().into_os_string()];
    options.extend(only.iter().flat_map(|row| ["--only".into(), OsString::from(row)]));
    let outcome = measure(STORED, &options, |_| ());
    let read = |path: &Path| -> Result<Map<String, Value>, String> {
        let text = fs::read_to_string(path).map_err(|e| format!("{}: {e}", path.display()))?;
        serde_json::from_str(&text).map_err(|e| format!("{}: {e}", path.display()))
    };
    let mut found = read(&path)?;
    fs::remove_file(&path).map_err(|e| format!("{}: {e}", path.display()))?;
    let versions = found.remove("versions").ok_or("the figures have no versions")?;
    let Some(row) = only else { return store_with(RECEIPT, "firebird-bench", &versions, &found).and(outcome) };
    let receipt = root().join(RECEIPT);
    let mut whole = read(&receipt)?;
    for browser in tables::BROWSERS {
        whole[browser][row] = found[browser][row].take();
    }
    whole.insert(
        format!("{row} commit"),
        output(Command::new("git").args(["rev-parse", "HEAD"]).current_dir(root()))?.trim().into(),
    );
    let text = serde_json::to_string_pretty(&whole).map_err(|e| e.to_string())? + "\n";
    fs::write(&receipt, text).map_err(|e| format!("{RECEIPT}: {e}")).and(outcome)
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

fn measure([sessions, sites, rounds]: [&str; 3], options: &[OsString], each_line: impl FnMut(&str)) -> Outcome {
    firebird::need()?;
    firebird::run(&[])?;
    let folder = root().join("web/firebird");
    let mut python = Command::new("python3");
    python.arg(folder.join("bench/run.py")).env("PYTHONDONTWRITEBYTECODE", "1").env("PATH", path_with_npm()?);
    python.arg("--extensions").arg(folder.join("dist")).arg("--libraries").arg(target().join("firebird-bench"));
    python.arg("--document").arg(root().join(DOCUMENT));
    python.args(["--sessions", sessions, "--sites", sites, "--rounds", rounds]);
    python.args(options);
    run_counted(&mut python, each_line)
}
