//! Characters of a text by byte position, with the classes that pre-tokenizers tell apart.

use unicode_properties::{GeneralCategory, UnicodeGeneralCategory};

/// A set of character classes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Classes(u8);

impl Classes {
    pub(crate) const NONE: Self = Self(0);
    /// Letters, `\p{L}`, of every case.
    pub(crate) const LETTER: Self = Self(1);
    /// Numbers, `\p{N}`, of every kind.
    pub(crate) const NUMBER: Self = Self(2);
    /// Punctuation, `\p{P}`, of every kind.
    pub(crate) const PUNCTUATION: Self = Self(4);
    /// Symbols, `\p{S}`, of every kind.
    pub(crate) const SYMBOL: Self = Self(8);
    /// Marks, `\p{M}`, of every kind.
    pub(crate) const MARK: Self = Self(16);
    /// White space, `\s` of expressions.
    pub(crate) const SPACE: Self = Self(32);
    /// Upper-case and title-case letters, `\p{Lu}` and `\p{Lt}`, which are of `LETTER` as well.
    pub(crate) const UPPER: Self = Self(64);
    /// Lower-case letters, `\p{Ll}`, which are of `LETTER` as well.
    pub(crate) const LOWER: Self = Self(128);

    pub(crate) const fn or(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Whether the two sets meet.
    #[inline]
    pub(crate) const fn any(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }
}

/// A character of a text; past the end `len` is 0, `code` is no character and `classes` is empty.
#[derive(Clone, Copy)]
pub(crate) struct Char {
    pub(crate) code: u32,
    pub(crate) classes: Classes,
    /// Number of bytes in UTF-8.
    pub(crate) len: usize,
}

impl Char {
    const END: Self = Self { code: u32::MAX, classes: Classes::NONE, len: 0 };

    #[inline]
    pub(crate) fn is(self, c: char) -> bool {
        self.code == c as u32
    }

    /// Whether the character is a carriage return or a line feed.
    #[inline]
    pub(crate) fn is_newline(self) -> bool {
        self.code == 10 || self.code == 13
    }

    /// Returns the code in lower case, if it is ASCII, for comparison without case.
    #[inline]
    pub(crate) fn ascii_lower(self) -> u32 {
        if (65..=90).contains(&self.code) { self.code + 32 } else { self.code }
    }
}

static ASCII: [Classes; 128] = {
    let mut table = [Classes::NONE; 128];
    let mut i = 0;
    while i < 128 {
        table[i] = match i as u8 {
            b'a'..=b'z' => Classes::LETTER.or(Classes::LOWER),
            b'A'..=b'Z' => Classes::LETTER.or(Classes::UPPER),
            b'0'..=b'9' => Classes::NUMBER,
            9..=13 | b' ' => Classes::SPACE,
            b'$' | b'+' | b'<'..=b'>' | b'^' | b'`' | b'|' | b'~' => Classes::SYMBOL,
            33..=126 => Classes::PUNCTUATION,
            _ => Classes::NONE,
        };
        i += 1;
    }
    table
};

/// Returns the character at byte `at` of `text`, which is UTF-8 and starts one there.
#[inline]
pub(crate) fn char_at(text: &[u8], at: usize) -> Char {
    match text.get(at) {
        None => Char::END,
        Some(&byte) if byte < 128 => Char { code: u32::from(byte), classes: ASCII[usize::from(byte)], len: 1 },
        Some(&byte) => wide_char_at(text, at, byte),
    }
}

/// Returns the number of bytes of the character that starts with `lead`.
#[inline]
pub(crate) fn utf8_len(lead: u8) -> usize {
    match lead {
        0..0xc0 => 1,
        0xc0..0xe0 => 2,
        0xe0..0xf0 => 3,
        _ => 4,
    }
}

fn wide_char_at(text: &[u8], at: usize, lead: u8) -> Char {
    let len = utf8_len(lead);
    let mut code = u32::from(lead) & (0x7f >> len);
    for i in 1..len {
        code = code << 6 | u32::from(text.get(at + i).map_or(0, |&byte| byte & 0x3f));
    }
    Char { code, classes: char::from_u32(code).map_or(Classes::NONE, classes_of), len }
}

/// Returns the classes of any character.
pub(crate) fn classes_of(c: char) -> Classes {
    use GeneralCategory as G;
    match c {
        '\0'..='\x7f' => ASCII[c as usize],
        // The bulk of Chinese, Japanese and Korean text, without the search.
        '\u{3041}'..='\u{3096}' | '\u{4e00}'..='\u{9fff}' | '\u{ac00}'..='\u{d7a3}' => Classes::LETTER,
        _ if c.is_whitespace() => Classes::SPACE,
        _ => match c.general_category() {
            G::UppercaseLetter | G::TitlecaseLetter => Classes::LETTER.or(Classes::UPPER),
            G::LowercaseLetter => Classes::LETTER.or(Classes::LOWER),
            G::ModifierLetter | G::OtherLetter => Classes::LETTER,
            G::DecimalNumber | G::LetterNumber | G::OtherNumber => Classes::NUMBER,
            G::NonspacingMark | G::SpacingMark | G::EnclosingMark => Classes::MARK,
            G::ConnectorPunctuation
            | G::DashPunctuation
            | G::OpenPunctuation
            | G::ClosePunctuation
            | G::InitialPunctuation
            | G::FinalPunctuation
            | G::OtherPunctuation => Classes::PUNCTUATION,
            G::MathSymbol | G::CurrencySymbol | G::ModifierSymbol | G::OtherSymbol => Classes::SYMBOL,
            _ => Classes::NONE,
        },
    }
}

/// Returns the end of the longest run from `at` of characters that satisfy `belongs`.
#[inline]
pub(crate) fn run_end(text: &[u8], mut at: usize, belongs: impl Fn(Char) -> bool) -> usize {
    loop {
        let c = char_at(text, at);
        if c.len == 0 || !belongs(c) {
            return at;
        }
        at += c.len;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use unicode_properties::GeneralCategoryGroup as Group;

    #[test]
    fn decodes_every_character_and_agrees_with_the_unicode_tables() {
        for c in ('\0'..=char::MAX).step_by(7).chain('\0'..'\u{300}').chain(['가', '힣', '一', 'ぁ', '\u{10ffff}'])
        {
            let mut buffer = [0; 4];
            let text = c.encode_utf8(&mut buffer).as_bytes();
            let got = char_at(text, 0);
            assert_eq!((got.code, got.len), (c as u32, text.len()));
            let group = c.general_category_group();
            for (class, expected) in [
                (Classes::LETTER, group == Group::Letter),
                (Classes::NUMBER, group == Group::Number),
                (Classes::PUNCTUATION, group == Group::Punctuation),
                (Classes::SYMBOL, group == Group::Symbol),
                (Classes::MARK, group == Group::Mark),
                (Classes::SPACE, c.is_whitespace()),
                (Classes::LOWER, c.general_category() == GeneralCategory::LowercaseLetter),
            ] {
                assert_eq!(got.classes.any(class), expected, "{c:?} {class:?}");
            }
        }
        assert_eq!(char_at(b"", 0).len, 0);
    }
}
