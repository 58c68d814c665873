//! Regular expressions of `tokenizer.json`, in which Oniguruma's meaning is kept: what means something else here is
//! refused by name.
//!
//! Matching takes linear time, so that an expression of a hostile file cannot hang. The one look-ahead that files use,
//! `\s+(?!\S)` at the end of an alternation, is taken out and done by hand.

use std::ops::Range;

use regex::Regex;
use regex_syntax::ast::{self, Ast};
use serde::Deserialize;

use crate::limits::EXPRESSION_BYTES_MAX;

/// A pattern as `tokenizer.json` writes it: a text, or an expression.
#[derive(Deserialize)]
pub(super) enum Pattern {
    String(String),
    Regex(String),
}

/// Largest size of a compiled expression, in bytes.
const COMPILED_BYTES_MAX: usize = 16 << 20;
/// Largest depth of groups within groups.
const DEPTH_MAX: u32 = 64;

/// Ends of expressions whose last alternatives cut white space off, but leave its last character to the word behind it;
/// and whether a single blank before a word is a match.
const BLANKS: &[(&str, bool)] = &[(r"|\s+(?!\S)|\s+", true), (r"|\s+(?!\S)|\s", true), (r"|\s+(?!\S)", false)];

/// Class `\w` as Oniguruma has it, which is not this engine's: joiners are no word characters.
const WORD: &str = r"\p{Alphabetic}\p{M}\p{Nd}\p{Pc}";

pub(super) struct Expression {
    regex: Regex,
    /// Group of the blanks at the end of a text or before a word, and whether one blank alone is a match.
    blanks: Option<(usize, bool)>,
}

impl Expression {
    pub(super) fn new(pattern: &Pattern) -> Result<Self, String> {
        let pattern = match pattern {
            Pattern::String(text) if text.is_empty() => return Err("an empty text".to_owned()),
            Pattern::String(text) => return compile(&regex::escape(text)).map(|regex| Self { regex, blanks: None }),
            Pattern::Regex(pattern) => pattern,
        };
        if pattern.len() > EXPRESSION_BYTES_MAX {
            return Err(format!(
                "an expression of {} bytes, more than the limit of {EXPRESSION_BYTES_MAX}",
                pattern.len()
            ));
        }
        let end = BLANKS.iter().find_map(|(end, alone)| Some((pattern.strip_suffix(end)?, *alone)));
        let (head, alone) = end.unwrap_or((pattern, true));
        let head = translate(head)?;
        if end.is_none() {
            return Ok(Self { regex: compile(&head)?, blanks: None });
        }
        let regex = compile(&format!(r"{head}|(\s+)"))?;
        let group = regex.captures_len() - 1;
        Ok(Self { regex, blanks: Some((group, alone)) })
    }

    /// Makes the expression of words and runs of symbols, as the pre-tokenizer `Whitespace` cuts.
    pub(super) fn words() -> Result<Self, String> {
        Ok(Self { regex: compile(r"\w+|[^\w\s]+")?, blanks: None })
    }

    /// Finds all matches, from left to right; none is empty.
    pub(super) fn find_all(&self, text: &str, emit: &mut dyn FnMut(Range<usize>)) {
        let Some((group, alone)) = self.blanks else {
            return self.regex.find_iter(text).for_each(|found| emit(found.range()));
        };
        let mut places = self.regex.capture_locations();
        let mut at = 0;
        while let Some(found) = self.regex.captures_read_at(&mut places, text, at) {
            let mut range = found.range();
            at = range.end;
            if places.get(group).is_some() && range.end < text.len() {
                // The run is all there is: behind it stands no blank.
                let last = text.get(range.clone()).and_then(|run| run.chars().next_back()).map_or(0, char::len_utf8);
                if range.len() > last {
                    range.end -= last;
                    at = range.end;
                } else if !alone {
                    continue;
                }
            }
            emit(range);
        }
    }
}

fn compile(pattern: &str) -> Result<Regex, String> {
    let one_line =
        |error: &dyn std::fmt::Display| error.to_string().lines().last().unwrap_or_default().trim().to_owned();
    let hir =
        regex_syntax::ParserBuilder::new().nest_limit(DEPTH_MAX).build().parse(pattern).map_err(|e| one_line(&e))?;
    if hir.properties().minimum_len().is_none_or(|n| n == 0) {
        return Err("an expression that the empty text matches".to_owned());
    }
    regex::RegexBuilder::new(pattern).size_limit(COMPILED_BYTES_MAX).build().map_err(|e| one_line(&e))
}

/// Spells an expression for this engine.
fn translate(pattern: &str) -> Result<String, String> {
    let ast = ast::parse::ParserBuilder::new()
        .nest_limit(DEPTH_MAX)
        .build()
        .parse(pattern)
        .map_err(|e| e.kind().to_string())?;
    let words = ast::visit(&ast, Checker::default())?;
    let (mut out, mut end) = (String::with_capacity(pattern.len()), 0);
    for (range, is_negated) in words {
        out.push_str(pattern.get(end..range.start).unwrap_or_default());
        out.push_str(if is_negated { "[^" } else { "[" });
        out.push_str(WORD);
        out.push(']');
        end = range.end;
    }
    out.push_str(pattern.get(end..).unwrap_or_default());
    Ok(out)
}

/// A visitor that finds `\w` and `\W`, and what the two engines read differently.
#[derive(Default)]
struct Checker {
    words: Vec<(Range<usize>, bool)>,
}

impl Checker {
    fn perl(&mut self, class: &ast::ClassPerl) {
        if class.kind == ast::ClassPerlKind::Word {
            self.words.push((class.span.start.offset..class.span.end.offset, class.negated));
        }
    }

    fn flags(flags: &ast::Flags) -> Result<(), String> {
        let is_known = |item: &ast::FlagsItem| {
            matches!(item.kind, ast::FlagsItemKind::Negation | ast::FlagsItemKind::Flag(ast::Flag::CaseInsensitive))
        };
        if flags.items.iter().all(is_known) { Ok(()) } else { Err("a flag other than i".to_owned()) }
    }
}

impl ast::Visitor for Checker {
    type Output = Vec<(Range<usize>, bool)>;
    type Err = String;

    fn finish(self) -> Result<Self::Output, String> {
        Ok(self.words)
    }

    fn visit_pre(&mut self, ast: &Ast) -> Result<(), String> {
        match ast {
            Ast::Assertion(_) => Err("an anchor or word boundary".to_owned()),
            Ast::Flags(flags) => Self::flags(&flags.flags),
            Ast::Group(group) => match &group.kind {
                ast::GroupKind::NonCapturing(flags) => Self::flags(flags),
                ast::GroupKind::CaptureIndex(_) | ast::GroupKind::CaptureName { .. } => Ok(()),
            },
            Ast::ClassPerl(class) => {
                self.perl(class);
                Ok(())
            }
            Ast::Repetition(outer) => match &*outer.ast {
                // `a*+` is possessive there; behind a counted repetition it is none.
                Ast::Repetition(inner)
                    if outer.op.kind == ast::RepetitionKind::OneOrMore
                        && !matches!(inner.op.kind, ast::RepetitionKind::Range(_)) =>
                {
                    Err("a possessive repetition".to_owned())
                }
                _ => Ok(()),
            },
            _ => Ok(()),
        }
    }

    fn visit_class_set_item_pre(&mut self, item: &ast::ClassSetItem) -> Result<(), String> {
        match item {
            ast::ClassSetItem::Perl(class) => self.perl(class),
            ast::ClassSetItem::Ascii(_) => return Err("a POSIX class".to_owned()),
            _ => {}
        }
        Ok(())
    }

    fn visit_class_set_binary_op_pre(&mut self, op: &ast::ClassSetBinaryOp) -> Result<(), String> {
        match op.kind {
            ast::ClassSetBinaryOpKind::Intersection => Ok(()),
            _ => Err("a difference of classes".to_owned()),
        }
    }
}
