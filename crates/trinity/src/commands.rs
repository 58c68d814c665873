//! One file per command; what several share: `opened` reads a file, `context_plan` says how much of it there is
//! memory for, `model_args` and `sampling_args` hold the flags.

mod adapter_args;
pub(crate) mod bench;
pub(crate) mod chat;
pub(crate) mod completions;
mod context_plan;
mod conversion;
pub(crate) mod convert;
pub(crate) mod cp;
pub(crate) mod dev;
mod digest;
pub(crate) mod doctor;
pub(crate) mod embed;
pub(crate) mod eval;
pub(crate) mod foreign_flags;
mod i2s_order;
pub(crate) mod inspect;
pub(crate) mod kg;
pub(crate) mod limits;
pub(crate) mod list;
mod loaded;
mod machine;
pub(crate) mod man;
pub(crate) mod metadata;
mod model_args;
mod opened;
mod pooling_name;
mod present;
pub(crate) mod ps;
pub(crate) mod pull;
pub(crate) mod quantize;
mod receipt;
mod report;
pub(crate) mod rm;
pub(crate) mod run;
mod sampling_args;
pub(crate) mod serve;
mod server_args;
pub(crate) mod show;
pub(crate) mod stop;
mod storage_args;
mod template_args;
mod think;
pub(crate) mod tokenize;
pub(crate) mod vsa;
mod whole_file;

use crate::{
    cli::{Cli, Command},
    failure::Failure,
};

/// Runs the command that was asked for.
pub(crate) fn run(cli: &Cli) -> Result<(), Failure> {
    let global = &cli.global;
    match &cli.command {
        Command::Run(args) => run::run(args, global),
        Command::Chat(args) => chat::run(args, global),
        Command::Inspect(args) => inspect::run(args, global),
        Command::Metadata(args) => metadata::run(args, global),
        Command::Convert(args) => convert::run(args, global),
        Command::Quantize(args) => quantize::run(args, global),
        Command::Pull(args) => pull::run(args, global),
        Command::Serve(args) => serve::run(args, global),
        Command::Limits(args) => limits::run(args),
        Command::List(args) => list::run(args, global),
        Command::Show(args) => show::run(args, global),
        Command::Cp(args) => cp::run(args, global),
        Command::Rm(args) => rm::run(args, global),
        Command::Ps(args) => ps::run(args, global),
        Command::Stop(args) => stop::run(args, global),
        Command::Eval(args) => eval::run(args, global),
        Command::Tokenize(args) => tokenize::run(args, global),
        Command::Embed(args) => embed::run(args, global),
        Command::Doctor(args) => doctor::run(args, global),
        Command::Bench(args) => bench::run(args, global),
        Command::Kg(args) => kg::run(args),
        Command::Vsa(args) => vsa::run(args, global),
        Command::Dev(args) => dev::run(args),
        Command::Completions(args) => completions::run(args),
        Command::Man(args) => man::run(args),
    }
}
