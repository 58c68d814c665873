//! Calls whose arguments stand in tags, as text that the tool's schema gives a type.

use super::{Expected, OutputParser, OutputPiece, Search, State, arguments, is_name};
use crate::{
    limits::{CALL_HELD_BYTES_MAX, CALL_NAME_BYTES_MAX, CALLS_MAX},
    output::{
        json_scanner::is_json,
        literals,
        syntax::{Body, TaggedCalls},
        tool,
    },
};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum TaggedPlace {
    /// Before a call, or what ends them all.
    Next,
    Name,
    /// After the name.
    Head,
    /// Before a key, or what ends the call.
    Between,
    Key,
    /// After a key.
    ValueHead,
}

/// The call that is being read.
#[derive(Debug, Default)]
pub(super) struct TaggedCall {
    name: String,
    key: String,
    n_arguments: usize,
}

/// An argument that is being read.
#[derive(Debug, Default)]
pub(super) struct Value {
    search: Search,
    /// Passed on as a JSON string as it comes; other values are kept until they are complete.
    is_text: bool,
    held: String,
    is_at_start: bool,
}

impl OutputParser {
    pub(super) fn feed_tagged(&mut self, c: char, out: &mut Vec<OutputPiece>) {
        let Body::Tagged(tagged) = &self.format.syntax.body else { return };
        let State::Tagged(place) = self.state else { return };
        match place {
            TaggedPlace::Next => {
                let closes = self.format.syntax.closes.iter().copied();
                match self.expect(c, closes.chain([tagged.call_open])) {
                    Expected::Found(found) if found == tagged.call_open && self.n_calls < CALLS_MAX => {
                        self.go_to(TaggedPlace::Name);
                    }
                    Expected::Found(_) if self.n_calls_here > 0 => self.end_calls(),
                    Expected::Partly => {}
                    _ => self.give_up(out),
                }
            }
            TaggedPlace::Name => self.in_name(tagged, c, out),
            TaggedPlace::Head => {
                if self.word(c, tagged.head_close, out).is_some() {
                    self.go_to(TaggedPlace::Between);
                }
            }
            TaggedPlace::Between => match self.expect(c, [tagged.key_open, tagged.call_close].into_iter()) {
                Expected::Found(found) => self.after_argument(tagged, found, out),
                Expected::Partly => {}
                Expected::Nothing => {
                    arguments(self.n_calls, "}", out);
                    self.give_up(out);
                }
            },
            TaggedPlace::Key => {
                if let Some(key) = self.word(c, tagged.key_close, out) {
                    key.trim().clone_into(&mut self.call.key);
                    self.go_to(TaggedPlace::ValueHead);
                    if tagged.value_open.is_empty() {
                        self.begin_value(None, out);
                    }
                }
            }
            TaggedPlace::ValueHead => {
                if let Some(attributes) = self.word(c, tagged.value_open, out) {
                    let is_text = attributes.contains(tagged.text_attribute.trim());
                    self.begin_value((!tagged.text_attribute.is_empty()).then_some(is_text), out);
                }
            }
        }
    }

    fn go_to(&mut self, place: TaggedPlace) {
        self.word.clear();
        self.state = State::Tagged(place);
    }

    /// Takes a character of a text that `end` ends, and returns that text when it is complete.
    fn word(&mut self, c: char, end: &str, out: &mut Vec<OutputPiece>) -> Option<String> {
        self.raw.push(c);
        self.word.push(c);
        if let Some(word) = self.word.strip_suffix(end) {
            return Some(word.to_owned());
        }
        if self.word.len() > 2 * CALL_NAME_BYTES_MAX {
            arguments(self.n_calls, "}", out);
            self.give_up_at(c, out);
        }
        None
    }

    fn in_name(&mut self, tagged: &'static TaggedCalls, c: char, out: &mut Vec<OutputPiece>) {
        self.raw.push(c);
        self.word.push(c);
        let ends = [tagged.name_close, tagged.key_open, tagged.call_close];
        let ends = if tagged.name_close.is_empty() { &ends[1..] } else { &ends[..1] };
        let end = ends.iter().find_map(|end| Some((self.word.strip_suffix(end)?.trim().to_owned(), *end)));
        match end {
            Some((name, end)) if is_name(&name) => {
                self.begin_call(&name, out);
                arguments(self.n_calls, "{", out);
                self.call = TaggedCall { name, ..TaggedCall::default() };
                if tagged.name_close.is_empty() {
                    self.after_argument(tagged, end, out);
                } else {
                    self.go_to(if tagged.head_close.is_empty() { TaggedPlace::Between } else { TaggedPlace::Head });
                }
            }
            None if self.word.len() <= 2 * CALL_NAME_BYTES_MAX && may_become_name(&self.word, ends) => {}
            _ => self.give_up_at(c, out),
        }
    }

    /// After what begins the next argument, or ends the call.
    fn after_argument(&mut self, tagged: &TaggedCalls, found: &str, out: &mut Vec<OutputPiece>) {
        if found == tagged.key_open {
            return self.go_to(TaggedPlace::Key);
        }
        arguments(self.n_calls, "}", out);
        if tagged.call_open.is_empty() {
            self.end_calls();
        } else {
            self.raw.clear();
            self.go_to(TaggedPlace::Next);
        }
    }

    /// `is_text` is what the value's attributes say.
    fn begin_value(&mut self, is_text: Option<bool>, out: &mut Vec<OutputPiece>) {
        let schema = self.tools.iter().find(|t| t.name == self.call.name).and_then(|t| t.property(&self.call.key));
        let is_text = is_text.unwrap_or_else(|| schema.is_some_and(tool::is_text));
        let comma = if self.call.n_arguments > 0 { ", " } else { "" };
        let quote = if is_text { "\"" } else { "" };
        let key = serde_json::Value::from(self.call.key.as_str());
        arguments(self.n_calls, &format!("{comma}{key}: {quote}"), out);
        self.call.n_arguments += 1;
        self.raw.clear();
        self.state = State::Value(Box::new(Value { is_text, is_at_start: true, ..Value::default() }));
    }

    pub(super) fn feed_value(&mut self, c: char, out: &mut Vec<OutputPiece>) {
        let Body::Tagged(tagged) = &self.format.syntax.body else { return };
        let State::Value(value) = &mut self.state else { return };
        let found = value.search.push(c, &[tagged.value_close], &mut value.held);
        if tagged.padded && value.is_at_start && !value.held.is_empty() {
            value.is_at_start = false;
            if value.held.starts_with('\n') {
                value.held.remove(0);
            }
        }
        if !value.is_text && value.held.len() > CALL_HELD_BYTES_MAX {
            value.is_text = true;
            arguments(self.n_calls, "\"", out);
        }
        if found.is_some() {
            let held = std::mem::take(&mut value.held);
            let held = held.strip_suffix('\n').filter(|_| tagged.padded).unwrap_or(&held);
            let held = character_data(held).filter(|_| tagged.character_data).unwrap_or(held);
            let text = if value.is_text { escaped(held) + "\"" } else { other_value(held) };
            arguments(self.n_calls, &text, out);
            self.go_to(TaggedPlace::Between);
        } else if value.is_text && (!tagged.character_data || value.held.len() > CALL_HELD_BYTES_MAX) {
            // The line's end before the closing tag is not part of the value.
            let keeps = tagged.padded && value.held.ends_with('\n');
            let held = std::mem::take(&mut value.held);
            let text = if keeps { held.strip_suffix('\n').unwrap_or(&held) } else { &held };
            value.held = if keeps { "\n".to_owned() } else { String::new() };
            arguments(self.n_calls, &escaped(text), out);
        }
    }

    /// The reply ends within a value: what was read of it is passed on, and stays incomplete.
    pub(super) fn cut_value(&mut self, mut value: Value, out: &mut Vec<OutputPiece>) {
        let mut held = std::mem::take(&mut value.held);
        held.push_str(&value.search.take());
        let text = if value.is_text { escaped(&held) } else { held };
        arguments(self.n_calls, &text, out);
    }
}

/// Whether the name at the beginning of `word` may still be followed by one of `ends`.
fn may_become_name(word: &str, ends: &[&str]) -> bool {
    let word = word.trim_start();
    let name = word.find(|c: char| !is_name(c.encode_utf8(&mut [0; 4]))).unwrap_or(word.len());
    let rest = word.get(name..).unwrap_or_default().trim_start();
    rest.is_empty() || ends.iter().any(|end| end.starts_with(rest))
}

/// What `<![CDATA[…]]>` wraps.
fn character_data(text: &str) -> Option<&str> {
    text.trim().strip_prefix("<![CDATA[")?.strip_suffix("]]>")
}

/// `text` as the inside of a JSON string.
fn escaped(text: &str) -> String {
    let quoted = serde_json::Value::from(text).to_string();
    quoted.get(1..quoted.len() - 1).unwrap_or_default().to_owned()
}

/// A value that the schema does not call text: JSON, else a literal of Python, else text after all.
fn other_value(text: &str) -> String {
    let trimmed = text.trim();
    if is_json(trimmed) {
        return trimmed.to_owned();
    }
    let is_literal = trimmed.starts_with(['{', '[', '(']) || matches!(trimmed, "True" | "False" | "None");
    let literal = is_literal.then(|| literals::read_literal(trimmed)).flatten();
    literal.map_or_else(|| serde_json::Value::from(text).to_string(), |value| literals::spaced(&value))
}
