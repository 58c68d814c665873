//! `cargo xtask web-bench [--receipt | --rounds N]`: the package in headless Chromium beside `@wllama/wllama`, in
//! alternation on one file, one thread each, and the native program on one thread with AVX2 (`benches/web`).

use std::{collections::BTreeMap, fs, process::Command};

use serde_json::{Map, Value, json};

use crate::{
    Outcome,
    beside::{Medians, Times, asked, medians, push, store_with},
    browser, checkout,
    command::root,
    models, web, web_pages,
};

const ROUNDS: u32 = 5;
const ABORTS: u32 = 40;
const FOLDER: &str = "benches/web";
const PEER: &str = "@wllama/wllama";
const RECEIPT: &str = "docs/receipts/web.json";

/// Builds, measures, and prints ratios; with `--receipt`, stores the medians.
pub(crate) fn run(arguments: &[String]) -> Outcome {
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let (is_stored, rounds) = match *words {
        [] => (false, ROUNDS),
        ["--receipt"] => (true, ROUNDS),
        ["--rounds", n] => (false, n.parse().map_err(|e| format!("--rounds {n}: {e}"))?),
        _ => return Err(format!("web-bench takes --receipt, --rounds N or nothing, not {words:?}")),
    };
    browser::chromium()?;
    let (dist, npm, model) = (web::build(false)?, web_pages::npm("web-bench", FOLDER)?, models::fetch()?);
    let program = checkout::release_binary()?;
    let package = npm.join("node_modules").join(PEER);
    let mut bench = Command::new("python3");
    bench.arg(root().join(FOLDER).join("bench.py")).args([&dist, &package, &model, &program]);
    bench.args([rounds.to_string(), ABORTS.to_string()]).env("PYTHONDONTWRITEBYTECODE", "1");
    let seen = asked(&mut bench)?;
    let mut times = Times::new();
    for round in seen["rounds"].as_array().into_iter().flatten() {
        let who = round["who"].as_str().ok_or("a round of nobody")?;
        for (what, value) in round["rows"].as_object().into_iter().flatten() {
            push(&mut times, what, who, value)?;
        }
    }
    let mut rows = medians(&times);
    let bytes = seen["bytes before the weights, gzip"].as_object().ok_or("no bytes before the weights")?;
    let bytes = bytes.iter().filter_map(|(who, n)| Some((who.clone(), n.as_f64()?))).collect();
    rows.insert("bytes before the weights, gzip".to_owned(), bytes);
    let aborts: Vec<f64> = seen["aborts, ms"].as_array().into_iter().flatten().filter_map(Value::as_f64).collect();
    let abort = BTreeMap::from([("trinity".to_owned(), percentile(&aborts, 99)?)]);
    rows.insert("abort in a prompt of 2,000 tokens, p99, ms".to_owned(), abort);
    print!("{}", table(&rows));
    if !is_stored {
        return Ok(());
    }
    let first = |who: &str| {
        let rounds = seen["rounds"].as_array().into_iter().flatten();
        rounds.clone().find(|round| round["who"] == who).cloned().unwrap_or_default()
    };
    let mut rest = Map::new();
    let given = [
        ("rounds", json!(rounds)),
        ("aborts", json!(aborts.len())),
        ("model", json!(model.file_name().map(|name| name.to_string_lossy()))),
        ("browser", seen["browser"].clone()),
        ("isa", first("trinity")["about"]["isa"].clone()),
        ("prompt tokens", first("trinity")["prompt tokens"].clone()),
        ("rows", json!(rows)),
        ("all rounds", seen["rounds"].clone()),
    ];
    rest.extend(given.map(|(name, value)| (name.to_owned(), value)));
    store_with(RECEIPT, "web-bench", &json!([version(&package)?]), &rest)
}

/// The version of the peer, as its package says.
fn version(package: &std::path::Path) -> Result<String, String> {
    let file = package.join("package.json");
    let text = fs::read_to_string(&file).map_err(|e| format!("{}: {e}", file.display()))?;
    let about: Value = serde_json::from_str(&text).map_err(|e| format!("{}: {e}", file.display()))?;
    Ok(format!("{PEER}=={}", about["version"].as_str().unwrap_or("unknown")))
}

/// The value below which `percent` of all lie.
fn percentile(values: &[f64], percent: usize) -> Result<f64, String> {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let place = (sorted.len() * percent).div_ceil(100).saturating_sub(1);
    sorted.get(place).copied().ok_or_else(|| "no measurement".to_owned())
}

fn table(rows: &Medians) -> String {
    let mut text = String::new();
    for (what, by) in rows {
        let Some(ours) = by.get("trinity") else { continue };
        text += &format!("{what}: {ours:.3}");
        for (who, value) in by.iter().filter(|(who, _)| *who != "trinity") {
            text += &format!("; {who} {value:.3}, ours is {:.2} of it", ours / value);
        }
        text.push('\n');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_99th_percentile_of_few_is_the_largest() {
        assert_eq!(percentile(&[3.0, 1.0, 2.0], 99).unwrap(), 3.0);
        let many: Vec<f64> = (1..=200).map(f64::from).collect();
        assert_eq!(percentile(&many, 99).unwrap(), 198.0);
        percentile(&[], 99).unwrap_err();
    }

    #[test]
    fn a_row_says_what_part_of_the_others_ours_is() {
        let by = [("trinity", 30.0), ("wllama", 10.0)].map(|(who, value)| (who.to_owned(), value));
        let rows = Medians::from([("decode, tokens/s".to_owned(), BTreeMap::from(by))]);
        assert_eq!(table(&rows), "decode, tokens/s: 30.000; wllama 10.000, ours is 3.00 of it\n");
    }
}
