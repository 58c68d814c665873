//! `vibee upgrade`: an old file as one of version 3.

use std::path::PathBuf;

use clap::Args;
use vibee::{source::Sources, upgrade};

use crate::{
    failure::Failure,
    files::{self, written_whole},
    report::place,
    terminal,
};

/// Arguments of `upgrade`.
#[derive(Args)]
pub(crate) struct UpgradeArgs {
    /// The old file, which stays as it is
    file: PathBuf,
    /// Write the new file here instead of printing it
    #[arg(short, long, value_name = "FILE.vibee")]
    out: Option<PathBuf>,
}

/// Prints or writes the new file, and says what is not in it.
pub(crate) fn run(args: &UpgradeArgs) -> Result<(), Failure> {
    let checked = files::asked(std::slice::from_ref(&args.file))?.check().or_findings()?;
    let Some(document) = checked.old.first() else {
        return Err(Failure::usage(format!("{} is of version 3", args.file.display())));
    };
    let upgraded = match upgrade::upgrade(&checked.sources, document) {
        Ok(upgraded) => upgraded,
        Err(refusal) => return Err(checked.refused(*refusal)),
    };
    if args.out.as_ref().is_some_and(|out| out.exists()) {
        let out = args.out.as_deref().unwrap_or(&args.file).display();
        return Err(Failure::failed(format!("{out} exists, and stays")));
    }
    match &args.out {
        Some(out) => written_whole(out, upgraded.text.as_bytes())?,
        None => terminal::put(&upgraded.text)?,
    }
    let sources: &Sources = &checked.sources;
    for omission in &upgraded.omissions {
        terminal::say(&format!("{}: {}\n", place(sources, omission.span), omission.what));
    }
    terminal::say(&format!("{} places are not as they were\n", upgraded.omissions.len()));
    Ok(())
}
