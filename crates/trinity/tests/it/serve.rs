//! `trinity serve`: the real process, its signals, its settings and what it says.

use std::{
    io::{Read, Write},
    net::{TcpListener, TcpStream},
    path::{Path, PathBuf},
    time::Instant,
};

use testkit::{Answer, Loopback};

use crate::{
    models,
    program::{command, trinity},
    server_process::{PATIENCE, Server, get, post},
};

fn file(name: &str, text: &str) -> PathBuf {
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("serve-{}-{name}", std::process::id()));
    std::fs::write(&path, text).unwrap();
    path
}

#[test]
fn it_answers_until_it_is_told_to_stop() {
    for signal in ["TERM", "INT"] {
        let (mut server, address) = Server::start(&[]);
        assert!(get(&address, "/health", "").ends_with(r#"{"status":"ok"}"#));
        server.signal(signal);
        assert_eq!(server.wait().code(), Some(0), "{signal}");
        let mut out = String::new();
        server.child.stdout.take().unwrap().read_to_string(&mut out).unwrap();
        assert_eq!(out, "", "talk goes to standard error");
    }
}

#[test]
fn a_completion_comes_and_is_counted() {
    let (server, address) = Server::start(&["--context", "256", "--kv-tokens", "512"]);
    assert!(server.said.iter().any(|l| l == "models   stories260k (loaded)"), "{:#?}", server.said);
    let ask = |model: &str| {
        let body = format!(r#"{{"model":"{model}","prompt":"Once upon a time","max_tokens":8,"temperature":0}}"#);
        post(&address, "/v1/completions", &body)
    };
    let answer = ask("stories260k");
    assert!(answer.starts_with("HTTP/1.1 200") && answer.contains("\"completion_tokens\":8"), "{answer}");
    assert!(ask("other").contains("\"model\":\"stories260k\""), "the only one is meant by any name");
    let (_strict, strict) = Server::start(&["--strict-model-name"]);
    let other = post(&strict, "/v1/completions", r#"{"model":"other","prompt":"a","max_tokens":1}"#);
    assert!(other.starts_with("HTTP/1.1 404"), "{other}");
    // The engine tells its figures between two steps, so perhaps after the answer is here.
    let end = Instant::now() + PATIENCE;
    let is_idle = |text: &str| text.lines().any(|l| l == "trinity_kv_pages_used{model=\"stories260k\"} 0");
    let mut metrics = get(&address, "/metrics", "");
    while !is_idle(&metrics) {
        assert!(Instant::now() < end, "pages are not given back: {metrics}");
        metrics = get(&address, "/metrics", "");
    }
    for line in [
        "trinity_completion_tokens_total{model=\"stories260k\"} 16",
        "trinity_generations_total{model=\"stories260k\",reason=\"length\"} 2",
        "trinity_kv_pages{model=\"stories260k\"} 16",
        "trinity_time_to_first_token_seconds_count{model=\"stories260k\"} 2",
        "trinity_engine_up{model=\"stories260k\"} 1",
        "trinity_panics_total 0",
    ] {
        assert!(metrics.lines().any(|l| l == line), "{line}: {metrics}");
    }
    assert!(get(&address, "/v1/loads", "").contains("\"max_total_num_tokens\":512"));
    assert!(get(&address, "/model_info", "").contains("\"model_type\":\"llama\""));
}

#[test]
fn clients_pull_models_where_they_may() {
    let bytes = models::story_model();
    let source = Loopback::start(move |request| Answer::file(request, &bytes, models::ETAG));
    let home = models::home_with(&source.url("/stories.gguf"));
    let start = |more: &[&str]| {
        let mut command = command(["serve", "--port", "0"].iter().chain(more));
        command.env("TRINITY_HOME", home.path());
        let mut server = Server::spawn(command);
        let address = server.address();
        (server, address)
    };
    let pull = r#"{"model":"story:q8"}"#;
    let (_closed, address) = start(&[]);
    assert!(post(&address, "/api/pull", pull).starts_with("HTTP/1.1 403"));
    assert!(source.requests().is_empty());

    let (mut server, address) = start(&["--allow-pull"]);
    let generate = r#"{"model":"story:q8","prompt":"Once upon a time","stream":false,"options":{"num_predict":4}}"#;
    assert!(post(&address, "/api/generate", generate).starts_with("HTTP/1.1 404"));
    for other in ["hf:a/b/c.gguf", &source.url("/other.gguf"), "/etc/passwd"] {
        assert!(
            post(&address, "/api/pull", &format!(r#"{{"model":"{other}"}}"#)).starts_with("HTTP/1.1 400"),
            "{other}"
        );
    }
    assert!(source.requests().is_empty());
    let told = post(&address, "/api/pull", pull);
    assert!(told.contains("Tell good stories.") && told.contains("\"total\":344256"), "{told}");
    assert!(told.contains(r#"{"status":"success"}"#), "{told}");
    assert!(get(&address, "/api/tags", "").contains("story:q8"));
    // Shown without being loaded.
    let shown = post(&address, "/api/show", pull);
    assert!(shown.contains("\"quantization_level\":\"Q8_0\"") && shown.contains("\"llama.block_count\":5"), "{shown}");
    assert!(!get(&address, "/api/ps", "").contains("story:q8"));
    let answer = post(&address, "/api/generate", generate);
    assert!(answer.starts_with("HTTP/1.1 200") && answer.contains("\"eval_count\":4"), "{answer}");
    assert!(post(&address, "/v1/messages", r#"{"model":"story:q8"}"#).contains("\"invalid_request_error\""));
    server.signal("TERM");
    assert_eq!(server.wait().code(), Some(0));
}

#[test]
fn a_model_that_cannot_be_served_is_named() {
    trinity(["serve", "no-such-model", "--port", "0"]).fails(1, &["no-such-model"]);
    let broken = file("broken.gguf", "no model");
    let name = broken.to_str().unwrap();
    trinity(["serve", name, "--port", "0"]).fails(1, &["broken.gguf"]);
    trinity(["serve", "stories260k", "stories260k", "--port", "0"]).fails(2, &["stories260k"]);
}

#[test]
fn the_second_signal_ends_it_at_once() {
    let (mut server, address) = Server::start(&["--drain-timeout", "3600"]);
    // A request that does not end keeps the drain going.
    let mut stream = TcpStream::connect(&address).unwrap();
    write!(stream, "GET /health HTTP/1.1\r\nHost: localhost\r\n\r\nPOST /none HTTP/1.1\r\n").unwrap();
    assert_ne!(stream.read(&mut [0; 16]).unwrap(), 0);
    server.signal("TERM");
    server.wait_for("stopping");
    server.signal("TERM");
    assert_eq!(server.wait().code(), Some(143));
}

#[test]
fn flags_win_over_the_environment_and_that_over_the_file() {
    let config = file(
        "settings.toml",
        "max-running = 3\nhost = [\"::1\"]\nlog-format = \"json\"\nlog-level = \"warn\"\nmetrics-compat = [\"vllm\"]\n",
    );
    let mut settings = command(["serve", "--log-level", "info"]);
    settings.env("TRINITY_CONFIG", &config).env("TRINITY_HOST", "127.0.0.1").env("TRINITY_PORT", "0");
    let mut server = Server::spawn(settings);
    let address = server.address();
    assert!(address.starts_with("127.0.0.1:"), "{address}");
    assert!(get(&address, "/metrics", "").contains("vllm:num_requests_running"));
    assert!(get(&address, "/server_info", "").contains("\"max_running_requests\":3"));
    let line = server.wait_for("/metrics");
    let event: serde_json::Value = serde_json::from_str(&line).unwrap();
    assert_eq!((event["level"].as_str(), event["status"].as_u64()), (Some("INFO"), Some(200)));
}

#[test]
fn what_is_wrong_with_the_settings_is_said_with_78() {
    // Somebody may have the default port.
    let serve = |arguments: &[&str]| trinity(["serve", "--port", "0"].iter().chain(arguments));
    let unknown = file("unknown.toml", "port = 1\nprot = 2\n");
    let name = unknown.to_str().unwrap();
    serve(&["--config", name]).fails(78, &[name, "unknown key", "prot"]);
    serve(&["--config", "/none.toml"]).fails(78, &["/none.toml"]);
    serve(&["--tls-cert", "a.pem"]).fails(78, &["--tls-key"]);
    serve(&["--tls-cert", "a.pem", "--tls-key", "b.pem"]).fails(78, &["a.pem"]);
    serve(&["--cors-origin", "app.example"]).fails(78, &["app.example"]);
    serve(&["--api-key-file", "/none"]).fails(78, &["/none"]);
    let keys = file("keys", "one secret-key\n");
    let outcome = serve(&["--api-key-file", keys.to_str().unwrap()]).fails(78, &["key 1"]);
    assert!(!outcome.stderr.contains("secret"), "{}", outcome.stderr);
    assert_eq!(trinity(["serve", "--port", "70000"]).code, 2);
}

#[test]
fn an_address_that_cannot_be_had_is_named() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    trinity(["serve", "--port", &port]).fails(1, &[&format!("127.0.0.1:{port}"), "in use"]);
    trinity(["serve", "--host", "192.0.2.1", "--port", "0"]).fails(1, &["192.0.2.1"]);
    trinity(["serve", "--host", "no-such-host.invalid"]).fails(1, &["no-such-host.invalid"]);
}

#[test]
fn keys_are_asked_for_and_never_logged() {
    let keys = file("keys.txt", "key-of-the-file\n");
    let mut settings = command(["serve", "--port", "0", "--log-level", "debug"]);
    settings.env("TRINITY_API_KEY", "key-of-the-environment").env("TRINITY_API_KEY_FILE", &keys);
    let mut server = Server::spawn(settings);
    let address = server.address();
    assert!(get(&address, "/version", "").starts_with("HTTP/1.1 401"));
    for key in ["key-of-the-environment", "key-of-the-file"] {
        assert!(get(&address, "/version", &format!("Authorization: Bearer {key}\r\n")).starts_with("HTTP/1.1 200"));
    }
    get(&address, "/version?key=key-of-the-query", "x-api-key: key-of-a-stranger\r\n");
    get(&address, "/%1b[31m%0a\u{1b}", "");
    get(&address, "/last", "");
    server.wait_for("path=/last");
    let log = server.said.join("\n");
    assert!(log.contains("status=401") && log.contains("status=200"), "{log}");
    assert!(!log.contains("key-of"), "{log}");
    assert!(!log.contains('\u{1b}'), "{log}");
    server.signal("TERM");
    assert_eq!(server.wait().code(), Some(0));
}

#[test]
fn no_word_of_prompts_and_answers_is_logged() {
    let (mut server, address) = Server::start(&[]);
    let word = "Rumpelstiltskin";
    let asked = [
        ("/v1/completions", format!(r#"{{"prompt":"Once {word}","max_tokens":20,"temperature":0}}"#)),
        ("/v1/completions", format!(r#"{{"prompt":{{"{word}":1}}}}"#)),
        ("/v1/completions", format!(r#"{{"prompt":"a","temperature":"{word}"}}"#)),
        ("/v1/completions", format!(r#"{{"prompt":"{word}","#)),
        ("/v1/chat/completions", format!(r#"{{"messages":[{{"role":"user","content":"{word}"}}]}}"#)),
        ("/api/generate", format!(r#"{{"prompt":"{word}","options":{{"num_predict":5}}}}"#)),
        ("/v1/embeddings", format!(r#"{{"input":"{word}"}}"#)),
        ("/tokenize", format!(r#"{{"content":"{word}"}}"#)),
    ];
    let mut story = String::new();
    for (i, (path, body)) in asked.iter().enumerate() {
        let answer = post(&address, path, body);
        if i == 0 {
            story = answer.split("\"text\":\"").nth(1).unwrap().split('"').next().unwrap().to_owned();
        }
    }
    assert!(story.len() > 20, "{story}");
    let metrics = get(&address, "/metrics", "");
    get(&address, "/last", "");
    server.wait_for("path=/last");
    let log = server.said.join("\n");
    assert!(log.contains("path=/v1/completions") && log.contains("status=400"), "{log}");
    for secret in [word, story.get(..12).unwrap()] {
        assert!(!log.contains(secret), "{secret:?}: {log}");
        assert!(!metrics.contains(secret), "{secret:?}: {metrics}");
    }
}

/// As by Ctrl-Z, a debugger, or a machine that sleeps.
#[test]
fn a_server_that_was_stopped_goes_on() {
    let (server, address) = Server::start(&["--context", "4096", "--attention-window", "256"]);
    let body = r#"{"prompt":"Once","max_tokens":1500,"n":8,"ignore_eos":true,"stream":true}"#;
    let mut stream = TcpStream::connect(&address).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    let head = "Host: localhost\r\nConnection: close\r\nContent-Type: application/json";
    write!(stream, "POST /v1/completions HTTP/1.1\r\n{head}\r\nContent-Length: {}\r\n\r\n{body}", body.len()).unwrap();
    let mut slow = TcpStream::connect(&address).unwrap();
    slow.set_read_timeout(Some(PATIENCE)).unwrap();
    write!(slow, "GET /health HTTP/1.1\r\nHost: loc").unwrap();
    let mut first = [0; 100];
    stream.read_exact(&mut first).unwrap();
    server.signal("STOP");
    std::thread::sleep(std::time::Duration::from_secs(2));
    server.signal("CONT");
    let mut text = String::from_utf8(first.to_vec()).unwrap();
    stream.read_to_string(&mut text).unwrap();
    assert!(
        text.contains("data: [DONE]") && !text.contains("\"error\""),
        "{}",
        text.get(text.len().saturating_sub(300)..).unwrap_or_default()
    );
    write!(slow, "alhost\r\nConnection: close\r\n\r\n").unwrap();
    let mut health = String::new();
    slow.read_to_string(&mut health).unwrap();
    assert!(health.starts_with("HTTP/1.1 200"), "{health}");
    let negative = |line: &&str| !line.starts_with('#') && line.rsplit(' ').next().is_some_and(|n| n.starts_with('-'));
    assert_eq!(get(&address, "/metrics", "").lines().find(negative), None);
}

#[test]
fn who_is_reachable_without_a_key_is_warned() {
    let (server, address) = Server::start(&["--host", "0.0.0.0"]);
    assert!(server.said.iter().any(|l| l.starts_with("warning:")), "{:#?}", server.said);
    let port = address.rsplit(':').next().unwrap();
    assert!(get(&format!("127.0.0.1:{port}"), "/health", "").starts_with("HTTP/1.1 200"));
    let (server, _) = Server::start(&["--host", "0.0.0.0", "--api-key", "k"]);
    assert!(!server.said.iter().any(|l| l.starts_with("warning:")), "{:#?}", server.said);
    let (server, _) = Server::start(&[]);
    assert!(!server.said.iter().any(|l| l.starts_with("warning:")), "{:#?}", server.said);
}

#[test]
fn a_unix_socket_goes_with_its_server() {
    use std::os::unix::net::UnixStream;
    let path = file("socket", "");
    std::fs::remove_file(&path).unwrap();
    let name = path.to_str().unwrap();
    let mut server = Server::spawn(command(["serve", "--unix-socket", name]));
    server.wait_for(&format!("listening on unix:{name}"));
    let mut stream = UnixStream::connect(&path).unwrap();
    stream.write_all(b"GET /health HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").unwrap();
    let mut text = String::new();
    stream.read_to_string(&mut text).unwrap();
    assert!(text.starts_with("HTTP/1.1 200"), "{text}");
    trinity(["serve", "--unix-socket", name]).fails(1, &[name]);
    server.signal("TERM");
    assert_eq!(server.wait().code(), Some(0));
    assert!(!path.exists());
}

#[test]
fn a_line_written_for_llama_server_starts_it() {
    let line = [
        "-a",
        "gpt-4o,other",
        "-c",
        "256",
        "-np",
        "3",
        "-n",
        "5",
        "-ngl",
        "99",
        "-fa",
        "on",
        "--jinja",
        "--metrics",
        "--no-webui",
        "-ctk",
        "f16",
        "-ctv",
        "f16",
        "-b",
        "512",
        "-ub",
        "512",
        "-tb",
        "2",
        "--no-mmap",
        "--cont-batching",
        "--timeout",
        "600",
        "--embeddings",
        "-s",
        "42",
    ];
    let (server, address) = Server::start(&line);
    let said: Vec<&String> = server.said.iter().filter(|line| line.starts_with("ignored, ")).collect();
    assert!(said.len() == 1 && said[0].contains("-ngl 99, -fa on, --jinja, "), "{:#?}", server.said);
    assert!(server.said.iter().any(|line| line.starts_with("models   gpt-4o (loaded)")), "{:#?}", server.said);
    assert!(get(&address, "/server_info", "").contains("\"max_running_requests\":3"));
    assert!(get(&address, "/props", "").contains("\"seed\":42,"));
    assert!(get(&address, "/metrics", "").contains("llamacpp:requests_processing 0"));
    for name in ["gpt-4o", "other", "stories260k"] {
        let answer =
            post(&address, "/api/generate", &format!(r#"{{"model":"{name}","prompt":"Once","stream":false}}"#));
        assert!(
            answer.contains("\"eval_count\":5") && answer.contains("\"done_reason\":\"length\""),
            "{name}: {answer}"
        );
    }
    let models = get(&address, "/v1/models", "");
    assert!(models.contains("\"id\":\"gpt-4o\"") && models.contains("\"n_ctx\":256"), "{models}");
    assert!(!get(&address, "/", "Accept: text/html\r\n").contains("<html"), "no page");
    trinity(["serve", "--typical", "0.7"]).fails(2, &["--typical", "requests say it"]);
    trinity(["serve", "--mmproj", "a.gguf"]).fails(2, &["--mmproj", "only text is read"]);
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/../../models/stories260k/stories260K-f32.gguf");
    trinity(["serve", "stories260k", file, "-a", "stories260K-f32"])
        .fails(2, &["two models are called", "stories260K-f32"]);
}
