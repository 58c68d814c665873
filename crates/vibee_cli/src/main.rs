//! The `vibee` command: files, terminal and processes around the crate `vibee`. `cli` says what can be asked,
//! `commands` has a file for each command, `failure` turns errors into one line and an exit code.

mod cli;
mod commands;
mod engine;
mod failure;
mod files;
mod implementation;
mod report;
mod session;
mod terminal;

use std::process::ExitCode;

use clap::Parser;

fn main() -> ExitCode {
    match commands::run(cli::Cli::parse().command) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => failure.report(),
    }
}
