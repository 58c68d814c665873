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
    let answer = preflight(&closed, "https://app.example");
    assert_eq!((answer.status, answer.header("access-control-allow-origin")), (403, None));
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
