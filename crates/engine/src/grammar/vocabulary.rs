//! A tokenizer as the automata see it: the bytes of every token in one tree.

use super::{GrammarError, TokenMask, error::one_line, limits::TOKEN_BYTES_MAX};
use llguidance::{
    panic_utils::catch_unwind,
    toktrie::{INVALID_TOKEN, TokRxInfo, TokTrie, TokenizerEnv},
};
use std::sync::Arc;
use tokenizer::{ControlTokens, Kind, TokenId, Tokenizer};

/// The tree of the bytes of all tokens, and the tokens that are no text.
pub(super) struct Vocabulary {
    trie: TokTrie,
    tokenizer: Arc<Tokenizer>,
    /// Set of control tokens and ends of generation.
    pub(super) not_text: TokenMask,
    /// Tokens that end a generation.
    pub(super) ends: Vec<TokenId>,
}

impl Vocabulary {
    pub(super) fn new(tokenizer: &Arc<Tokenizer>) -> Result<Self, GrammarError> {
        let ends: Vec<TokenId> = tokenizer.end_of_generation().collect();
        let mut not_text = TokenMask::for_vocabulary(tokenizer.n_vocab());
        let mut words = Vec::with_capacity(tokenizer.n_vocab());
        for token in tokenizer.tokens() {
            let is_text = !tokenizer.is_control(token.id) && !tokenizer.is_end_of_generation(token.id);
            if !is_text {
                not_text.insert(token.id);
            }
            words.push(word_of(tokenizer, token.id, is_text));
        }
        let info = TokRxInfo::new(words.len() as u32, ends.first().map_or(INVALID_TOKEN, |id| id.0));
        // The tree's own bounds (nodes, depth) are assertions.
        let build = std::panic::AssertUnwindSafe(|| {
            let trie = TokTrie::from(&info, &words);
            let ids: Vec<u32> = ends.iter().map(|id| id.0).collect();
            Ok(if ids.is_empty() { trie } else { trie.with_eos_tokens(&ids) })
        });
        let trie = catch_unwind(build).map_err(|error| GrammarError::Vocabulary(one_line(&error.to_string())))?;
        Ok(Self { trie, tokenizer: Arc::clone(tokenizer), not_text, ends })
    }

    pub(super) fn n_vocab(&self) -> usize {
        self.tokenizer.n_vocab()
    }

    /// Returns the control token that is spelled `piece`.
    pub(super) fn control_token(&self, piece: &str) -> Option<TokenId> {
        self.tokenizer.id_of(piece).filter(|&id| self.not_text.allows(id))
    }

    /// Whether `piece` is the spelling of a token that is text.
    pub(super) fn is_text_token(&self, piece: &str) -> bool {
        self.tokenizer.id_of(piece).is_some_and(|id| !self.not_text.allows(id))
    }

    /// Appends the tokens that a model would spell `bytes` with in the middle of a text.
    pub(super) fn spell(&self, bytes: &[u8], out: &mut Vec<TokenId>) {
        match std::str::from_utf8(bytes) {
            Ok(text) if matches!(self.tokenizer.kind(), Kind::Bpe | Kind::Greedy) => {
                self.tokenizer.encode(text, ControlTokens::AsText, false, out);
            }
            // The others put a space in front, which is not there in the middle of a text.
            _ => out.extend(self.trie.greedy_tokenize(bytes).into_iter().map(TokenId)),
        }
    }
}

/// Returns the bytes that the token spells. A control token gets a mark that no text has; empty means never.
fn word_of(tokenizer: &Tokenizer, id: TokenId, is_text: bool) -> Vec<u8> {
    let bytes = tokenizer.token_bytes(id);
    // No text has the byte 0xFF, so a token that begins with it is no loss, and would read as a control token.
    let is_usable =
        !bytes.is_empty() && bytes.len() <= TOKEN_BYTES_MAX && !bytes.contains(&TokTrie::SPECIAL_TOKEN_MARKER);
    let mut word = Vec::new();
    if is_usable {
        if !is_text {
            word.push(TokTrie::SPECIAL_TOKEN_MARKER);
        }
        word.extend_from_slice(&bytes);
    }
    word
}

impl TokenizerEnv for Vocabulary {
    fn tok_trie(&self) -> &TokTrie {
        &self.trie
    }

    fn tokenize_bytes(&self, bytes: &[u8]) -> Vec<u32> {
        self.trie.greedy_tokenize(bytes)
    }

    /// Returns `false`: masks hold every spelling, and nothing is forced behind the sampler's back.
    fn tokenize_is_canonical(&self) -> bool {
        false
    }
}
