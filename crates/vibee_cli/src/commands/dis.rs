//! `vibee dis`: bytecode as text, or as a file.

use std::{fs, path::PathBuf};

use clap::Args;
use vibee::{bytecode, compile};

use crate::{
    failure::Failure,
    files::{self, written_whole},
    terminal,
};

/// Arguments of `dis`.
#[derive(Args)]
pub(crate) struct DisArgs {
    /// A specification, or bytecode (.vbc)
    file: PathBuf,
    /// Write the bytecode to this file instead of printing it
    #[arg(short, long, value_name = "FILE.vbc")]
    out: Option<PathBuf>,
}

/// Prints or writes the bytecode.
pub(crate) fn run(args: &DisArgs) -> Result<(), Failure> {
    let shown = args.file.display();
    let (code, sources) = if args.file.extension().is_some_and(|ending| ending == "vbc") {
        let bytes = fs::read(&args.file).map_err(|e| Failure::failed(format!("{shown}: {e}")))?;
        let code = bytecode::read(&bytes).map_err(|refusal| Failure::failed(format!("{shown}: {refusal}")))?;
        bytecode::verify(&code).map_err(|refusal| Failure::failed(format!("{shown}: {refusal}")))?;
        (code, None)
    } else {
        let checked = files::asked(std::slice::from_ref(&args.file))?.check().or_findings()?;
        let code = compile::compile(&checked.program);
        let code = code.map_err(|why| Failure::failed(format!("{}: {}", why.code, why.message)))?;
        (code, Some(checked.sources))
    };
    match &args.out {
        Some(out) => written_whole(out, &bytecode::write(&code)),
        None => terminal::put(&bytecode::disassemble(&code, sources.as_ref())),
    }
}
