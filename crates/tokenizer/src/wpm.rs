//! WordPiece: normalised words, each cut into the longest tokens from left to right.
//!
//! The first piece of a word is spelled with `▁` in front, the others plain (as the GGUF converter rewrites BERT's
//! `##`). Source: Devlin et al. 2019 (arXiv 1810.04805), `BasicTokenizer` and `WordpieceTokenizer`.

use crate::{
    longest::Longest,
    spm::SPACE,
    unicode::{Classes, classes_of},
};
use gguf::TokenId;
use unicode_normalization::UnicodeNormalization;
use unicode_properties::{GeneralCategory, UnicodeGeneralCategory};

pub(crate) struct Wpm {
    pub(crate) lowercase: bool,
    pub(crate) strip_accents: bool,
    pub(crate) longest: Longest,
    pub(crate) unknown: Option<TokenId>,
}

impl Wpm {
    /// Appends the ids of `text`, which holds no special token.
    pub(crate) fn encode(&self, text: &str, out: &mut Vec<TokenId>) {
        let mut word = String::new();
        if self.strip_accents {
            self.normalise(text.nfd(), &mut word, |word| self.encode_word(word.as_bytes(), out));
        } else {
            self.normalise(text.chars(), &mut word, |word| self.encode_word(word.as_bytes(), out));
        }
    }

    /// Drops controls (and accents), lowers case, and makes punctuation and CJK characters words of their own.
    fn normalise(&self, chars: impl Iterator<Item = char>, word: &mut String, mut emit: impl FnMut(&str)) {
        for c in chars {
            let is_dropped = matches!(c, '\0' | '\u{fffd}')
                || is_control(c)
                || (self.strip_accents && !c.is_ascii() && c.general_category() == GeneralCategory::NonspacingMark);
            if is_dropped {
                continue;
            }
            let classes = classes_of(c);
            let ends_word = classes.any(Classes::SPACE);
            let is_word =
                classes.any(Classes::PUNCTUATION) || (c.is_ascii() && classes.any(Classes::SYMBOL)) || is_cjk(c);
            if (ends_word || is_word) && !word.is_empty() {
                emit(word);
                word.clear();
            }
            if !ends_word {
                word.push(if self.lowercase { lower(c) } else { c });
                if is_word {
                    emit(word);
                    word.clear();
                }
            }
        }
        if !word.is_empty() {
            emit(word);
            word.clear();
        }
    }

    fn encode_word(&self, word: &[u8], out: &mut Vec<TokenId>) {
        let start = out.len();
        let mut spelled = Vec::with_capacity(SPACE.len() + word.len());
        spelled.extend_from_slice(SPACE);
        spelled.extend_from_slice(word);
        let mut rest = spelled.as_slice();
        while !rest.is_empty() {
            let Some((id, n_bytes)) = self.longest.find(rest) else {
                // One hole, and the whole word is unknown.
                out.truncate(start);
                out.extend(self.unknown);
                return;
            };
            out.push(TokenId(id));
            rest = rest.get(n_bytes..).unwrap_or_default();
        }
    }
}

/// Whether a character is a control. Only three of them are white space; form feed and next line are dropped, as by
/// BERT.
fn is_control(c: char) -> bool {
    use GeneralCategory as G;
    if c.is_ascii() {
        return c.is_ascii_control() && !matches!(c, '\t' | '\n' | '\r');
    }
    matches!(c.general_category(), G::Control | G::Format | G::PrivateUse | G::Surrogate)
}

/// Returns the single lower-case letter; a character that lowers to several stays.
fn lower(c: char) -> char {
    let mut lower = c.to_lowercase();
    match (lower.next(), lower.next()) {
        (Some(one), None) => one,
        _ => c,
    }
}

/// Whether a character is one of BERT's "Chinese characters": the CJK ideograph blocks, no kana, no Hangul.
fn is_cjk(c: char) -> bool {
    matches!(c,
        '\u{4e00}'..='\u{9fff}' | '\u{3400}'..='\u{4dbf}' | '\u{20000}'..='\u{2a6df}' | '\u{2a700}'..='\u{2b73f}'
        | '\u{2b740}'..='\u{2b81f}' | '\u{2b920}'..='\u{2ceaf}' | '\u{f900}'..='\u{faff}' | '\u{2f800}'..='\u{2fa1f}')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(lowercase: bool, text: &str, expected: &[&str]) {
        let wpm = Wpm { lowercase, strip_accents: lowercase, longest: Longest::default(), unknown: None };
        let mut words = Vec::new();
        let mut emit = |word: &str| words.push(word.to_owned());
        if lowercase {
            wpm.normalise(text.nfd(), &mut String::new(), &mut emit);
        } else {
            wpm.normalise(text.chars(), &mut String::new(), &mut emit);
        }
        assert_eq!(words, expected, "{text:?}");
    }

    #[test]
    fn normalises_as_bert_does() {
        check(true, "  Héllo,\tWORLD! a+b", &["hello", ",", "world", "!", "a", "+", "b"]);
        check(true, "日本ab\u{200b}c\0\u{fffd}", &["日", "本", "abc"]);
        check(true, "a\u{c}b\u{a0}c\nd\u{93e}", &["ab", "c", "d\u{93e}"]);
        check(false, "Hé!", &["Hé", "!"]);
        check(true, "", &[]);
    }
}
