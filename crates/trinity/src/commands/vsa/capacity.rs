//! `trinity vsa capacity`: what a bundle gives back of its members, measured beside its closed form.

use clap::Args;
use serde::Serialize;
use vsa::{
    Dim,
    experiment::{self, Plan},
    theory::{self, Kept},
};

use super::dim;
use crate::{cli::group, failure::Failure, terminal};

/// Arguments of `vsa capacity`.
#[derive(Args)]
#[command(next_help_heading = group::MEASUREMENT)]
pub(super) struct CapacityArgs {
    /// Dimensions of the vectors
    #[arg(long, value_name = "D", default_value = "1024", value_parser = dim)]
    dim: Dim,
    /// Pairs of key and item that are bundled
    #[arg(long, value_name = "N", default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    members: u32,
    /// Items among which the right one is searched
    #[arg(long, value_name = "N", default_value_t = 1_000, value_parser = clap::value_parser!(u32).range(1..))]
    items: u32,
    /// Bundles, each with one search
    #[arg(long, value_name = "N", default_value_t = 1_000, value_parser = clap::value_parser!(u64).range(1..))]
    trials: u64,
    /// Seed of everything that is drawn
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,
    /// As JSON
    #[arg(help_heading = group::OUTPUT, long)]
    json: bool,
}

/// Accuracy for which the needed dimensions are told.
const WANTED: f64 = 0.99;

#[derive(Serialize)]
struct Report {
    dim: u32,
    members: u32,
    items: u32,
    trials: u64,
    rows: Vec<Row>,
}

#[derive(Serialize)]
struct Row {
    kept: &'static str,
    predicted: f64,
    measured: f64,
    within_99_9_percent: bool,
    /// Dimensions with which 99 % would be found, if any number has them.
    dims_for_99_percent: Option<u32>,
}

/// Measures, and prints the table.
pub(super) fn run(args: &CapacityArgs) -> Result<(), Failure> {
    let plan = Plan { dim: args.dim, items: args.items, trials: args.trials, seed: args.seed };
    let measured = |kept| {
        experiment::from_bundle(plan, args.members, kept).map(|found| Row {
            kept: name(kept),
            predicted: found.predicted,
            measured: found.share(),
            within_99_9_percent: found.agrees(),
            dims_for_99_percent: theory::dims_for(args.items.into(), args.members.into(), WANTED, kept)
                .map(Dim::to_u32),
        })
    };
    let rows = Kept::ALL.into_iter().map(measured).collect::<Result<_, _>>()?;
    let (dim, members) = (args.dim.to_u32(), args.members);
    let report = Report { dim, members, items: args.items, trials: args.trials, rows };
    if args.json {
        return terminal::put_json(&report);
    }
    let mut text = format!(
        "Share of {} searches that find the right one of {} items in a bundle of {members} pairs, {dim} positions\n\n\
         kept as   predicted   measured   dimensions for 99 %\n",
        report.trials, report.items
    );
    for row in &report.rows {
        let dims = row.dims_for_99_percent.map_or_else(|| "none has it".to_owned(), |dims| dims.to_string());
        let note = if row.within_99_9_percent { "" } else { "   outside the interval of 99.9 %" };
        text += &format!("{:<7}   {:>9.3}   {:>8.3}   {dims:>19}{note}\n", row.kept, row.predicted, row.measured);
    }
    terminal::put(&text)
}

fn name(kept: Kept) -> &'static str {
    match kept {
        Kept::Sums => "sums",
        Kept::Trits => "trits",
        Kept::Signs => "signs",
    }
}
