//! [`Error`]: why a call is refused, as the page reads it.

use serde_json::{Map, Value};

/// The kind of an error, by which a page decides what to do.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ErrorKind {
    /// What was asked is wrong, or not supported.
    Input,
    /// There is too little memory.
    Capacity,
    /// The weights are not those that were expected, or not all of them.
    Storage,
    /// No model is loaded.
    Closed,
    /// A bug of ours.
    Bug,
}

impl ErrorKind {
    /// The word for the kind.
    pub fn word(self) -> &'static str {
        match self {
            Self::Input => "input",
            Self::Capacity => "capacity",
            Self::Storage => "storage",
            Self::Closed => "closed",
            Self::Bug => "bug",
        }
    }
}

/// A refusal of a call.
#[derive(Clone, PartialEq, Debug)]
pub struct Error {
    /// The kind of it.
    pub kind: ErrorKind,
    /// What is wrong, in words.
    pub message: String,
    /// The field of the JSON that is wrong, if one is.
    pub field: Option<String>,
    /// More of it, by names of their own.
    pub detail: Vec<(&'static str, Value)>,
}

impl Error {
    pub(crate) fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into(), field: None, detail: Vec::new() }
    }

    /// Makes a refusal of what `field` says; the message names it.
    pub(crate) fn field(field: impl Into<String>, what: &str) -> Self {
        let field = field.into();
        Self { field: Some(field.clone()), ..Self::new(ErrorKind::Input, format!("{field}: {what}")) }
    }

    /// Makes a refusal of a number out of its range.
    pub(crate) fn range(field: &str, value: impl std::fmt::Display, expected: impl std::fmt::Display) -> Self {
        Self::field(field, &format!("{value}, expected {expected}"))
    }

    pub(crate) fn input(error: impl std::fmt::Display) -> Self {
        Self::new(ErrorKind::Input, error.to_string())
    }

    pub(crate) fn closed() -> Self {
        Self::new(ErrorKind::Closed, "no model is loaded")
    }

    #[must_use]
    pub(crate) fn with(mut self, name: &'static str, value: impl Into<Value>) -> Self {
        self.detail.push((name, value.into()));
        self
    }

    /// The error as JSON.
    pub fn to_json(&self) -> Value {
        let mut json = Map::new();
        json.insert("kind".to_owned(), self.kind.word().into());
        json.insert("message".to_owned(), self.message.as_str().into());
        if let Some(field) = &self.field {
            json.insert("field".to_owned(), field.as_str().into());
        }
        json.extend(self.detail.iter().map(|(name, value)| ((*name).to_owned(), value.clone())));
        Value::Object(json)
    }
}

impl std::fmt::Display for Error {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Error {}

impl From<reply::Refusal> for Error {
    fn from(refusal: reply::Refusal) -> Self {
        Self { field: Some(refusal.field().to_owned()), ..Self::input(&refusal) }
    }
}

impl From<engine::Error> for Error {
    /// Turns a refusal or failure of the engine into the page's terms.
    fn from(error: engine::Error) -> Self {
        use engine::Error as E;
        let kind = match &error {
            E::PromptTooLong { .. } | E::Busy { .. } => ErrorKind::Capacity,
            E::Internal | E::Dead => ErrorKind::Bug,
            _ => ErrorKind::Input,
        };
        let new = Self::new(kind, error.to_string());
        match error {
            E::PromptTooLong { n_prompt, context_len_max } => {
                new.with("prompt_tokens", n_prompt).with("context_length", context_len_max)
            }
            E::Parameter { parameter, .. } => Self { field: Some(parameter.to_owned()), ..new },
            E::UnknownBias { .. } | E::NothingLeft => Self { field: Some("logit_bias".to_owned()), ..new },
            E::Stop { .. } => Self { field: Some("stop".to_owned()), ..new },
            _ => new,
        }
    }
}
