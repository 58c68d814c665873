//! Why a request cannot be generated.

use crate::grammar::GrammarError;

/// A refused or failed request.
#[derive(Clone, PartialEq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Nothing to go on.
    #[error("the prompt has no tokens")]
    EmptyPrompt,
    /// The prompt does not fit, seen before anything is computed.
    #[error("the prompt has {n_prompt} tokens, but the context holds {context_len_max}")]
    PromptTooLong {
        /// Tokens of the prompt.
        n_prompt: usize,
        /// Tokens of the context.
        context_len_max: usize,
    },
    /// A token that the model does not have.
    #[error("token id {id}: the vocabulary has {n_vocab}")]
    UnknownToken {
        /// The id.
        id: u32,
        /// Size of the vocabulary.
        n_vocab: usize,
    },
    /// A bias of a token that the model does not have.
    #[error("logit_bias of token id {id}: the vocabulary has {n_vocab}")]
    UnknownBias {
        /// The id.
        id: u32,
        /// Size of the vocabulary.
        n_vocab: usize,
    },
    /// Biases of minus infinity left no token to pick.
    #[error("logit_bias bans every token of the vocabulary")]
    NothingLeft,
    /// A sampling parameter out of its range.
    #[error("{parameter} {value}, expected {expected}")]
    Parameter {
        /// Name, as in the API.
        parameter: &'static str,
        /// What was given.
        value: String,
        /// The range.
        expected: String,
    },
    /// Too many or too long stop strings.
    #[error("{what}, at most {max} are allowed")]
    Stop {
        /// Count or length.
        what: String,
        /// The limit.
        max: usize,
    },
    /// The model computed NaN or infinity: its weights are broken.
    #[error(
        "the model gives a logit of {value} for token {token} at position {position}: its weights are not finite or not sound"
    )]
    NonFiniteLogits {
        /// Position of the token that was computed.
        position: usize,
        /// Which logit.
        token: u32,
        /// Its value.
        value: String,
    },
    /// The same of a hidden state, which an embedding is made of.
    #[error(
        "the model gives a hidden state of {value} at position {position}: its weights are not finite or not sound"
    )]
    NonFiniteHidden {
        /// Position of the token that was computed.
        position: usize,
        /// The value.
        value: String,
    },
    /// The grammar cannot be followed.
    #[error("grammar: {0}")]
    Grammar(#[from] GrammarError),
    /// The queue is full.
    #[error("{n_queued} sequences run or wait already, at most {n_queued_max} may")]
    Busy {
        /// Sequences that run or wait: each choice of each prompt is one.
        n_queued: usize,
        /// The limit.
        n_queued_max: usize,
    },
    /// The engine admits nothing more.
    #[error("the engine is shutting down")]
    Draining,
    /// The engine's thread is gone.
    #[error("the engine has stopped")]
    Dead,
    /// A bug of ours: the step that computed this request panicked.
    #[error("an internal error ended the computation of this request")]
    Internal,
}
