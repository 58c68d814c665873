//! Keys, or connections where there are none, share a model out: how many sequences each may have, and what each pays
//! for.

use serde_json::{Value, json};
use server::{
    ServerOptions,
    auth::{KeyFileFormat, Keys},
    models::{Models, ModelsOptions},
};

use super::support::{STORIES, TestLoader, with};
use crate::loopback::{Answer, Client, Loopback, post};

const PATH: &str = "/v1/completions";

const KEYS: &str = r#"
[[keys]]
name = "ann"
key = "key-of-ann"
concurrent_requests = 1
[[keys]]
name = "bob"
key = "key-of-bob"
concurrent_sequences = 2
[[keys]]
name = "cid"
key = "key-of-cid"
tokens_per_minute = 100
[[keys]]
name = "dan"
key = "key-of-dan"
"#;

fn start(keys: Keys, room: (usize, usize)) -> Loopback {
    let loader = TestLoader { room, ..TestLoader::of(&[STORIES]) };
    let models = Models::new(Box::new(loader), ModelsOptions::default());
    Loopback::with_models(ServerOptions { keys, ..ServerOptions::default() }, models)
}

fn keys() -> Keys {
    Keys::parse("keys.toml", KEYS, KeyFileFormat::Toml).unwrap()
}

/// Makes the bytes of a request of a key, or of nobody.
fn bytes(path: &str, key: &str, body: &Value) -> String {
    let header = if key.is_empty() { String::new() } else { format!("x-api-key: key-of-{key}\r\n") };
    post(path, &body.to_string()).replacen("\r\n", &format!("\r\n{header}"), 1)
}

fn ask(server: &Loopback, key: &str, body: &Value) -> Answer {
    server.send(bytes(PATH, key, body))
}

fn body(n_prompts: usize, n: usize, max_tokens: usize) -> Value {
    json!({
        "model": STORIES, "prompt": vec!["Once upon a time"; n_prompts], "n": n, "max_tokens": max_tokens, "ignore_eos": true,
    })
}

/// Begins to read a stream that goes on.
fn stream(server: &Loopback, key: &str, n: usize) -> Client {
    let mut client = server.connect();
    client.write(bytes(PATH, key, &with(&body(1, n, 480), &json!({"stream": true}))));
    assert!(client.head().starts_with("HTTP/1.1 200"));
    client.chunk().unwrap();
    client
}

#[test]
fn sequences_beyond_a_key_s_are_refused_before_anything_is_computed() {
    let server = start(keys(), (64, 4096));
    let refused = |key: &str, body: &Value, says: &str| {
        let answer = ask(&server, key, body);
        assert_eq!((answer.status, answer.header("retry-after")), (429, Some("1")), "{}", answer.text());
        let message = answer.json()["error"]["message"].as_str().unwrap().to_owned();
        assert!(message.contains(says), "{message}");
    };
    // A limit of requests is one of so many sequences as they may have prompts.
    refused(
        "ann",
        &body(64, 16, 3),
        "0 sequences in flight and asks for 1024 more, each choice of each prompt one: its limit is 64",
    );
    refused("bob", &body(1, 3, 3), "asks for 3 more");
    refused("bob", &body(3, 1, 3), "asks for 3 more");
    for (key, body) in
        [("ann", body(64, 1, 1)), ("ann", body(4, 16, 1)), ("bob", body(1, 2, 1)), ("bob", body(2, 1, 1))]
    {
        let answer = ask(&server, key, &body);
        assert_eq!(answer.status, 200, "{}", answer.text());
    }
    // Embeddings are computed a few at a time.
    let inputs = json!({"model": STORIES, "input": ["a", "b", "c", "d", "e"]});
    assert_eq!(server.send(bytes("/v1/embeddings", "bob", &inputs)).status, 200);
    server.wait_until_idle();
    let stats = server.app.models().loaded()[0].handle.stats();
    assert_eq!(stats.n_submitted, 64 + 4 + 1 + 2 + 5);
    // While two run there is no place for a third, and then there is again.
    let running = stream(&server, "bob", 2);
    refused("bob", &body(1, 1, 1), "the key has 2 sequences in flight");
    assert_eq!(ask(&server, "dan", &body(1, 1, 1)).status, 200, "others are not concerned");
    drop(running);
    server.wait_until_idle();
    assert_eq!(ask(&server, "bob", &body(1, 2, 1)).status, 200);
}

#[test]
fn what_was_computed_is_charged_however_it_ends() {
    let server = start(keys(), (64, 1024));
    let mut client = stream(&server, "cid", 1);
    // Events that come at once are one chunk.
    let mut n_events = 0;
    while n_events < 110 {
        n_events += String::from_utf8(client.chunk().unwrap()).unwrap().matches("data: ").count();
    }
    drop(client);
    server.wait_until_idle();
    let refused = ask(&server, "cid", &body(1, 1, 1));
    assert_eq!(refused.status, 429, "{}", refused.text());
    assert!(refused.text().contains("100 tokens a minute"), "{}", refused.text());
}

/// How long a key waits after what it was charged tells how much that was.
#[test]
fn a_prompt_is_charged_once_and_each_choice_of_it() {
    // A token a second.
    let one_a_second = "[[keys]]\nkey = \"key-of-eve\"\ntokens_per_minute = 60\n";
    let long = "Once upon a time there was a little girl. ".repeat(12);
    let long = long.as_str();
    let completion = |prompts: Vec<&str>, n: usize, max_tokens: usize| {
        let body = json!({"model": STORIES, "prompt": prompts, "n": n, "max_tokens": max_tokens});
        with(&body, &json!({"ignore_eos": true}))
    };
    for (path, body) in [
        (PATH, completion(vec![long], 1, 1)),
        (PATH, completion(vec!["Once"], 1, 150)),
        (PATH, completion(vec![long], 3, 40)),
        (PATH, completion(vec![long, "Once"], 2, 40)),
        ("/v1/embeddings", json!({"model": STORIES, "input": [long, long]})),
    ] {
        let server = start(Keys::parse("keys.toml", one_a_second, KeyFileFormat::Toml).unwrap(), (64, 1024));
        let answer = server.send(bytes(path, "eve", &body));
        assert_eq!(answer.status, 200, "{}", answer.text());
        let n_tokens = answer.json()["usage"]["total_tokens"].as_u64().unwrap();
        server.wait_until_idle();
        let refused = ask(&server, "eve", &completion(vec!["a"], 1, 1));
        assert_eq!(refused.status, 429, "{body}: {n_tokens}");
        let seconds: u64 = refused.header("retry-after").unwrap().parse().unwrap();
        // Some of them have passed.
        let all = n_tokens + 1 - 60;
        assert!((all - 10..=all).contains(&seconds), "{body}: {seconds} s after {n_tokens} tokens");
    }
}

#[test]
fn one_who_fills_the_queue_leaves_others_their_share() {
    // One runs and one waits.
    let server = start(Keys::default(), (1, 1));
    let full = stream(&server, "", 2);
    let refused = ask(&server, "", &body(1, 3, 1));
    assert_eq!(refused.status, 503, "{}", refused.text());
    assert_eq!(refused.header("retry-after"), Some("2"));
    assert!(refused.text().contains("2 sequences run or wait already"), "{}", refused.text());
    let other = ask(&server, "", &body(1, 1, 1));
    assert_eq!(other.status, 200, "another connection: {}", other.text());
    drop(full);

    let server = start(keys(), (1, 1));
    let full = stream(&server, "dan", 2);
    assert_eq!(ask(&server, "dan", &body(1, 1, 1)).status, 503, "another connection of the same key");
    assert_eq!(ask(&server, "bob", &body(1, 1, 1)).status, 200);
    drop(full);
}
