//! Why a grammar cannot be compiled, or a completion cannot go on.

/// A reason why a grammar or a token is refused. The message is one line; what users wrote is quoted with its control
/// characters escaped.
#[allow(missing_docs, reason = "the comment of a variant says what its fields are")]
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum GrammarError {
    /// A part of a JSON schema is not understood or not possible; `path` is the place, such as
    /// `schema.properties.a.not`.
    #[error("{path}: {message}")]
    Schema { path: String, message: String },
    /// The field or place `path` has more of `what` than is allowed: `got`, or at least that many where counting ended
    /// there. `max` is the constant of [`limits`](super::limits).
    #[error("{path}: {what} {got}, at most {max} are allowed")]
    Limit { path: String, what: &'static str, got: usize, max: usize },
    /// A regular expression, grammar or list does not describe a language. `field` is the kind of source (`regex`,
    /// `lark`, `gbnf` or `choice`); the message names the line where there are lines.
    #[error("{field}: {message}")]
    Syntax { field: &'static str, message: String },
    /// The vocabulary cannot be used for grammars.
    #[error("this model's vocabulary cannot be constrained: {0}")]
    Vocabulary(String),
    /// The grammar does not allow the token `id` here.
    #[error("the grammar does not allow token {id} here")]
    Token { id: u32 },
    /// The grammar asks for text that no token spells.
    #[error("the grammar cannot go on: no token of the vocabulary spells what must come next")]
    NoToken,
    /// Following the grammar costs more than is allowed.
    #[error("the grammar is too complex to follow: {0}")]
    TooComplex(String),
}

/// Returns the line of a foreign message that says most, short, with control characters escaped.
pub(super) fn one_line(message: &str) -> String {
    /// Number of characters of a message that are kept.
    const MESSAGE_CHARS_MAX: usize = 300;
    let lines = || message.lines().map(str::trim).filter(|line| !line.is_empty());
    // Errors of regular expressions are drawn over several lines and end in that one.
    let line =
        lines().find_map(|line| line.strip_prefix("error: ")).or_else(|| lines().next()).unwrap_or("unknown error");
    gguf::escape(&line.chars().take(MESSAGE_CHARS_MAX).collect::<String>())
}

/// Quotes a name or value that a user wrote, for a message.
pub(super) fn quoted(text: &str) -> String {
    /// Number of characters of a quoted text that are kept.
    const QUOTED_CHARS_MAX: usize = 60;
    let mut out: String = text.chars().take(QUOTED_CHARS_MAX).collect();
    if out.len() < text.len() {
        out.push('…');
    }
    format!("{out:?}")
}
