//! BPE, SPM and WPM tokenizers from GGUF metadata; streaming detokenizer.

pub use gguf::TokenId;

/// Why metadata is no tokenizer.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Replace with real variants.
    #[error("{0}")]
    Other(String),
}

/// How text that spells a control token (`<|im_start|>`) is encoded.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ControlTokens {
    /// As that token: for rendered chat templates.
    Parse,
    /// As plain text: for what users type.
    AsText,
}

/// A tokenizer; immutable, shared between threads.
pub struct Tokenizer {
    _private: (),
}

impl Tokenizer {
    /// From the `tokenizer.*` keys of a GGUF file.
    pub fn from_gguf(_metadata: &gguf::Metadata) -> Result<Self, Error> {
        unimplemented!()
    }
    /// Appends the ids of `text`; `add_special` adds BOS/EOS as the model asks.
    pub fn encode(&self, _text: &str, _control: ControlTokens, _add_special: bool, _out: &mut Vec<TokenId>) {
        unimplemented!()
    }
    /// Number of tokens.
    pub fn n_vocab(&self) -> usize {
        unimplemented!()
    }
    /// The token's piece as the vocabulary spells it; `None` if out of range.
    pub fn piece(&self, _id: TokenId) -> Option<&str> {
        unimplemented!()
    }
    /// Beginning of sequence.
    pub fn bos(&self) -> Option<TokenId> {
        unimplemented!()
    }
    /// End of sequence.
    pub fn eos(&self) -> Option<TokenId> {
        unimplemented!()
    }
    /// Does this token end a completion (EOS, EOT, EOM)?
    pub fn is_end_of_generation(&self, _id: TokenId) -> bool {
        unimplemented!()
    }
    /// Is it a control token, which has no text of its own in output?
    pub fn is_control(&self, _id: TokenId) -> bool {
        unimplemented!()
    }
    /// All text of `ids`: exact bytes (invalid UTF-8 where the ids spell it). `with_control` spells control tokens out.
    pub fn decode(&self, _ids: &[TokenId], _with_control: bool) -> Vec<u8> {
        unimplemented!()
    }
}

/// Streaming decoder: emits only whole characters.
pub struct Detokenizer<'a> {
    _tokenizer: &'a Tokenizer,
}

impl<'a> Detokenizer<'a> {
    /// Continues after `context` (the prompt): only the text that later tokens add is emitted.
    pub fn new(tokenizer: &'a Tokenizer) -> Self {
        Self { _tokenizer: tokenizer }
    }
    /// Appends the whole characters that `id` completes to `out`.
    pub fn push(&mut self, _id: TokenId, _out: &mut String) {
        unimplemented!()
    }
    /// Ends the stream: an unfinished character becomes U+FFFD.
    pub fn finish(&mut self, _out: &mut String) {
        unimplemented!()
    }
}
