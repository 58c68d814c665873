//! llama.cpp's API against a real server with real models.

mod completion;
mod infill;
mod props;
mod refusals;
mod stream;
mod tokens;

use serde_json::{Value, json};

use crate::{
    loopback::Loopback,
    openai::support::{STORIES, server},
};

const PATH: &str = "/completion";

fn stories() -> Loopback {
    server(&[STORIES])
}

fn base() -> Value {
    json!({"prompt": "Once upon a time", "n_predict": 40, "temperature": 0})
}

/// Asks for a 400 in llama.cpp's shape, whose message begins with the field; returns the message.
fn refused(server: &Loopback, path: &str, body: &Value, field: &str) -> String {
    let answer = server.post_json(path, body);
    assert_eq!(answer.status, 400, "{body}: {}", answer.text());
    let error = answer.json()["error"].clone();
    assert_eq!((&error["code"], &error["type"]), (&json!(400), &json!("invalid_request_error")), "{error}");
    let message = error["message"].as_str().unwrap().to_owned();
    assert!(message.starts_with(field), "{body}: {message}, expected {field}");
    message
}

/// Returns the events of a streamed answer; there is no `[DONE]`.
fn events(server: &Loopback, path: &str, body: &Value) -> Vec<Value> {
    let mut body = body.clone();
    body["stream"] = json!(true);
    let answer = server.post_json(path, &body);
    assert_eq!(answer.status, 200, "{body}: {}", answer.text());
    assert_eq!(answer.header("content-type"), Some("text/event-stream"));
    let data = answer.text().split("\n\n").filter_map(|event| event.strip_prefix("data: "));
    data.map(|d| serde_json::from_str(d).unwrap_or_else(|e| panic!("{e}: {d}"))).collect()
}
