//! Pulls by `/api/pull`.

use std::{
    ops::ControlFlow,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use serde_json::{Value, json};
use server::{
    ServerOptions,
    auth::{KeyFileFormat, Keys},
    limits::PULLS_MAX,
    models::{LoadFailure, Models, PullProgress, Puller},
};

use super::support::lines;
use crate::{
    loopback::{Client, Loopback, PATIENCE, wait},
    openai::support::{post_bytes, smollm2, with},
};

const PULL: &str = "/api/pull";
const NAMES: [&str; 3] = ["tiny:1m", "broken", "endless"];

/// A puller that knows three models: one comes at once, one fails, one takes until its client goes.
#[derive(Debug, Default)]
struct TestPuller {
    pulled: Mutex<Vec<String>>,
    n_running: AtomicUsize,
    was_cancelled: AtomicBool,
}

impl Puller for TestPuller {
    fn find(&self, name: &str) -> Option<String> {
        let name = if name == "tiny" { "tiny:1m" } else { name };
        NAMES.contains(&name).then(|| name.to_owned())
    }

    fn names(&self) -> Vec<String> {
        NAMES.map(str::to_owned).to_vec()
    }

    fn pull(&self, name: &str, report: &mut dyn FnMut(PullProgress<'_>) -> ControlFlow<()>) -> Result<(), LoadFailure> {
        self.n_running.fetch_add(1, Ordering::SeqCst);
        let start = Instant::now();
        let mut completed = 0;
        let result = loop {
            completed += 500;
            let progress = PullProgress::Bytes { digest: "0123456789abcdef", completed, total: Some(1000) };
            if report(progress).is_break() {
                self.was_cancelled.store(true, Ordering::SeqCst);
                break Err(LoadFailure { message: "cancelled".to_owned() });
            }
            match name {
                "broken" => break Err(LoadFailure { message: "the checksum differs".to_owned() }),
                "endless" => assert!(start.elapsed() < PATIENCE, "nobody stopped it"),
                _ if completed >= 1000 => break Ok(()),
                _ => {}
            }
            std::thread::sleep(Duration::from_millis(1));
        };
        if result.is_ok() {
            let _ = report(PullProgress::Status("verifying sha256 digest"));
            self.pulled.lock().unwrap().push(name.to_owned());
        }
        self.n_running.fetch_sub(1, Ordering::SeqCst);
        result
    }
}

fn start() -> (Loopback, Arc<TestPuller>) {
    let puller = Arc::new(TestPuller::default());
    let options = ServerOptions { puller: Some(puller.clone()), ..ServerOptions::default() };
    (Loopback::with_models(options, Models::default()), puller)
}

#[test]
fn nothing_is_pulled_unless_the_operator_allows_it() {
    let answer = smollm2().post_json(PULL, &json!({"model": "tiny"}));
    assert_eq!(answer.status, 403);
    assert!(answer.json()["error"].as_str().unwrap().contains("--allow-pull"), "{answer:?}");
    assert!(smollm2().get("/server_info").json()["pullable"].is_null());
}

#[test]
fn what_can_be_pulled_is_told() {
    assert_eq!(start().0.get("/server_info").json()["pullable"], json!(NAMES));
}

#[test]
fn keys_pull_only_where_they_are_the_operator_s() {
    let text = "[[keys]]\nkey = \"tenant\"\n[[keys]]\nkey = \"operator\"\nadmin = true\n";
    let keys = Keys::parse("k", text, KeyFileFormat::Toml).unwrap();
    let puller = Arc::new(TestPuller::default());
    let options = ServerOptions { puller: Some(puller.clone()), keys, ..ServerOptions::default() };
    let server = Loopback::with_models(options, Models::default());
    for (key, status) in [("tenant", 403), ("operator", 200)] {
        let body = r#"{"model": "tiny", "stream": false}"#;
        let head =
            format!("POST {PULL} HTTP/1.1\r\nHost: localhost\r\nx-api-key: {key}\r\nContent-Type: application/json");
        let answer = server.send(format!("{head}\r\nContent-Length: {}\r\n\r\n{body}", body.len()));
        assert_eq!(answer.status, status, "{key}: {answer:?}");
    }
    assert_eq!(*puller.pulled.lock().unwrap(), ["tiny:1m"]);
}

#[test]
fn a_pull_tells_how_far_it_is_and_how_it_ended() {
    let (server, puller) = start();
    let told = lines(&server, PULL, &json!({"model": "tiny:latest"}));
    assert_eq!(told[0], json!({"status": "pulling manifest"}));
    let progress = json!({
        "status": "pulling 0123456789ab", "digest": "sha256:0123456789abcdef", "total": 1000, "completed": 1000,
    });
    assert!(told.contains(&progress), "{told:?}");
    assert_eq!(told[told.len() - 2..], [json!({"status": "verifying sha256 digest"}), json!({"status": "success"})]);
    assert_eq!(server.ok(PULL, &json!({"name": "tiny:1m", "stream": false})), json!({"status": "success"}));
    assert_eq!(*puller.pulled.lock().unwrap(), ["tiny:1m", "tiny:1m"]);
    let failed = lines(&server, PULL, &json!({"model": "broken"}));
    assert_eq!(failed.last(), Some(&json!({"error": "the checksum differs"})));
    let failed = server.post_json(PULL, &json!({"model": "broken", "stream": false}));
    assert_eq!((failed.status, failed.json()), (500, json!({"error": "the checksum differs"})));
}

#[test]
fn only_names_of_the_catalogue_are_pulled() {
    let (server, puller) = start();
    let check = |body: Value, status: u16| {
        let answer = server.post_json(PULL, &body);
        assert_eq!(answer.status, status, "{body}: {answer:?}");
        assert!(answer.json()["error"].is_string());
    };
    for bad in [
        "",
        "/etc/passwd",
        "../x",
        "hf.co/a/b",
        "hf:a/b/c.gguf",
        "http://169.254.169.254/x.gguf",
        "a\nb",
        "a b",
        &"x".repeat(129),
    ] {
        check(json!({"model": bad}), 400);
    }
    check(json!({"model": "unknown"}), 404);
    check(json!({"model": "tiny", "insecure": true}), 400);
    check(json!({"model": "tiny", "username": "x"}), 400);
    check(json!({"model": "tiny", "made_up": 1}), 400);
    assert!(puller.pulled.lock().unwrap().is_empty());
}

#[test]
fn who_hangs_up_stops_the_pull() {
    let (server, puller) = start();
    let mut client = server.connect();
    client.write(post_bytes(PULL, &with(&json!({"model": "endless"}), &json!({"stream": true}))));
    assert!(client.head().starts_with("HTTP/1.1 200"));
    wait("the pull", || puller.n_running.load(Ordering::SeqCst) == 1);
    drop(client);
    wait("its end", || puller.n_running.load(Ordering::SeqCst) == 0);
    assert!(puller.was_cancelled.load(Ordering::SeqCst));
}

#[test]
fn one_pull_too_many_is_refused_until_one_has_ended() {
    let (server, puller) = start();
    let mut pulling: Vec<Client> = (0..PULLS_MAX)
        .map(|_| {
            let mut client = server.connect();
            client.write(post_bytes(PULL, &json!({"model": "endless"})));
            assert!(client.head().starts_with("HTTP/1.1 200"));
            client
        })
        .collect();
    wait("the pulls", || puller.n_running.load(Ordering::SeqCst) == PULLS_MAX);
    let ask = |stream: bool| server.post_json(PULL, &json!({"model": "tiny", "stream": stream}));
    for stream in [true, false] {
        let refused = ask(stream);
        assert_eq!((refused.status, refused.header("retry-after")), (503, Some("10")), "{refused:?}");
        assert!(refused.text().contains(&format!("{PULLS_MAX} models are being pulled already")), "{refused:?}");
    }
    assert!(puller.pulled.lock().unwrap().is_empty());
    drop(pulling.pop());
    wait("a place", || ask(false).status == 200);
    drop(pulling);
}
