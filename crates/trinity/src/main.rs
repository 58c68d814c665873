//! The `trinity` command: arguments and terminal only. `cli` says what can be asked, `commands` has a file for each
//! command, `failure` turns errors into one line and an exit code.

mod cli;
mod commands;
mod failure;
mod terminal;

use std::process::ExitCode;

fn main() -> ExitCode {
    let line = match commands::foreign_flags::translated(std::env::args_os()) {
        Ok(line) => line,
        Err(failure) => return failure.report(false),
    };
    let cli = cli::Cli::read(line);
    match commands::run(&cli) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => failure.report(cli.global.verbose > 0),
    }
}
