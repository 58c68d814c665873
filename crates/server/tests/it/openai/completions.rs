//! Answers of `/v1/completions`.

use serde_json::{Value, json};

use super::support::{STORIES, post_bytes, server, with};

const PATH: &str = "/v1/completions";

fn base() -> Value {
    json!({"model": STORIES, "prompt": "Once upon a time", "max_tokens": 40, "temperature": 0})
}

fn text(answer: &Value, index: usize) -> &str {
    answer["choices"][index]["text"].as_str().unwrap_or_else(|| panic!("{answer}"))
}

/// Joins the texts of a stream's choices.
fn joined(events: &[Value], n: usize) -> Vec<String> {
    let mut texts = vec![String::new(); n];
    for choice in events.iter().flat_map(|e| e["choices"].as_array().unwrap()) {
        texts[choice["index"].as_u64().unwrap() as usize] += choice["text"].as_str().unwrap();
    }
    texts
}

#[test]
fn a_completion_is_what_the_engine_says() {
    let server = server(&[STORIES]);
    let answer = server.ok(PATH, &base());
    assert_eq!(answer["object"], "text_completion");
    assert!(answer["id"].as_str().unwrap().starts_with("cmpl-"));
    assert!(answer["system_fingerprint"].as_str().unwrap().starts_with("fp_"));
    assert!(text(&answer, 0).starts_with(", there was a little girl named Lily"), "{answer}");
    assert_eq!(answer["choices"][0]["finish_reason"], "length");
    assert_eq!(answer["usage"]["completion_tokens"], 40);
    // The beginning token and three words.
    assert_eq!(answer["usage"]["prompt_tokens"].as_u64().unwrap() + 40, answer["usage"]["total_tokens"]);
    // OpenAI's default length.
    let short = server.ok(PATH, &json!({"prompt": "Once upon a time", "temperature": 0}));
    assert_eq!(short["usage"]["completion_tokens"], 16);
    assert!(text(&answer, 0).starts_with(text(&short, 0)));
}

#[test]
fn a_stream_joined_is_the_whole() {
    let server = server(&[STORIES]);
    for more in [
        json!({}),
        json!({"temperature": 1.0, "seed": 5, "n": 3}),
        json!({"stop": ["Lily lo"]}),
        json!({"echo": true, "prompt": ["Once", [1, 403]]}),
        json!({"temperature": 0.9, "seed": -3, "logprobs": 3}),
    ] {
        let body = with(&base(), &more);
        let whole = server.ok(PATH, &body);
        let n = whole["choices"].as_array().unwrap().len();
        let events = server.stream(PATH, &with(&body, &json!({"stream_options": {"include_usage": true}})));
        let texts: Vec<String> = (0..n).map(|i| text(&whole, i).to_owned()).collect();
        assert_eq!(joined(&events, n), texts, "{body}");
        let last = events.last().unwrap();
        assert_eq!(last["choices"], json!([]));
        assert_eq!(last["usage"]["completion_tokens"], whole["usage"]["completion_tokens"]);
        assert!(events.iter().rev().skip(1).all(|e| e["usage"].is_null() && e.get("usage").is_some()));
        let reasons: Vec<&Value> = events
            .iter()
            .flat_map(|e| e["choices"].as_array().unwrap())
            .map(|c| &c["finish_reason"])
            .filter(|r| !r.is_null())
            .collect();
        assert_eq!(reasons.len(), n, "one end for each choice");
        if more.get("logprobs").is_some() {
            let column = |name: &str| -> Vec<Value> {
                let of_event = |e: &Value| e["choices"][0]["logprobs"][name].as_array().cloned().unwrap_or_default();
                events.iter().flat_map(of_event).collect()
            };
            for name in ["tokens", "token_logprobs", "text_offset", "top_logprobs"] {
                assert_eq!(Value::from(column(name)), whole["choices"][0]["logprobs"][name], "{name}");
            }
        }
    }
}

#[test]
fn a_stop_string_across_tokens_ends_the_text_before_it() {
    let server = server(&[STORIES]);
    let whole = server.ok(PATH, &base());
    let expected = text(&whole, 0).split_once("e girl na").unwrap().0.to_owned();
    let stopped = server.ok(PATH, &with(&base(), &json!({"stop": ["nowhere", "e girl na"]})));
    assert_eq!((text(&stopped, 0), &stopped["choices"][0]["finish_reason"]), (expected.as_str(), &json!("stop")));
}

#[test]
fn choices_draw_from_their_own_streams_and_the_first_is_the_lone_one() {
    let server = server(&[STORIES]);
    let body = with(&base(), &json!({"temperature": 1.0, "seed": 11}));
    let lone = server.ok(PATH, &body);
    let four = server.ok(PATH, &with(&body, &json!({"n": 4})));
    assert_eq!(text(&four, 0), text(&lone, 0));
    let texts: std::collections::BTreeSet<&str> = (0..4).map(|i| text(&four, i)).collect();
    assert_eq!(texts.len(), 4, "{texts:?}");
    assert_eq!(four["usage"]["prompt_tokens"], lone["usage"]["prompt_tokens"], "one prompt");
    assert_eq!(
        server.ok(PATH, &with(&body, &json!({"n": 4})))["choices"],
        four["choices"],
        "the same seed, the same bytes"
    );
    let other = server.ok(PATH, &with(&body, &json!({"seed": 12})));
    assert_ne!(text(&other, 0), text(&lone, 0));
    // Without a seed, another text every time.
    let unseeded = json!({"prompt": "Once", "max_tokens": 30});
    assert_ne!(server.ok(PATH, &unseeded)["choices"], server.ok(PATH, &unseeded)["choices"]);
}

#[test]
fn the_best_of_several_is_kept() {
    let server = server(&[STORIES]);
    let body = with(&base(), &json!({"temperature": 1.5, "seed": 3, "logprobs": 0, "max_tokens": 12}));
    let all = server.ok(PATH, &with(&body, &json!({"n": 5})));
    let mean = |choice: &Value| {
        let logprobs = choice["logprobs"]["token_logprobs"].as_array().unwrap();
        logprobs.iter().map(|x| x.as_f64().unwrap()).sum::<f64>() / logprobs.len() as f64
    };
    let choices = all["choices"].as_array().unwrap();
    let best = choices.iter().max_by(|a, b| mean(a).total_cmp(&mean(b))).unwrap();
    let kept = server.ok(PATH, &with(&body, &json!({"best_of": 5})));
    assert_eq!(kept["choices"].as_array().unwrap().len(), 1);
    assert_eq!(kept["choices"][0]["text"], best["text"]);
    // All that were computed count.
    assert_eq!(kept["usage"]["completion_tokens"], all["usage"]["completion_tokens"]);
    server.refused(PATH, &with(&body, &json!({"best_of": 5, "stream": true})), "best_of");
    server.refused(PATH, &with(&body, &json!({"best_of": 1, "n": 2})), "best_of");
}

#[test]
fn prompts_in_all_forms() {
    let server = server(&[STORIES]);
    let body = |prompt: Value| with(&base(), &json!({"prompt": prompt, "max_tokens": 5, "echo": true}));
    // 1 is the beginning token, 403 "Once".
    let ids = server.ok(PATH, &body(json!([1, 403, 407])));
    let lists = server.ok(PATH, &body(json!([[1, 403, 407], [1, 403]])));
    assert_eq!(text(&ids, 0), text(&lists, 0));
    assert_eq!(lists["choices"][1]["index"], 1);
    let texts = server.ok(PATH, &body(json!(["Once", "One day"])));
    assert!(text(&texts, 0).starts_with("Once") && text(&texts, 1).starts_with("One day"));
    assert_eq!(texts["usage"]["completion_tokens"], 10);
    let two = server.ok(PATH, &with(&body(json!(["Once", "One day"])), &json!({"n": 2, "temperature": 1, "seed": 1})));
    let starts: Vec<bool> = (0..4).map(|i| text(&two, i).starts_with("Once")).collect();
    assert_eq!(starts, [true, true, false, false]);
    server.refused(PATH, &body(json!([])), "prompt");
    server.refused(PATH, &body(json!([999_999])), "prompt");
    server.refused(PATH, &with(&base(), &json!({"suffix": " end."})), "suffix");
}

#[test]
fn what_was_computed_before_is_cached() {
    let server = server(&[STORIES]);
    let prompt = "Once upon a time, there was a little girl named Lily. ".repeat(8);
    let body = json!({"prompt": prompt, "max_tokens": 3, "temperature": 0});
    let cached = |body: &Value| {
        let answer = server.ok(PATH, body);
        (answer["usage"]["prompt_tokens_details"]["cached_tokens"].as_u64().unwrap(), answer["choices"].clone())
    };
    let (cold, first) = cached(&body);
    let (warm, second) = cached(&body);
    assert_eq!((cold, first), (0, second));
    assert!(warm >= 64, "{warm} cached tokens");
    assert_eq!(cached(&with(&body, &json!({"cache_prompt": false}))).0, 0);
    // A salt of one's own shares with nobody else.
    assert_eq!(cached(&with(&body, &json!({"cache_salt": "a"}))).0, 0);
    assert!(cached(&with(&body, &json!({"cache_salt": "a"}))).0 >= 64);
    assert_eq!(cached(&with(&body, &json!({"cache_salt": "b"}))).0, 0);
}

#[test]
fn a_client_that_leaves_frees_its_sequence() {
    let server = server(&[STORIES]);
    let handle_stats = || server.app.models().loaded()[0].handle.stats();
    let body = with(&base(), &json!({"max_tokens": 480, "n": 8, "temperature": 1, "ignore_eos": true, "stream": true}));
    for n in 1..=5 {
        let mut client = server.connect();
        client.write(post_bytes(PATH, &body));
        assert!(client.head().starts_with("HTTP/1.1 200"));
        assert!(client.chunk().is_some());
        drop(client);
        server.wait_until_idle();
        // The figures are those of the last step, which may still be on its way.
        crate::loopback::wait("the cancelled choices to be counted", || handle_stats().n_cancelled >= n);
        let stats = handle_stats();
        assert_eq!(stats.n_running + stats.n_waiting, 0);
        assert_eq!(stats.pages_free + stats.pages_cached, stats.pages_total, "{stats:?}");
    }
    // The same for one that waits for the whole answer.
    let before = handle_stats().n_cancelled;
    let mut client = server.connect();
    client.write(post_bytes(PATH, &with(&body, &json!({"stream": false}))));
    while handle_stats().n_running == 0 {
        std::thread::yield_now();
    }
    drop(client);
    server.wait_until_idle();
    assert!(handle_stats().n_cancelled > before);
    assert_eq!(server.app.metrics().n_panics(), 0);
}

#[test]
fn a_request_ends_when_its_time_is_over() {
    let server = server(&[STORIES]);
    let body = with(&base(), &json!({"max_tokens": 480, "n": 16, "ignore_eos": true, "time_limit": 0.001}));
    let answer = server.ok(PATH, &body);
    assert_eq!(answer["choices"][0]["finish_reason"], "length");
    assert!(answer["usage"]["completion_tokens"].as_u64().unwrap() < 480 * 16);
    server.refused(PATH, &with(&base(), &json!({"time_limit": 0})), "time_limit");
}
