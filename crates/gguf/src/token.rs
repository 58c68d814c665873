//! [`TokenId`]: what tokenizers make and models read.

/// A token id: the index of an entry of `tokenizer.ggml.tokens` and of a row of the embedding matrix.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct TokenId(pub u32);
