//! How models spell tool calls: the table that detection, parser, grammar and rendering read.
//!
//! Each row was found by rendering calls through the templates of the models named beside it.

use super::{literals, table};

/// One way of spelling tool calls.
#[derive(Debug)]
pub(crate) struct Syntax {
    pub(crate) name: &'static str,
    /// Any of these begins calls. The first is the one to write.
    pub(crate) opens: &'static [&'static str],
    /// Any of these ends what an opening began; none where the last call ends it.
    pub(crate) closes: &'static [&'static str],
    pub(crate) body: Body,
    /// Wrappers of ordinary text that mean nothing to a reader.
    pub(crate) wrappers: &'static [&'static str],
    /// Control tokens that are part of longer markers.
    pub(crate) tokens: &'static [&'static str],
}

/// What stands between opening and close.
#[derive(Debug)]
pub(crate) enum Body {
    /// JSON objects that hold name and arguments.
    Json(JsonCalls),
    /// The name in plain text, then the arguments as JSON.
    Named(NamedCalls),
    /// The name, then each argument in tags of its own.
    Tagged(TaggedCalls),
    /// Another language, read once it is complete.
    Whole(WholeCalls),
}

#[derive(Debug)]
pub(crate) struct JsonCalls {
    pub(crate) name_key: &'static str,
    pub(crate) arguments_key: &'static str,
    /// The objects are written as a list.
    pub(crate) list: bool,
    /// The only key is the name, its value the arguments.
    pub(crate) keyed: bool,
    /// A reply that begins with such an object is a call even without an opening.
    pub(crate) bare: bool,
}

#[derive(Debug)]
pub(crate) struct NamedCalls {
    /// Begins each call; empty where the opening of the whole does.
    pub(crate) call_open: &'static str,
    /// Stands between that and the name.
    pub(crate) before_name: &'static str,
    /// Any of these ends the name within the header; the first is written after it, if it is not empty.
    pub(crate) after_name: &'static [&'static str],
    /// Ends the header: the arguments follow.
    pub(crate) arguments_open: &'static str,
    pub(crate) call_close: &'static str,
    /// A "name" under which ordinary text is spelled.
    pub(crate) text_name: &'static str,
}

#[derive(Debug)]
pub(crate) struct TaggedCalls {
    /// Begins each call; empty where the opening of the whole does.
    pub(crate) call_open: &'static str,
    /// Ends the name; empty where the first key or the end of the call does.
    pub(crate) name_close: &'static str,
    /// Ends the head of the call, after attributes; empty where the name does.
    pub(crate) head_close: &'static str,
    pub(crate) key_open: &'static str,
    pub(crate) key_close: &'static str,
    /// Begins the value, after attributes; empty where the end of the key does.
    pub(crate) value_open: &'static str,
    pub(crate) value_close: &'static str,
    pub(crate) call_close: &'static str,
    /// Values stand on lines of their own.
    pub(crate) padded: bool,
    /// Values may be wrapped in `<![CDATA[…]]>`.
    pub(crate) character_data: bool,
    /// How the attributes of a value say that it is text, and not: empty where the schema has to say.
    pub(crate) text_attribute: &'static str,
    pub(crate) other_attribute: &'static str,
}

/// Calls that were read: names, and arguments as JSON text.
pub(crate) type Calls = Vec<(String, String)>;

pub(crate) struct WholeCalls {
    pub(crate) read: fn(&str) -> Option<Calls>,
    pub(crate) write: fn(&[(String, serde_json::Value)]) -> String,
    /// They are a list of Python's calls, so that a grammar can force them.
    pub(crate) is_python: bool,
}

impl std::fmt::Debug for WholeCalls {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("WholeCalls")
    }
}

/// The keys that models use, whatever their template says.
pub(crate) const NAME_KEYS: [&str; 2] = ["name", "tool_name"];
pub(crate) const ARGUMENTS_KEYS: [&str; 2] = ["arguments", "parameters"];

/// The spelling for models that know none.
pub(crate) static HERMES: &Syntax = &table::SYNTAXES[0];

impl Syntax {
    /// Every text that the parser looks for.
    pub(crate) fn markers(&self) -> impl Iterator<Item = &'static str> {
        let (first, inner): (&'static str, [&'static str; 4]) = match &self.body {
            Body::Named(named) => ("", [named.call_open, named.arguments_open, named.call_close, ""]),
            Body::Tagged(tagged) => {
                (tagged.call_open, [tagged.key_open, tagged.value_open, tagged.value_close, tagged.call_close])
            }
            Body::Json(_) | Body::Whole(_) => ("", [""; 4]),
        };
        let outer = self.opens.iter().chain(self.closes).chain(self.wrappers).chain(self.tokens).copied();
        outer.chain([first]).chain(inner).filter(|marker| !marker.is_empty())
    }

    /// Calls as the model would write them.
    pub(crate) fn spell(&self, calls: &[(String, serde_json::Value)]) -> String {
        let open = self.opens.first().copied().unwrap_or_default();
        let close = self.closes.first().copied().unwrap_or_default();
        match &self.body {
            Body::Json(json) => {
                let objects: Vec<String> = calls.iter().map(|(name, arguments)| json.spell(name, arguments)).collect();
                if json.list {
                    format!("{open}[{}]{close}", objects.join(", "))
                } else if json.bare {
                    objects.join("; ")
                } else {
                    objects.iter().map(|o| format!("{open}\n{o}\n{close}")).collect::<Vec<_>>().join("\n")
                }
            }
            Body::Named(named) => {
                let one = |(name, arguments): &(String, serde_json::Value)| {
                    let after = named.after_name.first().copied().unwrap_or_default();
                    format!(
                        "{}{}{name}{after}{}{}{}",
                        named.call_open,
                        named.before_name,
                        named.arguments_open,
                        literals::spaced(arguments),
                        named.call_close
                    )
                };
                if named.call_open.is_empty() {
                    calls.iter().map(|call| format!("{open}{}", one(call))).collect()
                } else {
                    format!("{open}{}{close}", calls.iter().map(one).collect::<String>())
                }
            }
            Body::Tagged(tagged) => {
                let one = |(name, arguments): &(String, serde_json::Value)| tagged.spell(name, arguments);
                if tagged.call_open.is_empty() {
                    calls.iter().map(|call| format!("{open}{}", one(call))).collect()
                } else {
                    format!("{open}\n{}\n{close}", calls.iter().map(one).collect::<Vec<_>>().join("\n"))
                }
            }
            Body::Whole(whole) => format!("{open}{}{close}", (whole.write)(calls)),
        }
    }
}

impl JsonCalls {
    /// What stands before the arguments of a call of `name`.
    pub(crate) fn head(&self, name: &str) -> String {
        let name = serde_json::Value::from(name);
        if self.keyed {
            format!("{{{name}: ")
        } else {
            format!("{{\"{}\": {name}, \"{}\": ", self.name_key, self.arguments_key)
        }
    }

    fn spell(&self, name: &str, arguments: &serde_json::Value) -> String {
        format!("{}{}}}", self.head(name), literals::spaced(arguments))
    }
}

impl TaggedCalls {
    /// What stands before the first key of a call of `name`.
    pub(crate) fn head(&self, name: &str) -> String {
        let line = if self.padded { "\n" } else { "" };
        format!("{}{name}{}{}{line}", self.call_open, self.name_close, self.head_close)
    }

    /// What stands before the value of `key`.
    pub(crate) fn key(&self, key: &str, is_text: bool) -> String {
        format!("{}{key}{}", self.key_open, self.after_key(is_text))
    }

    /// What stands between a key and its value.
    pub(crate) fn after_key(&self, is_text: bool) -> String {
        let line = if self.padded { "\n" } else { "" };
        let attribute = if is_text { self.text_attribute } else { self.other_attribute };
        format!("{}{attribute}{}{line}", self.key_close, self.value_open)
    }

    /// What stands after each value.
    pub(crate) fn end_of_value(&self) -> String {
        let line = if self.padded { "\n" } else { "" };
        format!("{line}{}{line}", self.value_close)
    }

    fn spell(&self, name: &str, arguments: &serde_json::Value) -> String {
        let mut text = self.head(name);
        for (key, value) in arguments.as_object().into_iter().flatten() {
            let value_text = value.as_str().map_or_else(|| literals::spaced(value), str::to_owned);
            text.push_str(&self.key(key, value.is_string()));
            text.push_str(&value_text);
            text.push_str(&self.end_of_value());
        }
        text.push_str(self.call_close);
        text
    }
}
