//! Why something could not be measured.

/// A refused or broken-off measurement.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Not enough text.
    #[error("the text has {n_tokens} tokens, but {n_chunks} windows of {window_len} need {}", n_chunks * window_len)]
    TextTooShort {
        /// Tokens of the text.
        n_tokens: usize,
        /// Windows wanted (at least 1).
        n_chunks: usize,
        /// Tokens of a window.
        window_len: usize,
    },
    /// A window, prompt or list of tokens that the context cannot hold.
    #[error("{what} of {n} tokens, but the context holds {context_len_max}")]
    Context {
        /// What is too long.
        what: &'static str,
        /// Its tokens.
        n: usize,
        /// The context.
        context_len_max: usize,
    },
    /// An id that the model does not have.
    #[error("token {index} is {id}, but the vocabulary has {n_vocab}")]
    UnknownToken {
        /// Place in the list.
        index: usize,
        /// The id.
        id: u32,
        /// Size of the vocabulary.
        n_vocab: usize,
    },
    /// A parameter that makes no sense.
    #[error("{parameter} {value}, expected {expected}")]
    Parameter {
        /// Name.
        parameter: &'static str,
        /// Value.
        value: usize,
        /// Range.
        expected: &'static str,
    },
    /// The model computed NaN or infinity.
    #[error("the model gives a logit of {value} at position {position}: its weights are not finite or not sound")]
    NonFiniteLogits {
        /// Position.
        position: usize,
        /// The value.
        value: String,
    },
    /// Two things that are to be compared do not belong together.
    #[error("{what}: {expected} in {of}, but {got} here")]
    Mismatch {
        /// What differs.
        what: &'static str,
        /// File or name of the first.
        of: String,
        /// Its value.
        expected: String,
        /// The other's value.
        got: String,
    },
    /// A file that is not what it says.
    #[error("{file}: {what}")]
    Invalid {
        /// Path.
        file: String,
        /// Field, expected, got.
        what: String,
    },
    /// Activations that are not numbers.
    #[error("importance of tensor {tensor}: {what}")]
    Importance {
        /// The tensor.
        tensor: String,
        /// Which number, expected.
        what: String,
    },
    /// The progress callback broke off.
    #[error("cancelled")]
    Cancelled,
    /// Reading or writing failed.
    #[error("{file}: {source}")]
    Io {
        /// Path.
        file: String,
        /// The system's reason.
        source: std::io::Error,
    },
}
