//! Every limit of the table: what is at it passes, what is one over is refused.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use server::{
    ServerOptions,
    auth::{KeyFileFormat, Keys},
    limits::{self, Limit},
};

use crate::{
    loopback::{Answer, Loopback},
    openai::support::{FILLS, STORIES, post_bytes, server, with},
};

const COMPLETIONS: &str = "/v1/completions";

/// Sends `n` of what the limit `name` counts; returns whether that was taken.
fn is_taken(server: &Loopback, name: &str, n: usize) -> bool {
    let post = |path: &str, body: &Value| server.send(post_bytes(path, body));
    let get =
        |path: &str, headers: &str| server.send(format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n{headers}\r\n"));
    let ok = |answer: Answer| {
        assert!([200, 400, 404, 413, 431].contains(&answer.status), "{name} {n}: {answer:?}");
        answer.status == 200
    };
    let completion = json!({"model": STORIES, "prompt": "a", "max_tokens": 1});
    let asks = |more: Value| ok(post(COMPLETIONS, &with(&completion, &more)));
    let texts = |text: &'static str| vec![text; n];
    let keys = |text: &str| Keys::parse("k", text, KeyFileFormat::Lines).is_ok();
    match name {
        "request body" => {
            let body = completion.to_string();
            let body = format!("{body}{}", " ".repeat(n - body.len()));
            let head = "Host: localhost\r\nContent-Type: application/json";
            ok(server.send(format!("POST {COMPLETIONS} HTTP/1.1\r\n{head}\r\nContent-Length: {n}\r\n\r\n{body}")))
        }
        "request head" => {
            let rest = "GET /health HTTP/1.1\r\nHost: localhost\r\nX: \r\n\r\n".len();
            ok(get("/health", &format!("X: {}\r\n", "y".repeat(n - rest))))
        }
        "request headers" => ok(get("/health", &(1..n).map(|i| format!("X-{i}: y\r\n")).collect::<String>())),
        "request url" => ok(get(&format!("/health?{}", "a".repeat(n - "/health?".len())), "")),
        "request id" => {
            let id = "a".repeat(n);
            get("/health", &format!("X-Request-Id: {id}\r\n")).header("x-request-id") == Some(&id)
        }
        "json depth" => {
            let body = format!(
                "{{\"prompt\": \"a\", \"max_tokens\": 1, \"user\": {}{}}}",
                "[".repeat(n - 1),
                "]".repeat(n - 1)
            );
            ok(server.send(format!(
                "POST {COMPLETIONS} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
                body.len()
            )))
        }
        "api keys" => keys(&(0..n).map(|i| format!("key-{i:08}\n")).collect::<String>()),
        "api key file" => keys(&format!("key-00000000\n#{}", "x".repeat(n - "key-00000000\n#".len()))),
        "api key" => keys(&"k".repeat(n)),
        "messages" => {
            // The model has no template, so that nothing is rendered: what is refused before is what counts.
            let messages = vec![json!({"role": "user", "content": "a"}); n];
            !post("/api/chat", &json!({"model": STORIES, "messages": messages}))
                .text()
                .contains(&format!("{n} messages"))
        }
        "stop strings" => asks(json!({"stop": texts("zzz")})),
        "stop string" => asks(json!({"stop": "z".repeat(n)})),
        "choices (n)" => asks(json!({"n": n})),
        "top_logprobs" => asks(json!({"logprobs": n})),
        "logit_bias" => {
            // The vocabulary is small, so ids beyond it are refused too, but for another reason.
            let biases: BTreeMap<String, f64> = (0..n).map(|id| (id.to_string(), 1.0)).collect();
            let answer = post(COMPLETIONS, &with(&completion, &json!({"logit_bias": biases})));
            !answer.text().contains(&format!("{n} entries"))
        }
        // Those of the vocabulary are enough.
        "stop tokens" => asks(json!({"stop_token_ids": (0..n).collect::<Vec<_>>()})),
        "tools" => {
            let tool = |i: usize| json!({"type": "function", "function": {"name": format!("t{i}")}});
            let tools: Vec<Value> = (0..n).map(tool).collect();
            let body = json!({"messages": [{"role": "user", "content": "a"}], "tools": tools});
            !post("/v1/chat/completions", &body).text().contains(&format!("{n} tools"))
        }
        "inputs" => ok(post("/v1/embeddings", &json!({"input": texts("a")}))),
        "embedding numbers without pooling" => {
            // The model's vectors have 64; the prompt is too long in any case, which is seen later.
            let body = json!({"model": "unpooled", "content": vec![7; n.div_ceil(64)]});
            !post("/embedding", &body).text().contains(" numbers, at most")
        }
        "prompt log-probabilities" => {
            let mut prompts = vec![vec![7; n / 64]; 64];
            prompts[0].resize(n / 64 + n % 64, 7);
            let body = json!({"prompt": prompts, "prompt_logprobs": 0, "max_tokens": 1});
            !post(COMPLETIONS, &body).text().contains(" tokens of prompts with")
        }
        "prompts" => asks(json!({"prompt": texts("a")})),
        "input files" => {
            let files = vec![json!({"text": ""}); n];
            let body =
                json!({"model": FILLS, "input_prefix": "a", "input_suffix": "b", "n_predict": 1, "input_extra": files});
            !post("/infill", &body).text().contains(&format!("{n} files"))
        }
        "samplers" => ok(post("/completion", &json!({"prompt": "a", "n_predict": 1, "samplers": texts("top_k")}))),
        "indentation (n_indent)" => ok(post("/completion", &json!({"prompt": "a", "n_predict": 1, "n_indent": n}))),
        "response fields" => {
            ok(post("/completion", &json!({"prompt": "a", "n_predict": 1, "response_fields": texts("content")})))
        }
        other => panic!("the limit {other:?} has no test"),
    }
}

#[test]
fn one_over_each_limit_is_refused() {
    let server = server(&[STORIES, FILLS, "unpooled"]);
    let options = ServerOptions::default();
    for Limit { name, value, .. } in limits::TABLE {
        let n = usize::try_from(*value).unwrap();
        match *name {
            // Of connections and time; what happens beyond them is tested with smaller ones, as in
            // `connections.rs::more_connections_than_places_wait` and
            // `connections.rs::who_dribbles_is_shown_the_door_and_others_are_served`.
            "connections" => assert_eq!(options.connections_max, n),
            "head read timeout" => assert_eq!(options.head_timeout.as_secs(), *value),
            "body read timeout" => assert_eq!(options.body_timeout.as_secs(), *value),
            "write timeout" => assert_eq!(options.write_timeout.as_secs(), *value),
            "tls handshake timeout" => assert_eq!(limits::HANDSHAKE_TIMEOUT.as_secs(), *value),
            // Of memory (kept.rs).
            "responses kept" => assert_eq!(options.responses_max, n),
            "memory of responses kept" => assert_eq!(options.responses_bytes_max, n),
            "time responses are kept" => assert_eq!(limits::RESPONSES_AGE_MAX.as_secs(), *value),
            // Of numbers that several fields come to together (llamacpp/completion.rs).
            "log-probabilities" => assert_eq!(limits::LOGPROBS_MAX, n),
            // Some of it waits in other buffers (departures.rs).
            "sent ahead of an answer" => assert_eq!(limits::PIPELINED_BYTES_MAX, n),
            // Of what the server does at once for all (src/blocking.rs, ollama/pull.rs).
            "threads for long work" => assert_eq!(options.workers_max, n),
            "requests waiting for one" => assert_eq!(options.work_queued_max, n),
            "pulls" => assert_eq!(limits::PULLS_MAX, n),
            name => {
                assert!(is_taken(&server, name, n), "{name}: {n}");
                assert!(!is_taken(&server, name, n + 1), "{name}: one over {n}");
            }
        }
    }
    assert_eq!(server.app.metrics().n_panics(), 0);
}
