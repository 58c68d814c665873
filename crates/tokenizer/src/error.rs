//! Why metadata is no tokenizer.

/// Most characters of a piece of a hostile file that an error repeats.
const EXCERPT_CHARS: usize = 48;

/// Why metadata is no tokenizer. One line, lower case, names the thing, expected and got.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A key has another type than the tokenizer needs.
    #[error(transparent)]
    Metadata(#[from] gguf::Error),
    /// A key that this kind of tokenizer cannot do without.
    #[error("{key} is missing")]
    Missing {
        /// The key.
        key: &'static str,
    },
    /// `tokenizer.ggml.model` is `no_vocab` or `none`: the model takes ids alone.
    #[error("tokenizer.ggml.model: the file has no tokenizer, only token ids")]
    NoTokenizer,
    /// `tokenizer.ggml.model` names no algorithm that is built in.
    #[error("tokenizer.ggml.model: unknown tokenizer {}, expected one of llama, gpt2, gemma4, bert", excerpt(.model))]
    UnknownModel {
        /// The name.
        model: String,
    },
    /// `tokenizer.ggml.pre` names no pre-tokenizer that is built in.
    #[error("tokenizer.ggml.pre: unknown pre-tokenizer {}", excerpt(.name))]
    UnknownPre {
        /// The name.
        name: String,
    },
    /// The vocabulary is empty.
    #[error("tokenizer.ggml.tokens: no tokens")]
    Empty,
    /// More entries than the limit.
    #[error("{key}: {n} entries, more than the limit of {max}")]
    TooMany {
        /// The array.
        key: &'static str,
        /// Its length.
        n: usize,
        /// The limit.
        max: usize,
    },
    /// An array that goes with the tokens has another length.
    #[error("{key}: {n} entries for {n_tokens} tokens")]
    Length {
        /// The array.
        key: &'static str,
        /// Its length.
        n: usize,
        /// Length of `tokenizer.ggml.tokens`.
        n_tokens: usize,
    },
    /// A token longer than the limit.
    #[error("token {id}: {n_bytes} bytes, more than the limit of {max} for {what}")]
    TokenTooLong {
        /// Its id.
        id: usize,
        /// Its length, bytes.
        n_bytes: usize,
        /// The limit, bytes.
        max: usize,
        /// Tokens that the limit is for.
        what: &'static str,
    },
    /// Two tokens with one spelling.
    #[error("tokens {first} and {second} are both spelled {}", excerpt(.piece))]
    Duplicate {
        /// The spelling.
        piece: String,
        /// The lower id.
        first: u32,
        /// The higher id.
        second: u32,
    },
    /// An unknown entry of `tokenizer.ggml.token_type`.
    #[error("token {id}: type {value}, expected 0 to 6")]
    TokenType {
        /// The token.
        id: usize,
        /// The entry.
        value: i64,
    },
    /// A score that cannot be ordered.
    #[error("token {id}: score {value}, expected a number")]
    Score {
        /// The token.
        id: usize,
        /// The entry.
        value: f32,
    },
    /// A byte token that names no byte.
    #[error("token {id}: byte token spelled {}, expected <0x00> to <0xFF>", excerpt(.piece))]
    ByteToken {
        /// The token.
        id: usize,
        /// Its spelling.
        piece: String,
    },
    /// A merge that is not two pieces with a space between them.
    #[error("merge {index}: {}, expected two pieces with a space between", excerpt(.merge))]
    Merge {
        /// Its place in `tokenizer.ggml.merges`.
        index: usize,
        /// The entry.
        merge: String,
    },
    /// A merge of, or into, something that is no token.
    #[error("merge {index}: {} is no token", excerpt(.piece))]
    MergePiece {
        /// Its place in `tokenizer.ggml.merges`.
        index: usize,
        /// The piece.
        piece: String,
    },
    /// Our own key says something that cannot be followed.
    #[error("trinity.tokenizer.pipeline: {what}")]
    Pipeline {
        /// The section or step, and what is wrong with it.
        what: String,
    },
    /// The file asks for a special token around every text and does not say which.
    #[error("{flag} is true, but {key} is missing")]
    Undefined {
        /// What asks for the token.
        flag: &'static str,
        /// What would name it.
        key: &'static str,
    },
}

/// A JSON value of a file that may be hostile, escaped and cut.
pub(crate) fn excerpt_of(value: &serde_json::Value) -> String {
    const CHARS_MAX: usize = 200;
    let text = value.to_string();
    let cut: String = text.chars().take(CHARS_MAX).collect();
    let dots = if cut.len() < text.len() { "…" } else { "" };
    // What JSON does not escape and a terminal obeys.
    format!("{}{dots}", gguf::escape(&cut))
}

/// `text`, quoted, escaped and cut: it comes from a file that may be hostile.
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
