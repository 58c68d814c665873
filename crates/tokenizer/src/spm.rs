//! SentencePiece's BPE: characters merge into the token of the best score; what is no token becomes bytes.
//!
//! Space is spelled `▁` (U+2581). Source: Kudo, Richardson 2018 (arXiv 1808.06226), `bpe_model.cc` for the order of
//! merges.

use crate::{
    merge::{MergeRule, Pair, Scratch, Symbol},
    strings::Strings,
    unicode::utf8_len,
    vocabulary::{TokenKind, Vocabulary},
    words::{WholeWords, WordCoder, cut_characters, encode_word},
};
use gguf::TokenId;

/// Character `▁` in UTF-8, which stands for a space.
pub(crate) const SPACE: &[u8; 3] = b"\xe2\x96\x81";
/// Largest number of characters before a `▁` inside tokens for which text is cut at all.
const BEFORE_SPACE_MAX: usize = 32;

/// Spells space as `▁` and cuts text in front of it, where no token reaches across: merging the pieces is merging the
/// whole.
pub(crate) struct SpaceCutter {
    /// Characters after which some token goes on with `▁`; `None` if they are too many to be worth it.
    joined_by: Option<Vec<Vec<u8>>>,
}

impl SpaceCutter {
    pub(crate) fn new(pieces: &Strings, kinds: &[TokenKind]) -> Self {
        let mut joined_by: Vec<Vec<u8>> = Vec::new();
        for (piece, _) in pieces.iter().zip(kinds).filter(|(_, kind)| kind.is_text()) {
            let mut last: &[u8] = SPACE;
            let mut rest = piece;
            while let Some(&lead) = rest.first() {
                let (c, after) = rest.split_at(utf8_len(lead).min(rest.len()));
                if c == SPACE && last != SPACE && joined_by.iter().all(|known| known != last) {
                    if joined_by.len() == BEFORE_SPACE_MAX {
                        return Self { joined_by: None };
                    }
                    joined_by.push(last.to_vec());
                }
                (last, rest) = (c, after);
            }
        }
        Self { joined_by: Some(joined_by) }
    }

    /// Calls `emit` with the pieces of `text`, spelled with `▁`, one in front if `prefix`.
    pub(crate) fn cut(&self, text: &[u8], prefix: bool, mut emit: impl FnMut(&[u8])) {
        let mut word = Vec::with_capacity(64);
        if prefix {
            word.extend_from_slice(SPACE);
        }
        let may_cut = |word: &[u8]| match &self.joined_by {
            None => false,
            Some(_) if word.is_empty() || word.ends_with(SPACE) => false,
            Some(joined_by) => !joined_by.iter().any(|c| word.ends_with(c)),
        };
        for &byte in text {
            if byte == b' ' {
                if may_cut(&word) {
                    emit(&word);
                    word.clear();
                }
                word.extend_from_slice(SPACE);
            } else {
                word.push(byte);
            }
        }
        if !word.is_empty() {
            emit(&word);
        }
    }
}

pub(crate) struct Spm {
    /// Rank of each token; smaller merges first.
    pub(crate) ranks: Vec<u32>,
    /// Number of bytes of the longest token.
    pub(crate) n_bytes_max: usize,
    pub(crate) byte_tokens: Box<[Option<u32>; 256]>,
    pub(crate) unknown: Option<TokenId>,
    pub(crate) cutter: SpaceCutter,
    pub(crate) whole_words: WholeWords,
}

/// Returns a rank that grows as the score falls; equal scores have equal ranks. The largest rank, "no pair", is never
/// reached.
pub(crate) fn rank_of_score(score: f32) -> u32 {
    let bits = (score + 0.0).to_bits(); // −0 is 0
    let rising = if bits >> 31 == 1 { !bits } else { bits | 1 << 31 };
    (!rising).min(u32::MAX - 1)
}

/// The algorithm with the tokens it works on.
struct Coder<'a> {
    spm: &'a Spm,
    vocabulary: &'a Vocabulary,
}

impl MergeRule for Coder<'_> {
    #[inline]
    fn pair(&self, word: &[u8], left: Symbol, right: Symbol) -> Option<Pair> {
        let both = word.get(left.start as usize..right.end as usize)?;
        if both.len() > self.spm.n_bytes_max {
            return None;
        }
        let id = self.vocabulary.find_text(both)?;
        Some(Pair { rank: *self.spm.ranks.get(id as usize)?, id })
    }
}

impl WordCoder for Coder<'_> {
    fn cut(&self, word: &[u8], symbols: &mut Vec<Symbol>) {
        cut_characters(self.vocabulary, word, symbols);
    }

    /// Appends the byte tokens of a character; without byte fallback the whole character is unknown.
    fn spell_out(&self, bytes: &[u8], out: &mut Vec<TokenId>) {
        let ids = || bytes.iter().map(|&byte| self.spm.byte_tokens[usize::from(byte)]);
        if ids().all(|id| id.is_some()) {
            out.extend(ids().flatten().map(TokenId));
        } else {
            out.extend(self.spm.unknown);
        }
    }
}

impl Spm {
    /// Appends the ids of `text`, which holds no special token; `prefix` puts a space in front.
    pub(crate) fn encode(
        &self,
        vocabulary: &Vocabulary,
        text: &str,
        prefix: bool,
        scratch: &mut Scratch,
        out: &mut Vec<TokenId>,
    ) {
        let coder = Coder { spm: self, vocabulary };
        self.cutter.cut(text.as_bytes(), prefix, |word| {
            encode_word(&coder, vocabulary, &self.whole_words, false, word, scratch, out);
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn higher_scores_merge_first() {
        let scores = [1e30, 5.0, 0.0, -0.5, -41.0, -1e9, f32::NEG_INFINITY];
        assert!(scores.windows(2).all(|pair| rank_of_score(pair[0]) < rank_of_score(pair[1])));
        assert_eq!(rank_of_score(0.0), rank_of_score(-0.0));
        assert!(rank_of_score(f32::NEG_INFINITY) < u32::MAX);
    }

    fn check(pieces: &[&str], text: &str, prefix: bool, expected: &[&str]) {
        let mut strings = Strings::default();
        for piece in pieces {
            strings.push(piece.as_bytes());
        }
        let cutter = SpaceCutter::new(&strings, &vec![TokenKind::Normal; pieces.len()]);
        let mut words = Vec::new();
        cutter.cut(text.as_bytes(), prefix, |word| words.push(String::from_utf8(word.to_vec()).unwrap()));
        assert_eq!(words, expected, "{text:?}");
    }

    #[test]
    fn cuts_where_no_token_reaches_across() {
        check(&["▁a", "▁▁"], "a b  c", true, &["▁a", "▁b", "▁▁c"]);
        check(&["▁a", "▁▁"], "a▁ b ", false, &["a▁▁b", "▁"]);
        check(&[">▁<"], "a> <b c", false, &["a>▁<b", "▁c"]);
        check(&[], "", true, &["▁"]);
        check(&[], "", false, &[]);
    }
}
