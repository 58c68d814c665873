//! A long load, with clients that leave, beside attacks that go on all the time.

use std::{
    io::Write,
    net::TcpStream,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use serde_json::{Value, json};

use super::asks::{Ask, words};
use crate::serve_bench::{
    Bench, Measured,
    client::Caller,
    server::Server,
    statistics::{Random, round},
};

/// Length of the load in seconds; the second with `--quick`.
const SECONDS: [u64; 2] = [1800, 30];
/// Time at the full load that the pace of the soak is taken from.
const CALIBRATION: Duration = Duration::from_secs(5);
/// Part of what the server can do that the soak asks for.
const LOAD: f64 = 0.7;
const CLIENTS: usize = 12;
/// Interval of requests that their clients leave.
const LEAVES_EVERY: usize = 20;
/// Part of the time after which memory should not grow.
const WARM_UP: f64 = 0.3;
/// Largest growth of memory; the second with `--quick`, which ends before all that is kept for re-use is full.
const GROWTH_MAX: [f64; 2] = [0.03, 0.15];
/// Time between the last request and the last look at the server.
const SETTLE: Duration = Duration::from_secs(3);
/// Number of connections that say nothing, of `--max-connections`.
const SILENT: usize = 40;

pub(super) fn measure(bench: &Bench) -> Result<Measured, String> {
    let length = Duration::from_secs(SECONDS[usize::from(bench.is_quick)]);
    let server = bench.trinity(&["--log-level", "off", "--max-connections", "64", "--swap", "16"])?;
    let rate = LOAD * calibrate(&server);
    println!("{rate:.1} requests a second for {} s, beside four attacks", length.as_secs());
    let soaked = soak(&server, rate, length);
    thread::sleep(SETTLE);
    let metrics = server.metrics()?;
    let sample = |name: &str| metrics.get(name).copied().ok_or_else(|| format!("/metrics has no {name}"));
    let panics = sample("trinity_panics_total")? + sample("trinity_engine_panics_total")?;
    let gauges = ["trinity_requests_running", "trinity_requests_waiting", "trinity_requests_active"];
    let gauges: Vec<(&str, f64)> = gauges.into_iter().map(|n| Ok((n, sample(n)?))).collect::<Result<_, String>>()?;
    let warm = (soaked.memory.len() as f64 * WARM_UP) as usize;
    let after = soaked.memory.get(warm..).unwrap_or_default();
    let (first, last) = (
        mean(after.get(..after.len() / 3).unwrap_or_default()),
        mean(after.get(after.len() * 2 / 3..).unwrap_or_default()),
    );
    let (growth, growth_max) = (last / first - 1.0, GROWTH_MAX[usize::from(bench.is_quick)]);
    println!(
        "{} answered, {} turned away, {} left, {} attacks; {panics} panics, {} errors of the server, memory {:.1} MB then {:.1} MB",
        soaked.n_answered,
        soaked.n_refused,
        soaked.n_left,
        soaked.n_attacks,
        soaked.failures.len(),
        first / 1e6,
        last / 1e6
    );
    soaked.failures.iter().take(3).for_each(|why| println!("{why}"));
    let is_idle = gauges.iter().all(|(_, value)| *value == 0.0);
    Ok(Measured {
        figures: json!({
            "command": server.command, "seconds": length.as_secs(), "requests_per_second": round(rate), "answered": soaked.n_answered, "turned_away": soaked.n_refused,
            "left": soaked.n_left, "attacks": soaked.n_attacks, "failures": soaked.failures, "panics": panics,
            "memory_bytes": soaked.memory, "growth": round(growth), "gauges": gauges,
        }),
        targets: vec![
            (format!("{panics} panics, wanted none"), panics == 0.0),
            (format!("{} errors of the server, wanted none", soaked.failures.len()), soaked.failures.is_empty()),
            (
                format!("memory grew by {:.1} %, wanted below {} %", growth * 100.0, growth_max * 100.0),
                growth <= growth_max,
            ),
            (format!("gauges at rest {gauges:?}, wanted 0"), is_idle),
        ],
    })
}

fn mean(samples: &[f64]) -> f64 {
    samples.iter().sum::<f64>() / samples.len() as f64
}

/// Returns the requests a second that the server answers when all clients ask without a pause.
fn calibrate(server: &Server) -> f64 {
    let n = AtomicU64::new(0);
    let start = Instant::now();
    thread::scope(|scope| {
        for client in 0..CLIENTS as u64 {
            let n = &n;
            scope.spawn(move || {
                let mut random = Random(client);
                while start.elapsed() < CALIBRATION {
                    let ask = Ask::nth(random.below(84), &mut random);
                    if ask.ask(Caller { address: &server.address, key: None }).is_ok() {
                        n.fetch_add(1, Ordering::Relaxed);
                    }
                }
            });
        }
    });
    n.into_inner() as f64 / start.elapsed().as_secs_f64()
}

#[derive(Default)]
struct Soaked {
    n_answered: u64,
    /// Number of answers with status 429 or 503.
    n_refused: u64,
    n_left: u64,
    n_attacks: u64,
    /// Answers with other errors, and connections without an answer.
    failures: Vec<String>,
    /// Resident bytes of the server, each second.
    memory: Vec<f64>,
}

fn soak(server: &Server, rate: f64, length: Duration) -> Soaked {
    let soaked = Mutex::new(Soaked::default());
    let is_over = AtomicBool::new(false);
    let caller = Caller { address: &server.address, key: None };
    thread::scope(|scope| {
        let (soaked, is_over) = (&soaked, &is_over);
        for client in 0..CLIENTS {
            scope.spawn(move || {
                let mut random = Random(client as u64);
                // Each client asks at its own times: those that fall behind do not ask less.
                let pause = Duration::from_secs_f64(CLIENTS as f64 / rate);
                let mut due = Instant::now() + pause.mul_f64(client as f64 / CLIENTS as f64);
                while !is_over.load(Ordering::Relaxed) {
                    thread::sleep(due.saturating_duration_since(Instant::now()));
                    due += pause;
                    if random.below(LEAVES_EVERY) == 0 {
                        let left = Ask::to_leave(&mut random).leave(caller, &mut random);
                        lock(soaked).n_left += u64::from(left.is_ok());
                        continue;
                    }
                    let answer = Ask::nth(random.below(84), &mut random).ask(caller);
                    let mut soaked = lock(soaked);
                    match answer {
                        Ok(_) => soaked.n_answered += 1,
                        // A queue that is full says so; what else the server could not do is a failure.
                        Err(why) if why.contains(": 429:") || why.contains(": 503:") => soaked.n_refused += 1,
                        Err(why) => soaked.failures.push(why),
                    }
                }
            });
        }
        for attack in ATTACKS {
            scope.spawn(move || {
                let mut random = Random(7);
                while !is_over.load(Ordering::Relaxed) {
                    attack(caller, &mut random);
                    lock(soaked).n_attacks += 1;
                }
            });
        }
        let start = Instant::now();
        while start.elapsed() < length {
            thread::sleep(Duration::from_secs(1).min(length / 20));
            if let Ok(bytes) = server.resident_bytes() {
                lock(soaked).memory.push(bytes as f64);
            }
        }
        is_over.store(true, Ordering::Relaxed);
    });
    soaked.into_inner().unwrap_or_else(PoisonError::into_inner)
}

fn lock(soaked: &Mutex<Soaked>) -> std::sync::MutexGuard<'_, Soaked> {
    soaked.lock().unwrap_or_else(PoisonError::into_inner)
}

type Attack = fn(Caller<'_>, &mut Random);

const ATTACKS: [Attack; 4] = [leave_a_group, flood, long_prompt, stay_silent];

/// Leaves sixteen choices while some of them are in their prompt.
fn leave_a_group(caller: Caller<'_>, random: &mut Random) {
    let body = json!({ "model": "any", "prompt": words(16, random), "n": 16, "max_tokens": 50, "stream": true });
    leave(caller, &body, Duration::from_millis(10 + random.below(120) as u64));
}

/// Sends many prompts with many choices, and leaves after a second.
fn flood(caller: Caller<'_>, random: &mut Random) {
    let prompts: Vec<String> = (0..16).map(|_| words(16, random)).collect();
    let body = json!({ "model": "any", "prompt": prompts, "n": 16, "max_tokens": 3000 });
    leave(caller, &body, Duration::from_secs(1));
    thread::sleep(Duration::from_secs(2));
}

/// Sends a prompt as long as the context, and leaves after a second.
fn long_prompt(caller: Caller<'_>, random: &mut Random) {
    let body = json!({ "model": "any", "prompt": words(300, random), "max_tokens": 1, "cache_prompt": false });
    leave(caller, &body, Duration::from_secs(1));
    thread::sleep(Duration::from_millis(500));
}

/// Opens connections that say half a word and wait.
fn stay_silent(caller: Caller<'_>, _: &mut Random) {
    let mut silent = Vec::new();
    for _ in 0..SILENT {
        if let Ok(mut socket) = TcpStream::connect(caller.address) {
            // It may be turned away at once.
            let _ = socket.write_all(b"GET / HT");
            silent.push(socket);
        }
    }
    thread::sleep(Duration::from_secs(2));
}

/// Asks and leaves after `patience`, whether the server has let the request in or turned it away.
fn leave(caller: Caller<'_>, body: &Value, patience: Duration) {
    let _ = caller.leave("/v1/completions", body, 4000, patience);
}
