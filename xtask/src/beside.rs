//! What the comparisons with Python packages share: the Python that has them, times by what and by whom, receipts.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use serde_json::{Map, Value, json};

use crate::{
    Outcome,
    command::{output, root, succeed, target},
};

/// Measurements of all rounds, by what was measured and by whom.
pub(crate) type Times = BTreeMap<String, BTreeMap<String, Vec<f64>>>;
/// Medians of measurements, by what was measured and by whom.
pub(crate) type Medians = BTreeMap<String, BTreeMap<String, f64>>;

/// The Python that has the packages of `benches/NAME/requirements.txt`: `PEER_PYTHON`, or a virtual environment made
/// for them.
pub(crate) fn python(name: &str) -> Result<PathBuf, String> {
    if let Some(python) = std::env::var_os("PEER_PYTHON") {
        return Ok(python.into());
    }
    let folder = target().join(format!("{name}-bench"));
    let python = folder.join("bin/python");
    if !python.exists() {
        succeed(Command::new("python3").args(["-m", "venv"]).arg(&folder))?;
    }
    let requirements = root().join(format!("benches/{name}/requirements.txt"));
    succeed(Command::new(&python).args(["-m", "pip", "install", "--quiet", "-r"]).arg(requirements))?;
    Ok(python)
}

/// The JSON that a command prints.
pub(crate) fn asked(command: &mut Command) -> Result<Value, String> {
    let text = output(command)?;
    serde_json::from_str(&text).map_err(|e| format!("{command:?}: {e}"))
}

/// One more measurement of `what` by `who`.
pub(crate) fn push(times: &mut Times, what: &str, who: &str, time: &Value) -> Outcome {
    let time = time.as_f64().ok_or_else(|| format!("{what} by {who}: {time} is no time"))?;
    times.entry(what.to_owned()).or_default().entry(who.to_owned()).or_default().push(time);
    Ok(())
}

/// The middle of each row's measurements.
pub(crate) fn medians(times: &Times) -> Medians {
    let median = |all: &Vec<f64>| {
        let mut all = all.clone();
        all.sort_by(f64::total_cmp);
        all[all.len() / 2]
    };
    let of = |by: &BTreeMap<String, Vec<f64>>| by.iter().map(|(who, all)| (who.clone(), median(all))).collect();
    times.iter().map(|(what, by)| (what.clone(), of(by))).collect()
}

/// Stores a receipt: what ran where, with the versions of `packages`, and `rest`.
pub(crate) fn store(path: &str, chore: &str, python: &Path, packages: &[&str], rest: &Map<String, Value>) -> Outcome {
    let versions = output(Command::new(python).args(["-m", "pip", "freeze"]))?;
    let named = |line: &&str| packages.iter().any(|name| line.starts_with(name));
    store_with(path, chore, &json!(versions.lines().filter(named).collect::<Vec<_>>()), rest)
}

/// Stores a receipt with versions that are known.
pub(crate) fn store_with(path: &str, chore: &str, versions: &Value, rest: &Map<String, Value>) -> Outcome {
    let mut receipt = json!({
        "command": format!("cargo xtask {chore} --receipt"),
        "commit": output(Command::new("git").args(["rev-parse", "HEAD"]).current_dir(root()))?.trim(),
        "processor": processor(),
        "versions": versions,
    });
    receipt.as_object_mut().into_iter().for_each(|receipt| receipt.extend(rest.clone()));
    let text = serde_json::to_string_pretty(&receipt).map_err(|e| e.to_string())? + "\n";
    fs::write(root().join(path), text).map_err(|e| format!("{path}: {e}"))
}

fn processor() -> String {
    let text = fs::read_to_string(Path::new("/proc/cpuinfo")).unwrap_or_default();
    let line = text.lines().find(|line| line.starts_with("model name"));
    line.and_then(|line| line.split(": ").nth(1)).unwrap_or("unknown").to_owned()
}
