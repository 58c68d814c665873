//! How a command ends when it does not succeed: one line on standard error, perhaps a hint, and an exit code.

use std::{error::Error, fmt::Write, io, process::ExitCode};

use crate::terminal::{self, escape};

/// Why a command stops (ARCHITECTURE.md, Errors).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Kind {
    /// The thing asked for cannot be done: 1.
    Failure,
    /// The command line says something impossible: 2.
    Usage,
    /// Somebody else holds what is needed: 75.
    Busy,
    /// An environment variable or file sets something impossible: 78.
    Configuration,
    /// Ctrl-C ended the command: 130.
    Interrupted,
    /// The question was answered, and the answer is no: quiet, 1.
    AnsweredNo,
    /// The reader of standard output went away: quiet, 0.
    OutputClosed,
}

/// A failed command.
#[derive(Debug)]
pub(crate) struct Failure {
    kind: Kind,
    message: String,
    hint: Option<String>,
    /// The line was printed before; the exit code is left.
    is_said: bool,
}

impl Failure {
    /// A failure of `kind`.
    pub(crate) fn new(kind: Kind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into(), hint: None, is_said: false }
    }

    /// A failure of which the command line is the cause.
    pub(crate) fn usage(message: impl Into<String>) -> Self {
        Self::new(Kind::Usage, message)
    }

    /// The failure of a command that Ctrl-C ended.
    pub(crate) fn interrupted() -> Self {
        Self::new(Kind::Interrupted, "interrupted")
    }

    /// The answer, which was printed, is no.
    pub(crate) fn answered_no() -> Self {
        Self::new(Kind::AnsweredNo, "no")
    }

    /// Adds a hint: what the user can do about it.
    pub(crate) fn with_hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// The hint, if there is one.
    pub(crate) fn hint(&self) -> Option<&str> {
        self.hint.as_deref()
    }

    /// This failure after its line was printed elsewhere: [`report`](Self::report) says nothing more.
    pub(crate) fn already_said(self) -> Self {
        Self { is_said: true, ..self }
    }

    /// Returns whether a conversation must end here: there is nobody to talk to, or nobody who listens.
    pub(crate) fn ends_talk(&self) -> bool {
        matches!(self.kind, Kind::OutputClosed | Kind::Interrupted)
    }

    /// The message: what went wrong, in one line.
    pub(crate) fn message(&self) -> &str {
        &self.message
    }

    /// The line, and the hint if there is one.
    pub(crate) fn line(&self) -> String {
        let hint = self.hint.iter().map(|hint| format!("hint: {}\n", escape(hint)));
        format!("error: {}\n", escape(&self.message)) + &hint.collect::<String>()
    }

    /// Prints the line and the hint; gives the exit code.
    pub(crate) fn report(self, is_verbose: bool) -> ExitCode {
        match self.kind {
            Kind::OutputClosed => return ExitCode::SUCCESS,
            Kind::AnsweredNo => return ExitCode::FAILURE,
            _ => {}
        }
        let mut text = self.line();
        if is_verbose {
            text += &format!("kind: {:?}\n", self.kind);
        }
        if !self.is_said {
            terminal::say(&text);
        }
        ExitCode::from(match self.kind {
            Kind::Failure | Kind::AnsweredNo | Kind::OutputClosed => 1,
            Kind::Usage => 2,
            Kind::Busy => 75,
            Kind::Configuration => 78,
            Kind::Interrupted => 130,
        })
    }
}

/// An error and its sources, joined by colons.
pub(crate) fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let cause_text = cause.to_string();
        if !text.contains(&cause_text) {
            let _ = write!(text, ": {cause_text}");
        }
        source = cause.source();
    }
    text
}

macro_rules! failure_from {
    ($($error:ty),* $(,)?) => {$(
        impl From<$error> for Failure {
            fn from(error: $error) -> Self {
                Self::new(Kind::Failure, chain(&error))
            }
        }
    )*};
}

failure_from!(gguf::Error, model::LoadError, tokenizer::Error, serde_json::Error, vsa::Error);

impl From<hub::Error> for Failure {
    fn from(error: hub::Error) -> Self {
        let kind = match &error {
            hub::Error::Busy(_) => Kind::Busy,
            hub::Error::Cancelled => Kind::Interrupted,
            hub::Error::NoHome | hub::Error::Catalogue { .. } => Kind::Configuration,
            _ => Kind::Failure,
        };
        Self { hint: error.hint(), ..Self::new(kind, chain(&error)) }
    }
}

impl From<eval::Error> for Failure {
    fn from(error: eval::Error) -> Self {
        let kind = if matches!(error, eval::Error::Cancelled) { Kind::Interrupted } else { Kind::Failure };
        Self::new(kind, chain(&error))
    }
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        let kind = if error.kind() == io::ErrorKind::BrokenPipe { Kind::OutputClosed } else { Kind::Failure };
        Self::new(kind, error.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_closed_pipe_is_no_error() {
        let failure = Failure::from(io::Error::from(io::ErrorKind::BrokenPipe));
        assert_eq!(failure.kind, Kind::OutputClosed);
    }
}
