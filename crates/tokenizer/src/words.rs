//! Words to ids: the shortcut for words that are tokens, and the memory of which are.

use crate::{
    merge::{MergeRule, NO_ID, Scratch, Symbol},
    unicode::utf8_len,
    vocabulary::{TokenKind, Vocabulary},
};
use gguf::TokenId;
use std::sync::atomic::{AtomicU8, Ordering};

/// Longer words are merged in pieces of this many bytes (cut between characters), so that positions fit and the memory
/// for one word is bounded; no text that people write has one.
const WORD_BYTES_MAX: usize = 16 << 20;

const UNTRIED: u8 = 0;
const WHOLE: u8 = 1;
const PARTS: u8 = 2;

/// For every token: does merging its own text give it back? Found out when first asked, then remembered.
///
/// Most words of a text are single tokens; this makes them one table lookup. Threads that race write the same answer.
pub(crate) struct WholeWords(Box<[AtomicU8]>);

impl WholeWords {
    pub(crate) fn new(n_tokens: usize) -> Self {
        Self((0..n_tokens).map(|_| AtomicU8::new(UNTRIED)).collect())
    }
}

/// An algorithm's way of spelling words.
pub(crate) trait WordCoder: MergeRule {
    /// Cuts `word` into the symbols that merging starts from.
    fn cut(&self, word: &[u8], symbols: &mut Vec<Symbol>);
    /// Appends the ids of a symbol that is no token.
    fn spell_out(&self, bytes: &[u8], out: &mut Vec<TokenId>);
}

/// Cuts `word` into its characters: what [`WordCoder::cut`] does where tokens are made of characters.
pub(crate) fn cut_characters(vocabulary: &Vocabulary, word: &[u8], symbols: &mut Vec<Symbol>) {
    let mut start = 0;
    while let Some(&lead) = word.get(start) {
        let end = (start + utf8_len(lead)).min(word.len());
        let id = word.get(start..end).and_then(|c| vocabulary.find_text(c)).unwrap_or(NO_ID);
        symbols.push(Symbol { start: start as u32, end: end as u32, id });
        start = end;
    }
}

/// Appends the ids of `word`. `ignore_merges`: a word that is a token is that token, whatever merging makes of it.
pub(crate) fn encode_word(
    coder: &impl WordCoder,
    vocabulary: &Vocabulary,
    whole_words: &WholeWords,
    ignore_merges: bool,
    word: &[u8],
    scratch: &mut Scratch,
    out: &mut Vec<TokenId>,
) {
    let whole = vocabulary.find_text(word);
    if let Some(id) = whole {
        let state = whole_words.0.get(id as usize);
        // An added token that stands here was passed over where text was searched for it.
        let ignore_merges = ignore_merges && vocabulary.kind(id) != Some(TokenKind::UserDefined);
        if ignore_merges || state.is_some_and(|state| state.load(Ordering::Relaxed) == WHOLE) {
            out.push(TokenId(id));
            return;
        }
    }
    let mut rest = word;
    while !rest.is_empty() {
        let mut cut = rest.len().min(WORD_BYTES_MAX);
        while rest.get(cut).is_some_and(|byte| byte & 0xc0 == 0x80) {
            cut -= 1;
        }
        let (part, after) = rest.split_at(cut);
        rest = after;
        scratch.symbols.clear();
        coder.cut(part, &mut scratch.symbols);
        scratch.merge(coder, part);
        for symbol in &scratch.symbols {
            if symbol.id == NO_ID {
                coder.spell_out(part.get(symbol.start as usize..symbol.end as usize).unwrap_or_default(), out);
            } else {
                out.push(TokenId(symbol.id));
            }
        }
    }
    if let Some(id) = whole
        && let Some(state) = whole_words.0.get(id as usize)
    {
        let is_whole = matches!(scratch.symbols.as_slice(), [symbol] if symbol.id == id);
        state.store(if is_whole { WHOLE } else { PARTS }, Ordering::Relaxed);
    }
}
