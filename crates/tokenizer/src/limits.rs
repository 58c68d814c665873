//! What a vocabulary may ask for. Each limit is named in the error of the file that exceeds it.

/// Largest number of tokens of a vocabulary.
pub const TOKENS_MAX: usize = 1 << 22;
/// Largest number of merges of a vocabulary.
pub const MERGES_MAX: usize = 1 << 23;
/// Largest number of bytes of a token.
pub const TOKEN_BYTES_MAX: usize = 64 << 10;
/// Largest number of bytes of all tokens together: positions in them are 32 bits.
pub const ALL_TOKENS_BYTES_MAX: usize = 1 << 30;
/// Largest number of bytes of a token that is looked for at every place of a text.
pub const ADDED_TOKEN_BYTES_MAX: usize = 1 << 10;
/// Largest number of bytes of `trinity.tokenizer.pipeline`.
pub const PIPELINE_BYTES_MAX: usize = 16 << 20;
/// Largest number of steps of a normalizer or a pre-tokenizer.
pub const PIPELINE_STEPS_MAX: usize = 64;
/// Largest number of bytes of a regular expression of a normalizer or a pre-tokenizer.
pub const EXPRESSION_BYTES_MAX: usize = 64 << 10;

/// All limits with their names, for a command that prints them.
pub const TABLE: &[(&str, u64)] = &[
    ("tokens", TOKENS_MAX as u64),
    ("merges", MERGES_MAX as u64),
    ("token bytes", TOKEN_BYTES_MAX as u64),
    ("bytes of all tokens", ALL_TOKENS_BYTES_MAX as u64),
    ("added token bytes", ADDED_TOKEN_BYTES_MAX as u64),
    ("tokenizer pipeline bytes", PIPELINE_BYTES_MAX as u64),
    ("tokenizer steps", PIPELINE_STEPS_MAX as u64),
    ("tokenizer expression bytes", EXPRESSION_BYTES_MAX as u64),
];
