//! `trinity inspect FILE`: what a model file is, what is in it, what it will need, who made it.

mod facts;

use clap::Args;
use serde_json::json;

use crate::{
    cli::Global,
    commands::model_args,
    failure::{Failure, Kind},
    terminal,
};
use facts::Facts;

/// Arguments of `inspect`.
#[derive(Args)]
pub(crate) struct InspectArgs {
    /// The file, or the name of a model on this machine
    #[arg(value_name = "FILE")]
    model: String,
    /// Read every weight and report the first that is not finite
    #[arg(long)]
    deep: bool,
    /// List all tensors
    #[arg(long)]
    tensors: bool,
    /// List all metadata
    #[arg(long)]
    metadata: bool,
    /// Context length to compute the memory for; the model's own by default
    #[arg(short, long, value_name = "TOKENS")]
    context: Option<usize>,
    /// As JSON
    #[arg(long)]
    json: bool,
}

/// Opens, checks, describes.
pub(crate) fn run(args: &InspectArgs, global: &Global) -> Result<(), Failure> {
    let container = model_args::open(Some(&args.model), global)?;
    let facts = Facts::of(&container, args.context);
    if args.deep {
        let bar = terminal::progress("reading weights", container.file_bytes(), true);
        let found = model::scan_weights(&container, &mut |n_bytes| bar.set_position(n_bytes))?;
        bar.finish_and_clear();
        if let Some(bad) = found {
            return Err(Failure::new(Kind::Failure, format!("{}: {bad}", container.name())));
        }
    }
    if args.json {
        let mut object = facts.to_json();
        if args.tensors {
            object["tensors"] = container.tensors().iter().map(facts::tensor_json).collect();
        }
        if args.metadata {
            object["metadata"] =
                container.metadata().iter().map(|(k, v)| json!({"key": k, "value": facts::value_json(v)})).collect();
        }
        if args.deep {
            object["weights_finite"] = json!(true);
        }
        return terminal::put_json(&object);
    }
    let mut text = facts.to_text();
    if args.deep {
        text += "  all weights are finite\n";
    }
    if args.metadata {
        text += "\nmetadata\n";
        for (key, value) in container.metadata().iter() {
            text += &format!("  {key} = {}\n", terminal::escape(&facts::value_text(value)));
        }
    }
    if args.tensors {
        text += "\ntensors\n";
        for tensor in container.tensors() {
            text += &format!("  {:<40} {:<8} {:?}\n", terminal::escape(&tensor.name), tensor.type_name(), tensor.dims);
        }
    }
    terminal::put(&text)
}
