//! Why a grammar cannot be compiled, or a completion cannot go on.

/// A refused grammar or token. Always one line; what users wrote is quoted with its control characters escaped.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum GrammarError {
    /// A part of a JSON schema that is not understood or not possible.
    #[error("{path}: {message}")]
    Schema {
        /// Where: `schema.properties.a.not`.
        path: String,
        /// What is wrong there.
        message: String,
    },
    /// More than is allowed.
    #[error("{path}: {what} {got}, at most {max} are allowed")]
    Limit {
        /// The field, or the place within it.
        path: String,
        /// What is counted.
        what: &'static str,
        /// How many there are, or at which one counting ended.
        got: usize,
        /// The constant of [`limits`](super::limits).
        max: usize,
    },
    /// A regular expression, grammar or list that does not say a language.
    #[error("{field}: {message}")]
    Syntax {
        /// Which kind of source: `regex`, `lark`, `gbnf` or `choice`.
        field: &'static str,
        /// What is wrong, with the line where there are lines.
        message: String,
    },
    /// The vocabulary cannot be used for grammars.
    #[error("this model's vocabulary cannot be constrained: {0}")]
    Vocabulary(String),
    /// A token that the grammar does not allow here.
    #[error("the grammar does not allow token {id} here")]
    Token {
        /// The token.
        id: u32,
    },
    /// The grammar asks for text that no token spells.
    #[error("the grammar cannot go on: no token of the vocabulary spells what must come next")]
    NoToken,
    /// Following the grammar costs more than is allowed.
    #[error("the grammar is too complex to follow: {0}")]
    TooComplex(String),
}

/// The line of a foreign message that says most, short, with control characters escaped.
pub(super) fn one_line(message: &str) -> String {
    /// Characters of a message that are kept.
    const MESSAGE_CHARS_MAX: usize = 300;
    let lines = || message.lines().map(str::trim).filter(|line| !line.is_empty());
    // Errors of regular expressions are drawn over several lines and end in that one.
    let line =
        lines().find_map(|line| line.strip_prefix("error: ")).or_else(|| lines().next()).unwrap_or("unknown error");
    gguf::escape(&line.chars().take(MESSAGE_CHARS_MAX).collect::<String>())
}

/// A name or value that a user wrote, as it stands in a message.
pub(super) fn quoted(text: &str) -> String {
    /// Characters that are kept.
    const QUOTED_CHARS_MAX: usize = 60;
    let mut out: String = text.chars().take(QUOTED_CHARS_MAX).collect();
    if out.len() < text.len() {
        out.push('…');
    }
    format!("{out:?}")
}
