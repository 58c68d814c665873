//! `vibee run`: one call, and what it gives.

use std::path::PathBuf;

use clap::Args;
use vibee::{json, run::Answer, show};

use crate::{
    engine::{self, EngineName},
    failure::Failure,
    files::{self, Call},
    terminal,
};

/// Arguments of `run`.
#[derive(Args)]
pub(crate) struct RunArgs {
    /// The specification
    file: PathBuf,
    /// The function or behaviour
    function: String,
    /// Its arguments, as the language writes them: 5, "text", [1, 2], Price(cents = 5)
    #[arg(allow_hyphen_values = true)]
    args: Vec<String>,
    /// What runs it
    #[arg(long, value_enum, default_value_t)]
    engine: EngineName,
    /// Print the value as JSON
    #[arg(long)]
    json: bool,
}

/// Prints the value; a fault is an error.
pub(crate) fn run(args: &RunArgs) -> Result<(), Failure> {
    let call = Call { function: &args.function, args: &args.args };
    let (checked, function) = files::asked(std::slice::from_ref(&args.file))?.check_call(&call)?;
    let program = &checked.program;
    let ty = &program.function(function).returns;
    match engine::with(args.engine, program, |engine| engine.call(function, &[]))? {
        Answer::Value(value) if args.json => {
            let json = json::to_json(program, ty, &value).map_err(|e| Failure::failed(e.to_string()))?;
            terminal::put(&format!("{json}\n"))
        }
        Answer::Value(value) => terminal::put(&format!("{}\n", show::show(program, ty, &value))),
        Answer::Fault(fault) => Err(Failure::failed(format!("fault({})", fault.name()))),
        other => Err(Failure::failed(format!("{other:?}"))),
    }
}
