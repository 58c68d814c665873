//! `vibee explain CODE`.

use clap::Args;
use vibee::codes;

use crate::{failure::Failure, terminal};

/// Arguments of `explain`.
#[derive(Args)]
pub(crate) struct ExplainArgs {
    /// The code, such as E0312
    code: String,
}

/// Prints what the code means.
pub(crate) fn run(args: &ExplainArgs) -> Result<(), Failure> {
    let row = codes::find(&args.code).ok_or_else(|| {
        let hint = "vibee reference codes lists all";
        Failure::usage(format!("there is no code {}", args.code)).with_hint(hint)
    })?;
    terminal::put(&format!("{}: {}\n\n{}\n", row.code, row.title, row.explanation))
}
