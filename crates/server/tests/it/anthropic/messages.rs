//! What comes out: text, ends, counts, streams.

use serde_json::{Value, json};
use server::models::ModelsOptions;

use super::support::{COUNT, PATH, assert_no_nulls, base, both, events};
use crate::{
    loopback::wait,
    openai::support::{SMOLLM2, STORIES, TestLoader, post_bytes, server, server_of, smollm2, with},
};

fn text(message: &Value) -> &str {
    message["content"][0]["text"].as_str().unwrap_or_else(|| panic!("{message}"))
}

#[test]
fn a_stream_joined_is_the_whole() {
    let server = smollm2();
    let whole = both(server, &base());
    assert!(text(&whole).contains('4'), "{whole}");
    assert_eq!(
        (&whole["type"], &whole["role"], &whole["model"]),
        (&json!("message"), &json!("assistant"), &json!(SMOLLM2))
    );
    assert!(whole["id"].as_str().unwrap().starts_with("msg_"));
    assert_eq!((&whole["stop_reason"], &whole["stop_sequence"]), (&json!("end_turn"), &Value::Null));
    let one = server.ok(PATH, &with(&base(), &json!({"max_tokens": 1})));
    assert_eq!((&one["stop_reason"], &one["usage"]["output_tokens"]), (&json!("max_tokens"), &json!(1)));
    both(server, &with(&base(), &json!({"top_k": 1, "temperature": 1, "top_p": 0.5})));
}

#[test]
fn every_answer_names_its_request() {
    let answer = smollm2().post_json(PATH, &with(&base(), &json!({"max_tokens": 1})));
    assert_eq!(answer.header("request-id"), answer.header("x-request-id"));
    assert!(answer.header("request-id").is_some());
    let other = smollm2().get("/v1/models");
    assert_eq!(other.header("request-id"), None);
}

#[test]
fn temperature_zero_repeats_itself_and_one_does_not() {
    let body = with(&base(), &json!({"messages": [{"role": "user", "content": "Tell me a story."}]}));
    let server = smollm2();
    assert_eq!(text(&server.ok(PATH, &body)), text(&server.ok(PATH, &body)));
    let warm = with(&body, &json!({"temperature": 1}));
    assert_ne!(text(&server.ok(PATH, &warm)), text(&server.ok(PATH, &warm)));
    // One token is left to draw from.
    let narrow = with(&warm, &json!({"top_k": 1}));
    assert_eq!(text(&server.ok(PATH, &narrow)), text(&server.ok(PATH, &body)));
    let narrow = with(&warm, &json!({"top_p": 0}));
    assert_eq!(text(&server.ok(PATH, &narrow)), text(&server.ok(PATH, &body)));
}

#[test]
fn a_stop_sequence_ends_the_text_and_is_named() {
    let server = smollm2();
    let whole = server.ok(PATH, &base());
    let stop = text(&whole).get(8..12).unwrap();
    let stopped = both(server, &with(&base(), &json!({"stop_sequences": ["never said", stop]})));
    assert_eq!((&stopped["stop_reason"], &stopped["stop_sequence"]), (&json!("stop_sequence"), &json!(stop)));
    let before = text(&whole).split(stop).next().unwrap();
    assert_eq!(text(&stopped), before);
}

#[test]
fn the_end_of_the_context_is_told_apart_from_the_end_of_the_tokens() {
    let server = server_of(TestLoader { context_len: 64, ..TestLoader::of(&[SMOLLM2]) }, ModelsOptions::default());
    let story = json!({"messages": [{"role": "user", "content": "Tell me a long story."}], "max_tokens": 32000});
    let answer = server.ok(PATH, &with(&base(), &story));
    assert_eq!(answer["stop_reason"], "model_context_window_exceeded", "{answer}");
}

#[test]
fn what_was_cached_is_counted_beside_the_input() {
    let server = smollm2();
    let body = with(
        &base(),
        &json!({"system": "You know this text by heart, and more than this. ".repeat(12), "max_tokens": 1}),
    );
    let n = server.ok(COUNT, &body)["input_tokens"].as_u64().unwrap();
    let usage = |answer: &Value| answer["usage"].clone();
    let first = usage(&server.ok(PATH, &body));
    let read = first["cache_read_input_tokens"].as_u64().unwrap();
    assert!(read < 16 && first["input_tokens"].as_u64() == Some(n - read), "{first}");
    let second = usage(&server.ok(PATH, &body));
    let read = second["cache_read_input_tokens"].as_u64().unwrap();
    assert!(read >= 96, "{second}");
    assert_eq!(second["input_tokens"].as_u64().unwrap() + read, n);
    assert_eq!(second["cache_creation_input_tokens"], 0);
    let streamed = events(server, &body);
    assert_eq!(streamed[0]["message"]["usage"]["input_tokens"].as_u64(), Some(n));
    let last = &streamed[streamed.len() - 2]["usage"];
    assert_eq!(last["input_tokens"].as_u64().unwrap() + last["cache_read_input_tokens"].as_u64().unwrap(), n);
}

#[test]
fn output_obeys_its_schema() {
    let schema = json!({
        "type": "object", "additionalProperties": false, "required": ["size"], "properties": {"size": {"enum": ["small", "large"]}},
    });
    let format = json!({"type": "json_schema", "schema": schema});
    for more in [json!({"output_config": {"format": format, "effort": "low"}}), json!({"output_format": format})] {
        let answer = both(smollm2(), &with(&base(), &more));
        let value: Value = serde_json::from_str(text(&answer)).unwrap();
        assert!(["small", "large"].contains(&value["size"].as_str().unwrap()), "{answer}");
    }
}

#[test]
fn who_hangs_up_frees_the_sequence() {
    let server = server(&[STORIES, SMOLLM2]);
    let body = with(
        &base(),
        &json!({"messages": [{"role": "user", "content": "Count to a thousand."}], "max_tokens": 400, "stream": true}),
    );
    let mut client = server.connect();
    client.write(post_bytes(PATH, &body));
    assert!(client.head().starts_with("HTTP/1.1 200"));
    assert!(client.chunk().is_some());
    assert_eq!(server.app.metrics().n_streams(), 1);
    drop(client);
    server.wait_until_idle();
    let stats = server.app.models().loaded()[0].handle.stats();
    wait("the pages", || {
        let stats = server.app.models().loaded()[0].handle.stats();
        stats.pages_free + stats.pages_cached == stats.pages_total
    });
    assert_eq!(stats.n_cancelled, 1);
}

#[test]
fn an_error_in_mid_stream_is_an_event() {
    let server = server(&[SMOLLM2]);
    let body = with(
        &base(),
        &json!({"messages": [{"role": "user", "content": "Count to a thousand."}], "max_tokens": 400, "stream": true}),
    );
    let mut client = server.connect();
    client.write(post_bytes(PATH, &body));
    let head = client.head();
    let mut text = String::from_utf8(client.chunk().unwrap()).unwrap();
    server.app.models().loaded()[0].handle.shutdown();
    while let Some(chunk) = client.chunk() {
        text += std::str::from_utf8(&chunk).unwrap();
    }
    let (name, data) = text.trim_end().rsplit("\n\n").next().unwrap().split_once("\ndata: ").unwrap();
    let data: Value = serde_json::from_str(data).unwrap();
    assert_eq!((name, &data["type"]), ("event: error", &json!("error")), "{text}");
    assert!(data["error"]["type"].is_string() && !text.contains("message_stop"), "{data}");
    assert!(head.contains(data["request_id"].as_str().unwrap()));
}

#[test]
fn models_are_listed_in_the_form_of_whoever_asks() {
    let server = server(&[STORIES, SMOLLM2]);
    let get = |path: &str| {
        server.send(format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nanthropic-version: 2023-06-01\r\n\r\n")).json()
    };
    let list = get("/v1/models?limit=20");
    assert_eq!(
        (&list["first_id"], &list["last_id"], &list["has_more"]),
        (&json!(STORIES), &json!(SMOLLM2), &json!(false))
    );
    let one = get(&format!("/v1/models/{SMOLLM2}-alias"));
    assert_eq!(one, list["data"][1]);
    assert_no_nulls(&list);
    assert_eq!(
        (&one["type"], &one["id"], &one["created_at"]),
        (&json!("model"), &json!(SMOLLM2), &json!("2023-11-14T22:13:20Z"))
    );
    assert_eq!(server.get("/v1/models").json()["object"], "list");
}
