//! `trinity dev synth`: what those who work on engines need and nobody else.

use std::path::PathBuf;

use clap::{Args, Subcommand, builder::PossibleValuesParser};
use convert::synth::{ARCHITECTURES, SHAPES, Synth};
use serde_json::json;

use super::conversion::{self, OutputArgs};
use crate::{cli::group, failure::Failure, terminal};

/// Arguments of `dev`.
#[derive(Args)]
pub(crate) struct DevArgs {
    #[command(subcommand)]
    command: DevCommand,
}

#[derive(Subcommand)]
enum DevCommand {
    /// Make a random ternary model of a published shape: it says nothing, but at the right speed
    Synth(SynthArgs),
}

#[derive(Args)]
#[command(next_help_heading = group::INPUT)]
struct SynthArgs {
    /// The new file, NAME.gguf
    #[arg(help_heading = group::OUTPUT, value_name = "OUT")]
    destination: PathBuf,
    /// Shape of the model
    #[arg(long, value_parser = PossibleValuesParser::new(SHAPES.iter().map(|s| s.name)), default_value = "tiny")]
    shape: String,
    /// Type of its matrices: ternary or a float; all hold the same weights
    #[arg(long = "type", value_name = "TYPE", default_value = "tq2_0")]
    ternary: String,
    /// Type of its embeddings; f32, f16, bf16 and q8_0 hold the same weights
    #[arg(long, value_name = "TYPE", default_value = "q8_0")]
    embedding_type: String,
    /// Which of all random models
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,
    /// Architecture
    #[arg(long, value_parser = PossibleValuesParser::new(ARCHITECTURES), default_value = ARCHITECTURES[0])]
    arch: String,
    #[command(flatten)]
    output: OutputArgs,
}

/// Runs the command that was asked for.
pub(crate) fn run(args: &DevArgs) -> Result<(), Failure> {
    match &args.command {
        DevCommand::Synth(args) => synth(args),
    }
}

fn synth(args: &SynthArgs) -> Result<(), Failure> {
    conversion::check_extension(&args.destination)?;
    let shape = SHAPES.iter().find(|shape| shape.name == args.shape);
    let shape = shape.ok_or_else(|| Failure::usage(format!("there is no shape {}", args.shape)))?;
    let model = Synth::new(shape, &args.arch, args.seed)?;
    let plan = model.plan(conversion::format(&args.ternary)?, conversion::format(&args.embedding_type)?)?;
    let proof = args.output.write(&model, &plan, &args.destination)?;
    if args.output.json {
        let types = conversion::totals_json(&model, &plan)?;
        return terminal::put_json(&json!({"types": types, "proof": conversion::proof_json(&proof)}));
    }
    terminal::put(&(conversion::totals_text(&model, &plan)? + "\n" + &conversion::proof_text(&proof)))
}
