//! Calls of tools in the history of a conversation, which clients bring along from wherever they were made.

use std::{collections::VecDeque, fmt};

use serde::{
    Deserialize, Deserializer, Serialize,
    de::{Error, MapAccess, Visitor, value::MapAccessDeserializer},
};
use serde_json::{Map, Value};

/// The arguments of a call that was made earlier, as JSON text: OpenAI sends them so, Ollama and many frameworks send
/// the object.
#[derive(Serialize, Clone, PartialEq, Eq, Debug)]
#[serde(transparent)]
pub(crate) struct Arguments(pub(crate) String);

impl<'de> Deserialize<'de> for Arguments {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Form;
        impl<'de> Visitor<'de> for Form {
            type Value = Arguments;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object, or a string of JSON")
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<Arguments, E> {
                Ok(Arguments(text.to_owned()))
            }

            fn visit_unit<E: Error>(self) -> Result<Arguments, E> {
                Ok(Arguments("{}".to_owned()))
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Arguments, A::Error> {
                let members = Map::deserialize(MapAccessDeserializer::new(map))?;
                Ok(Arguments(Value::Object(members).to_string()))
            }
        }
        deserializer.deserialize_any(Form)
    }
}

/// Calls that have no result yet, in order: ids and names.
#[derive(Debug, Default)]
pub(crate) struct OpenCalls(VecDeque<(String, String)>);

impl OpenCalls {
    /// Adds a call that was made.
    pub(crate) fn made(&mut self, id: String, tool: String) {
        self.0.push_back((id, tool));
    }

    /// Takes out the call that a result answers and gives its id: the call that the result names, else the first one of
    /// its tool, else the first one. A result of a call that nobody made keeps the id it has.
    pub(crate) fn answered(&mut self, id: Option<&str>, tool: Option<&str>) -> Option<String> {
        let place = match (id, tool) {
            (Some(id), _) => self.0.iter().position(|(open, _)| open == id),
            (None, tool) => self.0.iter().position(|(_, name)| tool == Some(name.as_str())).or(Some(0)),
        };
        let found = place.and_then(|i| self.0.remove(i));
        found.map(|(id, _)| id).or_else(|| id.map(str::to_owned))
    }

    /// Forgets all calls: the conversation went on without more results.
    pub(crate) fn forget(&mut self) {
        self.0.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arguments_come_as_text_or_as_they_are() {
        let read = |json: &str| serde_json::from_str::<Arguments>(json).map(|a| a.0).map_err(|e| e.to_string());
        assert_eq!(read(r#""{\"b\": 1}""#).unwrap(), r#"{"b": 1}"#);
        assert_eq!(read(r#"{"b": 1, "a": [null]}"#).unwrap(), r#"{"b":1,"a":[null]}"#);
        assert_eq!(read("null").unwrap(), "{}");
        assert!(read("[1]").unwrap_err().contains("expected an object, or a string of JSON"));
    }

    #[test]
    fn results_find_their_calls() {
        let mut open = OpenCalls::default();
        for (id, tool) in [("a", "one"), ("b", "two"), ("c", "two"), ("d", "three")] {
            open.made(id.to_owned(), tool.to_owned());
        }
        assert_eq!(open.answered(None, Some("two")).as_deref(), Some("b"));
        assert_eq!(open.answered(Some("d"), Some("two")).as_deref(), Some("d"));
        assert_eq!(open.answered(None, Some("nobody")).as_deref(), Some("a"));
        assert_eq!(open.answered(None, None).as_deref(), Some("c"));
        assert_eq!(open.answered(Some("x"), None).as_deref(), Some("x"));
        open.forget();
        assert_eq!(open.answered(None, None), None);
    }
}
