//! `trinity dev synth`: what those who work on engines need and nobody else.

use std::path::PathBuf;

use clap::{Args, Subcommand, builder::PossibleValuesParser};
use convert::{
    quantise::{Mix, Rule},
    synth::{SHAPES, Synth, architectures},
};
use quant::Format;
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
    /// Make a random model of a published shape: it says nothing, but at the right speed
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
    /// Type of its matrices: ternary or a float, which all hold the same weights, or what `quantize` has (q4_k_m)
    #[arg(long = "type", value_name = "TYPE", default_value = "tq2_0")]
    matrices: String,
    /// Type of its embeddings; f32, f16, bf16 and q8_0 hold the same weights [default: q8_0, or as `quantize` does]
    #[arg(long, value_name = "TYPE")]
    embedding_type: Option<String>,
    /// Which of all random models
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,
    /// Architecture [default: that of the shape]
    #[arg(long, value_parser = PossibleValuesParser::new(architectures()))]
    arch: Option<String>,
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
    let architecture = args.arch.as_deref().or(shape.architectures.first().copied()).unwrap_or_default();
    let model = Synth::new(shape, architecture, args.seed)?;
    let embedding = args.embedding_type.as_deref().map(conversion::format).transpose()?;
    let format = Format::from_name(&args.matrices).ok().filter(|f| f.is_ternary() || f.is_float());
    let plan = match (format, Mix::from_name(&args.matrices)) {
        (None, Some(mix)) => {
            let rule = embedding.map(|format| Rule::parse(&format!("token_embd={}", format.name()))).transpose()?;
            model.quantised(mix, rule.as_slice())?
        }
        _ => model.plan(conversion::format(&args.matrices)?, embedding.unwrap_or(Format::Q8_0))?,
    };
    let proof = args.output.write(&model, &plan, &args.destination)?;
    if args.output.json {
        let types = conversion::totals_json(&model, &plan)?;
        return terminal::put_json(&json!({"types": types, "proof": conversion::proof_json(&proof)}));
    }
    terminal::put(&(conversion::totals_text(&model, &plan)? + "\n" + &conversion::proof_text(&proof)))
}
