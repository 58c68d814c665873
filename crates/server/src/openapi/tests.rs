use std::{cell::RefCell, collections::BTreeSet};

use serde::de::{
    DeserializeOwned, Deserializer, IntoDeserializer, Visitor,
    value::{MapDeserializer, SeqDeserializer},
};

use super::*;
use crate::ignored::Dialect;

/// The fields of a type, which it names when it meets one it does not know; `probe` has one where they are asked for.
pub(crate) fn fields<T: DeserializeOwned>(probe: &str) -> BTreeSet<String> {
    let found = RefCell::new(None);
    let _ = T::deserialize(Probe { value: serde_json::from_str(probe).unwrap(), found: &found });
    if let Some(fields) = found.take() {
        return fields;
    }
    // Types that are read in more than one step.
    let error = serde_json::from_str::<T>(probe).err().unwrap_or_else(|| panic!("{probe} was taken")).to_string();
    let (unknown, known) = error.split_once(", expected ").unwrap_or_else(|| panic!("{probe}: {error}"));
    assert!(unknown.contains("unknown field `?`"), "{probe}: {error}");
    known.split('`').skip(1).step_by(2).map(str::to_owned).collect()
}

/// The fields of a type that leaves out what its API ignores, those included.
pub(crate) fn lenient_fields<T: DeserializeOwned + Dialect>(probe: &str) -> BTreeSet<String> {
    let mut fields = fields::<T>(probe);
    fields.extend(T::API.hints().iter().map(|hint| hint.field.to_owned()));
    fields
}

/// A value that looks at who reads it: a struct that would read an object with the field `?` says which fields it has.
struct Probe<'a> {
    value: Value,
    found: &'a RefCell<Option<BTreeSet<String>>>,
}

impl IntoDeserializer<'_, serde_json::Error> for Probe<'_> {
    type Deserializer = Self;

    fn into_deserializer(self) -> Self {
        self
    }
}

impl<'de> Deserializer<'de> for Probe<'_> {
    type Error = serde_json::Error;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Self::Error> {
        let Self { value, found } = self;
        let probe = |value| Probe { value, found };
        match value {
            Value::Array(items) => visitor.visit_seq(SeqDeserializer::new(items.into_iter().map(probe))),
            Value::Object(fields) => {
                visitor.visit_map(MapDeserializer::new(fields.into_iter().map(|(name, value)| (name, probe(value)))))
            }
            value => value.deserialize_any(visitor),
        }
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Self::Error> {
        if self.value.is_null() { visitor.visit_none() } else { visitor.visit_some(self) }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(self, _: &str, visitor: V) -> Result<V::Value, Self::Error> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Self::Error> {
        if self.value.get("?").is_some() {
            self.found.replace(Some(fields.iter().map(|field| (*field).to_owned()).collect()));
        }
        self.deserialize_any(visitor)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        name: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Self::Error> {
        self.value.deserialize_enum(name, variants, visitor)
    }

    serde::forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf unit unit_struct seq tuple
        tuple_struct map
        identifier ignored_any
    }
}

#[test]
fn every_wire_type_has_the_fields_that_are_documented() {
    let schemas = document()["components"]["schemas"].as_object().unwrap();
    let is_wire = |schema: &Value| schema["additionalProperties"].is_boolean();
    let mut left: BTreeSet<&str> = schemas.iter().filter(|(_, s)| is_wire(s)).map(|(name, _)| name.as_str()).collect();
    let mut all = crate::openai::wire_fields();
    all.extend(crate::llamacpp::wire_fields());
    all.extend(crate::anthropic::wire_fields());
    all.extend(crate::ollama::wire_fields());
    for (name, fields) in all {
        let schema = schemas.get(name).unwrap_or_else(|| panic!("no schema {name}"));
        let documented: BTreeSet<String> = schema["properties"].as_object().unwrap().keys().cloned().collect();
        assert_eq!(documented, fields, "{name}");
        left.remove(name);
    }
    assert_eq!(left, BTreeSet::new(), "schemas that were compared with no type");
}

#[test]
fn the_document_is_whole() {
    for part in PARTS {
        let part: Value = serde_json::from_str(part).unwrap();
        assert!(part["paths"].as_object().is_some_and(|p| !p.is_empty()) && part["error"].is_string());
    }
    let text = document().to_string();
    for left in ["$limit", "\"wire\"", "\"hints\":", "\"ignored\":", "\"refused\":", "\"include\":\""] {
        assert!(!text.contains(left), "{left} is left");
    }
    let schemas = document()["components"]["schemas"].as_object().unwrap();
    for reference in text.split("\"$ref\":\"#/components/schemas/").skip(1) {
        let name = reference.split('"').next().unwrap();
        assert!(schemas.contains_key(name), "no schema {name}");
        let uses = text.matches(&format!("#/components/schemas/{name}\"")).count();
        assert!(uses > 0);
    }
    for name in schemas.keys() {
        assert!(text.contains(&format!("#/components/schemas/{name}\"")), "{name} is used nowhere");
    }
    let ids: Vec<&str> = text.split("\"operationId\":\"").skip(1).map(|s| s.split('"').next().unwrap()).collect();
    assert_eq!(ids.iter().collect::<BTreeSet<_>>().len(), ids.len());
    assert_eq!(ids.len(), endpoints().len());
}

/// Looks that no request is without an example. `/docs` sends them, and a browser test holds the answers to what they
/// show: `server/tests/browser/docs_test.py::test_each_route_is_tried_with_its_example`.
#[test]
fn every_request_has_an_example_in_documented_fields() {
    let schemas = document()["components"]["schemas"].as_object().unwrap();
    let operations =
        document()["paths"].as_object().unwrap().values().flat_map(|item| item.as_object().unwrap().values());
    let bodies = operations.filter_map(|o| o["requestBody"]["content"]["application/json"]["schema"]["$ref"].as_str());
    let names: BTreeSet<&str> = bodies.map(|reference| reference.rsplit('/').next().unwrap()).collect();
    assert!(names.len() > 10);
    for name in names {
        if schemas[name]["type"] == "array" {
            assert!(schemas[name]["examples"][0].is_array(), "{name} has no example");
            continue;
        }
        let example = schemas[name]["examples"][0].as_object().unwrap_or_else(|| panic!("{name} has no example"));
        for field in example.keys() {
            assert!(schemas[name]["properties"].get(field).is_some(), "{name}: {field}");
        }
        for required in schemas[name]["required"].as_array().into_iter().flatten() {
            assert!(example.contains_key(required.as_str().unwrap()), "{name}: {required} is required");
        }
    }
}

/// A number in a schema that is a limit of ours has a name: one that is written out could disagree with what is
/// refused.
#[test]
fn limits_are_named_in_the_schemas() {
    fn walk(value: &Value, place: &str, n_named: &mut usize) {
        for (key, value) in value.as_object().into_iter().flatten() {
            let place = format!("{place}.{key}");
            let is_upper =
                ["maximum", "exclusiveMaximum", "maxItems", "maxLength", "maxProperties"].contains(&key.as_str());
            let is_lower = ["minimum", "exclusiveMinimum", "minItems", "minLength"].contains(&key.as_str());
            match value {
                Value::Object(name) if is_upper || is_lower => {
                    let name = name.get("$limit").and_then(Value::as_str);
                    let number = name.and_then(limits::named).unwrap_or_else(|| panic!("{place}: {value}"));
                    assert!(number.is_number(), "{place}: {value} is {number}");
                    *n_named += 1;
                }
                // What a type can hold, nothing, and pairs.
                Value::Number(n) if is_upper => {
                    let is_of_a_type =
                        [0, u8::MAX.into(), u32::MAX.into(), i64::MAX].contains(&n.as_i64().unwrap_or(1));
                    assert!(is_of_a_type || (key == "maxItems" && n.as_u64() == Some(2)), "{place}: {n} has no name");
                }
                Value::Number(n) if is_lower => {
                    let is_plain = n.as_i64().is_some_and(|n| n == i64::MIN || (-2..=2).contains(&n));
                    assert!(is_plain, "{place}: {n} has no name");
                }
                value => walk(value, &place, n_named),
            }
        }
        for (i, item) in value.as_array().into_iter().flatten().enumerate() {
            walk(item, &format!("{place}[{i}]"), n_named);
        }
    }
    let mut n_named = 0;
    for part in PARTS {
        walk(&serde_json::from_str(part).unwrap(), "", &mut n_named);
    }
    assert!(n_named > 50, "{n_named}");
}

/// Where a number stands within a text, and so cannot be named.
#[test]
fn texts_of_the_schemas_say_the_limits() {
    let text = document().to_string();
    let names = format!("{{1,{}}}$", reply::TOOL_NAME_BYTES_MAX);
    let n_probs = format!("Above {} only for as many tokens", limits::TOP_LOGPROBS_MAX);
    for (says, pattern) in [(names, "{1,"), (n_probs, "Above ")] {
        let n = text.matches(pattern).count();
        assert!(n > 0 && text.matches(&says).count() == n, "{says:?} in {n} places with {pattern:?}");
    }
}

#[test]
fn limits_are_those_of_the_table() {
    let chat = &document()["components"]["schemas"]["ChatRequest"]["properties"];
    assert_eq!(chat["messages"]["maxItems"], limits::MESSAGES_MAX);
    assert_eq!(chat["n"]["maximum"], limits::CHOICES_MAX);
    assert_eq!(chat["logit_bias"]["maxProperties"], limits::LOGIT_BIAS_MAX);
    assert_eq!((&chat["priority"]["minimum"], &chat["priority"]["maximum"]), (&json!(-1000), &json!(1000)));
    assert_eq!((&chat["repeat_penalty"]["minimum"], &chat["repeat_penalty"]["maximum"]), (&json!(0.01), &json!(100)));
    // Null is the same as absent, but not for what is required.
    assert_eq!(chat["n"]["type"], json!(["integer", "null"]));
    assert_eq!(chat["messages"]["type"], "array");
    assert_eq!(chat["audio"]["type"], "null");
}
