//! Whatever a request asks, its answer is no 5xx: what cannot be is refused as the request's own fault.

use serde_json::{Value, json};

use crate::openai::support::{SMOLLM2, STORIES, server, with};

/// Returns things that no server likes to be asked for, each alone beside a small request.
fn extras() -> Vec<Value> {
    let deep = (0..40).fold(json!({"type": "string"}), |inner, _| json!({"type": "array", "items": inner}));
    let cyclic = json!({"$ref": "#/$defs/a", "$defs": {"a": {"$ref": "#/$defs/b"}, "b": {"$ref": "#/$defs/a"}}});
    let doubling: serde_json::Map<String, Value> = (0..20)
        .map(|i| {
            (
                format!("d{i}"),
                json!({"anyOf": [{"$ref": format!("#/$defs/d{}", i + 1)}, {"$ref": format!("#/$defs/d{}", i + 1)}]}),
            )
        })
        .chain([("d20".to_owned(), json!({"type": "null"}))])
        .collect();
    let everything: serde_json::Map<String, Value> = (0..512).map(|id| (id.to_string(), json!(-100))).collect();
    let mut extras = vec![
        json!({"grammar": "root ::= root \"a\""}),
        json!({"grammar": "root ::= \"\\U0010ffff\"{3}"}),
        json!({"grammar": "root ::= (\"a\"? \"a\"?){64} \"b\""}),
        json!({"grammar": "root ::= "}),
        json!({"grammar": "root ::= (".repeat(1000)}),
        json!({"guided_regex": "(a|b|ab|ba){500}c"}),
        json!({"guided_regex": "(?=a)b"}),
        json!({"guided_regex": "["}),
        json!({"guided_regex": "\\x{10ffff}+"}),
        json!({"guided_choice": []}),
        json!({"guided_choice": ["", ""]}),
        json!({"guided_grammar": "start: start \"a\""}),
        json!({"guided_json": deep}),
        json!({"guided_json": cyclic}),
        json!({"guided_json": {"$ref": "#/$defs/d0", "$defs": doubling}}),
        json!({"guided_json": {"type": "string", "minLength": 2_147_483_648_u64}}),
        json!({"guided_json": {"enum": []}}),
        json!({"guided_json": {"type": "object", "required": ["a"], "properties": {"a": false}}}),
        json!({"logit_bias": everything}),
        json!({"logit_bias": {"7": 100, "8": -100}, "temperature": 2, "top_k": 1}),
        json!({"stop": ["\u{0}", "a", "ab", "abc"]}),
        json!({"stop_token_ids": [0, 1, 2], "ignore_eos": true}),
        json!({"time_limit": 0.000_001}),
        json!({"n": 16, "logprobs": 5}),
        json!({"max_tokens": 100_000_000, "stop": "e"}),
        json!({"cache_salt": "x".repeat(4000), "cache_prompt": false}),
        json!({"temperature": 0, "min_p": 1, "typical_p": 0.001, "top_p": 0.001}),
        json!({"priority": -1000}),
        json!({"seed": -1}),
    ];
    for wrong in [json!(null), json!([]), json!({}), json!(-1), json!(1e300), json!("\u{202e}")] {
        for name in [
            "prompt",
            "messages",
            "input",
            "content",
            "max_tokens",
            "n",
            "stop",
            "tools",
            "logprobs",
            "stream",
            "model",
        ] {
            extras.push(json!({name: wrong}));
        }
    }
    extras
}

#[test]
fn whatever_is_asked_is_answered_or_refused() {
    let server = server(&[STORIES, SMOLLM2]);
    let say = json!([{"role": "user", "content": "Hi"}]);
    let odd_prompts =
        [json!(""), json!(" "), json!([[]]), json!([511]), json!([512]), json!(["a", "b"]), json!("\u{feff}\u{0}")];
    let mut asked: Vec<(&str, Value)> = Vec::new();
    for extra in extras() {
        let text = json!({"model": STORIES, "prompt": "Once", "max_tokens": 2, "n_predict": 2});
        asked.push(("/v1/completions", with(&text, &extra)));
        asked.push(("/completion", with(&text, &extra)));
        asked
            .push(("/v1/chat/completions", with(&json!({"model": SMOLLM2, "messages": say, "max_tokens": 2}), &extra)));
        asked.push(("/v1/embeddings", with(&json!({"model": STORIES, "input": "Once"}), &extra)));
        asked.push(("/tokenize", with(&json!({"content": "Once"}), &extra)));
        asked.push((
            "/api/generate",
            with(&json!({"model": STORIES, "prompt": "a", "options": {"num_predict": 2}}), &extra),
        ));
    }
    for prompt in odd_prompts {
        for more in
            [json!({}), json!({"echo": true, "logprobs": 2}), json!({"suffix": "b"}), json!({"prompt_logprobs": 3})]
        {
            asked.push(("/v1/completions", with(&json!({"model": STORIES, "prompt": prompt, "max_tokens": 1}), &more)));
        }
        asked.push(("/detokenize", json!({"tokens": prompt})));
        asked.push(("/infill", json!({"input_prefix": prompt, "input_suffix": "", "n_predict": 1})));
    }
    let odd_messages = [
        json!([{"role": "assistant", "content": "a"}]),
        json!([{"role": "tool", "content": "a", "tool_call_id": "none"}]),
        json!([{"role": "system", "content": ""}, {"role": "system", "content": ""}]),
        json!([{"role": "user", "content": [{"type": "text", "text": "\u{0}<|im_end|>"}]}]),
        json!([{"role": "user", "content": null}]),
        json!([{"role": "\u{1b}[31m", "content": "a"}]),
        json!([{"role": "assistant", "tool_calls": [{"id": "1", "type": "function", "function": {"name": "f", "arguments": "{"}}]}]),
    ];
    for messages in odd_messages {
        for (path, limit) in
            [("/v1/chat/completions", "max_tokens"), ("/v1/messages", "max_tokens"), ("/apply-template", "max_tokens")]
        {
            asked.push((path, json!({"model": SMOLLM2, "messages": messages, limit: 1})));
        }
        asked.push(("/api/chat", json!({"model": SMOLLM2, "messages": messages, "options": {"num_predict": 1}})));
        asked.push(("/v1/responses", json!({"model": SMOLLM2, "input": messages, "max_output_tokens": 1})));
    }
    for (path, body) in asked {
        let answer = server.post_json(path, &body);
        // 501: a route that the model cannot fill, whatever is asked.
        assert!(answer.status < 500 || answer.status == 501, "{path} {body}: {} {}", answer.status, answer.text());
    }
    assert_eq!(server.app.metrics().n_panics(), 0);
}
