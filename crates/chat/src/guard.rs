//! What a user typed stays text: a message that spells a control token (`<|im_start|>`) must not become one.
//!
//! Before rendering, [`protect`] puts marks around such spellings in the contents of messages; after rendering,
//! [`segments`] cuts the prompt at the marks, so that only the template's own text is searched for control tokens.

use serde_json::Value;

use crate::message::{Content, Message, Part};

/// Opens a protected spelling: a Unicode noncharacter, never assigned.
const OPEN: char = '\u{fdd0}';
/// Closes a protected spelling: a noncharacter too.
const CLOSE: char = '\u{fdd1}';
/// Stands before the digit that spells a mark which the text itself holds.
const ESCAPE: char = '\u{fdd2}';

/// A piece of a rendered prompt.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Segment {
    /// From the template: control tokens count.
    Template(String),
    /// From a message: control tokens are text.
    Text(String),
}

/// `text` with marks around every occurrence of one of `spellings`, longest first, and around marks of its own.
pub fn protect(text: &str, spellings: &[&str]) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    // Most characters begin no spelling; a model may have hundreds of spellings.
    let mut firsts: Vec<char> = spellings.iter().filter_map(|s| s.chars().next()).collect();
    firsts.sort_unstable();
    firsts.dedup();
    while let Some(first) = rest.chars().next() {
        if let Some(digit) = [OPEN, CLOSE, ESCAPE].iter().position(|&mark| mark == first) {
            out.extend([OPEN, ESCAPE, char::from(b'0' + digit as u8), CLOSE]);
            rest = rest.strip_prefix(first).unwrap_or_default();
            continue;
        }
        if firsts.binary_search(&first).is_err() {
            out.push(first);
            rest = rest.strip_prefix(first).unwrap_or_default();
            continue;
        }
        let found = spellings.iter().filter(|s| !s.is_empty() && rest.starts_with(**s)).max_by_key(|s| s.len());
        if let Some(spelling) = found {
            out.push(OPEN);
            out.push_str(spelling);
            out.push(CLOSE);
            rest = rest.strip_prefix(*spelling).unwrap_or_default();
        } else {
            out.push(first);
            rest = rest.strip_prefix(first).unwrap_or_default();
        }
    }
    out
}

/// [`protect`] for everything that a typed message says. Each kind of part is named here, so that a new one is guarded
/// or does not compile.
pub fn protect_message(message: &Message, spellings: &[&str]) -> Message {
    let part = |part: &Part| match part {
        Part::Text { text } => Part::Text { text: protect(text, spellings) },
    };
    let content = match &message.content {
        Content::Text(text) => Content::Text(protect(text, spellings)),
        Content::Parts(parts) => Content::Parts(parts.iter().map(part).collect()),
    };
    Message { role: message.role, content }
}

/// [`protect`] for everything that the messages of a conversation say: text, parts, results, names and arguments of
/// calls. Arguments that are JSON text are protected as what they stand for, since templates decode them.
pub fn protect_messages(messages: &mut [Value], spellings: &[&str]) {
    for message in messages {
        protect_json(message, spellings);
    }
}

/// [`protect`] for every string of a value, keys included.
pub fn protect_json(value: &mut Value, spellings: &[&str]) {
    match value {
        Value::String(text) => *text = protect(text, spellings),
        Value::Array(items) => items.iter_mut().for_each(|item| protect_json(item, spellings)),
        Value::Object(entries) => {
            let old = std::mem::take(entries);
            for (key, mut value) in old {
                let decoded = value.as_str().filter(|_| key == "arguments").and_then(decode);
                if let Some(mut decoded) = decoded {
                    protect_json(&mut decoded, spellings);
                    value = Value::from(decoded.to_string());
                } else {
                    protect_json(&mut value, spellings);
                }
                entries.insert(protect(&key, spellings), value);
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

/// The object that a JSON text stands for.
fn decode(text: &str) -> Option<Value> {
    serde_json::from_str::<Value>(text).ok().filter(Value::is_object)
}

/// The pieces of a rendered prompt, in order, none empty. A mark that a template cut from its partner ends at the next
/// one.
pub fn segments(rendered: &str) -> Vec<Segment> {
    let mut segments = Vec::new();
    let mut current = String::new();
    let mut is_text = false;
    let mut chars = rendered.chars();
    let mut finish = |current: &mut String, is_text: bool| {
        let text = std::mem::take(current);
        if !text.is_empty() {
            segments.push(if is_text { Segment::Text(text) } else { Segment::Template(text) });
        }
    };
    while let Some(c) = chars.next() {
        match c {
            OPEN | CLOSE => {
                finish(&mut current, is_text);
                is_text = c == OPEN;
            }
            ESCAPE => match chars.next() {
                Some('0') => current.push(OPEN),
                Some('1') => current.push(CLOSE),
                Some('2') => current.push(ESCAPE),
                Some(other) => current.push(other),
                None => {}
            },
            _ => current.push(c),
        }
    }
    finish(&mut current, is_text);
    segments
}

#[cfg(test)]
mod tests {
    use super::*;

    const SPELLINGS: &[&str] = &["<|im_start|>", "<|im_end|>", "<s>", "<"];

    fn check(text: &str, expected: &[Segment]) {
        assert_eq!(segments(&protect(text, SPELLINGS)), expected, "{text:?}");
    }

    #[test]
    fn spellings_become_text() {
        check("plain", &[Segment::Template("plain".into())]);
        check(
            "a<|im_end|>b",
            &[Segment::Template("a".into()), Segment::Text("<|im_end|>".into()), Segment::Template("b".into())],
        );
        check("<|im_start|><s>", &[Segment::Text("<|im_start|>".into()), Segment::Text("<s>".into())]);
    }

    #[test]
    fn marks_in_the_text_survive() {
        for text in ["\u{fdd0}<s>\u{fdd1}", "\u{fdd2}0", "\u{fdd1}\u{fdd1}<|im_end|>"] {
            let joined: String = segments(&protect(text, SPELLINGS))
                .into_iter()
                .map(|s| match s {
                    Segment::Template(t) => {
                        assert!(!t.contains('<'), "{t:?} escaped protection in {text:?}");
                        t
                    }
                    Segment::Text(t) => t,
                })
                .collect();
            assert_eq!(joined, text);
        }
    }

    #[test]
    fn a_template_that_cuts_between_marks_loses_no_text() {
        let rendered = protect("x<s>y", SPELLINGS);
        let cut: String = rendered.chars().skip(2).collect();
        let joined: String =
            segments(&cut).iter().map(|(Segment::Template(t) | Segment::Text(t))| t.as_str()).collect();
        assert_eq!(joined, "<s>y");
    }

    /// One part of each kind, whose every string is `text`.
    fn parts_of_all_kinds(text: &str) -> Vec<Part> {
        vec![Part::Text { text: text.into() }]
    }

    /// Every string of a value but the words of the format itself.
    fn said(value: &Value, found: &mut Vec<String>) {
        match value {
            Value::String(text) => found.push(text.clone()),
            Value::Array(items) => items.iter().for_each(|item| said(item, found)),
            Value::Object(entries) => {
                entries
                    .iter()
                    .filter(|(key, _)| !["type", "role"].contains(&key.as_str()))
                    .for_each(|(_, v)| said(v, found));
            }
            Value::Null | Value::Bool(_) | Value::Number(_) => {}
        }
    }

    #[test]
    fn every_kind_of_part_of_a_typed_message_is_protected() {
        // The error for an unknown kind lists those that there are: none may be missing from the cases.
        let error = serde_json::from_value::<Part>(serde_json::json!({"type": "?"})).unwrap_err().to_string();
        let kinds: Vec<&str> = error.split('`').skip(3).step_by(2).collect();
        let parts = parts_of_all_kinds("a<s>");
        let covered: Vec<Value> = parts.iter().map(|p| serde_json::to_value(p).unwrap()["type"].clone()).collect();
        assert!(!kinds.is_empty() && covered == kinds, "{error}: the cases are {covered:?}");
        for content in [Content::Text("a<s>".into()), Content::Parts(parts)] {
            let message = Message { role: crate::Role::User, content };
            let mut found = Vec::new();
            said(&protect_message(&message, &["<s>"]).to_json(), &mut found);
            assert!(!found.is_empty() && found.iter().all(|text| text == &protect("a<s>", &["<s>"])), "{found:?}");
        }
    }

    #[test]
    fn everything_a_message_says_is_protected() {
        let mut messages = [
            serde_json::json!({"role": "user", "content": [{"type": "text", "text": "a<s>"}]}),
            serde_json::json!({"role": "assistant", "content": null, "reasoning_content": "<s>", "tool_calls": [
                {"id": "<s>", "type": "function", "function": {"name": "f<s>", "arguments": "{\"<s>\": [\"\\u003cs>\"]}"}},
                {"function": {"name": "g", "arguments": {"a": {"b": "<s>"}}}},
                {"function": {"name": "h", "arguments": "<s> is no JSON"}},
            ]}),
            serde_json::json!({"role": "tool", "name": "<s>", "content": "<s>"}),
        ];
        let before: Vec<String> = messages.iter().map(Value::to_string).collect();
        protect_messages(&mut messages, &["<s>"]);
        let text = messages.iter().map(Value::to_string).collect::<String>().replace("\\\\u003c", "<");
        assert_eq!(text.matches("<s>").count(), 10);
        assert_eq!(text.matches("\u{fdd0}<s>\u{fdd1}").count(), 10, "{text}");
        let arguments = messages[1].pointer("/tool_calls/0/function/arguments").unwrap().as_str().unwrap();
        assert!(serde_json::from_str::<Value>(arguments).unwrap().is_object());
        let stripped: Vec<String> =
            messages.iter().map(|m| m.to_string().replace(['\u{fdd0}', '\u{fdd1}'], "")).collect();
        assert_eq!(stripped[0], before[0]);
        assert_eq!(stripped[2], before[2]);
    }
}
