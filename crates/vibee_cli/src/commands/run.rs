//! `vibee run`: one call, and what it gives.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use vibee::{
    eval::Evaluator,
    json,
    limits::Limits,
    run::{self, Answer},
    show,
};

use crate::{
    engine::{self, EngineName},
    failure::Failure,
    files::{self, Call},
    report, terminal,
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

/// What was asked, wherever the options stand.
struct Asked {
    values: Vec<String>,
    is_json: bool,
    engine: EngineName,
}

impl Asked {
    /// Takes the options from among the arguments: a value may begin with `-`, so to clap what stands behind the first
    /// is values all.
    fn new(args: &RunArgs) -> Result<Self, Failure> {
        let mut asked = Self { values: Vec::new(), is_json: args.json, engine: args.engine };
        let mut rest = args.args.iter();
        while let Some(arg) = rest.next() {
            let (name, value) = arg.split_once('=').map_or((arg.as_str(), None), |(name, value)| (name, Some(value)));
            match name {
                "--json" if value.is_none() => asked.is_json = true,
                "--engine" => {
                    let engine = value.or_else(|| rest.next().map(String::as_str)).unwrap_or_default();
                    asked.engine = EngineName::from_str(engine, false)
                        .map_err(|_| Failure::usage(format!("--engine {engine:?}: expected vm or tree")))?;
                }
                _ if name
                    .strip_prefix("--")
                    .is_some_and(|name| name.starts_with(|c: char| c.is_ascii_alphabetic())) =>
                {
                    let hint = "options are --json and --engine NAME";
                    return Err(Failure::usage(format!("{arg}: no option of vibee run")).with_hint(hint));
                }
                _ => asked.values.push(arg.clone()),
            }
        }
        Ok(asked)
    }
}

/// Prints the value; a fault is an error.
pub(crate) fn run(args: &RunArgs) -> Result<(), Failure> {
    let asked = Asked::new(args)?;
    let call = Call { function: &args.function, args: &asked.values };
    let (checked, function) = files::asked(std::slice::from_ref(&args.file))?.check_call(&call)?;
    let program = &checked.program;
    let ty = &program.function(function).returns;
    match engine::with(asked.engine, program, |engine| engine.call(function, &[]))? {
        Answer::Value(value) if asked.is_json => {
            let json = json::to_json(program, ty, &value).map_err(|e| Failure::failed(e.to_string()))?;
            terminal::put(&format!("{json}\n"))
        }
        Answer::Value(value) => terminal::put(&format!("{}\n", show::show(program, ty, &value))),
        Answer::Fault(fault) => {
            let mut definition = Evaluator::new(program, Limits::default());
            Err(Failure::failed(match run::origin(program, &mut definition, function, &[], fault) {
                Some(origin) => report::fault_line(&checked.sources, &origin),
                None => format!("fault({})", fault.name()),
            }))
        }
        other => Err(Failure::failed(format!("{other:?}"))),
    }
}
