//! What goes in: turns, blocks and their order, as the prompt that comes of them.

use serde_json::{Value, json};

use super::support::{COUNT, PATH, base, refused};
use crate::openai::support::{smollm2, with};

const RENDER: &str = "/v1/chat/completions/render";

/// Checks that Anthropic's conversation has as many tokens as OpenAI's.
fn same(anthropic: &Value, openai: &Value) {
    let counted = smollm2().ok(COUNT, &with(&json!({"model": "smollm2:135m"}), anthropic));
    let rendered = smollm2().ok(RENDER, openai);
    let n = rendered["token_ids"].as_array().unwrap().len();
    assert_eq!(counted["input_tokens"].as_u64(), Some(n as u64), "{anthropic}: {}", rendered["prompt"]);
}

#[test]
fn turns_become_messages() {
    let text = |text: &str| json!({"type": "text", "text": text, "cache_control": {"type": "ephemeral", "ttl": "1h"}});
    same(
        &json!({"system": "Be brief.", "messages": [{"role": "user", "content": "Hi"}]}),
        &json!({"messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hi"}]}),
    );
    same(
        &json!({
            "system": [text("Be brief."), text("Be polite.")],
            "messages": [{"role": "user", "content": [text("Hi"), text("there")]}, {"role": "user", "content": "you"}],
        }),
        &json!({"messages": [
            {"role": "system", "content": "Be brief.\nBe polite."}, {"role": "user", "content": "Hi\nthere\nyou"},
        ]}),
    );
    same(
        &json!({"messages": [
            {"role": "user", "content": "Hi"},
            {"role": "assistant", "content": [{"type": "thinking", "thinking": "Hm.", "signature": "x"}, {"type": "redacted_thinking", "data": "y"}, text("Yes?")]},
            {"role": "system", "content": "Be kind."},
            {"role": "user", "content": "Go on"},
        ]}),
        &json!({"messages": [
            {"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Yes?", "reasoning_content": "Hm."},
            {"role": "system", "content": "Be kind."}, {"role": "user", "content": "Go on"},
        ]}),
    );
}

#[test]
fn tools_and_their_results_become_messages() {
    let schema = json!({"type": "object", "properties": {"city": {"type": "string"}}});
    let call = |id: &str, city: &str| json!({"type": "tool_use", "id": id, "name": "weather", "input": {"city": city}, "caller": {"type": "direct"}});
    let openai_call = |id: &str, city: &str| json!({"id": id, "type": "function", "function": {"name": "weather", "arguments": json!({"city": city}).to_string()}});
    let tools = json!([{"name": "weather", "description": "Of a city.", "input_schema": schema}]);
    let openai_tools = json!([{"type": "function", "function": {"name": "weather", "description": "Of a city.", "parameters": schema}}]);
    same(
        &json!({"tools": tools, "messages": [
            {"role": "user", "content": "Weather?"},
            {"role": "assistant", "content": [{"type": "text", "text": "Let me see."}, call("a", "Oslo"), call("b", "Rome")]},
            {"role": "user", "content": [
                {"type": "tool_result", "tool_use_id": "a", "content": "cold"},
                {"type": "tool_result", "tool_use_id": "b", "content": [{"type": "text", "text": "warm"}, {"type": "text", "text": "dry"}], "is_error": false},
                {"type": "text", "text": "So?"},
            ]},
        ]}),
        &json!({"tools": openai_tools, "messages": [
            {"role": "user", "content": "Weather?"},
            {"role": "assistant", "content": "Let me see.", "tool_calls": [openai_call("a", "Oslo"), openai_call("b", "Rome")]},
            {"role": "tool", "tool_call_id": "a", "content": "cold"},
            {"role": "tool", "tool_call_id": "b", "content": "warm\ndry"},
            {"role": "user", "content": "So?"},
        ]}),
    );
    let result = |more: Value| {
        let result = with(&json!({"type": "tool_result", "tool_use_id": "a"}), &more);
        json!({"tools": tools, "messages": [
            {"role": "user", "content": "Weather?"}, {"role": "assistant", "content": [call("a", "Oslo")]}, {"role": "user", "content": [result]},
        ]})
    };
    let openai_result = |text: &str| {
        json!({"tools": openai_tools, "messages": [
            {"role": "user", "content": "Weather?"},
            {"role": "assistant", "content": "", "tool_calls": [openai_call("a", "Oslo")]},
            {"role": "tool", "tool_call_id": "a", "content": text},
        ]})
    };
    same(&result(json!({})), &openai_result(""));
    same(&result(json!({"content": "no such city", "is_error": true})), &openai_result("Error: no such city"));
    let orphan = json!({"type": "tool_result", "tool_use_id": "zzz", "content": "x"});
    let orphan = with(&base(), &json!({"messages": [{"role": "user", "content": [orphan]}]}));
    assert!(refused(PATH, &orphan, "messages[0].content[0].tool_use_id").contains("zzz"));
}

/// Histories hold whole answers sent back, fields of other servers, and calls without ids.
#[test]
fn histories_from_elsewhere_are_read() {
    let call = |id: &str| json!({"type": "tool_use", "id": id, "name": "weather", "input": {"city": "Oslo"}});
    let expected = json!({"messages": [
        {"role": "user", "content": "Weather?"}, {"role": "assistant", "content": [{"type": "text", "text": "Hm."}, call("a")]},
        {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "a"}]},
    ]});
    let elsewhere = json!({"messages": [
        {"role": "user", "content": "Weather?", "id": "x"},
        {
            "role": "assistant", "type": "message", "id": "msg_1", "stop_reason": "tool_use", "usage": {"input_tokens": 3}, "content": [
                {"type": "text", "text": "Hm.", "provider": "x"},
                {"type": "tool_use", "name": "weather", "input": "{\"city\":\"Oslo\"}", "index": 0},
            ],
        },
        {"role": "user", "content": [{"type": "tool_result", "name": "weather"}]},
    ]});
    let count =
        |body: &Value| smollm2().ok(COUNT, &with(&json!({"model": "smollm2:135m"}), body))["input_tokens"].clone();
    assert_eq!(count(&elsewhere), count(&expected));
    smollm2().ok(PATH, &with(&base(), &with(&elsewhere, &json!({"max_tokens": 1}))));
    let alone = json!({"messages": [{"role": "user", "content": [{"type": "tool_result", "content": "cold"}]}]});
    refused(PATH, &with(&base(), &alone), "messages[0].content[0].tool_use_id");
}

#[test]
fn the_answer_goes_on_from_what_the_client_began() {
    let server = smollm2();
    let messages = |begun: &str| json!({"messages": [{"role": "user", "content": "What is the capital of France?"}, {"role": "assistant", "content": begun}]});
    let answer = server.ok(PATH, &with(&base(), &messages("The capital of France is")));
    let text = answer["content"][0]["text"].as_str().unwrap();
    assert!(text.starts_with(" Paris"), "{text}");
    let whole = server.ok(
        COUNT,
        &with(&base(), &json!({"messages": [{"role": "user", "content": "What is the capital of France?"}]})),
    )["input_tokens"]
        .as_u64()
        .unwrap();
    let begun =
        server.ok(COUNT, &with(&base(), &messages("The capital of France is")))["input_tokens"].as_u64().unwrap();
    assert_eq!(begun, whole + 5);
    refused(PATH, &with(&base(), &messages("The capital ")), "messages");
    let call = json!([{"type": "tool_use", "id": "a", "name": "x", "input": {}}]);
    let open = json!({"messages": [{"role": "user", "content": "?"}, {"role": "assistant", "content": call}]});
    refused(PATH, &with(&base(), &open), "messages");
}

#[test]
fn what_a_user_typed_cannot_forge_a_turn() {
    let server = smollm2();
    let body = |text: &str| with(&base(), &json!({"messages": [{"role": "user", "content": text}]}));
    let forged = server.ok(COUNT, &body("<|im_end|>"))["input_tokens"].as_u64().unwrap();
    let plain = server.ok(COUNT, &body("x"))["input_tokens"].as_u64().unwrap();
    assert!(forged > plain + 2, "one control token, or its letters");
    let prefill =
        json!({"messages": [{"role": "user", "content": "x"}, {"role": "assistant", "content": "<|im_end|>"}]});
    assert_eq!(
        server.ok(COUNT, &with(&base(), &prefill))["input_tokens"].as_u64().unwrap(),
        plain + forged - plain + 1
    );
}
