//! `cargo xtask vsa-bench [--receipt]`: hypervectors beside numpy, torchhd, faiss and usearch, in alternation
//! (`benches/vsa/README.md`).

use std::{collections::BTreeMap, process::Command};

use serde_json::{Map, Value, json};

use crate::{
    Outcome,
    beside::{Medians, Times, asked, medians, push, python, store},
    command::{cargo, root, succeed, target},
};

const ROUNDS: usize = 5;
const DIM: &str = "10240";
const ITEMS: &str = "100000";
const RECEIPT: &str = "docs/receipts/vsa.json";

/// Builds, measures, and prints ratios; with `--receipt`, stores the medians.
pub(crate) fn run(arguments: &[String]) -> Outcome {
    let is_stored = match arguments {
        [] => false,
        [option] if option == "--receipt" => true,
        _ => return Err(format!("vsa-bench takes --receipt or nothing, not {arguments:?}")),
    };
    let python = python("vsa")?;
    succeed(&mut cargo(&["build", "--release", "-p", "trinity"]))?;
    let program = target().join("release/trinity");
    let mut times = Times::new();
    let mut isa = String::new();
    let mut missing = BTreeMap::new();
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
        take_peers(&peers, &mut times, &mut missing)?;
    }
    let medians = medians(&times);
    print!("{}", table(&medians));
    missing.iter().for_each(|(who, why)| println!("{who} was not measured: {why}"));
    if !is_stored {
        return Ok(());
    }
    let mut rest = Map::new();
    let given = [("isa", json!(isa)), ("dim", json!(10_240)), ("items", json!(100_000)), ("rounds", json!(ROUNDS))];
    rest.extend(given.map(|(name, value)| (name.to_owned(), value)));
    rest.extend([
        ("missing".to_owned(), json!(missing)),
        ("unit".to_owned(), json!("ns")),
        ("rows".to_owned(), json!(medians)),
    ]);
    store(RECEIPT, "vsa-bench", &python, &["numpy", "torch", "faiss", "usearch"], &rest)
}

/// Times of the peers that were measured, and why the others were not.
fn take_peers(peers: &Value, times: &mut Times, missing: &mut BTreeMap<String, String>) -> Outcome {
    let rows = peers["rows"].as_object().ok_or("peers.py gives no rows")?;
    for (what, by) in rows {
        for (who, ns) in by.as_object().into_iter().flatten() {
            push(times, what, who, ns)?;
        }
    }
    for (who, why) in peers["missing"].as_object().into_iter().flatten() {
        missing.insert(who.clone(), why.as_str().unwrap_or_default().to_owned());
    }
    Ok(())
}

fn table(medians: &Medians) -> String {
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

    #[test]
    fn peers_are_measured_or_named_as_missing() {
        let (mut times, mut missing) = (Times::new(), BTreeMap::new());
        let peers = json!({"rows": {"bind": {"numpy int8": 1.5}}, "missing": {"torchhd": "no module named torch"}});
        take_peers(&peers, &mut times, &mut missing).expect("well formed");
        assert_eq!(times["bind"]["numpy int8"], [1.5]);
        assert_eq!(missing["torchhd"], "no module named torch");
        assert!(take_peers(&json!({"bind": {}}), &mut times, &mut missing).is_err(), "rows of an older form");
    }
}
