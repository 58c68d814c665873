//! Steps that cut text into words. Their names and fields are those of `tokenizer.json`.

use std::{borrow::Cow, ops::Range};

use serde::Deserialize;
use serde_json::Value;

use super::{
    Prefix,
    expression::{Expression, Pattern},
};
use crate::{
    pre::{self, Pass},
    unicode::{Classes, classes_of},
};

#[derive(Deserialize)]
#[serde(tag = "type", deny_unknown_fields)]
enum Step {
    Split {
        pattern: Pattern,
        behavior: Behavior,
        #[serde(default)]
        invert: bool,
    },
    Metaspace {
        replacement: String,
        #[serde(default)]
        prepend_scheme: Option<Scheme>,
        /// Whether a space goes in front, as older files say it.
        #[serde(default)]
        add_prefix_space: Option<bool>,
        #[serde(default = "yes")]
        split: bool,
        /// Replacement of a space, which newer files spell twice.
        #[serde(default, rename = "str_rep")]
        _spelled: Option<String>,
    },
    ByteLevel {
        #[serde(default = "yes")]
        add_prefix_space: bool,
        #[serde(default = "yes")]
        use_regex: bool,
        /// Whether offsets leave out white space, which has no effect on ids.
        #[serde(default, rename = "trim_offsets")]
        _trim_offsets: bool,
    },
    Digits {
        #[serde(default)]
        individual_digits: bool,
    },
    Punctuation {
        #[serde(default)]
        behavior: Behavior,
    },
    Whitespace {},
    WhitespaceSplit {},
    CharDelimiterSplit {
        delimiter: char,
    },
}

/// The treatment of the matches of a cut.
#[derive(Deserialize, Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) enum Behavior {
    #[default]
    Isolated,
    Removed,
    MergedWithPrevious,
    MergedWithNext,
    Contiguous,
}

#[derive(Deserialize, Clone, Copy, PartialEq, Eq, Debug)]
#[serde(rename_all = "lowercase")]
enum Scheme {
    First,
    Always,
    Never,
}

fn yes() -> bool {
    true
}

/// Character that stands for a space.
const SPACE: char = '▁';

pub(super) enum Cut {
    Split {
        matches: Matches,
        behavior: Behavior,
        invert: bool,
    },
    /// Spells spaces as `▁`, puts one in front, and cuts before each if `split`.
    Metaspace {
        prefix: Prefix,
        split: bool,
    },
    /// Puts a space in front of every piece that has none.
    PrefixSpace,
    /// Cuts by the expression of GPT-2.
    Gpt2,
}

/// The text that a cut looks for.
pub(super) enum Matches {
    Expression(Expression),
    Character(char),
    Number,
    Punctuation,
    Blank,
}

impl Cut {
    pub(super) fn new(step: &Value) -> Result<Self, String> {
        let step = Step::deserialize(step).map_err(|e| e.to_string())?;
        let by = |matches: Matches, behavior: Behavior| Self::Split { matches, behavior, invert: false };
        Ok(match step {
            Step::Split { pattern, behavior, invert } => {
                Self::Split { matches: Matches::Expression(Expression::new(&pattern)?), behavior, invert }
            }
            Step::Metaspace { replacement, .. } if replacement != "▁" => {
                return Err(format!("replacement {replacement:?}, expected \"▁\""));
            }
            Step::Metaspace { prepend_scheme, add_prefix_space, split, .. } => {
                let old = if add_prefix_space.unwrap_or(true) { Scheme::Always } else { Scheme::Never };
                let prefix = match prepend_scheme.unwrap_or(old) {
                    Scheme::First => Prefix::First,
                    Scheme::Always => Prefix::Always,
                    Scheme::Never => Prefix::Never,
                };
                Self::Metaspace { prefix, split }
            }
            Step::ByteLevel { add_prefix_space: true, use_regex: true, .. } => {
                return Err("two steps in one: expected one with add_prefix_space alone".to_owned());
            }
            Step::ByteLevel { add_prefix_space: true, .. } => Self::PrefixSpace,
            Step::ByteLevel { use_regex: true, .. } => Self::Gpt2,
            Step::ByteLevel { .. } => return Err("a step without effect".to_owned()),
            Step::Digits { individual_digits: true } => by(Matches::Number, Behavior::Isolated),
            Step::Digits { .. } => by(Matches::Number, Behavior::Contiguous),
            Step::Punctuation { behavior } => by(Matches::Punctuation, behavior),
            Step::Whitespace {} => Self::Split {
                matches: Matches::Expression(Expression::words()?),
                behavior: Behavior::Removed,
                invert: true,
            },
            Step::WhitespaceSplit {} => by(Matches::Blank, Behavior::Removed),
            Step::CharDelimiterSplit { delimiter } => by(Matches::Character(delimiter), Behavior::Removed),
        })
    }

    pub(super) fn prefix(&self) -> Prefix {
        match self {
            Self::Metaspace { prefix, .. } => *prefix,
            Self::PrefixSpace => Prefix::Always,
            Self::Split { .. } | Self::Gpt2 => Prefix::Never,
        }
    }
}

/// Cuts `text` by `cuts`, one after another; `at_origin` says that it begins where the whole text does. No word is
/// empty.
pub(super) fn split(cuts: &[Cut], text: &str, at_origin: bool, emit: &mut dyn FnMut(&str)) {
    if text.is_empty() {
        return;
    }
    let Some((cut, rest)) = cuts.split_first() else { return emit(text) };
    match cut {
        Cut::Split { matches, behavior, invert } => {
            for piece in pieces(matches, *behavior, *invert, text) {
                let at_origin = at_origin && piece.start == 0;
                split(rest, text.get(piece).unwrap_or_default(), at_origin, emit);
            }
        }
        Cut::Metaspace { prefix, split: is_split } => {
            let mut spelled = text.replace(' ', "▁");
            let wants = *prefix == Prefix::Always || (*prefix == Prefix::First && at_origin);
            if wants && !spelled.starts_with(SPACE) {
                spelled.insert(0, SPACE);
            }
            if !is_split {
                return split(rest, &spelled, at_origin, emit);
            }
            for piece in pieces(&Matches::Character(SPACE), Behavior::MergedWithNext, false, &spelled) {
                let at_origin = at_origin && piece.start == 0;
                split(rest, spelled.get(piece).unwrap_or_default(), at_origin, emit);
            }
        }
        Cut::PrefixSpace => {
            let text = if text.starts_with(' ') { Cow::Borrowed(text) } else { Cow::Owned(format!(" {text}")) };
            split(rest, &text, at_origin, emit);
        }
        Cut::Gpt2 => {
            let mut at = 0;
            pre::split(&[Pass::Gpt2], text.as_bytes(), &mut |word| {
                // The words joined are the text.
                let end = at + word.len();
                split(rest, text.get(at..end).unwrap_or_default(), at_origin && at == 0, emit);
                at = end;
            });
        }
    }
}

/// Returns the pieces of `text`, from left to right.
fn pieces(matches: &Matches, behavior: Behavior, invert: bool, text: &str) -> Vec<Range<usize>> {
    // Matches and gaps; `true` is a match, or a gap if inverted.
    let mut all: Vec<(Range<usize>, bool)> = Vec::new();
    let mut end = 0;
    matches.find_all(text, &mut |range| {
        if end < range.start {
            all.push((end..range.start, invert));
        }
        end = range.end;
        all.push((range, !invert));
    });
    if end < text.len() {
        all.push((end..text.len(), invert));
    }
    let mut out: Vec<Range<usize>> = Vec::with_capacity(all.len());
    match behavior {
        Behavior::Isolated => out.extend(all.into_iter().map(|(range, _)| range)),
        Behavior::Removed => out.extend(all.into_iter().filter(|(_, is_match)| !is_match).map(|(range, _)| range)),
        Behavior::Contiguous => {
            let mut last = None;
            for (range, is_match) in all {
                match out.last_mut() {
                    Some(before) if last == Some(is_match) => before.end = range.end,
                    _ => out.push(range),
                }
                last = Some(is_match);
            }
        }
        Behavior::MergedWithPrevious => {
            let mut was_match = false;
            for (range, is_match) in all {
                match out.last_mut() {
                    Some(before) if is_match && !was_match => before.end = range.end,
                    _ => out.push(range),
                }
                was_match = is_match;
            }
        }
        Behavior::MergedWithNext => {
            let mut was_match = false;
            for (range, is_match) in all.into_iter().rev() {
                match out.last_mut() {
                    Some(after) if is_match && !was_match => after.start = range.start,
                    _ => out.push(range),
                }
                was_match = is_match;
            }
            out.reverse();
        }
    }
    out
}

impl Matches {
    fn find_all(&self, text: &str, emit: &mut dyn FnMut(Range<usize>)) {
        let mut each = |is_match: &dyn Fn(char) -> bool| {
            text.char_indices().filter(|(_, c)| is_match(*c)).for_each(|(at, c)| emit(at..at + c.len_utf8()));
        };
        match self {
            Self::Expression(expression) => expression.find_all(text, emit),
            Self::Character(character) => each(&|c| c == *character),
            Self::Number => each(&|c| classes_of(c).any(Classes::NUMBER)),
            Self::Punctuation => each(&|c| c.is_ascii_punctuation() || classes_of(c).any(Classes::PUNCTUATION)),
            Self::Blank => each(&char::is_whitespace),
        }
    }
}
