//! Whatever this server has not is refused by name, in Anthropic's form; whatever has no effect is accepted.

use serde_json::{Value, json};
use server::{
    ServerOptions,
    auth::Keys,
    models::{Models, ModelsOptions},
};

use super::support::{COUNT, PATH, base, refused};
use crate::{
    loopback::Loopback,
    openai::support::{SMOLLM2, TestLoader, post_bytes, smollm2, strict, with},
};

#[test]
fn what_this_server_has_not_is_refused_by_name() {
    for field in [
        "container",
        "mcp_servers",
        "inference_geo",
        "diagnostics",
        "fallbacks",
        "fallback_credit_token",
        "compaction",
        "billing_policy",
        "user_profile_id",
        "workspace_id",
        "made_up",
        "seed",
        "n",
    ] {
        refused(PATH, &with(&base(), &json!({field: "x"})), field);
        refused(COUNT, &with(&base(), &json!({field: ["x"]})), field);
    }
    refused(PATH, &with(&base(), &json!({"thread": {"type": "fork"}})), "thread.type");
    refused(PATH, &with(&base(), &json!({"speed": "fast"})), "speed");
    refused(PATH, &with(&base(), &json!({"service_tier": "priority"})), "service_tier");
    refused(PATH, &with(&base(), &json!({"metadata": {"user": "x"}})), "metadata.user");
    refused(PATH, &with(&base(), &json!({"output_config": {"effort": "huge"}})), "output_config.effort");
    let format = json!({"type": "json_schema", "schema": {}});
    let both = json!({"output_format": format, "output_config": {"format": format}});
    let answer = smollm2().post_json(PATH, &with(&base(), &both));
    assert!(answer.status == 400 && answer.text().contains("are one parameter"), "{answer:?}");
}

#[test]
fn what_has_no_effect_is_accepted() {
    let more = json!({
        "metadata": {"user_id": "u"}, "service_tier": "auto", "speed": "standard", "cache_control": {"type": "ephemeral"},
        "container": null, "mcp_servers": null, "stop_sequences": [], "tools": [], "stream": false, "max_tokens": 1,
        "context_management": {"edits": []}, "thinking": {"type": "disabled"},
    });
    smollm2().ok(&format!("{PATH}?beta=true"), &with(&base(), &more));
    smollm2().ok(&format!("{COUNT}?beta=true"), &with(&base(), &more));
    let body = with(&base(), &json!({"max_tokens": 1}));
    let headers = "anthropic-version: 2023-06-01\r\nanthropic-beta: a,b\r\nx-stainless-lang: python\r\nHost:";
    assert_eq!(smollm2().send(post_bytes(PATH, &body).replacen("Host:", headers, 1)).status, 200);
}

/// Clients that want a conversation held send the next turn alone; the code is what makes them send everything after
/// all.
#[test]
fn a_thread_may_begin_but_none_goes_on() {
    let create = json!({"thread": {"type": "create"}, "max_tokens": 1});
    smollm2().ok(&format!("{PATH}?beta=true"), &with(&base(), &create));
    smollm2().ok(COUNT, &with(&base(), &create));
    let go_on = with(&base(), &json!({"thread": {"type": "continue", "previous_message_id": "msg_1"}}));
    for path in [PATH, COUNT] {
        let answer = smollm2().post_json(path, &go_on);
        let error = &answer.json()["error"];
        assert_eq!((answer.status, &error["type"]), (404, &json!("not_found_error")), "{answer:?}");
        assert_eq!(error["details"], json!({"error_code": "thread_not_found"}));
        assert!(error["message"].as_str().unwrap().starts_with("thread.previous_message_id: \"msg_1\" is not held"));
    }
}

#[test]
fn numbers_out_of_range_are_refused_by_name() {
    for (field, values) in [
        ("temperature", json!([-0.1, 1.1, 7])),
        ("top_p", json!([-0.1, 1.1])),
        ("top_k", json!([-1])),
        ("max_tokens", json!([0, -1])),
        ("stop_sequences", json!([vec!["a"; 17], ["x".repeat(257)], [""]])),
        ("messages", json!([[]])),
    ] {
        for value in values.as_array().unwrap() {
            refused(PATH, &with(&base(), &json!({field: value})), field);
        }
    }
    let mut without = base();
    without.as_object_mut().unwrap().remove("max_tokens");
    refused(PATH, &without, "max_tokens");
    smollm2().ok(COUNT, &without);
    without.as_object_mut().unwrap().remove("model");
    refused(COUNT, &without, "model");
}

#[test]
fn blocks_name_their_place() {
    let user = |content: Value| {
        with(&base(), &json!({"messages": [{"role": "user", "content": "a"}, {"role": "user", "content": content}]}))
    };
    let block = |block: Value| user(json!([{"type": "text", "text": "a"}, block]));
    for kind in [
        "image",
        "document",
        "search_result",
        "server_tool_use",
        "web_search_tool_result",
        "container_upload",
        "mcp_tool_use",
    ] {
        let source = json!({"type": "url", "url": "http://169.254.169.254/x.png"});
        let message = refused(PATH, &block(json!({"type": kind, "source": source})), "messages[1].content[1].type");
        assert!(message.contains(kind), "{message}");
    }
    for (body, param) in [
        (user(json!(5)), "messages[1].content"),
        (block(json!({"text": "a"})), "messages[1].content[1].type"),
        (block(json!({"type": "text"})), "text"),
        (block(json!({"type": "text", "text": 5})), "messages[1].content[1].text"),
        (block(json!({"type": "tool_use", "id": "a", "name": "b", "input": {}})), "messages[1].content[1].type"),
        (block(json!({"type": "thinking", "thinking": "a"})), "messages[1].content[1].type"),
        (with(&base(), &json!({"messages": [{"role": "king", "content": "a"}]})), "messages[0].role"),
        (with(&base(), &json!({"messages": [{"role": "tool", "content": "a"}]})), "messages[0].role"),
        (with(&base(), &json!({"system": [{"type": "image"}]})), "system[0].type"),
        (with(&base(), &json!({"system": 5})), "system"),
    ] {
        refused(PATH, &body, param);
        refused(COUNT, &body, param);
    }
    let result = json!([{"type": "tool_result", "tool_use_id": "a", "content": [{"type": "image", "source": {}}]}]);
    let call = json!([{"type": "tool_use", "id": "a", "name": "b", "input": {}}]);
    let messages = json!([{"role": "user", "content": "a"}, {"role": "assistant", "content": call}, {"role": "user", "content": result}]);
    refused(PATH, &with(&base(), &json!({"messages": messages})), "messages[2].content[0].content[0].type");
    let long = json!({"messages": [{"role": "user", "content": "word ".repeat(600)}]});
    // By these words Claude Code knows that it has to shorten the conversation.
    let answer = smollm2().post_json(PATH, &with(&base(), &long));
    let message = answer.json()["error"]["message"].as_str().unwrap().to_owned();
    let is_so = message.starts_with("prompt is too long: ") && message.ends_with(" tokens > 512 maximum");
    assert!(answer.status == 400 && is_so, "{answer:?}");
    assert_eq!(smollm2().app.metrics().n_panics(), 0);
}

#[test]
fn errors_have_anthropics_words() {
    let check = |server: &Loopback, bytes: &str, status: u16, kind: &str| {
        let answer = server.send(bytes);
        assert_eq!((answer.status, &answer.json()["error"]["type"]), (status, &json!(kind)), "{}", answer.text());
        assert_eq!(answer.json()["request_id"].as_str(), answer.header("request-id"));
    };
    let server = smollm2();
    check(&strict(&[SMOLLM2]), &post_bytes(PATH, &with(&base(), &json!({"model": "none"}))), 404, "not_found_error");
    check(server, &post_bytes("/v1/messages/batches", &base()), 404, "not_found_error");
    check(server, &format!("GET {PATH} HTTP/1.1\r\nHost: localhost\r\n\r\n"), 405, "invalid_request_error");
    let large = format!(
        "POST {PATH} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 9000000\r\n\r\n"
    );
    check(server, &large, 413, "request_too_large");
    let mut keys = Keys::default();
    keys.add_key("test", "right").unwrap();
    let options = ServerOptions { keys, ..ServerOptions::default() };
    let models = || Models::new(Box::new(TestLoader::of(&[SMOLLM2])), ModelsOptions::default());
    let guarded = Loopback::with_models(options, models());
    check(&guarded, &post_bytes(PATH, &base()), 401, "authentication_error");
    let with_key =
        post_bytes(PATH, &with(&base(), &json!({"max_tokens": 1}))).replacen("Host:", "x-api-key: right\r\nHost:", 1);
    assert_eq!(guarded.send(with_key).status, 200);
    let no_room = ModelsOptions { bytes_max: 1, ..ModelsOptions::default() };
    let full =
        Loopback::with_models(ServerOptions::default(), Models::new(Box::new(TestLoader::of(&[SMOLLM2])), no_room));
    check(&full, &post_bytes(PATH, &base()), 503, "overloaded_error");
    let broken = Loopback::with_models(
        ServerOptions::default(),
        Models::new(Box::new(TestLoader::of(&["broken"])), ModelsOptions::default()),
    );
    check(&broken, &post_bytes(PATH, &with(&base(), &json!({"model": "broken"}))), 500, "api_error");
}
