//! `trinity cp MODEL NAME`.

use clap::Args;
use hub::Hub;

use crate::{
    cli::{Global, group},
    failure::Failure,
    terminal::{self, escape},
};

/// Arguments of `cp`.
#[derive(Args)]
#[command(next_help_heading = group::MODELS)]
pub(crate) struct CpArgs {
    /// A model on this machine, by name, or a file by its path
    #[arg(value_name = "MODEL")]
    from: String,
    /// The name that it gets beside its own, as NAME or FAMILY:SIZE
    #[arg(value_name = "NAME")]
    to: String,
}

/// A pulled model takes no more room under two names; a file from elsewhere is copied.
pub(crate) fn run(args: &CpArgs, global: &Global) -> Result<(), Failure> {
    let spinner = terminal::spinner("copying");
    let copied = Hub::from_environment(global.offline)?.copy(&args.from, &args.to);
    spinner.finish_and_clear();
    copied?;
    let (from, to) = (escape(&args.from), escape(&args.to.to_ascii_lowercase()));
    terminal::say(&format!("{from} is {to}, too\nnext: trinity run {to}\n"));
    Ok(())
}
