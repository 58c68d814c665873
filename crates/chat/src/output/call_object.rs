//! One call as a JSON object, read as it comes: its arguments are passed on as soon as the name is known.

use super::{
    json_scanner::{JsonScanner, Scan, is_json},
    syntax::{ARGUMENTS_KEYS, NAME_KEYS},
};
use crate::limits::CALL_NAME_BYTES_MAX;

/// What a character did.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Event {
    /// Nothing that can be passed on.
    More,
    /// It begins the arguments of a call of this name.
    Begin(String),
    /// It belongs to the arguments.
    Argument,
    /// It ends the object. Name and arguments, if they were not passed on yet.
    End(Option<(String, String)>),
    /// This is no call.
    Bad,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum At {
    FirstKey,
    Key,
    InKey,
    Colon,
    Value(Role),
    InValue(Role),
    AfterValue,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Role {
    Name,
    /// The arguments, which are passed on as they come.
    Arguments,
    /// Kept, because the name comes later or because they are JSON in a string.
    HeldArguments,
    Other,
}

/// A call that is being read, after its opening brace.
#[derive(Debug)]
pub(crate) struct CallObject {
    at: At,
    is_keyed: bool,
    scanner: JsonScanner,
    /// The key or value that is being read, where it is needed.
    text: String,
    name: Option<String>,
    arguments: Option<String>,
    is_started: bool,
}

impl CallObject {
    pub(crate) fn new(is_keyed: bool) -> Self {
        Self {
            at: At::FirstKey,
            is_keyed,
            scanner: JsonScanner::new(),
            text: String::new(),
            name: None,
            arguments: None,
            is_started: false,
        }
    }

    /// Whether the call was announced: an [`Event::Begin`] came.
    pub(crate) fn is_started(&self) -> bool {
        self.is_started
    }

    /// Takes a character. `is_known` says whether a tool of that name may be called, `is_strict` that a call without
    /// arguments is none.
    pub(crate) fn push(&mut self, c: char, is_strict: bool, is_known: impl Fn(&str) -> bool) -> Event {
        match self.at {
            At::InKey => return self.in_key(c, is_known),
            At::InValue(role) => return self.in_value(c, role, is_strict, is_known),
            _ if matches!(c, ' ' | '\t' | '\n' | '\r') => return Event::More,
            _ => {}
        }
        match (self.at, c) {
            (At::FirstKey | At::Key, '"') => {
                self.text.clear();
                self.text.push(c);
                self.scanner = JsonScanner::new();
                self.scanner.push(c);
                self.at = At::InKey;
            }
            (At::Colon, ':') => self.at = At::Value(self.role()),
            (At::AfterValue, ',') if !self.is_keyed => self.at = At::Key,
            (At::AfterValue, '}') => return self.end(is_strict),
            (At::Value(role), _) => return self.begin_value(c, role, is_strict, is_known),
            _ => return Event::Bad,
        }
        Event::More
    }

    fn in_key(&mut self, c: char, is_known: impl Fn(&str) -> bool) -> Event {
        self.text.push(c);
        match self.scanner.push(c) {
            Scan::More if self.text.len() <= 2 * CALL_NAME_BYTES_MAX => Event::More,
            Scan::End => {
                let Ok(key) = serde_json::from_str::<String>(&self.text) else { return Event::Bad };
                if self.is_keyed {
                    if !is_a_name(&key) || !is_known(&key) {
                        return Event::Bad;
                    }
                    self.name = Some(key);
                } else {
                    self.text = key;
                }
                self.at = At::Colon;
                Event::More
            }
            _ => Event::Bad,
        }
    }

    /// What the value of the key in `text` is.
    fn role(&self) -> Role {
        let is_arguments = self.is_keyed || ARGUMENTS_KEYS.contains(&self.text.as_str());
        if !self.is_keyed && NAME_KEYS.contains(&self.text.as_str()) {
            Role::Name
        } else if is_arguments && self.name.is_some() {
            Role::Arguments
        } else if is_arguments {
            Role::HeldArguments
        } else {
            Role::Other
        }
    }

    fn begin_value(&mut self, c: char, role: Role, is_strict: bool, is_known: impl Fn(&str) -> bool) -> Event {
        let has_arguments = self.is_started || self.arguments.is_some();
        let role = match role {
            Role::Name if self.name.is_some() || c != '"' => return Event::Bad,
            Role::Arguments | Role::HeldArguments if has_arguments || !matches!(c, '{' | '"' | 'n') => {
                return Event::Bad;
            }
            Role::Arguments if c != '{' => Role::HeldArguments,
            role => role,
        };
        self.text.clear();
        self.scanner = JsonScanner::new();
        self.at = At::InValue(role);
        if role == Role::Arguments {
            self.is_started = true;
            self.scanner.push(c);
            return self.name.clone().map_or(Event::Bad, Event::Begin);
        }
        self.in_value(c, role, is_strict, is_known)
    }

    fn in_value(&mut self, c: char, role: Role, is_strict: bool, is_known: impl Fn(&str) -> bool) -> Event {
        let scan = self.scanner.push(c);
        if matches!(role, Role::Name | Role::HeldArguments) && scan != Scan::Over {
            self.text.push(c);
        }
        match scan {
            Scan::Bad => Event::Bad,
            Scan::More if role == Role::Arguments => Event::Argument,
            Scan::More => Event::More,
            Scan::End => {
                self.at = At::AfterValue;
                match role {
                    Role::Arguments => Event::Argument,
                    Role::Other => Event::More,
                    Role::Name => match serde_json::from_str::<String>(&self.text) {
                        Ok(name) if is_a_name(&name) && is_known(&name) => {
                            self.name = Some(name);
                            Event::More
                        }
                        _ => Event::Bad,
                    },
                    Role::HeldArguments => match object_text(&self.text) {
                        Some(text) => {
                            self.arguments = Some(text);
                            Event::More
                        }
                        None => Event::Bad,
                    },
                }
            }
            Scan::Over => {
                self.at = At::AfterValue;
                self.push(c, is_strict, is_known)
            }
        }
    }

    fn end(&mut self, is_strict: bool) -> Event {
        if self.is_started {
            return Event::End(None);
        }
        match (self.name.take(), self.arguments.take()) {
            (Some(name), Some(arguments)) => Event::End(Some((name, arguments))),
            (Some(name), None) if !is_strict => Event::End(Some((name, "{}".to_owned()))),
            _ => Event::Bad,
        }
    }
}

fn is_a_name(name: &str) -> bool {
    !name.is_empty() && name.len() <= CALL_NAME_BYTES_MAX
}

/// The JSON text of an object that is written as such, as `null`, or as JSON in a string.
fn object_text(text: &str) -> Option<String> {
    if text.starts_with('{') {
        return Some(text.to_owned());
    }
    if text == "null" {
        return Some("{}".to_owned());
    }
    let inner: String = serde_json::from_str(text).ok()?;
    let inner = inner.trim();
    if inner.is_empty() {
        return Some("{}".to_owned());
    }
    let is_object = inner.starts_with('{') && is_json(inner);
    is_object.then(|| inner.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Name and arguments of the object whose text after the brace is given.
    fn check(text: &str, is_strict: bool, expected: Option<(&str, &str)>) {
        let mut object = CallObject::new(false);
        let (mut name, mut arguments) = (String::new(), String::new());
        let mut is_over = false;
        for c in text.chars() {
            match object.push(c, is_strict, |name| name != "unknown") {
                Event::More => {}
                Event::Begin(begun) => {
                    name = begun;
                    arguments.push(c);
                }
                Event::Argument => arguments.push(c),
                Event::End(rest) => {
                    if let Some((late_name, late_arguments)) = rest {
                        (name, arguments) = (late_name, late_arguments);
                    }
                    is_over = true;
                    break;
                }
                Event::Bad => break,
            }
        }
        assert_eq!(is_over.then_some((name.as_str(), arguments.as_str())), expected, "{text:?}");
    }

    #[test]
    fn calls_in_every_order() {
        let call = Some(("f", r#"{"a": [1, "}"]}"#));
        check(r#""name": "f", "arguments": {"a": [1, "}"]}}"#, true, call);
        check(r#""id": 17, "name": "f", "parameters": {"a": [1, "}"]}, "x": [{}]}"#, true, call);
        check(r#""arguments": {"a": [1, "}"]}, "name": "f"}"#, true, call);
        check(r#" "arguments" : "{\"a\": [1, \"}\"]}" , "name" : "f" }"#, true, call);
        check(r#""name": "f", "arguments": null}"#, true, Some(("f", "{}")));
        check(r#""name": "f"}"#, false, Some(("f", "{}")));
    }

    #[test]
    fn other_objects_are_no_calls() {
        check(r#""name": "f"}"#, true, None);
        for text in [
            "}",
            r#""arguments": {}}"#,
            r#""name": "unknown", "arguments": {}}"#,
            r#""name": 1}"#,
            r#""name": "f", "arguments": []}"#,
            r#""name": "f", "arguments": "x"}"#,
            r#""name": "f", "name": "g"}"#,
            r#""name": "f", "parameters": {}, "arguments": {}}"#,
            r#""name" "f"}"#,
            r#""name": "f",}"#,
        ] {
            check(text, false, None);
        }
    }
}
