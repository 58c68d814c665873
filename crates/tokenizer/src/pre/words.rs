//! The expressions that cut a whole text into words, without gaps.

use crate::unicode::{Char, Classes, char_at, run_end};

/// The variants of `(?i:'s|'t|'re|'ve|'m|'ll|'d)|WORD|\p{N}{1,n}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+`
/// among model families.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Words {
    /// Whether the first alternative is there.
    pub(crate) contractions: bool,
    /// Expression that stands for `WORD`.
    pub(crate) shape: Shape,
    /// Largest number of digits of a word: `n`.
    pub(crate) n_digits_max: usize,
    /// Characters that may follow symbols: the `[\r\n]` of the fourth alternative.
    pub(crate) symbol_tail: &'static str,
}

/// The shape of a word of letters.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Shape {
    /// The expression `[^\r\n\p{L}\p{N}]?\p{L}+`.
    Letters,
    /// The expression `[^\r\n\p{L}\p{N}]?[\p{L}\p{M}]+`; symbols are no marks either.
    LettersAndMarks,
    /// The expression `[^\r\n\p{L}\p{N}]?U*L+|[^\r\n\p{L}\p{N}]?U+L*` with `U` = `[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]`,
    /// `L` = `[\p{Ll}\p{Lm}\p{Lo}\p{M}]`.
    Cased,
    /// The expression of [`Cased`](Self::Cased), with a contraction at the end if there is one.
    CasedWithContraction,
}

const WORD: Classes = Classes::LETTER.or(Classes::NUMBER);
const LETTERS_AND_MARKS: Classes = Classes::LETTER.or(Classes::MARK);
const SYMBOLS: Classes = Classes::PUNCTUATION.or(Classes::SYMBOL);

impl Words {
    /// Words of `cl100k` and Llama 3.
    pub(crate) const LLAMA3: Self =
        Self { contractions: true, shape: Shape::Letters, n_digits_max: 3, symbol_tail: "\r\n" };
    /// Words of Qwen 2, in which every digit is one.
    pub(crate) const QWEN2: Self = Self { n_digits_max: 1, ..Self::LLAMA3 };
    /// Words of Qwen 3.5, to which marks belong.
    pub(crate) const QWEN35: Self = Self { shape: Shape::LettersAndMarks, ..Self::QWEN2 };
    /// Words of Mistral's Tekken.
    pub(crate) const TEKKEN: Self =
        Self { contractions: false, shape: Shape::Cased, n_digits_max: 1, symbol_tail: "\r\n/" };
    /// Words of `o200k`, the vocabulary of GPT-4o.
    pub(crate) const GPT4O: Self = Self { shape: Shape::CasedWithContraction, n_digits_max: 3, ..Self::TEKKEN };
    /// Words of Seed-Coder, in which nothing follows symbols.
    pub(crate) const SEED_CODER: Self = Self { symbol_tail: "", ..Self::QWEN2 };

    #[inline]
    pub(crate) fn match_end(&self, text: &[u8], at: usize) -> usize {
        let c = char_at(text, at);
        if self.contractions && c.is('\'') {
            let end = contraction_end(text, at, Char::ascii_lower);
            if end > at {
                return end;
            }
        }
        let word = match self.shape {
            Shape::Letters => word_end(text, at, c, Classes::LETTER),
            Shape::LettersAndMarks => word_end(text, at, c, LETTERS_AND_MARKS),
            Shape::Cased => cased_end(text, at, c),
            Shape::CasedWithContraction => match cased_end(text, at, c) {
                end if end > at => contraction_end(text, end, Char::ascii_lower),
                none => none,
            },
        };
        if word > at {
            return word;
        }
        if c.classes.any(Classes::NUMBER) {
            return super::numbers_end(text, at, self.n_digits_max);
        }
        let no_symbol = match self.shape {
            Shape::LettersAndMarks => WORD.or(Classes::SPACE).or(Classes::MARK),
            _ => WORD.or(Classes::SPACE),
        };
        let end = symbols_end(text, at, c, |c| !c.classes.any(no_symbol));
        if end > at {
            return run_end(text, end, |c| self.symbol_tail.bytes().any(|b| u32::from(b) == c.code));
        }
        space_end(text, at, true)
    }
}

/// Returns the end of a match of [`super::Pass::Gpt2`].
#[inline]
pub(crate) fn gpt2(text: &[u8], at: usize) -> usize {
    let c = char_at(text, at);
    if c.is('\'') {
        let end = contraction_end(text, at, |c| c.code);
        if end > at {
            return end;
        }
    }
    let start = at + usize::from(c.is(' '));
    let first = if start > at { char_at(text, start) } else { c };
    for class in [Classes::LETTER, Classes::NUMBER] {
        if first.classes.any(class) {
            return run_end(text, start + first.len, |c| c.classes.any(class));
        }
    }
    let end = symbols_end(text, at, c, |c| !c.classes.any(WORD.or(Classes::SPACE)));
    if end > at { end } else { space_end(text, at, false) }
}

/// Returns the end of a match of [`super::Pass::DeepSeek3`].
pub(crate) fn deepseek3(text: &[u8], at: usize) -> usize {
    let c = char_at(text, at);
    if c.code < 128 && c.classes.any(SYMBOLS) {
        let end = run_end(text, at + 1, |c| c.code < 128 && c.classes.any(Classes::LETTER));
        if end > at + 1 {
            return end;
        }
    }
    let start = if c.is_newline() || c.classes.any(SYMBOLS.or(Classes::LETTER)) { at } else { at + c.len };
    for start in [start, at] {
        let end = run_end(text, start, |c| c.classes.any(LETTERS_AND_MARKS));
        if end > start {
            return end;
        }
    }
    let end = symbols_end(text, at, c, |c| c.classes.any(SYMBOLS));
    if end > at {
        return run_end(text, end, Char::is_newline);
    }
    space_end(text, at, true)
}

/// Returns the end of `'s|'t|'re|'ve|'m|'ll|'d`; `code` folds case, or does not.
fn contraction_end(text: &[u8], at: usize, code: impl Fn(Char) -> u32) -> usize {
    if !char_at(text, at).is('\'') {
        return at;
    }
    let letter = |i: usize| char::from_u32(code(char_at(text, at + i))).unwrap_or_default();
    match letter(1) {
        's' | 't' | 'm' | 'd' => at + 2,
        'r' | 'v' if letter(2) == 'e' => at + 3,
        'l' if letter(2) == 'l' => at + 3,
        _ => at,
    }
}

/// Whether `c` may stand before the letters of a word: `[^\r\n\p{L}\p{N}]`.
#[inline]
fn may_lead(c: Char) -> bool {
    c.len > 0 && !c.is_newline() && !c.classes.any(WORD)
}

/// Returns the end of `[^\r\n\p{L}\p{N}]?[letters]+`.
#[inline]
fn word_end(text: &[u8], at: usize, c: Char, letters: Classes) -> usize {
    if c.classes.any(Classes::LETTER) {
        return run_end(text, at + c.len, |c| c.classes.any(letters));
    }
    if may_lead(c) {
        let start = at + c.len;
        let end = run_end(text, start, |c| c.classes.any(letters));
        if end > start {
            return end;
        }
    }
    if c.classes.any(letters) { run_end(text, at + c.len, |c| c.classes.any(letters)) } else { at }
}

/// Returns the end of a match of [`Shape::Cased`].
fn cased_end(text: &[u8], at: usize, c: Char) -> usize {
    let is_upper = |c: Char| c.classes.any(LETTERS_AND_MARKS) && !c.classes.any(Classes::LOWER);
    let is_lower = |c: Char| c.classes.any(LETTERS_AND_MARKS) && !c.classes.any(Classes::UPPER);
    let after_lead = if may_lead(c) { at + c.len } else { at };
    // First alternative, U*L+: greedy, then back to the last letter of the run that can be the L.
    for start in [after_lead, at] {
        let (mut upper_end, mut last_lower_end) = (start, start);
        loop {
            let c = char_at(text, upper_end);
            if c.len == 0 || !is_upper(c) {
                break;
            }
            upper_end += c.len;
            if is_lower(c) {
                last_lower_end = upper_end;
            }
        }
        let end = run_end(text, upper_end, is_lower);
        let end = if end > upper_end { end } else { last_lower_end };
        if end > start {
            return end;
        }
    }
    // Second alternative, U+L*: the first found no L at all, so L* is empty.
    for start in [after_lead, at] {
        let end = run_end(text, start, is_upper);
        if end > start {
            return end;
        }
    }
    at
}

/// Returns the end of ` ?[symbols]+`.
#[inline]
fn symbols_end(text: &[u8], at: usize, c: Char, is_symbol: impl Fn(Char) -> bool) -> usize {
    let start = at + usize::from(c.is(' '));
    let end = run_end(text, start, is_symbol);
    if end > start { end } else { at }
}

/// Returns the end of `\s+(?!\S)|\s+`, with `\s*[\r\n]+` before it if `newlines`.
fn space_end(text: &[u8], at: usize, newlines: bool) -> usize {
    let (mut end, mut last, mut newline_end) = (at, at, at);
    loop {
        let c = char_at(text, end);
        if c.len == 0 || !c.classes.any(Classes::SPACE) {
            break;
        }
        last = end;
        end += c.len;
        if c.is_newline() {
            newline_end = end;
        }
    }
    if newlines && newline_end > at {
        newline_end
    } else if end < text.len() && last > at {
        last // the last space belongs to the next word
    } else {
        end
    }
}
