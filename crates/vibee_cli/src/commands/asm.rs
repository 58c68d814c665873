//! `vibee asm`: the text of `dis` back into bytecode.

use std::{fs, path::PathBuf};

use clap::Args;
use vibee::bytecode;

use crate::{failure::Failure, files::written_whole};

/// Arguments of `asm`.
#[derive(Args)]
pub(crate) struct AsmArgs {
    /// The text
    file: PathBuf,
    /// The bytecode
    #[arg(short, long, value_name = "FILE.vbc")]
    out: PathBuf,
}

/// Writes the bytecode, verified.
pub(crate) fn run(args: &AsmArgs) -> Result<(), Failure> {
    let shown = args.file.display();
    let text = fs::read_to_string(&args.file).map_err(|e| Failure::failed(format!("{shown}: {e}")))?;
    let code = bytecode::assemble(&text).map_err(|why| Failure::failed(format!("{shown}: {why}")))?;
    bytecode::verify(&code).map_err(|refusal| Failure::failed(format!("{shown}: {refusal}")))?;
    written_whole(&args.out, &bytecode::write(&code))
}
