//! `vibee grammar`: colours for editors.

use vibee::textmate;

use crate::{failure::Failure, terminal};

/// Prints the grammar: a file `vibee.tmLanguage.json` for VS Code, Sublime Text, bat and others.
pub(crate) fn run() -> Result<(), Failure> {
    terminal::put(&format!("{:#}\n", textmate::grammar()))
}
