//! Answers of `/v1/responses`.

use serde_json::{Value, json};

use super::support::{SMOLLM2, smollm2, with};

const PATH: &str = "/v1/responses";

fn base() -> Value {
    json!({"model": SMOLLM2, "input": "What is the capital of France?", "max_output_tokens": 24, "temperature": 0})
}

/// Returns the events of a streamed response, whose names and numbers are checked.
fn events(body: &Value) -> Vec<Value> {
    let answer = smollm2().post_json(PATH, &with(body, &json!({"stream": true})));
    assert_eq!(answer.status, 200, "{}", answer.text());
    let text = answer.text().to_owned();
    let events: Vec<Value> = text
        .split_terminator("\n\n")
        .map(|event| {
            let (name, data) = event.split_once('\n').unwrap();
            let data: Value = serde_json::from_str(data.strip_prefix("data: ").unwrap()).unwrap();
            assert_eq!(name.strip_prefix("event: ").unwrap(), data["type"]);
            data
        })
        .collect();
    for (i, event) in events.iter().enumerate() {
        assert_eq!(event["sequence_number"], i, "{event}");
    }
    events
}

/// Takes random names and times out of a response.
fn anonymous(value: &Value) -> Value {
    let mut value = value.clone();
    value["id"] = Value::Null;
    value["created_at"] = Value::Null;
    value["usage"]["input_tokens_details"] = Value::Null;
    for item in value["output"].as_array_mut().unwrap() {
        item["id"] = Value::Null;
    }
    value
}

#[test]
fn a_response_and_its_events() {
    let whole = smollm2().ok(PATH, &base());
    assert_eq!(
        (&whole["object"], &whole["store"], &whole["previous_response_id"]),
        (&json!("response"), &json!(true), &Value::Null)
    );
    assert!(whole["id"].as_str().unwrap().starts_with("resp_"));
    let item = &whole["output"][0];
    assert_eq!((&item["type"], &item["role"]), (&json!("message"), &json!("assistant")));
    assert!(item["content"][0]["text"].as_str().unwrap().starts_with("L'Étoile"), "{whole}");
    let usage = &whole["usage"];
    assert_eq!(
        usage["total_tokens"].as_u64(),
        Some(usage["input_tokens"].as_u64().unwrap() + usage["output_tokens"].as_u64().unwrap())
    );

    let events = events(&base());
    let mut kinds: Vec<&str> = events.iter().map(|e| e["type"].as_str().unwrap()).collect();
    kinds.dedup();
    let last = format!("response.{}", whole["status"].as_str().unwrap());
    assert_eq!(
        kinds,
        [
            "response.created",
            "response.in_progress",
            "response.output_item.added",
            "response.content_part.added",
            "response.output_text.delta",
            "response.output_text.done",
            "response.content_part.done",
            "response.output_item.done",
            &last,
        ]
    );
    let deltas: String = events.iter().filter_map(|e| e["delta"].as_str()).collect();
    assert_eq!(deltas, item["content"][0]["text"].as_str().unwrap());
    assert_eq!(anonymous(&events.last().unwrap()["response"]), anonymous(&whole));
    assert_eq!(events[0]["response"]["status"], "in_progress");
}

#[test]
fn one_that_is_cut_off_says_so() {
    let whole = smollm2().ok(PATH, &with(&base(), &json!({"max_output_tokens": 2})));
    assert_eq!(
        (&whole["status"], &whole["incomplete_details"]["reason"]),
        (&json!("incomplete"), &json!("max_output_tokens"))
    );
    assert_eq!(whole["output"][0]["status"], "incomplete");
}

#[test]
fn items_and_instructions_are_the_conversation_of_chat() {
    let server = smollm2();
    let items = json!([
        {"role": "user", "content": "The weather in Oslo?"},
        {"type": "reasoning", "id": "rs_1", "summary": [], "content": [{"type": "reasoning_text", "text": "Hm."}]},
        {"type": "function_call", "id": "fc_1", "call_id": "call_1", "name": "get_weather", "arguments": "{\"city\": \"Oslo\"}", "status": "completed"},
        {"type": "function_call_output", "call_id": "call_1", "output": "Rain."},
        {"type": "message", "role": "assistant", "id": "msg_1", "status": "completed", "content": [{"type": "output_text", "text": "Rain.", "annotations": [], "logprobs": []}]},
        {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "Thanks."}]},
    ]);
    let response =
        server.ok(PATH, &with(&base(), &json!({"input": items, "instructions": "Be brief.", "max_output_tokens": 8})));
    let messages = json!([
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": "The weather in Oslo?"},
        {"role": "assistant", "content": "", "reasoning_content": "Hm.", "tool_calls": [
            {"id": "call_1", "type": "function", "function": {"name": "get_weather", "arguments": "{\"city\": \"Oslo\"}"}},
        ]},
        {"role": "tool", "tool_call_id": "call_1", "content": "Rain."},
        {"role": "assistant", "content": "Rain."},
        {"role": "user", "content": "Thanks."},
    ]);
    let chat = server.ok("/v1/chat/completions", &json!({"messages": messages, "max_tokens": 8, "temperature": 0}));
    assert_eq!(response["output"][0]["content"][0]["text"], chat["choices"][0]["message"]["content"]);
    assert_eq!(response["usage"]["input_tokens"], chat["usage"]["prompt_tokens"]);
    assert_eq!(response["instructions"], "Be brief.");
}

#[test]
fn items_from_elsewhere_are_read() {
    let server = smollm2();
    let n_tokens = |items: Value| {
        server.ok(PATH, &with(&base(), &json!({"input": items, "max_output_tokens": 1})))["usage"]["input_tokens"]
            .clone()
    };
    let expected = n_tokens(json!([
        {"role": "user", "content": "The weather in Oslo?"},
        {"type": "function_call", "call_id": "call_1_0", "name": "get_weather", "arguments": "{\"city\":\"Oslo\"}"},
        {"type": "function_call_output", "call_id": "call_1_0", "output": ""},
    ]));
    let elsewhere = n_tokens(json!([
        {"role": "user", "content": "The weather in Oslo?", "timestamp": 5},
        {"type": "function_call", "name": "get_weather", "arguments": {"city": "Oslo"}, "internal_id": "x"},
        {"type": "function_call_output", "status": "completed"},
    ]));
    assert_eq!(elsewhere, expected);
}

#[test]
fn a_forced_call_is_an_item() {
    let parameters = json!({"type": "object", "properties": {"n": {"type": "integer", "minimum": 0, "maximum": 99}}, "required": ["n"], "additionalProperties": false});
    let tools = json!([{"type": "function", "name": "count", "description": "Counts.", "parameters": parameters, "strict": true}]);
    let body = with(
        &base(),
        &json!({"tools": tools, "tool_choice": "required", "parallel_tool_calls": false, "max_output_tokens": 60}),
    );
    let whole = smollm2().ok(PATH, &body);
    let call = &whole["output"][0];
    assert_eq!(
        (&call["type"], &call["name"], &call["status"]),
        (&json!("function_call"), &json!("count"), &json!("completed")),
        "{whole}"
    );
    let arguments: Value = serde_json::from_str(call["arguments"].as_str().unwrap()).unwrap();
    assert!((0..=99).contains(&arguments["n"].as_i64().unwrap()));
    assert_eq!(whole["tools"][0]["name"], "count");
    let events = events(&body);
    let mut kinds: Vec<&str> = events.iter().map(|e| e["type"].as_str().unwrap()).collect();
    kinds.dedup();
    assert_eq!(
        kinds,
        [
            "response.created",
            "response.in_progress",
            "response.output_item.added",
            "response.function_call_arguments.delta",
            "response.function_call_arguments.done",
            "response.output_item.done",
            "response.completed",
        ]
    );
    let deltas: String = events.iter().filter_map(|e| e["delta"].as_str()).collect();
    assert_eq!(deltas, call["arguments"].as_str().unwrap());
}

/// Returns what Codex sends with every request, cut to a part of its tools.
fn codex() -> Value {
    let function = |name: &str| {
        let parameters = json!({"type": "object", "properties": {"target": {"type": "string", "maxLength": 8}}, "required": ["target"], "additionalProperties": false});
        json!({"type": "function", "name": name, "description": "Does.", "strict": false, "parameters": parameters})
    };
    json!({
        "model": SMOLLM2, "temperature": 0, "max_output_tokens": 60,
        "input": [
            {"type": "message", "id": "msg_1", "role": "developer", "content": [{"type": "input_text", "text": "You are a coding agent."}]},
            {"type": "message", "id": "msg_2", "role": "user", "content": [{"type": "input_text", "text": "Say hi"}]},
        ],
        "tools": [
            function("exec_command"),
            {"type": "namespace", "name": "agents", "description": "Agents.", "tools": [function("close_agent"), function("exec_command")]},
            {"type": "custom", "name": "apply_patch", "description": "Edits files.", "format": {"type": "grammar", "syntax": "lark", "definition": "start: \"a\""}},
            {"type": "tool_search", "execution": "client", "description": "Finds.", "parameters": {"type": "object"}},
            {"type": "web_search", "external_web_access": false},
        ],
        "tool_choice": "auto", "parallel_tool_calls": true, "reasoning": {"summary": "auto"}, "store": false,
        "include": ["reasoning.encrypted_content"], "prompt_cache_key": "k", "client_metadata": {"a": "b"}, "text": {"verbosity": "low"},
    })
}

#[test]
fn what_codex_sends_is_answered() {
    let server = smollm2();
    let answer = server.ok(PATH, &codex());
    assert_eq!((&answer["store"], &answer["reasoning"]["summary"]), (&json!(false), &Value::Null));
    let kinds: Vec<&str> = answer["tools"].as_array().unwrap().iter().map(|t| t["type"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["function", "namespace", "custom"], "what is left out is not told as offered");
    assert_eq!(answer["tools"][1]["tools"][1]["name"], "exec_command");
    // A probe with nothing in it.
    let probe = server.ok(PATH, &json!({"model": SMOLLM2, "input": [], "max_output_tokens": 1}));
    assert_eq!(probe["usage"]["output_tokens"], 1);
    let no_tools = json!({"tools": [{"type": "web_search"}], "tool_choice": "required"});
    server.refused(PATH, &with(&base(), &no_tools), "tool_choice");
}

#[test]
fn a_call_of_a_namespace_has_both_names() {
    let body = with(&codex(), &json!({"tool_choice": {"type": "function", "name": "close_agent"}}));
    let whole = smollm2().ok(PATH, &body);
    let call = &whole["output"][0];
    assert_eq!(
        (&call["type"], &call["namespace"], &call["name"]),
        (&json!("function_call"), &json!("agents"), &json!("close_agent")),
        "{whole}"
    );
    let events = events(&body);
    let done = events.iter().find(|e| e["type"] == "response.output_item.done").unwrap();
    assert_eq!((&done["item"]["namespace"], &done["item"]["name"]), (&json!("agents"), &json!("close_agent")));
    // It comes back as the call that the model knows.
    let call_again = json!([call, {"type": "function_call_output", "call_id": call["call_id"], "output": "Closed."}]);
    let flat = json!([
        {"type": "function_call", "call_id": call["call_id"], "name": "agents.close_agent", "arguments": call["arguments"]},
        {"type": "function_call_output", "call_id": call["call_id"], "output": "Closed."},
    ]);
    let count = |items: Value| {
        let input = [codex()["input"].as_array().unwrap().clone(), items.as_array().unwrap().clone()].concat();
        smollm2().ok("/v1/responses/input_tokens", &with(&codex(), &json!({"input": input})))["input_tokens"].clone()
    };
    assert_eq!(count(call_again), count(flat));
}

#[test]
fn a_tool_that_takes_free_text_is_called_with_text() {
    let body =
        with(&codex(), &json!({"tool_choice": {"type": "custom", "name": "apply_patch"}, "max_output_tokens": 300}));
    let whole = smollm2().ok(PATH, &body);
    let call = &whole["output"][0];
    assert_eq!((&call["type"], &call["name"]), (&json!("custom_tool_call"), &json!("apply_patch")), "{whole}");
    let input = call["input"].as_str().unwrap();
    let events = events(&body);
    let of = |kind: &str, field: &str| {
        let event = events.iter().find(|e| e["type"] == format!("response.custom_tool_call_input.{kind}")).unwrap();
        event[field].as_str().unwrap().to_owned()
    };
    assert_eq!((of("delta", "delta").as_str(), of("done", "input").as_str()), (input, input));
    let input = json!([
        {"role": "user", "content": "Edit."}, call,
        {"type": "custom_tool_call_output", "call_id": call["call_id"], "output": "Done."},
    ]);
    smollm2().ok(PATH, &with(&codex(), &json!({"input": input, "max_output_tokens": 1})));
}

#[test]
fn text_formats_and_log_probabilities() {
    let schema = json!({"type": "object", "properties": {"ok": {"type": "boolean"}}, "required": ["ok"], "additionalProperties": false});
    let format = json!({"type": "json_schema", "name": "answer", "strict": true, "schema": schema});
    let body = json!({"text": {"format": format}, "include": ["message.output_text.logprobs"], "top_logprobs": 2});
    let whole = smollm2().ok(PATH, &with(&base(), &body));
    let part = &whole["output"][0]["content"][0];
    let value: Value = serde_json::from_str(part["text"].as_str().unwrap()).unwrap();
    assert!(value["ok"].is_boolean(), "{whole}");
    assert_eq!(whole["text"]["format"]["name"], "answer");
    let entries = part["logprobs"].as_array().unwrap();
    assert_eq!(entries.len() as u64, whole["usage"]["output_tokens"].as_u64().unwrap());
    assert_eq!(entries[0]["top_logprobs"].as_array().unwrap().len(), 2);
}
