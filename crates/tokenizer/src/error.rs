//! Why metadata is no tokenizer.

/// Largest number of characters of a piece of a hostile file that an error repeats.
const EXCERPT_CHARS: usize = 48;

/// A reason why metadata is no tokenizer. The message is one line in lower case that names the thing, expected and got.
#[allow(missing_docs, reason = "the comment of a variant says what its fields are")]
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A key has another type than the tokenizer needs.
    #[error(transparent)]
    Metadata(#[from] gguf::Error),
    /// `key` is missing, and this kind of tokenizer cannot do without it.
    #[error("{key} is missing")]
    Missing { key: &'static str },
    /// `tokenizer.ggml.model` is `no_vocab` or `none`: the model takes ids alone.
    #[error("tokenizer.ggml.model: the file has no tokenizer, only token ids")]
    NoTokenizer,
    /// `tokenizer.ggml.model` names the algorithm `model`, which is not built in.
    #[error("tokenizer.ggml.model: unknown tokenizer {}, expected one of llama, gpt2, gemma4, bert, rwkv", excerpt(.model))]
    UnknownModel { model: String },
    /// `tokenizer.ggml.pre` names the pre-tokenizer `name`, which is not built in.
    #[error("tokenizer.ggml.pre: unknown pre-tokenizer {}", excerpt(.name))]
    UnknownPre { name: String },
    /// The vocabulary is empty.
    #[error("tokenizer.ggml.tokens: no tokens")]
    Empty,
    /// The array `key` has `n` entries, and the limit is `max`.
    #[error("{key}: {n} entries, more than the limit of {max}")]
    TooMany { key: &'static str, n: usize, max: usize },
    /// The array `key`, which goes with the tokens, has `n` entries, but there are `n_tokens` tokens.
    #[error("{key}: {n} entries for {n_tokens} tokens")]
    Length { key: &'static str, n: usize, n_tokens: usize },
    /// The token `id` has `n_bytes` bytes, and the limit for `what` is `max`.
    #[error("token {id}: {n_bytes} bytes, more than the limit of {max} for {what}")]
    TokenTooLong { id: usize, n_bytes: usize, max: usize, what: &'static str },
    /// The tokens `first` and `second` are both spelled `piece`.
    #[error("tokens {first} and {second} are both spelled {}", excerpt(.piece))]
    Duplicate { piece: String, first: u32, second: u32 },
    /// The entry of token `id` in `tokenizer.ggml.token_type` has an unknown `value`.
    #[error("token {id}: type {value}, expected 0 to 6")]
    TokenType { id: usize, value: i64 },
    /// The score of token `id` is `value`, which cannot be ordered.
    #[error("token {id}: score {value}, expected a number")]
    Score { id: usize, value: f32 },
    /// The byte token `id` is spelled `piece`, which names no byte.
    #[error("token {id}: byte token spelled {}, expected <0x00> to <0xFF>", excerpt(.piece))]
    ByteToken { id: usize, piece: String },
    /// The entry `merge` at `index` of `tokenizer.ggml.merges` is not two pieces with a space between them.
    #[error("merge {index}: {}, expected two pieces with a space between", excerpt(.merge))]
    Merge { index: usize, merge: String },
    /// The merge at `index` of `tokenizer.ggml.merges` is of, or makes, `piece`, which is no token.
    #[error("merge {index}: {} is no token", excerpt(.piece))]
    MergePiece { index: usize, piece: String },
    /// The key `trinity.tokenizer.pipeline` asks for what cannot be done; `what` names the section or step, and the
    /// fault.
    #[error("trinity.tokenizer.pipeline: {what}")]
    Pipeline { what: String },
    /// The file asks by `flag` for a special token around every text, and has no `key` that names the token.
    #[error("{flag} is true, but {key} is missing")]
    Undefined { flag: &'static str, key: &'static str },
}

/// Spells a JSON value of a file that may be hostile, escaped and cut.
pub(crate) fn excerpt_of(value: &serde_json::Value) -> String {
    const CHARS_MAX: usize = 200;
    let text = value.to_string();
    let cut: String = text.chars().take(CHARS_MAX).collect();
    let dots = if cut.len() < text.len() { "…" } else { "" };
    // What JSON does not escape and a terminal obeys.
    format!("{}{dots}", gguf::escape(&cut))
}

/// Quotes `text` of a file that may be hostile, escaped and cut.
fn excerpt(text: &str) -> String {
    let cut: String = text.chars().take(EXCERPT_CHARS).collect();
    let dots = if cut.len() < text.len() { "…" } else { "" };
    format!("{cut:?}{dots}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hostile_text_is_escaped_and_cut() {
        let error = Error::UnknownPre { name: format!("\u{1b}[2J{}", "x".repeat(1000)) };
        let text = error.to_string();
        assert!(text.starts_with("tokenizer.ggml.pre: unknown pre-tokenizer \"\\u{1b}[2Jxxx"), "{text}");
        assert!(text.len() < 120, "{text}");
    }
}
