//! Standard output is data, standard error is talk.

use std::io::{self, IsTerminal, Write};

use vibee::render::Style;

use crate::failure::Failure;

/// Prints talk; failures to write are ignored.
pub(crate) fn say(text: &str) {
    let _ = io::stderr().write_all(text.as_bytes());
}

/// Prints data, at once.
pub(crate) fn put(text: &str) -> Result<(), Failure> {
    put_bytes(text.as_bytes())
}

/// Prints data that may not be UTF-8, at once.
pub(crate) fn put_bytes(bytes: &[u8]) -> Result<(), Failure> {
    let mut out = io::stdout().lock();
    out.write_all(bytes)?;
    Ok(out.flush()?)
}

/// Whether messages may have colours: on a terminal, unless `NO_COLOR` or a dumb terminal says otherwise.
fn has_colours() -> bool {
    let is_set = |name: &str| std::env::var_os(name).is_some_and(|value| !value.is_empty());
    let is_dumb = std::env::var_os("TERM").is_some_and(|value| value == "dumb");
    io::stderr().is_terminal() && !is_set("NO_COLOR") && !is_dumb
}

/// How messages are shown here.
pub(crate) fn style() -> Style {
    if has_colours() { Style::Coloured } else { Style::Plain }
}
