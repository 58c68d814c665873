//! JSON schemas: every keyword is understood, a mere annotation, or refused with its path; [`loosen()`] leaves it out
//! instead.
//!
//! `llguidance` passes over some keywords (unknown ones, `prefixItems` under older dialects, the temperature-like
//! options of `x-guidance`) and rounds numbers, so a schema is not handed over as it is: [`lower()`] writes it anew
//! with only the keywords that are enforced ([`keywords`]), all references as names of one flat table.
//!
//! White space is bounded, so that a model cannot emit it for ever: between two parts of a value there may be nothing,
//! one space, or a line feed with up to twenty spaces or tabs of indentation. Properties come in the order of the
//! schema, those that it does not name after them.

mod keywords;
mod locate;
mod loosen;
mod lower;
mod names;

pub use loosen::Loosened;
pub(super) use loosen::loosen;

use super::{
    GrammarError,
    limits::{SCHEMA_BYTES_MAX, SCHEMA_DEPTH_MAX},
};
use serde_json::{Value, json};

/// Expression of the white space between the parts of a JSON value.
const WHITE_SPACE: &str = r"[ ]|\n[ \t]{0,20}";

/// A function that compiles a lowered schema, or says what is wrong with it.
type Build<'a> = &'a dyn Fn(Value) -> Result<(), String>;

/// Writes `schema` as `llguidance` understands it in full; `build` compiles the result, to find the part that is
/// refused.
pub(super) fn lower(schema: &Value, path: &str, build: Build<'_>) -> Result<Value, GrammarError> {
    check_size(schema, path)?;
    let lowered = with_options(lower::Lowering::new(schema).run(schema, path)?);
    match build(lowered.clone()) {
        Ok(()) => Ok(lowered),
        Err(message) => Err(locate::blame(schema, path, message, build).error),
    }
}

fn check_size(schema: &Value, path: &str) -> Result<(), GrammarError> {
    if depth(schema) > json_depth_max() {
        return Err(limit(path, "levels of JSON", depth(schema), json_depth_max()));
    }
    let n_bytes = schema.to_string().len();
    if n_bytes > SCHEMA_BYTES_MAX {
        return Err(limit(path, "bytes", n_bytes, SCHEMA_BYTES_MAX));
    }
    Ok(())
}

/// Adds the options that `llguidance` must know beside the schema.
fn with_options(lowered: Value) -> Value {
    let mut object = match lowered {
        Value::Object(object) => object,
        // It takes options only from an object.
        Value::Bool(false) => return Value::Bool(false),
        _ => serde_json::Map::new(),
    };
    object.insert("x-guidance".into(), json!({ "whitespace_pattern": WHITE_SPACE }));
    Value::Object(object)
}

fn limit(path: &str, what: &'static str, got: usize, max: usize) -> GrammarError {
    GrammarError::Limit { path: path.into(), what, got, max }
}

/// Returns the largest depth of JSON: a schema within a schema is at most two levels further down (`properties`, name).
const fn json_depth_max() -> usize {
    2 * SCHEMA_DEPTH_MAX + 2
}

/// Counts the levels of arrays and objects without recursion; counting ends soon after the limit.
fn depth(value: &Value) -> usize {
    let mut deepest = 0;
    let mut todo = vec![(value, 1)];
    while let Some((value, depth)) = todo.pop() {
        deepest = deepest.max(depth);
        if depth > json_depth_max() {
            break;
        }
        match value {
            Value::Array(items) => todo.extend(items.iter().map(|item| (item, depth + 1))),
            Value::Object(members) => todo.extend(members.values().map(|member| (member, depth + 1))),
            _ => {}
        }
    }
    deepest
}
