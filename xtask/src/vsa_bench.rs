//! `cargo xtask vsa-bench [--receipt]`: hypervectors beside numpy, torchhd, faiss and usearch, in alternation
//! (`benches/vsa/README.md`).

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use serde_json::{Value, json};

use crate::{
    Outcome,
    command::{cargo, output, root, succeed, target},
};

const ROUNDS: usize = 5;
const DIM: &str = "10240";
const ITEMS: &str = "100000";
const RECEIPT: &str = "docs/receipts/vsa.json";

/// Times of all rounds, by what was done and by whom.
type Times = BTreeMap<String, BTreeMap<String, Vec<f64>>>;

/// Builds, measures, and prints ratios; with `--receipt`, stores the medians.
pub(crate) fn run(arguments: &[String]) -> Outcome {
    let is_stored = match arguments {
        [] => false,
        [option] if option == "--receipt" => true,
        _ => return Err(format!("vsa-bench takes --receipt or nothing, not {arguments:?}")),
    };
    let python = python()?;
    succeed(&mut cargo(&["build", "--release", "-p", "trinity"]))?;
    let program = target().join("release/trinity");
    let mut times = Times::new();
    let mut isa = String::new();
    for round in 0..ROUNDS {
        eprintln!("round {} of {ROUNDS}", round + 1);
        let ours = asked(
            Command::new(&program)
                .args(["vsa", "bench", "--rounds", "3", "--json"])
                .args(["--dim", DIM, "--items", ITEMS]),
        )?;
        ours["isa"].as_str().unwrap_or_default().clone_into(&mut isa);
        for row in ours["rows"].as_array().into_iter().flatten() {
            let what = row["what"].as_str().ok_or("a row of trinity vsa bench has no name")?;
            push(&mut times, what, "trinity", &row["ns"])?;
        }
        let peers = asked(Command::new(&python).arg(root().join("benches/vsa/peers.py")).args([DIM, ITEMS]))?;
        for (what, by) in peers.as_object().into_iter().flatten() {
            for (who, ns) in by.as_object().into_iter().flatten() {
                push(&mut times, what, who, ns)?;
            }
        }
    }
    let medians = medians(&times);
    print!("{}", table(&medians));
    if !is_stored {
        return Ok(());
    }
    let versions = output(Command::new(&python).args(["-m", "pip", "freeze"]))?;
    let named = |line: &&str| ["numpy", "torch", "faiss", "usearch"].iter().any(|name| line.starts_with(name));
    let receipt = json!({
        "command": "cargo xtask vsa-bench --receipt",
        "commit": output(Command::new("git").args(["rev-parse", "HEAD"]).current_dir(root()))?.trim(),
        "processor": processor(),
        "isa": isa,
        "dim": 10_240,
        "items": 100_000,
        "rounds": ROUNDS,
        "versions": versions.lines().filter(named).collect::<Vec<_>>(),
        "unit": "ns",
        "rows": medians,
    });
    let text = serde_json::to_string_pretty(&receipt).map_err(|e| e.to_string())? + "\n";
    fs::write(root().join(RECEIPT), text).map_err(|e| format!("{RECEIPT}: {e}"))
}

/// The Python that has the peers: `PEER_PYTHON`, or a virtual environment made for it.
fn python() -> Result<PathBuf, String> {
    if let Some(python) = std::env::var_os("PEER_PYTHON") {
        return Ok(python.into());
    }
    let folder = target().join("vsa-bench");
    let python = folder.join("bin/python");
    if !python.exists() {
        succeed(Command::new("python3").args(["-m", "venv"]).arg(&folder))?;
    }
    let requirements = root().join("benches/vsa/requirements.txt");
    succeed(Command::new(&python).args(["-m", "pip", "install", "--quiet", "-r"]).arg(requirements))?;
    Ok(python)
}

fn asked(command: &mut Command) -> Result<Value, String> {
    let text = output(command)?;
    serde_json::from_str(&text).map_err(|e| format!("{command:?}: {e}"))
}

fn push(times: &mut Times, what: &str, who: &str, ns: &Value) -> Outcome {
    let ns = ns.as_f64().ok_or_else(|| format!("{what} by {who}: {ns} is no time"))?;
    times.entry(what.to_owned()).or_default().entry(who.to_owned()).or_default().push(ns);
    Ok(())
}

fn medians(times: &Times) -> BTreeMap<String, BTreeMap<String, f64>> {
    let median = |all: &Vec<f64>| {
        let mut all = all.clone();
        all.sort_by(f64::total_cmp);
        all[all.len() / 2]
    };
    let of = |by: &BTreeMap<String, Vec<f64>>| by.iter().map(|(who, all)| (who.clone(), median(all))).collect();
    times.iter().map(|(what, by)| (what.clone(), of(by))).collect()
}

fn table(medians: &BTreeMap<String, BTreeMap<String, f64>>) -> String {
    let mut text = String::new();
    for (what, by) in medians {
        let Some(ours) = by.get("trinity") else { continue };
        text += &format!("{what}: {ours:.1} ns");
        for (who, ns) in by.iter().filter(|(who, _)| *who != "trinity") {
            text += &format!("; {who} {ns:.1} ns, {:.1}×", ns / ours);
        }
        text.push('\n');
    }
    text
}

fn processor() -> String {
    let text = fs::read_to_string(Path::new("/proc/cpuinfo")).unwrap_or_default();
    let line = text.lines().find(|line| line.starts_with("model name"));
    line.and_then(|line| line.split(": ").nth(1)).unwrap_or("unknown").to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ratios_are_of_medians() {
        let mut times = Times::new();
        for (who, all) in [("trinity", [10.0, 99.0, 11.0]), ("numpy int8", [220.0, 230.0, 1.0])] {
            for ns in all {
                push(&mut times, "bind", who, &json!(ns)).expect("a time");
            }
        }
        assert_eq!(table(&medians(&times)), "bind: 11.0 ns; numpy int8 220.0 ns, 20.0×\n");
        assert!(push(&mut times, "bind", "numpy int8", &json!("fast")).is_err());
    }
}
