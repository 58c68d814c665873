//! Many at once: the same bytes as alone, others' slowness is not felt, and everything is counted.

use serde_json::{Value, json};

use super::support::{STORIES, post_bytes, server, with};
use crate::loopback::Loopback;

const PATH: &str = "/v1/completions";

fn body(seed: u64) -> Value {
    json!({"model": STORIES, "prompt": format!("Once upon a time {seed}"), "max_tokens": 60, "temperature": 1.0, "seed": seed})
}

/// Returns the value of a model's metric.
fn metric(server: &Loopback, name: &str) -> f64 {
    server.metric(&format!("{name}{{model=\"{STORIES}\"}}"))
}

#[test]
fn equal_requests_get_equal_bytes_under_any_load() {
    let alone: Vec<Value> = {
        let server = server(&[STORIES]);
        (0..16).map(|seed| server.ok(PATH, &body(seed))["choices"].clone()).collect()
    };
    let server = server(&[STORIES]);
    for _ in 0..2 {
        std::thread::scope(|scope| {
            for (seed, expected) in (0..).zip(&alone) {
                let server = &server;
                scope.spawn(move || {
                    let more = if seed % 2 == 0 { json!({}) } else { json!({"stream": false, "priority": 5}) };
                    assert_eq!(server.ok(PATH, &with(&body(seed), &more))["choices"], *expected, "seed {seed}");
                });
            }
        });
    }
    server.wait_until_idle();
}

#[test]
fn a_reader_that_takes_nothing_holds_up_nobody_and_loses_nothing() {
    let server = server(&[STORIES]);
    let long = json!({
        "model": STORIES, "prompt": "Once", "max_tokens": 480, "n": 8, "temperature": 1, "seed": 9, "ignore_eos": true, "logprobs": 5,
    });
    let mut slow = server.connect();
    slow.write(post_bytes(PATH, &with(&long, &json!({"stream": true}))));
    assert!(slow.head().starts_with("HTTP/1.1 200"));
    for seed in 0..4 {
        server.ok(PATH, &body(seed));
    }
    let mut text = Vec::new();
    while let Some(chunk) = slow.chunk() {
        text.extend(chunk);
    }
    let text = String::from_utf8(text).unwrap();
    assert!(text.ends_with("data: [DONE]\n\n"));
    let mut texts = vec![String::new(); 8];
    for data in text.split("\n\n").filter_map(|event| event.strip_prefix("data: {")) {
        let event: Value = serde_json::from_str(&format!("{{{data}")).unwrap();
        let choice = &event["choices"][0];
        texts[choice["index"].as_u64().unwrap() as usize] += choice["text"].as_str().unwrap();
    }
    let whole = server.ok(PATH, &long);
    let expected: Vec<&str> = (0..8).map(|i| whole["choices"][i]["text"].as_str().unwrap()).collect();
    assert_eq!(texts, expected);
}

#[test]
fn tokens_and_times_are_counted() {
    let server = server(&[STORIES]);
    let (mut n_prompt, mut n_completion) = (0.0, 0.0);
    for more in [json!({}), json!({"n": 3}), json!({})] {
        let usage = server.ok(PATH, &with(&body(1), &more))["usage"].clone();
        n_prompt += usage["prompt_tokens"].as_f64().unwrap();
        n_completion += usage["completion_tokens"].as_f64().unwrap();
    }
    server.wait_until_idle();
    assert_eq!(metric(&server, "trinity_prompt_tokens_total"), n_prompt);
    assert_eq!(metric(&server, "trinity_completion_tokens_total"), n_completion);
    assert_eq!(metric(&server, "trinity_time_to_first_token_seconds_count"), 3.0);
    assert_eq!(
        metric(&server, "trinity_inter_token_seconds_count"),
        n_completion - 5.0,
        "one less than tokens for each choice"
    );
    assert!(metric(&server, "trinity_prefill_seconds_sum") > 0.0);
    assert_eq!(server.metric("trinity_panics_total"), 0.0);
}
