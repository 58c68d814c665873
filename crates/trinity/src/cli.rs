//! What can be asked of `trinity`: one enum variant per command; completions and the man page are made from it.

pub(crate) mod group;
mod help;

use std::ffi::OsString;

use clap::{Args, CommandFactory, FromArgMatches, Parser, Subcommand};

use crate::commands::{
    bench, chat, completions, convert, cp, dev, doctor, embed, eval, inspect, kg, limits, list, man, metadata, ps,
    pull, quantize, rm, run, serve, show, stop, tokenize, vsa,
};

/// Trinity: the CPU inference server for ternary and quantised language models.
#[derive(Parser)]
#[command(name = "trinity", version, max_term_width = 100, disable_help_flag = true, disable_version_flag = true)]
#[command(mut_subcommands = help::of_command)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) global: Global,
    /// Print the version
    #[arg(short = 'V', long, action = clap::ArgAction::Version, help_heading = group::GENERAL)]
    version: Option<bool>,
    #[command(subcommand)]
    pub(crate) command: Command,
}

impl Cli {
    /// What `line` asks for; help, and what is wrong with the line, are printed, and the program ends.
    pub(crate) fn read(line: Vec<OsString>) -> Self {
        let matches = help::first_page(Self::command()).get_matches_from(line);
        Self::from_arg_matches(&matches).unwrap_or_else(|error| error.exit())
    }
}

/// Options of every command.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = group::GENERAL)]
pub(crate) struct Global {
    /// Say more on standard error (speed, settings, the kind of an error)
    #[arg(short, long, global = true, action = clap::ArgAction::Count)]
    pub(crate) verbose: u8,
    /// Never touch the network
    #[arg(long, global = true, env = "TRINITY_OFFLINE", value_parser = clap::builder::BoolishValueParser::new(), num_args = 0, default_missing_value = "true", default_value = "false")]
    pub(crate) offline: bool,
    /// Print help: the short form with -h, everything with --help
    #[arg(short, long, global = true, action = clap::ArgAction::Help)]
    help: Option<bool>,
}

/// A command, by its file in `commands/`.
#[derive(Subcommand)]
pub(crate) enum Command {
    /// Complete a prompt and print the text, or talk to a model
    Run(run::RunArgs),
    /// Hold a conversation in the terminal
    Chat(chat::ChatArgs),
    /// Serve the HTTP APIs
    Serve(Box<serve::ServeCommand>),
    /// Say what a model file is, what is in it and what it needs
    Inspect(inspect::InspectArgs),
    /// Change the metadata of a model file
    Metadata(metadata::MetadataArgs),
    /// Put a model into another container, weight for weight
    Convert(convert::ConvertArgs),
    /// Put a model into fewer bits
    Quantize(quantize::QuantizeArgs),
    /// Download a model
    Pull(pull::PullArgs),
    /// Print what files, templates and requests may ask for
    Limits(limits::LimitsArgs),
    /// List the models on this machine, or with --all the whole catalogue
    List(list::ListArgs),
    /// Show what is known about a model
    Show(show::ShowArgs),
    /// Give a model on this machine one more name
    Cp(cp::CpArgs),
    /// Remove a downloaded model
    Rm(rm::RmArgs),
    /// List the models that a running server has in memory
    Ps(ps::PsArgs),
    /// Let a running server take a model out of memory
    Stop(stop::StopArgs),
    /// Measure quality: perplexity, KL divergence, multiple choice, noise
    Eval(eval::EvalArgs),
    /// Text on standard input to token ids, or back with --decode
    Tokenize(tokenize::TokenizeArgs),
    /// Lines of text on standard input to vectors
    Embed(Box<embed::EmbedArgs>),
    /// Measure speed: prompt processing and generation
    Bench(bench::BenchArgs),
    /// Say whether a model runs well here, what the machine offers, how fast it is
    Doctor(doctor::DoctorArgs),
    /// Keep facts in one file, exactly, and ask them: RDF and SPARQL
    Kg(kg::KgArgs),
    /// Hypervectors: how fast they are, how much they hold, what they learn
    Vsa(vsa::VsaArgs),
    /// For those who work on engines: random models
    Dev(dev::DevArgs),
    /// Print the completion script of a shell
    Completions(completions::CompletionsArgs),
    /// Print the man page
    Man(man::ManArgs),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arguments_are_consistent() {
        Cli::command().debug_assert();
    }
}
