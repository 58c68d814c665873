//! Who leaves before the answer is noticed at once, whatever was sent before, and however.

use std::{
    io::Write,
    net::Shutdown,
    os::unix::net::UnixStream,
    time::{Duration, Instant},
};

use serde_json::{Value, json};
use server::{App, ServerOptions, lifecycle::Phase, limits::PIPELINED_BYTES_MAX, models::Models, serve::Server};

use crate::{
    loopback::{Client, Loopback, PATIENCE, post, wait},
    openai::support::{STORIES, TestLoader, post_bytes},
    routes::{self, Seen},
};

/// Makes a request of more than the engine computes while a test waits, so that a client who left caused an earlier
/// end.
fn endless(is_stream: bool) -> Value {
    json!({"prompt": "Once", "max_tokens": 500, "n": 16, "ignore_eos": true, "stream": is_stream})
}

fn start() -> Loopback {
    let models = Models::new(Box::new(TestLoader::of(&[STORIES])), server::models::ModelsOptions::default());
    let server = Loopback::with_models(ServerOptions::default(), models);
    server.ok("/v1/completions", &json!({"prompt": "Once", "max_tokens": 1}));
    server
}

fn n_generated(server: &Loopback) -> u64 {
    server.app.models().loaded().iter().map(|model| model.handle.stats().n_sampled).sum()
}

/// Waits until nothing runs; fails if that is because the work was done.
fn ends_early(server: &Loopback, before: u64, what: &str) {
    wait(what, || server.app.metrics().n_active() == 0);
    server.wait_until_idle();
    let n = n_generated(server) - before;
    assert!(n < 16 * 500, "{what}: the whole answer was computed, {n} tokens");
}

#[test]
fn a_client_that_leaves_ends_its_request_whatever_it_sent_before() {
    let server = start();
    let another = "GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n";
    let half_a_head = "POST /v1/completions HTTP/1.1\r\nHo";
    let big = post("/test/echo", &"x".repeat(100_000));
    for is_stream in [false, true] {
        for sent_before in ["", another, half_a_head, &another.repeat(100), &big, "\r\n\r\n", "\0"] {
            for how in [Shutdown::Write, Shutdown::Both] {
                let what = format!("{is_stream} {how:?} {:?}", sent_before.get(..40).unwrap_or(sent_before));
                let before = n_generated(&server);
                let mut client = server.connect();
                client.write(post_bytes("/v1/completions", &endless(is_stream)));
                wait("the request", || server.app.metrics().n_active() == 1);
                client.write(sent_before);
                client.stream.shutdown(how).unwrap();
                if how == Shutdown::Both {
                    drop(client);
                    ends_early(&server, before, &what);
                } else {
                    // The socket stays open: the closed half alone says it.
                    ends_early(&server, before, &what);
                }
            }
        }
    }
}

#[test]
fn it_is_noticed_through_a_unix_socket_too() {
    let path = std::env::temp_dir().join(format!("trinity-departures-{}.sock", std::process::id()));
    let _ = std::fs::remove_file(&path);
    let seen = Seen::default();
    let app = App::new(ServerOptions::default(), Models::default(), Vec::new);
    app.lifecycle().advance(Phase::Ready);
    let (served, routes, bound) = (app.clone(), routes::routes(&seen), path.clone());
    let thread = std::thread::spawn(move || {
        tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap().block_on(async {
            let mut server = Server::new(None);
            server.listen_unix(&bound).await.unwrap();
            server.run(served, routes).await;
        });
    });
    wait("the socket", || path.exists());
    for sent_before in ["", "GET /health HTTP/1.1\r\nHost: x\r\n\r\n"] {
        for route in ["/test/drip", "/test/forever"] {
            let mut stream = UnixStream::connect(&path).unwrap();
            write!(stream, "GET {route} HTTP/1.1\r\nHost: x\r\n\r\n").unwrap();
            wait("the request", || app.metrics().n_active() == 1);
            stream.write_all(sent_before.as_bytes()).unwrap();
            stream.shutdown(Shutdown::Write).unwrap();
            wait("its end", || app.metrics().n_active() == 0);
        }
    }
    app.lifecycle().advance(Phase::Cancelled);
    thread.join().unwrap();
}

fn waiting(server: &Loopback) -> Client {
    let mut client = server.connect();
    client.write("GET /test/forever HTTP/1.1\r\nHost: localhost\r\n\r\n");
    wait("the request", || server.app.metrics().n_active() == 1);
    client
}

#[test]
fn who_sends_without_end_while_it_waits_is_cut_off() {
    let seen = Seen::default();
    let server = Loopback::with(ServerOptions::default(), routes::routes(&seen), Vec::new(), None);
    let mut client = waiting(&server);
    let start = Instant::now();
    while server.app.metrics().n_active() == 1 {
        client.write([b'x'; 4096]);
        assert!(start.elapsed() < PATIENCE, "it is never cut off");
    }
    // Less than that is kept, and is the next request.
    let mut client = waiting(&server);
    client.write("\r\n".repeat(PIPELINED_BYTES_MAX / 4));
    std::thread::sleep(Duration::from_millis(100));
    assert_eq!(server.app.metrics().n_active(), 1);
    drop(client);
    wait("its end", || server.app.metrics().n_active() == 0);
}
