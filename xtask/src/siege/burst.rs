//! As many clients at once as there are places: how long until all are accepted, by a server that has nothing to do and
//! by one that computes.

use std::{
    fs,
    io::{BufRead, BufReader, Read, Write},
    net::TcpStream,
    sync::atomic::{AtomicBool, Ordering},
    thread,
    time::{Duration, Instant},
};

use serde_json::json;

use super::asks::words;
use crate::serve_bench::{
    Bench, Measured,
    client::Caller,
    statistics::{Random, median, round},
};

/// Number of places: the default of `--max-connections`, and fewer with `--quick`.
const PLACES: [usize; 2] = [4096, 500];
/// Number of files that this program and the server need beside connections.
const FILES_SPARE: usize = 300;
/// Longest time until all are accepted, in seconds; with `--quick`, beside which other programs run, it is longer.
const SECONDS_MAX: [f64; 2] = [0.2, 1.0];
/// Number of bursts, of which the median counts.
const ROUNDS: usize = 5;
/// Number of threads that connect.
const CONNECTORS: usize = 4;
/// Number of streams of the server that computes.
const STREAMS: usize = 8;
/// Longest time until the places of the last burst are free.
const PATIENCE: Duration = Duration::from_secs(20);

pub(super) fn measure(bench: &Bench) -> Result<Measured, String> {
    let quick = usize::from(bench.is_quick);
    // The clients of a burst, the one that asks how many there are, and those whose streams are written.
    let n_places = PLACES[quick].min(files_max()?.saturating_sub(FILES_SPARE));
    let n_clients = n_places - STREAMS - 1;
    let (mut rows, mut targets) = (Vec::new(), Vec::new());
    for is_at_work in [false, true] {
        let server = bench.trinity(&["--log-level", "off", "--max-connections", &n_places.to_string()])?;
        let is_over = AtomicBool::new(false);
        let caller = Caller { address: &server.address, key: None };
        let seconds = thread::scope(|scope| {
            for stream in 0..if is_at_work { STREAMS } else { 0 } {
                let is_over = &is_over;
                scope.spawn(move || work(caller, stream as u64, is_over));
            }
            let seconds: Result<Vec<f64>, String> = (0..ROUNDS).map(|_| burst(&server.address, n_clients)).collect();
            is_over.store(true, Ordering::Relaxed);
            seconds
        })?;
        let (what, middle) = (if is_at_work { "at work" } else { "at rest" }, median(&seconds));
        let rounds: Vec<f64> = seconds.iter().map(|seconds| round(*seconds)).collect();
        println!("{n_clients} clients at once, a server {what}: accepted within {rounds:?} s");
        let bound = SECONDS_MAX[quick];
        targets.push((
            format!("{n_clients} clients at once, a server {what}: {middle:.3} s, wanted {bound} s"),
            middle <= bound,
        ));
        rows.push(json!({ "command": server.command, "server": what, "clients": n_clients, "seconds": rounds, "wanted_seconds": bound }));
    }
    Ok(Measured { figures: json!(rows), targets })
}

/// Returns how many files this program, and so a server that it starts, may have open.
fn files_max() -> Result<usize, String> {
    let limits = fs::read_to_string("/proc/self/limits").map_err(|e| format!("/proc/self/limits: {e}"))?;
    let line = limits.lines().find_map(|line| line.strip_prefix("Max open files"));
    let soft = line.and_then(|line| line.split_whitespace().next()).ok_or("/proc/self/limits has no open files")?;
    Ok(soft.parse().unwrap_or(usize::MAX))
}

/// Asks for streams, one after the other, until it is over; the end of the last does not matter.
fn work(caller: Caller<'_>, seed: u64, is_over: &AtomicBool) {
    let mut random = Random(seed);
    while !is_over.load(Ordering::Relaxed) {
        let body = json!({ "model": "any", "prompt": words(24, &mut random), "max_tokens": 100, "stream": true, "ignore_eos": true });
        let _ = caller.stream(&body);
    }
}

/// Returns the seconds until the server has accepted `n_clients` who come at once.
fn burst(address: &str, n_clients: usize) -> Result<f64, String> {
    let mut counter = Counter::connect(address)?;
    let start = Instant::now();
    while counter.connections()? > STREAMS + 1 {
        if start.elapsed() > PATIENCE {
            return Err("the places of the last burst are not given back".to_owned());
        }
    }
    let before = counter.connections()?;
    let start = Instant::now();
    let clients = thread::scope(|scope| {
        let connectors: Vec<_> = (0..CONNECTORS)
            .map(|i| {
                let n = n_clients / CONNECTORS + usize::from(i < n_clients % CONNECTORS);
                scope.spawn(move || (0..n).map(|_| TcpStream::connect(address)).collect::<Result<Vec<_>, _>>())
            })
            .collect();
        let joined = connectors.into_iter().map(|c| c.join().map_err(|_| "a client panicked".to_owned()));
        joined
            .map(|clients| clients?.map_err(|e| format!("a connection to {address}: {e}")))
            .collect::<Result<Vec<_>, _>>()
    })?;
    // Streams that are written come and go meanwhile.
    let wanted = (before + n_clients).saturating_sub(STREAMS);
    while counter.connections()? < wanted {
        if start.elapsed() > PATIENCE {
            return Err(format!("{} connections of {wanted} after {} s", counter.connections()?, PATIENCE.as_secs()));
        }
    }
    let seconds = start.elapsed().as_secs_f64();
    drop(clients);
    Ok(seconds)
}

/// A connection from before the burst, which asks the server how many there are.
struct Counter {
    socket: BufReader<TcpStream>,
}

impl Counter {
    fn connect(address: &str) -> Result<Self, String> {
        let socket = TcpStream::connect(address).map_err(|e| format!("a connection to {address}: {e}"))?;
        socket.set_read_timeout(Some(PATIENCE)).map_err(|e| e.to_string())?;
        Ok(Self { socket: BufReader::new(socket) })
    }

    fn connections(&mut self) -> Result<usize, String> {
        let at = |e: std::io::Error| format!("GET /metrics: {e}");
        self.socket.get_mut().write_all(b"GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n").map_err(at)?;
        let mut n_bytes = 0;
        let mut line = String::new();
        loop {
            line.clear();
            self.socket.read_line(&mut line).map_err(at)?;
            if let Some(n) = line.to_ascii_lowercase().strip_prefix("content-length:") {
                n_bytes = n.trim().parse().map_err(|_| format!("GET /metrics: {line}"))?;
            }
            if line.trim().is_empty() {
                break;
            }
        }
        let mut text = vec![0; n_bytes];
        self.socket.read_exact(&mut text).map_err(at)?;
        let text = String::from_utf8_lossy(&text);
        let value = text.lines().find_map(|line| line.strip_prefix("trinity_connections "));
        value.and_then(|n| n.parse().ok()).ok_or_else(|| "/metrics has no trinity_connections".to_owned())
    }
}
