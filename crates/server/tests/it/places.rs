//! More clients than places: silence gives way, work does not.

use std::{
    net::{SocketAddr, TcpStream},
    time::{Duration, Instant},
};

use serde_json::json;
use server::{
    App, ServerOptions,
    auth::{KeyFileFormat, Keys},
    lifecycle::Phase,
    models::Models,
    serve::Server,
};

use crate::{
    loopback::{Client, Loopback, wait},
    openai::support::{self, STORIES, post_bytes},
    routes::{self, Seen},
};

const PLACES: usize = 40;

fn start(options: ServerOptions) -> (Loopback, Seen) {
    let seen = Seen::default();
    (Loopback::with(options, routes::routes(&seen), Vec::new(), None), seen)
}

fn few() -> ServerOptions {
    ServerOptions { connections_max: PLACES, ..ServerOptions::default() }
}

fn drip(server: &Loopback, headers: &str) -> Client {
    let mut client = server.connect();
    client.write(format!("GET /test/drip HTTP/1.1\r\nHost: localhost\r\n{headers}\r\n"));
    assert!(client.head().starts_with("HTTP/1.1 200"));
    client
}

#[test]
fn silent_connections_give_way_at_once() {
    let (server, _) = start(few());
    let started = Instant::now();
    let mut silent: Vec<Client> = (0..PLACES).map(|_| server.connect()).collect();
    for client in silent.iter_mut().step_by(2) {
        client.write("POST /test/echo HTTP/1.1\r\nHost: localhost\r\nContent-Le");
    }
    wait("all places to be taken", || server.app.metrics().n_connections() == PLACES as i64);
    for _ in 0..5 {
        assert_eq!(server.get("/health").status, 200);
    }
    assert!(silent[0].is_closed(), "the one that was silent longest");
    assert!(started.elapsed() < Duration::from_secs(10), "nobody waits for the time of a head to be over");
    assert!(server.metric("trinity_connections_displaced_total") >= 1.0);
}

#[test]
fn a_body_that_does_not_come_keeps_no_place() {
    let (server, _) = start(few());
    let head =
        "POST /test/echo HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{";
    let mut slow: Vec<Client> = (0..PLACES).map(|_| server.connect()).collect();
    slow.iter_mut().for_each(|client| client.write(head));
    wait("all to be read", || server.app.metrics().n_active() == PLACES as i64);
    let started = Instant::now();
    assert_eq!(server.get("/health").status, 200);
    assert!(started.elapsed() < Duration::from_secs(10), "nobody waits for the time of a body to be over");
    assert!(server.metric("trinity_connections_displaced_total") >= 1.0);
}

#[test]
fn work_and_keys_keep_their_places_before_silence() {
    let keys = Keys::parse("k", "secret", KeyFileFormat::Lines).unwrap();
    let (server, seen) = start(ServerOptions { keys, connections_max: 4, ..ServerOptions::default() });
    let key = "x-api-key: secret\r\n";
    let mut working = drip(&server, key);
    let mut keyed = server.connect();
    keyed.write(format!("GET /version HTTP/1.1\r\nHost: localhost\r\n{key}\r\n"));
    assert_eq!(keyed.answer().unwrap().status, 200);
    // Strangers, some of whom are answered: refusals and what is public make nobody a guest.
    let strangers: Vec<Client> = (0..20)
        .map(|n| {
            let mut stranger = server.connect();
            if n % 2 == 0 {
                let path = if n % 4 == 0 { "/openapi.json" } else { "/v1/models" };
                stranger.write(format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n"));
                assert!(stranger.answer().is_some());
            }
            stranger
        })
        .collect();
    keyed.write(format!("GET /version HTTP/1.1\r\nHost: localhost\r\n{key}\r\n"));
    assert_eq!(
        keyed.answer().map(|answer| answer.status),
        Some(200),
        "who showed a key is not pushed out by strangers"
    );
    working.chunk().expect("nor is work");
    drop(strangers);
    seen.finish.store(true, std::sync::atomic::Ordering::SeqCst);
}

#[test]
fn an_address_has_its_share_and_reads_why_it_gets_no_more() {
    let options = ServerOptions { connections_per_address_max: Some(2), ..few() };
    let (server, seen) = start(options);
    let (first, second) = (drip(&server, ""), drip(&server, ""));
    let refused = server.get("/health");
    assert_eq!((refused.status, refused.header("retry-after")), (503, Some("1")));
    assert_eq!(refused.json()["error"]["code"], "too_many_connections");
    assert!(refused.text().contains("has 2 connections"), "{refused:?}");
    // Another address is not concerned.
    assert_eq!(ask_from([127, 0, 0, 2], server.address), 200);
    drop(first);
    wait("the share to be free", || server.get("/health").status == 200);
    drop(second);
    seen.wait_for_no_stream();
}

/// Returns the status of `/health`, asked from another address of this machine.
fn ask_from(address: [u8; 4], server: SocketAddr) -> u16 {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let stream = runtime.block_on(async {
        let socket = tokio::net::TcpSocket::new_v4().unwrap();
        socket.bind(SocketAddr::from((address, 0))).unwrap();
        socket.connect(server).await.unwrap().into_std().unwrap()
    });
    stream.set_nonblocking(false).unwrap();
    let mut client = Client::of(stream);
    client.write("GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n");
    client.answer().unwrap().status
}

/// Clients that come at once, before the server has accepted any: more than the 1,024 that wait with the system where
/// nothing is said.
#[test]
fn a_burst_is_met() {
    const CLIENTS: usize = 1500;
    let (send, receive) = std::sync::mpsc::channel();
    let (go, wait_to_go) = tokio::sync::oneshot::channel::<()>();
    let app = App::new(ServerOptions::default(), Models::default(), Vec::new);
    app.lifecycle().advance(Phase::Ready);
    let served = app.clone();
    let thread = std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        runtime.block_on(async {
            let mut server = Server::new(None);
            server.listen_tcp("127.0.0.1", 0).await.unwrap();
            let address: SocketAddr = server.addresses()[0].rsplit('/').next().unwrap().parse().unwrap();
            send.send(address).unwrap();
            wait_to_go.await.unwrap();
            server.run(served, server::router::routes()).await;
        });
    });
    let address = receive.recv().unwrap();
    let limit = Duration::from_millis(900);
    // Whom the system has no room for would try again after a second.
    let connect = |_| TcpStream::connect_timeout(&address, limit).expect("a place in the queue of the system");
    let mut clients: Vec<Client> = (0..CLIENTS).map(connect).map(Client::of).collect();
    go.send(()).unwrap();
    let start = Instant::now();
    wait("all to be accepted", || app.metrics().n_connections() == CLIENTS as i64);
    let took = start.elapsed();
    // 0.2 s on a machine that has nothing else to do.
    assert!(took < Duration::from_secs(5), "{took:?}");
    for client in clients.iter_mut().step_by(100) {
        client.write("GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n");
        assert_eq!(client.answer().unwrap().status, 200);
    }
    app.lifecycle().advance(Phase::Cancelled);
    thread.join().unwrap();
}

/// Clients that come at once while the engine computes and every thread for long work has some: connections are
/// accepted behind none of it.
#[test]
fn a_burst_is_met_while_all_threads_are_at_work() {
    const CLIENTS: usize = 400;
    let server = support::server(&[STORIES]);
    server.ok("/v1/completions", &json!({"prompt": "Once", "max_tokens": 1}));
    let long = json!({"prompt": "Once", "max_tokens": 400, "n": 16, "ignore_eos": true, "stream": true});
    let much = json!({"content": "a lot of words ".repeat(100_000)});
    let at_work: Vec<Client> = (0..24)
        .map(|i| {
            let mut client = server.connect();
            let (path, body) = if i % 3 == 0 { ("/v1/completions", &long) } else { ("/tokenize", &much) };
            client.write(post_bytes(path, body));
            client
        })
        .collect();
    wait("the work to begin", || server.app.metrics().n_active() > 20);
    let before = server.app.metrics().n_connections();
    let start = Instant::now();
    let mut clients: Vec<Client> = (0..CLIENTS).map(|_| server.connect()).collect();
    wait("all to be accepted", || server.app.metrics().n_connections() >= before + CLIENTS as i64 - 24);
    let took = start.elapsed();
    assert!(took < Duration::from_secs(5), "{took:?}");
    assert!(server.app.metrics().n_active() > 0, "the work was over before");
    for client in clients.iter_mut().step_by(100) {
        client.write("GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n");
        assert_eq!(client.answer().unwrap().status, 200);
    }
    drop(at_work);
}
