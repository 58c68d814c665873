//! `trinity vsa show`: what a file of vectors holds.

use std::{fs, path::PathBuf};

use clap::Args;
use serde::Serialize;
use vsa::hv::{Collection, Rows};

use crate::{cli::group, failure::Failure, terminal};

/// Arguments of `vsa show`.
#[derive(Args)]
#[command(next_help_heading = group::INPUT)]
pub(super) struct ShowArgs {
    /// A file of vectors, NAME.hv
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// As JSON
    #[arg(help_heading = group::OUTPUT, long)]
    json: bool,
}

/// Names that are printed on a screen.
const NAMES: usize = 10;

#[derive(Serialize)]
struct Report {
    kind: &'static str,
    dim: u32,
    rows: usize,
    bytes: usize,
    seed: Option<u64>,
    names: Vec<String>,
}

/// Reads the file whole, checks it, and prints what it is.
pub(super) fn run(args: &ShowArgs) -> Result<(), Failure> {
    let shown = args.file.display();
    let bytes = fs::read(&args.file).map_err(|why| Failure::usage(format!("{shown}: {why}")))?;
    let collection = Collection::from_bytes(&bytes).map_err(|why| Failure::usage(format!("{shown}: {why}")))?;
    let kind = match &collection.rows {
        Rows::Bipolar(_) => "bipolar",
        Rows::Ternary(_) => "ternary",
        Rows::Sums(_) => "sums",
    };
    let report = Report {
        kind,
        dim: collection.dim.to_u32(),
        rows: collection.rows.len(),
        bytes: bytes.len(),
        seed: collection.space.map(|(seed, _)| seed.0),
        names: collection.names,
    };
    if args.json {
        return terminal::put_json(&report);
    }
    let seed = report.seed.map_or_else(String::new, |seed| format!(", seed {seed}"));
    let size = terminal::bytes_text(report.bytes as u64);
    let mut text = format!("{} {kind} vectors of {} dimensions, {size}{seed}\n", report.rows, report.dim);
    for name in report.names.iter().take(NAMES) {
        text += &format!("  {}\n", terminal::escape(name));
    }
    if report.names.len() > NAMES {
        text += &format!("  and {} more\n", report.names.len() - NAMES);
    }
    terminal::put(&text)
}
