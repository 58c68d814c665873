//! `/v1/models`, and models that come and go.

use std::{
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use serde_json::json;
use server::models::{KeepAlive, ModelNames, ModelsOptions};

use super::support::{SMOLLM2, STORIES, TestLoader, server_of, strict};
use crate::loopback::wait;

const PATH: &str = "/v1/completions";

#[test]
fn models_are_listed_and_found_by_all_their_names() {
    let server = strict(&[STORIES, SMOLLM2]);
    let list = server.get("/v1/models").json();
    let ids: Vec<&str> = list["data"].as_array().unwrap().iter().map(|m| m["id"].as_str().unwrap()).collect();
    assert_eq!((ids, &list["object"]), (vec![STORIES, SMOLLM2], &json!("list")));
    let of_loaded = ["max_model_len", "meta"];
    assert!(of_loaded.iter().all(|field| list["data"][0].get(field).is_none()), "not loaded yet");
    server.ok(PATH, &json!({"model": format!("{STORIES}-alias"), "prompt": "a", "max_tokens": 1}));
    let one = server.get(&format!("/v1/models/{STORIES}")).json();
    assert_eq!(
        (&one["id"], &one["object"], &one["created"]),
        (&json!(STORIES), &json!("model"), &json!(1_700_000_000))
    );
    assert_eq!(one["max_model_len"], 512);
    let meta = &one["meta"];
    assert_eq!((&meta["n_ctx"], &meta["n_vocab"], &meta["n_embd"]), (&json!(512), &json!(512), &json!(64)));
    // Those of the file are known to its loader.
    assert_eq!(meta["vocab_type"], 1);
    assert!(["n_ctx_train", "n_params", "size"].iter().all(|field| meta[field].is_u64()), "{meta}");
    assert_eq!(one["aliases"], json!([format!("{STORIES}-alias")]));
    // As llama.cpp's server has it beside: the same models in Ollama's words.
    let list = server.get("/v1/models").json();
    let tags = server.get("/api/tags").json();
    let (models, tags) = (list["models"].as_array().unwrap(), tags["models"].as_array().unwrap());
    assert_eq!((models.len(), tags.len()), (2, 2));
    for (model, tag) in models.iter().zip(tags) {
        assert!(tag.as_object().unwrap().iter().all(|(name, value)| model[name] == *value), "{model}");
        assert_eq!((&model["type"], &model["capabilities"][0]), (&json!("model"), &json!("completion")));
    }
    let answer = server.get("/v1/models/gpt-4");
    assert_eq!((answer.status, &answer.json()["error"]["code"]), (404, &json!("model_not_found")));
}

#[test]
fn an_unknown_model_is_not_found_unless_any_name_will_do() {
    let body = json!({"model": "../../etc/passwd\n", "prompt": "Once", "max_tokens": 2, "temperature": 0});
    let closed = strict(&[STORIES]);
    let answer = closed.post_json(PATH, &body);
    let error = &answer.json()["error"];
    assert_eq!((answer.status, &error["code"], &error["param"]), (404, &json!("model_not_found"), &json!("model")));
    assert_eq!(error["type"], "invalid_request_error");
    assert!(error["message"].as_str().unwrap().contains(STORIES) && !error["message"].as_str().unwrap().contains('\n'));
    for (path, nameless) in [
        ("/v1/chat/completions", json!({"messages": [{"role": "user", "content": "x"}]})),
        ("/v1/responses", json!({"input": "x"})),
    ] {
        closed.refused(path, &nameless, "model");
    }
    let options = ModelsOptions { names: ModelNames::AnyForFirst, ..ModelsOptions::default() };
    let open = server_of(TestLoader::of(&[STORIES, SMOLLM2]), options);
    assert_eq!(open.ok(PATH, &body)["model"], STORIES);
    let nameless = open.post_json("/v1/responses", &json!({"input": "x"}));
    assert!(nameless.text().contains("no chat template"), "{}", nameless.text());
}

#[test]
fn a_model_that_is_alone_answers_to_any_name() {
    let body = json!({"model": "gpt-4o", "prompt": "Once", "max_tokens": 2, "temperature": 0});
    let one = server_of(TestLoader::of(&[STORIES]), ModelsOptions::default());
    assert_eq!(one.ok(PATH, &body)["model"], STORIES, "an answer tells whose it is");
    let nameless = one.post_json("/v1/chat/completions", &json!({"messages": [{"role": "user", "content": "x"}]}));
    assert!(nameless.text().contains("no chat template"), "{}", nameless.text());
    // What is asked about a model needs its name.
    assert_eq!(one.get("/v1/models/gpt-4o").status, 404);
    let several = server_of(TestLoader::of(&[STORIES, SMOLLM2]), ModelsOptions::default());
    let answer = several.post_json(PATH, &body);
    assert_eq!((answer.status, &answer.json()["error"]["code"]), (404, &json!("model_not_found")));
    assert!(answer.text().contains(STORIES) && answer.text().contains(SMOLLM2), "{}", answer.text());
    several.refused("/v1/responses", &json!({"input": "x"}), "model");
}

#[test]
fn those_who_wait_share_one_load_and_a_failed_one_can_be_tried_again() {
    let loader = TestLoader::of(&[STORIES, "broken"]);
    let n_loads = Arc::clone(&loader.n_loads);
    let server = server_of(loader, ModelsOptions::default());
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| server.ok(PATH, &json!({"prompt": "a", "max_tokens": 1})));
        }
    });
    assert_eq!(n_loads.load(Ordering::SeqCst), 1);
    for n in 2..4 {
        let answer = server.post_json(PATH, &json!({"model": "broken", "prompt": "a"}));
        assert_eq!((answer.status, n_loads.load(Ordering::SeqCst)), (500, n));
        assert!(!answer.text().contains("as the test asks"), "what the file's trouble is stands in the log alone");
    }
}

#[test]
fn the_longest_unused_gives_way_and_what_is_used_stays() {
    let loader = TestLoader::of(&["a", "b", "c"]);
    let n_loads = Arc::clone(&loader.n_loads);
    // Room for two: each says that it takes 1,000 bytes.
    let server = server_of(loader, ModelsOptions { bytes_max: 2500, ..ModelsOptions::default() });
    let ask = |model: &str| server.ok(PATH, &json!({"model": model, "prompt": "a", "max_tokens": 1}));
    let loaded = || server.app.models().loaded().iter().map(|m| m.id.clone()).collect::<Vec<_>>();
    ask("a");
    ask("b");
    ask("a");
    assert_eq!(loaded(), ["a", "b"]);
    ask("c");
    assert_eq!(loaded(), ["a", "c"]);
    assert_eq!(n_loads.load(Ordering::SeqCst), 3);
    // Two in use: no room for the third.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let models = server.app.models();
        let held = (models.acquire(Some("a")).await.unwrap(), models.acquire(Some("c")).await.unwrap());
        let error = models.acquire(Some("b")).await.err().unwrap();
        assert_eq!(error.kind, server::error::ErrorKind::Unavailable);
        assert!(error.retry_after.is_some() && error.message.contains("2500"), "{error}");
        assert!(!models.unload("a").unwrap(), "in use");
        drop(held);
        assert!(models.unload("a").unwrap());
    });
    assert_eq!(loaded(), ["c"]);
    ask("b");
    assert_eq!(loaded(), ["b", "c"]);
}

#[test]
fn a_model_goes_when_its_time_is_over() {
    let options = ModelsOptions { keep_alive: KeepAlive::For(Duration::ZERO), ..ModelsOptions::default() };
    let server = server_of(TestLoader::of(&[STORIES]), options);
    server.ok(PATH, &json!({"prompt": "a", "max_tokens": 1}));
    wait("the model to be unloaded", || server.app.models().loaded().is_empty());
    // And comes again.
    server.ok(PATH, &json!({"prompt": "a", "max_tokens": 1}));
}
