//! Text into tokens. What is no token of the language is told here, once, and read as what was meant where that is
//! clear.

use super::token::{FOREIGN_MARKS, MARKS, Token, TokenKind};
use crate::{diagnostic::Diagnostic, limits::MESSAGES_MAX, tree::Scalar};

/// Reads bytes `start..end` of a scalar's text. The last token is [`TokenKind::End`], right behind the one before it.
pub(super) fn tokens<'a>(
    scalar: &'a Scalar,
    start: usize,
    end: usize,
    diagnostics: &mut Vec<Diagnostic>,
) -> Vec<Token<'a>> {
    let text = scalar.text.get(..end).unwrap_or(&scalar.text);
    let messages_max = diagnostics.len() + MESSAGES_MAX;
    let mut lexer = Lexer { scalar, text, at: start, tokens: Vec::new(), diagnostics, messages_max };
    while lexer.skip_space() {
        lexer.token();
    }
    let end = lexer.tokens.last().map_or(start, |token| token.end);
    lexer.tokens.push(Token { kind: TokenKind::End, start: end, end, is_told: false });
    lexer.tokens
}

struct Lexer<'a, 'd> {
    scalar: &'a Scalar,
    text: &'a str,
    at: usize,
    tokens: Vec<Token<'a>>,
    diagnostics: &'d mut Vec<Diagnostic>,
    messages_max: usize,
}

fn is_word_byte(b: u8) -> bool {
    b.is_ascii_alphanumeric() || b == b'_'
}

impl<'a> Lexer<'a, '_> {
    fn rest(&self) -> &'a str {
        self.text.get(self.at..).unwrap_or_default()
    }

    fn byte(&self, ahead: usize) -> u8 {
        self.text.as_bytes().get(self.at + ahead).copied().unwrap_or(0)
    }

    /// Skips blanks and comments; tells whether something is left.
    fn skip_space(&mut self) -> bool {
        loop {
            let blank = self.rest().len() - self.rest().trim_start_matches([' ', '\t', '\n', '\r']).len();
            self.at += blank;
            let before = self.at.checked_sub(1).and_then(|i| self.text.as_bytes().get(i));
            if self.byte(0) != b'#' || !before.is_none_or(|b| matches!(b, b' ' | b'\t' | b'\n' | b'\r')) {
                return self.at < self.text.len();
            }
            self.at += self.rest().find('\n').unwrap_or(self.rest().len());
        }
    }

    fn push(&mut self, kind: TokenKind<'a>, len: usize) {
        let start = self.at;
        self.at = (self.at + len).min(self.text.len());
        self.tokens.push(Token { kind, start, end: self.at, is_told: false });
    }

    fn push_told(&mut self, kind: TokenKind<'a>, len: usize) {
        self.push(kind, len);
        if let Some(token) = self.tokens.last_mut() {
            token.is_told = true;
        }
    }

    /// A message about the next `len` bytes.
    fn message(&self, code: &'static str, len: usize, message: impl Into<String>) -> Diagnostic {
        Diagnostic::new(code, self.scalar.span_of(self.at, self.at + len), message)
    }

    fn tell(&mut self, message: Diagnostic) {
        if self.diagnostics.len() < self.messages_max {
            self.diagnostics.push(message);
        }
    }

    fn token(&mut self) {
        let first = self.byte(0);
        match first {
            b'0'..=b'9' => self.number(),
            b'"' => self.string(),
            b'b' if self.byte(1) == b'"' => self.bytes(),
            _ if first.is_ascii_alphabetic() || first == b'_' && is_word_byte(self.byte(1)) => self.word(),
            b'\'' => self.foreign_string('\'', '\''),
            _ if self.rest().starts_with('“') => self.foreign_string('“', '”'),
            _ => self.mark(),
        }
    }

    fn word(&mut self) {
        let len = self.rest().bytes().take_while(|b| is_word_byte(*b)).count();
        let rest = self.rest();
        let (word, behind) = rest.split_at(len);
        if behind.starts_with(|c: char| !c.is_ascii() && c.is_alphanumeric()) {
            return self.foreign_name();
        }
        self.push(TokenKind::Word(word), len);
    }

    fn foreign_name(&mut self) {
        let is_end = |c: char| !(c.is_alphanumeric() || c == '_');
        let len = self.rest().find(is_end).unwrap_or(self.rest().len());
        let message = self.message("E0150", len, "names are made of the letters a to z and A to Z, digits and `_`");
        self.tell(message);
        self.push(TokenKind::Bad, len);
    }

    /// `//` with nothing before it on its line: a comment of others.
    fn foreign_comment(&mut self) {
        let message = self.message("E0154", 2, "a comment begins with `#`");
        let span = self.scalar.span_of(self.at, self.at + 2);
        self.tell(message.fix(span, "#"));
        self.at += self.line_len();
    }

    fn mark(&mut self) {
        let rest = self.rest();
        let before = self.text.get(..self.at).unwrap_or_default().trim_end_matches([' ', '\t']);
        if rest.starts_with("//") && (before.is_empty() || before.ends_with('\n')) {
            return self.foreign_comment();
        }
        // `!=` is ours, but begins with a mark of others.
        let own = MARKS.iter().find(|mark| rest.starts_with(**mark));
        let foreign = FOREIGN_MARKS.iter().find(|mark| rest.starts_with(mark.text));
        let foreign = foreign.filter(|mark| own.is_none_or(|own| own.len() < mark.text.len()));
        if let Some(mark) = foreign {
            let message = format!("`{}` is not an operator of VIBEE", mark.text);
            let mut message = self.message("E0154", mark.text.len(), message).help(mark.help);
            if !mark.instead.is_empty() {
                // A word needs blanks around it where the mark had none.
                let is_word = mark.instead.starts_with(|c: char| c.is_ascii_alphabetic());
                let before = self.text.as_bytes().get(self.at.wrapping_sub(1));
                let pad = |near: Option<&u8>| if is_word && near.is_some_and(|b| *b > b' ') { " " } else { "" };
                let (left, right) = (pad(before), pad(self.text.as_bytes().get(self.at + mark.text.len())));
                let left = if before.is_some_and(|b| b"([{".contains(b)) { "" } else { left };
                message = message.fix(
                    self.scalar.span_of(self.at, self.at + mark.text.len()),
                    format!("{left}{}{right}", mark.instead),
                );
            }
            self.tell(message);
            let own = MARKS.iter().find(|own| **own == mark.instead);
            let kind = match (own, mark.instead) {
                (Some(own), _) => TokenKind::Mark(own),
                (None, "") => TokenKind::Foreign,
                (None, word) => TokenKind::Word(word),
            };
            return self.push_told(kind, mark.text.len());
        }
        if let Some(own) = own {
            return self.push(TokenKind::Mark(own), own.len());
        }
        let Some(c) = rest.chars().next() else { return };
        if c.is_alphabetic() {
            return self.foreign_name();
        }
        let shown = if c.is_control() || c.is_whitespace() || matches!(c, '\u{200b}'..='\u{200f}' | '\u{feff}') {
            format!("the character U+{:04X}", u32::from(c))
        } else {
            format!("`{c}`")
        };
        // A run of the same one is one mistake.
        let len = rest.len() - rest.trim_start_matches(c).len();
        let message = self.message("E0150", len, format!("{shown} has no meaning in an expression"));
        self.tell(message);
        self.push(TokenKind::Bad, len);
    }

    /// The bytes to the end of the line.
    fn line_len(&self) -> usize {
        self.rest().find('\n').unwrap_or(self.rest().len())
    }

    /// The length of a string with its quotes, where it ends on its line.
    fn quoted_len(&self, prefix: usize) -> Option<usize> {
        let line = self.rest().as_bytes().get(..self.line_len())?;
        let mut at = prefix + 1;
        loop {
            match line.get(at)? {
                b'"' => return Some(at + 1),
                b'\\' => at += 2,
                _ => at += 1,
            }
        }
    }

    fn unclosed(&mut self) {
        let len = self.rest().get(..self.line_len()).unwrap_or_default().trim_end().len();
        let message = self
            .message("E0152", 1, "this text has no closing `\"`")
            .help("a text ends on its line; a line break in it is written `\\n`");
        self.tell(message);
        self.push(TokenKind::Bad, len.max(1));
    }

    fn string(&mut self) {
        let Some(len) = self.quoted_len(0) else { return self.unclosed() };
        let inner = self.rest().get(1..len - 1).unwrap_or_default();
        let n_before = self.diagnostics.len();
        let text = self.unescape(inner);
        if self.diagnostics.len() > n_before {
            self.push_told(TokenKind::String(text), len);
        } else {
            self.push(TokenKind::String(text), len);
        }
    }

    /// Decodes what stands between quotes, from `self.at + 1` on.
    fn unescape(&mut self, inner: &str) -> String {
        let mut text = String::with_capacity(inner.len());
        let mut at = 0;
        while let Some(c) = inner.get(at..).and_then(|rest| rest.chars().next()) {
            if c != '\\' {
                text.push(c);
                at += c.len_utf8();
                continue;
            }
            let rest = inner.get(at + 1..).unwrap_or_default();
            let (decoded, len) = match rest.bytes().next() {
                Some(b'"') => (Some('"'), 2),
                Some(b'\\') => (Some('\\'), 2),
                Some(b'n') => (Some('\n'), 2),
                Some(b'r') => (Some('\r'), 2),
                Some(b't') => (Some('\t'), 2),
                Some(b'u') => unicode_escape(rest),
                _ => (None, 1 + rest.chars().next().map_or(0, char::len_utf8)),
            };
            if let Some(c) = decoded {
                text.push(c);
            } else {
                let start = self.at + 1 + at;
                let shown = inner.get(at..at + len).unwrap_or("\\");
                let message = Diagnostic::new(
                    "E0152",
                    self.scalar.span_of(start, start + len),
                    format!("`{shown}` stands for no character"),
                );
                self.tell(message.help(
                        "there are `\\\"`, `\\\\`, `\\n`, `\\r`, `\\t`, and `\\u{e9}` with the number of a character that is no surrogate",
                    ));
            }
            at += len;
        }
        text
    }

    fn bytes(&mut self) {
        let Some(len) = self.quoted_len(1) else { return self.unclosed() };
        let inner = self.rest().get(2..len - 1).unwrap_or_default();
        let digits: Option<Vec<u8>> = inner.chars().map(|c| c.to_digit(16).map(|d| d as u8)).collect();
        match digits {
            Some(digits) if digits.len() % 2 == 0 => {
                let bytes = digits.chunks_exact(2).map(|pair| pair.iter().fold(0, |byte, digit| byte << 4 | digit));
                self.push(TokenKind::Bytes(bytes.collect()), len);
            }
            _ => {
                let message = self
                    .message("E0153", len, "Bytes are written as pairs of hexadecimal digits")
                    .help("such as `b\"00ff\"`; the bytes of a text are `\"text\".utf8()`");
                self.tell(message);
                self.push_told(TokenKind::Bytes(Vec::new()), len);
            }
        }
    }

    /// A text between the quotes of others.
    fn foreign_string(&mut self, open: char, close: char) {
        let line = self.rest().get(..self.line_len()).unwrap_or_default();
        let inner = line.get(open.len_utf8()..).unwrap_or_default();
        let (len, inner) = match inner.find(close) {
            Some(at) => (open.len_utf8() + at + close.len_utf8(), inner.get(..at).unwrap_or_default()),
            None => (line.trim_end().len(), inner.trim_end()),
        };
        let message = self
            .message("E0154", len, format!("a text stands between `\"` and `\"`, not `{open}` and `{close}`"))
            .help(format!("write `{}`", super::quoted(inner)))
            .fix(self.scalar.span_of(self.at, self.at + len), super::quoted(inner));
        self.tell(message);
        self.push_told(TokenKind::String(inner.to_owned()), len);
    }

    fn number(&mut self) {
        let is_behind_point = matches!(self.tokens.last(), Some(Token { kind: TokenKind::Mark("."), .. }));
        let rest = self.rest();
        // All that looks like part of it: letters behind a number are a mistake that is told once.
        let solid = rest.bytes().take_while(|b| is_word_byte(*b)).count();
        if is_behind_point {
            let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
            if digits == solid {
                let place = rest.get(..digits).unwrap_or_default().parse().unwrap_or(u64::MAX);
                return self.push(TokenKind::Int(place), digits);
            }
            return self.bad_number(solid, "a place of a tuple is a number, such as `pair.0`");
        }
        match rest.as_bytes().get(..2) {
            Some(b"0t") => return self.trits(),
            Some(b"0x") => return self.digits(16, solid, "a hexadecimal number is written `0x1f`"),
            Some(b"0b") => return self.digits(2, solid, "a binary number is written `0b101`"),
            _ => {}
        }
        let bytes = rest.as_bytes();
        let is_digit = |at: usize| bytes.get(at).is_some_and(u8::is_ascii_digit);
        let run = |from: usize| bytes.iter().skip(from).take_while(|b| b.is_ascii_digit() || **b == b'_').count();
        let mut len = run(0);
        let mut is_float = false;
        if bytes.get(len) == Some(&b'.') && is_digit(len + 1) {
            is_float = true;
            len += 1 + run(len + 1);
        }
        if matches!(bytes.get(len), Some(b'e' | b'E')) {
            let sign = usize::from(matches!(bytes.get(len + 1), Some(b'+' | b'-')));
            if is_digit(len + 1 + sign) {
                is_float = true;
                len += 1 + sign + run(len + 1 + sign);
            }
        }
        let behind = bytes.iter().skip(len).take_while(|b| is_word_byte(**b)).count();
        if behind > 0 {
            return self.bad_number(
                len + behind,
                "a number is written `12`, `1_000`, `0xff`, `0b101`, `1.5` or `1e-3`; a text stands between `\"` and `\"`",
            );
        }
        if !is_float {
            return self.digits(10, len, "");
        }
        let digits: String = rest.get(..len).unwrap_or_default().chars().filter(|c| *c != '_').collect();
        match digits.parse::<f64>() {
            Ok(value) if value.is_finite() => self.push(TokenKind::Float(value), len),
            _ => {
                let message = self.message("E0330", len, "this number is too large for Float");
                self.tell(message.help("the largest is 1.7976931348623157e308; infinity is written `inf`"));
                self.push_told(TokenKind::Float(f64::INFINITY), len);
            }
        }
    }

    fn bad_number(&mut self, len: usize, help: &str) {
        let shown = self.rest().get(..len).unwrap_or_default();
        let message = self.message("E0153", len, format!("`{shown}` is not a number")).help(help);
        self.tell(message);
        self.push(TokenKind::Bad, len);
    }

    /// A whole number in base `radix` whose text, with the mark of its base, has `len` bytes.
    fn digits(&mut self, radix: u32, len: usize, help: &str) {
        let text = self.rest().get(if radix == 10 { 0 } else { 2 }..len).unwrap_or_default();
        let digits = text.chars().filter(|c| *c != '_');
        if text.is_empty() || text.starts_with('_') || !digits.clone().all(|c| c.is_digit(radix)) {
            return self.bad_number(len, help);
        }
        let value = digits.filter_map(|c| c.to_digit(radix)).try_fold(0_u64, |value, digit| {
            value.checked_mul(u64::from(radix)).and_then(|value| value.checked_add(u64::from(digit)))
        });
        if let Some(value) = value {
            return self.push(TokenKind::Int(value), len);
        }
        let message = self.message("E0330", len, "this number is too large for any type of whole numbers");
        self.tell(message.help("Int ends at 9223372036854775807, U64 at 18446744073709551615"));
        self.push(TokenKind::Bad, len);
    }

    fn trits(&mut self) {
        let digits: Vec<i8> = self
            .rest()
            .bytes()
            .skip(2)
            .map_while(|b| match b {
                b'+' => Some(1),
                b'0' => Some(0),
                b'-' => Some(-1),
                _ => None,
            })
            .collect();
        let len = 2 + digits.len();
        let behind = self.rest().bytes().skip(len).take_while(|b| is_word_byte(*b)).count();
        if digits.is_empty() || behind > 0 {
            return self.bad_number(
                len + behind,
                "a Trit is `0t-`, `0t0` or `0t+`, a Tryte has more of these digits: `0t+-0`",
            );
        }
        if digits.len() > 40 {
            let message =
                self.message("E0330", len, format!("a Tryte has at most 40 digits, this one has {}", digits.len()));
            self.tell(message);
            return self.push(TokenKind::Bad, len);
        }
        self.push(TokenKind::Trits(digits), len);
    }
}

/// Decodes `u{…}`; gives the length with the backslash.
fn unicode_escape(rest: &str) -> (Option<char>, usize) {
    let Some(end) = rest.find('}').filter(|_| rest.starts_with("u{")) else { return (None, 2) };
    let hex = rest.get(2..end).unwrap_or_default();
    let is_hex = (1..=6).contains(&hex.len()) && hex.bytes().all(|b| b.is_ascii_hexdigit());
    let number = if is_hex { u32::from_str_radix(hex, 16).ok() } else { None };
    (number.and_then(char::from_u32), end + 2)
}
