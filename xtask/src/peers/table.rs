//! `benches/peers/table.json`: what is to be measured.

use std::collections::BTreeMap;

use serde::Deserialize;

/// The table: all rows.
#[derive(Deserialize)]
pub(super) struct Table {
    pub(super) rows: Vec<Row>,
}

/// A row of the table: the same work for several engines.
#[derive(Deserialize, Clone)]
#[serde(deny_unknown_fields)]
pub(super) struct Row {
    pub(super) name: String,
    /// File for all engines, instead of `runs`.
    #[serde(default)]
    everywhere: Option<String>,
    #[serde(default)]
    runs: Vec<Run>,
    /// Lengths of the prompts, in tokens.
    #[serde(default = "prompts")]
    pub(super) prompts: Vec<usize>,
    /// Number of tokens that are cached before generation.
    #[serde(default)]
    pub(super) depth: usize,
    /// Name of the type of keys and values.
    #[serde(default = "f16")]
    pub(super) kv: String,
    /// Whether the whole process is measured, from its start through one token, and that token once more, to its end:
    /// `loads` per second.
    #[serde(default)]
    pub(super) load: bool,
    /// Whether a busy loop runs on each core meanwhile.
    #[serde(default)]
    pub(super) busy: bool,
    /// Number of texts that an encoder is given at once, as long as `prompts` say; 0 for models that generate.
    #[serde(default)]
    pub(super) texts: usize,
    /// Ratios to the best peer that we want at least, by the beginning of the test's name.
    #[serde(default)]
    pub(super) bars: BTreeMap<String, f64>,
}

/// A run of a row: one engine with one setting.
#[derive(Deserialize, Clone, PartialEq, Debug)]
#[serde(deny_unknown_fields)]
pub(super) struct Run {
    pub(super) engine: String,
    pub(super) file: String,
    #[serde(default)]
    pub(super) args: Vec<String>,
    #[serde(default = "threads")]
    pub(super) threads: usize,
}

fn prompts() -> Vec<usize> {
    vec![128, 512]
}

fn f16() -> String {
    "f16".to_owned()
}

fn threads() -> usize {
    2
}

/// Engines, with their options, of a row that names one file for all.
const EVERYWHERE: [(&str, &[&str]); 4] =
    [("trinity", &[]), ("llama.cpp", &[]), ("ik_llama.cpp", &[]), ("ik_llama.cpp", &["-rtr", "1"])];

impl Row {
    /// Returns engines and settings, in the order in which they alternate.
    pub(super) fn runs(&self) -> Vec<Run> {
        let everywhere = self.everywhere.iter().flat_map(|file| {
            EVERYWHERE.iter().map(|(engine, args)| Run {
                engine: (*engine).to_owned(),
                file: file.clone(),
                args: args.iter().map(|a| (*a).to_owned()).collect(),
                threads: threads(),
            })
        });
        everywhere.chain(self.runs.iter().cloned()).collect()
    }
}

impl Run {
    /// Returns engine, file and setting in words.
    pub(super) fn label(&self) -> String {
        let threads = if self.threads == threads() { String::new() } else { format!(" -t {}", self.threads) };
        let args: String = self.args.iter().map(|a| format!(" {a}")).collect();
        format!("{} {}{args}{threads}", self.engine, self.file)
    }
}
