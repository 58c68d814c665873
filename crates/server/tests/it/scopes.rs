//! Every route that has a model compute something: what it leaves is read by requests of the same key alone, and its
//! key pays.

use serde_json::{Value, json};
use server::{
    ServerOptions,
    auth::{CacheScoping, KeyFileFormat, Keys},
    models::{Models, ModelsOptions},
};

use crate::{
    loopback::{Answer, Loopback, post},
    openai::support::{FILLS, SMOLLM2, TestLoader, with},
    openapi::{smallest, with_bodies},
};

/// Three keys for each route, so that no route finds what another has left.
fn keys(n_routes: usize) -> Keys {
    let of_route = |i: usize| {
        let plain = |name: &str| format!("[[keys]]\nkey = \"{name}-{i}\"\n");
        format!("{}{}{}tokens_per_minute = 1\n", plain("ann"), plain("bob"), plain("cid"))
    };
    let text: String = (0..n_routes).map(of_route).collect();
    Keys::parse("keys", &text, KeyFileFormat::Toml).unwrap()
}

fn start(keys: Keys, cache_scoping: CacheScoping) -> Loopback {
    let models = Models::new(Box::new(TestLoader::of(&[SMOLLM2, FILLS])), ModelsOptions::default());
    Loopback::with_models(
        ServerOptions { keys, cache_scoping, max_tokens: Some(2), seed: Some(1), ..ServerOptions::default() },
        models,
    )
}

/// The smallest request of a route, but with a prompt that is worth keeping, and for more than one token.
fn body(path: &str) -> Value {
    let long = json!("Once upon a time there was a little girl who had a dog").to_string();
    let body = smallest(path).to_string().replace("\"a\"", &long).replace("\":1", "\":3");
    let body = serde_json::from_str(&body).unwrap();
    with(&body, &json!({"model": if path == "/infill" { FILLS } else { SMOLLM2 }}))
}

/// What the engines have computed, generated, and found cached.
#[derive(Clone, Copy, Debug)]
struct Work {
    rows: u64,
    sampled: u64,
    cached: u64,
}

/// An answer, and the work that it took.
fn ask(server: &Loopback, key: &str, path: &str) -> (Answer, Work) {
    ask_with(server, key, path, &json!({}))
}

/// What a request is answered that has these fields besides.
fn ask_with(server: &Loopback, key: &str, path: &str, more: &Value) -> (Answer, Work) {
    let work = || {
        let loaded = server.app.models().loaded();
        let stats: Vec<_> = loaded.iter().map(|model| model.handle.stats()).collect();
        let sum = |of: fn(&engine::Stats) -> u64| stats.iter().map(of).sum::<u64>();
        Work { rows: sum(|s| s.n_rows), sampled: sum(|s| s.n_sampled), cached: sum(|s| s.n_cached_tokens) }
    };
    server.wait_until_idle();
    let before = work();
    let head = format!("\r\nx-api-key: {key}\r\n");
    let answer = server.send(post(path, &with(&body(path), more).to_string()).replacen("\r\n", &head, 1));
    server.wait_until_idle();
    let after = work();
    let work = Work {
        rows: after.rows - before.rows,
        sampled: after.sampled - before.sampled,
        cached: after.cached - before.cached,
    };
    (answer, work)
}

/// Asks every route as one key, as another, and as the first again; what the second and the third found cached, of the
/// routes that generate.
fn found(cache_scoping: CacheScoping) -> Vec<(&'static str, u64, u64)> {
    let paths = with_bodies();
    let server = start(keys(paths.len()), cache_scoping);
    let mut found = Vec::new();
    for (i, path) in paths.into_iter().enumerate() {
        let (answer, first) = ask(&server, &format!("ann-{i}"), path);
        if first.sampled == 0 {
            continue;
        }
        assert_eq!(answer.status, 200, "{path}: {}", answer.text());
        let (answer, second) = ask(&server, &format!("bob-{i}"), path);
        assert_eq!(answer.status, 200, "{path}: {}", answer.text());
        let (_, third) = ask(&server, &format!("ann-{i}"), path);
        found.push((path, second.cached, third.cached));
    }
    let has = |path: &str| found.iter().any(|(found, ..)| *found == path);
    for path in ["/v1/completions", "/v1/responses", "/v1/messages", "/api/generate", "/api/chat", "/infill"] {
        assert!(has(path), "{path} generates nothing: {found:?}");
    }
    assert!(found.len() >= 11, "{found:?}");
    found
}

#[test]
fn no_key_finds_what_another_has_left() {
    for (path, of_another, own) in found(CacheScoping::Key) {
        assert!(of_another == 0 && own > 0, "{path}: {of_another} tokens of another key's, {own} of its own");
    }
}

#[test]
fn where_all_share_every_key_finds_what_another_has_left() {
    for (path, of_another, own) in found(CacheScoping::All) {
        assert!(of_another > 0 && own > 0, "{path}: {of_another} tokens of another key's, {own} of its own");
    }
}

#[test]
fn a_salt_parts_what_a_key_has_and_joins_no_keys() {
    let server = start(keys(2), CacheScoping::Key);
    for (i, path) in ["/v1/completions", "/completion"].into_iter().enumerate() {
        let n_cached = |name: &str, salt: Value| {
            let (answer, work) = ask_with(&server, &format!("{name}-{i}"), path, &json!({"cache_salt": salt}));
            assert_eq!(answer.status, 200, "{path}: {}", answer.text());
            work.cached
        };
        let (one, other) = (json!("one"), json!("other"));
        assert_eq!([n_cached("ann", one.clone()), n_cached("bob", one.clone())], [0, 0], "{path}");
        assert_eq!([n_cached("ann", other), n_cached("ann", Value::Null)], [0, 0], "{path}");
        assert!(n_cached("ann", one.clone()) > 0 && n_cached("bob", one) > 0, "{path}");
    }
}

#[test]
fn whatever_is_computed_is_charged_to_the_key_that_asks() {
    let paths = with_bodies();
    let server = start(keys(paths.len()), CacheScoping::Key);
    let mut charged = Vec::new();
    for (i, path) in paths.into_iter().enumerate() {
        let key = format!("cid-{i}");
        let (first, work) = ask(&server, &key, path);
        let (second, _) = ask(&server, &key, path);
        if work.rows > 0 {
            assert_eq!((first.status, second.status), (200, 429), "{path}: {}", second.text());
            assert!(second.text().contains("1 tokens a minute"), "{path}: {}", second.text());
            charged.push(path);
        } else {
            assert_eq!(second.status, first.status, "{path} computes nothing: {}", second.text());
        }
    }
    assert!(charged.contains(&"/v1/embeddings") && charged.len() >= 15, "{charged:?}");
}
