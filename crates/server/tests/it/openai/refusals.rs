//! Whatever this server has not is refused by name, and whatever is out of its range too.

use serde_json::{Value, json};

use super::support::{smollm2, with};

const CHAT: &str = "/v1/chat/completions";
const COMPLETIONS: &str = "/v1/completions";
const RESPONSES: &str = "/v1/responses";

fn bases() -> [(&'static str, Value); 3] {
    [
        (CHAT, json!({"messages": [{"role": "user", "content": "Hi"}], "max_tokens": 1})),
        (COMPLETIONS, json!({"prompt": "Hi", "max_tokens": 1})),
        (RESPONSES, json!({"input": "Hi", "max_output_tokens": 1})),
    ]
}

fn base(path: &str) -> Value {
    bases().into_iter().find(|(p, _)| *p == path).unwrap().1
}

#[test]
fn what_this_server_has_not_is_refused_by_name() {
    let server = smollm2();
    let check = |path: &str, field: &str, value: Value| {
        let error = server.refused(path, &with(&base(path), &json!({field: value})), field);
        assert_eq!(error["code"], "unsupported_parameter", "{path} {field}: {error}");
    };
    for field in ["audio", "prediction", "web_search_options", "functions", "function_call", "no_such_field"] {
        check(CHAT, field, json!({"a": 1}));
    }
    for (path, _) in bases() {
        check(path, "min_tokens", json!(3));
        check(path, "made_up", json!(1));
    }
    for field in ["conversation", "prompt", "max_tool_calls", "context_management"] {
        check(RESPONSES, field, json!("x"));
    }
    check(RESPONSES, "background", json!(true));
    check(RESPONSES, "n", json!(2));
    check(COMPLETIONS, "suffix", json!("x"));
    for kind in ["image_url", "input_audio", "file"] {
        let part = json!({"type": kind, kind: {"url": "http://169.254.169.254/x.png"}});
        let body = json!({"messages": [{"role": "user", "content": [{"type": "text", "text": "a"}, part]}]});
        let error = server.refused(CHAT, &body, "messages[0].content[1].type");
        assert_eq!(error["code"], "unsupported_parameter", "{error}");
    }
    let image = json!({"input": [{"role": "user", "content": [{"type": "input_image", "image_url": "http://x/"}]}]});
    server.refused(RESPONSES, &image, "input[0].content[0].type");
    server.refused(RESPONSES, &json!({"input": [{"type": "computer_call", "id": "x"}]}), "input[0].type");
    let tool = json!({"input": "a", "tools": [{"type": "functoin"}]});
    server.refused(RESPONSES, &tool, "tools[0].type");
    let schema = json!({"json": {}, "structural_tag": "x"});
    server.refused(
        CHAT,
        &with(&base(CHAT), &json!({"structured_outputs": schema})),
        "structured_outputs.structural_tag",
    );
}

#[test]
fn fields_without_effect_and_nulls_are_fine() {
    let server = smollm2();
    let ignored = json!({
        "user": "u", "metadata": {"a": "b"}, "store": false, "service_tier": "auto", "safety_identifier": "s",
        "prompt_cache_key": "k", "prompt_cache_retention": "24h", "modalities": ["text"], "verbosity": "medium", "audio": null, "functions": null,
        "temperature": null, "stop": null, "tools": null, "response_format": null, "logit_bias": null, "min_tokens": 0, "n": 1,
        "top_k": -1, "min_p": 0.0, "repetition_penalty": 1.0, "priority": 0, "reasoning_effort": "low", "parallel_tool_calls": true,
        "chat_template_kwargs": {"enable_thinking": false},
    });
    server.ok(CHAT, &with(&base(CHAT), &ignored));
    let ignored = json!({
        "user": "u", "metadata": {"a": "b"}, "store": false, "service_tier": "default", "truncation": "disabled", "background": false,
        "previous_response_id": null, "temperature": 1.0, "priority": 0, "top_k": -1, "min_p": 0.0, "repetition_penalty": 1.0,
        "include": ["reasoning.encrypted_content"], "reasoning": {"effort": "low", "summary": null}, "text": {"verbosity": "medium"},
    });
    server.ok(RESPONSES, &with(&base(RESPONSES), &ignored));
    server
        .ok(COMPLETIONS, &with(&base(COMPLETIONS), &json!({"user": "u", "suffix": null, "echo": false, "best_of": 1})));
}

#[test]
fn numbers_out_of_range_are_refused_by_name() {
    let server = smollm2();
    for (path, body) in bases() {
        for (field, values) in [
            ("temperature", json!([-0.1, 2.1, 1e300])),
            ("top_p", json!([-0.1, 1.1])),
            ("top_k", json!([-2])),
            ("min_p", json!([-0.1, 1.5])),
            ("typical_p", json!([2])),
            ("repeat_penalty", json!([0, -1])),
            ("frequency_penalty", json!([-2.1, 2.1])),
            ("presence_penalty", json!([-2.1, 2.1])),
            ("repeat_last_n", json!([-2])),
            ("n", json!([0, -1, 17])),
            ("priority", json!([5_000_000_000_i64, 1001])),
            ("time_limit", json!([-1, 1e9])),
            ("stop", json!([vec!["a"; 17], "x".repeat(257), ""])),
            ("logit_bias", json!([{"1": 101}, {"x": 1}, {"99999999": 1}, {"-1": 0}])),
        ] {
            for value in values.as_array().unwrap() {
                server.refused(path, &with(&body, &json!({field: value})), field);
            }
        }
    }
    for (path, field, value) in [
        (CHAT, "max_tokens", json!(0)),
        (CHAT, "max_completion_tokens", json!(-3)),
        (COMPLETIONS, "max_tokens", json!(-3)),
        (RESPONSES, "max_output_tokens", json!(0)),
        (CHAT, "top_logprobs", json!(2)),
        (COMPLETIONS, "logprobs", json!(21)),
        (COMPLETIONS, "best_of", json!(17)),
        (RESPONSES, "top_logprobs", json!(21)),
        (CHAT, "stream_options", json!({"include_usage": true})),
        (CHAT, "reasoning_effort", json!("extreme")),
        (CHAT, "messages", json!([])),
    ] {
        server.refused(path, &with(&base(path), &json!({field: value})), field);
    }
    let logprobs = json!({"logprobs": true, "top_logprobs": 21});
    server.refused(CHAT, &with(&base(CHAT), &logprobs), "top_logprobs");
}

#[test]
fn wrong_types_name_their_place() {
    let server = smollm2();
    let messages = |messages: Value| json!({"messages": messages});
    let user = json!({"role": "user", "content": "Hi"});
    for (body, param) in [
        (messages(json!([user, {"role": "user", "content": 5}])), "messages[1].content"),
        (messages(json!([{"role": "user"}])), "messages[0].content"),
        (messages(json!([{"role": "king", "content": "a"}])), "messages[0].role"),
        (
            messages(
                json!([{"role": "user", "content": "a", "tool_calls": [{"id": "x", "function": {"name": "a", "arguments": "{}"}}]}]),
            ),
            "messages[0].tool_calls",
        ),
        (messages(json!([{"role": "user", "content": [{"type": "text"}]}])), "messages[0].content[0].text"),
        (messages(json!([{"role": "user", "content": "a", "audio": {"id": "x"}}])), "messages[0].audio"),
        (messages(json!("Hi")), "messages"),
        (with(&messages(json!([user])), &json!({"temperature": "hot"})), "temperature"),
        (
            with(&messages(json!([user])), &json!({"tools": [{"type": "function", "function": {"name": "a b"}}]})),
            "tools[0].function.name",
        ),
        (with(&messages(json!([user])), &json!({"response_format": {"type": "xml"}})), "response_format.type"),
        (
            with(&messages(json!([user])), &json!({"response_format": {"type": "json_schema"}})),
            "response_format.json_schema",
        ),
        (with(&messages(json!([user])), &json!({"service_tier": "first"})), "service_tier"),
        (with(&messages(json!([user])), &json!({"modalities": ["audio"]})), "modalities[0]"),
        (
            with(&messages(json!([user])), &json!({"chat_template_kwargs": {"messages": []}})),
            "chat_template_kwargs.messages",
        ),
    ] {
        server.refused(CHAT, &body, param);
    }
    let long = messages(json!([{"role": "user", "content": "word ".repeat(600)}]));
    let error = server.refused(CHAT, &long, "messages");
    assert_eq!((&error["code"], &error["n_ctx"]), (&json!("context_length_exceeded"), &json!(512)));
    assert!(error["n_prompt_tokens"].as_u64().unwrap() > 600 && error["message"].as_str().unwrap().contains("512"));
    assert_eq!(server.app.metrics().n_panics(), 0);
}
