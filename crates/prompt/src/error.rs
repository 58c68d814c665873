//! Why messages or text become no prompt.

/// Why there are no ids for a prompt.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The model's chat template refuses the conversation.
    #[error(transparent)]
    Template(#[from] chat::Error),
    /// The vocabulary cannot fill in what lies between two texts.
    #[error("the model fills no gaps: its file names {missing}")]
    NoFillTokens {
        /// The tokens that it lacks, as [`missing_fill_tokens`](crate::missing_fill_tokens) lists them.
        missing: String,
    },
}
