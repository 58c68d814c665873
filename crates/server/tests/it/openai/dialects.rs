//! What clients of other servers send on OpenAI's routes: hints change nothing, what means something here means it.

use serde_json::{Value, json};
use server::openapi;

use super::support::{SMOLLM2, smollm2, with};
use crate::{anthropic::thinker, loopback::Loopback};

const CHAT: &str = "/v1/chat/completions";
const COMPLETIONS: &str = "/v1/completions";
const RESPONSES: &str = "/v1/responses";

fn bases() -> [(&'static str, Value); 3] {
    [
        (CHAT, json!({"messages": [{"role": "user", "content": "Hi"}], "max_tokens": 8, "temperature": 0})),
        (COMPLETIONS, json!({"prompt": "Once upon a time", "max_tokens": 8, "temperature": 0})),
        (RESPONSES, json!({"input": "Hi", "max_output_tokens": 8, "temperature": 0})),
    ]
}

fn chat() -> Value {
    bases()[0].1.clone()
}

/// Returns the text of an answer of any of the routes.
fn said(answer: &Value) -> String {
    let places = ["/choices/0/message/content", "/choices/0/text", "/output/0/content/0/text"];
    let found = places.iter().find_map(|place| answer.pointer(place)?.as_str());
    found.unwrap_or_else(|| panic!("{answer}")).to_owned()
}

fn ids(server: &Loopback, body: &Value) -> Vec<u64> {
    let rendered = server.ok("/v1/chat/completions/render", body);
    rendered["token_ids"].as_array().unwrap().iter().map(|id| id.as_u64().unwrap()).collect()
}

#[test]
fn hints_change_nothing() {
    let server = smollm2();
    for (path, body) in bases() {
        let reference =
            &openapi::document()["paths"][path]["post"]["requestBody"]["content"]["application/json"]["schema"]["$ref"];
        let schema = openapi::document().pointer(reference.as_str().unwrap().trim_start_matches('#')).unwrap();
        let is_hint = |p: &Value| p["description"].as_str().is_some_and(|d| d.ends_with("Changes nothing here"));
        let mut hinted = body.clone();
        let mut n = 0;
        for (field, _) in schema["properties"].as_object().unwrap().iter().filter(|(_, p)| is_hint(p)) {
            hinted[field] = json!({"a": [1, "b"]});
            n += 1;
        }
        assert!(n > 20, "{path}: {n}");
        assert_eq!(said(&server.ok(path, &hinted)), said(&server.ok(path, &body)), "{path}");
        // A typing error is none.
        server.refused(path, &with(&hinted, &json!({"keep_alife": 1})), "keep_alife");
    }
}

#[test]
fn what_llama_cpp_has_is_taken_where_it_is_off_and_refused_where_it_is_on() {
    let server = smollm2();
    let off = json!({
        "dynatemp_range": 0.0, "xtc_probability": 0, "xtc_threshold": 0.1, "top_n_sigma": -1, "dry_multiplier": 0, "typ_p": 1,
        "dry_base": 1.75, "dry_sequence_breakers": ["\n"], "mirostat": 0, "mirostat_tau": 5, "adaptive_target": -1, "min_keep": 0,
        "n_keep": -1, "n_discard": 0, "n_indent": 0, "n_cache_reuse": 0, "t_max_prompt_ms": 0, "t_max_predict_ms": -1, "id_slot": 3,
        "return_progress": true, "post_sampling_probs": false, "lora": [], "n_probs": 0, "cache_prompt": true,
        "samplers": ["penalties", "dry", "top_k", "typ_p", "top_p", "min_p", "xtc", "temperature"],
    });
    for (path, body) in bases() {
        assert_eq!(said(&server.ok(path, &with(&body, &off))), said(&server.ok(path, &body)), "{path}");
        for (field, value) in [
            ("dynatemp_range", json!(0.5)),
            ("xtc_probability", json!(0.1)),
            ("dry_multiplier", json!(0.8)),
            ("mirostat", json!(2)),
            ("top_n_sigma", json!(1.5)),
            ("t_max_predict_ms", json!(5)),
            ("post_sampling_probs", json!(true)),
            ("lora", json!([{"id": 0, "scale": 1}])),
            ("samplers", json!(["made_up"])),
            ("n_indent", json!(4)),
        ] {
            let error = server.refused(path, &with(&body, &json!({field: value})), field);
            assert_eq!(error["code"], "unsupported_parameter", "{path} {field}");
        }
    }
    // What is not listed is off, here all that would make it greedy.
    let hot = json!({"temperature": 2, "top_k": 1, "seed": 3});
    let listed = server.ok(CHAT, &with(&chat(), &hot));
    assert_eq!(said(&listed), said(&server.ok(CHAT, &chat())), "the best one alone is greedy");
    let unlisted = server.ok(CHAT, &with(&with(&chat(), &hot), &json!({"samplers": ["temperature"]})));
    assert_ne!(said(&unlisted), said(&listed));
}

#[test]
fn llama_cpp_s_words_for_lengths_probabilities_and_schemas() {
    let server = smollm2();
    let n_tokens = |answer: &Value| answer["usage"]["completion_tokens"].as_u64().unwrap();
    let mut body = chat();
    body.as_object_mut().unwrap().remove("max_tokens");
    assert_eq!(n_tokens(&server.ok(CHAT, &with(&body, &json!({"n_predict": 3, "ignore_eos": true})))), 3);
    let endless = json!({"max_tokens": -1, "n_predict": 3, "stop": ["."]});
    assert!(n_tokens(&server.ok(CHAT, &with(&body, &endless))) > 3);
    let endless =
        json!({"prompt": "a b a b a b", "max_tokens": -1, "ignore_eos": true, "temperature": 0, "time_limit": 5});
    assert!(n_tokens(&server.ok(COMPLETIONS, &endless)) > 16, "more than the default");
    assert_eq!(n_tokens(&server.ok(COMPLETIONS, &json!({"prompt": "a", "n_predict": 2, "ignore_eos": true}))), 2);
    let probs = server.ok(CHAT, &with(&chat(), &json!({"n_probs": 3})));
    assert_eq!(probs["choices"][0]["logprobs"]["content"][0]["top_logprobs"].as_array().unwrap().len(), 3, "{probs}");
    let schema = json!({"type": "object", "properties": {"ok": {"type": "boolean"}}, "required": ["ok"], "additionalProperties": false});
    for more in [
        json!({"json_schema": schema, "max_tokens": 40}),
        json!({"response_format": {"type": "json_object", "schema": schema}, "max_tokens": 40}),
    ] {
        let answer: Value = serde_json::from_str(&said(&server.ok(CHAT, &with(&chat(), &more)))).unwrap();
        assert!(answer["ok"].is_boolean() && answer.as_object().unwrap().len() == 1, "{more}: {answer}");
    }
    let text = json!({"response_format": {"type": "text", "schema": schema}});
    server.refused(CHAT, &with(&chat(), &text), "response_format.schema");
}

#[test]
fn a_stop_token_ends_the_answer_before_it() {
    let server = smollm2();
    for path in [CHAT, COMPLETIONS] {
        let body = bases().into_iter().find(|(p, _)| *p == path).unwrap().1;
        let whole = said(&server.ok(path, &body));
        let words: Vec<u64> = server
            .ok("/tokenize", &json!({"content": whole}))
            .get("tokens")
            .unwrap()
            .as_array()
            .unwrap()
            .iter()
            .map(|id| id.as_u64().unwrap())
            .collect();
        let stop = words[3];
        let at = words.iter().position(|id| *id == stop).unwrap();
        let answer = server.ok(path, &with(&body, &json!({"stop_token_ids": [stop], "ignore_eos": true})));
        assert_eq!(answer["choices"][0]["finish_reason"], "stop", "{answer}");
        assert_eq!(answer["usage"]["completion_tokens"], at, "{answer}");
        assert!(whole.starts_with(&said(&answer)) && said(&answer).len() < whole.len(), "{whole:?}: {answer}");
        server.refused(path, &with(&body, &json!({"stop_token_ids": [49_152]})), "stop_token_ids");
        server.refused(path, &with(&body, &json!({"stop_token_ids": [-1]})), "stop_token_ids[0]");
    }
}

#[test]
fn the_last_message_of_the_assistant_is_continued() {
    let server = smollm2();
    let messages = |last: Value| json!({"messages": [{"role": "user", "content": "Count to nine."}, last], "max_tokens": 8, "temperature": 0});
    let begun = messages(json!({"role": "assistant", "content": "1, 2, 3, 4,"}));
    let going_on = with(&begun, &json!({"continue_final_message": true, "add_generation_prompt": false}));
    let text = said(&server.ok(CHAT, &going_on));
    assert!(text.trim_start().starts_with('5'), "{text:?}");
    let prompt = server.ok("/v1/chat/completions/render", &going_on)["prompt"].as_str().unwrap().to_owned();
    assert!(prompt.ends_with("<|im_start|>assistant\n1, 2, 3, 4,"), "{prompt}");
    // Without it, a new turn begins.
    let turned = server.ok("/v1/chat/completions/render", &begun)["prompt"].as_str().unwrap().to_owned();
    assert!(turned.ends_with("4,<|im_end|>\n<|im_start|>assistant\n"), "{turned}");
    let param = "continue_final_message";
    server.refused(CHAT, &with(&begun, &json!({param: true, "add_generation_prompt": true})), param);
    server.refused(CHAT, &with(&messages(json!({"role": "user", "content": "a"})), &json!({param: true})), param);
}

#[test]
fn thinking_is_one_setting_in_all_words() {
    let server = thinker();
    let prompt = |more: Value| {
        server.ok("/v1/chat/completions/render", &with(&chat(), &more))["prompt"].as_str().unwrap().to_owned()
    };
    let (plain, thinks) = (prompt(json!({})), prompt(json!({"chat_template_kwargs": {"enable_thinking": true}})));
    assert!(thinks.ends_with("<think>\n") && !plain.contains("<think>"));
    for (more, expected) in [
        (json!({"think": true}), &thinks),
        (json!({"enable_thinking": true}), &thinks),
        (json!({"thinking": {"type": "enabled", "budget_tokens": 1024}}), &thinks),
        (json!({"reasoning": {"enabled": true, "max_tokens": 5}}), &thinks),
        (json!({"think": false}), &plain),
        (json!({"thinking": {"type": "disabled"}}), &plain),
        (json!({"reasoning": {"effort": "low"}}), &prompt(json!({"reasoning_effort": "low"}))),
        (json!({"think": "low"}), &prompt(json!({"reasoning_effort": "low"}))),
    ] {
        assert_eq!(&prompt(more.clone()), expected, "{more}");
    }
    server.refused(CHAT, &with(&chat(), &json!({"think": true, "enable_thinking": false})), "enable_thinking");
    server.refused(CHAT, &with(&chat(), &json!({"reasoning": {"effort": "much"}})), "reasoning.effort");
}

#[test]
fn thoughts_are_apart_left_out_or_in_the_text() {
    let server = thinker();
    let body = with(&chat(), &json!({"think": true, "max_tokens": 12}));
    let message = |more: Value| server.ok(CHAT, &with(&body, &more))["choices"][0]["message"].clone();
    let apart = message(json!({"reasoning_format": "auto"}));
    let thought = apart["reasoning_content"].as_str().unwrap();
    assert!(!thought.is_empty());
    for more in [json!({"include_reasoning": false}), json!({"reasoning": {"exclude": true}})] {
        let hidden = message(more.clone());
        assert_eq!((hidden.get("reasoning_content"), &hidden["content"]), (None, &apart["content"]), "{more}");
        let usage = server.ok(CHAT, &with(&body, &more))["usage"].clone();
        assert!(
            usage["completion_tokens_details"]["reasoning_tokens"].as_u64() > Some(0),
            "counted all the same: {usage}"
        );
    }
    let raw = json!({"reasoning_format": "none"});
    let inside = message(raw.clone());
    assert_eq!(inside.get("reasoning_content"), None);
    let text = inside["content"].as_str().unwrap();
    assert!(text.starts_with(&format!("<think>{thought}")), "{inside} {apart}");
    let streamed: String = server
        .stream(CHAT, &with(&body, &raw))
        .iter()
        .filter_map(|chunk| chunk["choices"][0]["delta"]["content"].as_str())
        .collect();
    assert_eq!(streamed, text);
    let both = json!({"reasoning_format": "none", "include_reasoning": false});
    server.refused(CHAT, &with(&body, &both), "reasoning_format");
}

#[test]
fn tokens_of_a_prompt_are_counted() {
    let server = smollm2();
    let tools = json!([{"type": "function", "function": {"name": "f", "description": "Does."}}]);
    let body = with(&chat(), &json!({"tools": tools}));
    let count = server.ok("/v1/chat/completions/input_tokens", &body);
    assert_eq!(count, json!({"object": "response.input_tokens", "input_tokens": ids(server, &body).len()}));
    let body = json!({"model": SMOLLM2, "input": "Hi", "instructions": "Be brief."});
    let used = server.ok(RESPONSES, &with(&body, &json!({"max_output_tokens": 1})))["usage"]["input_tokens"].clone();
    let count = server.ok("/v1/responses/input_tokens", &body);
    assert_eq!(count, json!({"object": "response.input_tokens", "input_tokens": used}));
    server.refused("/v1/responses/input_tokens", &json!({"input": "a", "no_such_field": 1}), "no_such_field");
}

#[test]
fn the_routes_of_llama_cpp_are_the_same_routes() {
    let server = smollm2();
    let body = chat();
    assert_eq!(said(&server.ok("/chat/completions", &body)), said(&server.ok(CHAT, &body)));
    let body = bases()[2].1.clone();
    assert_eq!(said(&server.ok("/responses", &body)), said(&server.ok(RESPONSES, &body)));
    for (path, body) in [(CHAT, chat()), (RESPONSES, bases()[2].1.clone())] {
        let plain = path.strip_prefix("/v1").unwrap();
        let count = |path: &str| server.ok(&format!("{path}/input_tokens"), &body)["input_tokens"].as_u64().unwrap();
        assert!(count(plain) > 0 && count(plain) == count(path), "{path}");
    }
    assert_eq!(server.get("/models").json(), server.get("/v1/models").json());
    assert_eq!((server.get("/v1/health").status, server.get("/v1/health").json()), (200, server.get("/health").json()));
}

#[test]
fn wishes_are_taken() {
    let server = smollm2();
    let chunks =
        server.stream(CHAT, &with(&chat(), &json!({"stream_options": {"include_obfuscation": true}, "store": true})));
    assert!(chunks.len() > 2 && chunks.iter().all(|chunk| chunk.get("obfuscation").is_none()));
    for word in ["low", "high"] {
        server.ok(CHAT, &with(&chat(), &json!({"verbosity": word})));
        server.ok(RESPONSES, &json!({"input": "a", "max_output_tokens": 1, "text": {"verbosity": word}}));
    }
    for tier in ["flex", "priority", "scale"] {
        let answer = server.ok(RESPONSES, &json!({"input": "a", "max_output_tokens": 1, "service_tier": tier}));
        assert_eq!(answer["service_tier"], "default", "there is one");
    }
}
