//! `/openapi.json`: a description of every route, and of every field a request may have (OpenAPI 3.1).
//!
//! One file of JSON per API says what there is, tersely; here it is spelled out. In them, `wire` marks an object that
//! is read as one of our request types: null is the same as absent, and other fields are refused (`true`) or skipped
//! (`"open"`); `include` adds a list of fields, `refused` and `ignored` fields that must be null and that change
//! nothing, `hints` those that `crate::ignored` leaves out; `{"$limit": name}` is the number that `limits::named`
//! has; `takes` and `gives` are media types of texts. Routes of other crates bring parts of their own
//! ([`Routes::documented`](crate::router::Routes::documented)). Tests compare all of it with the router and with the
//! types.

#[cfg(test)]
pub(crate) mod tests;

use std::sync::{Arc, LazyLock};

use axum::{
    Extension,
    body::{Body, Bytes},
    http::{HeaderValue, header},
    response::Response,
};
use serde_json::{Map, Value, json};

use crate::{ignored::Api, limits};

/// The parts of the document, one for each API.
const PARTS: [&str; 5] = [
    include_str!("openapi/operations.json"),
    include_str!("openapi/openai.json"),
    include_str!("openapi/anthropic.json"),
    include_str!("openapi/llamacpp.json"),
    include_str!("openapi/ollama.json"),
];

/// The methods by which a route that answers them all is documented.
const ANY: [&str; 1] = ["post"];

static DOCUMENT: LazyLock<Arc<Document>> = LazyLock::new(|| Arc::new(Document::build(&[])));

/// A description of routes.
#[derive(Debug)]
pub(crate) struct Document {
    value: Value,
    text: Bytes,
}

/// The whole document of this crate's routes.
pub fn document() -> &'static Value {
    &DOCUMENT.value
}

/// Method and path of every route of this crate, as documented: `("GET", "/health")`.
pub fn endpoints() -> Vec<(String, &'static str)> {
    DOCUMENT.endpoints()
}

/// `GET /openapi.json`: the whole document.
pub(crate) async fn show(Extension(document): Extension<Arc<Document>>) -> Response {
    let mut response = Response::new(Body::from(document.text.clone()));
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    response
}

impl Document {
    /// The routes of this crate, and those of `others`, which are parts of the same form.
    pub(crate) fn with(others: &[&str]) -> Arc<Self> {
        if others.is_empty() { Arc::clone(&DOCUMENT) } else { Arc::new(Self::build(others)) }
    }

    fn build(others: &[&str]) -> Self {
        let value = build(others);
        Self { text: value.to_string().into(), value }
    }

    /// Method and path of every route, as documented.
    pub(crate) fn endpoints(&self) -> Vec<(String, &str)> {
        let paths = self.value.get("paths").and_then(Value::as_object).into_iter().flatten();
        let of_path = |(path, item)| {
            let (path, item): (&String, &Value) = (path, item);
            let methods = item.as_object().into_iter().flat_map(Map::keys);
            methods.map(move |method| (method.to_ascii_uppercase(), path.as_str()))
        };
        paths.flat_map(of_path).collect()
    }
}

fn build(others: &[&str]) -> Value {
    let (mut tags, mut paths, mut schemas) = (Vec::new(), Map::new(), Map::new());
    for part in PARTS.iter().chain(others) {
        // They are compiled in, and a test reads each.
        let mut part: Value = serde_json::from_str(part).unwrap_or_default();
        resolve_limits(&mut part);
        let none = Map::new();
        let object = |name: &str| part.get(name).and_then(Value::as_object).unwrap_or(&none);
        for (path, item) in object("paths") {
            let item = item.as_object().unwrap_or(&none).iter();
            let operations = item.flat_map(|(method, route)| operations(path, method, route, &part));
            paths.insert(path.clone(), Value::Object(operations.collect()));
        }
        for (name, schema) in object("schemas") {
            schemas.insert(name.clone(), spelled_out(schema, object("includes")));
        }
        tags.extend(part.get("tag").cloned());
    }
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Trinity",
            "version": env!("CARGO_PKG_VERSION"),
            "description": "A server for language models that speaks the APIs of OpenAI, Anthropic, llama.cpp's server and Ollama. Every field works, is refused by name, or is skipped where that API skips it.",
        },
        "tags": tags,
        "security": [{}, {"key": []}],
        "paths": paths,
        "components": {
            "securitySchemes": {"key": {"type": "http", "scheme": "bearer", "description": "Where the operator asks for an API key"}},
            "schemas": schemas,
        },
    })
}

/// Puts the numbers of limits where they are only named.
fn resolve_limits(value: &mut Value) {
    if let Some(limit) = value.get("$limit").and_then(Value::as_str).and_then(limits::named) {
        *value = limit;
        return;
    }
    match value {
        Value::Object(fields) => fields.values_mut().for_each(resolve_limits),
        Value::Array(items) => items.iter_mut().for_each(resolve_limits),
        _ => {}
    }
}

fn reference(name: &str) -> Value {
    json!({"$ref": format!("#/components/schemas/{name}")})
}

/// The operations of a route with their methods.
fn operations(path: &str, method: &str, route: &Value, part: &Value) -> Vec<(String, Value)> {
    let word = |field: &str| route.get(field).and_then(Value::as_str);
    let error = part.get("error").and_then(Value::as_str).unwrap_or_default();
    let refusal = json!({"description": "Refused", "content": {"application/json": {"schema": reference(error)}}});
    let busy = |schema: &str| json!({"description": "Starting, full or stopping", "content": {"application/json": {"schema": reference(schema)}}});
    let mut responses = Map::new();
    let mut content = Map::new();
    if let Some(schema) = word("response") {
        content.insert("application/json".to_owned(), json!({"schema": reference(schema)}));
    }
    let text = || json!({"schema": {"type": "string"}});
    let media_types = |field: &str| route.get(field).and_then(Value::as_array).into_iter().flatten();
    content.extend(media_types("gives").filter_map(Value::as_str).map(|media| (media.to_owned(), text())));
    if let Some(media) = word("text") {
        content.insert(media.to_owned(), text());
    }
    if let Some(media) = word("stream") {
        // OpenAPI 3.1 has no words for a sequence of events.
        content.insert(media.to_owned(), json!({}));
    }
    if !content.is_empty() {
        responses.insert("200".to_owned(), json!({"description": "The answer", "content": content}));
    }
    responses.insert("4XX".to_owned(), refusal);
    responses.insert("503".to_owned(), busy(word("unavailable").unwrap_or(error)));
    let mut operation = json!({
        "summary": word("summary"),
        "tags": [part.get("tag").and_then(|tag| tag.get("name"))],
        "responses": responses,
    });
    if let (Some(schema), Some(fields)) = (word("request"), operation.as_object_mut()) {
        let body = json!({"required": true, "content": {"application/json": {"schema": reference(schema)}}});
        fields.insert("requestBody".to_owned(), body);
    }
    let taken: Map<String, Value> =
        media_types("takes").filter_map(Value::as_str).map(|media| (media.to_owned(), text())).collect();
    if let (false, Some(fields)) = (taken.is_empty(), operation.as_object_mut()) {
        fields.insert("requestBody".to_owned(), json!({"required": true, "content": taken}));
    }
    if let (Some(parameters), Some(fields)) = (route.get("parameters"), operation.as_object_mut()) {
        fields.insert("parameters".to_owned(), parameters.clone());
    }
    if let (Some(true), Some(fields)) = (route.get("public").and_then(Value::as_bool), operation.as_object_mut()) {
        fields.insert("security".to_owned(), json!([]));
    }
    let methods: &[&str] = if method == "any" { &ANY } else { &[method] };
    let named = |method: &&str| {
        let mut operation = operation.clone();
        let id: String = path.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '_' }).collect();
        operation["operationId"] = format!("{method}{id}").into();
        ((*method).to_owned(), operation)
    };
    methods.iter().map(named).collect()
}

/// A schema in the words of the standard alone.
fn spelled_out(schema: &Value, includes: &Map<String, Value>) -> Value {
    let mut schema = schema.clone();
    let Some(fields) = schema.as_object_mut() else { return schema };
    let Some(wire) = fields.remove("wire") else { return schema };
    let mut properties = fields.remove("properties").and_then(|p| p.as_object().cloned()).unwrap_or_default();
    if fields.remove("hints").is_some() {
        for hint in Api::OpenAi.hints() {
            let about = format!("{}: {}. Changes nothing here", hint.whose, hint.about);
            properties.insert(hint.field.to_owned(), json!({"description": about}));
        }
    }
    let included = fields.remove("include").and_then(|name| includes.get(name.as_str()?).cloned());
    properties.extend(included.and_then(|i| i.as_object().cloned()).unwrap_or_default());
    for (list, property) in [
        ("refused", json!({"type": "null", "description": "This server has none"})),
        ("ignored", json!({"description": "Changes nothing"})),
    ] {
        for name in fields.remove(list).iter().filter_map(Value::as_array).flatten().filter_map(Value::as_str) {
            properties.insert(name.to_owned(), property.clone());
        }
    }
    let required = fields.get("required").and_then(Value::as_array).cloned().unwrap_or_default();
    for (name, property) in &mut properties {
        if !required.iter().any(|r| r == name.as_str()) {
            allow_null(property);
        }
    }
    fields.insert("properties".to_owned(), Value::Object(properties));
    fields.insert("additionalProperties".to_owned(), (wire == "open").into());
    schema
}

/// Lets a property be null, which is the same as absent.
fn allow_null(property: &mut Value) {
    let Some(fields) = property.as_object_mut() else { return };
    if let Some(word) = fields.remove("const") {
        fields.insert("enum".to_owned(), json!([word]));
    }
    if let Some(values) = fields.get_mut("enum").and_then(Value::as_array_mut) {
        values.push(Value::Null);
    }
    if let Some(reference) = fields.remove("$ref") {
        fields.insert("anyOf".to_owned(), json!([{"$ref": reference}, {"type": "null"}]));
    } else if let Some(forms) = fields.get_mut("anyOf").and_then(Value::as_array_mut) {
        forms.push(json!({"type": "null"}));
    }
    match fields.get_mut("type") {
        Some(Value::Array(types)) => types.push("null".into()),
        Some(Value::String(one)) if one != "null" => {
            let one = std::mem::take(one);
            fields.insert("type".to_owned(), json!([one, "null"]));
        }
        _ => {}
    }
}
