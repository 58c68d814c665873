//! `trinity stop MODEL`: a running server takes a model out of memory. It goes on serving, and loads it again when it
//! is asked for.

use clap::Args;
use serde_json::json;

use super::{ps, server_args::ServerArgs};
use crate::{
    cli::{Global, group},
    failure::Failure,
    terminal::{self, escape},
};

/// Arguments of `stop`.
#[derive(Args)]
#[command(next_help_heading = group::MODELS)]
pub(crate) struct StopArgs {
    /// The model to unload, by its name on the server (trinity ps)
    #[arg(value_name = "MODEL")]
    model: String,
    #[command(flatten)]
    server: ServerArgs,
}

/// Asks as clients of Ollama do, then looks whether it is gone.
pub(crate) fn run(args: &StopArgs, global: &Global) -> Result<(), Failure> {
    let name = escape(&args.model);
    let before = ps::in_memory(&args.server, global)?.len();
    args.server.post("/api/generate", &json!({"model": args.model, "keep_alive": 0, "stream": false}), global)?;
    let after = ps::in_memory(&args.server, global)?;
    let is_there = after.iter().any(|model| model["name"] == args.model);
    terminal::say(&match (before, is_there) {
        (0, _) => format!("{name} was not in memory\n"),
        (_, true) => format!("{name} is in use: it goes when the last request is over\n"),
        (_, false) => format!("{name} is no longer in memory\n"),
    });
    Ok(())
}
