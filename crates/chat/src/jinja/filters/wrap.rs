//! `wordwrap`, with the results of Python's `textwrap`.

use std::collections::VecDeque;

use unicode_properties::{GeneralCategory as G, UnicodeGeneralCategory};

use super::super::{
    Result,
    arguments::{Args, flag, int, optional_text},
    machine::Machine,
    meter::Text,
    methods::string,
    text::is_space,
    value::Value,
};
use crate::error::Error;

/// Characters of a line where nothing is said.
const WIDTH: i128 = 79;

/// How lines are broken.
struct Wrapper {
    width: usize,
    breaks_words: bool,
    breaks_at_hyphens: bool,
}

/// Each line of `value` is wrapped for itself.
pub(super) fn word_wrap(machine: &mut Machine<'_>, name: &'static str, value: &Value, args: Args) -> Result<Value> {
    let [width, long, separator, hyphens] =
        args.bind(name, ["width", "break_long_words", "wrapstring", "break_on_hyphens"])?;
    let separator = optional_text(separator.as_ref(), name)?.unwrap_or_else(|| "\n".into());
    if matches!(value, Value::Str(s) if s.text.is_empty()) {
        // Without a line nobody asks for the width.
        return Ok(value.clone());
    }
    let width = int(width.as_ref(), WIDTH, name)?;
    let Value::Str(s) = value else {
        super::require(value)?;
        return Err(Error::render(format!("wordwrap needs text, got {}", value.type_name())));
    };
    let wrapper = Wrapper {
        width: usize::try_from(width).unwrap_or(0),
        breaks_words: long.is_none() || flag(long.as_ref()),
        breaks_at_hyphens: hyphens.is_none() || flag(hyphens.as_ref()),
    };
    if wrapper.width == 0 {
        return Err(Error::render(format!("wordwrap: invalid width {width} (must be > 0)")));
    }
    // A value for each character and a piece for each word are held meanwhile.
    machine.meter.slots(s.text.len())?;
    let mut out = Text::new(&machine.meter);
    let mut is_first = true;
    for paragraph in string::split_lines(&s.text, false) {
        let lines = wrapper.lines(&paragraph.chars().collect::<Vec<_>>());
        for line in if lines.is_empty() { vec![String::new()] } else { lines } {
            if !std::mem::take(&mut is_first) {
                out.push_str(&separator)?;
            }
            out.push_str(&line)?;
        }
    }
    Ok(Value::str(out.into_string()))
}

impl Wrapper {
    fn lines(&self, text: &[char]) -> Vec<String> {
        let mut pieces = self.pieces(text);
        let mut lines: Vec<String> = Vec::new();
        while !pieces.is_empty() {
            // White space stands at no beginning but that of the text.
            if !lines.is_empty() && pieces.front().is_some_and(|piece| is_blank(piece)) {
                pieces.pop_front();
            }
            let (mut line, mut len) = (Vec::new(), 0);
            while let Some(piece) = pieces.pop_front_if(|piece| len + piece.len() <= self.width) {
                len += piece.len();
                line.push(piece);
            }
            if let Some(piece) = pieces.front_mut().filter(|piece| piece.len() > self.width) {
                if self.breaks_words {
                    let (head, tail) = piece.split_at(self.cut(piece, self.width - len));
                    line.push(head);
                    *piece = tail;
                } else if line.is_empty() {
                    line.extend(pieces.pop_front());
                }
            }
            line.pop_if(|piece| is_blank(piece));
            if !line.is_empty() {
                lines.push(line.concat().into_iter().collect());
            }
        }
        lines
    }

    /// Where a piece is cut of which `space` characters fit: behind its last hyphen there, if anything but hyphens
    /// stands before that.
    fn cut(&self, piece: &[char], space: usize) -> usize {
        let (head, _) = piece.split_at(space.min(piece.len()));
        let hyphen = head.iter().rposition(|c| *c == '-').filter(|at| *at > 0 && self.breaks_at_hyphens);
        match hyphen {
            Some(at) if head.iter().take(at).any(|c| *c != '-') => at + 1,
            _ => head.len(),
        }
    }

    /// Words, parts of words with hyphens, and the white space between: what a line can end behind.
    fn pieces<'t>(&self, text: &'t [char]) -> VecDeque<&'t [char]> {
        let mut pieces = VecDeque::new();
        let mut at = 0;
        while at < text.len() {
            let end = if self.breaks_at_hyphens { hyphenated_end(text, at) } else { simple_end(text, at) };
            pieces.extend(text.get(at..end));
            at = end;
        }
        pieces
    }
}

/// What separates words; other white space does not.
fn is_gap(c: char) -> bool {
    matches!(c, '\t'..='\r' | ' ')
}

fn is_blank(piece: &[char]) -> bool {
    piece.iter().all(|c| is_space(*c))
}

/// The end of the run of gaps or other characters that begins at `at`.
fn simple_end(text: &[char], at: usize) -> usize {
    let rest = text.iter().skip(at);
    let is_first_gap = text.get(at).is_some_and(|c| is_gap(*c));
    at + rest.take_while(|c| is_gap(**c) == is_first_gap).count()
}

/// The end of the piece that begins at `at`, where lines may break at hyphens: a run of gaps, a run of hyphens between
/// words, or a word up to and with a hyphen within it.
fn hyphenated_end(text: &[char], at: usize) -> usize {
    let is = |at: usize, test: fn(char) -> bool| text.get(at).is_some_and(|c| test(*c));
    let before = |at: usize, n: usize, test: fn(char) -> bool| at.checked_sub(n).is_some_and(|at| is(at, test));
    if is(at, is_gap) {
        return simple_end(text, at);
    }
    // Two hyphens or more between a word and what follows it.
    let dash = |at: usize| {
        let n = text.iter().skip(at).take_while(|c| **c == '-').count();
        (n >= 2 && before(at, 1, may_precede_dash) && is(at + n, is_word)).then_some(at + n)
    };
    if let Some(end) = dash(at) {
        return end;
    }
    let mut end = at + 1;
    loop {
        let is_hyphen = is(end, |c| c == '-');
        let follows_letters = before(end, 1, is_letter)
            && (before(end, 2, is_letter) || before(end, 2, |c| c == '-') && before(end, 3, is_letter));
        let leads_letters =
            is(end + 1, is_letter) && (is(end + 2, is_letter) || is(end + 2, |c| c == '-') && is(end + 3, is_letter));
        if is_hyphen && follows_letters && leads_letters {
            return end + 1;
        }
        if end >= text.len() || is(end, is_gap) || dash(end).is_some() {
            return end;
        }
        end += 1;
    }
}

fn may_precede_dash(c: char) -> bool {
    is_word(c) || "!\"'&.,?".contains(c)
}

/// Whether Python's `\w` matches `c`.
fn is_word(c: char) -> bool {
    use G::{DecimalNumber, LetterNumber, LowercaseLetter, ModifierLetter, OtherLetter, OtherNumber};
    c == '_'
        || matches!(
            c.general_category(),
            LowercaseLetter
                | G::UppercaseLetter
                | G::TitlecaseLetter
                | ModifierLetter
                | OtherLetter
                | DecimalNumber
                | LetterNumber
                | OtherNumber
        )
}

/// Python's `\w` without its `\d`.
fn is_letter(c: char) -> bool {
    is_word(c) && c.general_category() != G::DecimalNumber
}
