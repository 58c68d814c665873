//! Messages about a specification: a code, a place, what was expected and found, and where possible a repair.

use crate::source::Span;

/// How bad it is: errors fail a check, warnings do not.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// Something that is read or run all the same.
    Warning,
    /// Something that has no meaning.
    Error,
}

/// A place and what is to be said of it.
#[allow(missing_docs, reason = "fields that their names and types say")]
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Label {
    pub span: Span,
    /// The words beside the mark; may be empty.
    pub text: String,
}

/// A repair that `vibee fmt --fix` applies.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fix {
    /// What is replaced.
    pub span: Span,
    /// The text in its place.
    pub replacement: String,
}

/// One message about a specification.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnostic {
    /// The code, a row of [`crate::codes::CODES`], such as `E0312`.
    pub code: &'static str,
    /// The sentence, without a full stop.
    pub message: String,
    /// Where, and what stands there.
    pub primary: Label,
    /// Other places that explain it.
    pub secondary: Vec<Label>,
    /// Further lines: `= help: …`.
    pub help: Vec<String>,
    /// What would repair it.
    pub fix: Option<Fix>,
}

impl Diagnostic {
    /// Creates a message with a bare mark at `span`.
    pub fn new(code: &'static str, span: Span, message: impl Into<String>) -> Self {
        let primary = Label { span, text: String::new() };
        Self { code, message: message.into(), primary, secondary: Vec::new(), help: Vec::new(), fix: None }
    }

    /// Puts words beside the mark.
    #[must_use]
    pub fn label(mut self, text: impl Into<String>) -> Self {
        self.primary.text = text.into();
        self
    }

    /// Marks another place.
    #[must_use]
    pub fn also(mut self, span: Span, text: impl Into<String>) -> Self {
        self.secondary.push(Label { span, text: text.into() });
        self
    }

    /// Adds a line of help.
    #[must_use]
    pub fn help(mut self, text: impl Into<String>) -> Self {
        self.help.push(text.into());
        self
    }

    /// Adds the repair.
    #[must_use]
    pub fn fix(mut self, span: Span, replacement: impl Into<String>) -> Self {
        self.fix = Some(Fix { span, replacement: replacement.into() });
        self
    }

    /// Tells errors from warnings, by the code's first letter.
    pub fn severity(&self) -> Severity {
        if self.code.starts_with('W') { Severity::Warning } else { Severity::Error }
    }
}
