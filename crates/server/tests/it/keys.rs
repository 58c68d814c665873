//! Who may ask, and how much.

use server::{
    ServerOptions,
    auth::{CacheScoping, KeyFileFormat, Keys},
};

use crate::{
    loopback::{Answer, Loopback, wait},
    routes::{self, Seen},
};

const FILE: &str = r#"
[[keys]]
name = "ann"
key = "key-of-ann"
concurrent_requests = 1
[[keys]]
name = "bob"
key = "key-of-bob"
requests_per_minute = 3
[[keys]]
name = "cid"
key = "key-of-cid"
tokens_per_minute = 600
"#;

fn start(scoping: CacheScoping) -> (Loopback, Seen) {
    let keys = Keys::parse("keys.toml", FILE, KeyFileFormat::Toml).unwrap();
    let seen = Seen::default();
    let options = ServerOptions { keys, cache_scoping: scoping, ..ServerOptions::default() };
    (Loopback::with(options, routes::routes(&seen), Vec::new(), None), seen)
}

fn get(server: &Loopback, path: &str, header: &str) -> Answer {
    server.send(format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n{header}\r\n"))
}

fn with_key(server: &Loopback, path: &str, key: &str) -> Answer {
    get(server, path, &format!("Authorization: Bearer {key}\r\n"))
}

#[test]
fn nothing_but_health_answers_without_a_key() {
    let (server, _) = start(CacheScoping::Key);
    assert_eq!(server.get("/health").status, 200);
    assert_eq!(server.get("/health/live").status, 200);
    for path in [
        "/",
        "/metrics",
        "/server_info",
        "/version",
        "/v1/loads",
        "/test/scope",
        "/none",
        "//metrics",
        "/./metrics",
        "/health/../metrics",
        "/%6detrics",
        "/metrics/",
        "/METRICS",
        "/metrics;x",
        "/health//",
        "/health/%2e%2e/metrics",
        "//health",
        "/health?x=/metrics#",
        "/page/",
    ] {
        for method in ["GET", "POST", "HEAD", "OPTIONS", "DELETE", "TRACE", "BREW"] {
            if path.starts_with("/health?") && matches!(method, "GET" | "HEAD") {
                continue;
            }
            let request = format!("{method} {path} HTTP/1.1\r\nHost: localhost\r\n\r\n");
            if method == "HEAD" {
                let mut client = server.connect();
                client.write(request);
                assert!(client.head().starts_with("HTTP/1.1 401"), "{method} {path}");
                continue;
            }
            let answer = server.send(request);
            assert_eq!(answer.status, 401, "{method} {path}");
            assert_eq!(answer.header("www-authenticate"), Some("Bearer"));
            assert_eq!(answer.json()["error"]["code"], "invalid_api_key", "{answer:?}");
        }
    }
    let absolute = server.send("GET http://localhost/metrics HTTP/1.1\r\nHost: localhost\r\n\r\n");
    assert_eq!(absolute.status, 401);
    let anthropic = server.post("/v1/messages", "{}");
    assert_eq!((anthropic.status, anthropic.json()["type"].as_str()), (401, Some("error")));
}

#[test]
fn each_way_to_send_a_key_works_and_wrong_ones_do_not() {
    let (server, _) = start(CacheScoping::Key);
    for header in [
        "Authorization: Bearer key-of-cid",
        "x-api-key: key-of-cid",
        "api-key: key-of-cid",
        "Authorization: Bearer   key-of-cid",
    ] {
        let answer = get(&server, "/test/scope", &format!("{header}\r\n"));
        let expected = if header.contains("   ") { 401 } else { 200 };
        assert_eq!(answer.status, expected, "{header}");
    }
    for header in [
        "Authorization: Bearer key-of-ci",
        "Authorization: Bearer key-of-cidd",
        "Authorization: bearer key-of-cid",
        "Authorization: key-of-cid",
        "Authorization: Basic key-of-cid",
        "Authorization: Bearer",
        "X-Api-Key: ",
        "Cookie: key-of-cid",
    ] {
        assert_eq!(get(&server, "/test/scope", &format!("{header}\r\n")).status, 401, "{header}");
    }
    assert_eq!(server.get("/test/scope?api_key=key-of-cid").status, 401);
}

#[test]
fn a_key_has_its_scope() {
    let (server, _) = start(CacheScoping::Key);
    let scope = |key: &str| with_key(&server, "/test/scope", key).text().to_owned();
    assert_eq!(scope("key-of-ann"), scope("key-of-ann"));
    assert_ne!(scope("key-of-ann"), scope("key-of-cid"));
    let (shared, _) = start(CacheScoping::All);
    assert_eq!(with_key(&shared, "/test/scope", "key-of-ann").text(), "0");
}

#[test]
fn a_place_is_held_until_the_answer_is_read() {
    let (server, seen) = start(CacheScoping::Key);
    let mut client = server.connect();
    client.write("GET /test/drip HTTP/1.1\r\nHost: localhost\r\nx-api-key: key-of-ann\r\n\r\n");
    client.head();
    client.chunk().unwrap();
    let refused = with_key(&server, "/test/scope", "key-of-ann");
    assert_eq!((refused.status, refused.header("retry-after")), (429, Some("1")));
    assert_eq!(refused.json()["error"]["code"], "rate_limit_exceeded");
    assert_eq!(with_key(&server, "/test/scope", "key-of-cid").status, 200, "others are not concerned");
    drop(client);
    seen.wait_for_no_stream();
    wait("the place to be free", || with_key(&server, "/test/scope", "key-of-ann").status == 200);
}

#[test]
fn rates_are_kept() {
    let (server, _) = start(CacheScoping::Key);
    let statuses: Vec<u16> = (0..4).map(|_| with_key(&server, "/test/scope", "key-of-bob").status).collect();
    assert_eq!(statuses, [200, 200, 200, 429]);
    let refused = with_key(&server, "/test/scope", "key-of-bob");
    let seconds: u64 = refused.header("retry-after").unwrap().parse().unwrap();
    assert!((15..=20).contains(&seconds), "a third of a minute: {seconds}");

    assert_eq!(with_key(&server, "/test/tokens/900", "key-of-cid").status, 200, "known only when it ends");
    let refused = with_key(&server, "/test/scope", "key-of-cid");
    let seconds: u64 = refused.header("retry-after").unwrap().parse().unwrap();
    assert_eq!(refused.status, 429);
    assert!((28..=31).contains(&seconds), "300 tokens of debt at 10 a second: {seconds}");
}
