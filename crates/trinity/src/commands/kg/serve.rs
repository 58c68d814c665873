//! `trinity kg serve`: the graph over HTTP, without any model.

use clap::Args;
use kg_http::Graphs;

use super::Context;
use crate::{
    cli::group,
    commands::serve::{GraphLimits, LIMIT_MIB, LIMIT_SECONDS, ListenArgs, graphs_alone},
    failure::Failure,
};

/// Arguments of `kg serve`.
#[derive(Args, Clone, Debug)]
pub(super) struct ServeArgs {
    /// Serve the graph under this name [default: the file's, without its ending]
    #[arg(help_heading = group::KNOWLEDGE, long, value_name = "NAME")]
    name: Option<String>,
    #[command(flatten)]
    limits: GraphLimits,
    #[command(flatten)]
    listen: ListenArgs,
}

/// Serves the graph until it is told to stop.
pub(super) fn run(context: &Context<'_>, args: &ServeArgs) -> Result<(), Failure> {
    let stem = context.path()?.file_stem().unwrap_or_default().to_string_lossy().into_owned();
    let name = args.name.as_ref().unwrap_or(&stem);
    let seconds = context.args.limit_time.unwrap_or(LIMIT_SECONDS);
    let mib = context.args.limit_memory.unwrap_or(LIMIT_MIB);
    let mut graphs = Graphs::new(args.limits.settings(seconds, mib));
    let store = context.open()?;
    graphs.add(name, store).map_err(|error| Failure::usage(error.to_string()).with_hint("--name NAME names it"))?;
    graphs_alone(&args.listen, &args.limits, graphs)
}
