use std::collections::BTreeSet;

use serde::de::DeserializeOwned;

use super::*;
use crate::ignored::Dialect;

/// The fields of a type, which it names when it meets one it does not know; `probe` has one where they are asked for.
pub(crate) fn fields<T: DeserializeOwned>(probe: &str) -> BTreeSet<String> {
    let error = serde_json::from_str::<T>(probe).err().unwrap_or_else(|| panic!("{probe} was taken")).to_string();
    let (unknown, known) = error.split_once(", expected ").unwrap_or_else(|| panic!("{probe}: {error}"));
    assert!(unknown.contains("unknown field `?`"), "{probe}: {error}");
    known.split('`').skip(1).step_by(2).map(str::to_owned).collect()
}

/// The same of a type that leaves out what its API ignores.
pub(crate) fn lenient_fields<T: DeserializeOwned + Dialect>(probe: &str) -> BTreeSet<String> {
    let mut fields = fields::<T>(probe);
    fields.extend(T::API.hints().iter().map(|hint| hint.field.to_owned()));
    fields
}

#[test]
fn every_wire_type_has_the_fields_that_are_documented() {
    let schemas = document()["components"]["schemas"].as_object().unwrap();
    let mut strict: BTreeSet<&str> =
        schemas.iter().filter(|(_, s)| s["additionalProperties"] == false).map(|(name, _)| name.as_str()).collect();
    let mut all = crate::openai::wire_fields();
    all.extend(crate::llamacpp::wire_fields());
    all.extend(crate::anthropic::wire_fields());
    all.extend(crate::ollama::wire_fields());
    for (name, fields) in all {
        let schema = schemas.get(name).unwrap_or_else(|| panic!("no schema {name}"));
        let documented: BTreeSet<String> = schema["properties"].as_object().unwrap().keys().cloned().collect();
        assert_eq!(documented, fields, "{name}");
        strict.remove(name);
    }
    assert_eq!(strict, BTreeSet::new(), "schemas that were compared with no type");
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

#[test]
fn limits_are_those_of_the_table() {
    let chat = &document()["components"]["schemas"]["ChatRequest"]["properties"];
    assert_eq!(chat["messages"]["maxItems"], limits::MESSAGES_MAX);
    assert_eq!(chat["n"]["maximum"], limits::CHOICES_MAX);
    assert_eq!(chat["logit_bias"]["maxProperties"], limits::LOGIT_BIAS_MAX);
    // Null is the same as absent, but not for what is required.
    assert_eq!(chat["n"]["type"], json!(["integer", "null"]));
    assert_eq!(chat["messages"]["type"], "array");
    assert_eq!(chat["audio"]["type"], "null");
}
