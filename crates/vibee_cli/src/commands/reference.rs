//! `vibee reference`: the tables of the language.

use clap::{Args, builder::PossibleValuesParser};
use vibee::reference::{self, Section};

use crate::{failure::Failure, terminal};

/// Arguments of `reference`.
#[derive(Args)]
pub(crate) struct ReferenceArgs {
    /// One part of it
    #[arg(value_parser = PossibleValuesParser::new(Section::ALL.map(|(_, name)| name)))]
    section: Option<String>,
}

/// Prints the reference in Markdown.
pub(crate) fn run(args: &ReferenceArgs) -> Result<(), Failure> {
    let wanted = args.section.as_deref();
    let section = Section::ALL.iter().find(|(_, name)| Some(*name) == wanted);
    terminal::put(&section.map_or_else(reference::text, |(section, _)| section.text()))
}
