//! Finds added tokens in text: leftmost first, longest among those that begin there.

use unicode_properties::{GeneralCategory, UnicodeGeneralCategory};

use crate::strings::{Sorted, Strings, partition, sort};

/// A token to look for in text.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Added {
    pub(crate) id: u32,
    /// Whether the token takes the white space before it, too.
    pub(crate) lstrip: bool,
    /// Whether the token takes the white space after it, too.
    pub(crate) rstrip: bool,
    /// Whether the token is found only where no letter, mark, digit or connector stands beside it.
    pub(crate) single_word: bool,
}

impl Added {
    /// Makes a token that is found wherever it is spelled, and takes nothing else.
    pub(crate) fn plain(id: u32) -> Self {
        Self { id, lstrip: false, rstrip: false, single_word: false }
    }
}

/// The white space that tokens take with them.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Blanks {
    /// White space of C's `isspace`, as llama.cpp has it.
    Ascii,
    /// White space of Unicode (`White_Space`), as `tokenizers` has it.
    Unicode,
}

impl Blanks {
    fn has(self, c: char) -> bool {
        match self {
            Self::Ascii => matches!(c, '\t'..='\r' | ' '),
            Self::Unicode => c.is_whitespace(),
        }
    }
}

/// A piece of text between added tokens, or an added token.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Fragment<'t> {
    Text(&'t str),
    Token(u32),
}

/// The texts of added tokens in byte order: those that begin with some text are neighbours, the shortest first.
pub(crate) struct Matcher {
    texts: Strings,
    tokens: Vec<Added>,
    blanks: Blanks,
    /// Ranges of the tokens that begin with each byte.
    starts: Box<[(u32, u32); 256]>,
}

impl Matcher {
    pub(crate) fn new<'a>(tokens: impl Iterator<Item = (&'a [u8], Added)>, blanks: Blanks) -> Self {
        let tokens: Vec<(&[u8], Added)> = tokens.filter(|(text, _)| !text.is_empty()).collect();
        let mut sorted: Vec<Sorted<'_>> = (0..).zip(&tokens).map(|(at, (text, added))| (*text, added.id, at)).collect();
        sort(&mut sorted);
        let mut matcher = Self {
            texts: Strings::with_capacity(sorted.len(), sorted.iter().map(|(text, ..)| text.len()).sum()),
            tokens: sorted.iter().filter_map(|&(_, _, at)| Some(tokens.get(at)?.1)).collect(),
            blanks,
            starts: Box::new([(0, 0); 256]),
        };
        for (i, (text, ..)) in (0..).zip(sorted) {
            matcher.texts.push(text);
            let range = &mut matcher.starts[usize::from(text[0])];
            *range = if range.1 == 0 { (i, i + 1) } else { (range.0, i + 1) };
        }
        matcher
    }

    /// Returns the longest token at the start of `text`, and its length.
    fn longest(&self, text: &[u8]) -> Option<(Added, usize)> {
        let first = *text.first()?;
        let (mut low, mut high) = self.starts[usize::from(first)];
        let (mut found, mut n) = (None, 1);
        while low < high {
            if self.texts.at(low as usize).len() == n {
                found = self.tokens.get(low as usize).map(|&token| (token, n));
            }
            let Some(&byte) = text.get(n) else { break };
            // `None`, the end of a text, sorts before every byte.
            let byte_at = |i: u32| self.texts.at(i as usize).get(n).copied();
            low = partition(low, high, |i| byte_at(i) < Some(byte));
            high = partition(low, high, |i| byte_at(i) == Some(byte));
            n += 1;
        }
        found
    }

    /// Cuts `text` at the added tokens in it. No fragment of text is empty.
    pub(crate) fn split<'t>(&self, text: &'t str, mut emit: impl FnMut(Fragment<'t>)) {
        let bytes = text.as_bytes();
        let (mut start, mut at) = (0, 0);
        let emit_text = |range: std::ops::Range<usize>, emit: &mut dyn FnMut(Fragment<'t>)| {
            if let Some(text) = text.get(range).filter(|text| !text.is_empty()) {
                emit(Fragment::Text(text));
            }
        };
        while let Some(skip) =
            bytes.get(at..).and_then(|rest| rest.iter().position(|&b| self.starts[usize::from(b)].1 > 0))
        {
            at += skip;
            let Some((token, n)) = self.longest(&bytes[at..]) else {
                at += 1;
                continue;
            };
            let (before, after) = (text.get(..at).unwrap_or_default(), text.get(at + n..).unwrap_or_default());
            if token.single_word && (before.ends_with(is_word) || after.starts_with(is_word)) {
                at += n;
                continue;
            }
            let is_blank = |c: char| self.blanks.has(c);
            let end = if token.lstrip { before.trim_end_matches(is_blank).len().max(start) } else { at };
            emit_text(start..end, &mut emit);
            emit(Fragment::Token(token.id));
            at = text.len() - if token.rstrip { after.trim_start_matches(is_blank) } else { after }.len();
            start = at;
        }
        emit_text(start..bytes.len(), &mut emit);
    }
}

/// Whether a character is of the class `\w`.
fn is_word(c: char) -> bool {
    use GeneralCategory as G;
    let is_more = || match c.general_category() {
        G::NonspacingMark | G::SpacingMark | G::EnclosingMark | G::DecimalNumber | G::ConnectorPunctuation => true,
        // Joiners.
        _ => matches!(c, '\u{200c}' | '\u{200d}'),
    };
    c.is_alphabetic() || is_more()
}

#[cfg(test)]
mod tests {
    use super::*;
    use Fragment::{Text, Token};

    fn check(tokens: &[(&str, bool, bool)], text: &str, expected: &[Fragment<'_>]) {
        let tokens = (0..)
            .zip(tokens)
            .map(|(id, &(t, lstrip, rstrip))| (t.as_bytes(), Added { lstrip, rstrip, ..Added::plain(id) }));
        let mut fragments = Vec::new();
        Matcher::new(tokens, Blanks::Ascii).split(text, |fragment| fragments.push(fragment));
        assert_eq!(fragments, expected, "{text:?}");
    }

    #[test]
    fn leftmost_then_longest() {
        let plain = [("<a>", false, false), ("<a><b>", false, false), ("b>c", false, false), ("é", false, false)];
        check(&plain, "x<a><b>c<a>", &[Text("x"), Token(1), Text("c"), Token(0)]);
        check(&plain, "<a><c>b>cé", &[Token(0), Text("<c>"), Token(2), Token(3)]);
        check(&plain, "<<a", &[Text("<<a")]);
        check(&[("a", false, false), ("aaa", false, false)], "aaaaab", &[Token(1), Token(0), Token(0), Text("b")]);
        check(&plain, "", &[]);
        check(&[], "text", &[Text("text")]);
    }

    #[test]
    fn strips_white_space() {
        let tokens = [("<l>", true, false), ("<r>", false, true)];
        check(&tokens, "a \n<l> b <r> \t c", &[Text("a"), Token(0), Text(" b "), Token(1), Text("c")]);
        check(&tokens, " <l><r> ", &[Token(0), Token(1)]);
    }

    #[test]
    fn a_single_word_stands_alone() {
        let token = |single_word| {
            let added = Added { single_word, lstrip: true, ..Added::plain(7) };
            Matcher::new([(b"ab".as_slice(), added)].into_iter(), Blanks::Unicode)
        };
        let check = |single_word: bool, text: &str, expected: &[Fragment<'_>]| {
            let mut fragments = Vec::new();
            token(single_word).split(text, |fragment| fragments.push(fragment));
            assert_eq!(fragments, expected, "{text:?}");
        };
        check(true, "x ab, abc é\u{a0}ab_ab", &[Text("x"), Token(7), Text(", abc é\u{a0}ab_ab")]);
        check(true, "ab\u{301} ab\u{200d} 文ab ab", &[Text("ab\u{301} ab\u{200d} 文ab"), Token(7)]);
        check(false, "abc\u{a0}ab", &[Token(7), Text("c"), Token(7)]);
    }
}
