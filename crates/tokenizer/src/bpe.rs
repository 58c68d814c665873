//! Byte-pair encoding: merges in the order in which training found them.
//!
//! Two spellings: byte-level (GPT-2 and its heirs: text is bytes, every byte is a token) and by character (Gemma 4:
//! space is `▁`, a character that is no token becomes byte tokens). Source: Sennrich, Haddow, Birch 2016 (arXiv
//! 1508.07909).

use crate::{
    error::Error,
    index::mix,
    merge::{MergeRule, NO_ID, Pair, Scratch, Symbol},
    pre::{self, PreTokenizer},
    spm::SpaceCutter,
    vocabulary::{TokenKind, Vocabulary},
    words::{WholeWords, WordCoder, cut_characters, encode_word},
};
use gguf::TokenId;

/// The merges of `tokenizer.ggml.merges`, by the ids of both sides.
pub(crate) struct Merges {
    slots: Box<[Slot]>,
    /// Whether a merge makes the token, for each token.
    made: Vec<bool>,
}

/// A slot of the table of merges; empty if `left` is [`NO_ID`].
#[derive(Clone, Copy)]
struct Slot {
    left: u32,
    right: u32,
    pair: Pair,
}

impl Merges {
    fn with_capacity(n: usize, n_tokens: usize) -> Self {
        let empty = Slot { left: NO_ID, right: NO_ID, pair: Pair { rank: 0, id: NO_ID } };
        Self { slots: vec![empty; (n.max(1) * 2).next_power_of_two()].into_boxed_slice(), made: vec![false; n_tokens] }
    }

    #[inline]
    fn home(&self, left: u32, right: u32) -> usize {
        mix(u64::from(left) << 32 | u64::from(right), 0x9e37_79b9_7f4a_7c15) as usize & (self.slots.len() - 1)
    }

    /// Enters a merge; of two equal merges the first counts.
    fn insert(&mut self, left: u32, right: u32, pair: Pair) {
        if let Some(made) = self.made.get_mut(pair.id as usize) {
            *made = true;
        }
        let mut at = self.home(left, right);
        while self.slots[at].left != NO_ID {
            if (self.slots[at].left, self.slots[at].right) == (left, right) {
                return;
            }
            at = (at + 1) & (self.slots.len() - 1);
        }
        self.slots[at] = Slot { left, right, pair };
    }

    /// Whether a merge makes `id`, so that it is text whatever it looks like.
    pub(crate) fn make(&self, id: u32) -> bool {
        self.made.get(id as usize).copied().unwrap_or_default()
    }

    #[inline]
    fn find(&self, left: u32, right: u32) -> Option<Pair> {
        let mut at = self.home(left, right);
        loop {
            let slot = self.slots[at];
            if (slot.left, slot.right) == (left, right) {
                return Some(slot.pair);
            }
            if slot.left == NO_ID {
                return None;
            }
            at = (at + 1) & (self.slots.len() - 1);
        }
    }
}

/// Reads merges, `left right` each, in rank order.
pub(crate) fn load_merges(merges: &[String], vocabulary: &Vocabulary, is_byte_level: bool) -> Result<Merges, Error> {
    let mut table = Merges::with_capacity(merges.len(), vocabulary.len());
    let mut joined = Vec::new();
    let mut last = 0_u32;
    for (index, merge) in merges.iter().enumerate() {
        // The first piece has at least one byte, which may be a space itself.
        let bytes = merge.as_bytes();
        let space = bytes.iter().skip(1).position(|&b| b == b' ').map(|i| i + 1);
        let Some((left, right)) = space.and_then(|i| Some((merge.get(..i)?, merge.get(i + 1..)?))) else {
            return Err(Error::Merge { index, merge: merge.clone() });
        };
        if right.is_empty() {
            return Err(Error::Merge { index, merge: merge.clone() });
        }
        joined.clear();
        let mut append = |piece: &str| {
            if !is_byte_level || !crate::byte_level::decode_piece(piece, &mut joined) {
                joined.extend_from_slice(piece.as_bytes());
            }
            joined.len()
        };
        let middle = append(left);
        append(right);
        let find = |key: &[u8], piece: &dyn Fn() -> String| {
            vocabulary.find(key).ok_or_else(|| Error::MergePiece { index, piece: piece() })
        };
        let left_id = find(&joined[..middle], &|| left.to_owned())?;
        let right_id = find(&joined[middle..], &|| right.to_owned())?;
        // Most vocabularies number tokens in merge order: then the next token is the one, and no search is needed.
        let is_next = vocabulary.kind(last + 1) == Some(TokenKind::Normal) && vocabulary.key(last + 1) == joined;
        let id = if is_next { last + 1 } else { find(&joined, &|| format!("{left}{right}"))? };
        last = id;
        // What text may not become (a control token) no merge makes.
        if vocabulary.kind(id).is_some_and(TokenKind::is_text) {
            table.insert(left_id, right_id, Pair { rank: index as u32, id });
        }
    }
    Ok(table)
}

/// The way in which words become symbols.
pub(crate) enum Spelling {
    /// Words are cut into bytes, each of which has a token with this id.
    Bytes(Box<[u32; 256]>),
    /// Words are cut into characters, space as `▁`. The rest is spelled by byte tokens, or by `unknown` where one of
    /// them is not there.
    Characters { byte_tokens: Box<[Option<u32>; 256]>, unknown: Option<TokenId>, cutter: SpaceCutter },
}

pub(crate) struct Bpe {
    pub(crate) merges: Merges,
    pub(crate) pre: PreTokenizer,
    pub(crate) spelling: Spelling,
    pub(crate) whole_words: WholeWords,
}

/// The algorithm with the tokens it works on.
struct Coder<'a> {
    bpe: &'a Bpe,
    vocabulary: &'a Vocabulary,
}

impl MergeRule for Coder<'_> {
    #[inline]
    fn pair(&self, _word: &[u8], left: Symbol, right: Symbol) -> Option<Pair> {
        if left.id == NO_ID || right.id == NO_ID {
            return None;
        }
        self.bpe.merges.find(left.id, right.id)
    }
}

impl WordCoder for Coder<'_> {
    fn cut(&self, word: &[u8], symbols: &mut Vec<Symbol>) {
        match &self.bpe.spelling {
            Spelling::Bytes(ids) => symbols.extend((0..).zip(word).map(|(i, &byte)| Symbol {
                start: i,
                end: i + 1,
                id: ids[usize::from(byte)],
            })),
            Spelling::Characters { .. } => cut_characters(self.vocabulary, word, symbols),
        }
    }

    /// Appends the tokens of bytes. A byte that the vocabulary cannot say is left out, as by every other
    /// implementation, unless there is a token for the unknown.
    fn spell_out(&self, bytes: &[u8], out: &mut Vec<TokenId>) {
        if let Spelling::Characters { byte_tokens, unknown, .. } = &self.bpe.spelling {
            let ids = || bytes.iter().map(|&byte| byte_tokens[usize::from(byte)]);
            match unknown {
                Some(unknown) if ids().any(|id| id.is_none()) => out.push(*unknown),
                _ => out.extend(ids().flatten().map(TokenId)),
            }
        }
    }
}

impl Bpe {
    /// Appends the ids of `text`, which holds no special token.
    pub(crate) fn encode(&self, vocabulary: &Vocabulary, text: &str, scratch: &mut Scratch, out: &mut Vec<TokenId>) {
        let coder = Coder { bpe: self, vocabulary };
        let mut word = |word: &[u8], ignore_merges: bool| {
            encode_word(&coder, vocabulary, &self.whole_words, ignore_merges, word, scratch, out);
        };
        match &self.spelling {
            Spelling::Bytes(_) => {
                pre::split(self.pre.passes, text.as_bytes(), &mut |w: &[u8]| word(w, self.pre.ignore_merges));
            }
            Spelling::Characters { cutter, .. } => {
                pre::split(self.pre.passes, text.as_bytes(), &mut |line: &[u8]| {
                    // Runs of newlines are tokens though no merge makes them.
                    if line.first() == Some(&b'\n') {
                        word(line, true);
                    } else {
                        cutter.cut(line, false, |w: &[u8]| word(w, false));
                    }
                });
            }
        }
    }

    /// Sets the token that stands for characters without byte tokens.
    pub(crate) fn set_unknown(&mut self, id: Option<TokenId>) {
        if let Spelling::Characters { unknown, .. } = &mut self.spelling {
            *unknown = id;
        }
    }

    /// Appends the ids of `text`, one word of a pipeline: nothing cuts it but what no merge crosses.
    pub(crate) fn encode_piece(
        &self,
        vocabulary: &Vocabulary,
        text: &str,
        ignore_merges: bool,
        scratch: &mut Scratch,
        out: &mut Vec<TokenId>,
    ) {
        let coder = Coder { bpe: self, vocabulary };
        let mut word = |word: &[u8]| {
            encode_word(&coder, vocabulary, &self.whole_words, ignore_merges, word, scratch, out);
        };
        match &self.spelling {
            Spelling::Bytes(_) => word(text.as_bytes()),
            // The cutter looks for the space that `▁` stands for.
            Spelling::Characters { cutter, .. } => cutter.cut(text.replace('▁', " ").as_bytes(), false, word),
        }
    }

    /// Whether the vocabulary spells space as `▁`.
    pub(crate) fn escapes_space(&self) -> bool {
        matches!(self.spelling, Spelling::Characters { .. })
    }
}
