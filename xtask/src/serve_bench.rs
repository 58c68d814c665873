//! Suites of rows that measure a server as its clients see it, each row with its targets, and a receipt:
//! `cargo xtask serve-bench`, beside llama.cpp's server in the same run, and `cargo xtask siege`.

pub(crate) mod client;
pub(crate) mod load;
pub(crate) mod prompts;
mod rows;
pub(crate) mod server;
pub(crate) mod statistics;

use std::{fs, path::PathBuf, process::Command};

use serde_json::{Map, Value, json};

use crate::{
    Outcome,
    command::{cargo, output, root, succeed},
    models,
};
use prompts::Prompts;
use server::{PeerSettings, Server};

/// A row: its name, what it measures, and the function that measures it.
pub(crate) type Row = (&'static str, &'static str, fn(&Bench) -> Result<Measured, String>);

/// A set of rows that are run and kept together.
pub(crate) struct Suite {
    /// Name of the chore.
    pub(crate) name: &'static str,
    /// Path of the receipt, in which a run replaces the rows that it measured.
    pub(crate) receipt: &'static str,
    pub(crate) rows: &'static [Row],
    /// Whether the peer is measured unless the command line says otherwise.
    pub(crate) has_peer: bool,
    /// Finds the model, unless the command line names one.
    pub(crate) model: fn() -> Result<PathBuf, String>,
}

/// The suite of `cargo xtask serve-bench`.
pub(crate) const SUITE: Suite = Suite {
    name: "serve-bench",
    receipt: "docs/receipts/serve.json",
    rows: rows::ROWS,
    has_peer: true,
    model: models::fetch,
};

/// Seed of the places in the text that prompts are taken from.
const SEED: u64 = 5;

/// Options of the command line, and what follows from them for every row.
pub(crate) struct Bench {
    pub(crate) program: PathBuf,
    pub(crate) model: PathBuf,
    /// Whether the command line names no model.
    is_default_model: bool,
    pub(crate) threads: usize,
    pub(crate) rounds: usize,
    /// Whether our server is measured.
    ours: bool,
    /// Whether the peer's server is measured.
    peer: bool,
    /// Options added to the command line of our server.
    options: Vec<String>,
    only: Vec<String>,
    /// Numbers of clients of the load rows; all if empty.
    clients: Vec<usize>,
    receipt: bool,
    /// Whether rows are as short as they can be and still mean something.
    pub(crate) is_quick: bool,
    /// Older program of ours, for rows that compare with one.
    pub(crate) baseline: Option<PathBuf>,
    /// Name of the chore.
    suite: &'static str,
}

/// The figures of a row, and its judgement where our server was measured.
pub(crate) struct Measured {
    /// All samples and their statistics.
    pub(crate) figures: Value,
    /// Targets: what each demands, and whether it was met.
    pub(crate) targets: Vec<(String, bool)>,
}

/// Returns the program that is built and measured where none is named.
fn default_program() -> PathBuf {
    root().join("target/release/trinity")
}

/// Measures the rows, prints them and keeps them.
pub(crate) fn run(suite: &Suite, arguments: &[String]) -> Outcome {
    let Some(bench) = Bench::parse(suite, arguments)? else {
        for (name, what, _) in suite.rows {
            println!("{name:16} {what}");
        }
        return Ok(());
    };
    // A program that was named is taken as it is: CI names the one that its stages share.
    if bench.program == default_program() {
        succeed(&mut cargo(&["build", "--release", "--package", "trinity", "--quiet"]))?;
    }
    let path = root().join(suite.receipt);
    let mut receipt: Map<String, Value> = match fs::read_to_string(&path) {
        Ok(text) => serde_json::from_str(&text).map_err(|e| format!("{}: {e}", suite.receipt))?,
        Err(_) => Map::new(),
    };
    let mut missed = Vec::new();
    for (name, what, measure) in suite.rows.iter().filter(|(name, ..)| bench.wants(name)) {
        println!("\n## {name}: {what}\n");
        // Others on the machine make every figure worthless: the receipt says whether there were any.
        let load_average = fs::read_to_string("/proc/loadavg").map_err(|e| format!("/proc/loadavg: {e}"))?;
        println!("load average before: {}", load_average.trim());
        let client_before = server::cpu_seconds("self")?;
        let measured = measure(&bench).map_err(|e| format!("{name}: {e}"))?;
        for (target, is_met) in &measured.targets {
            println!("{} {target}", if *is_met { "met   " } else { "MISSED" });
            if !is_met {
                missed.push(format!("{name}: {target}"));
            }
        }
        // What was not measured replaces nothing that was.
        if measured.figures.is_null() {
            continue;
        }
        let mut entry = bench.evidence(arguments)?;
        entry.insert("load_average_before".to_owned(), json!(load_average.trim()));
        entry.insert("client_cpu_seconds".to_owned(), json!(server::cpu_seconds("self")? - client_before));
        entry.insert(
            "targets".to_owned(),
            measured.targets.iter().map(|(t, met)| json!({"what": t, "met": met})).collect(),
        );
        entry.insert("figures".to_owned(), measured.figures);
        let model = bench.model.file_name().map(|name| name.to_string_lossy()).unwrap_or_default();
        let key = if bench.is_default_model { (*name).to_owned() } else { format!("{name} {model}") };
        receipt.insert(key, Value::Object(entry));
        if bench.receipt {
            // After each row: a long run that is cut off has not been for nothing.
            let text = serde_json::to_string_pretty(&receipt).map_err(|e| e.to_string())? + "\n";
            fs::write(&path, bench.portable(&text)).map_err(|e| format!("{}: {e}", path.display()))?;
        }
    }
    if missed.is_empty() { Ok(()) } else { Err(format!("targets missed:\n  {}", missed.join("\n  "))) }
}

impl Bench {
    /// Parses the command line; `None` if only the list of rows is wanted.
    fn parse(suite: &Suite, arguments: &[String]) -> Result<Option<Self>, String> {
        let mut bench = Self {
            program: default_program(),
            model: PathBuf::new(),
            is_default_model: false,
            threads: std::thread::available_parallelism().map_or(1, std::num::NonZero::get),
            rounds: 3,
            ours: true,
            peer: suite.has_peer,
            options: Vec::new(),
            only: Vec::new(),
            clients: Vec::new(),
            receipt: false,
            is_quick: false,
            baseline: None,
            suite: suite.name,
        };
        let mut arguments = arguments.iter();
        while let Some(argument) = arguments.next() {
            let mut value = || arguments.next().cloned().ok_or_else(|| format!("{argument}: a value is missing"));
            let number = |text: String| text.parse::<usize>().map_err(|e| format!("{argument}: {e}"));
            match argument.as_str() {
                "--list" => return Ok(None),
                "--only" => bench.only.extend(value()?.split(',').map(str::to_owned)),
                "--clients" => {
                    bench.clients = value()?.split(',').map(|n| number(n.to_owned())).collect::<Result<_, _>>()?;
                }
                "--rounds" => bench.rounds = number(value()?)?,
                "--threads" => bench.threads = number(value()?)?,
                "--model" => bench.model = value()?.into(),
                "--trinity" => bench.program = value()?.into(),
                "--option" => bench.options.push(value()?),
                "--no-peer" => bench.peer = false,
                "--peer-only" => bench.ours = false,
                "--receipt" => bench.receipt = true,
                "--quick" => bench.is_quick = true,
                "--baseline" => bench.baseline = Some(value()?.into()),
                other => return Err(format!("{}: unknown argument {other:?}", suite.name)),
            }
        }
        if let Some(unknown) = bench.only.iter().find(|only| suite.rows.iter().all(|(name, ..)| name != only)) {
            return Err(format!("{}: no row is called {unknown:?} (--list lists them)", suite.name));
        }
        if bench.model.as_os_str().is_empty() {
            bench.model = (suite.model)()?;
            bench.is_default_model = true;
        }
        Ok(Some(bench))
    }

    fn wants(&self, name: &str) -> bool {
        self.only.is_empty() || self.only.iter().any(|only| only == name)
    }

    pub(crate) fn prompts(&self, row: u64) -> Result<Prompts, String> {
        Prompts::read(&self.program, &self.model, SEED + row)
    }

    /// Starts our server with the options that a row needs.
    pub(crate) fn trinity(&self, options: &[&str]) -> Result<Server, String> {
        let all: Vec<&str> = options.iter().copied().chain(self.options.iter().map(String::as_str)).collect();
        Server::trinity(&self.program, &self.model, self.threads, &all)
    }

    fn llama_cpp(&self, slots: usize, context: usize) -> Result<Server, String> {
        Server::llama_cpp(&self.model, PeerSettings { threads: self.threads, slots, context })
    }

    /// Returns what a result depends on, for the receipt.
    fn evidence(&self, arguments: &[String]) -> Result<Map<String, Value>, String> {
        let machine = output(Command::new(&self.program).args(["doctor", "--json"]))?;
        let machine: Value = serde_json::from_str(&machine).map_err(|e| format!("trinity doctor: {e}"))?;
        let commit = output(Command::new("git").args(["rev-parse", "HEAD"]).current_dir(root()))?;
        let date = output(Command::new("date").args(["-u", "+%Y-%m-%dT%H:%MZ"]))?;
        let hash = output(Command::new("sha256sum").arg(&self.model))?;
        let hash = hash.split(' ').next().unwrap_or_default();
        let file = self.model.file_name().map(|name| name.to_string_lossy().into_owned());
        let fields = json!({
            "command": format!("cargo xtask {} {}", self.suite, arguments.join(" ")),
            "commit": commit.trim(), "date": date.trim(), "threads": self.threads,
            "model": { "file": file, "sha256": hash }, "machine": machine,
        });
        let mut fields = fields.as_object().cloned().unwrap_or_default();
        if self.peer {
            fields.insert("peer".to_owned(), json!(server::peer_build()?));
        }
        Ok(fields)
    }

    /// Replaces the machine's folders in a text, of which a receipt says nothing.
    fn portable(&self, text: &str) -> String {
        let mut text = text.replace(&format!("{}/", root().display()), "");
        if let Ok(python) = std::env::var("PEER_PYTHON") {
            text = text.replace(&python, "$PEER_PYTHON");
        }
        let folder = self.model.parent().map(|p| format!("{}/", p.display())).unwrap_or_default();
        if folder.len() > 1 { text.replace(&folder, "") } else { text }
    }
}
