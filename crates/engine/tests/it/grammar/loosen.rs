//! Schemas that are enforced as far as they can be.

use super::support::{check, load, matches};
use engine::grammar::{GrammarSource, Loosened};
use serde_json::{Value, json};

/// Checks that what is left of `schema` takes `good` and not `bad`; each error of what was left out contains one of
/// `left_out`.
#[track_caller]
fn check_loose(schema: &Value, good: &[&str], bad: &[&str], left_out: &[&str]) {
    let compiler = &load("bytes").compiler;
    let loosened = compiler.loosen(&[schema]).unwrap().remove(0);
    let told: Vec<String> = loosened.left_out.iter().map(ToString::to_string).collect();
    assert_eq!(told.len(), left_out.len(), "{schema}: {told:?}");
    for (told, expected) in told.iter().zip(left_out) {
        assert!(told.contains(expected), "{schema}: expected {expected:?} in {told:?}");
    }
    let source = GrammarSource::JsonSchema(loosened.schema);
    let grammar = compiler.compile(&source).unwrap_or_else(|error| panic!("{source:?}: {error}"));
    for text in good {
        assert!(matches(&grammar, text), "{schema}, loosened to {source:?}, should match {text:?}");
    }
    for text in bad {
        assert!(!matches(&grammar, text), "{schema}, loosened to {source:?}, should not match {text:?}");
    }
}

/// Makes a schema with this property beside one that is enforced.
fn beside(property: &Value) -> Value {
    json!({"type": "object", "properties": {"n": {"type": "integer"}, "x": property}, "required": ["n"], "additionalProperties": false})
}

#[test]
fn a_keyword_that_is_not_enforced_loosens_its_own_schema_alone() {
    for (name, value) in [
        ("not", json!({"const": 1})),
        ("if", json!({"type": "string"})),
        ("then", json!({"minLength": 1})),
        ("dependentRequired", json!({"a": ["b"]})),
        ("contains", json!({"const": 1})),
        ("unevaluatedProperties", json!(false)),
        ("uniqueItems", json!(true)),
        ("propertyNames", json!({"maxLength": 3})),
        ("$dynamicRef", json!("#node")),
        ("made_up", json!({"a": [1]})),
        ("format", json!("int32")),
        ("minimum", json!("5")),
        ("required", json!(true)),
        ("$schema", json!("https://example.org/mine")),
        ("$ref", json!("https://example.org/a")),
        ("pattern", json!("^(?!a).*$")),
        ("pattern", json!("(?<=a)b")),
        ("multipleOf", json!(0)),
    ] {
        let schema = beside(&json!({"type": ["string", "array", "integer", "object"], name: value}));
        check_loose(
            &schema,
            &["{\"n\":1}", "{\"n\":1,\"x\":\"a\"}", "{\"n\":1,\"x\":[1,1]}", "{\"n\":1,\"x\":{\"long name\":1}}"],
            &["{\"n\":\"1\"}", "{\"n\":1,\"x\":null}", "{\"n\":1,\"y\":1}", "{}"],
            &["schema.properties.x"],
        );
    }
}

#[test]
fn what_can_be_enforced_is_not_loosened() {
    let schema = json!({
        "$schema": "http://json-schema.org/draft-07/schema#", "type": "object", "additionalProperties": false, "required": ["a"],
        "properties": {
            "a": {"type": "string", "pattern": "^x+$", "default": "x", "examples": ["x"], "deprecated": true, "x-order": 1},
            "b": {"$ref": "#/definitions/b"}, "c": {"type": "integer", "nullable": true},
            "d": {"type": "object", "propertyNames": {"type": "string"}, "additionalProperties": {"type": "number"}},
        },
        "definitions": {"b": {"type": "array", "items": {"$ref": "#/definitions/b"}, "contentEncoding": "base64"}},
    });
    check_loose(
        &schema,
        &["{\"a\":\"xx\"}", "{\"a\":\"x\",\"b\":[[],[[]]],\"c\":null,\"d\":{\"e\":1.5}}"],
        &[
            "{}",
            "{\"a\":\"y\"}",
            "{\"a\":\"x\",\"b\":[1]}",
            "{\"a\":\"x\",\"c\":\"\"}",
            "{\"a\":\"x\",\"d\":{\"e\":\"\"}}",
        ],
        &[],
    );
}

/// Leaving out one keyword must not make another one stricter.
#[test]
fn nothing_that_was_allowed_is_lost() {
    let patterns = json!({"type": "object", "properties": {"a": {"type": "integer"}}, "patternProperties": {"^(?=x)": {}}, "additionalProperties": false});
    check_loose(&patterns, &["{\"a\":1,\"xy\":true}"], &["{\"a\":\"\"}"], &["schema.patternProperties"]);
    let tuple = json!({"type": "array", "prefixItems": "wrong", "items": false});
    check_loose(&tuple, &["[]", "[1,2]"], &["1"], &["schema.prefixItems"]);
    let branches = json!({"oneOf": [{"type": "string", "not": {"const": "a"}}, {"type": "string", "minLength": 1}, {"type": "integer"}]});
    check_loose(&branches, &["\"a\"", "\"\"", "1"], &["null"], &["schema.oneOf.0.not", "schema.oneOf"]);
    let draft4 = json!({"type": "integer", "minimum": "one", "exclusiveMinimum": true});
    check_loose(&draft4, &["0", "-5"], &["\"\""], &["schema.minimum"]);
    let mut impossible = beside(&json!({"type": "string", "minLength": 5, "maxLength": 2}));
    check_loose(&impossible, &["{\"n\":1}"], &["{\"n\":1,\"x\":1}"], &[]);
    impossible["required"] = json!(["n", "x"]);
    check_loose(&impossible, &["{\"n\":1}"], &["{\"n\":\"\"}"], &["required property 'x' is unsatisfiable"]);
}

#[test]
fn references_that_lead_nowhere_lead_to_anything() {
    let around = json!({"$ref": "#/$defs/a", "$defs": {"a": {"$ref": "#/$defs/b"}, "b": {"$ref": "#/$defs/a"}}});
    check_loose(&beside(&json!({"$ref": "#"})), &["{\"n\":1,\"x\":{\"n\":2}}"], &["{\"n\":1,\"x\":1}"], &[]);
    check_loose(
        &beside(&json!({"$ref": "#/$defs/none"})),
        &["{\"n\":1,\"x\":[null]}"],
        &["{\"n\":\"\"}"],
        &["there is no"],
    );
    let mut schema = beside(&json!({"$ref": "#/$defs/itself"}));
    schema["$defs"] = json!({"itself": {"$ref": "#/$defs/itself"}});
    check_loose(&schema, &["{\"n\":1,\"x\":[null]}"], &["{\"n\":\"\"}"], &["refers to nothing but itself"]);
    check_loose(&around, &["{\"a\":1}", "1"], &[], &["lead to one another"]);
}

#[test]
fn what_is_too_large_or_too_deep_is_any_object() {
    let wide: serde_json::Map<String, Value> =
        (0..5000).map(|i| (format!("p{i}"), json!({"type": "string", "description": "x".repeat(20)}))).collect();
    let deep = (0..200).fold(json!({"type": "string"}), |schema, _| json!({"type": "array", "items": schema}));
    for schema in [json!({"type": "object", "properties": wide}), beside(&deep)] {
        check_loose(&schema, &["{}", "{\"a\":{\"b\":1}}"], &["1", "[]"], &["at most"]);
    }
    // One part of it is too deep for automata, not for reading.
    let deep = (0..40).fold(json!({"type": "string"}), |schema, _| json!({"items": schema}));
    check_loose(&beside(&deep), &["{\"n\":1,\"x\":[[1]]}"], &["{\"n\":\"\"}"], &["levels of schemas"]);
}

#[test]
fn many_faults_at_once_end_in_time() {
    let property = |i: usize| {
        let pattern = if i.is_multiple_of(2) { format!("^(?!{i})") } else { format!("^{i}$") };
        (format!("p{i}"), json!({"type": "string", "pattern": pattern}))
    };
    let properties: serde_json::Map<String, Value> = (0..80).map(property).collect();
    let schema = json!({"type": "object", "properties": properties, "additionalProperties": false});
    check_loose(
        &schema,
        &["{}", "{\"p0\":\"0\",\"p1\":\"1\",\"p79\":\"79\"}"],
        &["{\"p0\":0}", "{\"p1\":\"0\"}", "{\"x\":1}"],
        &["schema.properties.p"; 16],
    );
    // Refused together, not alone, and too often for each to be found.
    let branches = json!({"oneOf": [{"type": "integer"}, {"minimum": 3}]});
    let properties: serde_json::Map<String, Value> = (0..40).map(|i| (format!("p{i}"), branches.clone())).collect();
    let Loosened { schema, left_out } =
        load("bytes").compiler.loosen(&[&json!({"type": "object", "properties": properties})]).unwrap().remove(0);
    assert!(!left_out.is_empty());
    check(&GrammarSource::JsonSchema(schema), &["{}", "{\"p0\":5}"], &["1"]);
}
