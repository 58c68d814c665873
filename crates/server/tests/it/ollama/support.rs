//! Requests to Ollama's routes, both ways.

use serde_json::{Value, json};

use crate::{
    loopback::Loopback,
    openai::support::{SMOLLM2, smollm2, with},
};

pub(crate) const GENERATE: &str = "/api/generate";
pub(crate) const CHAT: &str = "/api/chat";

pub(crate) fn generate() -> Value {
    json!({"model": SMOLLM2, "prompt": "Hi", "options": {"temperature": 0, "num_predict": 32}})
}

pub(crate) fn chat() -> Value {
    let messages = json!([{"role": "user", "content": "Hi"}]);
    json!({"model": SMOLLM2, "messages": messages, "options": {"temperature": 0, "num_predict": 32}})
}

/// Adds options to `body`.
pub(crate) fn with_options(body: &Value, more: &Value) -> Value {
    with(body, &json!({"options": with(&body["options"], more)}))
}

/// Returns the answer in one piece.
pub(crate) fn whole(server: &Loopback, path: &str, body: &Value) -> Value {
    let whole = server.ok(path, &with(body, &json!({"stream": false})));
    assert_eq!(whole["done"], true, "{whole}");
    whole
}

/// Returns the lines of a streamed answer, which comes by default.
pub(crate) fn lines(server: &Loopback, path: &str, body: &Value) -> Vec<Value> {
    let answer = server.post_json(path, body);
    assert_eq!(answer.status, 200, "{body}: {}", answer.text());
    assert_eq!(answer.header("content-type"), Some("application/x-ndjson"));
    answer.text().lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// Puts lines together into one answer.
fn joined(path: &str, lines: &[Value]) -> Value {
    let mut whole = lines.last().unwrap().clone();
    let place = |line: &Value| if path == CHAT { line["message"].clone() } else { line.clone() };
    let text_name = if path == CHAT { "content" } else { "response" };
    for name in [text_name, "thinking"] {
        let text: String = lines.iter().filter_map(|line| Some(place(line).get(name)?.as_str()?.to_owned())).collect();
        whole[name] = text.into();
    }
    for name in ["tool_calls", "logprobs"] {
        let list = |line: &Value| {
            let place = if name == "logprobs" { line.clone() } else { place(line) };
            place.get(name).and_then(Value::as_array).cloned().unwrap_or_default()
        };
        whole[name] = lines.iter().flat_map(list).collect();
    }
    whole
}

/// Asks both ways and compares; returns the whole answer.
pub(crate) fn both(server: &Loopback, path: &str, body: &Value) -> Value {
    let whole = whole(server, path, body);
    let lines = lines(server, path, body);
    for (i, line) in lines.iter().enumerate() {
        assert_eq!(line["done"], i + 1 == lines.len(), "{line}");
        assert_eq!(line["model"], body["model"]);
        let created_at = line["created_at"].as_str().unwrap();
        assert!(created_at.ends_with('Z') && created_at.contains('T'), "{created_at}");
    }
    let streamed = joined(path, &lines);
    let expected = joined(path, std::slice::from_ref(&whole));
    for name in [
        "response",
        "content",
        "thinking",
        "tool_calls",
        "logprobs",
        "done_reason",
        "context",
        "prompt_eval_count",
        "eval_count",
    ] {
        assert_eq!(streamed[name], expected[name], "{name} of {body}");
    }
    for answer in [&whole, lines.last().unwrap()] {
        let time = |name: &str| answer[name].as_u64().unwrap_or_else(|| panic!("{name}: {answer}"));
        assert!(time("total_duration") >= time("load_duration") + time("eval_duration"), "{answer}");
        assert!(time("prompt_eval_duration") > 0);
    }
    whole
}

/// Asks for a 400 in Ollama's form that names the field at fault; returns the message.
pub(crate) fn refused(path: &str, body: &Value, param: &str) -> String {
    let answer = smollm2().post_json(path, body);
    assert_eq!(answer.status, 400, "{body}: {}", answer.text());
    let json = answer.json();
    assert_eq!(json.as_object().unwrap().len(), 1, "{json}");
    let message = json["error"].as_str().unwrap().to_owned();
    let is_named = message.starts_with(&format!("{param}: ")) || message.contains(&format!("`{param}`"));
    assert!(is_named || message.ends_with(param), "{param}: {message}");
    message
}
