//! Whether a text is one JSON value, decided character by character, so that it can be passed on as it comes.

use crate::limits::CALL_NESTING_MAX;

/// What a character did.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Scan {
    /// It belongs to the value, which goes on.
    More,
    /// It is the last of the value.
    End,
    /// The value ended before it (a number at the top).
    Over,
    /// No JSON value goes on like this.
    Bad,
}

#[derive(Clone, Copy, Debug)]
enum At {
    Value,
    FirstItem,
    FirstKey,
    Key,
    Colon,
    AfterValue,
    String { is_key: bool },
    Escape { is_key: bool },
    Hex { is_key: bool, n_left: u8 },
    Number(Number),
    Literal(&'static str),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Number {
    Minus,
    Zero,
    Integer,
    Point,
    Fraction,
    Exponent,
    ExponentSign,
    ExponentDigits,
}

/// A JSON value that is being read.
#[derive(Debug)]
pub(crate) struct JsonScanner {
    /// What is open, innermost last: true for objects.
    open: Vec<bool>,
    at: At,
}

impl JsonScanner {
    pub(crate) fn new() -> Self {
        Self { open: Vec::new(), at: At::Value }
    }

    pub(crate) fn push(&mut self, c: char) -> Scan {
        let next = match self.at {
            At::Number(number) => match number_goes_on(number, c) {
                Some(next) => Some(At::Number(next)),
                None if !number_may_end(number) => None,
                None if self.open.is_empty() => return Scan::Over,
                None => {
                    self.at = At::AfterValue;
                    return self.push(c);
                }
            },
            At::String { is_key } => match c {
                '"' => return self.close_string(is_key),
                '\\' => Some(At::Escape { is_key }),
                _ => (c >= ' ').then_some(self.at),
            },
            At::Escape { is_key } => match c {
                'u' => Some(At::Hex { is_key, n_left: 4 }),
                _ => "\"\\/bfnrt".contains(c).then_some(At::String { is_key }),
            },
            At::Hex { is_key, n_left } if c.is_ascii_hexdigit() => {
                Some(if n_left == 1 { At::String { is_key } } else { At::Hex { is_key, n_left: n_left - 1 } })
            }
            At::Hex { .. } => None,
            At::Literal(rest) => match rest.strip_prefix(c) {
                Some("") => return self.close_value(),
                Some(rest) => Some(At::Literal(rest)),
                None => None,
            },
            _ if matches!(c, ' ' | '\t' | '\n' | '\r') => Some(self.at),
            At::FirstItem if c == ']' => return self.close(),
            At::FirstKey if c == '}' => return self.close(),
            At::Value | At::FirstItem => self.begin(c),
            At::FirstKey | At::Key => (c == '"').then_some(At::String { is_key: true }),
            At::Colon => (c == ':').then_some(At::Value),
            At::AfterValue => match (c, self.open.last()) {
                (',', Some(true)) => Some(At::Key),
                (',', Some(false)) => Some(At::Value),
                ('}', Some(true)) | (']', Some(false)) => return self.close(),
                _ => None,
            },
        };
        match next {
            Some(next) => {
                self.at = next;
                Scan::More
            }
            None => Scan::Bad,
        }
    }

    fn begin(&mut self, c: char) -> Option<At> {
        match c {
            '{' | '[' if self.open.len() < CALL_NESTING_MAX => {
                self.open.push(c == '{');
                Some(if c == '{' { At::FirstKey } else { At::FirstItem })
            }
            '"' => Some(At::String { is_key: false }),
            '-' => Some(At::Number(Number::Minus)),
            '0' => Some(At::Number(Number::Zero)),
            '1'..='9' => Some(At::Number(Number::Integer)),
            't' => Some(At::Literal("rue")),
            'f' => Some(At::Literal("alse")),
            'n' => Some(At::Literal("ull")),
            _ => None,
        }
    }

    fn close_string(&mut self, is_key: bool) -> Scan {
        if is_key {
            self.at = At::Colon;
            return Scan::More;
        }
        self.close_value()
    }

    fn close(&mut self) -> Scan {
        self.open.pop();
        self.close_value()
    }

    fn close_value(&mut self) -> Scan {
        self.at = At::AfterValue;
        if self.open.is_empty() { Scan::End } else { Scan::More }
    }
}

/// Whether `text` is one JSON value without white space around it.
pub(crate) fn is_json(text: &str) -> bool {
    let mut scanner = JsonScanner::new();
    let mut chars = text.chars();
    let end = chars.by_ref().find_map(|c| Some(scanner.push(c)).filter(|scan| *scan != Scan::More));
    match end {
        Some(Scan::End) => chars.as_str().is_empty(),
        Some(_) => false,
        // A number ends where something else begins.
        None => scanner.push(' ') == Scan::Over,
    }
}

fn number_goes_on(number: Number, c: char) -> Option<Number> {
    Some(match (number, c) {
        (Number::Minus, '0') => Number::Zero,
        (Number::Minus, '1'..='9') | (Number::Integer, '0'..='9') => Number::Integer,
        (Number::Zero | Number::Integer, '.') => Number::Point,
        (Number::Point | Number::Fraction, '0'..='9') => Number::Fraction,
        (Number::Zero | Number::Integer | Number::Fraction, 'e' | 'E') => Number::Exponent,
        (Number::Exponent, '+' | '-') => Number::ExponentSign,
        (Number::Exponent | Number::ExponentSign | Number::ExponentDigits, '0'..='9') => Number::ExponentDigits,
        _ => return None,
    })
}

fn number_may_end(number: Number) -> bool {
    matches!(number, Number::Zero | Number::Integer | Number::Fraction | Number::ExponentDigits)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The length of the value that `text` begins with, if there is one.
    fn check(text: &str, expected: Option<usize>) {
        let mut scanner = JsonScanner::new();
        let mut found = None;
        for (at, c) in text.char_indices() {
            match scanner.push(c) {
                Scan::More => {}
                Scan::End => found = Some(at + c.len_utf8()),
                Scan::Over => found = Some(at),
                Scan::Bad => break,
            }
            if found.is_some() {
                break;
            }
        }
        assert_eq!(found, expected, "{text:?}");
        if let Some(length) = found {
            let value = text.get(..length).unwrap();
            assert!(serde_json::from_str::<serde::de::IgnoredAny>(value).is_ok(), "{value:?}");
        }
    }

    #[test]
    fn values_end_where_they_end() {
        check(r#"{"a": [1, {"b": null}], "c": "}\""} rest"#, Some(35));
        check(r"[] ]", Some(2));
        check(r"{} }", Some(2));
        check("-1.5e+3,", Some(7));
        check("0 ", Some(1));
        check("true", Some(4));
        check(r#""\u00e9\n" x"#, Some(10));
        check("[1.0]", Some(5));
    }

    #[test]
    fn what_is_no_json_is_refused() {
        for text in [
            "{a: 1}",
            "[1,]",
            "{\"a\" 1}",
            "{\"a\":1,}",
            "tru3",
            "\"\n\"",
            "[01]",
            "[1.]",
            "[-]",
            "\"\\x\"",
            "[}",
            "'a'",
        ] {
            check(text, None);
        }
        check(&"[".repeat(CALL_NESTING_MAX + 1), None);
        let deep = "[".repeat(CALL_NESTING_MAX) + &"]".repeat(CALL_NESTING_MAX);
        check(&deep, Some(deep.len()));
    }
}
