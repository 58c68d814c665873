//! `vibee runner LANGUAGE`: the helpers for implementations, which the program carries.

use clap::{Args, ValueEnum};

use crate::{failure::Failure, terminal};

/// Arguments of `runner`.
#[derive(Args)]
pub(crate) struct RunnerArgs {
    /// The language
    #[arg(value_enum)]
    language: Language,
}

#[derive(Clone, Copy, ValueEnum)]
enum Language {
    /// vibee_runner.py, Python 3.8 and later
    Python,
    /// vibee_runner.ts, for Node.js
    Typescript,
    /// vibee_runner.rs, with the crate serde_json
    Rust,
    /// vibee_runner.h, C11
    C,
}

/// Prints the file.
pub(crate) fn run(args: &RunnerArgs) -> Result<(), Failure> {
    terminal::put(match args.language {
        Language::Python => include_str!("../../runners/vibee_runner.py"),
        Language::Typescript => include_str!("../../runners/vibee_runner.ts"),
        Language::Rust => include_str!("../../runners/vibee_runner.rs"),
        Language::C => include_str!("../../runners/vibee_runner.h"),
    })
}
