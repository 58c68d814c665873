//! A file for each command.

pub(crate) mod asm;
pub(crate) mod check;
pub(crate) mod completions;
pub(crate) mod dis;
pub(crate) mod explain;
pub(crate) mod fmt;
pub(crate) mod generate;
pub(crate) mod grammar;
pub(crate) mod man;
pub(crate) mod new;
pub(crate) mod reference;
pub(crate) mod run;
pub(crate) mod runner;
pub(crate) mod test;
pub(crate) mod upgrade;

use crate::{cli::Command, failure::Failure};

/// Runs the command asked for.
pub(crate) fn run(command: Command) -> Result<(), Failure> {
    match command {
        Command::New(args) => new::run(&args),
        Command::Check(args) => check::run(&args),
        Command::Test(args) => test::run(&args),
        Command::Run(args) => run::run(&args),
        Command::Gen(args) => generate::run(&args),
        Command::Upgrade(args) => upgrade::run(&args),
        Command::Fmt(args) => fmt::run(&args),
        Command::Dis(args) => dis::run(&args),
        Command::Asm(args) => asm::run(&args),
        Command::Explain(args) => explain::run(&args),
        Command::Reference(args) => reference::run(&args),
        Command::Runner(args) => runner::run(&args),
        Command::Grammar => grammar::run(),
        Command::Completions(args) => completions::run(&args),
        Command::Man(args) => man::run(&args),
    }
}
