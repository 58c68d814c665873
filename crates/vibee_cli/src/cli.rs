//! What can be asked of `vibee`: one enum variant per command; completions and the man pages are made from it.

use clap::{Parser, Subcommand};

use crate::commands::{
    asm, check, completions, dis, explain, fmt, generate, man, new, reference, run, runner, test, upgrade,
};

/// VIBEE: specifications that run, and hold code in any language to what they say.
#[derive(Parser)]
#[command(name = "vibee", version, max_term_width = 100, disable_help_subcommand = true, arg_required_else_help = true)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// A command, by its file in `commands/`.
#[derive(Subcommand)]
pub(crate) enum Command {
    /// Write a first specification, with examples, to start from
    New(new::NewArgs),
    /// Say what is wrong with specifications, and what of them can be executed
    Check(check::CheckArgs),
    /// Run examples and properties: on the specification itself, or on an implementation in any language
    Test(test::TestArgs),
    /// Call one function and print what it gives
    Run(run::RunArgs),
    /// Write code with its tests in other languages
    Gen(generate::GenArgs),
    /// Put files into canonical layout; --fix applies repairs that messages offer
    Fmt(fmt::FmtArgs),
    /// Turn an old file into one of version 3
    Upgrade(upgrade::UpgradeArgs),
    /// Print a specification's bytecode, or write it as .vbc
    Dis(dis::DisArgs),
    /// Turn the text of `dis` into .vbc
    Asm(asm::AsmArgs),
    /// Say what a code such as E0312 means, and what to do
    Explain(explain::ExplainArgs),
    /// Print the reference of the language: keys, types, operations, limits, codes
    Reference(reference::ReferenceArgs),
    /// Print the helper that makes a program of yours answer `test --impl`
    Runner(runner::RunnerArgs),
    /// Print the TextMate grammar that editors colour specifications by
    Grammar,
    /// Print completions for a shell
    Completions(completions::CompletionsArgs),
    /// Print the manual pages
    Man(man::ManArgs),
}
