//! `trinity vsa`: hypervectors, measured and tried: how fast, how much they hold, what noise costs, what they learn.

mod bench;
mod capacity;
mod classify;
mod noise;
mod optimise;
mod show;

use clap::{Args, Subcommand};
use vsa::Dim;

use super::machine;
use crate::{cli::Global, failure::Failure};

/// Arguments of `vsa`.
#[derive(Args)]
pub(crate) struct VsaArgs {
    #[command(subcommand)]
    command: VsaCommand,
}

#[derive(Subcommand)]
enum VsaCommand {
    /// Measure how fast vectors are bound, added, compared and found
    Bench(bench::BenchArgs),
    /// Recall of items whose positions were flipped, beside what theory says
    Noise(noise::NoiseArgs),
    /// Recall of items that were bundled, beside what theory says
    Capacity(capacity::CapacityArgs),
    /// Learn classes from a table, and say how well others are told apart
    Classify(classify::ClassifyArgs),
    /// Compare four searches for a hidden vector of trits, which may ask for scores alone
    Optimise(optimise::OptimiseArgs),
    /// Say what a file of vectors holds, and whether it is whole
    Show(show::ShowArgs),
}

/// Runs the command that was asked for.
pub(crate) fn run(args: &VsaArgs, global: &Global) -> Result<(), Failure> {
    machine::choose_bits()?;
    match &args.command {
        VsaCommand::Bench(args) => bench::run(args, global),
        VsaCommand::Noise(args) => noise::run(args),
        VsaCommand::Capacity(args) => capacity::run(args),
        VsaCommand::Classify(args) => classify::run(args),
        VsaCommand::Optimise(args) => optimise::run(args),
        VsaCommand::Show(args) => show::run(args),
    }
}

/// A number of dimensions, as an argument.
fn dim(text: &str) -> Result<Dim, String> {
    let number: u32 = text.replace('_', "").parse().map_err(|_| format!("{text} is no number of dimensions"))?;
    Dim::new(number).map_err(|why| why.to_string())
}
