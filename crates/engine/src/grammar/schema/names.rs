//! `propertyNames`, in keywords that the automata's crate knows.

use super::lower::wrong;
use crate::grammar::GrammarError;
use serde_json::{Map, Value, json};

/// Takes `propertyNames` out of a lowered schema and says the same by other keywords: nothing, where every name is of
/// the schema; else by `patternProperties`, or by `properties` where it lists them.
pub(super) fn write_out(members: &mut Map<String, Value>, path: &str) -> Result<(), GrammarError> {
    let Some(names) = members.shift_remove("propertyNames") else { return Ok(()) };
    let refused =
        || wrong(&format!("{path}.propertyNames"), "supported are a pattern, an enum or a const of names, alone");
    let mut names = match names {
        Value::Bool(true) => return Ok(()),
        Value::Object(names) => names,
        _ => return Err(refused()),
    };
    if names.get("type").is_some_and(|kind| kind == "string") {
        names.shift_remove("type");
    }
    let mut names = names.into_iter();
    let (name, value) = match (names.next(), names.next()) {
        (None, _) => return Ok(()),
        (Some(only), None) if !members.contains_key("properties") && !members.contains_key("patternProperties") => only,
        _ => return Err(refused()),
    };
    let listed = match (name.as_str(), value) {
        ("pattern", pattern @ Value::String(_)) => Err(pattern),
        ("const", one) => Ok(vec![one]),
        ("enum", Value::Array(list)) => Ok(list),
        _ => return Err(refused()),
    };
    let values = members.get("additionalProperties").cloned().unwrap_or(Value::Bool(true));
    let (keyword, by_name): (&str, Map<String, Value>) = match listed {
        Err(pattern) => ("patternProperties", pattern.as_str().map(|p| (p.to_owned(), values)).into_iter().collect()),
        // What is no string is no name.
        Ok(list) => {
            ("properties", list.iter().filter_map(Value::as_str).map(|n| (n.to_owned(), values.clone())).collect())
        }
    };
    members.insert(keyword.to_owned(), Value::Object(by_name));
    members.insert("additionalProperties".to_owned(), json!(false));
    Ok(())
}
