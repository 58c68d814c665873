//! How a command ends when it does not succeed: one line on standard error, perhaps a hint, and an exit code.

use std::{io, path::Path, process::ExitCode};

use crate::terminal;

/// Why a command stops.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Kind {
    /// What was asked for cannot be done: 1.
    Failure,
    /// The command line says something impossible: 2.
    Usage,
    /// `vibee.toml` says something impossible: 78.
    Configuration,
    /// Findings, which were printed: 1.
    Findings,
    /// The reader of standard output went away: quiet, 0.
    OutputClosed,
}

/// A failed command.
#[derive(Debug)]
pub(crate) struct Failure {
    kind: Kind,
    message: String,
    hint: Option<String>,
}

impl Failure {
    /// Creates a failure of `kind`.
    pub(crate) fn new(kind: Kind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into(), hint: None }
    }

    /// Creates a failure of the thing asked for.
    pub(crate) fn failed(message: impl Into<String>) -> Self {
        Self::new(Kind::Failure, message)
    }

    /// Creates a failure of which the command line is the cause.
    pub(crate) fn usage(message: impl Into<String>) -> Self {
        Self::new(Kind::Usage, message)
    }

    /// Creates the end of a command whose findings were printed.
    pub(crate) fn findings() -> Self {
        Self::new(Kind::Findings, "")
    }

    /// Adds a hint: what the user can do about it.
    pub(crate) fn with_hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// Whether it is the end of a command whose findings were printed.
    pub(crate) fn is_findings(&self) -> bool {
        self.kind == Kind::Findings
    }

    /// The line, and the hint if there is one.
    pub(crate) fn line(&self) -> String {
        let hint = self.hint.as_ref().map_or_else(String::new, |hint| format!("hint: {hint}\n"));
        format!("error: {}\n{hint}", self.message)
    }

    /// Prints the line and the hint; gives the exit code.
    pub(crate) fn report(self) -> ExitCode {
        let code = match self.kind {
            Kind::OutputClosed => return ExitCode::SUCCESS,
            Kind::Findings => return ExitCode::FAILURE,
            Kind::Failure => 1,
            Kind::Usage => 2,
            Kind::Configuration => 78,
        };
        terminal::say(&self.line());
        ExitCode::from(code)
    }
}

/// Makes failures of errors about a file or folder, which they name.
pub(crate) fn about(path: &Path) -> impl Fn(io::Error) -> Failure + '_ {
    move |e| Failure::failed(format!("{}: {e}", path.display()))
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        let kind = if error.kind() == io::ErrorKind::BrokenPipe { Kind::OutputClosed } else { Kind::Failure };
        Self::new(kind, error.to_string())
    }
}
