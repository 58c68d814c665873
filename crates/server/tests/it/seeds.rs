//! `--seed`: what requests without a seed draw by.

use serde_json::{Value, json};
use server::{
    ServerOptions,
    models::{ModelNames, Models, ModelsOptions},
};

use crate::{
    loopback::Loopback,
    openai::support::{SMOLLM2, TestLoader, with},
};

/// Returns a request of each API, without a seed; where its answer has the text; and where its seed stands.
fn requests() -> Vec<(&'static str, Value, &'static str, Option<&'static str>)> {
    let messages = json!([{"role": "user", "content": "Tell me a story."}]);
    vec![
        (
            "/v1/chat/completions",
            json!({"messages": messages, "max_tokens": 12}),
            "/choices/0/message/content",
            Some("seed"),
        ),
        ("/v1/completions", json!({"prompt": "A story:", "max_tokens": 12}), "/choices/0/text", Some("seed")),
        (
            "/v1/responses",
            json!({"input": "Tell me a story.", "max_output_tokens": 12}),
            "/output/0/content/0/text",
            Some("seed"),
        ),
        ("/v1/messages", json!({"messages": messages, "max_tokens": 12}), "/content/0/text", None),
        ("/completion", json!({"prompt": "A story:", "n_predict": 12}), "/content", Some("seed")),
        (
            "/api/chat",
            json!({"messages": messages, "stream": false, "options": {"num_predict": 12}}),
            "/message/content",
            None,
        ),
    ]
}

fn server(seed: Option<u64>) -> Loopback {
    let names = ModelsOptions { names: ModelNames::AnyForFirst, ..ModelsOptions::default() };
    let models = Models::new(Box::new(TestLoader::of(&[SMOLLM2])), names);
    Loopback::with_models(ServerOptions { seed, ..ServerOptions::default() }, models)
}

#[test]
fn requests_that_name_none_have_the_operator_s() {
    let (seeded, plain) = (server(Some(42)), server(None));
    for (path, body, text, seed) in requests() {
        let body = with(&body, &json!({"model": SMOLLM2}));
        let said = |server: &Loopback, body: &Value| {
            let answer = server.ok(path, body);
            answer.pointer(text).and_then(Value::as_str).unwrap_or_else(|| panic!("{path}: {answer}")).to_owned()
        };
        let once = said(&seeded, &body);
        assert_eq!(said(&seeded, &body), once, "{path}");
        if let Some(field) = seed {
            assert_eq!(said(&plain, &with(&body, &json!({field: 42}))), once, "{path}");
            assert_ne!(said(&seeded, &with(&body, &json!({field: 43}))), once, "{path}: its own goes before");
        }
        assert_ne!(said(&plain, &body), said(&plain, &body), "{path}: a new one each time");
    }
}

#[test]
fn the_seed_is_told_and_minus_one_still_draws_one() {
    let seeded = server(Some(42));
    let told = |server: &Loopback| server.get("/props").json()["default_generation_settings"]["params"]["seed"].clone();
    assert_eq!((told(&seeded), told(&server(None))), (json!(42), json!(u32::MAX)));
    let used = |body: Value| seeded.ok("/completion", &body)["generation_settings"]["seed"].clone();
    assert_eq!(used(json!({"prompt": "a", "n_predict": 1})), 42);
    assert_ne!(used(json!({"prompt": "a", "n_predict": 1, "seed": -1})), 42);
    let ask = json!({"model": SMOLLM2, "prompt": "A story:", "raw": true, "stream": false, "options": {"num_predict": 12, "seed": -1}});
    let said = || seeded.ok("/api/generate", &ask)["response"].clone();
    assert_ne!(said(), said());
}
