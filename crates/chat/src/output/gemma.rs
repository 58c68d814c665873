//! Gemma 4's spelling of calls: `call:name{key:<|"|>text<|"|>,other:[1,true]}`.

use serde_json::{Map, Number, Value};

use super::{literals::spaced, syntax::Calls};
use crate::limits::CALL_NESTING_MAX;

const QUOTE: &str = "<|\"|>";

/// The call that fills `text`.
pub(crate) fn read_calls(text: &str) -> Option<Calls> {
    let (name, rest) = text.trim().strip_prefix("call:")?.split_once('{')?;
    let mut reader = Reader { rest };
    let arguments = reader.entries(0)?;
    let is_whole = reader.rest.trim().is_empty() && !name.trim().is_empty();
    is_whole.then(|| vec![(name.trim().to_owned(), spaced(&Value::Object(arguments)))])
}

/// What [`read_calls`] reads, of one call; several stand in markers of their own.
pub(crate) fn write_calls(calls: &[(String, Value)]) -> String {
    let one = |(name, arguments): &(String, Value)| format!("call:{name}{}", write(arguments));
    calls.iter().map(one).collect::<Vec<_>>().join("<tool_call|><|tool_call>")
}

fn write(value: &Value) -> String {
    match value {
        Value::String(text) => format!("{QUOTE}{text}{QUOTE}"),
        Value::Array(items) => format!("[{}]", items.iter().map(write).collect::<Vec<_>>().join(",")),
        Value::Object(entries) => {
            let entries = entries.iter().map(|(key, value)| format!("{key}:{}", write(value)));
            format!("{{{}}}", entries.collect::<Vec<_>>().join(","))
        }
        scalar => scalar.to_string(),
    }
}

struct Reader<'a> {
    rest: &'a str,
}

impl Reader<'_> {
    fn take(&mut self, text: &str) -> bool {
        let rest = self.rest.trim_start().strip_prefix(text);
        self.rest = rest.unwrap_or(self.rest);
        rest.is_some()
    }

    /// After the opening brace.
    fn entries(&mut self, depth: usize) -> Option<Map<String, Value>> {
        let mut entries = Map::new();
        while !self.take("}") {
            let key = if self.take(QUOTE) {
                let key = self.text()?;
                self.take(":").then_some(key)?
            } else {
                let (key, rest) = self.rest.split_once(':')?;
                self.rest = rest;
                key.trim().to_owned()
            };
            entries.insert(key, self.value(depth)?);
            if !self.take(",") && !self.rest.trim_start().starts_with('}') {
                return None;
            }
        }
        Some(entries)
    }

    fn text(&mut self) -> Option<String> {
        let (text, rest) = self.rest.split_once(QUOTE)?;
        self.rest = rest;
        Some(text.to_owned())
    }

    fn value(&mut self, depth: usize) -> Option<Value> {
        if depth > CALL_NESTING_MAX {
            return None;
        }
        if self.take(QUOTE) {
            return self.text().map(Value::String);
        }
        if self.take("{") {
            return self.entries(depth + 1).map(Value::Object);
        }
        if self.take("[") {
            let mut items = Vec::new();
            while !self.take("]") {
                items.push(self.value(depth + 1)?);
                if !self.take(",") && !self.rest.trim_start().starts_with(']') {
                    return None;
                }
            }
            return Some(Value::Array(items));
        }
        let end = self.rest.find([',', '}', ']']).unwrap_or(self.rest.len());
        let (word, rest) = self.rest.split_at_checked(end)?;
        self.rest = rest;
        match word.trim() {
            "true" => Some(Value::Bool(true)),
            "false" => Some(Value::Bool(false)),
            "null" => Some(Value::Null),
            word => word.parse::<Number>().ok().map(Value::Number),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: Option<&str>) {
        assert_eq!(read_calls(text).map(|calls| calls[0].1.clone()).as_deref(), expected, "{text:?}");
    }

    #[test]
    fn arguments_are_read() {
        check("call:f{}", Some("{}"));
        check(
            "call:f{a:<|\"|>x, \"y\"}<|\"|>,b:[1,true,{c:null}],d:-1.5}",
            Some(r#"{"a": "x, \"y\"}", "b": [1, true, {"c": null}], "d": -1.5}"#),
        );
        for text in ["call:f", "call:{}", "f{}", "call:f{a}", "call:f{a:x}", "call:f{a:1", "call:f{a:1}x"] {
            check(text, None);
        }
        check(&format!("call:f{{a:{}", "[".repeat(1000)), None);
    }

    #[test]
    fn written_calls_are_read_again() {
        let arguments = serde_json::json!({"a": "x \"y\"", "b": [1, {"c": null}], "d": true});
        let calls = read_calls(&write_calls(&[("f".into(), arguments.clone())])).unwrap();
        assert_eq!(serde_json::from_str::<Value>(&calls[0].1).unwrap(), arguments);
    }
}
