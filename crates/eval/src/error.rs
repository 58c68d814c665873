//! Why something could not be measured.

/// A refused or broken-off measurement.
#[allow(missing_docs, reason = "the comment of a variant says what its fields are")]
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A text of `n_tokens` does not fill `n_chunks` (at least 1) windows of `window_len` tokens.
    #[error("the text has {n_tokens} tokens, but {n_chunks} windows of {window_len} need {}", n_chunks * window_len)]
    TextTooShort { n_tokens: usize, n_chunks: usize, window_len: usize },
    /// `what` (a window, prompt or list) has `n` tokens, and the context holds `context_len_max`.
    #[error("{what} of {n} tokens, but the context holds {context_len_max}")]
    Context { what: &'static str, n: usize, context_len_max: usize },
    /// The `id` at `index` of a list of tokens is not one of the model's `n_vocab`.
    #[error("token {index} is {id}, but the vocabulary has {n_vocab}")]
    UnknownToken { index: usize, id: u32, n_vocab: usize },
    /// `value` is none that `parameter` can have; `expected` is its range.
    #[error("{parameter} {value}, expected {expected}")]
    Parameter { parameter: &'static str, value: usize, expected: &'static str },
    /// The logits of `position` hold `value`, which is NaN or an infinity.
    #[error("the model gives a logit of {value} at position {position}: its weights are not finite or not sound")]
    NonFiniteLogits { position: usize, value: String },
    /// Two things that are to be compared do not belong together: `what` is `expected` in the first (`of` is its file
    /// or name), and `got` in the other.
    #[error("{what}: {expected} in {of}, but {got} here")]
    Mismatch { what: &'static str, of: String, expected: String, got: String },
    /// `file` is not what it says; `what` names the field, the expected and the got value.
    #[error("{file}: {what}")]
    Invalid { file: String, what: String },
    /// The importance of `tensor` is not made of numbers; `what` says which, and what was expected.
    #[error("importance of tensor {tensor}: {what}")]
    Importance { tensor: String, what: String },
    /// The progress callback broke the measurement off.
    #[error("cancelled")]
    Cancelled,
    /// The operating system refused to read or write `file`.
    #[error("{file}: {source}")]
    Io { file: String, source: std::io::Error },
}
