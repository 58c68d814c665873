//! Values as programs write them: JSON with spaces, and Python's literals and calls.

use serde_json::{Map, Number, Value};

use super::syntax::Calls;
use crate::limits::CALL_NESTING_MAX;

/// JSON as Python's `json.dumps` writes it, on which models are trained.
pub(crate) fn spaced(value: &Value) -> String {
    match value {
        Value::Array(items) => format!("[{}]", items.iter().map(spaced).collect::<Vec<_>>().join(", ")),
        Value::Object(entries) => {
            let entries = entries.iter().map(|(k, v)| format!("{}: {}", Value::from(k.as_str()), spaced(v)));
            format!("{{{}}}", entries.collect::<Vec<_>>().join(", "))
        }
        scalar => scalar.to_string(),
    }
}

/// A Python literal (or JSON) that fills `text`.
pub(crate) fn read_literal(text: &str) -> Option<Value> {
    let mut reader = Reader { rest: text.trim() };
    let value = reader.value(0)?;
    reader.rest.trim().is_empty().then_some(value)
}

/// `[name(key=value, …), …]`, with or without the brackets.
pub(crate) fn read_calls(text: &str) -> Option<Calls> {
    let text = text.trim();
    let inner = text.strip_prefix('[').and_then(|t| t.strip_suffix(']')).unwrap_or(text);
    let mut reader = Reader { rest: inner };
    let mut calls = Vec::new();
    loop {
        let name = reader.name()?;
        reader.take('(')?;
        let mut arguments = Map::new();
        while reader.take(')').is_none() {
            let key = reader.name()?;
            reader.take('=')?;
            arguments.insert(key.to_owned(), reader.value(0)?);
            if reader.take(',').is_none() && !reader.peek(')') {
                return None;
            }
        }
        calls.push((name.to_owned(), spaced(&Value::Object(arguments))));
        if reader.take(',').is_none() {
            return reader.rest.trim().is_empty().then_some(calls);
        }
    }
}

/// What [`read_calls`] reads.
pub(crate) fn write_calls(calls: &[(String, Value)]) -> String {
    let one = |(name, arguments): &(String, Value)| {
        let arguments = arguments.as_object().into_iter().flatten().map(|(k, v)| format!("{k}={}", spaced(v)));
        format!("{name}({})", arguments.collect::<Vec<_>>().join(", "))
    };
    format!("[{}]", calls.iter().map(one).collect::<Vec<_>>().join(", "))
}

struct Reader<'a> {
    rest: &'a str,
}

impl<'a> Reader<'a> {
    fn peek(&mut self, c: char) -> bool {
        self.rest = self.rest.trim_start();
        self.rest.starts_with(c)
    }

    fn take(&mut self, c: char) -> Option<()> {
        self.rest = self.rest.trim_start().strip_prefix(c)?;
        Some(())
    }

    fn word(&mut self, may_hold: impl Fn(char) -> bool) -> Option<&'a str> {
        let text = self.rest.trim_start();
        let end = text.find(|c| !may_hold(c)).unwrap_or(text.len());
        let (word, rest) = text.split_at_checked(end)?;
        self.rest = rest;
        (!word.is_empty()).then_some(word)
    }

    fn name(&mut self) -> Option<&'a str> {
        self.word(|c| c.is_alphanumeric() || matches!(c, '_' | '.' | '-'))
    }

    fn value(&mut self, depth: usize) -> Option<Value> {
        if depth > CALL_NESTING_MAX {
            return None;
        }
        self.rest = self.rest.trim_start();
        match self.rest.chars().next()? {
            '{' => self.dict(depth),
            open @ ('[' | '(') => {
                let close = if open == '[' { ']' } else { ')' };
                self.take(open)?;
                let mut items = Vec::new();
                while self.take(close).is_none() {
                    items.push(self.value(depth + 1)?);
                    if self.take(',').is_none() && !self.peek(close) {
                        return None;
                    }
                }
                Some(Value::Array(items))
            }
            '\'' | '"' => self.string().map(Value::String),
            _ => match self.word(|c| c.is_alphanumeric() || matches!(c, '+' | '-' | '.'))? {
                "True" | "true" => Some(Value::Bool(true)),
                "False" | "false" => Some(Value::Bool(false)),
                "None" | "null" => Some(Value::Null),
                word => {
                    let begins = word.trim_start_matches('-').starts_with(|c: char| c.is_ascii_digit());
                    begins.then(|| word.parse::<Number>().ok())?.map(Value::Number)
                }
            },
        }
    }

    fn dict(&mut self, depth: usize) -> Option<Value> {
        self.take('{')?;
        let mut entries = Map::new();
        while self.take('}').is_none() {
            self.rest = self.rest.trim_start();
            let key = self.string()?;
            self.take(':')?;
            entries.insert(key, self.value(depth + 1)?);
            if self.take(',').is_none() && !self.peek('}') {
                return None;
            }
        }
        Some(Value::Object(entries))
    }

    fn string(&mut self) -> Option<String> {
        let quote = self.rest.chars().next().filter(|c| matches!(c, '\'' | '"'))?;
        let mut chars = self.rest.char_indices().skip(1);
        let mut text = String::new();
        loop {
            let (at, c) = chars.next()?;
            match c {
                _ if c == quote => {
                    self.rest = self.rest.get(at + 1..)?;
                    return Some(text);
                }
                '\\' => match chars.next()?.1 {
                    'n' => text.push('\n'),
                    't' => text.push('\t'),
                    'r' => text.push('\r'),
                    'b' => text.push('\u{8}'),
                    'f' => text.push('\u{c}'),
                    '0' => text.push('\0'),
                    kind @ ('x' | 'u') => {
                        let n_digits = if kind == 'x' { 2 } else { 4 };
                        let digits: String = chars.by_ref().take(n_digits).map(|(_, c)| c).collect();
                        text.push(char::from_u32(u32::from_str_radix(&digits, 16).ok()?)?);
                    }
                    other if other.is_ascii_punctuation() => text.push(other),
                    other => text.extend(['\\', other]),
                },
                _ => text.push(c),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: Option<&[(&str, &str)]>) {
        let found = read_calls(text);
        let expected = expected.map(|e| e.iter().map(|(n, a)| ((*n).to_owned(), (*a).to_owned())).collect());
        assert_eq!(found, expected, "{text:?}");
    }

    #[test]
    fn calls_of_python_are_read() {
        check("[f()]", Some(&[("f", "{}")]));
        check(
            r#"[get(city='Paris "x"', n=-3, on=True, l=[1, None,], d={'a': 1.5}), add(x="a\n\'")]"#,
            Some(&[
                ("get", r#"{"city": "Paris \"x\"", "n": -3, "on": true, "l": [1, null], "d": {"a": 1.5}}"#),
                ("add", r#"{"x": "a\n'"}"#),
            ]),
        );
        for text in
            ["", "[]", "[f]", "[f(1)]", "[f(a=)]", "[f(a=b)]", "[f(a='x)]", "[f()] x", "[f() g()]", "f(a=1 b=2)"]
        {
            check(text, None);
        }
    }

    #[test]
    fn written_calls_are_read_again() {
        let arguments = serde_json::json!({"a": "x'\"\\", "b": [1, {"c": null}], "d": true});
        let text = write_calls(&[("f".into(), arguments.clone())]);
        let calls = read_calls(&text).unwrap();
        assert_eq!(serde_json::from_str::<Value>(&calls[0].1).unwrap(), arguments);
    }

    #[test]
    fn nesting_is_bounded() {
        assert!(read_literal(&"[".repeat(1000)).is_none());
    }
}
