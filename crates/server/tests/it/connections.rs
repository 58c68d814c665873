//! What clients do to connections, by accident or on purpose.

use std::{
    net::Shutdown,
    sync::atomic::Ordering,
    time::{Duration, Instant},
};

use server::ServerOptions;

use crate::{
    loopback::{Loopback, post, wait},
    routes::{self, Seen},
};

fn hurried() -> ServerOptions {
    let short = Duration::from_millis(300);
    ServerOptions { head_timeout: short, body_timeout: short, write_timeout: short, ..ServerOptions::default() }
}

fn start(options: ServerOptions) -> (Loopback, Seen) {
    let seen = Seen::default();
    (Loopback::with(options, routes::routes(&seen), Vec::new(), None), seen)
}

#[test]
fn what_is_no_http_gets_a_4xx_or_the_door() {
    let (server, _) = start(hurried());
    let head = "GET /health HTTP/1.1\r\nHost: localhost\r\n";
    let many: String = (0..200).map(|n| format!("X-{n}: y\r\n")).collect();
    let cases: Vec<Vec<u8>> = vec![
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03".to_vec(),
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec(),
        b"\0\0\0\0\0\0\0\0\r\n\r\n".to_vec(),
        b"hello\r\n\r\n".to_vec(),
        b"GET /health\r\n\r\n".to_vec(),
        b"GET /health HTTP/9.9\r\n\r\n".to_vec(),
        b"GET  /health HTTP/1.1\r\nHost: localhost\r\n\r\n".to_vec(),
        format!("{head}Bad Name: x\r\n\r\n").into(),
        format!("{head}X: a\0b\r\n\r\n").into(),
        format!("{head}X: {}\r\n\r\n", "y".repeat(100_000)).into(),
        format!("{head}{many}\r\n").into(),
        format!("GET /{} HTTP/1.1\r\nHost: localhost\r\n\r\n", "a".repeat(9_000)).into(),
        format!("GET /{} HTTP/1.1\r\nHost: localhost\r\n\r\n", "a".repeat(70_000)).into(),
        b"GET /health HTTP/1.1\r\n\r\n".to_vec(),
        b"GET /health HTTP/1.1\r\nHost: localhost\r\nHost: localhost\r\n\r\n".to_vec(),
        b"POST /test/echo HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\n{}".to_vec(),
        b"POST /test/echo HTTP/1.1\r\nHost: localhost\r\nContent-Length: -1\r\n\r\n{}".to_vec(),
        b"POST /test/echo HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: gzip\r\n\r\n{}".to_vec(),
        b"POST /test/echo HTTP/1.0\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n".to_vec(),
        b"POST /test/echo HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n{}"
            .to_vec(),
    ];
    for bytes in cases {
        let text = String::from_utf8_lossy(&bytes[..bytes.len().min(60)]).into_owned();
        let mut client = server.connect();
        client.write(&bytes);
        if let Some(answer) = client.answer() {
            assert!((400..500).contains(&answer.status), "{text:?}: {answer:?}");
        }
        assert_eq!(server.get("/health").status, 200, "after {text:?}");
    }
    assert_eq!(server.metric("trinity_panics_total"), 0.0);
}

#[test]
fn two_lengths_do_not_make_two_requests() {
    let (server, _) = start(hurried());
    for (first, second) in
        [("Content-Length: 4", "Transfer-Encoding: chunked"), ("Transfer-Encoding: chunked", "Content-Length: 4")]
    {
        let smuggled = "GET /health/live HTTP/1.1\r\nHost: localhost\r\n\r\n";
        let mut client = server.connect();
        client.write(format!(
            "POST /test/echo HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n{first}\r\n{second}\r\n\r\n2\r\n{{}}\r\n0\r\n\r\n{smuggled}"
        ));
        let answer = client.answer().unwrap();
        assert!(answer.status >= 400 || answer.text() == "{}", "{answer:?}");
        assert_eq!(client.answer(), None, "the connection must end after two lengths");
    }
}

#[test]
fn answers_come_in_the_order_of_the_questions() {
    let (server, _) = start(ServerOptions::default());
    let mut client = server.connect();
    let all: String = (0..50).map(|n| post("/test/echo", &format!("{{\"n\":{n}}}"))).collect();
    client.write(all);
    for n in 0..50 {
        let answer = client.answer().unwrap();
        assert_eq!((answer.status, answer.json()["n"].as_i64()), (200, Some(n)));
    }
    // A refused request in between neither closes the connection nor shifts what follows.
    client.write(
        post("/test/echo", "{\"refuse\":1}")
            + "GET /none HTTP/1.1\r\nHost: localhost\r\n\r\n"
            + &post("/test/echo", "{\"n\":7}"),
    );
    let statuses: Vec<u16> = (0..3).map(|_| client.answer().unwrap().status).collect();
    assert_eq!(statuses, [400, 404, 200]);
}

#[test]
fn bodies_are_json_of_bounded_size() {
    let (server, _) = start(ServerOptions { body_bytes_max: 1000, ..hurried() });
    let fits = format!("{{\"a\":\"{}\"}}", "x".repeat(992));
    assert_eq!(fits.len(), 1000);
    assert_eq!(server.post("/test/echo", &fits).text(), fits);
    let answer = server.post("/test/echo", &format!("{fits} "));
    assert_eq!((answer.status, answer.header("connection")), (413, Some("close")));
    assert!(answer.text().contains("1001 bytes, the limit is 1000"), "{answer:?}");

    let head = "POST /test/echo HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n";
    let announced = server.send(format!("{head}Content-Length: 8589934592\r\n\r\n"));
    assert_eq!(announced.status, 413, "at once, before any of it has come");
    let chunk = format!("1f4\r\n{}\r\n", "x".repeat(500));
    let chunked = server.send(format!("{head}Transfer-Encoding: chunked\r\n\r\n{chunk}{chunk}{chunk}0\r\n\r\n"));
    assert_eq!(chunked.status, 413);

    for kind in ["multipart/form-data", "application/jsonp", "text/html", "image/png"] {
        let request = format!(
            "POST /test/echo HTTP/1.1\r\nHost: localhost\r\nContent-Type: {kind}\r\nContent-Length: 2\r\n\r\n{{}}"
        );
        assert_eq!(server.send(request).status, 415, "{kind}");
    }
    let request = "POST /test/echo HTTP/1.1\r\nHost: localhost\r\nContent-Type: Application/JSON; charset=utf-8\r\nContent-Length: 2\r\n\r\n{}";
    assert_eq!(server.send(request).status, 200);
    for body in ["", "[", "{\"a\":}", "nul", "\u{feff}{}", "{\"a\":1e999}"] {
        let answer = server.post("/test/echo", body);
        assert_eq!(
            (answer.status, answer.json()["error"]["type"].as_str()),
            (400, Some("invalid_request_error")),
            "{body}"
        );
    }
}

#[test]
fn a_flood_into_a_refused_body_still_reads_the_refusal() {
    let (server, _) = start(ServerOptions { body_bytes_max: 1000, ..ServerOptions::default() });
    let mut client = server.connect();
    client.write("POST /test/echo HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n");
    let chunk = format!("10000\r\n{}\r\n", "x".repeat(0x10000));
    // 8 MiB, far more than the system's buffers hold.
    for _ in 0..128 {
        client.write(&chunk);
    }
    assert_eq!(client.answer().expect("the refusal is not lost in a reset").status, 413);
}

#[test]
fn who_dribbles_is_shown_the_door_and_others_are_served() {
    let (server, _) = start(ServerOptions { connections_max: 2_000, ..hurried() });
    let start = Instant::now();
    let mut idle: Vec<_> = (0..300).map(|_| server.connect()).collect();
    for (n, client) in idle.iter_mut().enumerate() {
        if n % 2 == 0 {
            client.write("GET /health HTTP/1.1\r\nHo");
        }
    }
    assert_eq!(server.get("/health").status, 200);
    for client in &mut idle {
        assert!(client.is_closed(), "an unfinished head must not stay");
    }
    let mut slow = server.connect();
    slow.write(
        "POST /test/echo HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{",
    );
    let answer = slow.answer().unwrap();
    assert_eq!((answer.status, answer.header("connection")), (408, Some("close")));
    assert!(start.elapsed() < Duration::from_secs(15), "{:?}", start.elapsed());
    wait("connections to close", || server.app.metrics().n_active() == 0);
    wait("connections to close", || server.metric("trinity_connections") <= 1.0);
}

#[test]
fn more_connections_than_places_wait() {
    let (server, seen) = start(ServerOptions { connections_max: 2, ..ServerOptions::default() });
    let mut first = server.connect();
    first.write("GET /test/drip HTTP/1.1\r\nHost: localhost\r\n\r\n");
    first.head();
    let mut second = server.connect();
    second.write("GET /test/drip HTTP/1.1\r\nHost: localhost\r\n\r\n");
    second.head();
    let mut third = server.connect();
    third.write("GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n");
    third.stream.set_read_timeout(Some(Duration::from_millis(200))).unwrap();
    assert!(!third.is_closed(), "it waits, it is not refused");
    drop(first);
    third.stream.set_read_timeout(Some(crate::loopback::PATIENCE)).unwrap();
    assert_eq!(third.answer().unwrap().status, 200);
    seen.finish.store(true, Ordering::SeqCst);
    seen.wait_for_no_stream();
}

#[test]
fn who_reads_nothing_is_dropped_and_holds_little() {
    let (server, seen) = start(hurried());
    let mut client = server.connect();
    client.write("GET /test/flood HTTP/1.1\r\nHost: localhost\r\n\r\n");
    wait("the stream to begin", || seen.streamed.load(Ordering::SeqCst) > 0);
    seen.wait_for_no_stream();
    let streamed = seen.streamed.load(Ordering::SeqCst);
    // What the system's own buffers take, and no more.
    assert!(streamed < 32 << 20, "{streamed} bytes");
    wait("the request to end", || server.app.metrics().n_active() == 0);
    assert!(client.is_closed());
}

#[test]
fn who_leaves_takes_the_stream_along() {
    let (server, seen) = start(ServerOptions::default());
    for how in ["reset", "close", "half"] {
        let mut client = server.connect();
        client.write("GET /test/drip HTTP/1.1\r\nHost: localhost\r\n\r\n");
        client.head();
        client.chunk().unwrap();
        match how {
            // Unread bytes in the buffer make the close a reset.
            "reset" => std::thread::sleep(Duration::from_millis(50)),
            "close" => {}
            _ => client.stream.shutdown(Shutdown::Write).unwrap(),
        }
        if how == "half" {
            seen.wait_for_no_stream();
        }
        drop(client);
        seen.wait_for_no_stream();
        wait("the request to end", || server.app.metrics().n_active() == 0);
    }
}

#[test]
fn a_panic_is_a_500_of_that_request_alone() {
    let (server, _) = start(ServerOptions::default());
    let mut client = server.connect();
    client.write("GET /test/panic HTTP/1.1\r\nHost: localhost\r\n\r\n");
    let answer = client.answer().unwrap();
    assert_eq!((answer.status, answer.json()["error"]["type"].as_str()), (500, Some("server_error")));
    assert!(!answer.text().contains("asked for"), "internals stay inside: {answer:?}");
    // On the same connection.
    client.write("GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n");
    assert_eq!(client.answer().unwrap().status, 200);
    assert_eq!(server.metric("trinity_panics_total"), 1.0);

    let mut client = server.connect();
    client.write("GET /test/panic-late HTTP/1.1\r\nHost: localhost\r\n\r\n");
    client.head();
    assert_eq!(client.chunk().as_deref(), Some(&b"first"[..]));
    assert_eq!(client.chunk(), None, "the rest is cut off, and does not look whole");
    assert_eq!(server.metric("trinity_panics_total"), 2.0);
    assert_eq!(server.app.metrics().n_active(), 0);
}

#[test]
fn a_request_has_a_name() {
    let (server, _) = start(ServerOptions::default());
    let given = server.send("GET /health HTTP/1.1\r\nHost: localhost\r\nX-Request-Id: my-1\r\n\r\n");
    assert_eq!(given.header("x-request-id"), Some("my-1"));
    let made = server.send("GET /health HTTP/1.1\r\nHost: localhost\r\nX-Request-Id: a b\r\n\r\n");
    assert!(made.header("x-request-id").unwrap().starts_with("req_"));
}
