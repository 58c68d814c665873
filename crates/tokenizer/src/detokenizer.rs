//! Ids to text as they come: only whole characters leave.

use std::ops::Deref;

use crate::tokenizer::{Kind, Tokenizer};
use gguf::TokenId;

/// Streaming decoder: emits only whole characters. `T` is a reference to a tokenizer, borrowed or counted.
///
/// The text of a stream is the text of the whole, however it is cut: bytes that can still become a character wait,
/// bytes that cannot become U+FFFD as in [`String::from_utf8_lossy`].
pub struct Detokenizer<T> {
    tokenizer: T,
    with_control: bool,
    /// Control tokens that are spelled out even where others are not.
    spelled: Vec<TokenId>,
    /// Whether the encoder puts a space in front of text at the start and after added tokens, which is not to be shown.
    strips_prefix: bool,
    /// Whether the encoder would have put a space in front of the next text.
    at_prefix: bool,
    /// Bytes of the beginning of a character.
    pending: Vec<u8>,
}

impl<T: Deref<Target = Tokenizer>> Detokenizer<T> {
    /// Continues after a context (the prompt): only the text that later tokens add is emitted, with every space that
    /// they spell.
    pub fn new(tokenizer: T) -> Self {
        Self {
            tokenizer,
            with_control: false,
            spelled: Vec::new(),
            strips_prefix: false,
            at_prefix: false,
            pending: Vec::new(),
        }
    }

    /// Begins with the first token of a sequence: the space that encoding puts in front of text is taken away.
    pub fn from_start(tokenizer: T) -> Self {
        let strips_prefix = tokenizer.adds_space_prefix() || tokenizer.kind() == Kind::Wpm;
        Self { strips_prefix, at_prefix: true, ..Self::new(tokenizer) }
    }

    /// Sets whether control tokens are spelled out; they are not by default.
    #[must_use]
    pub fn with_control(mut self, with_control: bool) -> Self {
        self.with_control = with_control;
        self
    }

    /// Sets control tokens that are spelled out even where others are not.
    #[must_use]
    pub fn with_spelled(mut self, spelled: Vec<TokenId>) -> Self {
        self.spelled = spelled;
        self
    }

    /// Appends the bytes of `id`, cut through characters where the tokens are.
    pub(crate) fn push_bytes(&mut self, id: TokenId, out: &mut Vec<u8>) {
        use crate::vocabulary::TokenKind;
        let Some(kind) = self.tokenizer.token_kind(id) else { return };
        let is_added = kind.is_silent() || kind == TokenKind::UserDefined;
        let prefix_follows = match self.tokenizer.kind() {
            Kind::Wpm => is_added,
            _ => self.tokenizer.has_prefix_after(id, is_added, self.at_prefix),
        };
        if kind.is_silent() && !self.with_control && !self.spelled.contains(&id) {
            self.at_prefix = prefix_follows;
            return;
        }
        let bytes = self.tokenizer.token_bytes(id);
        let bytes = match bytes.strip_prefix(b" ") {
            Some(rest) if self.strips_prefix && self.at_prefix && !is_added => rest,
            _ => &bytes,
        };
        out.extend_from_slice(bytes);
        self.at_prefix = prefix_follows;
    }

    /// Appends the whole characters that `id` completes to `out`.
    pub fn push(&mut self, id: TokenId, out: &mut String) {
        let mut bytes = std::mem::take(&mut self.pending);
        self.push_bytes(id, &mut bytes);
        let mut rest = bytes.as_slice();
        loop {
            match std::str::from_utf8(rest) {
                Ok(text) => {
                    out.push_str(text);
                    rest = &[];
                    break;
                }
                Err(error) => {
                    let (valid, invalid) = rest.split_at(error.valid_up_to());
                    out.push_str(std::str::from_utf8(valid).unwrap_or_default());
                    rest = invalid;
                    // `None`: the end of the bytes, not a wrong one; more may follow.
                    let Some(n_wrong) = error.error_len() else { break };
                    out.push(char::REPLACEMENT_CHARACTER);
                    rest = invalid.get(n_wrong..).unwrap_or_default();
                }
            }
        }
        let n_done = bytes.len() - rest.len();
        bytes.drain(..n_done);
        self.pending = bytes;
    }

    /// Number of bytes of an unfinished character that wait for the next token.
    pub fn n_pending(&self) -> usize {
        self.pending.len()
    }

    /// Ends the stream: an unfinished character becomes U+FFFD.
    pub fn finish(&mut self, out: &mut String) {
        if !self.pending.is_empty() {
            self.pending.clear();
            out.push(char::REPLACEMENT_CHARACTER);
        }
    }
}
