//! What a key may do beyond asking a model: only what its entry says.

use std::time::Duration;

use serde_json::{Value, json};
use server::{
    ServerOptions,
    auth::{KeyFileFormat, Keys},
    models::{KeepAlive, Models, ModelsOptions},
};

use crate::{
    loopback::{Answer, Loopback, wait},
    openai::support::{STORIES, TestLoader},
};

const FILE: &str = r#"
[[keys]]
name = "tenant"
key = "key-of-tenant"
[[keys]]
name = "urgent"
key = "key-of-urgent"
priority_max = 5
[[keys]]
name = "scraper"
key = "key-of-scraper"
metrics = true
[[keys]]
name = "operator"
key = "key-of-operator"
admin = true
"#;

const TENANT: &str = "key-of-tenant";
const URGENT: &str = "key-of-urgent";
const SCRAPER: &str = "key-of-scraper";
const OPERATOR: &str = "key-of-operator";

fn start(options: ServerOptions) -> Loopback {
    start_with(options, KeepAlive::Forever)
}

fn start_with(options: ServerOptions, keep_alive: KeepAlive) -> Loopback {
    let keys = Keys::parse("keys.toml", FILE, KeyFileFormat::Toml).unwrap();
    let options_of_models = ModelsOptions { keep_alive, ..ModelsOptions::default() };
    let models = Models::new(Box::new(TestLoader::of(&[STORIES])), options_of_models);
    Loopback::with_models(ServerOptions { keys, ..options }, models)
}

fn get(server: &Loopback, path: &str, headers: &str) -> Answer {
    server.send(format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n{headers}\r\n"))
}

fn get_as(server: &Loopback, path: &str, key: &str) -> Answer {
    get(server, path, &format!("x-api-key: {key}\r\n"))
}

fn bytes(path: &str, key: &str, body: &Value) -> String {
    let body = body.to_string();
    let head = format!("POST {path} HTTP/1.1\r\nHost: localhost\r\nx-api-key: {key}\r\nContent-Type: application/json");
    format!("{head}\r\nContent-Length: {}\r\n\r\n{body}", body.len())
}

fn post_as(server: &Loopback, path: &str, key: &str, body: &Value) -> Answer {
    server.send(bytes(path, key, body))
}

#[test]
fn figures_of_all_callers_are_for_those_who_may_read_them() {
    let server = start(ServerOptions::default());
    for path in ["/metrics", "/slots", "/v1/loads"] {
        for key in [TENANT, URGENT] {
            let refused = get_as(&server, path, key);
            assert_eq!(refused.status, 403, "{path}");
            assert!(refused.text().contains("metrics = true"), "{path}: {refused:?}");
        }
        for key in [SCRAPER, OPERATOR] {
            assert_eq!(get_as(&server, path, key).status, 200, "{path} {key}");
        }
        assert_eq!(server.get(path).status, 401, "{path}");
    }
    for (key, reads) in [(TENANT, false), (SCRAPER, true), (OPERATOR, true)] {
        assert_eq!(get_as(&server, "/", key).json().get("metrics").is_some(), reads, "{key}");
        let props = get_as(&server, "/props", key).json();
        assert_eq!((&props["endpoint_slots"], &props["endpoint_metrics"]), (&json!(reads), &json!(reads)), "{key}");
    }
    let mut statuses = vec![server::ModelStatus::default()];
    statuses[0].gauges = Some(server::EngineGauges::default());
    let keys = Keys::parse("keys.toml", FILE, KeyFileFormat::Toml).unwrap();
    let options = ServerOptions { keys, ..ServerOptions::default() };
    let server = Loopback::with(options, server::router::routes(), statuses, None);
    for (key, n_shown) in [(TENANT, 0), (SCRAPER, 1)] {
        let states = get_as(&server, "/server_info", key).json()["internal_states"].as_array().unwrap().len();
        assert_eq!(states, n_shown, "{key}");
    }
}

#[test]
fn nobody_learns_when_others_used_a_model() {
    const HOUR: Duration = Duration::from_hours(1);
    let server = start_with(ServerOptions::default(), KeepAlive::For(HOUR));
    let once = json!({"model": STORIES, "prompt": "Once", "stream": false, "options": {"num_predict": 1}});
    let use_for = |keep_alive: &str| {
        let mut body = once.clone();
        body["keep_alive"] = keep_alive.into();
        assert_eq!(post_as(&server, "/api/generate", OPERATOR, &body).status, 200);
    };
    let left_as = |key: &str| {
        let told = get_as(&server, "/api/ps", key).json()["models"][0]["expires_at"].as_str().unwrap().to_owned();
        let expires: jiff::Timestamp = told.parse().unwrap();
        expires.duration_since(jiff::Timestamp::now()).unsigned_abs()
    };
    for keep_alive in ["10m", "5h"] {
        use_for(keep_alive);
        for key in [TENANT, URGENT] {
            let left = left_as(key);
            assert!(left + Duration::from_mins(1) > HOUR && left <= HOUR, "{key}: {left:?} of {keep_alive}");
        }
    }
    for key in [SCRAPER, OPERATOR] {
        assert!(left_as(key) > 4 * HOUR, "{key} may know");
    }
}

#[test]
fn a_scraper_on_this_machine_needs_no_key_where_metrics_are_open() {
    let server = start(ServerOptions { open_metrics: true, ..ServerOptions::default() });
    assert_eq!(server.get("/metrics").status, 200);
    for path in ["/slots", "/v1/loads", "/v1/models", "/metrics/", "//metrics"] {
        assert_eq!(server.get(path).status, 401, "{path}");
    }
    assert_eq!(get(&server, "/metrics", "X-Forwarded-For: 192.0.2.7\r\n").status, 401, "through a proxy");
    assert_eq!(get_as(&server, "/metrics", "wrong").status, 401);
}

#[test]
fn nobody_goes_before_others_unless_the_key_may() {
    let server = start(ServerOptions::default());
    let body = |priority: i64| json!({"prompt": "Once", "max_tokens": 1, "priority": priority});
    for path in ["/v1/completions", "/completion"] {
        for (key, asked, max) in [(TENANT, 1, 0), (TENANT, 1000, 0), (URGENT, 6, 5)] {
            let refused = post_as(&server, path, key, &body(asked));
            assert_eq!(refused.status, 400, "{path} {key}");
            let says = format!("priority: {asked}, expected at most {max}, the priority_max of this key");
            assert!(refused.text().contains(&says), "{path} {key}: {}", refused.text());
        }
        for (key, asked) in [(TENANT, 0), (TENANT, -1000), (URGENT, 5), (OPERATOR, 1000)] {
            let answer = post_as(&server, path, key, &body(asked));
            assert_eq!(answer.status, 200, "{path} {key} {asked}: {}", answer.text());
        }
    }
}

#[test]
fn only_the_operator_unloads_and_pulls() {
    let server = start(ServerOptions::default());
    let is_loaded = || !server.app.models().loaded().is_empty();
    let once = json!({"model": STORIES, "prompt": "Once", "stream": false, "options": {"num_predict": 1}});
    let with_keep_alive = |body: &Value, seconds: i64| {
        let mut body = body.clone();
        body["keep_alive"] = seconds.into();
        body
    };
    let nothing = json!({"model": STORIES});
    assert_eq!(post_as(&server, "/api/generate", TENANT, &once).status, 200);
    for path in ["/api/generate", "/api/chat"] {
        let refused = post_as(&server, path, TENANT, &with_keep_alive(&nothing, 0));
        assert_eq!(refused.status, 403, "{path}: {}", refused.text());
        assert!(refused.text().contains("unloading a model") && refused.text().contains("admin = true"), "{refused:?}");
    }
    // As a hint beside a prompt it changes nothing, as with a server that says itself how long models stay.
    assert_eq!(post_as(&server, "/api/generate", TENANT, &with_keep_alive(&once, 0)).status, 200);
    let embed = json!({"model": STORIES, "input": "Once", "prompt": "Once"});
    for path in ["/api/embed", "/api/embeddings"] {
        let answer = post_as(&server, path, TENANT, &with_keep_alive(&embed, 0));
        assert_eq!(answer.status, 200, "{path}: {}", answer.text());
    }
    std::thread::sleep(Duration::from_millis(200));
    assert!(is_loaded());
    assert_eq!(get_as(&server, "/api/ps", TENANT).json()["models"][0]["expires_at"], "9999-12-31T23:59:59Z");
    assert_eq!(post_as(&server, "/api/generate", OPERATOR, &with_keep_alive(&nothing, 0)).status, 200);
    wait("the model to go", || !is_loaded());

    let refused = post_as(&server, "/api/pull", TENANT, &json!({"model": "tiny"}));
    assert_eq!(refused.status, 403);
    for path in ["/api/delete", "/api/create", "/api/copy", "/api/push"] {
        assert_eq!(post_as(&server, path, OPERATOR, &json!({"model": STORIES})).status, 403, "{path}");
    }
    for path in ["/slots/0", "/props"] {
        assert_eq!(post_as(&server, path, OPERATOR, &json!({})).status, 501, "{path}");
    }
    assert_eq!(post_as(&server, "/lora-adapters", TENANT, &json!([])).status, 403);
    assert_eq!(post_as(&server, "/lora-adapters", OPERATOR, &json!([])).status, 200);
}

#[test]
fn a_model_that_others_use_stays_although_the_operator_unloads_it() {
    let server = start(ServerOptions::default());
    let mut stream = server.connect();
    let long = json!({"prompt": "Once", "stream": true, "max_tokens": 400, "ignore_eos": true});
    stream.write(bytes("/v1/completions", TENANT, &long));
    assert!(stream.head().starts_with("HTTP/1.1 200"));
    stream.chunk().unwrap();
    let unload = post_as(&server, "/api/generate", OPERATOR, &json!({"model": STORIES, "keep_alive": 0}));
    assert_eq!(unload.status, 200, "{}", unload.text());
    let mut text = String::new();
    while let Some(chunk) = stream.chunk() {
        text += std::str::from_utf8(&chunk).unwrap();
    }
    assert!(text.ends_with("data: [DONE]\n\n") && !text.contains("\"error\""), "{text}");
}

#[test]
fn another_set_of_keys_takes_the_place_of_the_first() {
    let server = start(ServerOptions::default());
    assert_eq!(get_as(&server, "/v1/models", TENANT).status, 200);
    let text = FILE.replace(TENANT, "key-of-newcomer");
    server.app.replace_keys(&Keys::parse("keys.toml", &text, KeyFileFormat::Toml).unwrap());
    assert_eq!(get_as(&server, "/v1/models", TENANT).status, 401);
    assert_eq!(get_as(&server, "/v1/models", "key-of-newcomer").status, 200);
}
