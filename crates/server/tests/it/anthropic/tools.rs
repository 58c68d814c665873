//! Tools and how they are chosen.

use serde_json::{Value, json};

use super::support::{COUNT, PATH, base, both, refused};
use crate::openai::support::{smollm2, with};

fn tools() -> Value {
    let schema = json!({
        "type": "object", "additionalProperties": false, "required": ["city", "days"],
        "properties": {"city": {"enum": ["Oslo", "Rome"]}, "days": {"type": "integer", "minimum": 1, "maximum": 9}},
    });
    json!([
        {
            "name": "get_weather", "type": "custom", "description": "The weather of a city.", "input_schema": schema, "strict": true,
            "cache_control": {"type": "ephemeral"}, "eager_input_streaming": true, "defer_loading": false, "allowed_callers": ["direct"],
        },
        {"name": "get_time", "input_schema": {"type": "object", "properties": {}}},
    ])
}

#[test]
fn a_forced_call_is_well_formed() {
    let body = with(&base(), &json!({"tools": tools(), "max_tokens": 100}));
    for choice in [
        json!({"type": "any", "disable_parallel_tool_use": true}),
        json!({"type": "tool", "name": "get_weather", "disable_parallel_tool_use": true}),
        json!({"type": "tool", "name": "get_weather"}),
    ] {
        let answer = both(smollm2(), &with(&body, &json!({"tool_choice": choice})));
        let content = answer["content"].as_array().unwrap();
        assert_eq!((content.len(), &content[0]["type"]), (1, &json!("tool_use")), "{answer}");
        assert!(content[0]["id"].as_str().unwrap().starts_with("toolu_"));
        if content[0]["name"] == "get_weather" {
            let input = &content[0]["input"];
            assert!(["Oslo", "Rome"].contains(&input["city"].as_str().unwrap()), "{answer}");
            assert!((1..=9).contains(&input["days"].as_u64().unwrap()));
        } else {
            assert_eq!(choice["type"], "any");
        }
        assert_eq!(answer["stop_reason"], "tool_use");
    }
}

#[test]
fn a_call_that_is_cut_off_says_so() {
    let choice = json!({"type": "tool", "name": "get_weather"});
    let body = with(&base(), &json!({"tools": tools(), "tool_choice": choice, "max_tokens": 12}));
    let answer = both(smollm2(), &body);
    assert_eq!(answer["stop_reason"], "max_tokens", "{answer}");
}

#[test]
fn no_call_where_none_is_allowed() {
    for more in [json!({"tool_choice": {"type": "none"}}), json!({"tool_choice": {"type": "auto"}, "tools": []})] {
        let body = with(&base(), &json!({"tools": tools(), "max_tokens": 10}));
        let answer = both(smollm2(), &with(&body, &more));
        assert!(answer["content"].as_array().unwrap().iter().all(|b| b["type"] == "text"), "{answer}");
    }
    let auto =
        with(&base(), &json!({"tools": tools(), "tool_choice": {"type": "auto", "disable_parallel_tool_use": true}}));
    both(smollm2(), &auto);
}

#[test]
fn examples_of_arguments_are_part_of_the_prompt() {
    let count =
        |tools: &Value| smollm2().ok(COUNT, &with(&base(), &json!({"tools": tools})))["input_tokens"].as_u64().unwrap();
    let mut with_examples = tools();
    with_examples[0]["input_examples"] = json!([{"city": "Oslo", "days": 3}]);
    assert!(count(&with_examples) > count(&tools()) + 5);
}

#[test]
fn what_cannot_be_is_refused_by_name() {
    let with_choice = |choice: Value| with(&base(), &json!({"tools": tools(), "tool_choice": choice}));
    refused(PATH, &with_choice(json!({"type": "tool", "name": "fly"})), "tool_choice");
    refused(PATH, &with_choice(json!({"type": "tool"})), "tool_choice.name");
    refused(PATH, &with_choice(json!({"type": "auto", "name": "get_time"})), "tool_choice.name");
    refused(PATH, &with_choice(json!({"type": "required"})), "tool_choice.type");
    refused(PATH, &with(&base(), &json!({"tool_choice": {"type": "any"}})), "tool_choice");
    let tool = |more: Value| with(&base(), &json!({"tools": [with(&tools()[0], &more)]}));
    for (more, param) in [
        (json!({"type": "web_search_20250305"}), "tools[0].type"),
        (json!({"type": "bash_20250124"}), "tools[0].type"),
        (json!({"defer_loading": true}), "tools[0].defer_loading"),
        (json!({"allowed_callers": ["code_execution_20250825"]}), "tools[0].allowed_callers"),
        (json!({"name": "a b"}), "tools[0].name"),
        (json!({"input_schema": []}), "tools[0].input_schema"),
        (json!({"max_uses": 3}), "tools[0].max_uses"),
    ] {
        refused(PATH, &tool(more), param);
        refused(COUNT, &tool(json!({"type": "computer_20250124"})), "tools[0].type");
    }
    let nameless = with(&base(), &json!({"tools": [{"input_schema": {}}]}));
    refused(PATH, &nameless, "name");
    let twice = with(&base(), &json!({"tools": [tools()[0], tools()[0]]}));
    refused(PATH, &twice, "tools[1]");
}
