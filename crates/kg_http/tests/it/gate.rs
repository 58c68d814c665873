//! Who may ask, who may change, how much.

use kg_http::Settings;
use server::{
    ServerOptions,
    auth::{KeyFileFormat, Keys},
};

use crate::support::{WRITES, coded, start};

const UPDATE: &str = "Content-Type: application/sparql-update";
const INSERT: &[u8] = b"INSERT DATA { <http://a/new> <http://a/p> 1 }";
const ASK: &str = "/kg/notes/sparql?query=ASK%7B%3Chttp://a/new%3E%20?p%20?o%7D";
const DATA: &str = "/kg/notes/data?graph=http://a/n";

#[test]
fn graphs_are_read_only_unless_the_operator_says_otherwise() {
    let served = start(Settings::default(), ServerOptions::default());
    for (method, target, header) in [
        ("POST", "/kg/notes/sparql", UPDATE),
        ("POST", "/kg/notes/sparql", "Content-Type: application/x-www-form-urlencoded"),
        ("PUT", DATA, "Content-Type: text/turtle"),
        ("POST", "/kg/notes/data", "Content-Type: text/turtle"),
        ("DELETE", "/kg/notes/data?graph=http://a/g", "X: y"),
    ] {
        let form = format!("update={}", coded(std::str::from_utf8(INSERT).unwrap()));
        let body: &[u8] = if header.ends_with("urlencoded") { form.as_bytes() } else { INSERT };
        let answer = served.ask(method, target, &[header], body);
        assert!(answer.status == 403 && answer.text().contains("read-only"), "{method} {target}: {answer:?}");
    }
    assert_eq!((served.n_facts(), served.server.get(ASK).status), (7, 200));
}

#[test]
fn a_key_reads_and_only_one_with_the_right_writes() {
    let text = "[[keys]]\nkey = \"reader\"\n[[keys]]\nkey = \"writer\"\nkg_write = true\n[[keys]]\nkey = \"boss\"\nadmin = true\n";
    let keys = Keys::parse("keys", text, KeyFileFormat::Toml).unwrap();
    let served = start(WRITES(), ServerOptions { keys, ..ServerOptions::default() });
    let as_key = |method: &str, target: &str, key: &str, body: &[u8]| {
        served.ask(method, target, &[UPDATE, &format!("Authorization: Bearer {key}")], body).status
    };
    for target in [ASK, "/kg", "/kg/notes/sparql", DATA, "/kg/nothing/sparql"] {
        assert_eq!((served.server.get(target).status, as_key("GET", target, "wrong", b"")), (401, 401), "{target}");
    }
    assert_eq!((as_key("GET", ASK, "reader", b""), as_key("POST", "/kg/notes/sparql", "reader", INSERT)), (200, 403));
    assert_eq!((as_key("DELETE", DATA, "reader", b""), as_key("PUT", DATA, "reader", b"")), (403, 403));
    assert_eq!(
        (as_key("POST", "/kg/notes/sparql", "writer", INSERT), as_key("DELETE", DATA, "writer", b"")),
        (200, 404)
    );
    assert_eq!(as_key("POST", "/kg/notes/sparql", "boss", b"DELETE WHERE { <http://a/new> ?p ?o }"), 200);
}

#[test]
fn without_keys_this_machine_writes_and_others_only_where_everybody_may() {
    let status = |options: ServerOptions, headers: &[&str]| {
        let served = start(WRITES(), options);
        let all: Vec<&str> = [UPDATE].into_iter().chain(headers.iter().copied()).collect();
        served.ask("POST", "/kg/notes/sparql", &all, INSERT).status
    };
    assert_eq!(status(ServerOptions::default(), &[]), 200);
    // A proxy says that it comes from elsewhere.
    assert_eq!(status(ServerOptions::default(), &["X-Forwarded-For: 192.0.2.1"]), 403);
    assert_eq!(status(ServerOptions { open_admin: true, ..ServerOptions::default() }, &["Via: a"]), 200);
    // A page of another site writes nothing, whoever looks at it.
    assert_eq!(status(ServerOptions::default(), &["Origin: https://evil.example"]), 403);
    let served = start(WRITES(), ServerOptions::default());
    let question = ["Origin: http://localhost:3000", "Access-Control-Request-Method: PUT"];
    let allowed = served.ask("OPTIONS", DATA, &question, b"");
    assert!(allowed.header("access-control-allow-methods").unwrap().contains("PUT"), "{allowed:?}");
    let answer = served.ask("GET", ASK, &["Origin: http://localhost:3000"], b"");
    assert_eq!(answer.header("access-control-allow-origin"), Some("http://localhost:3000"));
}

#[test]
fn bodies_have_their_limits() {
    let settings = Settings { body_bytes_max: 3000, ..WRITES() };
    let served = start(settings, ServerOptions { body_bytes_max: 1000, ..ServerOptions::default() });
    let padded = |n: usize| " ".repeat(n);
    let insert = |n| format!("INSERT DATA {{ <http://a/a> <http://a/b> 1 }}{}", padded(n)).into_bytes();
    let post = |kind: &str, body: &[u8]| {
        served.ask("POST", "/kg/notes/sparql", &[&format!("Content-Type: application/{kind}")], body).status
    };
    assert_eq!((post("sparql-update", &insert(2000)), post("sparql-update", &insert(3000))), (200, 413));
    let ask = |n| format!("ASK {{}}{}", padded(n)).into_bytes();
    assert_eq!((post("sparql-query", &ask(900)), post("sparql-query", &ask(1000))), (200, 413));
    let put = |n| served.ask("PUT", DATA, &["Content-Type: text/turtle"], padded(n).as_bytes()).status;
    assert_eq!((put(3000), put(3001)), (200, 413));
    // Who may not write has the limit of everybody.
    let forwarded = ["Content-Type: application/x-www-form-urlencoded", "Via: a"];
    assert_eq!(served.ask("POST", "/kg/notes/sparql", &forwarded, padded(1001).as_bytes()).status, 413);
}
