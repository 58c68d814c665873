//! JSON Schema: each keyword enforced, or refused by its path.

use super::support::{check, check_error};
use engine::grammar::GrammarSource;
use serde_json::{Value, json};

fn schema(value: Value) -> GrammarSource {
    GrammarSource::JsonSchema(value)
}

#[test]
fn types_and_constants() {
    check(&schema(json!({"type": "null"})), &["null"], &["true", "nul"]);
    check(&schema(json!({"type": "boolean"})), &["true", "false"], &["1"]);
    check(&schema(json!({"type": "integer"})), &["0", "-12", "100000000000"], &["1.5", "01", "\"1\""]);
    check(&schema(json!({"type": "number"})), &["0", "-1.25", "1e9", "2.5E-3"], &["1.", ".5", "+1"]);
    check(&schema(json!({"type": "string"})), &["\"\"", "\"é\\n\\\"\"", "\"\\u0001\""], &["a", "\"\n\"", "\"\\q\""]);
    check(&schema(json!({"type": ["string", "null"]})), &["\"a\"", "null"], &["1"]);
    check(
        &schema(json!({"enum": ["a", 1, null, [true], {"k": "v"}]})),
        &["\"a\"", "1", "null", "[true]", "{\"k\": \"v\"}"],
        &["2", "\"b\"", "[false]"],
    );
    check(&schema(json!({"const": "x\"y"})), &["\"x\\\"y\""], &["\"x\""]);
    check(&schema(json!({"type": "string", "enum": ["a", "b", 3]})), &["\"a\""], &["3"]);
    check(&schema(json!(true)), &["1", "{}", "[1,\"a\"]"], &["", "x"]);
    check(&schema(json!({})), &["1", "{}"], &["x"]);
    check_error(&schema(json!(false)), "schema: ");
    // A keyword of another type says nothing.
    check(&schema(json!({"type": "string", "minimum": 5})), &["\"a\""], &["7"]);
}

#[test]
fn numbers() {
    check(&schema(json!({"type": "integer", "minimum": -3, "maximum": 12})), &["-3", "0", "12"], &["-4", "13", "99"]);
    check(&schema(json!({"type": "integer", "exclusiveMinimum": 0, "exclusiveMaximum": 3})), &["1", "2"], &["0", "3"]);
    check(
        &schema(json!({"type": "number", "minimum": 0.5, "maximum": 1.5})),
        &["0.5", "1", "1.49"],
        &["0.4", "1.6", "2"],
    );
    check(
        &schema(json!({"type": "integer", "minimum": 1, "exclusiveMinimum": true, "maximum": 3})),
        &["2", "3"],
        &["1"],
    );
    check(&schema(json!({"type": "integer", "multipleOf": 5})), &["0", "15", "-5"], &["3", "14"]);
    check(&schema(json!({"const": 1.0})), &["1"], &["1.5", "2"]);
    check_error(&schema(json!({"type": "integer", "minimum": 5, "maximum": 1})), "schema: ");
    check_error(&schema(json!({"const": 9007199254740993u64})), "schema.const: 9007199254740993 is beyond ±2^53");
    check_error(&schema(json!({"enum": [1, -9007199254740993i64]})), "schema.enum.1: -9007199254740993 is beyond");
    check_error(&schema(json!({"multipleOf": 0})), "schema.multipleOf: expected a number above 0, got 0");
    check_error(&schema(json!({"minimum": "1"})), "schema.minimum: expected a number, got \"1\"");
}

#[test]
fn strings() {
    check(
        &schema(json!({"type": "string", "minLength": 2, "maxLength": 3})),
        &["\"ab\"", "\"éé日\""],
        &["\"a\"", "\"abcd\""],
    );
    check(
        &schema(json!({"type": "string", "pattern": "^[A-Z]{2}\\d+$"})),
        &["\"AB1\""],
        &["\"AB\"", "\"xAB1\"", "\"AB1x\""],
    );
    check(&schema(json!({"type": "string", "pattern": "b"})), &["\"b\"", "\"abc\""], &["\"a\""]);
    check(
        &schema(json!({"type": "string", "pattern": "b", "maxLength": 2})),
        &["\"b\"", "\"ab\""],
        &["\"abc\"", "\"a\""],
    );
    check(&schema(json!({"type": "string", "format": "date"})), &["\"2024-02-29\""], &["\"2024-13-01\"", "\"x\""]);
    check(
        &schema(json!({"type": "string", "format": "uuid"})),
        &["\"123e4567-e89b-12d3-a456-426614174000\""],
        &["\"123\""],
    );
    check(&schema(json!({"type": "string", "format": "ipv4"})), &["\"127.0.0.1\""], &["\"256.0.0.1\""]);
    for format in ["date-time", "time", "duration", "email", "hostname", "ipv6", "uri"] {
        check(&schema(json!({"type": "string", "format": format})), &[], &["\" \""]);
    }
    check_error(&schema(json!({"format": "regex"})), "schema.format: unsupported format \"regex\"");
    check_error(&schema(json!({"pattern": "(?=a)"})), "schema: ");
    check_error(
        &schema(json!({"type": "object", "properties": {"a": {"type": "string", "pattern": "(a"}}})),
        "schema.properties.a: ",
    );
    check_error(&schema(json!({"minLength": -1})), "schema.minLength: expected a whole number, got -1");
    check_error(&schema(json!({"maxLength": 1.5})), "schema.maxLength: expected a whole number, got 1.5");
    check_error(
        &schema(json!({"maxLength": 2147483648u64})),
        "schema.maxLength: length 2147483648, at most 2147483647 are allowed",
    );
    check_error(&schema(json!({"type": "string", "minLength": 3, "maxLength": 2})), "schema: ");
}

#[test]
fn arrays() {
    check(
        &schema(json!({"type": "array", "items": {"type": "integer"}})),
        &["[]", "[1]", "[1, 2,3]"],
        &["[\"a\"]", "[1,]"],
    );
    check(
        &schema(json!({"type": "array", "items": {"const": 1}, "minItems": 1, "maxItems": 2})),
        &["[1]", "[1,1]"],
        &["[]", "[1,1,1]"],
    );
    let pair = json!([{"type": "integer"}, {"type": "string"}]);
    check(
        &schema(json!({"type": "array", "prefixItems": pair, "items": false, "minItems": 2})),
        &["[1,\"a\"]"],
        &["[1]", "[1,\"a\",2]"],
    );
    check(
        &schema(json!({"type": "array", "items": pair, "additionalItems": false, "minItems": 2})),
        &["[1,\"a\"]"],
        &["[\"a\",1]", "[1,\"a\",2]"],
    );
    check(
        &schema(
            json!({"$schema": "http://json-schema.org/draft-07/schema#", "type": "array", "items": pair, "additionalItems": {"const": 0}}),
        ),
        &["[1,\"a\",0,0]"],
        &["[1,\"a\",1]"],
    );
    check(
        &schema(
            json!({"$schema": "http://json-schema.org/draft-07/schema#", "type": "array", "prefixItems": pair, "items": false}),
        ),
        &["[1,\"a\"]"],
        &["[\"a\"]"],
    );
    check(&schema(json!({"type": "array", "uniqueItems": false, "maxItems": 0})), &["[]"], &["[1]"]);
    check_error(&schema(json!({"type": "array", "uniqueItems": true})), "schema.uniqueItems: unsupported keyword");
    check_error(
        &schema(json!({"prefixItems": pair, "additionalItems": false})),
        "schema.additionalItems: not supported beside prefixItems",
    );
    check_error(
        &schema(json!({"prefixItems": pair, "items": pair})),
        "schema.items: a list is not supported beside prefixItems",
    );
    check_error(
        &schema(json!({"items": "string"})),
        "schema.items: expected a schema (an object or a boolean), got \"string\"",
    );
}

#[test]
fn objects() {
    let person = json!({
        "title": "Person", "type": "object", "additionalProperties": false, "required": ["name"],
        "properties": {"name": {"type": "string"}, "age": {"type": "integer", "description": "in years", "default": 3}},
    });
    check(
        &schema(person),
        &["{\"name\":\"x\"}", "{\"name\": \"x\", \"age\": 3}", "{\n \"name\":\n\t\"x\"\n}"],
        &[
            "{}",
            "{\"age\":3}",
            "{\"name\":\"x\",\"other\":1}",
            "{\"name\":  \"x\"}",
            "{\"name\":\"x\",\"age\":3,\"age\":4}",
        ],
    );
    check(
        &schema(
            json!({"type": "object", "properties": {"a": {"const": 1}}, "additionalProperties": {"type": "string"}}),
        ),
        &["{}", "{\"a\":1}", "{\"a\":1,\"b\":\"x\"}", "{\"b\":\"x\"}"],
        &["{\"b\":1}", "{\"a\":\"x\"}"],
    );
    check(
        &schema(json!({"type": "object", "patternProperties": {"^x": {"const": 1}}, "additionalProperties": false})),
        &["{}", "{\"xa\":1}"],
        &["{\"a\":1}", "{\"xa\":2}"],
    );
    check(
        &schema(
            json!({"type": "object", "additionalProperties": {"const": 1}, "minProperties": 1, "maxProperties": 2}),
        ),
        &["{\"a\":1}", "{\"a\":1,\"b\":1}"],
        &["{}", "{\"a\":1,\"b\":1,\"c\":1}"],
    );
    check_error(
        &schema(json!({"properties": {"o": {"type": "object", "properties": {"a": {}, "b": {}}, "minProperties": 2}}})),
        "schema.properties.o: min/maxProperties only supported",
    );
    check_error(&schema(json!({"required": ["a", 1]})), "schema.required.1: expected a string, got 1");
    check_error(&schema(json!({"properties": []})), "schema.properties: expected an object, got a list");
    check_error(
        &schema(json!({"type": "object", "properties": {"a": {}}, "required": ["b"], "additionalProperties": false})),
        "schema: Unsatisfiable schema",
    );
}

#[test]
fn combinations_and_references() {
    check(&schema(json!({"anyOf": [{"type": "integer"}, {"const": "a"}]})), &["1", "\"a\""], &["\"b\""]);
    check(&schema(json!({"oneOf": [{"type": "integer"}, {"type": "string"}]})), &["1", "\"a\""], &["null"]);
    check(&schema(json!({"allOf": [{"type": "integer", "minimum": 3}, {"maximum": 5}]})), &["3", "5"], &["2", "6"]);
    let tagged = |name: &str| json!({"type": "object", "properties": {"kind": {"const": name}}, "required": ["kind"], "additionalProperties": false});
    check(
        &schema(
            json!({"oneOf": [{"$ref": "#/$defs/cat"}, {"$ref": "#/definitions/dog"}], "discriminator": {"propertyName": "kind"}, "$defs": {"cat": tagged("cat")}, "definitions": {"dog": tagged("dog")}}),
        ),
        &["{\"kind\":\"cat\"}", "{\"kind\":\"dog\"}"],
        &["{\"kind\":\"cow\"}"],
    );
    check(
        &schema(
            json!({"$ref": "#/$defs/n~1o%20de", "$defs": {"n/o de": {"type": "object", "properties": {"next": {"anyOf": [{"$ref": "#/$defs/n~1o%20de"}, {"type": "null"}]}}, "required": ["next"], "additionalProperties": false}}}),
        ),
        &["{\"next\":null}", "{\"next\":{\"next\":null}}"],
        &["{}", "{\"next\":1}"],
    );
    check(
        &schema(
            json!({"type": "object", "properties": {"children": {"type": "array", "items": {"$ref": "#"}}}, "additionalProperties": false}),
        ),
        &["{}", "{\"children\":[{},{\"children\":[]}]}"],
        &["{\"children\":[1]}"],
    );
    check(
        &schema(
            json!({"properties": {"a": {"$ref": "#/$defs/s", "description": "named"}}, "additionalProperties": false, "type": "object", "$defs": {"s": {"type": "string"}}}),
        ),
        &["{\"a\":\"x\"}"],
        &["{\"a\":1}"],
    );
    check_error(
        &schema(json!({"properties": {"a": {"oneOf": [{"type": "integer"}, {"minimum": 3}]}}})),
        "schema.properties.a.oneOf: the branches",
    );
    check_error(&schema(json!({"$ref": "#/$defs/a"})), "schema.$ref: there is no \"#/$defs/a\"");
    check_error(
        &schema(json!({"$ref": "http://example.org/a"})),
        "schema.$ref: unsupported reference \"http://example.org/a\"",
    );
    check_error(&schema(json!({"$ref": "#name"})), "schema.$ref: unsupported reference");
    check_error(&schema(json!({"$ref": "#"})), "refers to nothing but itself");
    check_error(
        &schema(json!({"$ref": "#/$defs/a", "$defs": {"a": {"$ref": "#/$defs/b"}, "b": {"$ref": "#/$defs/a"}}})),
        "schema",
    );
    check_error(&schema(json!({"anyOf": []})), "schema.anyOf: expected a list that is not empty, got a list");
}

#[test]
fn null_beside_what_a_schema_says() {
    let nullable = |more: Value| {
        let mut schema = json!({"nullable": true, "$defs": {"s": {"type": "string"}}});
        more.as_object().unwrap().iter().for_each(|(key, value)| schema[key] = value.clone());
        self::schema(schema)
    };
    check(&nullable(json!({"type": "string", "maxLength": 1})), &["\"a\"", "null"], &["\"ab\"", "1"]);
    check(&nullable(json!({"enum": ["a"]})), &["\"a\"", "null"], &["\"b\""]);
    check(&nullable(json!({"$ref": "#/$defs/s"})), &["\"a\"", "null"], &["1"]);
    let inner = json!({"type": "object", "properties": {"a": {"type": "integer", "nullable": true}}, "additionalProperties": false});
    check(&schema(inner), &["{\"a\":1}", "{\"a\":null}"], &["{\"a\":\"\"}"]);
    check(&schema(json!({"type": "integer", "nullable": false})), &["1"], &["null"]);
    check_error(&schema(json!({"nullable": "yes"})), "schema.nullable: expected a boolean, got \"yes\"");
}

#[test]
fn names_of_properties() {
    let record = |names: Value| {
        schema(json!({"type": "object", "propertyNames": names, "additionalProperties": {"type": "integer"}}))
    };
    for all in [json!({"type": "string"}), json!({}), json!(true)] {
        check(&record(all), &["{}", "{\"a b\":1}"], &["{\"a\":\"x\"}"]);
    }
    check(&record(json!({"pattern": "^[a-z]+$"})), &["{}", "{\"ab\":1,\"c\":2}"], &["{\"A\":1}", "{\"a\":\"x\"}"]);
    check(
        &record(json!({"type": "string", "enum": ["a", "b"]})),
        &["{}", "{\"a\":1,\"b\":2}"],
        &["{\"c\":1}", "{\"a\":true}"],
    );
    check(&record(json!({"const": "a"})), &["{\"a\":1}"], &["{\"b\":1}"]);
    check_error(&record(json!({"maxLength": 3})), "schema.propertyNames: supported are a pattern, an enum or a const");
    check_error(&record(json!({"enum": ["a"], "pattern": "a"})), "schema.propertyNames: supported are");
    let beside = json!({"properties": {"a": {}}, "propertyNames": {"pattern": "^b"}});
    check_error(&schema(beside), "schema.propertyNames: supported are");
}

#[test]
fn keywords_that_are_not_enforced_are_refused_with_their_path() {
    for keyword in [
        "not",
        "if",
        "then",
        "else",
        "dependencies",
        "dependentRequired",
        "dependentSchemas",
        "contains",
        "minContains",
        "unevaluatedProperties",
        "unevaluatedItems",
        "$dynamicRef",
        "$recursiveRef",
        "contentSchema",
        "minLenght",
        "x-guidance",
    ] {
        let inner = json!({"type": "array", "items": {keyword: true}});
        check_error(
            &schema(json!({"type": "object", "properties": {"a b": {"anyOf": [{"type": "null"}, inner]}}})),
            &format!("schema.properties.\"a b\".anyOf.1.items.{keyword}: unsupported keyword"),
        );
        check_error(
            &schema(json!({"$ref": "#/$defs/x", "$defs": {"x": {keyword: {}}}})),
            &format!("schema.$defs.x.{keyword}: unsupported keyword"),
        );
    }
    for annotation in [
        "title",
        "description",
        "default",
        "examples",
        "$comment",
        "deprecated",
        "readOnly",
        "x-order",
        "$id",
        "contentEncoding",
    ] {
        check(&schema(json!({"type": "null", annotation: "text"})), &["null"], &["1"]);
    }
    check_error(&schema(json!({"$schema": "https://example.org/mine"})), "schema.$schema: expected a dialect");
    check_error(&schema(json!({"type": "text"})), "schema.type: expected one or more of null, boolean");
    check_error(&schema(json!({"type": []})), "schema.type: expected one or more of");
    check_error(&schema(json!("string")), "schema: expected a schema");
}
