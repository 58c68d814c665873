//! `trinity convert SRC DST`: a model from one container into another, without loss unless asked.

use std::path::{Path, PathBuf};

use clap::Args;
use convert::{Freedom, GgufSource, Plan, Source};
use quant::Format;
use serde_json::json;

use super::conversion::{self, OutputArgs};
use crate::{failure::Failure, terminal};

/// Arguments of `convert`.
#[derive(Args)]
pub(crate) struct ConvertArgs {
    /// A GGUF file, or the first part of a split one
    #[arg(value_name = "SRC")]
    source: PathBuf,
    /// The new file, NAME.gguf
    #[arg(value_name = "DST")]
    destination: PathBuf,
    /// Type for ternary matrices (tq1_0, tq2_0, q2_0, f16, bf16, f32); in a model without any, a float is for all matrices
    /// [default: every tensor keeps its own]
    #[arg(long, value_name = "TYPE", verbatim_doc_comment)]
    to: Option<String>,
    /// Let weights change where the type cannot hold them exactly
    #[arg(long, requires = "to")]
    lossy: bool,
    #[command(flatten)]
    output: OutputArgs,
}

/// Plans, writes, proves.
pub(crate) fn run(args: &ConvertArgs) -> Result<(), Failure> {
    conversion::check_extension(&args.destination)?;
    let to = args.to.as_deref().map(target).transpose()?;
    let source = open(&args.source)?;
    let freedom = if args.lossy { Freedom::Nearest } else { Freedom::Exact };
    let plan = match to {
        Some(format) => convert::retyped(&*source, format, freedom, args.output.n_threads())?,
        None => Plan::keep(&*source)?,
    };
    let proof = args.output.write(&*source, &plan, &args.destination)?;
    if args.output.json {
        let types = conversion::totals_json(&*source, &plan)?;
        return terminal::put_json(
            &json!({"types": types, "proof": conversion::proof_json(&args.destination, &proof)}),
        );
    }
    terminal::put(
        &(conversion::totals_text(&*source, &plan)? + "\n" + &conversion::proof_text(&args.destination, &proof)),
    )
}

/// Whatever kind of model lies at `path`.
pub(super) fn open(path: &Path) -> Result<Box<dyn Source>, Failure> {
    Ok(Box::new(GgufSource::open(path)?))
}

/// A type that can hold ternary weights as they are.
fn target(name: &str) -> Result<Format, Failure> {
    let format = conversion::format(name)?;
    if !format.is_float() && !convert::is_ternary(format) {
        let what = format!("{} is neither ternary nor a float", format.name());
        return Err(Failure::usage(what).with_hint("trinity quantize makes such files"));
    }
    Ok(format)
}
