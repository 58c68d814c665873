//! Schemas that are enforced as far as they can be: what cannot is left out, down to any object.
//!
//! First [`Lowering`] leaves out keywords and values that are refused by themselves; then, while the automata's crate
//! refuses the whole, the part that it refuses alone loses the keyword without which it compiles.

use super::{
    Build, check_size,
    keywords::{Keyword, find},
    locate::{Blamed, blame},
    lower::{DEFINITIONS, Lowering, forget_rest, wrong},
    with_options,
};
use crate::grammar::{GrammarError, limits::LOOSEN_ROUNDS_MAX};
use serde_json::{Map, Value, json};
use std::collections::HashMap;

/// A schema as far as it can be enforced.
#[derive(Clone, PartialEq, Debug)]
pub struct Loosened {
    /// Schema that takes every value that the whole schema takes, and objects at least; it compiles.
    pub schema: Value,
    /// Errors that the parts left out would have been, or the first of them.
    pub left_out: Vec<GrammarError>,
}

/// Leaves out of `schema` what cannot be enforced; `build` compiles.
pub(in crate::grammar) fn loosen(schema: &Value, build: Build<'_>) -> Loosened {
    let any = || json!({"type": "object"});
    if let Err(error) = check_size(schema, "schema") {
        return Loosened { schema: any(), left_out: vec![error] };
    }
    let (mut schema, mut left_out) = Lowering::run_loosely(schema, build);
    left_out.extend(break_circles(&mut schema));
    // What was left out of it counts no less than what is there.
    if let Err(error) = Lowering::new(&schema).run(&schema, "schema") {
        return Loosened { schema: any(), left_out: left_out.into_iter().chain([error]).collect() };
    }
    for _ in 0..LOOSEN_ROUNDS_MAX {
        let Err(message) = build(with_options(schema.clone())) else { return Loosened { schema, left_out } };
        let Blamed { keys, error } = blame(&schema, "schema", message, build);
        left_out.push(error);
        let part = part_at(&schema, &keys).cloned();
        let looser = part.map_or(Value::Bool(true), |part| looser(&schema, &part, build));
        replace(&mut schema, &keys, looser);
    }
    Loosened { schema: any(), left_out }
}

/// Turns definitions that are references, and lead to one another and nowhere else, into any value: no text is of them.
fn break_circles(schema: &mut Value) -> Option<GrammarError> {
    let definitions = schema.get_mut("$defs").and_then(Value::as_object_mut)?;
    let alone = |definition: &Value| {
        let members = definition.as_object().filter(|members| members.len() == 1)?;
        Some(members.get("$ref")?.as_str()?.strip_prefix(DEFINITIONS)?.to_owned())
    };
    let next: HashMap<String, String> =
        definitions.iter().filter_map(|(name, definition)| Some((name.clone(), alone(definition)?))).collect();
    let leads_nowhere = |name: &&String| {
        // More steps than there are definitions come by one of them twice.
        (0..=next.len()).try_fold(*name, |name, _| next.get(name)).is_some()
    };
    let circular: Vec<String> = next.keys().filter(leads_nowhere).cloned().collect();
    for name in &circular {
        definitions.insert(name.clone(), Value::Bool(true));
    }
    circular.first().map(|_| wrong("schema", "references that lead to one another and nowhere else"))
}

/// Returns `part` of `root` with as little left out as makes it compile.
fn looser(root: &Value, part: &Value, build: Build<'_>) -> Value {
    let builds = |part: &Value| {
        Lowering::new(root).run(part, "schema").is_ok_and(|lowered| build(with_options(lowered)).is_ok())
    };
    let Some(members) = part.as_object() else { return Value::Bool(true) };
    let one_of = (!members.contains_key("anyOf")).then(|| members.get("oneOf")).flatten().map(|branches| {
        let mut members = members.clone();
        members.shift_remove("oneOf");
        members.insert("anyOf".to_owned(), branches.clone());
        members
    });
    let mut names: Vec<&String> = members.keys().filter(|name| *name != "$defs").collect();
    names.sort_by_key(|name| dearness(name));
    let without = names.into_iter().map(|name| {
        let mut members = members.clone();
        members.shift_remove(name);
        forget_rest(&mut members, name);
        members
    });
    let kept_definitions = || {
        let definitions = members.get("$defs").map(|d| ("$defs".to_owned(), d.clone()));
        Value::Object(definitions.into_iter().collect::<Map<_, _>>())
    };
    one_of.into_iter().chain(without).map(Value::Object).find(builds).unwrap_or_else(kept_definitions)
}

/// Returns how much is lost with a keyword: what says more of a value is left out last.
fn dearness(name: &str) -> usize {
    match find(name) {
        Some(Keyword::Pattern | Keyword::Format | Keyword::Length | Keyword::PositiveNumber) => 0,
        Some(Keyword::Number | Keyword::NumberOrFlag | Keyword::Names) => 1,
        Some(Keyword::Type | Keyword::SchemasByName | Keyword::Items) => 3,
        _ => 2,
    }
}

fn part_at<'v>(schema: &'v Value, keys: &[String]) -> Option<&'v Value> {
    keys.iter().try_fold(schema, |part, key| match part {
        Value::Array(items) => items.get(key.parse::<usize>().ok()?),
        part => part.get(key),
    })
}

fn replace(schema: &mut Value, keys: &[String], with: Value) {
    let place = keys.iter().try_fold(schema, |part, key| match part {
        Value::Array(items) => items.get_mut(key.parse::<usize>().ok()?),
        part => part.get_mut(key),
    });
    if let Some(place) = place {
        *place = with;
    }
}
