//! Why a request cannot be generated.

use crate::grammar::GrammarError;

/// A reason why a request is refused, or failed.
#[allow(missing_docs, reason = "the comment of a variant says what its fields are")]
#[derive(Clone, PartialEq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The prompt is empty.
    #[error("the prompt has no tokens")]
    EmptyPrompt,
    /// The prompt of `n_prompt` tokens does not fit a context of `context_len_max`, seen before anything is computed.
    #[error("the prompt has {n_prompt} tokens, but the context holds {context_len_max}")]
    PromptTooLong { n_prompt: usize, context_len_max: usize },
    /// Text is wanted of an encoder.
    #[error("the model is an encoder, which generates no text")]
    GeneratesNothing,
    /// A score is wanted of a model without a head for it.
    #[error("the model has no head that scores pairs of texts")]
    NoScores,
    /// The token `id` is none of the model's `n_vocab`.
    #[error("token id {id}: the vocabulary has {n_vocab}")]
    UnknownToken { id: u32, n_vocab: usize },
    /// The biased token `id` is none of the model's `n_vocab`.
    #[error("logit_bias of token id {id}: the vocabulary has {n_vocab}")]
    UnknownBias { id: u32, n_vocab: usize },
    /// Biases of minus infinity left no token to pick.
    #[error("logit_bias bans every token of the vocabulary")]
    NothingLeft,
    /// The sampling parameter, named as in the API, has a `value` out of the range `expected`.
    #[error("{parameter} {value}, expected {expected}")]
    Parameter { parameter: &'static str, value: String, expected: String },
    /// Stop strings are too many or too long; `what` says which, and `max` is the limit.
    #[error("{what}, at most {max} are allowed")]
    Stop { what: String, max: usize },
    /// The model computed NaN or infinity: its weights are broken. `value` is the logit of `token` behind the token at
    /// `position`.
    #[error(
        "the model gives a logit of {value} for token {token} at position {position}: its weights are not finite or not sound"
    )]
    NonFiniteLogits { position: usize, token: u32, value: String },
    /// The model computed NaN or infinity in a hidden state, which an embedding is made of: its weights are broken.
    /// `value` is at the token at `position`.
    #[error(
        "the model gives a hidden state of {value} at position {position}: its weights are not finite or not sound"
    )]
    NonFiniteHidden { position: usize, value: String },
    /// The grammar cannot be followed.
    #[error("grammar: {0}")]
    Grammar(#[from] GrammarError),
    /// The queue is full: `n_queued` sequences run or wait (each choice of each prompt is one), and `n_queued_max` is
    /// the limit.
    #[error("{n_queued} sequences run or wait already, at most {n_queued_max} may")]
    Busy { n_queued: usize, n_queued_max: usize },
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
