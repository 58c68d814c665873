//! `trinity rm MODEL`.

use clap::Args;
use hub::Hub;

use crate::{
    cli::{Global, group},
    failure::Failure,
    terminal,
};

/// Arguments of `rm`.
#[derive(Args)]
#[command(next_help_heading = group::MODELS)]
pub(crate) struct RmArgs {
    /// A model that was pulled, by name
    #[arg(value_name = "MODEL")]
    model: String,
}

/// Removes its file, and what an unfinished pull left; files that this program did not download are none of its
/// business.
pub(crate) fn run(args: &RmArgs, global: &Global) -> Result<(), Failure> {
    let freed = Hub::from_environment(global.offline)?.remove(&args.model)?;
    terminal::say(&format!("{} removed, {} freed\n", terminal::escape(&args.model), terminal::bytes_text(freed)));
    Ok(())
}
