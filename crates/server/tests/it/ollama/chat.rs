//! Answers of `/api/chat`.

use serde_json::{Value, json};

use super::support::{CHAT, both, chat, refused, whole, with_options};
use crate::{
    anthropic::thinker,
    openai::support::{SMOLLM2, smollm2, with},
};

const RENDER: &str = "/v1/chat/completions/render";

fn content(answer: &Value) -> &str {
    answer["message"]["content"].as_str().unwrap_or_else(|| panic!("{answer}"))
}

#[test]
fn a_stream_joined_is_the_whole() {
    let answer = both(smollm2(), CHAT, &chat());
    assert!(content(&answer).starts_with("Hello"), "{answer}");
    assert_eq!((&answer["message"]["role"], &answer["done_reason"]), (&json!("assistant"), &json!("stop")));
    assert!(answer.get("context").is_none());
    let stop = content(&answer).get(10..13).unwrap();
    let stopped = both(smollm2(), CHAT, &with_options(&chat(), &json!({"stop": [stop]})));
    assert_eq!((content(&stopped), &stopped["done_reason"]), (content(&answer).get(..10).unwrap(), &json!("stop")));
    both(smollm2(), CHAT, &with(&chat(), &json!({"logprobs": true})));
}

#[test]
fn messages_are_what_the_template_says() {
    let tool = json!({"type": "function", "function": {"name": "weather", "description": "Of a city.", "parameters": {"type": "object", "properties": {}}}});
    let same = |ollama: Value, openai: Value| {
        let tools = json!({"tools": [tool]});
        let body =
            with_options(&with(&with(&chat(), &tools), &json!({"messages": ollama})), &json!({"num_predict": 1}));
        let n = whole(smollm2(), CHAT, &body)["prompt_eval_count"].as_u64().unwrap();
        let rendered = smollm2().ok(RENDER, &with(&tools, &json!({"messages": openai})));
        assert_eq!(n, rendered["token_ids"].as_array().unwrap().len() as u64, "{ollama}: {}", rendered["prompt"]);
    };
    same(
        json!([{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hi", "images": []}]),
        json!([{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hi"}]),
    );
    let arguments = json!({"city": "Oslo"});
    same(
        json!([
            {"role": "user", "content": "Weather?"},
            {"role": "assistant", "content": "", "thinking": "Hm.", "tool_calls": [{"function": {"index": 0, "name": "weather", "arguments": arguments}}]},
            {"role": "tool", "tool_name": "weather", "content": "cold"},
        ]),
        json!([
            {"role": "user", "content": "Weather?"},
            {"role": "assistant", "content": "", "reasoning_content": "Hm.", "tool_calls": [
                {"id": "call_1_0", "type": "function", "function": {"name": "weather", "arguments": arguments.to_string()}},
            ]},
            {"role": "tool", "tool_call_id": "call_1_0", "name": "weather", "content": "cold"},
        ]),
    );
}

#[test]
fn the_answer_goes_on_from_what_the_client_began() {
    let messages = json!([{"role": "user", "content": "What is the capital of France?"}, {"role": "assistant", "content": "The capital of France is"}]);
    let answer = both(smollm2(), CHAT, &with(&chat(), &json!({"messages": messages})));
    assert!(content(&answer).starts_with(" Paris"), "{answer}");
}

#[test]
fn calls_come_whole_with_arguments_as_objects() {
    // The model is shown how, and begins a call itself.
    let parameters = json!({"type": "object", "required": ["city"], "additionalProperties": false, "properties": {"city": {"enum": ["Oslo", "Rome"]}}});
    let tools = json!([{"type": "function", "function": {"name": "get_weather", "description": "The weather.", "parameters": parameters}}]);
    let call = json!({"function": {"name": "get_weather", "arguments": {"city": "Rome"}}});
    let messages = json!([
        {"role": "user", "content": "Weather in Rome?"}, {"role": "assistant", "tool_calls": [call]}, {"role": "tool", "content": "warm", "tool_name": "get_weather"},
        {"role": "assistant", "content": "It is warm."},
        {"role": "user", "content": "Weather in Oslo? Call get_weather."}, {"role": "assistant", "content": "<tool_call>\n{\"name\": \"get_weather\", \"arguments\": {\"city\": "},
    ]);
    let body = with_options(
        &with(&chat(), &json!({"messages": messages, "tools": tools})),
        &json!({"num_predict": 60, "repeat_penalty": 1}),
    );
    both(smollm2(), CHAT, &body);
    let mut asked = messages.as_array().unwrap().clone();
    asked.pop();
    let answer = both(smollm2(), CHAT, &with(&body, &json!({"messages": asked})));
    for call in answer["message"]["tool_calls"].as_array().into_iter().flatten() {
        assert_eq!(call["function"]["name"], "get_weather");
        assert!(["Oslo", "Rome"].contains(&call["function"]["arguments"]["city"].as_str().unwrap()), "{answer}");
        assert!(call["id"].as_str().unwrap().starts_with("call_"));
    }
}

#[test]
fn histories_from_elsewhere_are_read() {
    let n_tokens = |messages: Value| {
        let body = with_options(&with(&chat(), &json!({"messages": messages})), &json!({"num_predict": 1}));
        whole(smollm2(), CHAT, &body)["prompt_eval_count"].clone()
    };
    let expected = n_tokens(json!([
        {"role": "user", "content": "Weather?"}, {"role": "assistant", "tool_calls": [{"function": {"name": "weather", "arguments": {"city": "Oslo"}}}]},
        {"role": "tool", "content": ""},
    ]));
    let elsewhere = n_tokens(json!([
        {"role": "user", "content": "Weather?", "id": 5},
        {"role": "assistant", "content": null, "tool_calls": [{"id": "x", "type": "function", "function": {"name": "weather", "arguments": "{\"city\":\"Oslo\"}"}}]},
        {"role": "function"},
    ]));
    assert_eq!(elsewhere, expected);
}

#[test]
fn thinking_stands_beside_the_content() {
    let answer = both(thinker(), CHAT, &with(&chat(), &json!({"think": true})));
    assert!(content(&answer).is_empty() && !answer["message"]["thinking"].as_str().unwrap().is_empty(), "{answer}");
    let answer = both(thinker(), CHAT, &with(&chat(), &json!({"think": false})));
    assert!(!content(&answer).is_empty() && answer["message"].get("thinking").is_none(), "{answer}");
}

#[test]
fn output_obeys_its_format() {
    let schema = json!({"type": "object", "additionalProperties": false, "required": ["is_big"], "properties": {"is_big": {"type": "boolean"}}});
    let answer = both(smollm2(), CHAT, &with(&chat(), &json!({"format": schema})));
    let value: Value = serde_json::from_str(content(&answer)).unwrap();
    assert!(value["is_big"].is_boolean());
}

#[test]
fn no_messages_load_the_model() {
    for messages in [json!([]), Value::Null] {
        let answer = whole(smollm2(), CHAT, &json!({"model": SMOLLM2, "messages": messages}));
        assert_eq!(
            (&answer["done_reason"], &answer["message"]),
            (&json!("load"), &json!({"role": "assistant", "content": ""}))
        );
    }
}

#[test]
fn messages_name_what_is_wrong_with_them() {
    let user = json!({"role": "user", "content": "Hi"});
    for (message, param) in [
        (json!({"role": "user"}), "messages[1].content"),
        (json!({"role": "king", "content": "a"}), "messages[1].role"),
        (json!({"role": "user", "content": ["a"]}), "messages[1].content"),
        (json!({"role": "user", "content": "a", "images": ["aGk="]}), "messages[1].images"),
        (json!({"role": "user", "content": "a", "thinking": "b"}), "messages[1].thinking"),
        (
            json!({"role": "user", "content": "a", "tool_calls": [{"function": {"name": "a", "arguments": {}}}]}),
            "messages[1].tool_calls",
        ),
        (
            json!({"role": "assistant", "tool_calls": [{"function": {"name": "a", "arguments": [1]}}]}),
            "messages[1].tool_calls[0].function.arguments",
        ),
    ] {
        refused(CHAT, &with(&chat(), &json!({"messages": [user, message]})), param);
    }
}

#[test]
fn a_conversation_longer_than_the_context_loses_its_oldest_messages() {
    let turn = |text: &str| [json!({"role": "user", "content": text}), json!({"role": "assistant", "content": "Yes."})];
    let system = json!({"role": "system", "content": "Be brief."});
    let last = json!({"role": "user", "content": "Hi"});
    let of = |old: &[&str]| -> Value {
        let old = old.iter().flat_map(|text| turn(text));
        [system.clone()].into_iter().chain(old).chain([last.clone()]).collect()
    };
    let (long, short) = ("word ".repeat(450), "word ".repeat(100));
    let ask = |messages: Value, more: Value| with(&with(&chat(), &json!({"messages": messages})), &more);
    let plain = whole(smollm2(), CHAT, &ask(of(&[&short]), json!({})));
    // Of three older turns two have no room.
    for truncate in [Value::Null, json!(true)] {
        let cut = both(smollm2(), CHAT, &ask(of(&[&long, &long, &short]), json!({"truncate": truncate})));
        assert_eq!(
            (content(&cut), &cut["prompt_eval_count"]),
            (content(&plain), &plain["prompt_eval_count"]),
            "the system's message and the newest turn are left"
        );
    }
    // A smaller context leaves room for less.
    let alone = whole(smollm2(), CHAT, &ask(of(&[]), json!({})));
    let tight = with_options(&ask(of(&[&long, &short]), json!({})), &json!({"num_ctx": 80}));
    assert_eq!(content(&whole(smollm2(), CHAT, &tight)), content(&alone));
    let whole_or_nothing = ask(of(&[&long, &long]), json!({"truncate": false}));
    refused(CHAT, &whole_or_nothing, "the context holds 512");
}
