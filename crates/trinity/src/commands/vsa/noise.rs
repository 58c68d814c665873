//! `trinity vsa noise`: cleanup of noisy items, measured beside its closed form.

use clap::Args;
use serde::Serialize;
use vsa::{
    Dim,
    experiment::{self, Plan},
};

use super::dim;
use crate::{cli::group, failure::Failure, terminal};

/// Arguments of `vsa noise`.
#[derive(Args)]
#[command(next_help_heading = group::MEASUREMENT)]
pub(super) struct NoiseArgs {
    /// Dimensions of the vectors
    #[arg(long, value_name = "D", default_value = "128", value_parser = dim)]
    dim: Dim,
    /// Items among which the right one is searched
    #[arg(long, value_name = "N", default_value_t = 10_000, value_parser = clap::value_parser!(u32).range(1..))]
    items: u32,
    /// Searches for each share of noise
    #[arg(long, value_name = "N", default_value_t = 2_000, value_parser = clap::value_parser!(u64).range(1..))]
    trials: u64,
    /// Trits that change to others, instead of signs that flip
    #[arg(long)]
    trits: bool,
    /// Seed of everything that is drawn
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,
    /// As JSON
    #[arg(help_heading = group::OUTPUT, long)]
    json: bool,
}

/// Shares of positions that change.
const SHARES: [f64; 7] = [0.05, 0.1, 0.2, 0.3, 0.35, 0.4, 0.45];

#[derive(Serialize)]
struct Report {
    dim: u32,
    items: u32,
    trials: u64,
    element: &'static str,
    rows: Vec<Row>,
}

#[derive(Serialize)]
struct Row {
    changed: f64,
    predicted: f64,
    measured: f64,
    within_99_9_percent: bool,
}

/// Measures, and prints the table.
pub(super) fn run(args: &NoiseArgs) -> Result<(), Failure> {
    let plan = Plan { dim: args.dim, items: args.items, trials: args.trials, seed: args.seed };
    let measured = |changed| {
        let found =
            if args.trits { experiment::after_changes(plan, changed) } else { experiment::after_flips(plan, changed) };
        found.map(|found| Row {
            changed,
            predicted: found.predicted,
            measured: found.share(),
            within_99_9_percent: found.agrees(),
        })
    };
    let element = if args.trits { "ternary" } else { "bipolar" };
    let rows = SHARES.into_iter().map(measured).collect::<Result<_, _>>()?;
    let report = Report { dim: args.dim.to_u32(), items: args.items, trials: args.trials, element, rows };
    if args.json {
        return terminal::put_json(&report);
    }
    let mut text = format!(
        "Share of {} searches that find the right one of {} items of {} {element} positions\n\n\
         changed   predicted   measured\n",
        report.trials, report.items, report.dim
    );
    for row in &report.rows {
        let note = if row.within_99_9_percent { "" } else { "   outside the interval of 99.9 %" };
        text += &format!("{:>6} %   {:>9.3}   {:>8.3}{note}\n", row.changed * 100.0, row.predicted, row.measured);
    }
    terminal::put(&text)
}
