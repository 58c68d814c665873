//! Pages in browsers.

use server::{
    ServerOptions,
    origin::{Hosts, Origins},
};

use crate::{
    loopback::Loopback,
    routes::{self, Seen},
};

fn start(cors: &[&str]) -> Loopback {
    let cors = cors.iter().map(|o| (*o).to_owned()).collect();
    let origins = Origins { hosts: Hosts::loopback_and([]), cors };
    let options = ServerOptions { origins, ..ServerOptions::default() };
    Loopback::with(options, routes::routes(&Seen::default()), Vec::new(), None)
}

#[test]
fn a_name_that_was_bound_to_us_by_somebody_else_is_refused() {
    let server = start(&[]);
    for host in ["evil.example", "evil.example:8080", "127.0.0.1.evil.example", "169.254.169.254"] {
        for path in ["/health", "/v1/loads", "/"] {
            let answer = server.send(format!("GET {path} HTTP/1.1\r\nHost: {host}\r\n\r\n"));
            assert_eq!(
                (answer.status, answer.json()["error"]["code"].as_str()),
                (421, Some("host_not_allowed")),
                "{host}"
            );
        }
    }
    for host in ["localhost", "127.0.0.1:1", "[::1]:8080", "LocalHost"] {
        assert_eq!(server.send(format!("GET /health HTTP/1.1\r\nHost: {host}\r\n\r\n")).status, 200, "{host}");
    }
    let absolute = server.send("GET http://evil.example/health HTTP/1.1\r\nHost: localhost\r\n\r\n");
    assert_eq!(absolute.status, 421);
}

fn preflight(server: &Loopback, origin: &str) -> crate::loopback::Answer {
    server.send(format!(
        "OPTIONS /test/echo HTTP/1.1\r\nHost: localhost\r\nOrigin: {origin}\r\nAccess-Control-Request-Method: POST\r\n\
         Access-Control-Request-Headers: content-type\r\n\r\n"
    ))
}

#[test]
fn no_page_may_read_unless_it_is_listed() {
    let closed = start(&[]);
    for origin in ["https://app.example", "null"] {
        let answer = preflight(&closed, origin);
        assert_eq!((answer.status, answer.header("access-control-allow-origin")), (403, None));
        let error = answer.json()["error"].clone();
        assert_eq!(error["code"], "origin_not_allowed");
        let message = error["message"].as_str().unwrap();
        assert!(message.contains(origin) && message.contains("--cors-origin"), "{message}");
    }
    let plain = closed.send("GET /version HTTP/1.1\r\nHost: localhost\r\nOrigin: https://app.example\r\n\r\n");
    assert!(!plain.head.to_lowercase().contains("access-control"), "{plain:?}");

    let open = start(&["https://app.example"]);
    let answer = preflight(&open, "https://app.example");
    assert_eq!((answer.status, answer.header("access-control-allow-origin")), (204, Some("https://app.example")));
    assert!(answer.header("access-control-allow-methods").unwrap().contains("POST"));
    assert!(answer.header("access-control-allow-headers").unwrap().contains("content-type"));
    let other = preflight(&open, "https://evil.example");
    assert_eq!((other.status, other.header("access-control-allow-origin")), (403, None));
    for origin in ["https://app.example", "https://evil.example"] {
        let answer = open.send(format!("GET /version HTTP/1.1\r\nHost: localhost\r\nOrigin: {origin}\r\n\r\n"));
        assert_eq!((answer.status, answer.header("vary")), (200, Some("origin")));
        assert_eq!(answer.header("access-control-allow-origin").is_some(), origin.contains("app"), "{answer:?}");
        assert_eq!(answer.header("access-control-allow-credentials"), None);
    }
}

#[test]
fn pages_of_this_machine_may_ask_and_read() {
    let server = start(&[]);
    for origin in ["http://localhost:3000", "http://127.0.0.1:5173", "app://obsidian.md", "vscode-webview://1abc"] {
        let answer = preflight(&server, origin);
        assert_eq!((answer.status, answer.header("access-control-allow-origin")), (204, Some(origin)));
        assert_eq!(answer.header("access-control-allow-headers"), Some("content-type"));
        let answer = echo(&server, &format!("Content-Type: application/json\r\nOrigin: {origin}\r\n"));
        assert_eq!((answer.status, answer.header("access-control-allow-origin")), (200, Some(origin)));
        assert_eq!(answer.header("vary"), Some("origin"));
    }
}

/// Sends a POST of JSON with these headers.
fn echo(server: &Loopback, headers: &str) -> crate::loopback::Answer {
    server.send(format!("POST /test/echo HTTP/1.1\r\nHost: localhost\r\n{headers}Content-Length: 2\r\n\r\n{{}}"))
}

/// A body from `curl -d` is a form by its type, and so is one that a page anywhere can send without being asked.
#[test]
fn bodies_without_their_type_are_taken_from_programs_and_not_from_pages() {
    const UNSAID: [&str; 4] = [
        "",
        "Content-Type: application/x-www-form-urlencoded\r\n",
        "Content-Type: text/plain;charset=UTF-8\r\n",
        "Content-Type:\r\n",
    ];
    let server = start(&["https://app.example"]);
    for kind in UNSAID {
        for own in ["", "Origin: http://localhost\r\n", "Sec-Fetch-Site: same-origin\r\n", "Sec-Fetch-Site: none\r\n"] {
            assert_eq!(echo(&server, &format!("{kind}{own}")).status, 200, "{kind} {own}");
        }
        for foreign in [
            "Origin: https://evil.example\r\n",
            "Origin: null\r\n",
            "Origin: http://localhost.evil.example\r\nSec-Fetch-Site: cross-site\r\n",
            "Sec-Fetch-Site: cross-site\r\n",
            "Sec-Fetch-Site: same-site\r\n",
        ] {
            let answer = echo(&server, &format!("{kind}{foreign}"));
            assert_eq!((answer.status, answer.json()["error"]["code"].as_str()), (403, Some("origin_not_allowed")));
        }
        // Pages that may ask have to say that it is JSON, and so have asked before.
        for allowed in ["https://app.example", "http://localhost:3000"] {
            assert_eq!(echo(&server, &format!("{kind}Origin: {allowed}\r\n")).status, 415, "{kind} {allowed}");
        }
    }
}

#[test]
fn foreign_pages_have_nothing_done_whatever_they_send() {
    let server = start(&["https://app.example"]);
    let json = "Content-Type: application/json\r\n";
    for (origin, status) in [
        ("https://app.example", 200),
        ("http://localhost", 200),
        ("https://evil.example", 403),
        ("https://localhost.evil.example", 403),
        ("null", 403),
    ] {
        let answer = echo(&server, &format!("{json}Origin: {origin}\r\n"));
        assert_eq!(answer.status, status, "{origin}: {answer:?}");
        assert_eq!(status == 403, answer.text().contains("--cors-origin"), "{origin}: {answer:?}");
    }
    assert_eq!(echo(&server, &format!("{json}Sec-Fetch-Site: cross-site\r\n")).status, 403);
    // Each API says it in its own words; reading is left to CORS.
    let head = "Host: localhost\r\nOrigin: https://evil.example\r\n";
    let answer = server.send(format!("DELETE /api/delete HTTP/1.1\r\n{head}\r\n"));
    assert_eq!(answer.status, 403);
    assert!(answer.json()["error"].as_str().unwrap().starts_with("origin: "), "{answer:?}");
    assert_eq!(server.send(format!("GET /health HTTP/1.1\r\n{head}\r\n")).status, 200);
    let open = start(&["*"]);
    assert_eq!(echo(&open, &format!("{json}Origin: https://any.example\r\n")).status, 200);
}
