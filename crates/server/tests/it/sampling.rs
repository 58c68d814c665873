//! How tokens are picked where a request does not say: by the operator's flags or the model's file, else by the API's
//! own defaults; and outputs that go round in circles.

use engine::SamplingDefaults;
use serde_json::{Value, json};
use server::models::{ModelNames, ModelsOptions};

use crate::{
    loopback::Loopback,
    openai::support::{SMOLLM2, STORIES, TestLoader, server_of, smollm2, with},
};

/// Starts a server whose model says how it wants to be sampled.
fn server(model: &'static str, sampling: SamplingDefaults) -> Loopback {
    let options = ModelsOptions { names: ModelNames::AnyForFirst, ..ModelsOptions::default() };
    server_of(TestLoader { sampling, ..TestLoader::of(&[model]) }, options)
}

fn greedy() -> SamplingDefaults {
    SamplingDefaults { temperature: Some(0.0), ..SamplingDefaults::default() }
}

/// Returns a request of each API that says nothing of sampling; where its answer has the text; and a temperature of 1,
/// as that API has it.
fn requests() -> Vec<(&'static str, Value, &'static str, Value)> {
    let messages = json!([{"role": "user", "content": "Tell me a story."}]);
    let (hot, hot_option) = (json!({"temperature": 1}), json!({"options": {"num_predict": 12, "temperature": 1}}));
    let plain = json!({"model": SMOLLM2, "stream": false, "options": {"num_predict": 12}});
    vec![
        (
            "/v1/chat/completions",
            json!({"messages": messages, "max_tokens": 12}),
            "/choices/0/message/content",
            hot.clone(),
        ),
        ("/v1/completions", json!({"prompt": "A story:", "max_tokens": 12}), "/choices/0/text", hot.clone()),
        (
            "/v1/responses",
            json!({"input": "Tell me a story.", "max_output_tokens": 12}),
            "/output/0/content/0/text",
            hot.clone(),
        ),
        ("/v1/messages", json!({"messages": messages, "max_tokens": 12}), "/content/0/text", hot.clone()),
        ("/completion", json!({"prompt": "A story:", "n_predict": 12}), "/content", hot),
        ("/api/chat", with(&plain, &json!({"messages": messages})), "/message/content", hot_option.clone()),
        ("/api/generate", with(&plain, &json!({"prompt": "Tell me a story."})), "/response", hot_option),
    ]
}

#[test]
fn what_a_request_does_not_say_is_as_the_operator_or_the_model_has_it() {
    let cold = server(SMOLLM2, greedy());
    for (path, body, text, hot) in requests() {
        let body = with(&body, &json!({"model": SMOLLM2}));
        let said = |server: &Loopback, body: &Value| {
            let answer = server.ok(path, body);
            answer.pointer(text).and_then(Value::as_str).unwrap_or_else(|| panic!("{path}: {answer}")).to_owned()
        };
        assert_eq!(said(&cold, &body), said(&cold, &body), "{path}: temperature 0 repeats");
        let hot = with(&body, &hot);
        assert_ne!(said(&cold, &hot), said(&cold, &hot), "{path}: the request's own goes before");
        assert_ne!(said(smollm2(), &body), said(smollm2(), &body), "{path}: without either it draws");
    }
}

#[test]
fn each_value_is_taken_and_told() {
    let all = SamplingDefaults {
        temperature: Some(0.6),
        top_k: Some(20),
        top_p: Some(0.8),
        min_p: Some(0.01),
        repeat_penalty: Some(1.05),
        repeat_last_n: Some(usize::MAX),
    };
    let stories = server(STORIES, all);
    let expected = json!({"temperature": 0.6, "top_k": 20, "top_p": 0.8, "min_p": 0.01, "repeat_penalty": 1.05, "repeat_last_n": -1});
    let check = |told: &Value, expected: &Value| {
        for (name, value) in expected.as_object().unwrap() {
            assert_eq!(told[name], *value, "{name}");
        }
    };
    check(&stories.get("/props").json()["default_generation_settings"]["params"], &expected);
    let used = |body: Value| stories.ok("/completion", &body)["generation_settings"].clone();
    check(&used(json!({"prompt": "a", "n_predict": 1})), &expected);
    let own =
        json!({"temperature": 0.5, "top_k": 7, "top_p": 0.5, "min_p": 0.25, "repeat_penalty": 1.5, "repeat_last_n": 3});
    check(&used(with(&json!({"prompt": "a", "n_predict": 1}), &own)), &own);
    let shown = stories.ok("/api/show", &json!({"model": STORIES}))["parameters"].as_str().unwrap().to_owned();
    for line in
        ["temperature                    0.6", "top_k                          20", "repeat_last_n                  -1"]
    {
        assert!(shown.lines().any(|l| l == line), "{shown}");
    }
    let smollm2 = server(SMOLLM2, all);
    let response = smollm2.ok("/v1/responses", &json!({"model": SMOLLM2, "input": "a", "max_output_tokens": 1}));
    assert_eq!((&response["temperature"], &response["top_p"]), (&json!(0.6_f32), &json!(0.8_f32)), "{response}");
}

/// Defaults are those of each API's documents where neither operator nor model has others.
#[test]
fn without_either_each_api_has_its_own_defaults() {
    let plain = server(STORIES, SamplingDefaults::default());
    let props = &plain.get("/props").json()["default_generation_settings"]["params"];
    for (name, value) in
        [("temperature", 0.8), ("top_p", 0.95), ("min_p", 0.05), ("repeat_penalty", 1.0), ("typical_p", 1.0)]
    {
        assert_eq!(props[name], value, "{name}");
    }
    assert_eq!(plain.ok("/api/show", &json!({"model": STORIES}))["parameters"], "");
    let response = smollm2().ok("/v1/responses", &json!({"model": SMOLLM2, "input": "a", "max_output_tokens": 1}));
    assert_eq!((&response["temperature"], &response["top_p"]), (&json!(1.0), &json!(1.0)), "{response}");
}

#[test]
fn an_output_that_goes_round_in_circles_is_broken_off_where_that_is_asked_for() {
    let stories = server(STORIES, greedy());
    // The model is made to say the same token for ever.
    let endless = json!({
        "prompt": "Once", "max_tokens": 300, "ignore_eos": true, "logit_bias": {"400": 100}, "model": STORIES,
    });
    let path = "/v1/completions";
    let plain = stories.ok(path, &endless);
    assert_eq!(
        (&plain["choices"][0]["finish_reason"], &plain["usage"]["completion_tokens"]),
        (&json!("length"), &json!(300))
    );
    let within = |bounds: Value| stories.ok(path, &with(&endless, &json!({"repetition_detection": bounds})));
    for off in [json!(false), json!(null), json!({"max_pattern_size": 0}), json!(true)] {
        let answer = within(off.clone());
        assert_eq!(answer["choices"], plain["choices"], "{off}: 300 tokens are few by the program's own bounds");
    }
    let bounds = json!({"max_pattern_size": 8, "min_count": 20});
    let broken = within(bounds.clone());
    assert_eq!(
        (&broken["choices"][0]["finish_reason"], &broken["usage"]["completion_tokens"]),
        (&json!("repetition"), &json!(20))
    );
    let streamed = stories.stream(path, &with(&endless, &json!({"repetition_detection": bounds})));
    assert!(streamed.iter().any(|event| event["choices"][0]["finish_reason"] == "repetition"), "{streamed:?}");
    let paired = within(json!({"max_pattern_size": 8, "min_pattern_size": 2, "min_count": 20}));
    assert_eq!(paired["usage"]["completion_tokens"], 40);
    for (bounds, param) in [
        (json!({"max_pattern_size": 1025, "min_count": 2}), "repetition_detection.max_pattern_size"),
        (json!({"max_pattern_size": 8, "min_count": 1}), "repetition_detection.min_count"),
        (
            json!({"max_pattern_size": 8, "min_pattern_size": 9, "min_count": 2}),
            "repetition_detection.min_pattern_size",
        ),
        (json!({"max_pattern_size": -1, "min_count": 2}), "repetition_detection.max_pattern_size"),
        (json!("on"), "repetition_detection"),
    ] {
        stories.refused(path, &with(&endless, &json!({"repetition_detection": bounds})), param);
    }
}
