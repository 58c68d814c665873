//! `trinity serve` for callers who do not trust each other: rights of keys, key files, signals, the cache folder.

use std::{
    fs,
    net::TcpStream,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
};

use serde_json::Value;

use crate::{
    program::{command, trinity},
    server_process::{Server, get, post, post_with},
};

const KEYS: &str = r#"
[[keys]]
name = "ann"
key = "key-of-ann"
[[keys]]
name = "bob"
key = "key-of-bob"
[[keys]]
name = "op"
key = "key-of-op"
admin = true
"#;

fn path(name: &str) -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("tenants-{}-{name}", std::process::id()))
}

/// A file for its owner alone.
fn private(name: &str, text: &str) -> String {
    let path = path(name);
    fs::write(&path, text).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
    path.to_str().unwrap().to_owned()
}

fn status(answer: &str) -> &str {
    answer.split_whitespace().nth(1).unwrap_or_default()
}

fn status_of(address: &str, path: &str, key: &str) -> String {
    status(&get(address, path, &format!("x-api-key: {key}\r\n"))).to_owned()
}

#[test]
fn keys_have_the_rights_that_are_said() {
    let keys = private("rights.toml", KEYS);
    let (_server, address) = Server::start(&["--api-key-file", &keys, "--api-key", "plain", "--admin-key", "root"]);
    for (key, expected) in [("key-of-ann", "403"), ("plain", "403"), ("key-of-op", "200"), ("root", "200")] {
        assert_eq!(status_of(&address, "/metrics", key), expected, "{key}");
        let unload = r#"{"model":"stories260k","keep_alive":0}"#;
        let unloaded = post_with(&address, "/api/generate", &format!("x-api-key: {key}\r\n"), unload);
        assert_eq!(status(&unloaded), expected, "{key}: {unloaded}");
        let urgent = r#"{"prompt":"a","max_tokens":1,"priority":1000}"#;
        let answer = post_with(&address, "/v1/completions", &format!("x-api-key: {key}\r\n"), urgent);
        assert_eq!(status(&answer), if expected == "200" { "200" } else { "400" }, "{key}: {answer}");
    }
    assert_eq!(status(&get(&address, "/metrics", "")), "401");
    let (_server, address) = Server::start(&["--api-key", "plain", "--open-metrics"]);
    assert_eq!(status(&get(&address, "/metrics", "")), "200");
    assert_eq!(status(&get(&address, "/metrics", "X-Forwarded-For: 192.0.2.1\r\n")), "401");
    assert_eq!(status(&get(&address, "/slots", "")), "401");
}

#[test]
fn without_keys_who_is_on_this_machine_is_its_operator() {
    let unload = r#"{"model":"stories260k","keep_alive":0}"#;
    let forwarded = "X-Forwarded-For: 192.0.2.1\r\n";
    let (_server, address) = Server::start(&[]);
    assert_eq!(status(&post(&address, "/api/generate", unload)), "200");
    let refused = post_with(&address, "/api/generate", forwarded, unload);
    assert_eq!(status(&refused), "403");
    assert!(refused.contains("--open-admin"), "{refused}");
    let (_server, address) = Server::start(&["--open-admin"]);
    assert_eq!(status(&post_with(&address, "/api/generate", forwarded, unload)), "200");
}

/// With more silent connections than there can be open files the next client is answered, and a model has a file to be
/// read from.
#[test]
fn silent_connections_take_nobody_s_files() {
    let mut process = std::process::Command::new("sh");
    let serve = "ulimit -n 64; exec \"$0\" serve --port 0";
    process.args(["-c", serve, env!("CARGO_BIN_EXE_trinity")]).env("TRINITY_HOME", path("no-home"));
    let mut server = Server::spawn(process);
    assert!(server.wait_for("limit of open files").contains("room for 32 connections"), "{:#?}", server.said);
    let address = server.address();
    let silent: Vec<TcpStream> = (0..100).map(|_| TcpStream::connect(&address).unwrap()).collect();
    let body = r#"{"prompt":"a","max_tokens":1}"#;
    for _ in 0..3 {
        assert_eq!(status(&get(&address, "/health", "")), "200");
        assert_eq!(status(&post(&address, "/v1/completions", body)), "200");
    }
    drop(silent);
}

#[test]
fn keys_that_others_can_read_or_change_are_told_and_refused_where_that_is_asked() {
    let keys = private("open.toml", KEYS);
    for (mode, is_told) in [(0o600, false), (0o640, false), (0o644, true), (0o666, true), (0o660, true)] {
        fs::set_permissions(&keys, fs::Permissions::from_mode(mode)).unwrap();
        let (server, _) = Server::start(&["--api-key-file", &keys]);
        let says = format!("warning: {keys}: its mode is {mode:04o}");
        assert_eq!(server.said.iter().any(|line| line.starts_with(&says)), is_told, "{mode:o}: {:#?}", server.said);
        if is_told {
            let mode = format!("{mode:04o}");
            trinity(["serve", "--port", "0", "--strict-files", "--api-key-file", &keys]).fails(78, &[&keys, &mode]);
        }
    }
}

#[test]
fn a_hangup_reads_keys_again_and_a_bad_file_changes_nothing() {
    let keys = private("reload.toml", KEYS);
    let (mut server, address) = Server::start(&["--api-key-file", &keys]);
    assert_eq!(status_of(&address, "/v1/models", "key-of-ann"), "200");
    fs::write(&keys, KEYS.replace("key-of-ann", "key-of-new")).unwrap();
    server.signal("HUP");
    server.wait_for("SIGHUP: reloaded");
    assert_eq!(status_of(&address, "/v1/models", "key-of-ann"), "401");
    assert_eq!(status_of(&address, "/v1/models", "key-of-new"), "200");
    for bad in ["[[keys]]\nkey = 3\n", "", "no = \"toml"] {
        fs::write(&keys, bad).unwrap();
        server.signal("HUP");
        let line = server.wait_for("SIGHUP: nothing is reloaded");
        assert!(line.contains(&keys) && line.contains("ERROR"), "{line}");
        assert_eq!(status_of(&address, "/v1/models", "key-of-new"), "200", "{bad}");
    }
    server.signal("TERM");
    assert_eq!(server.wait().code(), Some(0));
}

#[test]
fn certificates_are_read_again_with_the_keys_or_not_at_all() {
    let data = Path::new(env!("CARGO_MANIFEST_DIR")).join("../server/tests/data");
    let read = |name: &str| fs::read_to_string(data.join(name)).unwrap();
    let (certificate, key) = (private("tls.pem", &read("certificate.pem")), private("tls-key.pem", &read("key.pem")));
    let keys = private("tls-keys.toml", KEYS);
    let line = ["serve", "--port", "0", "--tls-cert", &certificate, "--tls-key", &key, "--api-key-file", &keys];
    let mut server = Server::spawn(command(line));
    server.wait_for("listening on https://");
    server.signal("HUP");
    assert!(server.wait_for("SIGHUP: reloaded").contains("certificate=true"));
    // A certificate whose key is another's.
    fs::write(&certificate, read("other-certificate.pem")).unwrap();
    server.signal("HUP");
    assert!(server.wait_for("SIGHUP: nothing is reloaded").contains("tls.pem"));
    fs::write(&key, read("other-key.pem")).unwrap();
    server.signal("HUP");
    server.wait_for("SIGHUP: reloaded");
}

#[test]
fn a_hangup_with_nothing_to_read_is_no_end_unless_the_terminal_is_gone() {
    let (mut server, address) = Server::start(&[]);
    server.signal("HUP");
    server.wait_for("SIGHUP: there is no file");
    assert!(get(&address, "/health", "").starts_with("HTTP/1.1 200"));

    let start = |wrapper: &[&str]| {
        let (master, terminal) = crate::terminal::open();
        let serve = [env!("CARGO_BIN_EXE_trinity"), "serve", "--port", "0"];
        let words: Vec<&str> = wrapper.iter().chain(&serve).copied().collect();
        let mut process = std::process::Command::new(words[0]);
        process.args(&words[1..]).stdin(terminal.try_clone().unwrap());
        process.env("TRINITY_HOME", path("no-home"));
        let mut server = Server::spawn(process);
        let address = server.address();
        drop(terminal);
        // The window is closed.
        drop(master);
        (server, address)
    };
    // Whoever runs the tests with `nohup` has the signal ignored by all their children.
    let (mut server, _) = start(&["env", "--default-signal=HUP", "setsid", "--ctty"]);
    server.wait_for("the terminal is gone");
    assert_eq!(server.wait().code(), Some(0));
    // Who says so beforehand keeps it.
    let (server, address) = start(&["setsid", "--ctty", "nohup"]);
    server.signal("HUP");
    std::thread::sleep(std::time::Duration::from_millis(300));
    assert!(get(&address, "/health", "").starts_with("HTTP/1.1 200"));
}

#[test]
fn a_key_finds_its_prefixes_after_a_restart_and_a_key_that_is_gone_leaves_none() {
    let cache = path("cache");
    let _ = fs::remove_dir_all(&cache);
    let model = testkit::data("tiny-models/stories260K-q8_0.gguf").to_str().unwrap().to_owned();
    let prompt = "Once upon a time, there was a little girl named Lily. She loved to play in the park. ".repeat(4);
    let run = |keys: &str, asks: &[&str]| {
        let keys = private("cache.toml", keys);
        let flags = [model.as_str(), "--cache-dir", cache.to_str().unwrap(), "--api-key-file", &keys];
        let (mut server, address) = Server::start(&flags);
        let cached = |key: &&str| {
            let body = serde_json::json!({"prompt": prompt, "max_tokens": 20, "temperature": 0, "ignore_eos": true});
            let answer = post_with(&address, "/v1/completions", &format!("x-api-key: {key}\r\n"), &body.to_string());
            assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
            let answer: Value = serde_json::from_str(answer.rsplit("\r\n\r\n").next().unwrap()).unwrap();
            answer["usage"]["prompt_tokens_details"]["cached_tokens"].as_u64().unwrap()
        };
        let cached: Vec<u64> = asks.iter().map(cached).collect();
        server.signal("TERM");
        assert_eq!(server.wait().code(), Some(0));
        let pages = fs::read_dir(&cache).unwrap().map(|entry| entry.unwrap().path()).filter(|path| path.is_dir());
        (cached, pages.map(|folder| fs::read_dir(folder).unwrap().count()).sum::<usize>())
    };
    let (cold, n_pages) = run(KEYS, &["key-of-ann", "key-of-bob"]);
    assert_eq!(cold, [0, 0], "what ann asked is nothing to bob");
    assert!(n_pages >= 4, "{n_pages}");
    let salt = fs::metadata(cache.join("salt")).unwrap();
    assert_eq!((salt.permissions().mode() & 0o777, salt.len()), (0o600, 32));
    let (warm, _) = run(KEYS, &["key-of-ann"]);
    assert!(warm[0] >= 64, "{warm:?} cached tokens after a restart");
    let (cold, n_left) = run(&KEYS.replace("key-of-ann", "key-of-new"), &["key-of-op"]);
    let (warm, _) = run(KEYS, &["key-of-bob", "key-of-ann"]);
    assert_eq!((cold[0], warm[1]), (0, 0), "ann's were removed with the key");
    assert!(warm[0] >= 64 && n_left <= n_pages, "{warm:?}: bob's were not; {n_left} of {n_pages} pages");
    fs::write(cache.join("salt"), "short").unwrap();
    let (cold, _) = run(KEYS, &["key-of-bob"]);
    assert_eq!(cold, [0], "with a damaged salt keys begin anew");
    assert_eq!(fs::metadata(cache.join("salt")).unwrap().len(), 32);
    let (warm, _) = run(KEYS, &["key-of-bob"]);
    assert!(warm[0] >= 64, "{warm:?} cached tokens after the next restart");
}
