//! Stopping in good order.

use std::{
    sync::atomic::Ordering,
    time::{Duration, Instant},
};

use server::{ServerOptions, lifecycle::Phase};

use crate::{
    loopback::Loopback,
    routes::{self, Seen},
};

fn start(drain: Duration) -> (Loopback, Seen) {
    let seen = Seen::default();
    let options = ServerOptions { drain_timeout: drain, ..ServerOptions::default() };
    (Loopback::with(options, routes::routes(&seen), Vec::new(), None), seen)
}

#[test]
fn what_runs_ends_well_and_nothing_new_begins() {
    let (server, seen) = start(Duration::from_mins(1));
    let mut running = server.connect();
    running.write("GET /test/drip HTTP/1.1\r\nHost: localhost\r\n\r\n");
    running.head();
    running.chunk().unwrap();
    let mut idle = server.connect();
    idle.write("GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n");
    assert_eq!(idle.answer().unwrap().status, 200);
    server.drain();
    assert!(idle.is_closed(), "nobody waits for an idle connection");
    let health = server.get("/health");
    assert_eq!((health.status, health.json()["status"].as_str()), (503, Some("stopping")));
    assert_eq!(server.get("/health/live").status, 200);
    let refused = server.get("/version");
    assert_eq!((refused.status, refused.header("connection")), (503, Some("close")));
    assert!(refused.header("retry-after").is_some());
    running.chunk().expect("what runs goes on");
    seen.finish.store(true, Ordering::SeqCst);
    while running.chunk().is_some() {}
    let start = Instant::now();
    server.join();
    assert!(start.elapsed() < Duration::from_secs(20), "it ends when the last stream does");
}

#[test]
fn what_runs_too_long_is_cut_off() {
    let (server, seen) = start(Duration::from_millis(200));
    let mut running = server.connect();
    running.write("GET /test/drip HTTP/1.1\r\nHost: localhost\r\n\r\n");
    running.head();
    let app = server.app.clone();
    server.drain();
    server.join();
    assert!(running.is_closed());
    seen.wait_for_no_stream();
    assert_eq!((app.lifecycle().phase(), app.metrics().n_active()), (Phase::Cancelled, 0));
}

#[test]
fn a_phase_never_goes_back() {
    let (server, _) = start(Duration::from_mins(1));
    server.drain();
    server.app.lifecycle().advance(Phase::Ready);
    assert!(server.app.lifecycle().phase() >= Phase::Draining);
}
