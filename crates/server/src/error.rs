//! [`ApiError`]: why a request is refused, before an API gives it its own JSON.

use std::time::Duration;

/// A kind of refusal. Each has one HTTP status, and a name in every API.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The request says something impossible: 400.
    Invalid,
    /// No key, or not one of ours: 401.
    Unauthorized,
    /// The key may not do this: 403.
    Forbidden,
    /// No such route, model or thing: 404.
    NotFound,
    /// The route has other methods: 405.
    MethodNotAllowed,
    /// None of the forms that the client takes can be had: 406.
    NotAcceptable,
    /// The client took too long: 408.
    Timeout,
    /// The body or a part of it is larger than the limit: 413.
    TooLarge,
    /// The body is, by its content type, nothing that the route reads: 415.
    UnsupportedMedia,
    /// A Host that this server does not have: 421.
    Misdirected,
    /// The key has used up its share: 429.
    RateLimited,
    /// The queue is full, the server is starting or draining: 503.
    Unavailable,
    /// A bug of ours: 500.
    Internal,
    /// A route that the API has and this server cannot fill: 501.
    NotImplemented,
}

impl ErrorKind {
    /// The HTTP status of the kind.
    pub fn status(self) -> u16 {
        match self {
            Self::Invalid => 400,
            Self::Unauthorized => 401,
            Self::Forbidden => 403,
            Self::NotFound => 404,
            Self::MethodNotAllowed => 405,
            Self::NotAcceptable => 406,
            Self::Timeout => 408,
            Self::TooLarge => 413,
            Self::UnsupportedMedia => 415,
            Self::Misdirected => 421,
            Self::RateLimited => 429,
            Self::Unavailable => 503,
            Self::Internal => 500,
            Self::NotImplemented => 501,
        }
    }
}

/// A prompt that the context has no room for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ContextExceeded {
    /// Tokens of the prompt.
    pub n_prompt: usize,
    /// Tokens that the context holds.
    pub n_context: usize,
}

/// The code that makes Anthropic's clients send a conversation whole when the server does not hold its beginning.
pub(crate) const THREAD_NOT_FOUND: &str = "thread_not_found";

/// A refusal or failure, for any API.
#[derive(Clone, PartialEq, Debug, thiserror::Error)]
#[error("{message}")]
pub struct ApiError {
    /// The kind of refusal.
    pub kind: ErrorKind,
    /// One line for people; never a path, an address or an internal.
    pub message: String,
    /// The field at fault, as the client spelled it: `messages[2].content`.
    pub param: Option<String>,
    /// A word for programs: `context_length_exceeded`, `model_not_found`, `unsupported_parameter`.
    pub code: Option<&'static str>,
    /// The time after which the client shall come back, for 429 and 503.
    pub retry_after: Option<Duration>,
    /// The prompt is too long: clients read both numbers, to make it shorter, in words that each API has for it.
    pub context: Option<ContextExceeded>,
}

impl ApiError {
    /// An error of `kind`.
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into(), param: None, code: None, retry_after: None, context: None }
    }

    /// A 400 that names the field at fault.
    pub fn invalid(param: impl Into<String>, message: impl Into<String>) -> Self {
        Self { param: Some(param.into()), ..Self::new(ErrorKind::Invalid, message) }
    }

    /// A prompt from `param` that is longer than the context.
    pub fn too_long(param: impl Into<String>, message: impl Into<String>, context: ContextExceeded) -> Self {
        Self { context: Some(context), ..Self::invalid(param, message).with_code("context_length_exceeded") }
    }

    /// This error with a word for programs.
    #[must_use]
    pub fn with_code(mut self, code: &'static str) -> Self {
        self.code = Some(code);
        self
    }

    /// This error with a time after which the client shall come back.
    #[must_use]
    pub fn with_retry_after(mut self, after: Duration) -> Self {
        self.retry_after = Some(after);
        self
    }
}
