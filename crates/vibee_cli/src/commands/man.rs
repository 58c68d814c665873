//! `vibee man`: the manual pages of the program and of its commands.

use clap::{Args, CommandFactory};

use crate::{cli::Cli, failure::Failure, terminal};

/// Arguments of `man`.
#[derive(Args)]
pub(crate) struct ManArgs {}

/// Prints the page of the program, then those of its commands, in roff.
pub(crate) fn run(_args: &ManArgs) -> Result<(), Failure> {
    let mut page = Vec::new();
    let command = Cli::command();
    clap_mangen::Man::new(command.clone()).render(&mut page)?;
    for subcommand in command.get_subcommands() {
        // clap wants names that live as long as the program, which is over after this.
        let name: &'static str = format!("vibee-{}", subcommand.get_name()).leak();
        clap_mangen::Man::new(subcommand.clone().name(name)).render(&mut page)?;
    }
    terminal::put_bytes(&page)
}
