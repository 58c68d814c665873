//! Which part of a refused schema is to blame: `llguidance` says what is wrong, not where.

use super::{
    Build,
    keywords::{Keyword, find},
    lower::{Lowering, segment},
    with_options,
};
use crate::grammar::{GrammarError, limits::LOCATE_ATTEMPTS_MAX};
use serde_json::Value;

const ONE_OF: &str = "the branches are not known to exclude each other: give each another type, or the same required property with \
                      another const, or write anyOf";

const CIRCLE: &str = "a reference that must be merged with what stands beside it leads back to itself";

/// The smallest part of a schema that is refused alone with the same words.
pub(super) struct Blamed {
    /// Keys and indices that lead to the part.
    pub(super) keys: Vec<String>,
    pub(super) error: GrammarError,
}

/// Finds the part of `root`, which stands at `path`, that is to blame for `message`.
pub(super) fn blame(root: &Value, path: &str, message: String, build: Build<'_>) -> Blamed {
    let mut blamed = path.to_owned();
    let mut keys = Vec::new();
    let mut schema = root;
    let mut n_left = LOCATE_ATTEMPTS_MAX;
    'down: loop {
        for (steps, part) in parts(schema) {
            if n_left == 0 {
                break 'down;
            }
            n_left -= 1;
            let names: Vec<String> = steps.iter().map(|step| segment(step)).collect();
            let path = format!("{blamed}.{}", names.join("."));
            let Ok(lowered) = Lowering::new(root).run(part, &path) else { continue };
            if build(with_options(lowered)).is_err_and(|other| is_same(&message, &other)) {
                (schema, blamed) = (part, path);
                keys.extend(steps);
                continue 'down;
            }
        }
        break;
    }
    Blamed { keys, error: in_words(blamed, message) }
}

fn in_words(blamed: String, message: String) -> GrammarError {
    if message.contains("circular references with sibling keys") {
        // Its own words name a definition as the flat table does.
        return GrammarError::Schema { path: blamed, message: CIRCLE.into() };
    }
    if message.contains("oneOf constraints are not supported") {
        return GrammarError::Schema { path: format!("{blamed}.oneOf"), message: ONE_OF.into() };
    }
    GrammarError::Schema { path: blamed, message }
}

/// Whether two messages are the same complaint, whatever they say about the place.
fn is_same(whole: &str, part: &str) -> bool {
    whole == part || whole.contains(part) || part.contains(whole)
}

/// Returns the schemas within a schema, with the keys that lead to them. Definitions come last, since most are found by
/// way of their uses.
fn parts(schema: &Value) -> Vec<(Vec<String>, &Value)> {
    let mut out = Vec::new();
    let mut definitions = Vec::new();
    for (name, value) in schema.as_object().into_iter().flatten() {
        let below = |key: &str| vec![name.clone(), key.to_owned()];
        match (find(name), value) {
            (Some(Keyword::Schema | Keyword::AdditionalItems | Keyword::Items), Value::Object(_) | Value::Bool(_)) => {
                out.push((vec![name.clone()], value));
            }
            (Some(Keyword::Schemas | Keyword::Items), Value::Array(items)) => {
                out.extend(items.iter().enumerate().map(|(index, item)| (below(&index.to_string()), item)));
            }
            (Some(Keyword::SchemasByName | Keyword::SchemasByPattern), Value::Object(members)) => {
                out.extend(members.iter().map(|(key, member)| (below(key), member)));
            }
            (Some(Keyword::Definitions), Value::Object(members)) => {
                definitions.extend(members.iter().map(|(key, member)| (below(key), member)));
            }
            _ => {}
        }
    }
    out.extend(definitions);
    out
}
