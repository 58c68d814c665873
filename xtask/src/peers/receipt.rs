//! What was measured: every sample of every run, and what follows.

use std::{
    collections::{BTreeMap, BTreeSet},
    ops::RangeInclusive,
};

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::engines::{Speeds, is_ours};

/// The record of one call of the chore.
#[derive(Serialize, Deserialize)]
pub(crate) struct Receipt {
    pub(super) date: String,
    pub(super) commit: String,
    pub(super) rounds: usize,
    /// Output of `trinity doctor --json`.
    pub(super) machine: Value,
    pub(super) rows: Vec<RowReceipt>,
}

/// The record of one row of the table.
#[derive(Serialize, Deserialize)]
pub(super) struct RowReceipt {
    pub(super) name: String,
    /// Roofs of our file with the fewest bytes, of each round: `tg64`, `pp`.
    pub(super) roofs: Vec<Speeds>,
    pub(super) runs: Vec<RunReceipt>,
    /// Ratios to the best peer that we want at least, by the beginning of the test's name.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(super) bars: BTreeMap<String, f64>,
}

/// The record of one engine with one setting.
#[derive(Serialize, Deserialize)]
pub(super) struct RunReceipt {
    pub(super) engine: String,
    pub(super) label: String,
    pub(super) command: String,
    /// Speeds of each round, by test.
    pub(super) rounds: Vec<Speeds>,
    /// Reason why there are no speeds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) missing: Option<String>,
}

impl RunReceipt {
    fn samples(&self, test: &str) -> Vec<f64> {
        self.rounds.iter().filter_map(|speeds| speeds.get(test).copied()).collect()
    }
}

impl RowReceipt {
    /// Returns the best setting of `engine` in `test`, with its median.
    pub(super) fn best(&self, engine: &str, test: &str) -> Option<(&RunReceipt, f64)> {
        let runs = self.runs.iter().filter(|run| run.engine == engine);
        let medians = runs.filter_map(|run| Some((run, median(run.samples(test))?)));
        medians.max_by(|a, b| a.1.total_cmp(&b.1))
    }

    /// Returns the engines other than ours, in the order of the table.
    pub(super) fn peers(&self) -> Vec<&str> {
        let mut peers = Vec::new();
        for run in self.runs.iter().filter(|run| run.engine != "trinity") {
            if !peers.contains(&run.engine.as_str()) {
                peers.push(&run.engine);
            }
        }
        peers
    }

    /// Returns our speed over `peer`'s: the median of each round's ratio.
    pub(super) fn ratio(&self, peer: &str, test: &str) -> Option<f64> {
        let (ours, theirs) = (self.best("trinity", test)?.0, self.best(peer, test)?.0);
        let rounds = ours.rounds.iter().zip(&theirs.rounds);
        median(rounds.filter_map(|(ours, theirs)| Some(ours.get(test)? / theirs.get(test)?)).collect())
    }

    /// Returns the ratio to the best peer that is wanted in `test`.
    fn bar(&self, test: &str) -> Option<f64> {
        self.bars.iter().find(|(kind, _)| test.starts_with(kind.as_str())).map(|(_, bar)| *bar)
    }

    /// Returns the peer with the best median in `test`.
    pub(super) fn best_peer(&self, test: &str) -> Option<&str> {
        let peers = self.peers();
        let speeds = peers.iter().filter_map(|peer| Some((*peer, self.best(peer, test)?.1)));
        speeds.max_by(|a, b| a.1.total_cmp(&b.1)).map(|(peer, _)| peer)
    }

    /// Returns the lowest and the highest roof that was read.
    pub(super) fn readings(&self, test: &str) -> Option<RangeInclusive<f64>> {
        let kind = test.get(..2)?;
        let readings = || self.roofs.iter().filter_map(|roofs| roofs.get(kind).copied());
        let (low, high) = (readings().min_by(f64::total_cmp)?, readings().max_by(f64::total_cmp)?);
        Some(low..=high)
    }

    /// Returns the median of the roofs.
    pub(super) fn roof(&self, test: &str) -> Option<f64> {
        let kind = test.get(..2)?;
        median(self.roofs.iter().filter_map(|roofs| roofs.get(kind).copied()).collect())
    }

    /// Returns the names of the tests, generation first.
    pub(super) fn tests(&self) -> Vec<String> {
        let all = self.runs.iter().flat_map(|run| run.rounds.iter().flat_map(|speeds| speeds.keys().cloned()));
        let mut tests: Vec<String> = all.collect::<BTreeSet<_>>().into_iter().collect();
        tests.sort_by_key(|test| (test.starts_with("pp"), test.clone()));
        tests
    }
}

impl Receipt {
    /// Returns the day of the run, as in `2026-11-23`.
    pub(crate) fn day(&self) -> &str {
        self.date.split('T').next().unwrap_or_default()
    }

    /// Writes the table in Markdown.
    pub(crate) fn table(&self) -> String {
        let mut text =
            "| work | test | trinity | peers at their best | by the best peer | bar | by llama.cpp | of the roof |\n"
                .to_owned();
        text += "| --- | --- | ---: | --- | ---: | --- | ---: | ---: |\n";
        for row in &self.rows {
            for test in row.tests() {
                let Some((ours, speed)) = row.best("trinity", &test) else { continue };
                let peers: Vec<String> = row.peers().iter().map(|peer| peer_cell(row, peer, &test)).collect();
                let ratio = |peer: Option<&str>| {
                    peer.and_then(|peer| row.ratio(peer, &test)).map_or("–".to_owned(), |r| format!("{r:.2}×"))
                };
                let roof = row.roof(&test).map_or("–".to_owned(), |roof| format!("{:.0} %", 100.0 * speed / roof));
                let best = row.best_peer(&test);
                text += &format!(
                    "| {} | {test} | {speed:.1} ({}) | {} | {} | {} | {} | {roof} |\n",
                    row.name,
                    setting(ours),
                    peers.join("; "),
                    ratio(best),
                    bar_cell(row.bar(&test), best.and_then(|peer| row.ratio(peer, &test))),
                    ratio(Some("llama.cpp")),
                );
            }
        }
        text
    }
}

impl Receipt {
    /// Writes in which rows we are ahead of the fastest of the others and in which not, with the ratio and who is.
    pub(super) fn words(&self) -> String {
        let mut text = format!(
            "One run, {} (commit `{}`): {}, {} threads, medians of {} rounds, every engine at its best setting, in alternation.\n\n",
            self.day(),
            self.commit,
            self.machine["system"]["processor"].as_str().unwrap_or("an unknown processor"),
            self.machine["threads"],
            self.rounds,
        );
        let mut table =
            "| | as fast as the fastest of the others, or faster | **others are faster** |\n| --- | --- | --- |\n"
                .to_owned();
        for (what, kind) in [("decode", "tg"), ("prefill of 512 tokens", "pp512"), ("embedding", "embed")] {
            let (mut ahead, mut behind) = (Vec::new(), BTreeMap::<&str, Vec<String>>::new());
            for row in &self.rows {
                for test in row.tests().iter().filter(|test| test.starts_with(kind)) {
                    let Some(peer) = row.best_peer(test).filter(|peer| !is_ours(peer)) else { continue };
                    let Some(ratio) = row.ratio(peer, test).map(|ratio| (100.0 * ratio).round() / 100.0) else {
                        continue;
                    };
                    let cell = format!("{} {ratio:.2}×", row.name);
                    if ratio >= 1.0 { ahead.push(cell) } else { behind.entry(peer).or_default().push(cell) }
                }
            }
            let n_behind: usize = behind.values().map(Vec::len).sum();
            if ahead.len() + n_behind == 0 {
                continue;
            }
            text += &format!("Others are faster in {n_behind} of {} rows of {what}.\n", ahead.len() + n_behind);
            let behind: Vec<String> =
                behind.iter().map(|(peer, cells)| format!("{peer}: {}", cells.join("; "))).collect();
            table += &format!("| {what} | {} | {} |\n", ahead.join("; "), behind.join(". "));
        }
        text + "\n" + &table
    }

    /// Writes every median in Markdown, in a column for each engine.
    pub(super) fn figures(&self) -> String {
        let mut engines: Vec<&str> = Vec::new();
        for engine in self.rows.iter().flat_map(|row| row.runs.iter().map(|run| run.engine.as_str())) {
            if !engines.contains(&engine) && (engine == "trinity" || !is_ours(engine)) {
                engines.push(engine);
            }
        }
        let mut text = format!("| work | test | {} | by the fastest of the others |\n", engines.join(" | "));
        text += &format!("| --- | --- | {} ---: |\n", "---: | ".repeat(engines.len()).trim_end());
        for row in &self.rows {
            for test in row.tests() {
                let cell = |engine: &&str| {
                    row.best(engine, &test).map_or("–".to_owned(), |(_, speed)| format!("{speed:.1}"))
                };
                let cells: Vec<String> = engines.iter().map(cell).collect();
                let ratio = row.best_peer(&test).and_then(|peer| Some((peer, row.ratio(peer, &test)?)));
                let ratio = ratio.map_or("–".to_owned(), |(peer, ratio)| match peer.split_once(", ") {
                    Some((_, own)) if is_ours(peer) => format!("{ratio:.2}× our own {own}"),
                    _ => format!("{ratio:.2}×"),
                });
                text += &format!("| {} | {test} | {} | {ratio} |\n", row.name, cells.join(" | "));
            }
        }
        text + &format!("\nReceipt: `benches/peers/receipts/{}.json`, commit `{}`.\n", self.date, self.commit)
    }
}

/// Writes what ratio was wanted, and whether it was met.
fn bar_cell(bar: Option<f64>, ratio: Option<f64>) -> String {
    match (bar, ratio) {
        (None, _) => "–".to_owned(),
        (Some(bar), None) => format!("{bar}×"),
        (Some(bar), Some(ratio)) => format!("{bar}× {}", if ratio >= bar { "met" } else { "missed" }),
    }
}

fn peer_cell(row: &RowReceipt, peer: &str, test: &str) -> String {
    if let Some((run, speed)) = row.best(peer, test) {
        return format!("{peer} {speed:.1} ({})", setting(run));
    }
    let why = row.runs.iter().find(|run| run.engine == peer).and_then(|run| run.missing.as_deref());
    format!("{peer}: {}", why.unwrap_or("no such test"))
}

/// Returns the label of a run without the engine.
fn setting(run: &RunReceipt) -> &str {
    run.label.strip_prefix(&run.engine).unwrap_or(&run.label).trim()
}

/// Returns the middle sample, or the mean of the two in the middle.
pub(super) fn median(mut samples: Vec<f64>) -> Option<f64> {
    samples.sort_by(f64::total_cmp);
    let n = samples.len();
    match n {
        0 => None,
        _ if n % 2 == 1 => Some(samples[n / 2]),
        _ => Some(f64::midpoint(samples[n / 2 - 1], samples[n / 2])),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ratio_is_the_median_of_the_rounds_ratios_at_the_best_settings() {
        let run = |engine: &str, label: &str, samples: &[f64]| RunReceipt {
            engine: engine.to_owned(),
            label: format!("{engine} {label}"),
            command: String::new(),
            rounds: samples.iter().map(|s| Speeds::from([("tg64".to_owned(), *s)])).collect(),
            missing: None,
        };
        let row = RowReceipt {
            name: "x".to_owned(),
            roofs: vec![Speeds::from([("tg".to_owned(), 80.0)])],
            runs: vec![
                run("trinity", "slow", &[1.0, 1.0, 1.0]),
                run("trinity", "fast", &[30.0, 40.0, 60.0]),
                run("a", "", &[10.0, 20.0, 60.0]),
                run("b", "", &[15.0, 10.0, 10.0]),
            ],
            bars: BTreeMap::from([("tg".to_owned(), 1.5), ("pp".to_owned(), 2.5)]),
        };
        assert_eq!(row.best("trinity", "tg64").map(|b| (setting(b.0), b.1)), Some(("fast", 40.0)));
        assert_eq!((row.best_peer("tg64"), row.ratio("a", "tg64")), (Some("a"), Some(2.0)));
        let receipt =
            Receipt { date: String::new(), commit: String::new(), rounds: 3, machine: Value::Null, rows: vec![row] };
        assert!(
            receipt.table().contains("| x | tg64 | 40.0 (fast) | a 20.0 (); b 10.0 () | 2.00× | 1.5× met | – | 50 % |")
        );
    }
}
