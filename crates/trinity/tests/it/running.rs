//! `ps` and `stop`: what a running server has in memory, and taking it out.

use crate::{
    program::{command, finish, trinity},
    server_process::Server,
};

#[test]
fn what_is_in_memory_is_listed_and_stopped() {
    let (_server, address) = Server::start(&["stories260k"]);
    let asked = |arguments: &[&str]| trinity(arguments.iter().chain(&["--server", &address]));
    let list = asked(&["ps"]).ok().text();
    let rows: Vec<Vec<&str>> = list.lines().map(|l| l.split_whitespace().collect()).collect();
    assert_eq!(rows[0], ["NAME", "SIZE", "CONTEXT", "UNTIL"]);
    assert_eq!((rows.len(), rows[1][0], rows[1][3]), (2, "stories260k", "512"), "{list}");
    let json = asked(&["ps", "--json"]).ok().json();
    assert_eq!((&json[0]["name"], &json[0]["context_length"]), (&"stories260k".into(), &512.into()));
    assert!(asked(&["stop", "stories260k"]).ok().stderr.contains("no longer in memory"));
    let empty = asked(&["ps"]).ok();
    assert_eq!(empty.text().lines().count(), 1, "{}", empty.text());
    assert!(empty.stderr.contains("no model is in memory"), "{}", empty.stderr);
    assert!(asked(&["stop", "stories260k"]).ok().stderr.contains("was not in memory"));
    asked(&["stop", "no-such-model"]).fails(1, &["no-such-model"]);
}

#[test]
fn keys_are_asked_for() {
    let mut serve = command(["serve", "--port", "0", "stories260k"]);
    serve.env("TRINITY_API_KEY", "secret").env("TRINITY_ADMIN_KEY", "operator");
    let mut server = Server::spawn(serve);
    let address = server.address();
    let asked = |arguments: &[&str], key: &str| {
        let all = arguments.iter().copied().chain(["--server", &address]);
        let mut command = command(all);
        finish(if key.is_empty() { &mut command } else { command.env("TRINITY_API_KEY", key) })
    };
    asked(&["ps"], "").fails(1, &["hint: --api-key", "TRINITY_API_KEY"]);
    assert!(asked(&["ps"], "secret,other").ok().text().contains("stories260k"));
    asked(&["stop", "stories260k"], "secret").fails(1, &["operator"]);
    asked(&["stop", "stories260k", "--api-key", "operator"], "secret").ok();
}

#[test]
fn where_no_server_is_is_said() {
    trinity(["ps", "--server", "127.0.0.1:1"]).fails(1, &["http://127.0.0.1:1", "hint: trinity serve"]);
    trinity(["ps", "--server", "ftp://h"]).fails(2, &["ftp://h", "http://HOST:PORT"]);
    trinity(["--offline", "ps", "--server", "http://192.0.2.1:8080"]).fails(1, &["offline"]);
    // Somebody else's server.
    let other = testkit::Loopback::start(|_| testkit::Answer::status(404));
    trinity(["ps", "--server", &other.url("/v1")]).fails(1, &["404"]);
}
