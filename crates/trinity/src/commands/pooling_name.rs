//! [`PoolingName`]: how hidden states become embeddings, on the command line.

use clap::ValueEnum;
use model::Pooling;

/// Spelling of [`Pooling`].
#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
pub(crate) enum PoolingName {
    /// A vector for each token, which only llama.cpp's /embedding can answer
    None,
    /// The mean of all tokens
    Mean,
    /// The first token
    Cls,
    /// The last token
    Last,
}

impl From<PoolingName> for Pooling {
    fn from(name: PoolingName) -> Self {
        match name {
            PoolingName::None => Self::None,
            PoolingName::Mean => Self::Mean,
            PoolingName::Cls => Self::First,
            PoolingName::Last => Self::Last,
        }
    }
}
