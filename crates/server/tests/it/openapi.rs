//! The description of the API against the server that it describes.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};
use server::{ServerOptions, openapi, refusal::Shape};

use crate::{
    loopback::Loopback,
    openai::support::{FILLS, STORIES, post_bytes, server, with},
};

/// Returns the paths of all routes; those of the chat page are not documented.
fn routes() -> BTreeSet<String> {
    let routes = server::router::routes();
    let paths = routes.paths().map(|(path, _)| path.replace("{*", "{"));
    paths.filter(|path| !path.starts_with("/page/")).collect()
}

#[test]
fn every_route_is_documented_and_every_documented_route_is_there() {
    let documented: BTreeSet<String> = openapi::endpoints().into_iter().map(|(_, path)| path.to_owned()).collect();
    let routes = routes();
    assert!(routes.contains("/completion") && routes.len() > 30, "{routes:?}");
    assert_eq!(documented, routes);
    // Each says itself which methods it has.
    let server = Loopback::with(ServerOptions::default(), server::router::routes(), Vec::new(), None);
    let mut methods: BTreeMap<&str, BTreeSet<String>> = BTreeMap::new();
    for (method, path) in openapi::endpoints() {
        methods.entry(path).or_default().insert(method);
    }
    for (path, methods) in methods {
        let url = path.replace(['{', '}'], "");
        let ask = |method: &str| {
            server.send(format!("{method} {url} HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n\r\n"))
        };
        let wrong = ask("PATCH");
        if wrong.status == 405 {
            let allowed = wrong.header("allow").unwrap_or_else(|| panic!("{path}: {wrong:?}"));
            let allowed: BTreeSet<String> = allowed.split(',').map(str::to_owned).filter(|m| m != "HEAD").collect();
            assert_eq!(allowed, methods, "{path}");
        } else {
            assert_eq!(wrong.status, 403, "{path} answers every method, to refuse it: {wrong:?}");
        }
        for method in methods {
            let answer = ask(&method);
            let is_none = answer.status == 405 || answer.status == 500 || answer.text().contains("route_not_found");
            assert!(!is_none, "{method} {path}: {answer:?}");
        }
    }
}

/// Requests have no key, so that no route gets to answer itself.
#[test]
fn every_route_is_refused_in_the_shape_of_its_api() {
    let keys = server::auth::Keys::parse("k", "secret", server::auth::KeyFileFormat::Lines).unwrap();
    let routes = server::router::routes();
    let paths: Vec<(&str, Shape)> = routes.paths().collect();
    let server = Loopback::with(ServerOptions { keys, ..ServerOptions::default() }, routes, Vec::new(), None);
    let mut n_refused = 0;
    for (path, shape) in paths {
        let url = path.replace(['{', '}', '*'], "");
        let answer = server.get(&url);
        if answer.status != 401 {
            assert!(answer.status == 200 || answer.status == 503, "{path}: {answer:?}");
            continue;
        }
        n_refused += 1;
        let error = answer.json();
        let is_so = match shape {
            Shape::OpenAi => error["error"]["type"].is_string() && error["error"].get("param").is_some(),
            Shape::Anthropic => error["type"] == "error" && error["request_id"].is_string(),
            Shape::Ollama => error["error"].is_string(),
            Shape::LlamaCpp => error["error"]["code"] == 401,
        };
        assert!(is_so, "{path}: {error}, expected {shape:?}");
    }
    assert!(n_refused > 40, "{n_refused}");
}

#[test]
fn the_document_is_served_and_shown() {
    let keys = server::auth::Keys::parse("k", "secret", server::auth::KeyFileFormat::Lines).unwrap();
    let options = ServerOptions { keys, ..ServerOptions::default() };
    let server = Loopback::with(options, server::router::routes(), Vec::new(), None);
    let answer = server.get("/openapi.json");
    assert_eq!((answer.status, answer.header("content-type")), (200, Some("application/json")));
    assert_eq!(&answer.json(), openapi::document());
    assert_eq!(answer.json()["openapi"], "3.1.0");
    let page = server.get("/docs");
    assert_eq!((page.status, page.header("content-type")), (200, Some("text/html; charset=utf-8")));
    assert!(page.header("content-security-policy").unwrap().contains("default-src 'none'"));
    assert!(!page.text().contains("http://") && !page.text().contains("https://"), "nothing from elsewhere");
    for file in page.text().split('"').filter(|text| text.starts_with("/page/")) {
        assert_eq!(server.get(file).status, 200, "{file}");
    }
    // What is documented as public answers without a key, and nothing else does.
    for (method, path) in openapi::endpoints() {
        let operation = &openapi::document()["paths"][path][method.to_ascii_lowercase()];
        let is_public = operation["security"] == json!([]);
        let url = path.replace(['{', '}'], "");
        let answer = server.send(format!("{method} {url} HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n\r\n"));
        assert_eq!(answer.status == 401, !is_public, "{method} {path}: {answer:?}");
    }
}

/// Returns the body of a route that is as short as it can be.
pub(crate) fn smallest(path: &str) -> Value {
    match path {
        "/v1/responses" | "/responses" | "/v1/responses/input_tokens" | "/responses/input_tokens" => {
            json!({"input": "a", "max_output_tokens": 1})
        }
        "/v1/embeddings" | "/embedding" | "/embeddings" => json!({"input": "a"}),
        "/api/embed" => json!({"model": STORIES, "input": "a"}),
        "/tokenize" => json!({"content": "a"}),
        "/detokenize" => json!({"tokens": [5]}),
        "/v1/completions" => json!({"prompt": "a", "max_tokens": 1}),
        "/completion" | "/completions" => json!({"prompt": "a", "n_predict": 1}),
        "/infill" => json!({"input_prefix": "a", "input_suffix": "b", "n_predict": 1}),
        _ if path.contains("rerank") => json!({"query": "a", "documents": ["b"]}),
        "/api/generate" => json!({"model": STORIES, "prompt": "a", "options": {"num_predict": 1}}),
        "/api/chat" => json!({"model": STORIES, "messages": [{"role": "user", "content": "a"}]}),
        _ if path.starts_with("/api/") => json!({"model": STORIES}),
        "/v1/messages" | "/v1/messages/count_tokens" => {
            json!({"model": STORIES, "max_tokens": 1, "messages": [{"role": "user", "content": "a"}]})
        }
        _ => json!({"messages": [{"role": "user", "content": "a"}]}),
    }
}

pub(crate) fn with_bodies() -> Vec<&'static str> {
    // Bodies that are lists have no fields.
    let has_body = |(method, path): &(String, &str)| {
        let content = &openapi::document()["paths"][path][method.to_ascii_lowercase()]["requestBody"]["content"];
        let schema = content["application/json"]["schema"]["$ref"].as_str();
        let of = |reference: &str| openapi::document().pointer(reference.trim_start_matches('#')).unwrap();
        schema.is_some_and(|reference| of(reference)["type"] != "array")
    };
    let paths: Vec<&str> = openapi::endpoints().iter().filter(|e| has_body(e)).map(|(_, path)| *path).collect();
    assert!(paths.len() > 15, "{paths:?}");
    paths
}

#[test]
fn every_documented_field_may_be_null_and_others_are_taken_only_where_that_is_said() {
    let server = server(&[FILLS, STORIES]);
    for path in with_bodies() {
        let body = smallest(path);
        let reference =
            &openapi::document()["paths"][path]["post"]["requestBody"]["content"]["application/json"]["schema"]["$ref"];
        let schema = openapi::document().pointer(reference.as_str().unwrap().trim_start_matches('#')).unwrap();
        let mut nulls = body.clone();
        for field in schema["properties"].as_object().unwrap().keys() {
            // Two names of one field would be one too many.
            let description = schema["properties"][field]["description"].as_str().unwrap_or_default();
            if nulls.get(field).is_none()
                && !description.contains("nother name of")
                && !description.contains("by this name")
            {
                nulls[field] = Value::Null;
            }
        }
        let plain = server.post_json(path, &body);
        let answer = server.post_json(path, &nulls);
        assert_eq!(answer.status, plain.status, "{path}: {nulls}: {}", answer.text());
        assert!([200, 400, 403].contains(&plain.status), "{path}: {}", plain.text());
        let unknown = server.post_json(path, &with(&body, &json!({"no_such_field": 1})));
        if schema["additionalProperties"] == true {
            assert_eq!(unknown.status, plain.status, "{path}: {}", unknown.text());
        } else {
            assert!(unknown.status == 400 && unknown.text().contains("no_such_field"), "{path}: {}", unknown.text());
        }
    }
}

/// Every upper bound that documents promise on numbers and lists of a body's own fields is exceeded by one.
#[test]
fn limits_are_enforced_as_documented() {
    let server = server(&[FILLS, STORIES]);
    let mut n_checked = 0;
    for path in with_bodies() {
        let reference =
            &openapi::document()["paths"][path]["post"]["requestBody"]["content"]["application/json"]["schema"]["$ref"];
        let schema = openapi::document().pointer(reference.as_str().unwrap().trim_start_matches('#')).unwrap();
        for (field, property) in schema["properties"].as_object().unwrap() {
            let mut beyond = Vec::new();
            let is_integer = property["type"].as_array().is_some_and(|t| t.contains(&json!("integer")));
            for (bound, step) in [("maximum", 1.0), ("minimum", -1.0)] {
                if let Some(limit) = property[bound].as_f64().filter(|l| l.abs() < 1e15) {
                    beyond.push(if is_integer { json!((limit + step) as i64) } else { json!(limit + step) });
                }
            }
            for value in beyond {
                let answer = server.post_json(path, &with(&smallest(path), &json!({field: value})));
                let names_it = answer.text().contains(field.as_str()) || answer.text().contains("has no chat template");
                let alias = property["description"].as_str().is_some_and(|d| d.contains("nother name of"));
                assert!(answer.status == 400 && (names_it || alias), "{path}: {field} {value}: {}", answer.text());
                n_checked += 1;
            }
        }
    }
    assert!(n_checked > 100, "{n_checked}");
    assert_eq!(server.app.metrics().n_panics(), 0);
}

#[test]
fn garbage_is_refused_by_every_route() {
    let server = server(&[FILLS, STORIES]);
    let deep = |n: usize| "[".repeat(n) + &"]".repeat(n);
    let garbage: Vec<Vec<u8>> = vec![
        b"".to_vec(),
        b"null".to_vec(),
        b"[]".to_vec(),
        b"{}".to_vec(),
        b"5".to_vec(),
        b"\"text\"".to_vec(),
        b"{".to_vec(),
        b"{\"model\"".to_vec(),
        b"{\"model\": 5}".to_vec(),
        b"{\"a\": 1e400}".to_vec(),
        b"{\"a\": NaN}".to_vec(),
        b"{\"a\": 1, \"a\": 2}".to_vec(),
        b"{\"prompt\": \"\\ud800\"}".to_vec(),
        b"\xff\xfe{}".to_vec(),
        b"{\"prompt\": \"\xff\"}".to_vec(),
        b"\0\0\0\0".to_vec(),
        format!("{{\"prompt\": {}}}", "9".repeat(400)).into_bytes(),
        format!("{{\"prompt\": {}}}", deep(64)).into_bytes(),
        format!("{{\"messages\": {}}}", deep(60)).into_bytes(),
        deep(1000).into_bytes(),
        "{\"a\":".repeat(1000).into_bytes(),
    ];
    for path in with_bodies() {
        for body in &garbage {
            let mut bytes = format!(
                "POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n",
                body.len()
            )
            .into_bytes();
            bytes.extend(body);
            let answer = server.send(&bytes);
            let shown = String::from_utf8_lossy(&body[..body.len().min(40)]).into_owned();
            assert!([400, 403].contains(&answer.status), "{path}: {shown}: {answer:?}");
            assert!(answer.json().get("error").is_some(), "{path}: {shown}: {answer:?}");
        }
        // Each field with a value of every other type.
        let body = smallest(path);
        for field in body.as_object().unwrap().keys().cloned().collect::<Vec<_>>() {
            for value in [
                json!(true),
                json!(-1),
                json!(0.5),
                json!({"x": 1}),
                json!([[[]]]),
                json!([{}]),
                json!(u64::MAX),
                json!([null]),
            ] {
                let answer = server.send(post_bytes(path, &with(&body, &json!({&field: value}))));
                assert!([200, 400, 403, 404].contains(&answer.status), "{path}: {field} {value}: {answer:?}");
            }
        }
    }
    assert_eq!(server.app.metrics().n_panics(), 0);
    server.wait_until_idle();
}
