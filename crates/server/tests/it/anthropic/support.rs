//! Requests to `/v1/messages`, both ways.

use serde_json::{Value, json};

use crate::{
    loopback::Loopback,
    openai::support::{SMOLLM2, smollm2, with},
};

pub(crate) const PATH: &str = "/v1/messages";
pub(crate) const COUNT: &str = "/v1/messages/count_tokens";

pub(crate) fn base() -> Value {
    json!({
        "model": SMOLLM2, "messages": [{"role": "user", "content": "What is 2+2? Answer with one number."}],
        "max_tokens": 24, "temperature": 0,
    })
}

/// Returns the events of a streamed answer; their names are their types.
pub(crate) fn events(server: &Loopback, body: &Value) -> Vec<Value> {
    let answer = server.post_json(PATH, &with(body, &json!({"stream": true})));
    assert_eq!(answer.status, 200, "{body}: {}", answer.text());
    assert_eq!(answer.header("content-type"), Some("text/event-stream"));
    let event = |event: &str| {
        let (name, data) = event.strip_prefix("event: ").unwrap().split_once("\ndata: ").unwrap();
        let data: Value = serde_json::from_str(data).unwrap();
        assert_eq!(data["type"], name);
        assert_no_nulls(&data);
        data
    };
    answer.text().split_terminator("\n\n").map(event).collect()
}

/// Checks that keys without a value are left out, as Anthropic leaves them out: parsers of clients refuse null. Only
/// why an answer ended is null until it has ended, and which sequence stopped it.
pub(crate) fn assert_no_nulls(value: &Value) {
    let mut todo = vec![(String::new(), value)];
    while let Some((path, value)) = todo.pop() {
        match value {
            Value::Null => {
                assert!(path.ends_with(".stop_reason") || path.ends_with(".stop_sequence"), "{path} is null");
            }
            Value::Array(items) => {
                todo.extend(items.iter().enumerate().map(|(i, item)| (format!("{path}[{i}]"), item)));
            }
            Value::Object(members) => todo.extend(members.iter().map(|(key, value)| (format!("{path}.{key}"), value))),
            _ => {}
        }
    }
}

/// Puts the message of a stream together as the documents say; the order of events is checked on the way.
pub(crate) fn joined(events: &[Value]) -> Value {
    let mut message = events[0]["message"].clone();
    assert_eq!((&events[0]["type"], &message["content"]), (&json!("message_start"), &json!([])));
    assert!(message["stop_reason"].is_null() && message["usage"]["output_tokens"] == 0, "{message}");
    let (mut open, mut is_over, mut n_pings) = (None, false, 0);
    let mut arguments = String::new();
    for event in &events[1..] {
        assert!(!is_over, "an event after the last: {event}");
        let content = message["content"].as_array_mut().unwrap();
        match event["type"].as_str().unwrap() {
            "ping" => {
                assert_eq!(open, Some(0), "a ping comes when something has begun");
                n_pings += 1;
            }
            "content_block_start" => {
                assert_eq!((open, event["index"].as_u64()), (None, Some(content.len() as u64)), "{event}");
                open = Some(content.len());
                content.push(event["content_block"].clone());
                arguments.clear();
            }
            "content_block_delta" => {
                assert_eq!(event["index"].as_u64().map(|i| i as usize), open, "{event}");
                let (block, delta) = (content.last_mut().unwrap(), &event["delta"]);
                let mut add = |field: &str| {
                    let text = block[field].as_str().unwrap().to_owned() + delta[field].as_str().unwrap();
                    block[field] = text.into();
                };
                match delta["type"].as_str().unwrap() {
                    "text_delta" => add("text"),
                    "thinking_delta" => add("thinking"),
                    "signature_delta" => add("signature"),
                    "input_json_delta" => arguments += delta["partial_json"].as_str().unwrap(),
                    other => panic!("{other}"),
                }
            }
            "content_block_stop" => {
                assert_eq!(event["index"].as_u64().map(|i| i as usize), open.take(), "{event}");
                if !arguments.is_empty() {
                    content.last_mut().unwrap()["input"] = serde_json::from_str(&arguments).unwrap_or(json!({}));
                }
            }
            "message_delta" => {
                assert_eq!(open, None);
                for field in ["stop_reason", "stop_sequence"] {
                    message[field] = event["delta"][field].clone();
                }
                message["usage"] = event["usage"].clone();
            }
            "message_stop" => is_over = true,
            other => panic!("{other}: {event}"),
        }
    }
    assert!(is_over && n_pings == usize::from(message["content"] != json!([])), "{events:?}");
    message
}

/// Asks both ways and compares; returns the whole answer.
pub(crate) fn both(server: &Loopback, body: &Value) -> Value {
    let whole = server.ok(PATH, body);
    assert_no_nulls(&whole);
    let streamed = joined(&events(server, body));
    for field in ["type", "role", "model", "content", "stop_reason", "stop_sequence"] {
        assert_eq!(streamed[field], whole[field], "{field} of {body}");
    }
    // The second request finds more of the prompt cached.
    let n_input = |m: &Value| {
        let usage = &m["usage"];
        ["input_tokens", "cache_read_input_tokens"].iter().map(|f| usage[f].as_u64().unwrap()).sum::<u64>()
    };
    assert_eq!(n_input(&streamed), n_input(&whole));
    assert_eq!(streamed["usage"]["output_tokens"], whole["usage"]["output_tokens"]);
    whole
}

/// Asks for a 400 in Anthropic's form whose message begins with the field at fault; returns the message.
pub(crate) fn refused(path: &str, body: &Value, param: &str) -> String {
    let answer = smollm2().post_json(path, body);
    assert_eq!(answer.status, 400, "{body}: {}", answer.text());
    let json = answer.json();
    assert_eq!((&json["type"], &json["error"]["type"]), (&json!("error"), &json!("invalid_request_error")));
    assert_eq!(json["request_id"].as_str(), answer.header("request-id"));
    let message = json["error"]["message"].as_str().unwrap().to_owned();
    assert!(
        message.starts_with(&format!("{param}: ")) || message.contains(&format!("`{param}`")),
        "{param}: {message}"
    );
    message
}
