//! `cargo run --release -p xtask -- peers`: our speeds beside those of other engines, measured in alternation
//! (`benches/peers/README.md`).

mod chart;
mod engines;
mod receipt;
mod table;

use std::{
    fs,
    path::PathBuf,
    process::{Child, Command, Stdio},
};

use serde_json::Value;

use crate::{
    Outcome,
    command::{cargo, output, root, succeed},
};
use engines::Speeds;
use receipt::{Receipt, RowReceipt, RunReceipt};
use table::{Row, Table};

/// Path of the picture in the README.
const CHART: &str = "docs/peers.svg";

/// Options of the command line.
struct Options {
    rounds: usize,
    /// Texts of which a row's name must hold one; none stands for all rows.
    only: Vec<String>,
    list: bool,
}

/// Measures the rows, prints them and stores a receipt.
pub(crate) fn run(arguments: &[String]) -> Outcome {
    let options = Options::parse(arguments)?;
    let folder = root().join("benches/peers");
    let text = read(&folder.join("table.json"))?;
    let table: Table = serde_json::from_str(&text).map_err(|e| format!("benches/peers/table.json: {e}"))?;
    let wanted = |row: &&Row| options.only.is_empty() || options.only.iter().any(|only| row.name.contains(only));
    let rows: Vec<Row> = table.rows.iter().filter(wanted).cloned().collect();
    if options.list {
        for row in &rows {
            println!("{}", row.name);
            for run in row.runs() {
                let state = engines::command(row, &run).map_or_else(|why| why, |_| "ready".to_owned());
                println!("  {}: {state}", run.label());
            }
        }
        return Ok(());
    }
    succeed(&mut cargo(&["build", "--release", "-p", "trinity"]))?;
    let date = output(Command::new("date").args(["-u", "+%Y-%m-%dT%H%M"]))?.trim().to_owned();
    let commit =
        output(Command::new("git").args(["rev-parse", "--short", "HEAD"]).current_dir(root()))?.trim().to_owned();
    let mut receipt = Receipt { date, commit, rounds: options.rounds, machine: Value::Null, rows: Vec::new() };
    for row in &rows {
        eprintln!("{}", row.name);
        receipt.rows.push(measure(row, options.rounds, &mut receipt.machine)?);
        // A receipt of what there is: a long run that is cut off has not been for nothing.
        store(&receipt)?;
    }
    print!("{}", receipt.table());
    println!("\nreceipt: {}", store(&receipt)?.display());
    if options.only.is_empty() {
        write(&root().join(CHART), &chart::draw(&receipt))?;
    }
    Ok(())
}

/// Draws a stored receipt again: `chart RECEIPT`.
pub(crate) fn draw(arguments: &[String]) -> Outcome {
    let path = arguments.first().ok_or("chart: which receipt?")?;
    let receipt: Receipt = serde_json::from_str(&read(&PathBuf::from(path))?).map_err(|e| format!("{path}: {e}"))?;
    print!("{}", receipt.table());
    write(&root().join(CHART), &chart::draw(&receipt))
}

/// Writes for README in which rows we are ahead of the fastest of the others, and in which not.
pub(crate) fn words() -> Result<String, String> {
    Ok(newest_whole()?.words())
}

/// Writes for `docs/speed.md` everything that the newest whole run measured.
pub(crate) fn table() -> Result<String, String> {
    Ok(newest_whole()?.figures())
}

/// Returns the last receipt of those that measured most rows.
fn newest_whole() -> Result<Receipt, String> {
    let folder = root().join("benches/peers/receipts");
    let entries = fs::read_dir(&folder).map_err(|e| format!("{}: {e}", folder.display()))?;
    let mut receipts = Vec::new();
    for path in entries.flatten().map(|entry| entry.path()) {
        let receipt: Receipt = serde_json::from_str(&read(&path)?).map_err(|e| format!("{}: {e}", path.display()))?;
        receipts.push(receipt);
    }
    receipts.sort_by(|a, b| (a.rows.len(), &a.date).cmp(&(b.rows.len(), &b.date)));
    receipts.pop().ok_or_else(|| format!("{}: no receipt", folder.display()))
}

impl Options {
    fn parse(arguments: &[String]) -> Result<Self, String> {
        let mut options = Self { rounds: 3, only: Vec::new(), list: false };
        let mut arguments = arguments.iter();
        while let Some(argument) = arguments.next() {
            let mut value = || arguments.next().ok_or_else(|| format!("{argument}: a value is missing"));
            match argument.as_str() {
                "--rounds" => options.rounds = value()?.parse().map_err(|e| format!("--rounds: {e}"))?,
                "--only" => options.only.push(value()?.clone()),
                "--list" => options.list = true,
                other => return Err(format!("peers: unknown argument {other:?}")),
            }
        }
        Ok(options)
    }
}

/// Measures all runs of a row, one after the other in each round.
fn measure(row: &Row, n_rounds: usize, machine: &mut Value) -> Result<RowReceipt, String> {
    let runs = row.runs();
    let mut commands: Vec<_> = runs.iter().map(|run| engines::command(row, run)).collect();
    let mut receipts: Vec<RunReceipt> = runs
        .iter()
        .zip(&commands)
        .map(|(run, command)| RunReceipt {
            engine: run.engine.clone(),
            label: run.label(),
            command: command
                .as_ref()
                .map_or_else(|_| String::new(), |command| engines::portable(&format!("{command:?}"))),
            rounds: Vec::new(),
            missing: command.as_ref().err().map(|why| engines::portable(why)),
        })
        .collect();
    let mut roofs = Vec::new();
    let load = if row.busy { Some(Busy::start()?) } else { None };
    for round in 1..=n_rounds {
        let doctor = engines::roofs(row)?;
        let at_most = &doctor["model"]["at_most"];
        let named = [("tg", &at_most["decode_tokens_per_second"]), ("pp", &at_most["prefill_tokens_per_second"])];
        roofs.push(named.iter().filter_map(|(n, v)| Some(((*n).to_owned(), v.as_f64()?))).collect::<Speeds>());
        *machine = doctor;
        for ((run, command), receipt) in runs.iter().zip(&mut commands).zip(&mut receipts) {
            let Ok(command) = command else { continue };
            match engines::measure(command, row, run) {
                Ok(speeds) => {
                    eprintln!("  {round}: {} {speeds:.1?}", run.label());
                    receipt.rounds.push(speeds);
                }
                Err(why) => receipt.missing = Some(engines::portable(why.lines().next().unwrap_or_default())),
            }
        }
    }
    drop(load);
    Ok(RowReceipt { name: row.name.clone(), roofs, runs: receipts, bars: row.bars.clone() })
}

/// A busy loop on each core, which runs until this is dropped.
struct Busy(Vec<Child>);

impl Busy {
    fn start() -> Result<Self, String> {
        let n_cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        let loop_on = |core: usize| {
            Command::new("taskset")
                .args(["-c", &core.to_string(), "sh", "-c", "while :; do :; done"])
                .stdin(Stdio::null())
                .spawn()
                .map_err(|e| format!("taskset: {e}"))
        };
        Ok(Self((0..n_cores).map(loop_on).collect::<Result<_, _>>()?))
    }
}

impl Drop for Busy {
    fn drop(&mut self) {
        for child in &mut self.0 {
            // It runs until killed; that it is gone already is no harm.
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

fn store(receipt: &Receipt) -> Result<PathBuf, String> {
    let path = root().join(format!("benches/peers/receipts/{}.json", receipt.date));
    let text = serde_json::to_string_pretty(receipt).map_err(|e| e.to_string())?;
    write(&path, &(engines::portable(&text) + "\n"))?;
    Ok(path)
}

fn read(path: &std::path::Path) -> Result<String, String> {
    fs::read_to_string(path).map_err(|e| format!("{}: {e}", path.display()))
}

fn write(path: &std::path::Path, text: &str) -> Outcome {
    fs::write(path, text).map_err(|e| format!("{}: {e}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_picture_is_drawn_from_the_newest_whole_run() {
        let receipt = newest_whole().expect("a receipt");
        let picture = read(&root().join(CHART)).expect("the picture");
        assert!(
            picture == chart::draw(&receipt),
            "cargo run -p xtask -- chart benches/peers/receipts/{}.json",
            receipt.date
        );
        let readme = read(&root().join("README.md")).expect("a README");
        assert!(readme.contains(CHART), "the README shows the picture");
    }

    #[test]
    fn the_table_is_read() {
        let text = read(&root().join("benches/peers/table.json")).expect("the table");
        let table: Table = serde_json::from_str(&text).expect("rows");
        assert!(table.rows.iter().all(|row| row.runs().iter().any(|run| run.engine == "trinity")));
    }
}
