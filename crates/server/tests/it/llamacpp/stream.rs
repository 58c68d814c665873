//! `/completion` with `stream`

use serde_json::{Value, json};

use super::{PATH, base, events, stories};
use crate::openai::support::{post_bytes, smollm2, with};

#[test]
fn a_stream_joined_is_the_whole() {
    let server = stories();
    for more in [
        json!({"return_tokens": true}),
        json!({"stop": ["Lily lo"], "return_tokens": true}),
        json!({"temperature": 1, "seed": 5, "n_cmpl": 3, "return_tokens": true}),
        json!({"prompt": ["Once", [1, 403]], "return_tokens": true}),
        json!({"n_probs": 3, "return_tokens": true}),
    ] {
        let body = with(&base(), &more);
        let whole = server.ok(PATH, &body);
        let whole = whole.as_array().cloned().unwrap_or_else(|| vec![whole]);
        let events = events(&server, PATH, &body);
        for (index, whole) in whole.iter().enumerate() {
            let of = |stop: bool| events.iter().filter(move |e| e["index"] == index && e["stop"] == stop);
            let join = |field: &str| -> Vec<Value> {
                of(false).flat_map(|e| e[field].as_array().cloned().unwrap_or_default()).collect()
            };
            let text: String = of(false).map(|e| e["content"].as_str().unwrap()).collect();
            assert_eq!(text, whole["content"].as_str().unwrap(), "{body}");
            assert_eq!(json!(join("tokens")), whole["tokens"]);
            if let Some(probs) = whole.get("completion_probabilities") {
                assert_eq!(&json!(join("completion_probabilities")), probs);
            }
            let ends: Vec<&Value> = of(true).collect();
            assert_eq!(ends.len(), 1);
            for field in ["stop_type", "stopping_word", "tokens_predicted", "tokens_evaluated", "truncated", "prompt"] {
                assert_eq!(ends[0][field], whole[field], "{field}");
            }
            assert_eq!((&ends[0]["content"], &ends[0]["tokens"]), (&json!(""), &json!([])));
            let counts: Vec<u64> = of(false).map(|e| e["tokens_predicted"].as_u64().unwrap()).collect();
            assert!(counts.is_sorted() && counts.last().copied() <= whole["tokens_predicted"].as_u64(), "{counts:?}");
        }
    }
}

#[test]
fn times_come_with_every_token_where_they_are_asked_for() {
    let server = stories();
    let with_times = events(&server, PATH, &with(&base(), &json!({"timings_per_token": true})));
    assert!(with_times.iter().all(|e| e["timings"]["predicted_n"].is_u64()), "{with_times:?}");
    let without = events(&server, PATH, &base());
    assert_eq!(without.iter().filter(|e| e.get("timings").is_some()).count(), 1, "only at the end");
    let selected = events(&server, PATH, &with(&base(), &json!({"response_fields": ["stop_type"]})));
    assert_eq!(selected.last().unwrap(), &json!({"stop_type": "limit"}));
}

#[test]
fn a_client_that_leaves_frees_its_sequence() {
    let server = stories();
    let body = with(&base(), &json!({"n_predict": -1, "n_cmpl": 4, "ignore_eos": true, "stream": true}));
    let mut client = server.connect();
    client.write(post_bytes(PATH, &body));
    assert!(client.head().starts_with("HTTP/1.1 200"));
    assert!(client.chunk().is_some());
    drop(client);
    server.wait_until_idle();
    let stats = server.app.models().loaded()[0].handle.stats();
    assert_eq!(stats.pages_free + stats.pages_cached, stats.pages_total, "{stats:?}");
    let slots = server.get("/slots").json();
    assert!(slots.as_array().unwrap().iter().all(|slot| slot["is_processing"] == false), "{slots}");
}

#[test]
fn openais_routes_tell_times_too() {
    let server = smollm2();
    let chat = json!({"messages": [{"role": "user", "content": "Hi"}], "max_tokens": 3, "temperature": 0});
    let text = json!({"prompt": "Once upon a time", "max_tokens": 3, "temperature": 0});
    for (path, body) in [
        ("/v1/chat/completions", chat.clone()),
        ("/v1/chat/completions", with(&chat, &json!({"timings_per_token": true}))),
        ("/v1/completions", text),
    ] {
        let timings = &server.ok(path, &body)["timings"];
        assert_eq!(timings["predicted_n"], 3, "{path}");
        assert!(timings["predicted_per_second"].as_f64().unwrap() > 0.0, "{path}: {timings}");
        let events = server.stream(path, &with(&body, &json!({"stream_options": {"include_usage": true}})));
        let with_times: Vec<&Value> = events.iter().filter(|e| e.get("timings").is_some()).collect();
        assert_eq!(with_times.len(), 1, "{path}: {events:?}");
        assert_eq!(with_times[0]["timings"]["predicted_n"], 3, "{path}");
        assert!(!with_times[0]["choices"][0]["finish_reason"].is_null(), "{path}");
    }
}
