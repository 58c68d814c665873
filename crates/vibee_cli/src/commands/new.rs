//! `vibee new NAME`: a first specification to start from.

use std::{fs, io::Write, path::PathBuf};

use clap::Args;
use vibee::{limits::NAME_BYTES_MAX, syntax};

use crate::{
    failure::{Failure, about},
    terminal,
};

/// Arguments of `new`.
#[derive(Args)]
pub(crate) struct NewArgs {
    /// The module's name: small letters, digits and _; NAME.vibee is written here
    name: String,
}

/// What a new specification holds. `{name}` stands for its name.
const FIRST: &str = include_str!("new.vibee");

/// Writes the file, unless there is one.
pub(crate) fn run(args: &NewArgs) -> Result<(), Failure> {
    let is_word = syntax::is_keyword(&args.name) || args.name == "std";
    let is_name = !is_word
        && args.name.len() <= NAME_BYTES_MAX
        && args.name.starts_with(|c: char| c.is_ascii_lowercase())
        && args.name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_');
    if !is_name {
        return Err(Failure::usage(format!(
            "{:?} is no name of a module: at most {NAME_BYTES_MAX} small letters, digits and _, and no word of the language",
            args.name
        )));
    }
    let path = PathBuf::from(format!("{}.vibee", args.name));
    if path.exists() {
        return Err(Failure::failed(format!("{} exists, and stays", path.display())));
    }
    let mut file = fs::File::create_new(&path).map_err(about(&path))?;
    file.write_all(FIRST.replace("{name}", &args.name).as_bytes()).map_err(about(&path))?;
    let path = path.display();
    terminal::say(&format!("wrote {path}\nnext: vibee test {path}\n"));
    Ok(())
}
