//! Stopping in good order.

use std::{
    sync::atomic::Ordering,
    time::{Duration, Instant},
};

use serde_json::json;
use server::{ServerOptions, lifecycle::Phase, models::Models};

use crate::{
    loopback::Loopback,
    openai::support::{SMOLLM2, TestLoader, post_bytes, with},
    routes::{self, Seen},
};

fn start(drain: Duration) -> (Loopback, Seen) {
    let seen = Seen::default();
    let options = ServerOptions { drain_timeout: drain, ..ServerOptions::default() };
    (Loopback::with(options, routes::routes(&seen), Vec::new(), None), seen)
}

#[test]
fn what_runs_ends_well_and_nothing_new_begins() {
    let (server, seen) = start(Duration::from_mins(1));
    let mut running = server.connect();
    running.write("GET /test/drip HTTP/1.1\r\nHost: localhost\r\n\r\n");
    running.head();
    running.chunk().unwrap();
    let mut idle = server.connect();
    idle.write("GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n");
    assert_eq!(idle.answer().unwrap().status, 200);
    server.drain();
    assert!(idle.is_closed(), "nobody waits for an idle connection");
    let health = server.get("/health");
    assert_eq!((health.status, health.json()["status"].as_str()), (503, Some("stopping")));
    assert_eq!(server.get("/health/live").status, 200);
    let refused = server.get("/version");
    assert_eq!((refused.status, refused.header("connection")), (503, Some("close")));
    assert!(refused.header("retry-after").is_some());
    running.chunk().expect("what runs goes on");
    seen.finish.store(true, Ordering::SeqCst);
    while running.chunk().is_some() {}
    let start = Instant::now();
    server.join();
    assert!(start.elapsed() < Duration::from_secs(20), "it ends when the last stream does");
}

#[test]
fn what_runs_too_long_is_cut_off() {
    let (server, seen) = start(Duration::from_millis(200));
    let mut running = server.connect();
    running.write("GET /test/drip HTTP/1.1\r\nHost: localhost\r\n\r\n");
    running.head();
    let app = server.app.clone();
    server.drain();
    server.join();
    assert!(running.is_closed());
    seen.wait_for_no_stream();
    assert_eq!((app.lifecycle().phase(), app.metrics().n_active()), (Phase::Cancelled, 0));
}

#[test]
fn a_stream_that_is_cut_off_ends_with_an_error() {
    let models = Models::new(Box::new(TestLoader::of(&[SMOLLM2])), server::models::ModelsOptions::default());
    let options = ServerOptions { drain_timeout: Duration::ZERO, ..ServerOptions::default() };
    let server = Loopback::with_models(options, models);
    let message = json!({"messages": [{"role": "user", "content": "Tell me a long story of a lighthouse."}]});
    let long = json!({"model": SMOLLM2, "stream": true, "max_tokens": 450});
    let openai = with(&long, &json!({"ignore_eos": true}));
    let chat = with(&message, &openai);
    let text = with(&openai, &json!({"prompt": "A long story:"}));
    let llamacpp = json!({"prompt": "A long story:", "stream": true, "n_predict": 450, "ignore_eos": true});
    let ollama = with(&message, &json!({"model": SMOLLM2, "options": {"num_predict": 450, "temperature": 0}}));
    let responses =
        json!({"model": SMOLLM2, "stream": true, "input": "A long story, please.", "max_output_tokens": 450});
    let requests = [
        ("/v1/chat/completions", chat, "data: {\"error\":{"),
        ("/v1/completions", text.clone(), "data: {\"error\":{"),
        ("/v1/responses", responses, "event: error\ndata: {"),
        ("/v1/messages", with(&message, &long), "event: error\ndata: {\"type\":\"error\""),
        ("/completion", llamacpp, "data: {\"error\":{"),
        ("/api/chat", ollama, "{\"error\":"),
    ];
    let start = |(path, body, expected)| {
        let mut client = server.connect();
        client.write(post_bytes(path, &body));
        let head = client.head();
        assert!(head.starts_with("HTTP/1.1 200"), "{path}: {head}");
        client.chunk().unwrap();
        (path, client, expected)
    };
    let streams: Vec<_> = requests.into_iter().map(start).collect();
    let mut whole = server.connect();
    whole.write(post_bytes("/v1/completions", &with(&text, &json!({"stream": false}))));
    // In the engine, so that it is no new request.
    crate::loopback::wait("the request without a stream", || server.app.metrics().n_active() == 7);
    server.drain();
    server.join();
    for (path, mut client, expected) in streams {
        let mut text = String::new();
        while let Some(chunk) = client.chunk() {
            text += std::str::from_utf8(&chunk).unwrap();
        }
        let (_, last) = text.rsplit_once(expected).unwrap_or_else(|| panic!("{path}: {text}"));
        assert!(last.contains("the server is stopping"), "{path}: {last}");
        assert!(!text.contains("[DONE]"), "{path}: {text}");
    }
    let answer = whole.answer().unwrap();
    assert_eq!(answer.status, 503, "{}", answer.text());
}

#[test]
fn a_phase_never_goes_back() {
    let (server, _) = start(Duration::from_mins(1));
    server.drain();
    server.app.lifecycle().advance(Phase::Ready);
    assert!(server.app.lifecycle().phase() >= Phase::Draining);
}
