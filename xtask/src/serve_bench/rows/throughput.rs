//! A closed loop of clients, ours and the peer's server in alternation; each started for the number of clients it will
//! have.

use serde_json::{Value, json};

use super::{Bench, Measured};
use crate::serve_bench::{
    load::{Loaded, closed_loop},
    prompts::greedy,
    server::Server,
    statistics::{median, round},
};

const PROMPT_TOKENS: usize = 120;
const OUTPUT_TOKENS: usize = 64;
/// Numbers of clients, and how many times the peer's speed is wanted with each.
const CLIENTS: [(usize, f64); 4] = [(1, 2.0), (4, 3.5), (16, 6.0), (32, 6.0)];
/// Number of requests of each client, and least number of all.
const REQUESTS: (usize, usize) = (4, 8);
/// Largest number of the peer's slots: more than 16 buy it nothing (requests wait, and it is not faster), fewer for one
/// client are faster.
const PEER_SLOTS_MAX: usize = 16;
/// Number of tokens of context of each of the peer's slots.
const PEER_CONTEXT: usize = 512;

pub(super) fn measure(bench: &Bench) -> Result<Measured, String> {
    let mut prompts = bench.prompts(0)?;
    println!(
        "| clients | server | tokens/s | TTFT p50 / p99 (ms) | between tokens p50 / p99 (ms) |\n| ---: | --- | ---: | ---: | ---: |"
    );
    let (mut rows, mut targets) = (Vec::new(), Vec::new());
    let asked = |n: &usize| bench.clients.is_empty() || bench.clients.contains(n);
    for (n_clients, wanted) in CLIENTS.into_iter().filter(|(n, _)| asked(n)) {
        let (mut ratios, mut rounds) = (Vec::new(), Vec::new());
        for _ in 0..bench.rounds {
            let n_requests = (n_clients * REQUESTS.0).max(REQUESTS.1);
            let requests: Vec<Value> =
                prompts.take(n_requests, PROMPT_TOKENS).iter().map(|p| greedy(p, OUTPUT_TOKENS, false)).collect();
            let mut round_of = |name: &str, server: Server| -> Result<f64, String> {
                // The first request of a server is not measured: it touches the weights for the first time.
                closed_loop(&server.address, 1, requests.get(..1).unwrap_or_default()).complete()?;
                let loaded = closed_loop(&server.address, n_clients, &requests);
                print_row(n_clients, name, &loaded);
                rounds.push(json!({ "server": name, "command": server.command, "result": loaded.figures() }));
                Ok(loaded.tokens_per_second())
            };
            let ours = if bench.ours { Some(round_of("trinity", bench.trinity(&[])?)?) } else { None };
            let slots = n_clients.min(PEER_SLOTS_MAX);
            let peer =
                if bench.peer { Some(round_of("llama.cpp", bench.llama_cpp(slots, PEER_CONTEXT)?)?) } else { None };
            if let (Some(ours), Some(peer)) = (ours, peer) {
                ratios.push(ours / peer);
            }
        }
        if !ratios.is_empty() {
            let ratio = median(&ratios);
            targets.push((
                format!("{n_clients} clients: {ratio:.2}× llama.cpp's server, wanted {wanted}×"),
                ratio >= wanted,
            ));
        }
        rows.push(json!({ "clients": n_clients, "ratios": ratios.iter().map(|r| round(*r)).collect::<Vec<_>>(), "rounds": rounds }));
    }
    Ok(Measured { figures: json!(rows), targets })
}

fn print_row(n_clients: usize, name: &str, loaded: &Loaded) {
    let figures = loaded.figures();
    let ms = |of: &str, percent: &str| figures[of][percent].as_f64().unwrap_or(f64::NAN);
    println!(
        "| {n_clients} | {name} | {:.1} | {:.0} / {:.0} | {:.1} / {:.1} |{}",
        loaded.tokens_per_second(),
        ms("ttft", "p50_ms"),
        ms("ttft", "p99_ms"),
        ms("inter_token", "p50_ms"),
        ms("inter_token", "p99_ms"),
        if loaded.failures.is_empty() { String::new() } else { format!(" {} failed", loaded.failures.len()) }
    );
}
