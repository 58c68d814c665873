//! A Lark text cut into what matters for the checks; joined, the pieces are the text.

use super::syntax;
use crate::grammar::{GrammarError, error::one_line};
use serde_json::Value;

/// The kind of a piece.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Lexeme {
    /// Name of a rule or terminal; one that begins a line is being defined.
    Name { begins_line: bool },
    /// Opening bracket `(`, `[` or `{`.
    Open,
    /// Closing bracket `)`, `]` or `}`.
    Close,
    /// Control token, `<|name|>` or `<[7]>`.
    ControlToken,
    /// Keyword `%json`, behind which a value follows.
    Schema,
    /// Keyword `%llguidance`, behind which a value follows.
    Options,
    /// Keyword `%regex`, behind which a value follows.
    Substrings,
    /// White space, comments, strings, regular expressions, signs.
    Other,
}

pub(super) struct Scanner<'a> {
    rest: &'a str,
    line: usize,
    /// Whether only white space stands before the piece on its line.
    begins_line: bool,
}

impl<'a> Scanner<'a> {
    pub(super) fn new(text: &'a str) -> Self {
        Self { rest: text, line: 1, begins_line: true }
    }

    /// Line of what was read last.
    pub(super) fn line(&self) -> usize {
        self.line
    }

    pub(super) fn next_lexeme(&mut self) -> Result<Option<(Lexeme, &'a str)>, GrammarError> {
        let Some(first) = self.rest.chars().next() else { return Ok(None) };
        let begins_line = self.begins_line;
        let (lexeme, n_bytes) = match first {
            '\n' | ' ' | '\t' | '\r' => (Lexeme::Other, 1),
            '#' => (Lexeme::Other, self.until(0, '\n')),
            '/' if self.rest.starts_with("//") => (Lexeme::Other, self.until(0, '\n')),
            '"' => (Lexeme::Other, self.quoted('"')?),
            '/' => (Lexeme::Other, self.quoted('/')?),
            '<' => match self.rest.find(|c: char| c == '>' || c.is_whitespace()) {
                Some(end) if self.rest.get(end..).is_some_and(|rest| rest.starts_with('>')) => {
                    (Lexeme::ControlToken, end + 1)
                }
                _ => return Err(syntax(self.line, "a `<` without its `>`")),
            },
            '(' | '[' | '{' => (Lexeme::Open, 1),
            ')' | ']' | '}' => (Lexeme::Close, 1),
            '%' => self.directive(),
            '!' | '?' if self.rest.chars().nth(1).is_some_and(is_name) => {
                (Lexeme::Name { begins_line }, 1 + self.name(1))
            }
            _ if is_name(first) => (Lexeme::Name { begins_line }, self.name(0)),
            _ => (Lexeme::Other, first.len_utf8()),
        };
        self.begins_line = first == '\n' || begins_line && matches!(first, ' ' | '\t' | '\r');
        Ok(Some((lexeme, self.take(n_bytes))))
    }

    /// Whether `sign` comes next on the line.
    pub(super) fn is_before(&self, sign: char) -> bool {
        self.rest.trim_start_matches([' ', '\t']).starts_with(sign)
    }

    /// Reads the JSON value that stands next.
    pub(super) fn json(&mut self) -> Result<Value, GrammarError> {
        let mut values = serde_json::Deserializer::from_str(self.rest).into_iter::<Value>();
        let value = match values.next() {
            Some(Ok(value)) => value,
            Some(Err(error)) => return Err(syntax(self.line, &format!("JSON: {}", one_line(&error.to_string())))),
            None => return Err(syntax(self.line, "JSON is missing")),
        };
        let n_bytes = values.byte_offset();
        self.take(n_bytes);
        Ok(value)
    }

    fn take(&mut self, n_bytes: usize) -> &'a str {
        let (taken, rest) = self.rest.split_at_checked(n_bytes).unwrap_or((self.rest, ""));
        self.line += taken.bytes().filter(|byte| *byte == b'\n').count();
        self.rest = rest;
        taken
    }

    /// Number of bytes from `start` to before `end`, or to the end of the text.
    fn until(&self, start: usize, end: char) -> usize {
        let rest = self.rest.get(start..).unwrap_or_default();
        start + rest.find(end).unwrap_or(rest.len())
    }

    fn name(&self, start: usize) -> usize {
        let rest = self.rest.get(start..).unwrap_or_default();
        rest.find(|c| !is_name(c)).unwrap_or(rest.len())
    }

    /// Number of bytes of a string or regular expression with its quotes.
    fn quoted(&self, quote: char) -> Result<usize, GrammarError> {
        let mut is_escaped = false;
        for (index, character) in self.rest.char_indices().skip(1) {
            match character {
                _ if is_escaped => is_escaped = false,
                '\\' => is_escaped = true,
                _ if character == quote => return Ok(index + 1),
                _ => {}
            }
        }
        Err(syntax(self.line, &format!("a {quote} without its end")))
    }

    fn directive(&self) -> (Lexeme, usize) {
        let n_bytes = 1 + self.name(1);
        let lexeme = match self.rest.get(..n_bytes) {
            Some("%json") => Lexeme::Schema,
            Some("%llguidance") => Lexeme::Options,
            Some("%regex") => Lexeme::Substrings,
            _ => Lexeme::Other,
        };
        (lexeme, n_bytes)
    }
}

fn is_name(character: char) -> bool {
    character.is_ascii_alphanumeric() || matches!(character, '_' | '-')
}
