//! Source → tokens, with Jinja's white space rules (`trim_blocks`, `lstrip_blocks`, `-` and `+` signs).
//!
//! Rules: jinja2 3.1 `lexer.py`. A tag ends only outside of brackets, so `{{ {'a': {}} }}` is one tag.

use super::{Result, text};
use crate::error::Error;

/// A token and its line.
#[derive(Debug)]
pub(crate) struct Token {
    pub(crate) line: u32,
    pub(crate) kind: Kind,
}

/// What a token is.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Kind {
    /// Text outside of tags.
    Data(Box<str>),
    /// `{{` and `}}`
    PrintBegin,
    PrintEnd,
    /// `{%` and `%}`
    BlockBegin,
    BlockEnd,
    Name(Box<str>),
    Str(Box<str>),
    Int(i128),
    Float(f64),
    /// One of [`OPERATORS`].
    Op(&'static str),
    End,
}

/// The operators, longer ones before those that they begin with.
const OPERATORS: [&str; 26] = [
    "//", "**", "==", "!=", ">=", "<=", "+", "-", "/", "*", "%", "~", "[", "]", "(", ")", "{", "}", ">", "<", "=", ".",
    ":", "|", ",", ";",
];

/// The tokens of `source`, ending in [`Kind::End`].
pub(crate) fn tokens(source: &str) -> Result<Vec<Token>> {
    let mut source = source.replace("\r\n", "\n").replace('\r', "\n");
    if source.ends_with('\n') {
        source.pop();
    }
    let mut lexer = Lexer { rest: &source, line: 1, line_starting: true, tokens: Vec::new() };
    lexer.run()?;
    Ok(lexer.tokens)
}

struct Lexer<'s> {
    rest: &'s str,
    line: u32,
    /// The text before `rest` ended a line, or there is none.
    line_starting: bool,
    tokens: Vec<Token>,
}

/// Where in `s` the first tag begins.
fn tag_start(s: &str) -> Option<usize> {
    let bytes = s.as_bytes();
    bytes.windows(2).position(|w| matches!(w, b"{{" | b"{%" | b"{#"))
}

impl Lexer<'_> {
    fn run(&mut self) -> Result<()> {
        while let Some(at) = tag_start(self.rest) {
            let (data, tag) = self.rest.split_at(at);
            let mut signs = tag.chars().skip(1);
            let kind = signs.next().unwrap_or('%');
            let sign = signs.next().filter(|c| matches!(c, '-' | '+'));
            self.data(data, sign, kind == '{');
            self.advance(at + 2 + usize::from(sign.is_some()));
            match kind {
                '#' => self.comment()?,
                '{' => self.tag(Kind::PrintBegin, Kind::PrintEnd, "}}")?,
                _ => match self.raw_begin() {
                    Some(length) => self.raw(length)?,
                    None => self.tag(Kind::BlockBegin, Kind::BlockEnd, "%}")?,
                },
            }
        }
        let rest = self.rest;
        self.push_data(rest);
        self.advance(rest.len());
        self.push(Kind::End);
        Ok(())
    }

    fn push(&mut self, kind: Kind) {
        self.tokens.push(Token { line: self.line, kind });
    }

    fn push_data(&mut self, data: &str) {
        if !data.is_empty() {
            self.push(Kind::Data(data.into()));
        }
    }

    fn error<T>(&self, message: impl AsRef<str>) -> Result<T> {
        Err(Error::syntax(self.line, message))
    }

    /// Passes `n` bytes.
    fn advance(&mut self, n: usize) {
        let (passed, rest) = self.rest.split_at(n);
        self.line += passed.bytes().filter(|b| *b == b'\n').count() as u32;
        if !passed.is_empty() {
            self.line_starting = passed.ends_with('\n');
        }
        self.rest = rest;
    }

    /// The text before a tag, stripped as the tag's sign and `lstrip_blocks` want it.
    fn data(&mut self, data: &str, sign: Option<char>, is_print: bool) {
        let line_at = data.rfind('\n').map_or(0, |at| at + 1);
        let (lines, indent) = data.split_at(line_at);
        let kept = if sign == Some('-') {
            data.trim_end_matches(text::is_space)
        } else if sign.is_none()
            && !is_print
            && (line_at > 0 || self.line_starting)
            && indent.chars().all(text::is_space)
        {
            lines
        } else {
            data
        };
        self.push_data(kept);
    }

    /// The length of a tag's end at the front of `rest`, with the white space it takes along.
    fn tag_end(&self, end: &str, is_print: bool) -> Option<usize> {
        if let Some(after) = self.rest.strip_prefix('-').and_then(|r| r.strip_prefix(end)) {
            let space = after.len() - after.trim_start_matches(text::is_space).len();
            return Some(1 + end.len() + space);
        }
        if !is_print && self.rest.strip_prefix('+').is_some_and(|r| r.starts_with(end)) {
            return Some(1 + end.len());
        }
        let after = self.rest.strip_prefix(end)?;
        Some(end.len() + usize::from(!is_print && after.starts_with('\n')))
    }

    fn comment(&mut self) -> Result<()> {
        let Some(at) = self.rest.find("#}") else { return self.error("missing end of comment tag") };
        let (inside, _) = self.rest.split_at(at);
        let signed = usize::from(inside.ends_with(['-', '+']));
        self.advance(at - signed);
        let end = self.tag_end("#}", false).unwrap_or(2);
        self.advance(end);
        Ok(())
    }

    /// After `{%` and its sign: the length of `raw %}`, if that is what follows.
    fn raw_begin(&self) -> Option<usize> {
        let inner = self.rest.trim_start_matches(text::is_space).strip_prefix("raw")?;
        let inner = inner.trim_start_matches(text::is_space);
        let after = match inner.strip_prefix("-%}") {
            Some(after) => after.trim_start_matches(text::is_space),
            None => inner.strip_prefix("%}")?,
        };
        Some(self.rest.len() - after.len())
    }

    fn raw(&mut self, length: usize) -> Result<()> {
        self.advance(length);
        let mut from = 0;
        loop {
            let Some(at) = self.rest.get(from..).and_then(|r| r.find("{%")).map(|at| at + from) else {
                return self.error("missing end of raw directive");
            };
            let (data, tag) = self.rest.split_at(at);
            let sign = tag.chars().nth(2).filter(|c| matches!(c, '-' | '+'));
            let begin = 2 + usize::from(sign.is_some());
            let inner = tag.get(begin..).unwrap_or("").trim_start_matches(text::is_space);
            let Some(end) = inner.strip_prefix("endraw").map(|r| r.trim_start_matches(text::is_space)) else {
                from = at + 2;
                continue;
            };
            let skip = self.rest.len() - end.len();
            let probe = Lexer { rest: end, line: self.line, line_starting: false, tokens: Vec::new() };
            let Some(closing) = probe.tag_end("%}", false) else {
                from = at + 2;
                continue;
            };
            self.data(data, sign, false);
            self.advance(skip + closing);
            return Ok(());
        }
    }

    /// The inside of a tag up to `end`.
    fn tag(&mut self, begin: Kind, end: Kind, closing: &str) -> Result<()> {
        let is_print = begin == Kind::PrintBegin;
        self.push(begin);
        let mut open: Vec<&'static str> = Vec::new();
        loop {
            let space = self.rest.len() - self.rest.trim_start_matches(text::is_space).len();
            // White space belongs to the tag, but a tag's own end may also take a newline: look for that first.
            if space == 0
                && open.is_empty()
                && let Some(length) = self.tag_end(closing, is_print)
            {
                self.push(end);
                self.advance(length);
                return Ok(());
            }
            if space > 0 {
                self.advance(space);
                continue;
            }
            let Some(c) = self.rest.chars().next() else {
                return self.error(format!("unexpected end of template, expected {closing:?}"));
            };
            if c.is_ascii_digit() {
                self.number()?;
            } else if c == '_' || c.is_alphabetic() {
                let end = self.rest.find(|c: char| c != '_' && !c.is_alphanumeric()).unwrap_or(self.rest.len());
                let (name, _) = self.rest.split_at(end);
                self.push(Kind::Name(name.into()));
                self.advance(end);
            } else if c == '\'' || c == '"' {
                self.string(c)?;
            } else {
                self.operator(c, &mut open)?;
            }
        }
    }

    fn operator(&mut self, c: char, open: &mut Vec<&'static str>) -> Result<()> {
        let Some(op) = OPERATORS.iter().find(|op| self.rest.starts_with(**op)) else {
            return self.error(format!("unexpected character {c:?}"));
        };
        match *op {
            "(" => open.push(")"),
            "[" => open.push("]"),
            "{" => open.push("}"),
            ")" | "]" | "}" => match open.pop() {
                Some(expected) if expected == *op => {}
                Some(expected) => return self.error(format!("unexpected {op:?}, expected {expected:?}")),
                None => return self.error(format!("unexpected {op:?}")),
            },
            _ => {}
        }
        self.push(Kind::Op(op));
        self.advance(op.len());
        Ok(())
    }

    fn string(&mut self, quote: char) -> Result<()> {
        let mut escaped = false;
        let inside = self.rest.get(1..).unwrap_or("");
        let end = inside.find(|c| {
            let ends = c == quote && !escaped;
            escaped = c == '\\' && !escaped;
            ends
        });
        let Some(end) = end else { return self.error("a string does not end") };
        let (raw, _) = inside.split_at(end);
        match text::unescape(raw) {
            Ok(value) => self.push(Kind::Str(value.into())),
            Err(message) => return self.error(message),
        }
        self.advance(end + 2);
        Ok(())
    }

    /// Decimal, hexadecimal, octal, binary integers, and floats; `_` between digits.
    fn number(&mut self) -> Result<()> {
        let digits = |s: &str, radix: u32| {
            let mut last = '_';
            let end = s.find(|c: char| {
                let part = c.is_digit(radix) || (c == '_' && last != '_');
                last = c;
                !part
            });
            let (digits, _) = s.split_at(end.unwrap_or(s.len()));
            digits.trim_end_matches('_').len()
        };
        let lower: String = self.rest.chars().take(2).flat_map(char::to_lowercase).collect();
        for (prefix, radix) in [("0x", 16), ("0o", 8), ("0b", 2)] {
            if lower == prefix {
                let length = digits(self.rest.get(2..).unwrap_or(""), radix);
                let text = self.rest.get(2..2 + length).unwrap_or("").replace('_', "");
                return match i128::from_str_radix(&text, radix) {
                    Ok(value) => {
                        self.push(Kind::Int(value));
                        self.advance(2 + length);
                        Ok(())
                    }
                    Err(_) => self.error(format!("a number that is no integer of 128 bits: 0{text}")),
                };
            }
        }
        let mut length = digits(self.rest, 10);
        let after = self.rest.get(length..).unwrap_or("");
        // `x.0.1` is two subscripts, not a float.
        let subscript = matches!(self.tokens.last(), Some(Token { kind: Kind::Op("."), .. }));
        let mut is_float = false;
        let fraction = after.strip_prefix('.').map_or(0, |f| digits(f, 10));
        if fraction > 0 && !subscript {
            length += 1 + fraction;
            is_float = true;
        }
        let after = self.rest.get(length..).unwrap_or("");
        if let Some(power) = after.strip_prefix(['e', 'E']).filter(|_| !subscript) {
            let sign = usize::from(power.starts_with(['+', '-']));
            let exponent = digits(power.get(sign..).unwrap_or(""), 10);
            if exponent > 0 {
                length += 1 + sign + exponent;
                is_float = true;
            }
        }
        let (text, _) = self.rest.split_at(length);
        let text = text.replace('_', "");
        let kind = if is_float { text.parse().map(Kind::Float).ok() } else { text.parse().map(Kind::Int).ok() };
        match kind {
            Some(kind) => {
                self.push(kind);
                self.advance(length);
                Ok(())
            }
            None => self.error("a number that does not fit"),
        }
    }
}
