//! Writes a schema anew, checking every word of it; or, where a schema is only to be enforced as far as it can be,
//! leaving out what cannot.

use super::{
    Build,
    keywords::{FORMATS, Keyword, TYPES, find, is_dialect},
    limit, names,
};
use crate::grammar::{
    GrammarError,
    error::quoted,
    limits::{
        INTEGER_MAX, LEFT_OUT_MAX, LENGTH_MAX, NESTING_MAX, PATTERN_PROPERTIES_MAX, SCHEMA_DEPTH_MAX, SCHEMA_NODES_MAX,
        SCHEMA_PATTERNS_MAX,
    },
    regex,
};
use serde_json::{Map, Number, Value, json};
use std::collections::HashMap;

/// Beginning of the references of a lowered schema.
pub(super) const DEFINITIONS: &str = "#/$defs/";

/// The place of the walk in the schema.
#[derive(Clone, Copy)]
struct At<'a> {
    /// Path of the schema that the place is in.
    path: &'a str,
    /// Number of levels of schemas since the last reference.
    depth: usize,
    /// Number of levels in all.
    nesting: usize,
}

impl<'a> At<'a> {
    fn below(self, path: &'a str) -> Self {
        At { path, depth: self.depth + 1, nesting: self.nesting + 1 }
    }
}

/// A definition that something refers to.
struct Definition {
    name: String,
    /// Number of nodes in it, all uses counted; `None` while it is being read (it refers to itself).
    n_nodes: Option<usize>,
}

pub(super) struct Lowering<'a> {
    root: &'a Value,
    /// Definitions by the place where they stand in the schema.
    definitions: HashMap<String, Definition>,
    lowered: Map<String, Value>,
    n_nodes: usize,
    n_patterns: usize,
    /// Different values of `multipleOf`; the place of the last one follows.
    multiples: Vec<Value>,
    last_multiple: String,
    /// Whether something must be merged with something.
    merges: bool,
    /// Compiler of schemas. Where it is given, what cannot be enforced is left out.
    loosen_by: Option<Build<'a>>,
    left_out: Vec<GrammarError>,
}

impl<'a> Lowering<'a> {
    /// Makes a lowering that looks references up in `root`.
    pub(super) fn new(root: &'a Value) -> Self {
        Self {
            root,
            definitions: HashMap::new(),
            lowered: Map::new(),
            n_nodes: 0,
            n_patterns: 0,
            multiples: Vec::new(),
            last_multiple: String::new(),
            merges: false,
            loosen_by: None,
            left_out: Vec::new(),
        }
    }

    /// Lowers the whole root without what cannot be enforced; returns that as well.
    pub(super) fn run_loosely(root: &'a Value, build: Build<'a>) -> (Value, Vec<GrammarError>) {
        let mut lowering = Self { loosen_by: Some(build), ..Self::new(root) };
        let lowered = lowering.schema(root, At { path: "schema", depth: 1, nesting: 1 });
        let left_out = std::mem::take(&mut lowering.left_out);
        match lowered.and_then(|lowered| lowering.check_multiples().map(|()| lowered)) {
            Ok(lowered) => (lowering.with_definitions(lowered), left_out),
            Err(error) => (Value::Bool(true), left_out.into_iter().chain([error]).collect()),
        }
    }

    /// Lowers `schema`, a part of the root or all of it, with the definitions that it needs.
    pub(super) fn run(mut self, schema: &Value, path: &str) -> Result<Value, GrammarError> {
        let lowered = self.schema(schema, At { path, depth: 1, nesting: 1 })?;
        self.check_multiples()?;
        Ok(self.with_definitions(lowered))
    }

    fn with_definitions(self, mut lowered: Value) -> Value {
        if let Value::Object(object) = &mut lowered
            && !self.lowered.is_empty()
        {
            object.insert("$defs".into(), Value::Object(self.lowered));
        }
        lowered
    }

    /// Returns `instead` where `result` is an error and something may be left out.
    fn or_loosened<T>(&mut self, result: Result<T, GrammarError>, instead: T) -> Result<T, GrammarError> {
        match result {
            Err(error) if self.loosen_by.is_some() => {
                if self.left_out.len() < LEFT_OUT_MAX {
                    self.left_out.push(error);
                }
                Ok(instead)
            }
            other => other,
        }
    }

    /// Refuses `multipleOf` that meet unless their product is a whole number of 32 bits.
    fn check_multiples(&self) -> Result<(), GrammarError> {
        if !self.merges || self.multiples.len() < 2 {
            return Ok(());
        }
        let product = self.multiples.iter().try_fold(1u32, |product, multiple| {
            product.checked_mul(multiple.as_u64().and_then(|whole| u32::try_from(whole).ok())?)
        });
        match product {
            Some(_) => Ok(()),
            None => Err(wrong(
                &self.last_multiple,
                "too large, or not whole, to be combined with the others in this schema",
            )),
        }
    }

    fn count(&mut self, path: &str, n: usize) -> Result<(), GrammarError> {
        self.n_nodes = self.n_nodes.saturating_add(n);
        if self.n_nodes > SCHEMA_NODES_MAX {
            return Err(limit(path, "schemas and constants up to here", self.n_nodes, SCHEMA_NODES_MAX));
        }
        Ok(())
    }

    fn schema(&mut self, schema: &Value, at: At<'_>) -> Result<Value, GrammarError> {
        let lowered = self.checked_schema(schema, at);
        self.or_loosened(lowered, Value::Bool(true))
    }

    fn checked_schema(&mut self, schema: &Value, at: At<'_>) -> Result<Value, GrammarError> {
        self.count(at.path, 1)?;
        let members = match schema {
            Value::Bool(_) => return Ok(schema.clone()),
            Value::Object(members) => members,
            _ => return Err(expected(at.path, "a schema (an object or a boolean)", schema)),
        };
        if at.depth > SCHEMA_DEPTH_MAX {
            return Err(limit(at.path, "levels of schemas", at.depth, SCHEMA_DEPTH_MAX));
        }
        if at.nesting > NESTING_MAX {
            return Err(limit(at.path, "levels of schemas and references", at.nesting, NESTING_MAX));
        }
        let mut out = Map::new();
        let mut left_out = Vec::new();
        for (name, value) in members {
            let path = format!("{}.{}", at.path, segment(name));
            let lowered = self.member(name, value, At { path: &path, ..at });
            if lowered.is_err() {
                left_out.push(name.as_str());
            }
            if let Some(lowered) = self.or_loosened(lowered, None)? {
                out.insert(name.clone(), lowered);
            }
        }
        left_out.iter().for_each(|name| forget_rest(&mut out, name));
        tuple_form(members, &mut out, at.path)?;
        let named = names::write_out(&mut out, at.path);
        self.or_loosened(named, ())?;
        self.count_merged(&out, at.path)?;
        let lowered = Value::Object(out);
        let is_nullable = members.get("nullable") == Some(&Value::Bool(true));
        Ok(if is_nullable { json!({"anyOf": [lowered, {"type": "null"}]}) } else { lowered })
    }

    /// Lowers a keyword; `None` if it says nothing about values.
    fn member(&mut self, name: &str, value: &Value, at: At<'_>) -> Result<Option<Value>, GrammarError> {
        let keyword = find(name).ok_or_else(|| wrong(at.path, "unsupported keyword"))?;
        let mut lowered = self.keyword(keyword, value, at)?;
        if let Some(branches) = lowered.as_mut().filter(|_| name == "oneOf") {
            self.write_out_branches(branches, at.path)?;
        }
        Ok(lowered)
    }

    /// Writes references in branches out: `llguidance` does not look into one to see whether branches exclude each
    /// other.
    fn write_out_branches(&mut self, branches: &mut Value, path: &str) -> Result<(), GrammarError> {
        for branch in branches.as_array_mut().into_iter().flatten() {
            let name = branch.as_object().filter(|object| object.len() == 1).and_then(|object| object.get("$ref"));
            let key = name.and_then(Value::as_str).and_then(|name| name.strip_prefix(DEFINITIONS));
            let Some(definition) = key.and_then(|key| self.lowered.get(key)) else { continue };
            let n_nodes = self.definitions.values().find(|known| Some(&json!(known.name)) == name);
            let n_nodes = n_nodes.and_then(|known| known.n_nodes).unwrap_or(1);
            *branch = definition.clone();
            self.count(path, n_nodes)?;
        }
        Ok(())
    }

    /// Counts the nodes of definitions that must be merged. Others are grammar rules of their own, used any number of
    /// times.
    fn count_merged(&mut self, out: &Map<String, Value>, path: &str) -> Result<(), GrammarError> {
        let beside = out.len() > 1;
        self.merges |= out.contains_key("allOf")
            || beside && ["$ref", "anyOf", "oneOf"].iter().any(|name| out.contains_key(*name));
        let direct = out.get("$ref").filter(|_| beside);
        let merged = out.get("allOf").and_then(Value::as_array).into_iter().flatten();
        let options = ["anyOf", "oneOf"].into_iter().filter(|_| beside);
        let options = options.filter_map(|name| out.get(name)).filter_map(Value::as_array).flatten();
        let names: Vec<&str> =
            merged.chain(options).filter_map(|part| part.get("$ref")).chain(direct).filter_map(Value::as_str).collect();
        let mut n_merged = 0usize;
        for name in names {
            let definition = self.definitions.values().find(|definition| definition.name == name);
            n_merged = n_merged.saturating_add(definition.and_then(|definition| definition.n_nodes).unwrap_or(1));
        }
        self.count(path, n_merged)
    }

    /// Lowers the value of a keyword; `None` if the keyword says nothing about values.
    fn keyword(&mut self, keyword: Keyword, value: &Value, at: At<'_>) -> Result<Option<Value>, GrammarError> {
        Ok(Some(match keyword {
            Keyword::Annotation => return Ok(None),
            Keyword::Definitions => {
                value.as_object().ok_or_else(|| expected(at.path, "an object", value))?;
                return Ok(None);
            }
            Keyword::Dialect => {
                if !value.as_str().is_some_and(is_dialect) {
                    return Err(expected(at.path, "a dialect from draft-04 to 2020-12", value));
                }
                return Ok(None);
            }
            Keyword::Nullable => {
                value.as_bool().ok_or_else(|| expected(at.path, "a boolean", value))?;
                return Ok(None);
            }
            Keyword::OnlyFalse => {
                if value != &Value::Bool(false) {
                    return Err(wrong(at.path, "unsupported keyword (only `false` is)"));
                }
                return Ok(None);
            }
            Keyword::Type => types(value, at.path)?,
            Keyword::Constant => {
                self.constant(value, at)?;
                value.clone()
            }
            Keyword::Constants => {
                let values = list(value, at.path)?;
                for (index, value) in values.iter().enumerate() {
                    self.constant(value, at.below(&format!("{}.{index}", at.path)))?;
                }
                value.clone()
            }
            Keyword::Reference => self.reference(value, at)?,
            Keyword::Schema | Keyword::AdditionalItems | Keyword::PropertyNames => {
                self.schema(value, at.below(at.path))?
            }
            Keyword::Items if !value.is_array() => self.schema(value, at.below(at.path))?,
            Keyword::Items | Keyword::Schemas => self.schemas(value, at)?,
            Keyword::SchemasByName => self.schemas_by_name(value, at)?,
            Keyword::SchemasByPattern => self.schemas_by_pattern(value, at)?,
            Keyword::Length => json!(length(value, at.path)?),
            Keyword::NumberOrFlag if value.is_boolean() => value.clone(),
            Keyword::Number | Keyword::NumberOrFlag => number(value, at.path)?,
            Keyword::PositiveNumber => {
                let number = number(value, at.path)?;
                if !number.as_f64().is_some_and(|number| number > 0.0) {
                    return Err(expected(at.path, "a number above 0", value));
                }
                if !self.multiples.contains(&number) {
                    self.multiples.push(number.clone());
                    at.path.clone_into(&mut self.last_multiple);
                }
                number
            }
            Keyword::Pattern => self.pattern(value.as_str(), value, at.path)?,
            Keyword::Format => {
                if !value.as_str().is_some_and(|name| FORMATS.contains(&name)) {
                    return Err(wrong(
                        at.path,
                        &format!("unsupported format {}, supported: {}", shown(value), FORMATS.join(", ")),
                    ));
                }
                value.clone()
            }
            Keyword::Names => {
                for (index, name) in
                    value.as_array().ok_or_else(|| expected(at.path, "a list", value))?.iter().enumerate()
                {
                    self.count(at.path, 1)?;
                    name.as_str().ok_or_else(|| expected(&format!("{}.{index}", at.path), "a string", name))?;
                }
                value.clone()
            }
        }))
    }

    fn constant(&mut self, value: &Value, at: At<'_>) -> Result<(), GrammarError> {
        self.count(at.path, 1)?;
        if at.depth > SCHEMA_DEPTH_MAX {
            return Err(limit(at.path, "levels of schemas", at.depth, SCHEMA_DEPTH_MAX));
        }
        match value {
            Value::Number(_) => number(value, at.path).map(|_| ()),
            Value::Array(items) => {
                let mut items = items.iter().enumerate();
                items.try_for_each(|(index, item)| self.constant(item, at.below(&format!("{}.{index}", at.path))))
            }
            Value::Object(members) => {
                let mut members = members.iter();
                members.try_for_each(|(name, member)| {
                    self.constant(member, at.below(&format!("{}.{}", at.path, segment(name))))
                })
            }
            Value::Null | Value::Bool(_) | Value::String(_) => Ok(()),
        }
    }

    fn schemas(&mut self, value: &Value, at: At<'_>) -> Result<Value, GrammarError> {
        let mut out = Vec::new();
        for (index, schema) in list(value, at.path)?.iter().enumerate() {
            out.push(self.schema(schema, at.below(&format!("{}.{index}", at.path)))?);
        }
        Ok(Value::Array(out))
    }

    fn schemas_by_name(&mut self, value: &Value, at: At<'_>) -> Result<Value, GrammarError> {
        let mut out = Map::new();
        for (name, schema) in value.as_object().ok_or_else(|| expected(at.path, "an object", value))? {
            let path = format!("{}.{}", at.path, segment(name));
            out.insert(name.clone(), self.schema(schema, at.below(&path))?);
        }
        Ok(Value::Object(out))
    }

    fn schemas_by_pattern(&mut self, value: &Value, at: At<'_>) -> Result<Value, GrammarError> {
        let members = value.as_object().ok_or_else(|| expected(at.path, "an object", value))?;
        if members.len() > PATTERN_PROPERTIES_MAX {
            return Err(limit(at.path, "patterns", members.len(), PATTERN_PROPERTIES_MAX));
        }
        let mut out = Map::new();
        for (pattern, schema) in members {
            let path = format!("{}.{}", at.path, segment(pattern));
            // Comparing each with each makes these dear.
            self.n_patterns += members.len() / 2;
            self.pattern(Some(pattern), value, &path)?;
            out.insert(pattern.clone(), self.schema(schema, at.below(&path))?);
        }
        Ok(Value::Object(out))
    }

    fn pattern(&mut self, pattern: Option<&str>, value: &Value, path: &str) -> Result<Value, GrammarError> {
        let pattern = pattern.ok_or_else(|| expected(path, "a string", value))?;
        self.n_patterns += 1;
        if self.n_patterns > SCHEMA_PATTERNS_MAX {
            return Err(limit(path, "regular expressions up to here", self.n_patterns, SCHEMA_PATTERNS_MAX));
        }
        regex::check(pattern, path)?;
        if let Some(build) = self.loosen_by {
            build(json!({"type": "string", "pattern": pattern})).map_err(|message| wrong(path, &message))?;
        }
        Ok(Value::String(pattern.into()))
    }

    /// Returns the name in the flat table of what `value` refers to.
    fn reference(&mut self, value: &Value, at: At<'_>) -> Result<Value, GrammarError> {
        let reference = value.as_str().ok_or_else(|| expected(at.path, "a string", value))?;
        let pointer = reference.strip_prefix('#').and_then(decode).filter(|p| p.is_empty() || p.starts_with('/'));
        let Some(pointer) = pointer else {
            let message =
                format!("unsupported reference {}: only `#` and `#/…` within the schema are", quoted(reference));
            return Err(wrong(at.path, &message));
        };
        if let Some(known) = self.definitions.get(&pointer) {
            return Ok(Value::String(known.name.clone()));
        }
        let Some(target) = self.root.pointer(&pointer) else {
            return Err(wrong(at.path, &format!("there is no {}", quoted(reference))));
        };
        let key = format!("d{}", self.definitions.len());
        let name = format!("{DEFINITIONS}{key}");
        self.definitions.insert(pointer.clone(), Definition { name: name.clone(), n_nodes: None });
        let path = format!(
            "schema{}",
            pointer.split('/').skip(1).map(|part| format!(".{}", segment(part))).collect::<String>()
        );
        let before = self.n_nodes;
        let mut lowered = self.schema(target, At { path: &path, depth: 1, nesting: at.nesting + 1 })?;
        if lowered.as_object().is_some_and(|object| object.len() == 1 && object.get("$ref") == Some(&json!(name))) {
            lowered = self.or_loosened(Err(wrong(&path, "refers to nothing but itself")), Value::Bool(true))?;
        }
        if let Some(definition) = self.definitions.get_mut(&pointer) {
            definition.n_nodes = Some(self.n_nodes - before);
        }
        self.lowered.insert(key, lowered);
        Ok(Value::String(name))
    }
}

/// Removes what needs `name`, which is left out: what that speaks of would count among the rest, and be forbidden with
/// it.
pub(super) fn forget_rest(members: &mut Map<String, Value>, name: &str) {
    let rest: &[&str] = match name {
        "properties" | "patternProperties" => &["additionalProperties"],
        "prefixItems" | "items" => &["items", "additionalItems"],
        "minimum" => &["exclusiveMinimum"],
        "maximum" => &["exclusiveMaximum"],
        _ => &[],
    };
    rest.iter().for_each(|name| drop(members.shift_remove(*name)));
}

/// Turns the old way to write tuples, `items` as a list and `additionalItems`, into the new one.
fn tuple_form(members: &Map<String, Value>, out: &mut Map<String, Value>, path: &str) -> Result<(), GrammarError> {
    let rest = out.shift_remove("additionalItems");
    if !members.get("items").is_some_and(Value::is_array) {
        // Without such a list it says nothing; beside the new form it may be meant to.
        if rest.is_some() && members.contains_key("prefixItems") {
            return Err(wrong(&format!("{path}.additionalItems"), "not supported beside prefixItems: write items"));
        }
        return Ok(());
    }
    if members.contains_key("prefixItems") {
        return Err(wrong(&format!("{path}.items"), "a list is not supported beside prefixItems"));
    }
    if let Some(items) = out.shift_remove("items") {
        out.insert("prefixItems".into(), items);
    }
    if let Some(rest) = rest {
        out.insert("items".into(), rest);
    }
    Ok(())
}

fn types(value: &Value, path: &str) -> Result<Value, GrammarError> {
    let is_type = |value: &Value| value.as_str().is_some_and(|name| TYPES.contains(&name));
    let is_good = match value {
        Value::Array(names) => !names.is_empty() && names.len() <= TYPES.len() && names.iter().all(is_type),
        _ => is_type(value),
    };
    if is_good {
        Ok(value.clone())
    } else {
        Err(expected(path, &format!("one or more of {}", TYPES.join(", ")), value))
    }
}

fn list<'v>(value: &'v Value, path: &str) -> Result<&'v [Value], GrammarError> {
    match value.as_array() {
        Some(items) if !items.is_empty() => Ok(items),
        _ => Err(expected(path, "a list that is not empty", value)),
    }
}

/// Reads a length: 3 or, as the standard allows, 3.0.
fn length(value: &Value, path: &str) -> Result<usize, GrammarError> {
    let whole = value.as_f64().filter(|number| number.fract() == 0.0 && *number >= 0.0);
    let Some(whole) = whole else {
        return Err(expected(path, "a whole number", value));
    };
    if whole > LENGTH_MAX as f64 {
        return Err(limit(path, "length", whole as usize, LENGTH_MAX));
    }
    Ok(whole as usize)
}

/// Reads a number that f64 holds exactly enough to be enforced.
fn number(value: &Value, path: &str) -> Result<Value, GrammarError> {
    let Some(number) = value.as_f64().filter(|number| number.is_finite()) else {
        return Err(expected(path, "a number", value));
    };
    let is_whole = value.is_i64() || value.is_u64();
    if (is_whole || number.fract() == 0.0) && number.abs() > INTEGER_MAX as f64
        || value.as_i64().is_some_and(|whole| whole.unsigned_abs() > INTEGER_MAX)
    {
        return Err(wrong(path, &format!("{value} is beyond ±2^53, where numbers are not exact")));
    }
    // 3.0 is the integer 3, also for what makes integers out of constants.
    if number.fract() == 0.0 {
        return Ok(Value::Number(Number::from(number as i64)));
    }
    Ok(value.clone())
}

/// Decodes `%20` and its like in a reference.
fn decode(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&first, after)) = rest.split_first() {
        rest = after;
        if first != b'%' {
            bytes.push(first);
            continue;
        }
        let (digits, after) = rest.split_at_checked(2)?;
        bytes.push(u8::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()?);
        rest = after;
    }
    String::from_utf8(bytes).ok()
}

/// Spells a name as part of a path: short, and quoted where it would be unclear.
pub(super) fn segment(name: &str) -> String {
    let is_plain = |c: char| c.is_alphanumeric() || matches!(c, '_' | '-' | '$');
    if !name.is_empty() && name.len() <= 60 && name.chars().all(is_plain) { name.into() } else { quoted(name) }
}

fn shown(value: &Value) -> String {
    match value {
        Value::String(text) => quoted(text),
        Value::Array(_) => "a list".into(),
        Value::Object(_) => "an object".into(),
        _ => value.to_string(),
    }
}

pub(super) fn wrong(path: &str, message: &str) -> GrammarError {
    GrammarError::Schema { path: path.into(), message: message.into() }
}

fn expected(path: &str, what: &str, got: &Value) -> GrammarError {
    wrong(path, &format!("expected {what}, got {}", shown(got)))
}
