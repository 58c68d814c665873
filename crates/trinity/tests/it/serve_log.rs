//! What `trinity serve` writes: four lines when it is ready, then one line a request with what it cost.

use std::{io::Write, net::TcpStream, time::Instant};

use serde_json::{Value, json};

use crate::{
    program::command,
    server_process::{PATIENCE, Server, get, post},
};

/// A server that can chat, and logs JSON from `level` on.
fn start(level: &str) -> (Server, String) {
    let template = "{% for m in messages %}{{ m.content }}{% endfor %}";
    Server::start(&["--chat-template", template, "--log-format", "json", "--log-level", level])
}

/// The line of the request that is logged next for `path`.
fn logged(server: &mut Server, path: &str) -> Value {
    let line = server.wait_for(&format!("\"path\":\"{path}\""));
    serde_json::from_str(&line).unwrap_or_else(|e| panic!("{e}: {line}"))
}

#[test]
fn four_lines_say_what_is_served_and_where() {
    let (server, address) = Server::start(&["--context", "256", "--kv-tokens", "512", "-t", "1"]);
    let [.., models, context, machine, listening] = server.said.as_slice() else { panic!("{:#?}", server.said) };
    assert_eq!(models, "models   stories260k (loaded)");
    assert_eq!(context, "context  256 tokens a request, 512 for all together; up to 64 sequences at once");
    assert!(machine.starts_with("machine  1 thread, ") && machine.contains(" of memory taken"), "{machine}");
    assert_eq!(
        *listening,
        format!(
            "listening on http://{address} (chat page; Anthropic, Ollama and llama.cpp APIs), /v1 (OpenAI API), /docs \
             (documentation)"
        )
    );
    for path in ["/docs", "/v1/models", "/api/tags", "/props"] {
        assert!(get(&address, path, "").starts_with("HTTP/1.1 200"), "{path}");
    }
    let (server, address) = Server::start(&["--no-page"]);
    let listening = server.said.last().unwrap();
    assert!(listening.starts_with(&format!("listening on http://{address} (Anthropic, ")), "{listening}");
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/../../models/stories260k/stories260K-f32.gguf");
    let mut command = command(["serve", "stories260k", file, "--port", "0"]);
    command.env("TRINITY_LOG_LEVEL", "warn");
    let mut server = Server::spawn(command);
    server.address();
    let expected = "models   stories260k (loaded), stories260K-f32 (loaded when asked for)";
    assert!(server.said.iter().any(|line| line == expected), "{:#?}", server.said);
}

#[test]
fn each_request_says_what_it_cost_whatever_the_api() {
    let (mut server, address) = start("info");
    let messages = json!([{"role": "user", "content": "Once upon a time"}]);
    let prompt = "Once upon a time";
    for (path, body) in [
        ("/v1/completions", json!({"prompt": prompt, "max_tokens": 6})),
        ("/v1/chat/completions", json!({"messages": messages, "max_tokens": 6})),
        ("/v1/responses", json!({"input": prompt, "max_output_tokens": 6})),
        ("/v1/messages", json!({"model": "stories260k", "messages": messages, "max_tokens": 6})),
        ("/api/generate", json!({"model": "stories260k", "prompt": prompt, "options": {"num_predict": 6}})),
        ("/api/chat", json!({"model": "stories260k", "messages": messages, "options": {"num_predict": 6}})),
        ("/completion", json!({"prompt": prompt, "n_predict": 6})),
    ] {
        for stream in [false, true] {
            let mut body = body.clone();
            body["stream"] = stream.into();
            let answer = post(&address, path, &body.to_string());
            assert!(answer.starts_with("HTTP/1.1 200"), "{path}: {answer}");
            let event = logged(&mut server, path);
            let what = format!("{path}, stream {stream}: {event}");
            assert_eq!((&event["status"], &event["end"]), (&json!(200), &json!("complete")), "{what}");
            assert_eq!((&event["model"], &event["completion_tokens"]), (&json!("stories260k"), &json!(6)), "{what}");
            let n_prompt = event["prompt_tokens"].as_u64().unwrap();
            assert!((4..12).contains(&n_prompt), "{what}");
            assert!(event["cached_tokens"].as_u64().unwrap() < n_prompt, "{what}");
            assert!(event["ttft_ms"].as_u64().unwrap() <= event["ms"].as_u64().unwrap(), "{what}");
            assert!(event["tokens_per_second"].as_f64().unwrap() > 0.0, "{what}");
        }
    }
    for (path, body) in [
        ("/v1/embeddings", json!({"input": [prompt, "A dog"]})),
        ("/api/embed", json!({"model": "stories260k", "input": [prompt, "A dog"]})),
        ("/embedding", json!({"content": prompt})),
    ] {
        assert!(post(&address, path, &body.to_string()).starts_with("HTTP/1.1 200"), "{path}");
        let event = logged(&mut server, path);
        assert_eq!((&event["model"], &event["completion_tokens"]), (&json!("stories260k"), &json!(0)), "{event}");
        assert!(event["prompt_tokens"].as_u64().unwrap() >= 4 && event["ttft_ms"].is_null(), "{event}");
    }
    get(&address, "/props", "");
    let event = logged(&mut server, "/props");
    assert!(event["model"].is_null() && event["prompt_tokens"].is_null(), "no model worked: {event}");
}

#[test]
fn what_was_cached_and_all_choices_are_counted() {
    let (mut server, address) = start("info");
    let ask = |body: Value| assert!(post(&address, "/v1/completions", &body.to_string()).starts_with("HTTP/1.1 200"));
    let long = "Once upon a time there was a little girl. ".repeat(12);
    ask(json!({"prompt": long, "max_tokens": 2}));
    let first = logged(&mut server, "/v1/completions");
    ask(json!({"prompt": long, "max_tokens": 3, "n": 2}));
    let again = logged(&mut server, "/v1/completions");
    assert_eq!(first["cached_tokens"], 0, "{first}");
    assert_eq!((&again["prompt_tokens"], &again["completion_tokens"]), (&first["prompt_tokens"], &json!(6)), "{again}");
    assert!(again["cached_tokens"].as_u64().unwrap() >= 32, "{again}");
    ask(json!({"prompt": ["A dog", "A cat"], "max_tokens": 3}));
    let two = logged(&mut server, "/v1/completions");
    assert_eq!(two["completion_tokens"], 6, "{two}");
}

#[test]
fn a_client_that_leaves_has_its_line_too() {
    let (mut server, address) = start("info");
    for (stream, status) in [(true, 200), (false, 499)] {
        let body =
            json!({"prompt": "Once", "max_tokens": 400, "n": 16, "ignore_eos": true, "stream": stream}).to_string();
        let mut client = TcpStream::connect(&address).unwrap();
        let head = "POST /v1/completions HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n";
        write!(client, "{head}Content-Length: {}\r\n\r\n{body}", body.len()).unwrap();
        let until = |is_processing: bool| {
            let end = Instant::now() + PATIENCE;
            while get(&address, "/slots", "").contains("\"is_processing\":true") != is_processing {
                assert!(Instant::now() < end, "it does not begin or end");
            }
        };
        until(true);
        drop(client);
        // Else the next client would take this one's work for its own, and leave before its own begins.
        until(false);
        let event = logged(&mut server, "/v1/completions");
        assert_eq!((&event["status"], &event["end"]), (&json!(status), &json!("cut")), "{event}");
        assert_eq!(event["model"], "stories260k", "{event}");
        assert!(event["prompt_tokens"].as_u64().unwrap() > 0 && event["cached_tokens"].is_u64(), "{event}");
        assert!(event["completion_tokens"].as_u64().unwrap() < 16 * 400, "{event}");
    }
}

#[test]
fn files_of_the_page_are_in_the_log_at_debug_alone() {
    let files = ["/page/app.js", "/page/page.css", "/docs", "/page/docs.js"];
    for (level, is_logged) in [("info", false), ("debug", true)] {
        let (mut server, address) = start(level);
        assert!(get(&address, "/", "Accept: text/html\r\n").contains("<html"));
        for path in files {
            assert!(get(&address, path, "").starts_with("HTTP/1.1 200"), "{path}");
        }
        get(&address, "/page/none.js", "");
        get(&address, "/last", "");
        logged(&mut server, "/last");
        let has = |path: &str| server.said.iter().any(|line| line.contains(&format!("\"path\":\"{path}\"")));
        for path in files.into_iter().chain(["/"]) {
            assert_eq!(has(path), is_logged, "{level}: {path}");
        }
        assert!(has("/page/none.js"), "what is no file is a request like others");
    }
}
